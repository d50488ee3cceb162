"""The max-plus semiring: ``+`` is the maximum, and ``*`` is the sum of real numbers.

Both are associative and commutative, and ``*`` distributes over ``+``. Zero is -inf and one is 0. A
layer that is written in ``+`` and ``*`` alone runs over the semiring unchanged: a convolution whose
kernel is all ones, ``MaxPlus(0)``, is then a max pool. There is no subtraction, because nothing
undoes a maximum.

Source: F. Baccelli, G. Cohen, G. J. Olsder, J.-P. Quadrat, Synchronization and Linearity, 1992,
chapter 3.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["MaxPlus", "max_plus"]

MINUS_INFINITY = float("-inf")


class MaxPlus:
    """One element of the max-plus semiring.

    It mixes only with MaxPlus, because an int 0 could mean two things: the payload 0, which is the
    semiring's *one*, or the semiring's zero, which is -inf.

    Parameters
    ----------
    payload : int, float, Fraction, Rational or Decimal; ``+`` and ``*`` propagate nan

    Examples
    --------
    >>> MaxPlus(2) + MaxPlus(3), MaxPlus(2) * MaxPlus(3)
    (MaxPlus(3), MaxPlus(5))
    >>> MaxPlus(2) - MaxPlus(3)
    Traceback (most recent call last):
    TypeError: MaxPlus has no subtraction or negation: a maximum cannot be undone
    """

    __slots__ = ("payload",)

    payload: Any

    def __init__(self, payload: Any) -> None:
        self.payload = payload

    def zero(self) -> MaxPlus:
        """The additive zero, -inf: it changes no maximum and annihilates every product.

        >>> MaxPlus(3).zero()
        MaxPlus(-inf)
        """
        return MaxPlus(MINUS_INFINITY)

    def constant(self, value: Any) -> MaxPlus:
        """The element with the payload `value`; ``constant(0)`` is the multiplicative one.

        >>> MaxPlus(3) * MaxPlus(3).constant(0)
        MaxPlus(3)
        """
        return MaxPlus(value)

    def __add__(self, other: Any) -> MaxPlus:
        if not isinstance(other, MaxPlus):
            return NotImplemented
        if self.payload >= other.payload or self.payload != self.payload:  # nan != nan
            return self
        return other

    def __mul__(self, other: Any) -> MaxPlus:
        if not isinstance(other, MaxPlus):
            return NotImplemented
        for one, another in (self, other), (other, self):
            # an exact payload would refuse the float -inf; and -inf * inf is -inf here
            if one.payload == MINUS_INFINITY and another.payload == another.payload:
                return one
        return MaxPlus(self.payload + other.payload)

    def _no_inverse(self, *_: Any) -> NoReturn:
        raise TypeError("MaxPlus has no subtraction or negation: a maximum cannot be undone")

    __sub__ = __rsub__ = __neg__ = _no_inverse

    def __eq__(self, other: object) -> bool:
        return self.payload == other.payload if isinstance(other, MaxPlus) else NotImplemented

    def __hash__(self) -> int:
        return hash((MaxPlus, self.payload))

    def __repr__(self) -> str:
        return f"MaxPlus({self.payload})"


def max_plus(array: ArrayLike) -> NDArray[Any]:
    """Every element of `array` as the payload of a `MaxPlus`.

    Parameters
    ----------
    array : array of int, float, Fraction or Rational, of any shape

    Returns
    -------
    object array of MaxPlus, of the same shape

    Examples
    --------
    >>> x = max_plus([[1.0, 5.0], [4.0, 2.0]])
    >>> x @ max_plus([0.0, 0.0])
    array([MaxPlus(5.0), MaxPlus(4.0)], dtype=object)
    """
    return np.asarray(np.frompyfunc(MaxPlus, 1, 1)(array), object)
