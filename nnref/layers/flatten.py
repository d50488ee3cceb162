"""Flatten: every sample's image as one row, channels outermost. Source: torch.nn.Flatten."""

from __future__ import annotations

import math

from ..dtypes import layer_function
from ..errors import expect_shape
from ..layer import Layer
from ..numeric import Array

__all__ = ["Flatten", "flatten", "flatten_backward"]


@layer_function
def flatten(x: Array) -> Array:
    """(N, C, H, W) -> (N, C·H·W); the result is a copy.

    Parameters
    ----------
    x : (N, C, H, W) floats or exact elements

    Returns
    -------
    (N, C·H·W); dtype of x

    Raises
    ------
    ShapeError, DTypeError : x has the wrong shape or dtype.

    >>> flatten(np.arange(4.0).reshape(1, 2, 1, 2))
    array([[0., 1., 2., 3.]])
    """
    expect_shape("flatten", "x", x, ("N", "C", "H", "W"))
    return x.copy().reshape(len(x), math.prod(x.shape[1:]))


@layer_function
def flatten_backward(dy: Array, x: Array) -> tuple[Array]:
    """(dx,): a copy of dy in the shape of x; dy is (N, C·H·W).

    >>> flatten_backward(np.arange(4.0).reshape(1, 4), np.zeros((1, 2, 1, 2)))[0].shape
    (1, 2, 1, 2)
    """
    expect_shape("flatten_backward", "x", x, ("N", "C", "H", "W"))
    expect_shape("flatten_backward", "dy", dy, (len(x), math.prod(x.shape[1:])))
    return (dy.copy().reshape(x.shape),)


class Flatten(Layer):
    """Layer form of `flatten`, without parameters.

    >>> Flatten()(np.zeros((2, 3, 4, 4))).shape
    (2, 48)
    """

    forward_fn, backward_fn = staticmethod(flatten), staticmethod(flatten_backward)
