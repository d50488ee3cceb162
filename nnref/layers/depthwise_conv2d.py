r"""Depthwise convolution, NCHW: every channel has its own M filters.

    Y[n, c·M+m, i, j] = Σ_uv X[n, c, i·s + u·d − p, j·s + v·d − p] · F[c·M+m, 0, u, v] + b[c·M+m]

It is `conv2d` with C groups (the algebra proves it) and shares its products, with one exception. The gradient of X
sums only M terms per tap (usually one), too few for a matrix product to pay off: a shifted multiply-add per tap is
faster. Source: the lecture (batch normalisation is a 1×1 depthwise convolution); Howard et al., MobileNets
(arXiv:1704.04861).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import layer_function
from ..errors import ShapeError, channels_last, expect_count, expect_shape, refuse
from ..im2col import correlate, correlate_filters
from ..layer import Layer, initial_weight
from ..numeric import Array, sum_over, zeros
from ..options import pair
from ..windows import Windows

__all__ = ["DepthwiseConv2d", "depthwise_conv2d", "depthwise_conv2d_backward"]


@layer_function
def depthwise_conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> Array:
    """Convolve every channel with its own filters.

    Parameters
    ----------
    x : (N, C, H, W) floats or exact elements
    weight : (C·M, 1, kh, kw), dtype of x; filters c·M … c·M + M − 1 belong to channel c
    bias : (C·M,), dtype of x, or None
    stride, padding, dilation : as in `conv2d`, in pixels

    Returns
    -------
    (N, C·M, Ho, Wo); dtype of x

    Raises
    ------
    ShapeError, DTypeError, OptionError : as in `conv2d`; ShapeError also if the number of filters is not a multiple
        of C.

    >>> x = np.arange(8.0).reshape(1, 2, 2, 2)
    >>> depthwise_conv2d(x, np.array([10.0, -1.0]).reshape(2, 1, 1, 1))[0]
    array([[[ 0., 10.],
            [20., 30.]],
    <BLANKLINE>
           [[-4., -5.],
            [-6., -7.]]])
    """
    windows = _plan("depthwise_conv2d", x, weight, bias, stride, padding, dilation)
    y = correlate(x, weight, windows, groups=x.shape[1])
    if bias is not None:
        y += bias[:, None, None]
    return y


@layer_function
def depthwise_conv2d_backward(
    dy: Array,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
) -> tuple[Array, Array, Array | None]:
    """Gradients of ⟨dy, depthwise_conv2d(x, weight, bias)⟩: (dx, dweight, dbias); dbias is None without a bias.

    Parameters, options and errors are those of `depthwise_conv2d`. dy is (N, C·M, Ho, Wo) and has the dtype of x.

    >>> x, weight = np.array([[[[1.0, 2.0]]]]), np.array([[[[3.0]]]])
    >>> depthwise_conv2d_backward(np.array([[[[1.0, 10.0]]]]), x, weight)
    (array([[[[ 3., 30.]]]]), array([[[[21.]]]]), None)
    """
    windows = _plan("depthwise_conv2d_backward", x, weight, bias, stride, padding, dilation)
    n, c = x.shape[:2]
    expect_shape("depthwise_conv2d_backward", "dy", dy, (n, len(weight), *windows.out))
    filters = weight.reshape(c, -1, *windows.kernel, 1, 1)  # (C,M,kh,kw,1,1)
    dy_of_channel = dy.reshape(n, c, filters.shape[1], *windows.out)
    dx = zeros(x.shape, x, weight)
    for samples, rows, columns, block in windows.blocks(n, len(weight) * x.itemsize):
        dy_block, dx_block = dy_of_channel[samples, ..., rows, columns], dx[samples]
        for tap in block.taps():
            dx_block[tap.image] += (filters[:, :, *tap.offset] * dy_block[tap.out]).sum(axis=2)  # (n,C,M,ho,wo)
    dweight = correlate_filters(dy, x, weight, windows, groups=c)
    return dx, dweight, None if bias is None else sum_over(dy, (0, 2, 3), bias)


def _plan(
    function: str, x: Array, weight: Array, bias: Array | None, stride: Any, padding: Any, dilation: Any
) -> Windows:
    expect_shape(function, "x", x, ("N", "C", "H", "W"))
    expect_shape(function, "weight", weight, ("C*M", 1, "kh", "kw"))
    if len(weight) % x.shape[1]:
        expected = f"(C*M, 1, kh, kw), where C*M is a multiple of the {x.shape[1]} channels of x"
        guess = channels_last(x, x.shape[3]) if len(weight) % x.shape[3] == 0 else ""
        refuse(ShapeError, function, "weight", expected, f"shape {weight.shape}{guess}")
    if bias is not None:
        expect_shape(function, "bias", bias, (len(weight),))
    return Windows.plan(function, x.shape, weight.shape[2:], stride, padding, dilation)


class DepthwiseConv2d(Layer):
    """Layer form of `depthwise_conv2d`, with the state names of a torch Conv2d that has one group per channel.

    Parameters
    ----------
    in_channels, multiplier : int, C and M; the output has C·M channels
    kernel_size, stride, padding, dilation : as in `Conv2d`
    bias, dtype, rng : as in `Conv2d`

    >>> DepthwiseConv2d(4, 3, multiplier=2, padding="same")(np.zeros((1, 4, 5, 5), np.float32)).shape
    (1, 8, 5, 5)
    """

    forward_fn, backward_fn = staticmethod(depthwise_conv2d), staticmethod(depthwise_conv2d_backward)
    parameter_names, optional_names = ("weight", "bias"), ("bias",)
    defaults = {"stride": 1, "padding": 0, "dilation": 1}

    def __init__(
        self,
        in_channels: int,
        kernel_size: Any,
        *,
        multiplier: int = 1,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        bias: bool = True,
        dtype: Any = np.float32,
        rng: Any = None,
    ) -> None:
        kernel = pair("DepthwiseConv2d", "kernel_size", kernel_size, least=1)
        in_channels = expect_count("DepthwiseConv2d", "in_channels", in_channels)
        filters = in_channels * expect_count("DepthwiseConv2d", "multiplier", multiplier)
        params = initial_weight("DepthwiseConv2d", (filters, 1, *kernel), bias, dtype, rng)
        super().__init__(params, stride=stride, padding=padding, dilation=dilation)
