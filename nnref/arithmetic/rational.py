"""Exact rational numbers, with the square root of a perfect square.

`fractions.Fraction` has no `sqrt`, and becomes a float as soon as it meets one. A `Rational` stays
exact or raises an error. Sums and products divide by common factors before they multiply, not after.
Source: Knuth, The Art of Computer Programming, volume 2, section 4.5.1.
"""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import DTypeError, OptionError, refuse

__all__ = ["Rational", "rational", "rationals"]


def _comparison(relation: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    """`relation` as an operator; infinity and nan compare with every rational as they do with 0."""

    def compare(self: Rational, other: Any) -> Any:
        if other.__class__ is not Rational:
            is_float = isinstance(other, float | np.floating)
            if is_float and not np.isfinite(other):
                return relation(0.0, other)
            other = rational(other) if is_float else _operand(other)
            if other is None:
                return NotImplemented
        return relation(self.numerator * other.denominator, other.numerator * self.denominator)

    return compare


class Rational:
    """``numerator / denominator`` in lowest terms, closed under ``+ - * /`` and integer powers.

    It mixes with int and `fractions.Fraction`, and has the same hash as an equal one. Arithmetic with a
    float is a TypeError; comparison with a float is exact. Immutable.

    Examples
    --------
    >>> Rational(1, 3) + Rational(1, 6)
    Rational(1, 2)
    >>> Rational(1, 2) == 0.5, Rational(1, 2) > float("-inf")
    (True, True)
    >>> Rational(1, 2) * 0.5
    Traceback (most recent call last):
    TypeError: unsupported operand type(s) for *: 'Rational' and 'float'
    """

    __slots__ = ("denominator", "numerator")

    def __init__(self, numerator: int = 0, denominator: int = 1) -> None:
        if denominator == 0:
            raise ZeroDivisionError(f"Rational({numerator}, 0)")
        common = math.gcd(numerator, denominator)
        if denominator < 0:
            common = -common
        self.numerator = operator.index(numerator) // common
        self.denominator = operator.index(denominator) // common

    def zero(self) -> Rational:
        """The additive zero.

        >>> Rational(1, 3).zero()
        Rational(0)
        """
        return _in_lowest_terms(0, 1)

    def constant(self, value: float | Fraction) -> Rational:
        """The exact value of an int, float or Fraction.

        >>> Rational(1, 3).constant(0.75)
        Rational(3, 4)
        """
        return rational(value)

    def sqrt(self) -> Rational:
        """The exact square root; an ArithmeticError if it is not rational.

        >>> Rational(9, 4).sqrt()
        Rational(3, 2)
        >>> Rational(1, 2).sqrt()
        Traceback (most recent call last):
        ArithmeticError: Rational.sqrt: 1/2 is not the square of a rational number
        """
        if self.numerator >= 0:
            above, below = math.isqrt(self.numerator), math.isqrt(self.denominator)
            if above * above == self.numerator and below * below == self.denominator:
                return _in_lowest_terms(above, below)
        raise ArithmeticError(f"Rational.sqrt: {self} is not the square of a rational number")

    def __add__(self, other: Any) -> Rational:
        if other.__class__ is not Rational and (other := _operand(other)) is None:
            return NotImplemented
        return _sum(self.numerator, self.denominator, other.numerator, other.denominator)

    def __sub__(self, other: Any) -> Rational:
        if other.__class__ is not Rational and (other := _operand(other)) is None:
            return NotImplemented
        return _sum(self.numerator, self.denominator, -other.numerator, other.denominator)

    def __mul__(self, other: Any) -> Rational:
        if other.__class__ is not Rational and (other := _operand(other)) is None:
            return NotImplemented
        return _product(self.numerator, self.denominator, other.numerator, other.denominator)

    def __truediv__(self, other: Any) -> Rational:
        if other.__class__ is not Rational and (other := _operand(other)) is None:
            return NotImplemented
        inverse = Rational(other.denominator, other.numerator)
        return _product(self.numerator, self.denominator, inverse.numerator, inverse.denominator)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> Rational:
        return NotImplemented if (left := _operand(other)) is None else left - self

    def __rtruediv__(self, other: Any) -> Rational:
        return NotImplemented if (left := _operand(other)) is None else left / self

    def __pow__(self, exponent: Any) -> Rational:
        if not isinstance(exponent, numbers.Integral):
            return NotImplemented
        if (power := int(exponent)) < 0:
            return 1 / self**-power
        return _in_lowest_terms(self.numerator**power, self.denominator**power)

    def __neg__(self) -> Rational:
        return _in_lowest_terms(-self.numerator, self.denominator)

    def __abs__(self) -> Rational:
        return _in_lowest_terms(abs(self.numerator), self.denominator)

    __eq__ = _comparison(operator.eq)
    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)

    def __hash__(self) -> int:
        return hash(Fraction(self.numerator, self.denominator))

    def __bool__(self) -> bool:
        return self.numerator != 0

    def __floor__(self) -> int:
        return self.numerator // self.denominator

    def __ceil__(self) -> int:
        return -(-self.numerator // self.denominator)

    def __float__(self) -> float:
        return self.numerator / self.denominator

    def __str__(self) -> str:
        whole = self.denominator == 1
        return str(self.numerator) if whole else f"{self.numerator}/{self.denominator}"

    def __repr__(self) -> str:
        return f"Rational({str(self).replace('/', ', ')})"


numbers.Rational.register(Rational)  # so that Fraction and Decimal accept it and compare with it


def _in_lowest_terms(numerator: int, denominator: int) -> Rational:
    element: Rational = object.__new__(Rational)
    element.numerator = numerator
    element.denominator = denominator
    return element


def _sum(a: int, b: int, c: int, d: int) -> Rational:
    """a/b + c/d."""
    if b == d == 1:
        return _in_lowest_terms(a + c, 1)
    common = math.gcd(b, d)
    if common == 1:
        return _in_lowest_terms(a * d + b * c, b * d)
    rest = b // common
    above = a * (d // common) + c * rest
    again = math.gcd(above, common)
    return _in_lowest_terms(above // again, rest * (d // again))


def _product(a: int, b: int, c: int, d: int) -> Rational:
    """a/b * c/d."""
    if b == d == 1:
        return _in_lowest_terms(a * c, 1)
    left, right = math.gcd(a, d), math.gcd(c, b)
    return _in_lowest_terms((a // left) * (c // right), (b // right) * (d // left))


def _operand(value: Any) -> Rational | None:
    """`value` as a Rational if it is an int, NumPy integer, Fraction or Rational, else None."""
    if isinstance(value, int):
        return _in_lowest_terms(int(value), 1)
    if isinstance(value, numbers.Rational):
        return _in_lowest_terms(int(value.numerator), int(value.denominator))
    return None


def rational(value: Any) -> Rational:
    """The exact value of a number or of a string such as ``"1/3"`` or ``"0.1"``.

    Parameters
    ----------
    value : int, float, Fraction, Decimal, NumPy integer or float, str

    Raises
    ------
    OptionError : infinity, nan, or a string that does not denote a number.
    DTypeError : any other value.

    >>> rational("0.1"), rational(0.1) == rational("0.1")
    (Rational(1, 10), False)
    """
    exact = _operand(value)
    if exact is not None:
        return exact
    try:
        ratio = Fraction(value) if isinstance(value, str) else value
        return _in_lowest_terms(*map(int, ratio.as_integer_ratio()))
    except (OverflowError, ValueError, ZeroDivisionError):
        refuse(OptionError, "rational", "value", "a finite number", repr(value))
    except AttributeError:
        refuse(DTypeError, "rational", "value", "a number or a string", type(value).__name__)


def rationals(array: ArrayLike) -> NDArray[Any]:
    """Every element of `array` as a Rational; a float counts by its exact binary value.

    Parameters
    ----------
    array : array of values that `rational` takes, of any shape; errors are those of `rational`

    Returns
    -------
    object array of Rational, of the same shape

    >>> rationals([0.5, 3]).tolist()
    [Rational(1, 2), Rational(3)]
    """
    return np.asarray(np.frompyfunc(rational, 1, 1)(array), object)
