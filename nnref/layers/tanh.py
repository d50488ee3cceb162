r"""The hyperbolic tangent, elementwise.

    tanh(x) = (1 − exp(−2x))/(1 + exp(−2x)) = 2σ(2x) − 1,     tanh'(x) = 1 − tanh²(x) = 1/cosh²(x)

The lecture's form 2σ(2x) − 1 cancels near 0. With s = exp(−|x|) − 1 (which NumPy's expm1 gives exactly rounded near 0)
and t = exp(−2|x|) − 1 = s·(2 + s), tanh|x| = −t/(2 + t) does not, and 2|x| is never formed, which may overflow.
Source: the lecture, "Three activations".
"""

from __future__ import annotations

import numpy as np

from ..errors import expect_shape
from ..layer import Layer
from ..numeric import Array, expm1, layer_function

__all__ = ["Tanh", "tanh", "tanh_backward"]


@layer_function
def tanh(x: Array) -> Array:
    """The hyperbolic tangent, elementwise, within a few units in the last place for every x.

    Parameters
    ----------
    x : any shape, floats or exact elements that have an exp (Decimal, Dual over Decimal)

    Returns
    -------
    the shape and dtype of x, in [−1, 1]

    Raises
    ------
    DTypeError : x is no array of floats or exact elements.

    >>> tanh(np.array([-1000.0, 0.0, 1e-300]))
    array([-1.e+000,  0.e+000,  1.e-300])
    """
    s = expm1(np.where(x < 0, x, -x))  # exp(−|x|) − 1
    t = s * (2 + s)
    return np.where(x < 0, t, -t) / (2 + t)


@layer_function
def tanh_backward(dy: Array, x: Array) -> tuple[Array]:
    """(dx,) = (dy/cosh²(x),); dy has the shape of x.

    >>> tanh_backward(np.array([8.0]), np.array([0.0]))
    (array([8.]),)
    """
    expect_shape("tanh_backward", "dy", dy, x.shape)
    e = np.exp(np.where(x < 0, x, -x))  # exp(−|x|)
    sech = 2 * e / (1 + e * e)
    return (dy * (sech * sech),)


class Tanh(Layer):
    """Layer form of `tanh`; no parameters.

    >>> Tanh()(np.zeros(1))
    array([0.])
    """

    forward_fn, backward_fn = staticmethod(tanh), staticmethod(tanh_backward)
