r"""Pooling: every output depends on one window of pixels,

    W(i,j) = {(i*sh + a*dh - ph, j*sw + b*dw - pw)} on the image, taps (a, b) in row-major order

    average:  y[n,c,i,j] = (1/count) * sum of x[n,c,u,v] over (u, v) in W(i,j)
    maximum:  y[n,c,i,j] = max of x[n,c,u,v] over (u, v) in W(i,j)

count is the number of taps on the image (count_include_pad=False), or on the image and its padding. Taps that ceil_mode
adds beyond the padding never count. The average of a window without pixels is 0, whatever its count, and its maximum is
-inf. It passes no gradient on.

The maximum of a window is the first of its largest pixels, or the last of its NaN. That pixel receives all of dy.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from numpy.typing import NDArray

from .axis import Axis, Padding, Pair, axes
from .elements import constant, divide, minus_infinity, over_elements, zero, zeros

Array = NDArray[Any]
Position = tuple[int, ...]  # (n,c,i,j)


def _pixels(at: Position, rows: Axis, columns: Axis) -> list[Position]:
    """The positions in x that the window at (n, c, i, j) covers, row by row."""
    n, c, i, j = at
    return [(n, c, u, v) for _, u in rows.inside(i) for _, v in columns.inside(j)]


def _count(at: Position, rows: Axis, columns: Axis, count_include_pad: bool) -> int:
    """The divisor of the average at (n, c, i, j)."""
    if count_include_pad:
        return rows.extent(at[2]) * columns.extent(at[3])
    return len(_pixels(at, rows, columns))


@over_elements
def avg_pool2d(
    x: Array,
    *,
    kernel_size: Pair,
    stride: Pair,
    padding: Padding,
    ceil_mode: bool,
    count_include_pad: bool,
) -> Array:
    """y[n,c,i,j] = (1/count) sum over the window; 0 if there is no pixel in the window."""
    rows, columns = axes(x.shape[2:], kernel_size, stride, padding)
    y = zeros((*x.shape[:2], rows.outputs(ceil_mode), columns.outputs(ceil_mode)), x)
    for at in product(*map(range, y.shape)):
        pixels, total = _pixels(at, rows, columns), zero(x)
        for pixel in pixels:
            total += x[pixel]
        if pixels:
            y[at] = total / constant(total, _count(at, rows, columns, count_include_pad))
    return y


@over_elements
def avg_pool2d_backward(
    dy: Array,
    x: Array,
    *,
    kernel_size: Pair,
    stride: Pair,
    padding: Padding,
    ceil_mode: bool,
    count_include_pad: bool,
) -> tuple[Array]:
    """Every pixel of a window receives dy / count."""
    rows, columns = axes(x.shape[2:], kernel_size, stride, padding)
    dx = zeros(x.shape, x)
    for at in product(*map(range, dy.shape)):
        pixels = _pixels(at, rows, columns)
        if pixels:
            share = dy[at] / constant(dy[at], _count(at, rows, columns, count_include_pad))
            for pixel in pixels:
                dx[pixel] += share
    return (dx,)


def _argmax(x: Array, pixels: list[Position]) -> Position:
    """The first of the largest pixels; a NaN counts as larger than all pixels before it, even another NaN."""
    largest = pixels[0]
    for pixel in pixels:
        if x[pixel] > x[largest] or x[pixel] != x[pixel]:
            largest = pixel
    return largest


@over_elements
def max_pool2d(
    x: Array,
    *,
    kernel_size: Pair,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    ceil_mode: bool,
) -> Array:
    """y[n,c,i,j] = max over the window; NaN if there is one; -inf if there is no pixel in the window."""
    rows, columns = axes(x.shape[2:], kernel_size, stride, padding, dilation)
    y = zeros((*x.shape[:2], rows.outputs(ceil_mode), columns.outputs(ceil_mode)), x)
    for at in product(*map(range, y.shape)):
        pixels = _pixels(at, rows, columns)
        y[at] = x[_argmax(x, pixels)] if pixels else minus_infinity(zero(x))
    return y


@over_elements
def max_pool2d_backward(
    dy: Array,
    x: Array,
    *,
    kernel_size: Pair,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    ceil_mode: bool,
) -> tuple[Array]:
    """The first largest pixel of a window (the last NaN) receives all of its dy."""
    rows, columns = axes(x.shape[2:], kernel_size, stride, padding, dilation)
    dx = zeros(x.shape, x)
    for at in product(*map(range, dy.shape)):
        pixels = _pixels(at, rows, columns)
        if pixels:
            dx[_argmax(x, pixels)] += dy[at]
    return (dx,)


@over_elements
def global_avg_pool2d(x: Array) -> Array:
    """y[n,c,0,0] = (1/(H*W)) sum_{i,j} x[n,c,i,j]"""
    y = zeros((*x.shape[:2], 1, 1), x)
    for n, c, i, j in product(*map(range, x.shape)):
        y[n, c, 0, 0] += x[n, c, i, j]
    area = constant(zero(x), x.shape[2] * x.shape[3])
    for at in product(*map(range, y.shape)):
        y[at] = divide(y[at], area)
    return y


@over_elements
def global_avg_pool2d_backward(dy: Array, x: Array) -> tuple[Array]:
    """dx[n,c,i,j] = dy[n,c,0,0] / (H*W)"""
    dx = zeros(x.shape, x)
    area = constant(zero(x), x.shape[2] * x.shape[3])
    for n, c, i, j in product(*map(range, x.shape)):
        dx[n, c, i, j] = dy[n, c, 0, 0] / area
    return (dx,)
