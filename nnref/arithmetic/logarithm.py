"""Logarithms of rational numbers: an arithmetic in which exponentials are exact.

For x = ln q the values σ(x) and tanh(x) are rational functions of q. So the layers, run on such x, give exact results,
and an identity between them is one between rational functions of e^|x|, on either side of 0.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

__all__ = ["Logarithm"]


class Logarithm:
    """The number ±ln q for an exact q > 1. Immutable.

    It has what σ, tanh and their derivatives ask of x: a sign, integer multiples and an exponential, which is an
    element of q's arithmetic; so are the constants that a layer mixes with it.

    Parameters
    ----------
    q : an element of any exact arithmetic; it counts as above 1 without being asked
    negative : bool, for −ln q

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
        """-1, 0 or 1 where the signs alone tell which of two is smaller, None where they do not."""
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
