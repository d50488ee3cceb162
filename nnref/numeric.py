"""What differs between arithmetics: zero, constants, sums, −∞, and the functions that are not operators.

A layer is written once, in ``+ - * /``, ``@``, ``sum`` and comparisons. The elements of its arrays decide what it
computes: floats give the everyday value, `Rational` the exact value, `Polynomial` a formula for all values. Operators
need no help, because the elements define them. For everything else a layer asks this module, which asks the elements.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import decimal_functions

__all__ = ["Array", "constant", "expm1", "log", "negative_infinity", "sum_over", "zeros"]

Array = NDArray[Any]


def zeros(shape: tuple[int, ...], *like: Array) -> Array:
    """An array of the additive zero of the arithmetic of `like` (−∞ in the max-plus semiring).

    >>> from fractions import Fraction
    >>> zeros((2,), np.array([Fraction(1, 3)]))
    array([Fraction(0, 1), Fraction(0, 1)], dtype=object)
    """
    if like[0].dtype != object:
        return np.zeros(shape, like[0].dtype)
    return np.full(shape, _zero(like), object)


def constant(value: float, *like: Array) -> Any:
    """`value`, an option such as eps, as an element of the arithmetic of `like`; exact in an exact arithmetic.

    >>> from fractions import Fraction
    >>> constant(0.5, np.array([Fraction(1, 3)]))
    Fraction(1, 2)
    """
    if like[0].dtype != object:
        return like[0].dtype.type(value)
    element = _element(like)
    return element.constant(value) if hasattr(element, "constant") else type(element)(value)


def sum_over(array: Array, axis: int | tuple[int, ...], *like: Array) -> Array:
    """``array.sum(axis)``, where an empty sum is the zero of the arithmetic; NumPy's own would be the int 0."""
    if array.dtype != object:
        return np.asarray(array.sum(axis=axis))
    return np.asarray(array.sum(axis=axis, initial=_zero((array, *like))), object)


def negative_infinity(like: Array) -> Any:
    """−∞, which is below every element; a float in an object array, because exact elements compare with it."""
    return like.dtype.type("-inf") if like.dtype != object else float("-inf")


def expm1(x: Array) -> Array:
    """``exp(x) - 1``, elementwise, without cancellation near 0, in every arithmetic that has an exp."""
    return np.asarray(np.expm1(x) if x.dtype != object else _expm1_of_elements(x))


def log(x: Array) -> Array:
    """The natural logarithm, elementwise; the method of a `Decimal` is called ``ln``."""
    return np.asarray(np.log(x) if x.dtype != object else _log_of_elements(x))


_expm1_of_elements = np.frompyfunc(lambda x: decimal_functions.expm1(x) if isinstance(x, Decimal) else x.expm1(), 1, 1)
_log_of_elements = np.frompyfunc(lambda x: x.ln() if isinstance(x, Decimal) else x.log(), 1, 1)


def _zero(like: tuple[Array, ...]) -> Any:
    element = _element(like)
    return element.zero() if hasattr(element, "zero") else type(element)(0)


def _element(arrays: tuple[Array, ...]) -> Any:
    """The first element that tells its arithmetic: not a float, which stands for the maximum of no pixel, −∞."""
    return next((element for array in arrays for element in array.flat if type(element) is not float), 0)
