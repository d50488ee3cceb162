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

    __slots__ = ("negative", "q")

    def __init__(self, q: Any, negative: bool = False) -> None:
        self.q, self.negative = q, negative

    def constant(self, value: Any) -> Any:
        """`value` in the arithmetic of q."""
        return self.q.constant(value)

    def exp(self) -> Any:
        """q or 1/q."""
        return 1 / self.q if self.negative else self.q

    def expm1(self) -> Any:
        """exp() − 1."""
        return self.exp() - 1

    def __neg__(self) -> Logarithm:
        return Logarithm(self.q, not self.negative)

    def __abs__(self) -> Logarithm:
        return Logarithm(self.q)

    def __mul__(self, times: int) -> Logarithm:
        if not isinstance(times, int) or times == 0:
            return NotImplemented
        return Logarithm(functools.reduce(operator.mul, [self.q] * abs(times)), self.negative != (times < 0))

    __rmul__ = __mul__

    def __lt__(self, other: Any) -> bool:
        return self.negative if other == 0 else NotImplemented

    def __gt__(self, other: Any) -> bool:
        return not self.negative if other == 0 else NotImplemented

    def __repr__(self) -> str:
        return f"{'-' if self.negative else ''}ln({self.q})"
