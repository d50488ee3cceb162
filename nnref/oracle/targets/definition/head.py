r"""The layers around the convolutions of a small network.

    linear:                 y[n,o] = bias[o] + sum_i x[n,i] * weight[o,i]
    flatten:                y[n, (c*H + i)*W + j] = x[n,c,i,j]
    zero_pad2d:             y[n, c, i + top, j + left] = x[n,c,i,j], 0 elsewhere
    softmax_cross_entropy:  loss = (1/N) sum_n ( log sum_k e^(x[n,k] - m_n) + m_n - x[n,t_n] )

Here t_n is the target of row n. The shift by m_n = max_k x[n,k] keeps exponentials from overflowing.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from numpy.typing import NDArray

from .axis import Padding
from .elements import constant, divide, exp, log, over_elements, zero, zeros

Array = NDArray[Any]


@over_elements
def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """y[n,o] = bias[o] + sum_i x[n,i] * weight[o,i]"""
    y = zeros((x.shape[0], weight.shape[0]), x, weight)
    for n, o in product(*map(range, y.shape)):
        if bias is not None:
            y[n, o] = bias[o]
        for i in range(x.shape[1]):
            y[n, o] += x[n, i] * weight[o, i]
    return y


@over_elements
def linear_backward(dy: Array, x: Array, weight: Array, bias: Array | None) -> tuple[Array, Array, Array | None]:
    """dx[n,i] = sum_o dy[n,o]*weight[o,i], dweight[o,i] = sum_n dy[n,o]*x[n,i], dbias = sum_n dy"""
    dx, dweight = zeros(x.shape, x, weight), zeros(weight.shape, weight, x)
    dbias = None if bias is None else zeros(bias.shape, bias)
    for n, o in product(*map(range, dy.shape)):
        for i in range(x.shape[1]):
            dx[n, i] += dy[n, o] * weight[o, i]
            dweight[o, i] += dy[n, o] * x[n, i]
        if dbias is not None:
            dbias[o] += dy[n, o]
    return dx, dweight, dbias


@over_elements
def flatten(x: Array) -> Array:
    """y[n, (c*H + i)*W + j] = x[n,c,i,j]"""
    batch, channels, height, width = x.shape
    y = zeros((batch, channels * height * width), x)
    for n, c, i, j in product(*map(range, x.shape)):
        y[n, (c * height + i) * width + j] = x[n, c, i, j]
    return y


@over_elements
def flatten_backward(dy: Array, x: Array) -> tuple[Array]:
    """dx[n,c,i,j] = dy[n, (c*H + i)*W + j]"""
    _, _, height, width = x.shape
    dx = zeros(x.shape, x)
    for n, c, i, j in product(*map(range, x.shape)):
        dx[n, c, i, j] = dy[n, (c * height + i) * width + j]
    return (dx,)


@over_elements
def zero_pad2d(x: Array, *, padding: Padding) -> Array:
    """y[n, c, i + top, j + left] = x[n,c,i,j], 0 elsewhere"""
    (top, bottom), (left, right) = padding
    batch, channels, height, width = x.shape
    y = zeros((batch, channels, top + height + bottom, left + width + right), x)
    for n, c, i, j in product(*map(range, x.shape)):
        y[n, c, i + top, j + left] = x[n, c, i, j]
    return y


@over_elements
def zero_pad2d_backward(dy: Array, x: Array, *, padding: Padding) -> tuple[Array]:
    """dx[n,c,i,j] = dy[n, c, i + top, j + left]"""
    (top, _), (left, _) = padding
    dx = zeros(x.shape, x)
    for n, c, i, j in product(*map(range, x.shape)):
        dx[n, c, i, j] = dy[n, c, i + top, j + left]
    return (dx,)


def _shifted_exponentials(x: Array, n: int) -> tuple[Any, list[Any], Any]:
    """m = max_k x[n,k], all e^(x[n,k] - m), and their sum, which is at least 1."""
    largest = x[n, 0]
    for k in range(x.shape[1]):
        if x[n, k] > largest:
            largest = x[n, k]
    exponentials = [exp(x[n, k] - largest) for k in range(x.shape[1])]
    total = zero(x)
    for e in exponentials:
        total += e
    return largest, exponentials, total


def _rows(x: Array, reduction: str) -> Any:
    """The divisor of the sum over the rows: N for the mean, 1 for the sum."""
    return constant(zero(x), {"mean": x.shape[0], "sum": 1}[reduction])


@over_elements
def softmax_cross_entropy(x: Array, *, target: NDArray[Any], reduction: str = "mean") -> Array:
    """loss = mean or sum over n of  log sum_k e^(x[n,k] - m) + m - x[n, target[n]]"""
    loss = zeros((), x)
    for n in range(x.shape[0]):
        largest, _, total = _shifted_exponentials(x, n)
        loss[()] += log(total) + (largest - x[n, target[n]])
    loss[()] = divide(loss[()], _rows(x, reduction))
    return loss


@over_elements
def softmax_cross_entropy_backward(
    dy: Array, x: Array, *, target: NDArray[Any], reduction: str = "mean"
) -> tuple[Array]:
    """dx[n,k] = dy * (softmax(x)[n,k] - [k = target[n]]) / (N or 1)"""
    dx = zeros(x.shape, x)
    for n in range(x.shape[0]):
        _, exponentials, total = _shifted_exponentials(x, n)
        for k, e in enumerate(exponentials):
            softmax = e / total
            hit = constant(total, int(k == target[n]))
            dx[n, k] = dy[()] * (softmax - hit) / _rows(x, reduction)
    return (dx,)
