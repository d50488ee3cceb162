r"""Transposed convolution, NCHW: the adjoint of `conv2d` with respect to its image, plus a bias.

    Y[n, c, i·s + u·d − p, j·s + v·d − p] += X[n,k,i,j] · F[k,c,u,v]    for all k, i, j, u, v;    Y += b[c]

So ⟨X, conv2d(Z, F)⟩ = ⟨conv_transpose2d(X, F), Z⟩ for every image Z. Padding crops the result. output_padding
lengthens it at the end, by the pixels that a strided `conv2d` drops there. Source: Dumoulin & Visin, A guide to
convolution arithmetic for deep learning (arXiv:1603.07285), chapter 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import layer_function
from ..errors import OptionError, ShapeError, channels_last, expect_count, expect_divisor, expect_shape, refuse
from ..im2col import correlate, correlate_filters, correlate_transpose
from ..layer import Layer, initial_weight
from ..numeric import Array, sum_over
from ..options import pair, pair_of_pairs
from ..windows import Windows

__all__ = ["ConvTranspose2d", "conv_transpose2d", "conv_transpose2d_backward"]


@layer_function
def conv_transpose2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """Spread every pixel over the output, weighted by the filters, and add where they overlap.

    Parameters
    ----------
    x : (N, K, Ho, Wo) floats or exact elements
    weight : (K, C//groups, kh, kw), dtype of x: the weight of the `conv2d` of which this is the adjoint
    bias : (C,), dtype of x, or None
    stride, dilation : int or (vertical, horizontal), in pixels, at least 1
    padding : int, (vertical, horizontal) or ((top, bottom), (left, right)), in pixels cut from the output
    output_padding : int or (vertical, horizontal), in pixels added at the end, less than the stride or the dilation
    groups : int, a divisor of K

    Returns
    -------
    (N, C, H, W), H = (Ho − 1)·stride − top − bottom + dilation·(kh − 1) + output_padding + 1; dtype of x

    Raises
    ------
    ShapeError : an array has the wrong shape, or no output pixel is left.
    DTypeError : an argument is not an array of floats or exact elements, or two arrays differ in dtype.
    OptionError : an option is outside its domain.

    >>> conv_transpose2d(np.array([[[[1.0, 10.0]]]]), np.array([[[[1.0, 2.0, 3.0]]]]), stride=2)
    array([[[[ 1.,  2., 13., 20., 30.]]]])
    """
    windows, groups = _plan("conv_transpose2d", x, weight, bias, stride, padding, output_padding, dilation, groups)
    y = correlate_transpose(x, weight, windows, groups)
    if bias is not None:
        y += bias[:, None, None]
    return y


@layer_function
def conv_transpose2d_backward(
    dy: Array,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Array, Array, Array | None]:
    """Gradients of ⟨dy, conv_transpose2d(x, weight, bias)⟩: (dx, dweight, dbias); dbias is None without a bias.

    Parameters, options and errors are those of `conv_transpose2d`. dy is (N, C, H, W) and has the dtype of x.

    >>> dy = np.array([[[[1.0, 1.0, 1.0, 0.0, 0.0]]]])
    >>> conv_transpose2d_backward(dy, np.array([[[[1.0, 10.0]]]]), np.array([[[[1.0, 2.0, 3.0]]]]), stride=2)
    (array([[[[6., 1.]]]]), array([[[[11.,  1.,  1.]]]]), None)
    """
    function = "conv_transpose2d_backward"
    windows, groups = _plan(function, x, weight, bias, stride, padding, output_padding, dilation, groups)
    expect_shape(function, "dy", dy, (len(x), groups * weight.shape[1], *windows.image))
    dx = correlate(dy, weight, windows, groups)
    dweight = correlate_filters(x, dy, weight, windows, groups)
    return dx, dweight, None if bias is None else sum_over(dy, (0, 2, 3), bias)


def _plan(
    function: str,
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Any,
    padding: Any,
    output_padding: Any,
    dilation: Any,
    groups: int,
) -> tuple[Windows, int]:
    """The windows of the `conv2d` of which this is the adjoint, and groups as a Python int."""
    expect_shape(function, "x", x, ("N", "K", "Ho", "Wo"))
    guess = channels_last(x, len(weight)) if weight.ndim else ""
    expect_shape(function, "weight", weight, (x.shape[1], "C//groups", "kh", "kw"), guess)
    groups = expect_divisor(function, "groups", groups, f"{x.shape[1]} channels of x", x.shape[1])
    if bias is not None:
        expect_shape(function, "bias", bias, (groups * weight.shape[1],))
    steps = pair(function, "stride", stride, least=1)
    spread = pair(function, "dilation", dilation, least=1)
    pads = pair_of_pairs(function, "padding", padding)
    extra = pair(function, "output_padding", output_padding, least=0)
    if any(more >= max(s, d) for more, s, d in zip(extra, steps, spread, strict=True)):
        refuse(OptionError, function, "output_padding", f"below stride {steps} or dilation {spread}", extra)
    height, width = (
        (x.shape[2 + a] - 1) * steps[a] - sum(pads[a]) + spread[a] * (weight.shape[2 + a] - 1) + extra[a] + 1
        for a in (0, 1)
    )
    if min(height, width) < 1:
        refuse(ShapeError, function, "padding", "less than the output's size", f"{pads}, which leaves {height, width}")
    origin, end = (-pads[0][0], -pads[1][0]), (height + pads[0][1], width + pads[1][1])
    return Windows((height, width), weight.shape[2:], steps, spread, origin, end, x.shape[2:]), groups


class ConvTranspose2d(Layer):
    """Layer form of `conv_transpose2d`, with torch's parameters, initial values and state names.

    Parameters
    ----------
    in_channels, out_channels : int, K and C
    kernel_size : int or (vertical, horizontal)
    stride, padding, output_padding, dilation, groups : as in `conv_transpose2d`
    bias, dtype, rng : as in `Conv2d`

    >>> ConvTranspose2d(8, 3, 2, stride=2)(np.zeros((1, 8, 5, 5), np.float32)).shape
    (1, 3, 10, 10)
    """

    forward_fn, backward_fn = staticmethod(conv_transpose2d), staticmethod(conv_transpose2d_backward)
    parameter_names, optional_names = ("weight", "bias"), ("bias",)
    defaults = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1}

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        *,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: Any = np.float32,
        rng: Any = None,
    ) -> None:
        kernel = pair("ConvTranspose2d", "kernel_size", kernel_size, least=1)
        in_channels = expect_count("ConvTranspose2d", "in_channels", in_channels)
        out_channels = expect_count("ConvTranspose2d", "out_channels", out_channels)
        both = f"{in_channels} in_channels and {out_channels} out_channels"
        groups = expect_divisor("ConvTranspose2d", "groups", groups, both, in_channels, out_channels)
        shape = (in_channels, out_channels // groups, *kernel)
        params = initial_weight("ConvTranspose2d", shape, bias, dtype, rng, outputs=out_channels)
        options = {"stride": stride, "padding": padding, "output_padding": output_padding}
        super().__init__(params, dilation=dilation, groups=groups, **options)
