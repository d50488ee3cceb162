"""Polynomials in many variables with rational coefficients.

A layer that runs over polynomials returns in every element of its output the formula of that
element. If two layers return equal polynomials, they agree for all values of the variables: equality
of all coefficients is a proof.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from ._numbers import constant_like
from ._terms import Coefficient, Monomial, Terms, product_of_terms, quotient_of_terms, sum_of_terms, written
from .rational import Rational, rational

__all__ = ["Polynomial", "assumptions", "variables"]

_assumed: ContextVar[list[Polynomial] | None] = ContextVar("assumed", default=None)


class Polynomial:
    """A polynomial; immutable, hashable, and equal to a number if it is that constant.

    ``+ - *`` take polynomials, ints and Fractions, and ``**`` takes an int of at least 0. ``/`` takes a number, or a
    product of variables that divides every term; a proof about such a quotient holds where no divisor is 0.
    Order comparisons and arithmetic with floats are TypeErrors. ``Polynomial(value)`` is a constant; `variable` and
    `variables` make the others.

    Examples
    --------
    >>> x, y = Polynomial.variable("x"), Polynomial.variable("y")
    >>> (x - y) * (x + y) / 2 + 1
    1/2*x^2 - 1/2*y^2 + 1
    >>> (x + y) ** 2 == x * x + 2 * x * y + y * y
    True
    >>> x < y
    Traceback (most recent call last):
    TypeError: polynomials have no order, because it depends on the values of the variables
    """

    __slots__ = ("_terms",)

    _terms: Terms

    def __init__(self, value: Any = 0) -> None:
        number = _integral(rational(value))
        self._terms = {(): number} if number else {}

    @staticmethod
    def variable(name: str) -> Polynomial:
        """The polynomial that consists of the variable `name`.

        >>> Polynomial.variable("x") * 3
        3*x
        """
        return _of({(name,): 1})

    def zero(self) -> Polynomial:
        """The additive zero.

        >>> Polynomial.variable("x").zero()
        0
        """
        return _of({})

    def constant(self, value: float | Fraction) -> Polynomial:
        """The constant polynomial with the exact value of an int, float or Fraction.

        >>> Polynomial.variable("x").constant(0.75)
        3/4
        """
        return Polynomial(value)

    @property
    def terms(self) -> Mapping[Monomial, Coefficient]:
        """The nonzero coefficients by monomial, read-only.

        >>> dict((Polynomial.variable("x") ** 2 / 3).terms)
        {('x', 'x'): Rational(1, 3)}
        """
        return MappingProxyType(self._terms)

    @property
    def names(self) -> frozenset[str]:
        """The names of the variables that occur.

        >>> Polynomial.variable("x").names
        frozenset({'x'})
        """
        return frozenset(name for monomial in self._terms for name in monomial)

    @property
    def degree(self) -> int:
        """The total degree: 0 for a constant, -1 for the zero polynomial.

        >>> (Polynomial.variable("x") ** 2 * Polynomial.variable("y") + 1).degree
        3
        """
        return max(map(len, self._terms), default=-1)

    @property
    def is_constant(self) -> bool:
        """Whether no variable occurs.

        >>> Polynomial(3).is_constant
        True
        """
        return self.degree <= 0

    def derivative(self, name: str) -> Polynomial:
        """The partial derivative with respect to the variable `name`.

        >>> x, y = Polynomial.variable("x"), Polynomial.variable("y")
        >>> (x**3 * y + y).derivative("x")
        3*x^2*y
        """
        result: Terms = {}
        for monomial, coefficient in self._terms.items():
            if name in monomial:
                at = monomial.index(name)
                lower = monomial[:at] + monomial[at + 1 :]
                result[lower] = coefficient * monomial.count(name)
        return _of(result)

    def substitute(self, values: Mapping[str, Any]) -> Any:
        """The value at the given values of variables; other variables stay as they are.

        The values are elements of an arithmetic that divides by ints: Rational, Fraction,
        Polynomial, Dual, Decimal or float (an int becomes a Rational). The result is an element of
        the same arithmetic, or a Polynomial if variables are left.

        >>> x, y = Polynomial.variable("x"), Polynomial.variable("y")
        >>> (x**2 + y / 2).substitute({"x": 3, "y": 5})
        Rational(23, 2)
        >>> (x**2 + y / 2).substitute({"x": y - 1})
        y^2 - 3/2*y + 1
        """
        if not values:
            return self
        ints = numbers.Integral
        known = {k: rational(v) if isinstance(v, ints) else v for k, v in values.items()}
        one = constant_like(next(iter(known.values())), 1)
        total = one * 0
        for monomial, coefficient in self._terms.items():
            factors = (known[v] if v in known else Polynomial.variable(v) for v in monomial)
            term = math.prod(factors, start=one)
            total = total + term * coefficient.numerator / coefficient.denominator
        return total

    def __add__(self, other: Any) -> Polynomial:
        if other.__class__ is not Polynomial and (other := _operand(other)) is None:
            return NotImplemented
        return _of(sum_of_terms(self._terms, other._terms))

    def __mul__(self, other: Any) -> Polynomial:
        if other.__class__ is not Polynomial and (other := _operand(other)) is None:
            return NotImplemented
        return _of(product_of_terms(self._terms, other._terms))

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Polynomial:
        if (divisor := _operand(other)) is None:
            return NotImplemented
        _assume_not_zero(divisor)
        monomial, coefficient = next(iter(divisor._terms.items()), ((), 0))
        terms = quotient_of_terms(self._terms, monomial) if len(divisor._terms) < 2 else None
        if terms is None:
            raise ArithmeticError(f"division by {divisor}: the quotient is not a polynomial")
        inverse = 1 / rational(coefficient)
        return _of({monomial: _integral(inverse * c) for monomial, c in terms.items()})

    def __rtruediv__(self, other: Any) -> Polynomial:
        return NotImplemented if (left := _operand(other)) is None else left / self

    def __pow__(self, exponent: Any) -> Polynomial:
        if not isinstance(exponent, numbers.Integral) or exponent < 0:
            return NotImplemented
        return math.prod([self] * int(exponent), start=Polynomial(1))

    def __neg__(self) -> Polynomial:
        return _of({monomial: -c for monomial, c in self._terms.items()})

    def __sub__(self, other: Any) -> Polynomial:
        return NotImplemented if (right := _operand(other)) is None else self + -right

    def __rsub__(self, other: Any) -> Polynomial:
        return NotImplemented if (left := _operand(other)) is None else left + -self

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Polynomial):
            equal = self._terms == other._terms
        elif isinstance(other, numbers.Real | Decimal):
            equal = self.is_constant and self._terms.get((), 0) == other
        else:
            return NotImplemented
        if not equal and _assumed.get() is not None and isinstance(other, Polynomial | numbers.Rational):
            _assume_not_zero(self - other)
        return equal

    def __hash__(self) -> int:
        # a constant has the hash of the number that it equals
        return hash(self._terms.get((), 0) if self.is_constant else frozenset(self._terms.items()))

    def __bool__(self) -> bool:
        _assume_not_zero(self)
        return bool(self._terms)

    def _no_order(self, _: Any) -> NoReturn:
        raise TypeError("polynomials have no order, because it depends on the values of the variables")

    __lt__ = __le__ = __gt__ = __ge__ = _no_order

    def __repr__(self) -> str:
        return written(self._terms)


@contextmanager
def assumptions() -> Iterator[list[Polynomial]]:
    """Collect the polynomials that code takes to be other than 0, because it divides by them or compares them.

    Two formulas that are not the same count as different, and a formula other than 0 counts as true. For some values
    of the variables that is wrong, and then so is a proof; so a proof must state it.

    >>> x = Polynomial.variable("x")
    >>> with assumptions() as assumed:
    ...     same = x == 1
    >>> same, assumed
    (False, [x - 1])
    """
    collected: list[Polynomial] = []
    token = _assumed.set(collected)
    try:
        yield collected
    finally:
        _assumed.reset(token)


def _assume_not_zero(value: Polynomial) -> None:
    collected = _assumed.get()
    if collected is not None and value._terms and any(value._terms):  # not a number
        collected.append(value)


def _of(terms: Terms) -> Polynomial:
    """The polynomial that takes over `terms`, which must be sorted and nonzero."""
    polynomial: Polynomial = object.__new__(Polynomial)
    polynomial._terms = terms
    return polynomial


def _operand(value: Any) -> Polynomial | None:
    """`value` as a Polynomial if it is one or an exact number, else None."""
    if isinstance(value, Polynomial):
        return value
    return Polynomial(value) if isinstance(value, numbers.Rational) else None


def _integral(number: Rational) -> Coefficient:
    return number.numerator if number.denominator == 1 else number


def variables(name: str, shape: int | tuple[int, ...]) -> NDArray[Any]:
    """An array in which every element is a variable of its own, named by its index.

    Returns
    -------
    object array of Polynomial, of shape `shape`; if that is (), the only element is called `name`

    >>> x, w = variables("x", (2, 2)), variables("w", 2)
    >>> (x @ w)[0]
    w[0]*x[0,0] + w[1]*x[0,1]
    """
    array = np.empty(shape, object)
    for index in np.ndindex(array.shape):
        subscript = f"[{','.join(map(str, index))}]" if index else ""
        array[index] = Polynomial.variable(name + subscript)
    return array
