"""Constants and functions for a number that may be a float, a Decimal or an element."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np

from ..errors import DTypeError, refuse
from .decimals import decimal, expm1

__all__ = ["apply", "constant_like"]


def constant_like(like: Any, value: Any) -> Any:
    """`value`, an int, a float or a Fraction, in the arithmetic of the number `like`.

    >>> constant_like(Decimal(3), 0.5)
    Decimal('0.5')
    """
    if isinstance(like, Decimal):
        return decimal(value)
    return like.constant(value) if hasattr(like, "constant") else type(like)(value)


def apply(function: str, number: Any) -> Any:
    """``function(number)`` in the arithmetic of `number`, where `function` is "sqrt", "exp", "expm1" or "log".

    >>> apply("sqrt", 4.0), apply("log", Decimal(1))
    (2.0, Decimal('0'))
    """
    if isinstance(number, float | np.floating):
        return type(number)(getattr(np, function)(number))
    if isinstance(number, Decimal) and function in ("expm1", "log"):
        return expm1(number) if function == "expm1" else number.ln()
    if not hasattr(number, function):
        expected = f"of an arithmetic that has {function}"
        refuse(DTypeError, f"Dual.{function}", "value", expected, type(number).__name__)
    return getattr(number, function)()
