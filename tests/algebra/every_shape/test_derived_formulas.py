"""Derived index notation, evaluated at random shapes and indices, is what the layers compute there."""

import itertools
import math
import os
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from nnref import (
    avg_pool2d,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    depthwise_conv2d,
    flatten,
    global_avg_pool2d,
    linear,
    normalize2d,
    zero_pad2d,
)
from nnref.algebra.claims import symbols
from nnref.arithmetic import Polynomial, rational, variables

z3 = pytest.importorskip("z3")
from nnref.algebra.every_shape.integers import Int, explore  # noqa: E402
from nnref.algebra.every_shape.namespace import symbolic  # noqa: E402
from nnref.algebra.every_shape.parameters import (  # noqa: E402
    at_numbers,
    conditions,
    holds,
    least_values,
    names_of,
    with_symbols,
)
from nnref.algebra.every_shape.solver import Solver  # noqa: E402
from nnref.algebra.every_shape.tensors import leaf  # noqa: E402
from nnref.algebra.every_shape.terms import INVERSE, Term, unrolled  # noqa: E402

SHAPES = {"dev": 25, "ci": 200, "thorough": 2000}[os.environ.get("NNREF_HYPOTHESIS_PROFILE", "dev")]
Numbers = Mapping[str, int]

GROUPED = {"x": ("N", "g*C", "H", "W"), "weight": ("g*K", "C", "kh", "kw"), "bias": ("g*K",)}
OPTIONS = {"stride": ("sh", "sw"), "dilation": ("dh", "dw"), "padding": symbols.PADDING}
X = {"x": ("N", "C", "H", "W")}
POOL = {"kernel_size": ("kh", "kw"), "stride": ("sh", "sw"), "padding": symbols.PADDING}
BACKWARD = {"dy": ("N", "K", "P", "Q"), "x": ("N", "C", "H", "W"), "weight": ("K", "C", "kh", "kw")}
SIZES = ("P == H - kh + 1", "Q == W - kw + 1", "H >= kh", "W >= kw")
Row = tuple[Callable[..., Any], dict[str, Any], dict[str, Any], tuple[str, ...]]

LAYERS: dict[str, Row] = {
    "conv2d": (conv2d, GROUPED, OPTIONS | {"groups": "g"}, symbols.fits()),
    "conv2d, same": (conv2d, GROUPED, {"groups": "g", "padding": "same", "stride": ("sh", "sw")}, ()),
    "conv_transpose2d": (
        conv_transpose2d,
        {"x": ("N", "g*C", "H", "W"), "weight": ("g*C", "K", "kh", "kw"), "bias": ("g*K",)},
        OPTIONS | {"groups": "g"},
        symbols.transposed_fits(),
    ),
    "depthwise_conv2d": (depthwise_conv2d, X | {"weight": ("C*M", 1, "kh", "kw")}, OPTIONS, symbols.fits()),
    "avg_pool2d": (avg_pool2d, X, POOL, symbols.fits(dilated=False)),
    "zero_pad2d": (zero_pad2d, X, {"padding": symbols.PADDING}, ()),
    "global_avg_pool2d": (global_avg_pool2d, X, {}, ()),
    "flatten": (flatten, X, {}, ()),
    "linear": (linear, {"x": ("N", "C"), "weight": ("K", "C"), "bias": ("K",)}, {}, ()),
    "normalize2d": (normalize2d, X | dict.fromkeys(("gamma", "beta", "mean", "inv_std"), ("C",)), {}, ()),
    "dx of conv2d": (lambda **o: conv2d_backward(**o)[0], BACKWARD, {}, SIZES),
    "dweight of conv2d": (lambda **o: conv2d_backward(**o)[1], BACKWARD, {}, SIZES),
}


def derived(row: Row) -> tuple[list[str], list[Any]]:
    """The parameters; and for every path its facts, the digits of an index, their extents and the terms."""
    function, shapes, options, where = row
    names = [*dict.fromkeys([*names_of(shapes), *names_of(options), *names_of(where)])]
    found = []
    with symbolic():
        arrays = {name: with_symbols(shape) for name, shape in shapes.items()}

        def run() -> Any:
            return function(**{name: leaf(name, *shape) for name, shape in arrays.items()}, **with_symbols(options))

        for path, result in explore(run, Solver(), least_values(names), conditions(where)):
            if isinstance(result, Exception):
                continue
            axes = result.value.axes
            index = tuple(tuple(Polynomial.variable(path.fresh("i")) for _ in axis) for axis in axes)
            terms = [t for term in result.value.at(index) for t in unrolled(term)]
            found.append(([fact.formula for fact in path.facts], index, axes, terms))
    return names, found


