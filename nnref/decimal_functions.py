"""The two functions of a `decimal.Decimal` that cancel when written as ``exp(x) - 1`` and ``ln(1 + x)``.

Layers use them through `numeric`, and people through `nnref.arithmetic`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, getcontext, localcontext

__all__ = ["expm1", "log1p"]


def expm1(x: Decimal) -> Decimal:
    """``exp(x) - 1``, accurate to the last digit of the current context, also for small `x`.

    >>> expm1(Decimal("1e-20"))
    Decimal('1.000000000000000000005000000E-20')
    """
    return _without_cancellation(x, lambda y: y.exp() - 1)


def log1p(x: Decimal) -> Decimal:
    """``ln(1 + x)``, accurate to the last digit of the current context, also for small `x`.

    >>> log1p(Decimal("1e-20"))
    Decimal('9.999999999999999999950000000E-21')
    """
    return _without_cancellation(x, lambda y: (1 + y).ln())


def _without_cancellation(x: Decimal, function: Callable[[Decimal], Decimal]) -> Decimal:
    """function(x) = x + O(x²), computed with as many extra digits as cancel in it."""
    cancelled = -x.adjusted()
    if not x or cancelled > getcontext().prec:
        return getcontext().plus(x)  # O(x²) is below the last digit
    with localcontext() as context:
        context.prec += max(0, cancelled) + 3
        result = function(x)
    return getcontext().plus(result)
