"""The engine refuses what it does not model, and what it models is what NumPy does."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nnref import ShapeError
from nnref.arithmetic import Polynomial

pytest.importorskip("z3")
from nnref.algebra.every_shape import Refused, Solver
from nnref.algebra.every_shape.difference import difference
from nnref.algebra.every_shape.integers import explore, quotient, symbol
from nnref.algebra.every_shape.namespace import _range as loop
from nnref.algebra.every_shape.namespace import symbolic
from nnref.algebra.every_shape.tensors import Tensor, filled, leaf

LEAST = {"n": 1, "m": 1}


def run(code: Callable[[], Any], **least: int) -> list[Any]:
    """The result of every path."""
    with symbolic():
        return [result for _, result in explore(code, Solver(), least or LEAST)]


def same(code: Callable[[], tuple[Tensor, Tensor]]) -> bool:
    """Whether both tensors are proved to be equal."""
    with symbolic():
        return all(difference(*sides).equal for _, sides in explore(code, Solver(), LEAST))


def vector() -> Tensor:
    return leaf("x", symbol("n"))


# loops


def carried_sum() -> Any:
    x, total = vector(), filled((), 0)
    for u in loop(symbol("n")):
        total = total + x[u]
    return total


def carried_count() -> Any:
    x, y, count = vector(), filled((), 0), 0
    for u in loop(symbol("n")):
        y += x[u]
        count += 1
    return y * count


def appended() -> Any:
    x, y, seen = vector(), filled((), 0), []
    for u in loop(symbol("n")):
        y += x[u]
        seen.append(1)
    return y * len(seen)


def listed() -> Any:
    return sum(vector()[u] for u in loop(symbol("n")))


def in_a_list() -> Any:
    first, *_ = [vector()[u] for u in loop(symbol("n"))]
    return first


def left_early() -> Any:
    x, y = vector(), filled((), 0)
    for u in loop(symbol("n")):
        y += x[u]
        break
    return y


def branching() -> Any:
    x, y = vector(), filled((), 0)
    for u in loop(symbol("n")):
        if u > 2:
            y += x[u]
    return y


def read_while_written() -> Any:
    x, y = vector(), filled((symbol("n"),), 0)
    for u in loop(symbol("n")):
        y[u] += x[u]
        y[0] += y[u]
    return y


def overwritten() -> Any:
    x, y = vector(), filled((symbol("n"),), 0)
    for u in loop(symbol("n")):
        y[0] = x[u]
    return y


def last_value() -> Any:
    x, last = vector(), None
    for u in loop(symbol("n")):
        last = x[u]
    return last


def different_iterations() -> Any:
    x, y, parts = vector(), filled((), 0), iter((1, 2))
    for u in loop(symbol("n")):
        y += x[u] * next(parts)
    return y


@pytest.mark.parametrize(
    "code",
    [
        carried_sum,
        carried_count,
        appended,
        listed,
        in_a_list,
        left_early,
        branching,
        read_while_written,
        overwritten,
        last_value,
        different_iterations,
    ],
)
def test_a_loop_that_does_more_than_add_is_refused(code: Callable[[], Any]) -> None:
    with pytest.raises(Refused):
        same(lambda: (code(),) * 2)


def test_a_loop_that_adds_is_a_sum() -> None:
    def code() -> tuple[Tensor, Tensor]:
        x, y = vector(), filled((), 0)
        for u in loop(symbol("n")):
            y += x[u] * 2
        return y, x.sum() * 2

    assert same(code)


def test_a_loop_that_fills_is_a_copy() -> None:
    def code() -> tuple[Tensor, Tensor]:
        x, y = vector(), filled((symbol("n"),), 0)
        for u in loop(symbol("n")):
            y[u] = x[u]
        return y, x

    assert same(code)


# memory


def test_a_write_through_a_view_reaches_the_array() -> None:
    def code() -> tuple[Tensor, Tensor]:
        x = leaf("x", symbol("n"), 3)
        y = x.copy()
        part = y[:, 1]
        part += x[:, 0]
        row = y[..., 2:]
        row += 1
        expected = x.copy()
        expected[:, 1] = x[:, 1] + x[:, 0]
        expected[:, 2] = x[:, 2] + 1
        return y, expected

    assert same(code)


def test_a_view_shows_what_is_written_later() -> None:
    def code() -> tuple[Tensor, Tensor]:
        x = leaf("x", symbol("n"), 2)
        y = x.copy()
        view = y[:, 0]
        y += 1
        return view + 0, x[:, 0] + 1

    assert same(code)


def test_a_copy_does_not() -> None:
    def code() -> tuple[Tensor, Tensor]:
        x = vector()
        y = x.copy()
        y += 1
        return x, y

    assert not same(code)


@pytest.mark.parametrize("shown", [lambda y: y.reshape(-1), lambda y: y.T, lambda y: y.swapaxes(0, 1)])
def test_a_write_to_memory_that_has_two_shapes_is_refused(shown: Callable[[Any], Any]) -> None:
    def through_the_other() -> Any:
        y = leaf("x", symbol("n"), symbol("m")).copy()
        other = shown(y)
        other += 1
        return y

    def behind_it() -> Any:
        y = leaf("x", symbol("n"), symbol("m")).copy()
        other = shown(y)
        y += 1
        return other

    for code in (through_the_other, behind_it):
        with pytest.raises(Refused):
            run(code)


# what NumPy would do otherwise


@pytest.mark.parametrize(
    "code",
    [
        lambda: vector()[symbol("m")],  # may lie outside
        lambda: vector()[: symbol("m")],  # NumPy would cut it
        lambda: vector()[symbol("n") - 2 :],  # may be negative, and then counts from the end
        lambda: vector() + leaf("y", symbol("m")),  # broadcast if m = 1
        lambda: vector()[np.array([0])],
        lambda: np.sin(vector()),
        lambda: np.asarray(vector()),
        lambda: bool(vector()),
        lambda: vector() == vector(),
        lambda: vector() > 0,
        lambda: len(vector()),
        lambda: vector() / vector().sum(),
        lambda: vector() ** 3,
        lambda: vector().reshape(symbol("m"), -1),
        lambda: symbol("n") // (symbol("m") - 1),  # may be 0
    ],
)
def test_what_is_not_modelled_is_refused(code: Callable[[], Any]) -> None:
    with pytest.raises((Refused, TypeError)):
        run(code)


def test_a_comparison_that_is_open_gives_two_paths() -> None:
    assert sorted(run(lambda: "more" if symbol("n") > 3 else "less")) == ["less", "more"]
    assert run(lambda: "more" if symbol("n") > 0 else "less") == ["more"]


def test_an_error_of_a_layer_is_a_result() -> None:
    def code() -> Any:
        if symbol("n") > 3:
            raise ShapeError("too many")
        return 1

    assert {type(result) for result in run(code)} == {int, ShapeError}


def test_a_quotient_is_exact_or_an_integer_between() -> None:
    n, m = Polynomial.variable("n"), Polynomial.variable("m")
    assert quotient(n * m + 2 * m, n + 2) == m
    assert quotient(n * m + 1, m) is None

    def code() -> Any:
        third = symbol("n") // 3
        return bool(third * 3 <= symbol("n")), bool(symbol("n") < third * 3 + 3), bool(third >= 1)

    assert {result[:2] for result in run(code)} == {(True, True)}
    assert {result[2] for result in run(code)} == {True, False}


@pytest.mark.parametrize("shift", [0, 1])
def test_sums_are_equal_up_to_a_shift_and_not_otherwise(shift: int) -> None:
    def code() -> tuple[Tensor, Tensor]:
        x = leaf("x", symbol("n") + 1)
        return x[1:].sum(), x[1 - shift : symbol("n") + 1 - shift].sum()

    assert same(code) == (shift == 0)


def test_a_sum_over_digits_is_the_sum_over_the_number() -> None:
    def code() -> tuple[Tensor, Tensor]:
        x = leaf("x", symbol("n") * symbol("m"))
        return x.reshape(symbol("n"), symbol("m")).sum(), x.sum()

    assert same(code)


def test_digits_in_the_other_order_are_not() -> None:
    def code() -> tuple[Tensor, Tensor]:
        x = leaf("x", symbol("n") * symbol("m"))
        return x.reshape(symbol("n"), symbol("m"))[0, 0], x.reshape(symbol("m"), symbol("n"))[-1, 0]

    assert not same(code)
