"""Lemmas: the source of `nnref.windows` and `nnref.options` is its definition, for all integers.

The source itself runs on symbolic integers. A loop over a range runs once, for a value that stands for all of them. All
lemmas hold for every size, kernel, stride, dilation and padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import z3

from ... import windows as source
from ...arithmetic import Polynomial
from ...options import parse_padding
from ...windows import Windows
from .integers import current, explore, polynomial, symbol
from .namespace import symbolic
from .solver import Fact, Guard, Refused, Solver, as_fact, as_integer, ordered_products

__all__ = ["LEMMAS", "Lemma", "Proved", "prove_lemma", "sources"]


@dataclass(frozen=True)
class Lemma:
    """A statement about integers: `goals` runs the source on a path and yields formulas that must hold."""

    name: str
    statement: str
    least: dict[str, int]
    goals: Callable[[], list[Any]]


@dataclass(frozen=True)
class Proved:
    """How many goals of a lemma were proved, on how many paths."""

    name: str
    goals: int
    paths: int


def prove_lemma(name: str, solver: Solver | None = None) -> Proved:
    """Prove a lemma of `LEMMAS`.

    Raises
    ------
    Refused : a goal was not proved.

    >>> prove_lemma("same").goals > 0
    True
    """
    lemma, decides = LEMMAS[name], solver or Solver()
    goals = paths = 0
    with symbolic(lemmas=True):
        for path, result in explore(lemma.goals, decides, lemma.least):
            if isinstance(result, Exception):
                continue  # the source refuses
            paths += 1
            for goal in result:
                names = frozenset(str(v) for v in z3.z3util.get_vars(goal))
                if not decides.entails(f"lemma {name}", path.facts, Fact(goal, names)):
                    raise Refused(f"lemma {name} is not proved: {z3.simplify(goal)}")
                goals += 1
    return Proved(name, goals, paths)


def sources() -> tuple[Any, ...]:
    """The code that the lemmas are about, as it is now."""
    methods = (getattr(method, "__func__", method) for method in vars(Windows).values())
    functions = (*methods, source.count_windows, parse_padding)
    return tuple(f.__code__ for f in functions if hasattr(f, "__code__"))


def _z(value: Any) -> Any:
    return as_integer(polynomial(value))


def _assume(*guards: Guard) -> None:
    path = current()
    path.guards += guards
    path.facts += map(as_fact, guards)


@contextmanager
def _loops_run_once() -> Iterator[list[tuple[Any, Any]]]:
    """``range`` in the source gives one value that stands for all; the context has (count, step) of each value."""
    drawn: list[tuple[Any, Any]] = []

    def once(*bounds: Any) -> Iterator[Any]:
        low, high, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
        count = symbol(current().fresh("t"))
        value = low + count * step
        _assume(Guard(polynomial(count)), Guard(polynomial(high) - polynomial(value) - 1))
        drawn.append((count, step))
        yield value

    usual = vars(source)["range"]
    vars(source)["range"] = once
    try:
        yield drawn
    finally:
        vars(source)["range"] = usual


def _windows() -> Windows:
    """Windows of any place, not only those that `plan` makes."""
    pairs = [tuple(symbol(f"{stem}_{axis}") for axis in (1, 2)) for stem in ("size", "kernel", "stride", "dilation")]
    rest = [tuple(symbol(f"{stem}_{axis}") for axis in (1, 2)) for stem in ("origin", "end", "out")]
    return Windows(*pairs, *rest)


def _axis() -> list[Any]:
    """A tap lies on the image in the windows ``first … last − 1``, on the pixels ``origin + i·stride + u·dilation``."""
    windows, offset, window = _windows(), symbol("u"), z3.Int("i")
    out, image = windows._axis(0, offset)
    place, step = Polynomial.variable("i"), polynomial(windows.stride[0])
    for q in current().quotients:
        for other in (q, -q):
            current().facts += [ordered_products(place, other, step), ordered_products(other, place, step)]
    if not out.stop > out.start:
        return [z3.Not(_on_image(windows, 0, _z(offset), window))]
    return _of_axis(windows, 0, _z(offset), window, out, image)


def _taps() -> list[Any]:
    """`taps` has each tap that lies on the image in some window of either axis, with its slices along both."""
    windows, asked = _windows(), []  # type: tuple[Windows, list[tuple[int, Any, slice, slice]]]

    def along(_: Windows, axis: int, offset: Any) -> tuple[slice, slice]:
        first, last, start, stop = (symbol(current().fresh(stem)) for stem in ("first", "last", "start", "stop"))
        asked.append((axis, offset, slice(first, last), slice(start, stop, windows.stride[axis])))
        return asked[-1][2:]

    usual = Windows._axis
    Windows._axis = along  # type: ignore[method-assign,assignment]
    try:
        with _loops_run_once() as drawn:
            taps = list(windows.taps())
    finally:
        Windows._axis = usual  # type: ignore[method-assign]
    (u, _), (v, _) = drawn
    goals = [z3.BoolVal([axis for axis, *_ in asked] == [0, 1]), _z(asked[0][1]) == _z(u), _z(asked[1][1]) == _z(v)]
    some = z3.And(*(_z(out.stop) > _z(out.start) for _, _, out, _ in asked))
    if not taps:
        return [*goals, z3.Not(some)]
    (tap,) = taps
    (_, _, rows, image_rows), (_, _, columns, image_columns) = asked
    same = tap.out == (..., rows, columns) and tap.image == (..., image_rows, image_columns)
    return [*goals, some, z3.BoolVal(same), _z(tap.offset[0]) == _z(u), _z(tap.offset[1]) == _z(v)]


def _pixel(windows: Windows, axis: int, offset: Any, window: Any) -> Any:
    return _z(windows.origin[axis]) + window * _z(windows.stride[axis]) + offset * _z(windows.dilation[axis])


def _on_image(windows: Windows, axis: int, offset: Any, window: Any) -> Any:
    pixel = _pixel(windows, axis, offset, window)
    return z3.And(window >= 0, window < _z(windows.out[axis]), pixel >= 0, pixel < _z(windows.image[axis]))


def _of_axis(windows: Windows, axis: int, offset: Any, window: Any, out: slice, image: slice) -> list[Any]:
    """The slice of windows, that of pixels, and both lie within the arrays and have one length."""
    first, last, start, stop = map(_z, (out.start, out.stop, image.start, image.stop))
    step, size, count = _z(image.step), _z(windows.image[axis]), _z(windows.out[axis])
    chosen = z3.And(first <= window, window < last)
    pixel = _pixel(windows, axis, offset, window)
    return [
        chosen == _on_image(windows, axis, offset, window),
        z3.Implies(chosen, start + (window - first) * step == pixel),
        z3.And(first >= 0, first < last, last <= count, z3.BoolVal(out.step is None)),
        z3.And(
            start >= 0, stop <= size, step == _z(windows.stride[axis]), stop == start + (last - first - 1) * step + 1
        ),
    ]


def _blocks() -> list[Any]:
    """Every window of every sample lies in exactly one block, whose windows are those of the whole."""
    windows, samples = _windows(), symbol("samples")
    with _loops_run_once() as drawn:
        ((*parts, block),) = list(windows.blocks(samples, symbol("bytes")))
    goals = []
    for (count, step), part, total, name in zip(drawn, parts, (samples, *windows.out), "nij", strict=True):
        point, low, high, t, width = z3.Int(name), _z(part.start), _z(part.stop), _z(count), _z(step)
        within = z3.And(point >= 0, point < _z(total))
        own = z3.And(t * width <= point, point < t * width + width)  # holds for one t alone
        goals.append(z3.Implies(within, z3.And(low <= point, point < high) == own))
        goals.append(z3.And(low >= 0, low < high, width >= 1, z3.BoolVal(part.step is None)))
    for axis in (0, 1):
        part = parts[1 + axis]
        origin = _z(windows.origin[axis]) + _z(part.start) * _z(windows.stride[axis])
        goals.append(z3.And(_z(part.stop) <= _z(windows.out[axis]), _z(block.out[axis]) == _z(part.stop - part.start)))
        goals.append(_z(block.origin[axis]) == origin)
    same = ("image", "kernel", "stride", "dilation", "end")
    return [*goals, z3.BoolVal(all(getattr(block, name) is getattr(windows, name) for name in same))]


def _counted(ceil_mode: bool) -> list[Any]:
    """`count_windows` counts what fits; with ``ceil_mode`` another window hangs over, if it starts on the image."""
    size, extent, stride, before, after = (symbol(n) for n in ("size", "extent", "stride", "before", "after"))
    _assume(Guard(polynomial(size + before + after - extent)))
    out = _z(source.count_windows(size, extent, stride, (before, after), ceil_mode))
    window, padded = z3.Int("i"), _z(size + before + after)
    ends = window * _z(stride) + _z(extent)
    if not ceil_mode:
        return [z3.Implies(window >= 0, (window < out) == (ends <= padded)), out >= 1]
    fit, end = z3.Int("m"), _z(size + before)  # m windows fit; one more if pixels are left over and it starts inside
    last = (fit - 1) * _z(stride)
    is_fit = z3.And(fit >= 1, last + _z(extent) <= padded, last + _z(stride) + _z(extent) > padded)
    hangs_over = z3.And(last + _z(extent) < padded, fit * _z(stride) < end)
    return [z3.Implies(is_fit, out == fit + z3.If(hangs_over, 1, 0))]


def _same() -> list[Any]:
    """Padding "same" gives ⌈size / stride⌉ windows; an odd pixel goes to the end."""
    size, extent, stride = (symbol(n) for n in ("size", "extent", "stride"))
    (before, after), _ = parse_padding("lemma", "same", (size, size), (extent, extent), (stride, stride))
    out = _z(source.count_windows(size, extent, stride, (before, after), False))
    rounded, down = polynomial(-(-size // stride)) - 1, polynomial((size + before + after - extent) // stride)
    current().facts += [ordered_products(rounded, down, polynomial(stride))]
    current().facts += [ordered_products(down, rounded, polynomial(stride))]
    low, high = _z(before), _z(after)
    return [
        z3.And((out - 1) * _z(stride) < _z(size), _z(size) <= out * _z(stride)),
        z3.And(low >= 0, high >= low, high <= low + 1),
    ]


def _transposed() -> list[Any]:
    """A convolution takes the image that a transposed one gives back to its size, if output_padding is below stride."""
    out, kernel, stride, dilation = (symbol(n) for n in ("out", "kernel", "stride", "dilation"))
    before, after, extra = (symbol(n) for n in ("before", "after", "extra"))
    size = (out - 1) * stride - before - after + dilation * (kernel - 1) + extra + 1  # as conv_transpose2d says
    _assume(Guard(polynomial(stride - extra - 1)), Guard(polynomial(size - 1)))
    back = source.count_windows(size, dilation * (kernel - 1) + 1, stride, (before, after), False)
    return [_z(back) == _z(out)]


_AXES = {f"{stem}_{axis}": 1 for stem in ("size", "kernel", "stride", "dilation", "out") for axis in (1, 2)}
_AXIS = dict.fromkeys(("size", "extent", "stride"), 1)
_PADS = {"before": 0, "after": 0}

LEMMAS: dict[str, Lemma] = {
    lemma.name: lemma
    for lemma in (
        Lemma("axis", _axis.__doc__ or "", _AXES | {"u": 0}, _axis),
        Lemma("taps", _taps.__doc__ or "", _AXES, _taps),
        Lemma("blocks", _blocks.__doc__ or "", _AXES | {"samples": 0, "bytes": 1}, _blocks),
        Lemma("windows", _counted.__doc__ or "", _AXIS | _PADS, lambda: _counted(ceil_mode=False)),
        Lemma("windows in ceil_mode", _counted.__doc__ or "", _AXIS | _PADS, lambda: _counted(ceil_mode=True)),
        Lemma("same", _same.__doc__ or "", _AXIS, _same),
        Lemma(
            "transposed",
            _transposed.__doc__ or "",
            dict.fromkeys(("out", "kernel", "stride", "dilation"), 1) | _PADS | {"extra": 0},
            _transposed,
        ),
    )
}
