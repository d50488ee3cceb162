"""`decimal.Decimal` at fifty digits, for layers that contain an exponential or a logarithm.

The elements are plain `decimal.Decimal`, which is fast, has `exp`, `sqrt` and `ln`, and already
refuses arithmetic with floats. This module adds a context to compute in and arrays; `expm1` and
`log1p` come from `nnref.decimal_functions`.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..decimal_functions import expm1, log1p
from ..errors import DTypeError, OptionError, expect_count, refuse

__all__ = ["decimal", "decimals", "expm1", "fifty_digits", "log1p"]


@contextmanager
def fifty_digits(digits: int = 50) -> Iterator[Context]:
    """Compute with `decimal.Decimal` to `digits` significant digits inside the ``with`` block.

    The range of exponents is as wide as possible, so that an exponential neither overflows nor
    underflows early. A division by zero, an overflow or an operation without a value (inf - inf)
    raises an error, because nan is useless as a reference.

    Parameters
    ----------
    digits : int, at least 1

    Raises
    ------
    OptionError : `digits` is not an int, or is below 1.

    Examples
    --------
    >>> with fifty_digits():
    ...     print(Decimal(2).sqrt())
    1.4142135623730950488016887242096980785696718753769
    """
    context = Context(
        prec=expect_count("fifty_digits", "digits", digits),
        rounding=ROUND_HALF_EVEN,
        Emin=MIN_EMIN,
        Emax=MAX_EMAX,
        clamp=0,
        flags=[],
        traps=[InvalidOperation, DivisionByZero, Overflow],
    )
    with localcontext(context) as local:
        yield local


def decimal(value: Any) -> Decimal:
    """`value` as a Decimal.

    The result is exact for int, float, Decimal and str. A Fraction, a Rational and a NumPy
    longdouble are rounded to the digits of the current context.

    Raises
    ------
    DTypeError : `value` is neither a number nor a string.
    OptionError : `value` is a string that does not denote a number.

    Examples
    --------
    >>> decimal(0.1)
    Decimal('0.1000000000000000055511151231257827021181583404541015625')
    """
    if isinstance(value, int | float | Decimal):
        return Decimal(value)
    if isinstance(value, str):
        with localcontext() as context:
            context.traps[InvalidOperation] = False  # so that "one" becomes nan
            parsed = Decimal(value)
        if parsed.is_nan() and "nan" not in value.lower():
            refuse(OptionError, "decimal", "value", "a number", repr(value))
        return parsed
    if isinstance(value, numbers.Rational):
        return Decimal(int(value.numerator)) / Decimal(int(value.denominator))
    if isinstance(value, np.floating) and not np.isfinite(value):
        return Decimal(float(value))
    if isinstance(value, np.floating):
        above, below = value.as_integer_ratio()
        return Decimal(above) / Decimal(below)
    refuse(DTypeError, "decimal", "value", "a number or a string", type(value).__name__)


def decimals(array: ArrayLike) -> NDArray[Any]:
    """Every element of `array` as a `decimal.Decimal`; a float counts by its exact binary value.

    Parameters
    ----------
    array : array of int, float, Fraction, Rational or str, of any shape

    Returns
    -------
    object array of Decimal, of the same shape

    Raises
    ------
    DTypeError, OptionError : as `decimal`, for any element.

    Examples
    --------
    >>> decimals([0.5, 3]).tolist()
    [Decimal('0.5'), Decimal('3')]
    """
    return np.asarray(np.frompyfunc(decimal, 1, 1)(array), object)
