"""Degrees of rational functions as an arithmetic: they give the degree of a law for the Schwartz–Zippel bound."""

from __future__ import annotations

from typing import Any

__all__ = ["Degree"]


class Degree:
    """Upper bounds on the degrees of a numerator and a denominator; both are 0 for a number.

    A law that runs over them gives the degrees of its outputs, whatever layers it contains.

    >>> x = Degree(1)
    >>> x * x - 3, (x + 1) / (x * x)
    (Degree(2, 0), Degree(1, 2))
    """

    __slots__ = ("above", "below")

    def __init__(self, above: int = 0, below: int = 0) -> None:
        self.above, self.below = above, below

    def zero(self) -> Degree:
        """The degree of a number."""
        return Degree()

    def constant(self, value: Any) -> Degree:
        """The degree of a number."""
        return Degree()

    def __add__(self, other: Any) -> Degree:
        other = _degree(other)
        return Degree(max(self.above + other.below, other.above + self.below), self.below + other.below)

    def __mul__(self, other: Any) -> Degree:
        other = _degree(other)
        return Degree(self.above + other.above, self.below + other.below)

    def __truediv__(self, other: Any) -> Degree:
        other = _degree(other)
        return Degree(self.above + other.below, self.below + other.above)

    def __rtruediv__(self, other: Any) -> Degree:
        return _degree(other) / self

    def __pow__(self, exponent: int) -> Degree:
        return Degree(self.above * exponent, self.below * exponent) if exponent >= 0 else 1 / self**-exponent

    def __neg__(self) -> Degree:
        return self

    def __eq__(self, other: object) -> bool:
        raise TypeError("degrees do not tell whether two elements are equal")

    def __bool__(self) -> bool:
        raise TypeError("a degree does not tell whether an element is 0")

    __hash__ = None  # type: ignore[assignment]

    __radd__ = __sub__ = __rsub__ = __add__
    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"Degree({self.above}, {self.below})"


def _degree(value: Any) -> Degree:
    return value if isinstance(value, Degree) else Degree()
