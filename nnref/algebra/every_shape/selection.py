"""What an index such as ``y[samples, :, 2:n, None]`` selects of each axis: the elements that it reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...arithmetic import Polynomial
from .integers import Int, current, number, polynomial
from .solver import Guard, Refused
from .terms import Terms, limited
from .values import Axis, Digits, Value, axis_of, below, extent, plain

__all__ = ["Selection", "selected"]

Inverse = tuple[Digits, tuple[str, ...], tuple[Guard, ...]]


@dataclass(frozen=True)
class Whole:
    """``:``."""

    axis: Axis

    def forward(self, digits: Digits) -> Digits:
        return digits

    def inverse(self, digits: Digits) -> Inverse:
        return digits, (), ()


@dataclass(frozen=True)
class Cut:
    """``start:stop:step``, which lies within the axis and has `count` elements."""

    whole: Axis
    start: Polynomial
    step: Polynomial
    count: Polynomial

    @property
    def axis(self) -> Axis:
        return axis_of(number(self.count))

    def forward(self, digits: Digits) -> Digits:
        return self._place(digits[0] * self.step + self.start if digits else self.start)

    def _place(self, position: Polynomial) -> Digits:
        if len(self.whole) > 1:
            raise Refused(f"a slice of an axis with the digits {self.whole}")
        return (position,) if self.whole else ()

    def inverse(self, digits: Digits) -> Inverse:
        position = plain(self.whole, digits) - self.start
        if not self.axis:
            return (), (), (Guard(position, equal=True),)
        if self.step == 1:
            return (position,), (), below(position, self.count)
        name = current().fresh("t")
        t = Polynomial.variable(name)
        return (t,), (name,), (Guard(position - t * self.step, equal=True), *below(t, self.count))


@dataclass(frozen=True)
class At(Cut):
    """An int; the axis is dropped."""

    def forward(self, digits: Digits) -> Digits:
        return self._place(self.start)


@dataclass(frozen=True)
class Selection:
    """The selectors of the axes of an array, and where new axes stand among the axes that are selected."""

    selectors: tuple[Whole | Cut, ...]
    layout: tuple[int | None, ...]  # for each axis of the result: the selector, or None for a new axis

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes of the result."""
        return tuple(() if k is None else self.selectors[k].axis for k in self.layout)

    @property
    def is_whole(self) -> bool:
        """Whether it selects all of the array, as it is."""
        return all(isinstance(s, Whole) for s in self.selectors) and self.layout == tuple(range(len(self.selectors)))

    def read(self, value: Value) -> Value:
        """The elements that are selected."""

        def at(index: tuple[Digits, ...]) -> Terms:
            own = {k: digits for k, digits in zip(self.layout, index, strict=True) if k is not None}
            return value.at(tuple(s.forward(own.get(k, ())) for k, s in enumerate(self.selectors)))

        return Value(self.axes, at, value.zero)

    def spread(self, value: Value) -> Value:
        """An array that has `value` where it is selected, and is 0 elsewhere; `value` has the axes of the selection."""
        selectors = [
            Whole(value.axes[self.layout.index(k)]) if isinstance(s, Whole) else s for k, s in enumerate(self.selectors)
        ]

        def at(index: tuple[Digits, ...]) -> Terms:
            parts = [s.inverse(digits) for s, digits in zip(selectors, index, strict=True)]
            own = tuple(() if k is None else parts[k][0] for k in self.layout)
            bound = tuple(name for _, names, _ in parts for name in names)
            return limited(value.at(own), bound, tuple(g for _, _, guard in parts for g in guard))

        axes = tuple(s.axis if isinstance(s, Whole) else s.whole for s in selectors)
        return Value(axes, at, value.zero)


def selected(axes: tuple[Axis, ...], key: Any) -> Selection:
    """Read an index of an array with these axes."""
    parts = list(key) if isinstance(key, tuple) else [key]
    given = sum(part is not None and part is not Ellipsis for part in parts)
    if not any(part is Ellipsis for part in parts):
        parts.append(Ellipsis)
    full: list[Any] = []
    for part in parts:
        full += [slice(None)] * (len(axes) - given) if part is Ellipsis else [part]
    selectors: list[Whole | Cut] = []
    layout: list[int | None] = []
    for part in full:
        if part is None:
            layout.append(None)
            continue
        if len(selectors) == len(axes):
            raise IndexError(f"too many indices: {key}")
        selector = _selector(axes[len(selectors)], part)
        if not isinstance(selector, At):
            layout.append(len(selectors))
        selectors.append(selector)
    return Selection(tuple(selectors), tuple(layout))


def _selector(axis: Axis, part: Any) -> Whole | Cut:
    size = extent(axis)
    if isinstance(part, int | Int) and not isinstance(part, bool):
        position = polynomial(part) + (size if isinstance(part, int) and part < 0 else 0)
        _expect(Guard(position), Guard(size - position - 1))
        return At(axis, position, Polynomial(1), Polynomial(1))
    if not isinstance(part, slice):
        raise Refused(f"an index of type {type(part).__name__}")
    start, stop = (_end(end, size, default) for end, default in ((part.start, 0), (part.stop, size)))
    step = polynomial(1 if part.step is None else part.step)
    if start == 0 and stop == size and step == 1:
        return Whole(axis)
    _expect(Guard(step - 1), Guard(start), Guard(stop - start), Guard(size - stop))
    count = stop - start if step == 1 else polynomial((number(stop - start + step - 1)) // number(step))
    return Cut(axis, start, step, count)


def _end(end: Any, size: Polynomial, default: Any) -> Polynomial:
    if end is None:
        return polynomial(default)
    return polynomial(end) + (size if isinstance(end, int) and end < 0 else 0)


def _expect(*guards: Guard) -> None:
    """Refuse an index that may lie outside: NumPy cuts a slice there, and counts a negative index from the end."""
    if not current().entails(*guards):
        raise Refused(f"an index that may lie outside of the axis: {guards}")
