"""Arrays of integers (places, conditions on them, counts), and variances, of which layers use little.

A count divides an average. If it is the same for all windows, the solver shows this, and 1/count is the inverse of an
integer. Otherwise 1/count is an unknown of its own, named after the formula of the count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arithmetic import Polynomial, rational
from .integers import current, polynomial
from .selection import selected
from .solver import Guard, Refused
from .tensors import Tensor, outer
from .terms import INVERSE, Term, Terms, divided, simplified, sole, substituted
from .values import Axis, Digits, Value, axis_of, joined, plain, scalar

__all__ = ["Conditions", "Counts", "Indices", "Variances", "arange", "at_least"]

Index = tuple[Digits, ...]


class Indices:
    """Integers: for every index a polynomial in it."""

    __array_ufunc__ = None  # NumPy leaves operators to the tensor

    def __init__(self, axes: tuple[Axis, ...], at: Callable[[Index], Polynomial]) -> None:
        self.axes, self.at = axes, at

    @property
    def shape(self) -> tuple[Any, ...]:
        """The extents."""
        return Value(self.axes, lambda _: []).shape

    def _with(self, other: Any, combine: Callable[[Polynomial, Polynomial], Polynomial]) -> Indices:
        if isinstance(other, np.ndarray):
            if other.size != 1:
                raise Refused("an array of numbers beside symbolic places")
            only = polynomial(other.item())
            other = Indices(((),) * other.ndim, lambda _: only)
        if not isinstance(other, Indices):
            return Indices(self.axes, lambda index: combine(self.at(index), polynomial(other)))
        axes, mine, theirs = joined(self.axes, other.axes)

        def at(index: Index) -> Polynomial:
            return combine(_read(self.at, mine, index), _read(other.at, theirs, index))

        return Indices(tuple(axes), at)

    def __add__(self, other: Any) -> Indices:
        return self._with(other, lambda a, b: a + b)

    def __mul__(self, other: Any) -> Indices:
        return self._with(other, lambda a, b: a * b)

    __radd__ = __add__
    __rmul__ = __mul__

    def __getitem__(self, key: Any) -> Indices:
        selection = selected(self.axes, key)
        if any(s.axis != axis for s, axis in zip(selection.selectors, self.axes, strict=True)):
            raise Refused("a part of an array of places")
        kept = [n for n, k in enumerate(selection.layout) if k is not None]
        return Indices(selection.axes, lambda index: self.at(tuple(index[n] for n in kept)))

    def __lt__(self, other: Any) -> Conditions:
        return Conditions(self.axes, lambda index: (Guard(polynomial(other) - self.at(index) - 1),))

    def __ge__(self, other: Any) -> Conditions:
        return Conditions(self.axes, lambda index: (Guard(self.at(index) - polynomial(other)),))


def _read(at: Callable[[Index], Any], reads: list[Any], index: Index) -> Any:
    own = index[len(index) - len(reads) :]
    return at(tuple(read(digits) for read, digits in zip(reads, own, strict=True)))


def arange(stop: Any) -> Indices:
    """0, 1, …, stop − 1."""
    axis = axis_of(stop)
    return Indices((axis,), lambda index: plain(axis, index[0]))


class Conditions:
    """Truth values: for every index a conjunction of guards."""

    def __init__(self, axes: tuple[Axis, ...], at: Callable[[Index], tuple[Guard, ...]]) -> None:
        self.axes, self.at = axes, at

    def __and__(self, other: Any) -> Conditions:
        if isinstance(other, bool):
            return self if other else Conditions(self.axes, lambda _: (Guard(Polynomial(-1)),))
        axes, mine, theirs = joined(self.axes, other.axes)
        return Conditions(tuple(axes), lambda i: _read(self.at, mine, i) + _read(other.at, theirs, i))

    def __ror__(self, other: bool) -> Any:
        return Conditions(self.axes, lambda _: ()) if other else self

    def sum(self, axis: int) -> Counts:
        """How many are true along an axis."""
        value = Value(self.axes, lambda index: [Term(rational(1), (), (), self.at(index))])
        return Counts(value.summed((axis % len(self.axes),)))


class Counts(Tensor):
    """Counts, as sums of conditions."""

    def outer(self, other: Counts) -> Counts:
        """All products."""
        return Counts(outer(self, other).value)

    def at_least_one(self) -> Divisors:
        """The larger of each and 1."""
        return Divisors(self.value)

    def astype(self, *_: Any, **__: Any) -> Counts:
        """Itself."""
        return self


class Divisors(Counts):
    """The larger of a count and 1."""

    def inverse(self) -> Value:
        """1 / max(count, 1)."""
        value = self.value
        constant = _common(value)
        if constant is not None:
            return scalar(divided([Term(rational(1))], constant))
        digits = tuple(
            tuple(Polynomial.variable(f"#{k}.{j}") for j, _ in enumerate(a)) for k, a in enumerate(value.axes)
        )
        name = INVERSE + "max(1, " + " + ".join(_named(value.at(digits))) + ")"

        def at(index: Index) -> Terms:
            return [Term(rational(1), ((name, tuple(i for digits in index for i in digits)),))]

        return Value(value.axes, at)

    def astype(self, *_: Any, **__: Any) -> Divisors:
        """Itself."""
        return self


def _named(terms: Terms) -> list[str]:
    """The formula of a count, with its bound variables numbered."""
    texts = []
    for term in map(simplified, terms):
        if term is not None:
            numbered = {v: Polynomial.variable(f"bound {k}") for k, v in enumerate(term.bound)}
            texts.append(repr(substituted(term, numbered)))
    return sorted(texts)


def _common(value: Value) -> Polynomial | None:
    """The positive integer that all counts are, if all ranges of the sum are full; else None."""
    index = tuple(tuple(Polynomial.variable(current().fresh("place")) for _ in axis) for axis in value.axes)
    terms = [t for t in map(simplified, value.at(index)) if t is not None]
    if len(terms) != 1 or terms[0].factors or terms[0].coefficient != 1:
        return None
    (term,) = terms
    total, ranges, rest = Polynomial(1), [], list(term.guard)
    for name in term.bound:
        low = Guard(Polynomial.variable(name))
        high = next((g for g in rest if _is_end(g, name, index)), None)
        if low not in rest or high is None:
            return None
        rest.remove(low)
        rest.remove(high)
        ranges += [low, high]
        total = total * (high.polynomial + Polynomial.variable(name) + 1)
    inside = [
        g
        for digits, axis in zip(index, value.axes, strict=True)
        for i, size in zip(digits, axis, strict=True)
        for g in (Guard(i), Guard(size - i - 1))
    ]
    if not current().entails_under((*inside, *ranges), *rest) or not current().entails(Guard(total - 1)):
        return None
    return total


def _is_end(guard: Guard, name: str, index: Index) -> bool:
    """Whether a guard is ``size − 1 − name ≥ 0`` with a size that depends neither on the index nor on the sum."""
    parts = sole(guard.polynomial, name)
    places = {n for digits in index for i in digits for n in i.names}
    own = {*current().least, *current().quotient_names}
    return not guard.equal and parts is not None and parts[0] == -1 and parts[1].names <= own - places


def at_least(a: Any, b: Any, **_: Any) -> Any:
    """The maximum of counts and 1; others are refused."""
    if isinstance(a, Counts) and isinstance(b, int) and b == 1 and not _:
        return a.at_least_one()
    raise Refused("a maximum")


class Variances:
    """Formal variances, see `nnref.algebra.given.Variance`: what is known is their 1/√(σ² + ε)."""

    def __init__(self, inv_std: Tensor, eps: float, stage: int = 0) -> None:
        self.inv_std, self.eps, self.stage = inv_std, eps, stage
        self.shape, self.ndim, self.dtype = inv_std.shape, inv_std.ndim, inv_std.dtype

    @property
    def flat(self) -> list[Variances]:
        """One element, which tells the arithmetic."""
        return [self]

    @property
    def size(self) -> Any:
        """The number of elements."""
        return self.inv_std.size

    def constant(self, value: float) -> float:
        """`value` itself."""
        return value

    def copy(self) -> Variances:
        """Itself: it cannot change."""
        return self

    __copy__ = copy

    def astype(self, *_: Any, **__: Any) -> Variances:
        """Itself."""
        return self

    def __add__(self, eps: Any) -> Variances:
        if self.stage != 0 or eps != self.eps:
            raise Refused(f"a variance plus {eps}")
        return Variances(self.inv_std, self.eps, 1)

    def sqrt(self) -> Variances:
        """√(σ² + ε)."""
        if self.stage != 1:
            raise Refused("the root of a variance without its ε")
        return Variances(self.inv_std, self.eps, 2)

    def __rtruediv__(self, one: Any) -> Tensor:
        if self.stage != 2 or not isinstance(one, int) or one != 1:
            raise Refused("a variance that divides")
        return self.inv_std.copy()
