"""Arrays of `Dual` numbers: how to make variables, and how to read derivatives from a result."""

from __future__ import annotations

import numbers
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DTypeError, refuse
from .dual import Dual
from .rational import rational

__all__ = ["derivative", "dual_variables", "gradient"]


def dual_variables(name: str, values: ArrayLike) -> NDArray[Any]:
    """An array in which every element is a variable of its own, with its value from `values`.

    The key of a variable is ``(name, index)``, where the index is a tuple of int.

    Parameters
    ----------
    name : str
    values : array of Rational, Fraction or int (which become Rational), Decimal or float

    Returns
    -------
    object array of Dual, of the shape of `values`

    Raises
    ------
    DTypeError : an element is not a number.

    Examples
    --------
    >>> x = dual_variables("x", [3, 5])
    >>> x[0] * x[1]
    Dual(Rational(15), {('x', (0,)): Rational(5), ('x', (1,)): Rational(3)})
    """
    given = np.asarray(values).astype(object)
    array = np.empty(given.shape, object)
    for index in np.ndindex(given.shape):
        value = given[index]
        if not isinstance(value, numbers.Real | Decimal) and not hasattr(value, "constant"):
            refuse(DTypeError, "dual_variables", "values", "numbers or exact elements", type(value).__name__)
        constant = Dual(rational(value) if isinstance(value, numbers.Rational) else value)
        array[index] = Dual(constant.value, {(name, index): constant.constant(1).value})
    return array


def derivative(y: Any, key: Hashable) -> Any:
    """The partial derivative of every element of `y` by the variable `key`.

    Parameters
    ----------
    y : Dual, or array of Dual of any shape
    key : ``(name, index)`` of a variable from `dual_variables`

    Returns
    -------
    element of the arithmetic of the values, or object array of them of the shape of `y`

    Raises
    ------
    DTypeError : an element of `y` is not a Dual.

    Examples
    --------
    >>> x = dual_variables("x", [3, 5])
    >>> derivative(x * x[0], ("x", (0,)))
    array([Rational(6), Rational(5)], dtype=object)
    """
    partials = np.frompyfunc(lambda element: _dual("derivative", element).partial(key), 1, 1)(y)
    return np.asarray(partials, object) if isinstance(y, np.ndarray) else partials


def gradient(y: Any, name: str, shape: int | tuple[int, ...]) -> NDArray[Any]:
    """The partial derivatives of the scalar `y` by all variables of the array called `name`.

    Parameters
    ----------
    y : Dual, or array with one element
    name : str, as given to `dual_variables`
    shape : int or tuple of int, the shape of the values given to `dual_variables`

    Returns
    -------
    object array of shape `shape`, with the zero of the arithmetic where `y` does not depend on a variable

    Raises
    ------
    DTypeError : `y` is not a Dual.

    Examples
    --------
    >>> x = dual_variables("x", [3, 5])
    >>> gradient(x[0] ** 2, "x", 2)
    array([Rational(6), Rational(0)], dtype=object)
    """
    scalar = _dual("gradient", y.item() if isinstance(y, np.ndarray) and y.size == 1 else y)
    array = np.empty(shape, object)
    for index in np.ndindex(array.shape):
        array[index] = scalar.partial((name, index))
    return array


def _dual(function: str, y: Any) -> Dual:
    if not isinstance(y, Dual):
        refuse(DTypeError, function, "y", "of Dual elements", type(y).__name__)
    return y
