r"""Average pooling, NCHW.

    Y[n,c,i,j] = (1/K_ij) Σ_uv X[n, c, i·s + u − p, j·s + v − p],    X = 0 outside the image

K_ij is the number of taps of window (i, j) on the padded image, or with count_include_pad=False on the image alone.
Taps that ceil_mode adds beyond the padding never count. The layer is linear, so its backward is the transpose. If all
K_ij are equal, the layer is a depthwise convolution (the algebra proves it). Source: the lecture, "Is average pooling
a convolution?".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import layer_function
from ..errors import OptionError, expect_shape, refuse
from ..layer import Layer
from ..numeric import Array, zeros
from ..windows import Windows

__all__ = ["AvgPool2d", "avg_pool2d", "avg_pool2d_backward"]


@layer_function
def avg_pool2d(
    x: Array,
    *,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    """Mean of every window.

    Parameters
    ----------
    x : (N, C, H, W) floats or exact elements
    kernel_size : int or (vertical, horizontal), in pixels
    stride : the same, or None for kernel_size
    padding : int, (vertical, horizontal), ((top, bottom), (left, right)), "valid" or "same", in pixels of zeros
    ceil_mode : bool, whether a last window may hang over the end, unless it starts at or beyond the end of the image;
        a window that fits is always there
    count_include_pad : bool, whether padding counts in the mean

    Returns
    -------
    (N, C, Ho, Wo), Ho = (H + top + bottom − kh)//stride + 1, rounded up with ceil_mode; dtype of x. A window
    that counts no pixel gives 0, as in torch.

    Raises
    ------
    ShapeError : x is not 4-D, or no window fits.
    DTypeError : x is not an array of floats or exact elements.
    OptionError : an option is outside its domain.

    >>> avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), kernel_size=2)[0, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """
    windows, count = _plan("avg_pool2d", x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    y = zeros((*x.shape[:2], *windows.out), x)
    for tap in windows.taps():
        y[tap.out] += x[tap.image]
    return y / count


@layer_function
def avg_pool2d_backward(
    dy: Array,
    x: Array,
    *,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tuple[Array]:
    """(dx,): every pixel gets its share of the dy of each window that it lies in; only the shape of x matters.

    Parameters and errors are those of `avg_pool2d`. dy is (N, C, Ho, Wo) and has the dtype of x.

    >>> avg_pool2d_backward(np.array([[[[2.0, 4.0]]]]), np.zeros((1, 1, 1, 3)), kernel_size=(1, 2), stride=1)
    (array([[[[1., 3., 2.]]]]),)
    """
    function = "avg_pool2d_backward"
    windows, count = _plan(function, x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    expect_shape(function, "dy", dy, (*x.shape[:2], *windows.out))
    share = dy / count
    dx = zeros(x.shape, dy)
    for tap in windows.taps():
        dx[tap.image] += share[tap.out]
    return (dx,)


def _plan(
    function: str,
    x: Array,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
) -> tuple[Windows, Array]:
    """The windows, and how many taps of each count (1 if none does): (Ho, Wo), dtype of x."""
    expect_shape(function, "x", x, ("N", "C", "H", "W"))
    if not isinstance(count_include_pad, bool):
        refuse(OptionError, function, "count_include_pad", "True or False", repr(count_include_pad))
    steps = kernel_size if stride is None else stride
    windows = Windows.plan(function, x.shape, kernel_size, steps, padding, 1, ceil_mode)
    return windows, np.maximum(windows.count_taps(count_include_pad), 1).astype(x.dtype)


class AvgPool2d(Layer):
    """Layer form of `avg_pool2d`, without parameters.

    >>> AvgPool2d(2)(np.zeros((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """

    forward_fn, backward_fn = staticmethod(avg_pool2d), staticmethod(avg_pool2d_backward)
    defaults = {"kernel_size": 1, "stride": None, "padding": 0, "ceil_mode": False, "count_include_pad": True}

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            ceil_mode=ceil_mode,
            count_include_pad=count_include_pad,
        )
