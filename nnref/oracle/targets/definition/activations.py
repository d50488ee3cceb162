r"""Activations, one number at a time, by formulas in which no exponential overflows.

    sigmoid(x) = 1 / (1 + e^-x) = e^x / (1 + e^x)      sigmoid'(x) = sigmoid(x) * sigmoid(-x)
    tanh(x) = sign(x) * (1 - t) / (1 + t)              tanh'(x) = 4 t / (1 + t)^2,  t = e^(-2|x|)
    relu(x) = 0 if x < 0 else x                        relu'(x) = 0 if x <= 0 else 1

So relu keeps NaN and -0, passes no gradient at 0, and passes the whole gradient at NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .elements import constant, exp, over_elements, zero, zeros

Array = NDArray[Any]


def _map(function: Callable[..., Any], *arrays: Array) -> Array:
    """The array of function(element, ...) over arrays of the same shape."""
    result = zeros(arrays[0].shape, arrays[0])
    for at in np.ndindex(arrays[0].shape):
        result[at] = function(*(array[at] for array in arrays))
    return result


def _sigmoid(e: Any) -> Any:
    """1 / (1 + e^-x) for x >= 0, e^x / (1 + e^x) below."""
    one = constant(e, 1)
    if e >= constant(e, 0):
        return one / (one + exp(-e))
    return exp(e) / (one + exp(e))


def _exp_minus_2_abs(e: Any) -> Any:
    """e^(-2|x|)"""
    return exp(-(e + e) if e >= constant(e, 0) else e + e)


def _tanh(e: Any) -> Any:
    """The C library's tanh for floats, an element's own, or (1 - t) / (1 + t) with the sign of x.

    Near 0 the quotient cancels, and only its absolute error is within the element's precision.
    """
    if hasattr(e, "tanh"):
        return e.tanh()
    if isinstance(e, np.longdouble):
        return np.tanh(e)
    if isinstance(e, (float, np.floating)):
        return type(e)(math.tanh(e))
    one, t = constant(e, 1), _exp_minus_2_abs(e)
    magnitude = (one - t) / (one + t)
    return magnitude if e >= constant(e, 0) else -magnitude


@over_elements
def sigmoid(x: Array) -> Array:
    """y = 1 / (1 + e^-x)"""
    return _map(_sigmoid, x)


@over_elements
def sigmoid_backward(dy: Array, x: Array) -> tuple[Array]:
    """dx = dy * sigmoid(x) * sigmoid(-x): sigmoid * (1 - sigmoid) without its cancellation."""
    return (_map(lambda d, e: d * (_sigmoid(e) * _sigmoid(-e)), dy, x),)


@over_elements
def tanh(x: Array) -> Array:
    """y = (e^x - e^-x) / (e^x + e^-x)"""
    return _map(_tanh, x)


@over_elements
def tanh_backward(dy: Array, x: Array) -> tuple[Array]:
    """dx = dy * 4 t / (1 + t)^2, t = e^(-2|x|): 1 - tanh^2 without its cancellation."""

    def slope(e: Any) -> Any:
        t = _exp_minus_2_abs(e)
        denominator = constant(e, 1) + t
        return constant(e, 4) * t / (denominator * denominator)

    return (_map(lambda d, e: d * slope(e), dy, x),)


@over_elements
def relu(x: Array) -> Array:
    """y = 0 where x < 0, else x"""
    nothing = zero(x)
    return _map(lambda e: nothing if e < nothing else e, x)


@over_elements
def relu_backward(dy: Array, x: Array) -> tuple[Array]:
    """dx = 0 where x <= 0, else dy (so also where x is NaN)"""
    nothing = zero(x)
    return (_map(lambda d, e: nothing if e <= nothing else d, dy, x),)
