"""The loops of `nnref.windows` by their definition. Lemmas prove of the source that it is what is defined here.

``taps()`` are all taps (u, v). Window i along an axis sees the pixel ``origin + i·stride + u·dilation``, and lies in
the tap's slices if that pixel lies on the image (`lemmas.taps_are_the_definition`). ``blocks()`` cut samples, rows and
columns of windows into intervals, so that every window of every sample lies in one block
(`lemmas.blocks_are_a_partition`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ...arithmetic import Polynomial
from ...windows import Tap, Windows
from .integers import Int, current, number, polynomial, symbol
from .loops import Loop, Span, repeated
from .solver import Guard
from .values import below

__all__ = ["blocks", "taps"]


def taps(windows: Windows) -> Iterator[Tap]:
    """`Windows.taps` as one iteration that stands for all."""
    return repeated(lambda: _tap(windows))


def _tap(windows: Windows) -> tuple[Tap, Loop]:
    offset = tuple(symbol(current().fresh(stem)) for stem in "uv")
    axes = [_on_axis(windows, axis, offset[axis]) for axis in (0, 1)]
    (rows, image_rows, span, known), (columns, image_columns, span_2, known_2) = axes
    ranges = tuple(g for u, k in zip(offset, windows.kernel, strict=True) for g in below(u.polynomial, polynomial(k)))
    loop = Loop(tuple(str(u) for u in offset), ranges, (span, span_2), known + known_2)
    return Tap((offset[0], offset[1]), (..., rows, columns), (..., image_rows, image_columns)), loop


def _on_axis(windows: Windows, axis: int, offset: Int) -> tuple[slice, slice, Span, tuple[Guard, ...]]:
    """The windows whose tap lies on the image, and the pixels that it lies on; never empty, as in the source."""
    image, out, step = (polynomial(n[axis]) for n in (windows.image, windows.out, windows.stride))
    at = polynomial(windows.origin[axis] + offset * windows.dilation[axis])
    low, size = (symbol(current().fresh(stem)) for stem in ("first", "length"))

    def meaning(window: Polynomial) -> tuple[Guard, ...]:
        return (*below(window, out), *below(at + window * step, image))

    first, last = low.polynomial, low.polynomial + size.polynomial - 1
    start, end = at + first * step, at + last * step
    known = (
        Guard(size.polynomial - 1),
        *below(first, out),
        *below(last, out),
        *below(start, image),
        *below(end, image),
    )
    pixels = slice(number(start), number(end + 1), windows.stride[axis])
    return slice(low, low + size), pixels, Span(str(low), str(size), meaning), known


def blocks(windows: Windows, samples: Any, bytes_per_window: Any) -> Iterator[tuple[slice, slice, slice, Windows]]:
    """`Windows.blocks` as one block that stands for all."""
    return repeated(lambda: _block(windows, samples))


def _block(windows: Windows, samples: Any) -> tuple[tuple[slice, slice, slice, Windows], Loop]:
    spans, known, slices = [], [], []
    for stem, total in zip("nij", (samples, *windows.out), strict=True):
        low, size = (symbol(current().fresh(stem + part)) for part in ("_from", "_count"))
        whole = polynomial(total)
        spans.append(Span(str(low), str(size), lambda index, whole=whole: below(index, whole)))  # type: ignore[misc]
        last = low.polynomial + size.polynomial - 1
        known += [Guard(size.polynomial - 1), *below(low.polynomial, whole), *below(last, whole)]
        slices.append(slice(low, low + size))
    _, i, j = slices
    origin = tuple(o + part.start * s for o, part, s in zip(windows.origin, (i, j), windows.stride, strict=True))
    out = (i.stop - i.start, j.stop - j.start)
    block = replace(windows, origin=(origin[0], origin[1]), out=out)
    return (slices[0], i, j, block), Loop(spans=tuple(spans), known=tuple(known))
