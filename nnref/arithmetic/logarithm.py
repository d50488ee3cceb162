"""Logarithms of rational numbers: an arithmetic in which exponentials are exact.

For x = ln q the values σ(x) and tanh(x) are rational functions of q, so the layers compute them exactly. An identity
between such layers is, on each side of 0, an identity between rational functions of e^|x|.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

__all__ = ["Logarithm"]


class Logarithm:
    """The number ±ln q for an exact q > 1. Immutable.

    It offers what σ, tanh and their derivatives need of x: a sign, integer multiples and an exponential. The
    exponential, and the constants that a layer combines with it, are elements of the arithmetic of q.

    Parameters
    ----------
    q : an element of any exact arithmetic, assumed to be greater than 1
    negative : bool, whether the number is −ln q

    >>> from nnref import tanh
    >>> from nnref.arithmetic import rational
    >>> tanh(np.array([Logarithm(rational(3))]))
    array([Rational(4, 5)], dtype=object)
    """

    __slots__ = ("q", "sign")

    def __init__(self, q: Any, negative: bool = False) -> None:
        self.q, self.sign = q, -1 if negative else 1

    def zero(self) -> Logarithm:
        """ln 1."""
        nothing = Logarithm(self.constant(1))
        nothing.sign = 0
        return nothing

    def constant(self, value: Any) -> Any:
        """`value` in the arithmetic of q."""
        return self.q.constant(value)

    def exp(self) -> Any:
        """q or 1/q."""
        return 1 / self.q if self.sign < 0 else self.q

    def expm1(self) -> Any:
        """exp() − 1."""
        return self.exp() - 1

    def __neg__(self) -> Logarithm:
        return Logarithm(self.q, negative=True) if self.sign > 0 else self if self.sign == 0 else Logarithm(self.q)

    def __abs__(self) -> Logarithm:
        return -self if self.sign < 0 else self

    def __mul__(self, times: int) -> Logarithm:
        if not isinstance(times, int) or times == 0:
            return NotImplemented
        if self.sign == 0:
            return self
        power = functools.reduce(operator.mul, [self.q] * abs(times))
        return Logarithm(power, negative=(self.sign < 0) != (times < 0))

    __rmul__ = __mul__

    def _side(self, other: Any) -> int | None:
        """-1, 0 or 1 if the signs alone tell which of the two is smaller, else None."""
        theirs = other.sign if isinstance(other, Logarithm) else 0 if other == 0 else None
        if theirs is None or self.sign == theirs != 0:
            return None
        return (self.sign > theirs) - (self.sign < theirs)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Logarithm):
            return self.sign == other.sign and (self.sign == 0 or bool(self.q == other.q))
        return self.sign == 0 and other == 0

    def __hash__(self) -> int:
        return hash((self.q, self.sign)) if self.sign else hash(0)

    def __lt__(self, other: Any) -> bool:
        side = self._side(other)
        return NotImplemented if side is None else side < 0

    def __le__(self, other: Any) -> bool:
        side = self._side(other)
        return NotImplemented if side is None else side <= 0

    def __gt__(self, other: Any) -> bool:
        side = self._side(other)
        return NotImplemented if side is None else side > 0

    def __ge__(self, other: Any) -> bool:
        side = self._side(other)
        return NotImplemented if side is None else side >= 0

    def __repr__(self) -> str:
        return f"{'-' if self.sign < 0 else ''}ln({self.q})"
