r"""The hyperbolic tangent, elementwise.

    tanh(x) = (1 − exp(−2x))/(1 + exp(−2x)) = 2σ(2x) − 1,     tanh'(x) = 1 − tanh²(x) = 1/cosh²(x)

The lecture's form 2σ(2x) − 1 cancels near 0. Let p = exp(2·min(x, 0)) − 1 and q = exp(2·min(−x, 0)) − 1, one of which
is 0. Then tanh = (p − q)/(2 + p + q) does not cancel. Both are computed from s = exp(·) − 1 as s·(2 + s), because
doubling x could overflow. Source: the lecture, "Three activations".
"""

from __future__ import annotations

import numpy as np

from ..dtypes import layer_function
from ..errors import expect_shape
from ..layer import Layer
from ..numeric import Array, expm1, zeros

__all__ = ["Tanh", "tanh", "tanh_backward"]


@layer_function
def tanh(x: Array) -> Array:
    """The hyperbolic tangent, elementwise, within a few units in the last place for every x.

    Parameters
    ----------
    x : any shape, floats or exact elements that have an expm1 (Decimal, Dual over Decimal, Logarithm)

    Returns
    -------
    the shape and dtype of x, in [−1, 1]

    Raises
    ------
    DTypeError : x is not an array of floats or exact elements.

    >>> tanh(np.array([-1000.0, 0.0, 1e-300]))
    array([-1.e+000,  0.e+000,  1.e-300])
    """
    zero = zeros((), x)
    up, down = expm1(np.minimum(zero, x)), expm1(np.minimum(-x, zero))
    p, q = up * (2 + up), down * (2 + down)
    return (p - q) / (2 + p + q)


@layer_function
def tanh_backward(dy: Array, x: Array) -> tuple[Array]:
    """(dx,) = (dy/cosh²(x),); dy has the shape of x.

    >>> tanh_backward(np.array([8.0]), np.array([0.0]))
    (array([8.]),)
    """
    expect_shape("tanh_backward", "dy", dy, x.shape)
    e = np.exp(np.minimum(x, -x))  # exp(−|x|)
    sech = 2 * e / (1 + e * e)
    return (dy * (sech * sech),)


class Tanh(Layer):
    """Layer form of `tanh`, without parameters.

    >>> Tanh()(np.zeros(1))
    array([0.])
    """

    forward_fn, backward_fn = staticmethod(tanh), staticmethod(tanh_backward)
