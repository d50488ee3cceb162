r"""Convolution as a list of products. Every term of the formula

    y[n,k,i,j] = bias[k] + sum_{c,a,b} x[n, g*C'+c, i*sh+a*dh-ph, j*sw+b*dw-pw] * weight[k,c,a,b]

with C' = C // groups and g = k // (K // groups) is one triple of positions (in y, in x, in weight). The transpose and
all gradients use the same triples, and sum products of another pair of the three arrays. Pixels outside the image are
zeros, so their terms are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

from numpy.typing import NDArray

from .axis import Axis, Padding, Pair, axes
from .elements import over_elements, zeros

Array = NDArray[Any]
Position = tuple[int, int, int, int]


def _terms(
    batch: int, weight: Array, rows: Axis, columns: Axis, out: Pair, groups: int
) -> Iterator[tuple[Position, Position, Position]]:
    """(position in y, position in x, position in weight) of every product of the formula."""
    filters, channels = weight.shape[:2]  # K, C'
    inside_rows = [list(rows.inside(i)) for i in range(out[0])]
    inside_columns = [list(columns.inside(j)) for j in range(out[1])]
    for n, k, i, j in product(range(batch), range(filters), range(out[0]), range(out[1])):
        first = k // (filters // groups) * channels  # g*C'
        for c in range(channels):
            for a, u in inside_rows[i]:
                for b, v in inside_columns[j]:
                    yield (n, k, i, j), (n, first + c, u, v), (k, c, a, b)


def _sum_over_pixels(dy: Array, bias: Array | None) -> Array | None:
    """dbias[k] = sum_{n,i,j} dy[n,k,i,j]; None for an absent bias."""
    if bias is None:
        return None
    dbias = zeros(bias.shape, bias)
    for n, k, i, j in product(*map(range, dy.shape)):
        dbias[k] += dy[n, k, i, j]
    return dbias


def _add_bias(y: Array, bias: Array | None) -> None:
    """Set y[n,k,i,j], where the sum starts, to bias[k]."""
    if bias is not None:
        y[...] = bias[None, :, None, None]


@over_elements
def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """y[n,k,i,j] = bias[k] + sum_{c,a,b} x[n, g*C'+c, u, v] * weight[k,c,a,b].

    u = i*sh + a*dh - ph and v = j*sw + b*dw - pw; C' = C // groups and g = k // (K // groups).
    """
    rows, columns = axes(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    out = rows.outputs(), columns.outputs()
    y = zeros((x.shape[0], weight.shape[0], *out), x, weight)  # (N,K,Ho,Wo)
    _add_bias(y, bias)
    for at_y, at_x, at_w in _terms(x.shape[0], weight, rows, columns, out, groups):
        y[at_y] += x[at_x] * weight[at_w]
    return y


@over_elements
def conv2d_backward(
    dy: Array,
    x: Array,
    weight: Array,
    bias: Array | None,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> tuple[Array, Array, Array | None]:
    """A term x*weight of y sends dy*weight to dx and dy*x to dweight; dbias = sum_{n,i,j} dy."""
    rows, columns = axes(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    dx, dweight = zeros(x.shape, x, weight), zeros(weight.shape, weight, x)
    for at_y, at_x, at_w in _terms(x.shape[0], weight, rows, columns, dy.shape[2:], groups):
        dx[at_x] += dy[at_y] * weight[at_w]
        dweight[at_w] += dy[at_y] * x[at_x]
    return dx, dweight, _sum_over_pixels(dy, bias)


def depthwise_conv2d(
    x: Array, weight: Array, bias: Array | None, *, stride: Pair, padding: Padding, dilation: Pair
) -> Array:
    """y[n,k,i,j] = bias[k] + sum_{a,b} x[n, k//M, i*sh+a*dh-ph, j*sw+b*dw-pw] weight[k,0,a,b].

    weight is (C*M, 1, kh, kw): the groups of `conv2d` are the channels.
    """
    groups = x.shape[1]
    return conv2d(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


def depthwise_conv2d_backward(
    dy: Array,
    x: Array,
    weight: Array,
    bias: Array | None,
    *,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
) -> tuple[Array, Array, Array | None]:
    """Like `conv2d_backward`; the groups are the channels."""
    groups = x.shape[1]
    return conv2d_backward(dy, x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)


def _transpose_image(
    x: Array, weight: Array, stride: Pair, padding: Padding, output_padding: Pair, dilation: Pair
) -> Pair:
    """H = (Ho-1)*s - before - after + d*(kh-1) + output_padding + 1, and W likewise."""
    height, width = (
        (x.shape[2 + d] - 1) * stride[d]
        - sum(padding[d])
        + dilation[d] * (weight.shape[2 + d] - 1)
        + output_padding[d]
        + 1
        for d in (0, 1)
    )
    return height, width


@over_elements
def conv_transpose2d(
    x: Array,
    weight: Array,
    bias: Array | None,
    *,
    stride: Pair,
    padding: Padding,
    output_padding: Pair,
    dilation: Pair,
    groups: int,
) -> Array:
    """y[at x] += x[at y]*weight over the terms of `conv2d`: x (N,K,Ho,Wo) -> y (N,C,H,W)."""
    image = _transpose_image(x, weight, stride, padding, output_padding, dilation)
    rows, columns = axes(image, weight.shape[2:], stride, padding, dilation)
    y = zeros((x.shape[0], weight.shape[1] * groups, *image), x, weight)  # (N,C,H,W)
    _add_bias(y, bias)
    for at_x, at_y, at_w in _terms(x.shape[0], weight, rows, columns, x.shape[2:], groups):
        y[at_y] += x[at_x] * weight[at_w]
    return y


@over_elements
def conv_transpose2d_backward(
    dy: Array,
    x: Array,
    weight: Array,
    bias: Array | None,
    *,
    stride: Pair,
    padding: Padding,
    output_padding: Pair,
    dilation: Pair,
    groups: int,
) -> tuple[Array, Array, Array | None]:
    """dx is the convolution of dy with weight; dweight += dy*x term by term; dbias = sum dy."""
    image = _transpose_image(x, weight, stride, padding, output_padding, dilation)
    rows, columns = axes(image, weight.shape[2:], stride, padding, dilation)
    dx, dweight = zeros(x.shape, x, weight), zeros(weight.shape, weight, x)
    for at_x, at_y, at_w in _terms(x.shape[0], weight, rows, columns, x.shape[2:], groups):
        dx[at_x] += dy[at_y] * weight[at_w]
        dweight[at_w] += dy[at_y] * x[at_x]
    return dx, dweight, _sum_over_pixels(dy, bias)
