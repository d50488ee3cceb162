"""The gradient of a Dual is the derivative, compared with Polynomial and with closed forms."""

from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref.arithmetic import Dual, Polynomial, Rational, dual_variables, expm1, fifty_digits, rational
from nnref.arithmetic._numbers import apply
from nnref.errors import DTypeError

NAMES = ("a", "b", "c")
fractions = st.integers(-9, 9).map(lambda n: Fraction(n, 3))
leaves = st.sampled_from(NAMES) | st.integers(-3, 3) | fractions
trees = st.recursive(
    leaves,
    lambda tree: (
        st.tuples(st.sampled_from("+-*"), tree, tree)
        | st.tuples(st.just("^"), tree, st.integers(0, 3))
        | st.tuples(st.just("/"), tree, st.integers(1, 5))
    ),
    max_leaves=5,
)
points = st.tuples(*[fractions] * 3).map(lambda xs: dict(zip(NAMES, xs, strict=True)))
OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
}


def evaluate(tree: Any, atoms: dict[str, Any]) -> Any:
    """The value of an expression such as ("+", "a", ("*", 2, "b"))."""
    if isinstance(tree, str):
        return atoms[tree]
    if not isinstance(tree, tuple):
        return rational(tree)
    symbol, left, right = tree
    return OPERATIONS[symbol](evaluate(left, atoms), right if symbol in "/^" else evaluate(right, atoms))


def duals(point: dict[str, Any]) -> dict[str, Dual]:
    return {k: Dual(rational(v), {k: rational(1)}) for k, v in point.items()}


@given(trees, points)
def test_gradient_is_the_derivative_of_the_polynomial(tree: Any, point: dict[str, Any]) -> None:
    polynomial = evaluate(tree, {k: Polynomial.variable(k) for k in NAMES}) + Polynomial()
    dual = evaluate(tree, duals(point)) + Dual(rational(0))
    assert dual.value == polynomial.substitute(point)
    for name in NAMES:
        assert dual.partial(name) == polynomial.derivative(name).substitute(point)
    assert set(dual.gradient) >= polynomial.names


@given(points, st.integers(-4, 4))
def test_quotients_and_powers(point: dict[str, Any], n: int) -> None:
    a, b = (duals(point)[k] for k in "ab")
    if b:
        assert (a / b).gradient == {"a": 1 / b.value, "b": -a.value / b.value**2}
        assert (3 / b).gradient == {"b": -3 / b.value**2}
        assert (b**n).partial("b") == n * b.value ** (n - 1)
        assert (a / b * b).gradient == {"a": 1, "b": 0}


@given(fractions.filter(bool))
def test_sqrt_and_abs(x: Fraction) -> None:
    a = Dual(rational(x), {"a": rational(1)})
    assert (a * a).sqrt().gradient == abs(a).gradient == {"a": 1 if x > 0 else -1}
    assert (a * a).sqrt() == abs(a) == abs(x)


@given(fractions, fractions)
def test_order_and_hash_are_those_of_the_value(x: Fraction, y: Fraction) -> None:
    a, b = Dual(rational(x), {"a": rational(1)}), Dual(rational(y))
    for compare in (operator.eq, operator.lt, operator.le, operator.gt, operator.ge):
        assert compare(a, b) == compare(a, y) == compare(x, b) == compare(x, y)
    assert float("-inf") < a < float("inf")
    assert hash(a) == hash(x)
    assert bool(a) == bool(x)