def drawn(names: list[str], where: tuple[str, ...], chance: random.Random) -> Numbers:
    """Values of the parameters that meet the conditions."""
    while True:
        numbers = {name: low + chance.randint(0, 2 if low == 0 else 3) for name, low in least_values(names).items()}
        numbers |= {name: 1 + chance.randint(0, 1) for name in names if name in ("g", "N", "M")}
        numbers |= (
            {"P": numbers["H"] - numbers["kh"] + 1, "Q": numbers["W"] - numbers["kw"] + 1} if "P" in names else {}
        )
        if holds(where, numbers) and min(numbers.values()) >= 0:
            return numbers


def at(p: Polynomial, numbers: Numbers) -> int:
    return sum(int(str(c)) * math.prod(numbers[name] for name in monomial) for monomial, c in p.terms.items())


def value(terms: list[Term], numbers: Numbers) -> Polynomial:
    """The sum of the terms; a bound variable runs over what its own range says."""
    total = Polynomial(0)
    for term in terms:
        ranges = [range(least_of(term, name, numbers)) for name in term.bound]
        for values in itertools.product(*ranges):
            all_ = {**numbers, **dict(zip(term.bound, values, strict=True))}
            conditions_ = [(at(g.polynomial, all_), g.equal) for g in term.guard]
            if all(v == 0 if equal else v >= 0 for v, equal in conditions_):
                total = total + product(term, all_)
    return total


def least_of(term: Term, name: str, numbers: Numbers) -> int:
    """One more than the largest value of a bound variable that its range allows."""
    ends = []
    for guard in term.guard:
        rest = guard.polynomial + Polynomial.variable(name)
        if name in guard.polynomial.names and name not in rest.names and rest.names <= numbers.keys():
            ends.append(at(rest, numbers) + 1)
    return min(ends)


def product(term: Term, numbers: Numbers) -> Polynomial:
    total = Polynomial(term.coefficient)
    for name, index in term.factors:
        places = [at(p, numbers) for p in index]
        if name == INVERSE:
            total = total / places[0]
        else:
            total = total * Polynomial.variable(f"{name}[{','.join(map(str, places))}]")
    return total


def quotients(facts: list[Any], numbers: Numbers) -> Numbers | None:
    """The parameters with the quotients of a path that they fulfil; None if they do not."""
    solver = z3.Solver()
    solver.add(*facts, *(z3.Int(name) == n for name, n in numbers.items()))
    if solver.check() != z3.sat:
        return None
    model = solver.model()
    return {**numbers, **{str(d.name()): model[d].as_long() for d in model.decls()}}


@pytest.mark.parametrize("name", LAYERS)
def test_formula_is_what_the_layer_computes(name: str) -> None:
    row = LAYERS[name]
    function, shapes, options, where = row
    names, found = derived(row)
    chance = random.Random(name)
    for _ in range(SHAPES):
        numbers = drawn(names, where, chance)
        arrays = {key: variables(key, at_numbers(shape, numbers)) for key, shape in shapes.items()}
        y = function(**arrays, **at_numbers(options, numbers))
        complete, index, axes, terms = next(
            (full, *rest) for facts, *rest in found if (full := quotients(facts, numbers)) is not None
        )
        place = [chance.randrange(n) for n in y.shape]
        digits: dict[str, int] = {}
        for axis, own, n in zip(axes, index, place, strict=True):
            rest = n
            for size, digit in reversed(list(zip(axis, own, strict=True))):
                (letter,) = digit.names
                rest, digits[letter] = divmod(rest, at(size, complete))
        assert tuple(math.prod(at(size, complete) for size in axis) for axis in axes) == y.shape
        assert value(terms, {**complete, **digits}) == y[tuple(place)], (numbers, place)


def test_the_reference_sees_a_difference() -> None:
    terms = [Term(rational(1), (("x", (Polynomial(0),)),))]
    assert value(terms, {}) == Polynomial.variable("x[0]") != 2 * Polynomial.variable("x[0]")
    assert isinstance(with_symbols("n"), Int)
    assert np.isscalar(at_numbers("n", {"n": 3}))
