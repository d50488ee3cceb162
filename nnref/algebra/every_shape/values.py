"""Values of tensors: for every index a sum of terms. A value never changes.

An axis is a tuple of extents, its digits in a mixed base, the most significant first: (g, K) is an axis of extent g·K
whose index a·K + k is given as (a, k). An axis of extent 1 has no digits. So a reshape only groups digits anew, or
splits one; no index is ever divided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from ...arithmetic import Polynomial
from .integers import current, number, polynomial, quotient
from .solver import Guard, Refused
from .terms import Terms, limited, product

__all__ = ["Axis", "Digits", "Value", "aligned", "axis_of", "below", "extent", "joined", "plain", "scalar", "summed"]

Axis = tuple[Polynomial, ...]
Digits = tuple[Polynomial, ...]  # the index along one axis


@dataclass(frozen=True)
class Value:
    """`at` takes the digits of every axis, and returns the terms of that element."""

    axes: tuple[Axis, ...]
    at: Callable[[tuple[Digits, ...]], Terms]
    zero: bool = False  # whether every element is the empty sum

    @property
    def shape(self) -> tuple[Any, ...]:
        """The extents, each an int or an `Int`."""
        return tuple(number(extent(axis)) for axis in self.axes)

    def regrouped(self, shape: Iterable[Any]) -> Value:
        """The same elements in the same order in another shape."""
        digits = [(axis, d) for axis, ds in enumerate(self.axes) for d in ds]
        groups, pieces = _grouped([d for _, d in digits], [polynomial(e) for e in shape])

        def at(index: tuple[Digits, ...]) -> Terms:
            new = [i for axis in index for i in axis]
            old = [_horner([(new[p], e) for p, e in parts]) for parts in pieces]
            own: list[list[Polynomial]] = [[] for _ in self.axes]
            for (axis, _), i in zip(digits, old, strict=True):
                own[axis].append(i)
            return self.at(tuple(map(tuple, own)))

        return Value(groups, at, self.zero)

    def permuted(self, order: tuple[int, ...]) -> Value:
        """Axis k becomes the old axis order[k]."""
        back = [order.index(k) for k in range(len(order))]
        return Value(
            tuple(self.axes[k] for k in order), lambda index: self.at(tuple(index[k] for k in back)), self.zero
        )

    def summed(self, axes: tuple[int, ...]) -> Value:
        """The sum over some axes."""
        kept = [k for k in range(len(self.axes)) if k not in axes]

        def at(index: tuple[Digits, ...]) -> Terms:
            full = dict(zip(kept, index, strict=True))
            names: tuple[str, ...] = ()
            guard: tuple[Guard, ...] = ()
            for k in axes:
                more, full[k], within = summed(self.axes[k])
                names, guard = names + more, guard + within
            return limited(self.at(tuple(full[k] for k in range(len(self.axes)))), names, guard)

        return Value(tuple(self.axes[k] for k in kept), at, self.zero)

    def with_axes(self, axes: tuple[Axis, ...]) -> Value:
        """The same value, seen with finer digits."""
        if axes == self.axes:
            return self
        reads = [aligned(axis, own)[2] for axis, own in zip(axes, self.axes, strict=True)]
        return Value(
            axes, lambda index: self.at(tuple(read(i) for read, i in zip(reads, index, strict=True))), self.zero
        )

    def __neg__(self) -> Value:
        return Value(self.axes, lambda i: [t._replace(coefficient=-t.coefficient) for t in self.at(i)], self.zero)

    def __add__(self, other: Value) -> Value:
        return _binary(self, other, lambda a, b: a + b, self.zero and other.zero)

    def __mul__(self, other: Value) -> Value:
        return _binary(self, other, product, self.zero or other.zero)


def scalar(terms: Terms) -> Value:
    """A value without axes."""
    return Value((), lambda _: terms, not terms)


def axis_of(size: Any) -> Axis:
    """An axis of one digit; of none if its extent is 1."""
    p = polynomial(size)
    return () if p == 1 else (p,)


def extent(axis: Axis) -> Polynomial:
    """The product of the digits' extents."""
    total = Polynomial(1)
    for digit in axis:
        total = total * digit
    return total


def plain(axis: Axis, digits: Digits) -> Polynomial:
    """The index as one number."""
    return _horner(list(zip(digits, axis, strict=True)))


def below(index: Polynomial, size: Polynomial) -> tuple[Guard, Guard]:
    """0 ≤ index < size."""
    return Guard(index), Guard(size - index - 1)


def summed(axis: Axis) -> tuple[tuple[str, ...], Digits, tuple[Guard, ...]]:
    """New bound variables for the digits of an axis, the index that they are, and their ranges."""
    names = tuple(current().fresh("v") for _ in axis)
    digits = tuple(map(Polynomial.variable, names))
    return names, digits, tuple(g for i, size in zip(digits, axis, strict=True) for g in below(i, size))