FUNCTIONS: dict[str, tuple[Callable[[Decimal], Decimal], Callable[[Any, Any], Any]]] = {
    "exp": (Decimal.exp, lambda x, dx: apply("exp", x) * dx),
    "expm1": (expm1, lambda x, dx: apply("exp", x) * dx),
    "log": (Decimal.ln, lambda x, dx: dx / x),
    "sqrt": (Decimal.sqrt, lambda x, dx: dx / (2 * apply("sqrt", x))),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("value", ["0.001", "0.5", "3"])
def test_elementary_functions_by_value_and_slope(name: str, value: str) -> None:
    """Each function is convex or concave, so its slope lies between the slopes of the secants on either side.

    The secants differ from the slope by h·|f''|/2, about 10⁻¹². Their rounding error is 10⁻⁵⁰·|f|/h, at most 10⁻³⁷.
    """
    function, slope = FUNCTIONS[name]
    with fifty_digits():
        x, h = Decimal(value), Decimal("1e-12")
        y = getattr(np, name)(np.array([Dual(x, {"x": Decimal(3)})]))[0]
        assert y.value == function(x)
        assert y.partial("x") == slope(x, Decimal(3))
        before, after = (function(x) - function(x - h)) / h, (function(x + h) - function(x)) / h
        assert min(before, after) < y.partial("x") / 3 < max(before, after)
    plain = getattr(Dual(float(value), {"x": 3.0}), name)()
    assert plain.value == getattr(np, name)(float(value))
    assert plain.partial("x") == slope(float(value), 3.0)


def test_the_kink_of_abs_is_refused() -> None:
    with pytest.raises(ArithmeticError, match="abs has no derivative at 0"):
        abs(Dual(rational(0), {"x": rational(1)}))
    assert abs(Dual(rational(0))) == 0
    square = Dual(rational(0), {"x": rational(1)}) ** 2
    assert abs(square).partial("x") == 0  # |x^2| is smooth


def test_sqrt_at_zero() -> None:
    assert Dual(rational(0)).sqrt() == 0
    with pytest.raises(ZeroDivisionError):
        Dual(rational(0), {"x": rational(1)}).sqrt()


@pytest.mark.parametrize("zero", [rational(0), Decimal(0), 0.0])
def test_powers_at_zero(zero: Any) -> None:
    """A Decimal has no 0**0, which the derivative of x**1 would need, and says that 0**-1 is infinite."""
    x = Dual(zero, {"x": zero + 1})
    assert x**0 == 1
    assert not (x**0).gradient
    assert [(x**n).partial("x") for n in (1, 2, 3)] == [1, 0, 0]
    with pytest.raises(ZeroDivisionError):
        x**-1


@pytest.mark.parametrize("value", [rational(2), Decimal(2), 2.0])
def test_negative_powers(value: Any) -> None:
    inverse = Dual(value, {"x": value * 8}) ** -2
    assert (inverse, inverse.partial("x")) == (0.25, -4)


def test_ints_do_not_leak_into_floats() -> None:
    for half in (Dual(1, {"x": 1}) / 2, Dual(rational(1), {"x": 1}) / 2, Dual(Decimal(1), {"x": 1}) / 2):
        assert not isinstance(half.value, float)
        assert type(half.partial("x")) is type(half.value)


@pytest.mark.parametrize("values", [["a"], [None], [1j]])
def test_variables_are_numbers(values: Any) -> None:
    with pytest.raises(DTypeError, match="dual_variables: values must be numbers or exact elements, got "):
        dual_variables("x", values)


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul, operator.truediv])
@pytest.mark.parametrize("value", [Rational(1, 2), Decimal("0.5")])
@pytest.mark.parametrize("number", [0.5, np.float64(0.5), np.float32(0.5), "1/2"])
def test_an_exact_value_refuses_floats(operation, value, number) -> None:  # type: ignore[no-untyped-def]
    for left, right in (Dual(value), number), (number, Dual(value)), (Dual(value), Dual(0.5)):
        with pytest.raises(TypeError):
            operation(left, right)


def test_a_rational_value_has_no_exponential() -> None:
    for function in (np.exp, np.expm1, np.log):
        with pytest.raises(DTypeError, match=r"of an arithmetic that has (exp|expm1|log), got Rational"):
            function(np.array([Dual(rational(1))]))
    with pytest.raises(TypeError):
        Dual(rational(1)) ** Fraction(1, 2)


@pytest.mark.parametrize("value", [Rational(1, 3), Decimal(3), 0.5, np.float32(0.5)])
def test_constants_are_of_the_arithmetic_of_the_value(value: Any) -> None:
    x = Dual(value, {"x": value})
    for constant, expected in (x.zero(), 0), (x.constant(0.5), 0.5), (x.constant(3), 3):
        assert type(constant.value) is type(value)
        assert constant.value == expected
        assert not constant.gradient
    assert type(x.partial("y")) is type(value)
    assert x.partial("y") == 0


def test_nobody_changes_a_gradient() -> None:
    given_gradient = {"x": rational(1)}
    x = Dual(rational(3), given_gradient)
    given_gradient["y"] = rational(5)
    with pytest.raises(TypeError):
        x.gradient["y"] = 5  # type: ignore[index]
    z = x + 1
    assert (x + z + x * z).partial("y") == 0
    assert x.gradient == z.gradient == {"x": 1}
    copied = pickle.loads(pickle.dumps(x))
    assert copied == copy.deepcopy(x) == x
    assert copied.gradient == x.gradient
    assert repr(x) == "Dual(Rational(3), {'x': Rational(1)})"
