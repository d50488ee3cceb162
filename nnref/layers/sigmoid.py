r"""The logistic sigmoid, elementwise.

    σ(x) = 1/(1 + exp(−x)),     σ'(x) = σ(x)·(1 − σ(x)) ≤ 1/4

Let u = min(x, 0) and v = min(−x, 0), one of which is 0. Then σ = exp(u)/(exp(u) + exp(v)), where no exp can overflow
and nothing cancels. With e = exp(−|x|), σ' = e/(1 + e)² does not cancel either, not even where σ is near 1. The lecture
names two drawbacks: the output is not centred at zero, and the derivative vanishes for large |x|. Source: the lecture,
"Three activations".
"""

from __future__ import annotations

import numpy as np

from ..dtypes import layer_function
from ..errors import expect_shape
from ..layer import Layer
from ..numeric import Array, zeros

__all__ = ["Sigmoid", "sigmoid", "sigmoid_backward"]


@layer_function
def sigmoid(x: Array) -> Array:
    """1/(1 + exp(−x)), elementwise, within a few units in the last place for every x.

    Parameters
    ----------
    x : any shape, floats or exact elements that have an exp (Decimal, Dual over Decimal, Logarithm)

    Returns
    -------
    the shape and dtype of x, in [0, 1]

    Raises
    ------
    DTypeError : x is not an array of floats or exact elements.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    zero = zeros((), x)
    up, down = np.exp(np.minimum(zero, x)), np.exp(np.minimum(-x, zero))
    return up / (up + down)


@layer_function
def sigmoid_backward(dy: Array, x: Array) -> tuple[Array]:
    """(dx,) = (dy·σ'(x),); dy has the shape of x.

    >>> sigmoid_backward(np.array([8.0]), np.array([0.0]))
    (array([2.]),)
    """
    expect_shape("sigmoid_backward", "dy", dy, x.shape)
    e = np.exp(np.minimum(x, -x))  # exp(−|x|)
    return (dy * (e / ((1 + e) * (1 + e))),)


class Sigmoid(Layer):
    """Layer form of `sigmoid`, without parameters.

    >>> Sigmoid()(np.zeros(1))
    array([0.5])
    """

    forward_fn, backward_fn = staticmethod(sigmoid), staticmethod(sigmoid_backward)
