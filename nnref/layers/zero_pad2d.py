r"""Explicit zero padding, NCHW.

    Y[n, c, i + top, j + left] = X[n,c,i,j],    Y = 0 elsewhere

It is a layer of its own because it cannot always be folded into the padding of the next layer. The fold is right for a
convolution and for an average pool that counts its padding. It is wrong for a max pool, which pads with −∞. Source:
torch.nn.ZeroPad2d.
"""

from __future__ import annotations

from typing import Any

from ..dtypes import layer_function
from ..errors import expect_shape
from ..layer import Layer
from ..numeric import Array, zeros
from ..options import pair_of_pairs

__all__ = ["ZeroPad2d", "zero_pad2d", "zero_pad2d_backward"]


@layer_function
def zero_pad2d(x: Array, *, padding: Any) -> Array:
    """Surround every image with zeros.

    Parameters
    ----------
    x : (N, C, H, W) floats or exact elements
    padding : int, (vertical, horizontal) or ((top, bottom), (left, right)), in pixels, at least 0

    Returns
    -------
    (N, C, H + top + bottom, W + left + right); dtype of x

    Raises
    ------
    ShapeError, DTypeError : x has the wrong shape or dtype.
    OptionError : padding is negative, or not a number of pixels.

    >>> zero_pad2d(np.ones((1, 1, 1, 2)), padding=((0, 1), (2, 0)))
    array([[[[0., 0., 1., 1.],
             [0., 0., 0., 0.]]]])
    """
    shape, image = _plan("zero_pad2d", x, padding)
    y = zeros(shape, x)
    y[image] = x
    return y


@layer_function
def zero_pad2d_backward(dy: Array, x: Array, *, padding: Any) -> tuple[Array]:
    """(dx,): the part of dy that lies on the image; only the shape of x matters.

    >>> zero_pad2d_backward(np.arange(4.0).reshape(1, 1, 1, 4), np.ones((1, 1, 1, 2)), padding=(0, 1))
    (array([[[[1., 2.]]]]),)
    """
    shape, image = _plan("zero_pad2d_backward", x, padding)
    expect_shape("zero_pad2d_backward", "dy", dy, shape)
    return (dy[image].copy(),)


def _plan(function: str, x: Array, padding: Any) -> tuple[tuple[int, ...], tuple[Any, slice, slice]]:
    """The padded shape, and where in it the image lies."""
    expect_shape(function, "x", x, ("N", "C", "H", "W"))
    (top, bottom), (left, right) = pair_of_pairs(function, "padding", padding)
    n, c, height, width = x.shape
    shape = (n, c, height + top + bottom, width + left + right)
    return shape, (..., slice(top, top + height), slice(left, left + width))


class ZeroPad2d(Layer):
    """Layer form of `zero_pad2d`, without parameters.

    >>> ZeroPad2d(1)(np.zeros((1, 3, 8, 8))).shape
    (1, 3, 10, 10)
    """

    forward_fn, backward_fn = staticmethod(zero_pad2d), staticmethod(zero_pad2d_backward)
    defaults = {"padding": 0}

    def __init__(self, padding: Any) -> None:
        super().__init__(padding=padding)
