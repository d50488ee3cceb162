r"""Rectified linear unit, elementwise.

    ReLU(x) = max(0, x),     ReLU'(x) = 1 for x > 0, else 0

The derivative at the kink is 0 by convention (torch, jax.nn.relu). NaN propagates, both forward and backward.
Source: the lecture, "Three activations".
"""

from __future__ import annotations

import numpy as np

from ..dtypes import layer_function
from ..errors import expect_shape
from ..layer import Layer
from ..numeric import Array, zeros

__all__ = ["ReLU", "relu", "relu_backward"]


@layer_function
def relu(x: Array) -> Array:
    """max(0, x), elementwise; NaN stays NaN.

    Parameters
    ----------
    x : any shape, floats or ordered exact elements

    Returns
    -------
    the shape and dtype of x

    Raises
    ------
    DTypeError : x is not an array of floats or exact elements.

    >>> relu(np.array([-2.0, 0.0, 3.0]))
    array([0., 0., 3.])
    """
    return np.maximum(zeros((), x), x)


@layer_function
def relu_backward(dy: Array, x: Array) -> tuple[Array]:
    """(dx,): dy where x > 0 or x is NaN, and 0 elsewhere; dy has the shape of x.

    >>> relu_backward(np.array([5.0, 6.0, 7.0]), np.array([-2.0, 0.0, 3.0]))
    (array([0., 0., 7.]),)
    """
    expect_shape("relu_backward", "dy", dy, x.shape)
    return (np.where(x <= 0, zeros((), dy), dy),)


class ReLU(Layer):
    """Layer form of `relu`, without parameters.

    >>> ReLU()(np.array([-2.0, 3.0]))
    array([0., 3.])
    """

    forward_fn, backward_fn = staticmethod(relu), staticmethod(relu_backward)