def joined(a: tuple[Axis, ...], b: tuple[Axis, ...]) -> tuple[list[Axis], list[Any], list[Any]]:
    """The axes of a broadcast of two values, and how to read an index of it as one of either."""
    rank, axes = max(len(a), len(b)), []
    reads: tuple[list[Any], list[Any]] = ([], [])
    for k in range(rank):
        pair = [side[k - rank + len(side)] if k >= rank - len(side) else None for side in (a, b)]
        one, other = (() if axis is None else axis for axis in pair)
        if one and other:
            axis, *both = aligned(one, other)
        else:
            axis, both = one or other, [_all if one else _none, _all if other else _none]
        axes.append(axis)
        for read, side, own in zip(both, reads, pair, strict=True):
            if own is not None:
                side.append(read)
    return axes, *reads


def _all(digits: Digits) -> Digits:
    return digits


def _none(digits: Digits) -> Digits:
    return ()


def _binary(a: Value, b: Value, combine: Callable[[Terms, Terms], Terms], zero: bool) -> Value:
    axes, read_a, read_b = joined(a.axes, b.axes)

    def at(index: tuple[Digits, ...]) -> Terms:
        return combine(_read(a, read_a, index), _read(b, read_b, index))

    return Value(tuple(axes), at, zero)


def _read(value: Value, reads: list[Any], index: tuple[Digits, ...]) -> Terms:
    own = index[len(index) - len(reads) :]
    return value.at(tuple(read(digits) for read, digits in zip(reads, own, strict=True)))


def aligned(a: Axis, b: Axis) -> tuple[Axis, Callable[[Digits], Digits], Callable[[Digits], Digits]]:
    """Digits that are finer than those of two axes of one extent, and how to read their index in either."""
    if a == b:
        return a, _all, _all
    if not current().entails(Guard(extent(a) - extent(b), equal=True)):
        raise Refused(f"extents that may differ: {extent(a)} and {extent(b)}")
    if len(a) == len(b) == 1:  # equal on this path, although not the same polynomial
        return a, _all, _all
    finer: list[Polynomial] = []
    groups: tuple[list[list[int]], list[list[int]]] = ([], [])
    left = [list(a), list(b)]
    fresh = [True, True]
    while left[0] or left[1]:
        if not left[0] or not left[1]:
            raise Refused(f"digits {a} and {b}")
        x, y = left[0][0], left[1][0]
        digit = x if quotient(y, x) is not None else y
        rests = [quotient(x, digit), quotient(y, digit)]
        if rests[0] is None or rests[1] is None:
            raise Refused(f"digits {a} and {b}")
        finer.append(digit)
        for side in (0, 1):
            if fresh[side]:
                groups[side].append([])
            groups[side][-1].append(len(finer) - 1)
            fresh[side] = rests[side] == 1
            if fresh[side]:
                left[side].pop(0)
            else:
                left[side][0] = rests[side]  # type: ignore[assignment]
    axis = tuple(finer)

    def reader(members: list[list[int]]) -> Callable[[Digits], Digits]:
        return lambda digits: tuple(_horner([(digits[m], axis[m]) for m in group]) for group in members)

    return axis, reader(groups[0]), reader(groups[1])


def _horner(digits: list[tuple[Polynomial, Polynomial]]) -> Polynomial:
    total = Polynomial(0)
    for i, size in digits:
        total = total * size + i
    return total


def _grouped(
    digits: list[Polynomial], shape: list[Polynomial]
) -> tuple[tuple[Axis, ...], list[list[tuple[int, Polynomial]]]]:
    """The digits of the new axes; and for each old digit the new ones that it consists of, with their extents."""
    axes, pieces = [], [[] for _ in digits]  # type: tuple[list[Axis], list[list[tuple[int, Polynomial]]]]
    left, at, count = list(digits), 0, 0
    for need in shape:
        axis: list[Polynomial] = []
        while need != 1:
            if at == len(left):
                raise Refused(f"a reshape of {digits} to {shape}")
            rest, more = quotient(need, left[at]), quotient(left[at], need)
            if rest is None and more is None:
                raise Refused(f"a reshape of {digits} to {shape}")
            digit = left[at] if rest is not None else need
            pieces[at].append((count, digit))
            axis.append(digit)
            count += 1
            if rest is not None:
                need, at = rest, at + 1
            else:
                need, left[at] = Polynomial(1), more  # type: ignore[assignment]
        axes.append(tuple(axis))
    if any(p != 1 for p in left[at:]):
        raise Refused(f"a reshape of {digits} to {shape}")
    return tuple(axes), pieces
