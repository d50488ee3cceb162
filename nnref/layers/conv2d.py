r"""Two-dimensional convolution (cross-correlation), NCHW.

    Y[n,k,i,j] = Σ_c Σ_uv X[n, c, i·s + u·d − p, j·s + v·d − p] · F[k,c,u,v] + b[k],    X = 0 outside the image

With g groups, output channel k sees only the C/g input channels of its own group. Y is bilinear in X and F, so each
gradient is the adjoint of the map from one of them to Y. Source: the lecture, "Merging a convolution and the batch
normalisation after it"; Dumoulin & Visin, A guide to convolution arithmetic for deep learning (arXiv:1603.07285).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import layer_function
from ..errors import ShapeError, channels_last, expect_count, expect_divisor, expect_shape, refuse
from ..im2col import correlate, correlate_filters, correlate_transpose
from ..layer import Layer, initial_weight
from ..numeric import Array, sum_over
from ..options import pair
from ..windows import Windows

__all__ = ["Conv2d", "conv2d", "conv2d_backward"]


@layer_function
def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Array:
    """Slide K filters over an image: the sum of products at every position, plus a bias.

    Parameters
    ----------
    x : (N, C, H, W) floats or exact elements
    weight : (K, C//groups, kh, kw), dtype of x
    bias : (K,), dtype of x, or None
    stride, dilation : int or (vertical, horizontal), in pixels, at least 1
    padding : int, (vertical, horizontal) or ((top, bottom), (left, right)), in pixels of zeros; "valid" (none) or
        "same" (ceil(H/stride) output rows; an odd pixel goes to the end)
    groups : int, a divisor of C and of K

    Returns
    -------
    (N, K, Ho, Wo), Ho = (H + top + bottom − dilation·(kh − 1) − 1)//stride + 1; dtype of x

    Raises
    ------
    ShapeError : an array has the wrong shape, or the kernel is larger than the padded image.
    DTypeError : an argument is not an array of floats or exact elements, or two arrays differ in dtype.
    OptionError : an option is outside its domain.

    >>> x = np.arange(16.0).reshape(1, 1, 4, 4)
    >>> conv2d(x, np.array([[[[-1.0, 1.0]]]]), np.array([10.0]), stride=(2, 1))[0, 0]
    array([[11., 11., 11.],
           [11., 11., 11.]])
    """
    windows, groups = _plan("conv2d", x, weight, bias, stride, padding, dilation, groups)
    y = correlate(x, weight, windows, groups)
    if bias is not None:
        y += bias[:, None, None]
    return y


@layer_function
def conv2d_backward(
    dy: Array,
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Array, Array, Array | None]:
    """Gradients of ⟨dy, conv2d(x, weight, bias)⟩: (dx, dweight, dbias), where dbias is None without a bias.

    Parameters, options and errors are those of `conv2d`. dy is (N, K, Ho, Wo) and has the dtype of x.

    >>> x, weight = np.array([[[[1.0, 2.0, 4.0]]]]), np.array([[[[3.0, 5.0]]]])
    >>> conv2d_backward(np.ones((1, 1, 1, 2)), x, weight)
    (array([[[[3., 8., 5.]]]]), array([[[[3., 6.]]]]), None)
    """
    windows, groups = _plan("conv2d_backward", x, weight, bias, stride, padding, dilation, groups)
    expect_shape("conv2d_backward", "dy", dy, (len(x), len(weight), *windows.out))
    dx = correlate_transpose(dy, weight, windows, groups)
    dweight = correlate_filters(dy, x, weight, windows, groups)
    return dx, dweight, None if bias is None else sum_over(dy, (0, 2, 3), bias)


def _plan(
    function: str,
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> tuple[Windows, int]:
    """The windows, and groups as a Python int."""
    expect_shape(function, "x", x, ("N", "C", "H", "W"))
    expect_shape(function, "weight", weight, ("K", "C//groups", "kh", "kw"))
    both = f"{x.shape[1]} channels of x and the {len(weight)} filters of weight"
    groups = expect_divisor(function, "groups", groups, both, x.shape[1], len(weight))
    if weight.shape[1] * groups != x.shape[1]:
        split = f"{groups} group{'s' * (groups > 1)}"
        expected = f"(K, {x.shape[1] // groups}, kh, kw) for {x.shape[1]} channels in {split}"
        guess = channels_last(x, weight.shape[1] * groups)
        refuse(ShapeError, function, "weight", expected, f"shape {weight.shape}{guess}")
    if bias is not None:
        expect_shape(function, "bias", bias, (len(weight),))
    return Windows.plan(function, x.shape, weight.shape[2:], stride, padding, dilation), groups


class Conv2d(Layer):
    """Layer form of `conv2d`, with torch's parameters, initial values and state names.

    Parameters
    ----------
    in_channels, out_channels : int, C and K
    kernel_size : int or (vertical, horizontal)
    stride, padding, dilation, groups : as in `conv2d`
    bias : bool, whether to add one
    dtype : of the parameters
    rng : NumPy Generator that draws the initial values, or a seed

    >>> Conv2d(3, 8, 3, padding=1)(np.zeros((1, 3, 5, 5), np.float32)).shape
    (1, 8, 5, 5)
    """

    forward_fn, backward_fn = staticmethod(conv2d), staticmethod(conv2d_backward)
    parameter_names, optional_names = ("weight", "bias"), ("bias",)
    defaults = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        *,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        dtype: Any = np.float32,
        rng: Any = None,
    ) -> None:
        kernel = pair("Conv2d", "kernel_size", kernel_size, least=1)
        in_channels = expect_count("Conv2d", "in_channels", in_channels)
        out_channels = expect_count("Conv2d", "out_channels", out_channels)
        both = f"{in_channels} in_channels and {out_channels} out_channels"
        groups = expect_divisor("Conv2d", "groups", groups, both, in_channels, out_channels)
        shape = (out_channels, in_channels // groups, *kernel)
        params = initial_weight("Conv2d", shape, bias, dtype, rng)
        super().__init__(params, stride=stride, padding=padding, dilation=dilation, groups=groups)
