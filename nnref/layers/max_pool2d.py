r"""Max pooling, NCHW.

    Y[n,c,i,j] = max_uv X[n, c, i·s + u·d − p, j·s + v·d − p],    X = −∞ outside the image

It is not linear, so over the reals it is not a convolution (the algebra has a witness). Over the max-plus semiring it
is one. The gradient of a window goes to its maximum; in a tie, to the first maximum in row-major order. A NaN is above
every number, and of several NaN the last one counts. A window without a pixel is −∞ and has no gradient. Source: the
lecture, "Is max pooling a convolution?"; torch for the rules on ties and NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import layer_function
from ..errors import expect_shape
from ..layer import Layer
from ..numeric import Array, negative_infinity, zeros
from ..windows import Windows

__all__ = ["MaxPool2d", "max_pool2d", "max_pool2d_backward"]


@layer_function
def max_pool2d(
    x: Array,
    *,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> Array:
    """The maximum of every window; NaN if the window contains a NaN.

    Parameters
    ----------
    x : (N, C, H, W) floats or ordered exact elements
    kernel_size, dilation : int or (vertical, horizontal), in pixels
    stride : the same, or None for kernel_size
    padding : int, (vertical, horizontal), ((top, bottom), (left, right)), "valid" or "same", in pixels of −∞
    ceil_mode : as in `avg_pool2d`

    Returns
    -------
    (N, C, Ho, Wo), Ho = (H + top + bottom − dilation·(kh − 1) − 1)//stride + 1, rounded up with ceil_mode; dtype of x

    Raises
    ------
    ShapeError : x is not 4-D, or no window fits.
    DTypeError : x is not an array of floats or exact elements.
    OptionError : an option is outside its domain.

    >>> max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), kernel_size=2)[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    windows = _plan("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode)
    y = np.full((*x.shape[:2], *windows.out), negative_infinity(x), x.dtype)
    for tap in windows.taps():
        np.maximum(y[tap.out], x[tap.image], out=y[tap.out])
    return y


@layer_function
def max_pool2d_backward(
    dy: Array,
    x: Array,
    *,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
) -> tuple[Array]:
    """(dx,): the dy of every window goes to the pixel that is its maximum.

    Parameters and errors are those of `max_pool2d`. dy is (N, C, Ho, Wo) and has the dtype of x.

    >>> max_pool2d_backward(np.array([[[[1.0, 10.0]]]]), np.array([[[[0.0, 7.0, 7.0]]]]), kernel_size=(1, 2), stride=1)
    (array([[[[ 0., 11.,  0.]]]]),)
    """
    windows = _plan("max_pool2d_backward", x, kernel_size, stride, padding, dilation, ceil_mode)
    expect_shape("max_pool2d_backward", "dy", dy, (*x.shape[:2], *windows.out))
    n, c, height, width = x.shape
    winners = _winners(x, windows).reshape(n * c, windows.out[0] * windows.out[1])
    dx = zeros((n * c, 1 + height * width), dy)  # column 0 collects what goes to no pixel
    start = np.arange(n * c)[:, None] * dx.shape[1]  # of every image
    np.add.at(dx.reshape(-1), (start + winners).ravel(), dy.ravel())
    return (dx[:, 1:].reshape(x.shape),)


def _winners(x: Array, windows: Windows) -> Array:
    """The pixel that each window's gradient goes to, (N, C, Ho, Wo): counted from 1 in row-major order, 0 for none.

    Invariant: after each tap, `best` and `winners` are what they would be if the taps so far were the whole window.
    `best` is the maximum of the window's pixels so far, −∞ if there is none yet and NaN after the first NaN. `winners`
    is the pixel that holds it: of equal ones the first, of several NaN the last, and 0 if there is no pixel yet.

    Taps come in row-major order, so a later tap of a window lies on a pixel of a higher number: `np.maximum` replaces
    the winner exactly where the new pixel is better. A pixel is better if it is greater than `best`, or the first of
    its window (which may be −∞ and so not greater), or NaN. Once `best` is NaN, only another NaN is better.
    """
    height, width = x.shape[2:]
    numbers = np.arange(1, height * width + 1, dtype=np.min_scalar_type(height * width)).reshape(height, width)
    winners = np.zeros((*x.shape[:2], *windows.out), numbers.dtype)
    best = np.full(winners.shape, negative_infinity(x), x.dtype)
    for tap in windows.taps():
        pixels, maximum, winner = x[tap.image].copy(), best[tap.out], winners[tap.out]
        better = (pixels > maximum) | (winner == 0) | (pixels != pixels)
        np.maximum(winner, better * numbers[tap.image], out=winner)
        np.maximum(maximum, pixels, out=maximum)
    return winners


def _plan(
    function: str, x: Array, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> Windows:
    expect_shape(function, "x", x, ("N", "C", "H", "W"))
    steps = kernel_size if stride is None else stride
    return Windows.plan(function, x.shape, kernel_size, steps, padding, dilation, ceil_mode)


class MaxPool2d(Layer):
    """Layer form of `max_pool2d`, without parameters.

    >>> MaxPool2d(3, stride=2, padding=1)(np.zeros((1, 3, 8, 8))).shape
    (1, 3, 4, 4)
    """

    forward_fn, backward_fn = staticmethod(max_pool2d), staticmethod(max_pool2d_backward)
    defaults = {"kernel_size": 1, "stride": None, "padding": 0, "dilation": 1, "ceil_mode": False}

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(
            kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
        )
