"""The max-plus semiring: ``+`` is the maximum, ``*`` is the sum of the reals.

Both are associative and commutative, ``*`` distributes over ``+``, zero is -inf and one is 0. A
layer that is written in ``+`` and ``*`` alone runs over it unchanged: a convolution whose kernel is
all ones, ``MaxPlus(0)``, is then a max pooling. There is no subtraction: nothing undoes a maximum.

F. Baccelli, G. Cohen, G. J. Olsder, J.-P. Quadrat, Synchronization and Linearity, 1992, chapter 3.
"""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["MaxPlus", "max_plus"]

MINUS_INFINITY = float("-inf")


class MaxPlus:
    """One element of the max-plus semiring.

    Only MaxPlus mixes with MaxPlus: an int 0 could mean the payload 0, which is *one*, or the zero
    of the semiring, which is -inf.

    Parameters
    ----------
    payload : int, float, Fraction, Rational or Decimal; nan is handed on by ``+`` and ``*``

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
        """The additive zero, -inf: no maximum notices it, and it annihilates every product.

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
            # -inf is a float, which an exact payload would refuse; and -inf * inf is -inf here
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
