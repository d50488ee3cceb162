"""Dual numbers: a value and its whole gradient, computed by the rules of differentiation.

    (f, f') + (g, g') = (f + g, f' + g')        (f, f') * (g, g') = (fg, f'g + fg')

One run of a layer over dual numbers gives the derivative of every output by every input, without a
step size: exactly if the values are `Rational`, to fifty digits if they are Decimal. The gradient is
a dict that holds only the variables on which an element depends. Source: W. K. Clifford, Preliminary
sketch of biquaternions, Proc. London Math. Soc. 4 (1873).
"""

from __future__ import annotations

import numbers
import operator
from collections.abc import Callable, Hashable, Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from ._numbers import apply, constant_like
from .rational import rational

__all__ = ["Dual"]

Gradient = dict[Hashable, Any]


def _comparison(relation: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def compare(self: Dual, other: Any) -> Any:
        if isinstance(other, Dual):
            return relation(self.value, other.value)
        return relation(self.value, other) if _is_number(other) else NotImplemented

    return compare


class Dual:
    """A value and its partial derivatives. Immutable.

    Comparison and hash use the value alone, which decides the branch that a layer takes. A Dual
    mixes with the numbers that its value mixes with; they are constants.

    ``abs`` has no derivative at 0 and raises an ArithmeticError there, even if a later step makes
    the whole smooth, as with ``exp(-abs(x))`` in a sigmoid.

    Parameters
    ----------
    value : Rational, Decimal or float, or an int, which becomes a Rational
    gradient : mapping from variables to partial derivatives, which are 0 where absent; an int enters the arithmetic of
        the value

    Examples
    --------
    >>> from nnref.arithmetic import rational
    >>> x = Dual(rational(3), {"x": rational(1)})
    >>> 1 / x + x**2
    Dual(Rational(28, 3), {'x': Rational(53, 9)})
    """

    __slots__ = ("_gradient", "value")

    value: Any
    _gradient: Gradient

    def __init__(self, value: Any, gradient: Mapping[Any, Any] | None = None) -> None:
        self.value = value = rational(value) if isinstance(value, numbers.Integral) else value
        slopes = dict(gradient) if gradient else {}
        self._gradient = {k: constant_like(value, d) if isinstance(d, int) else d for k, d in slopes.items()}

    @property
    def gradient(self) -> Mapping[Hashable, Any]:
        """The partial derivatives by variable, read-only; 0 where absent.

        >>> dict(Dual(2.0, {"x": 1.0}).gradient)
        {'x': 1.0}
        """
        return MappingProxyType(self._gradient)

    def partial(self, key: Hashable) -> Any:
        """The partial derivative by the variable `key`.

        >>> Dual(2.0, {"x": 1.0}).partial("x"), Dual(2.0, {"x": 1.0}).partial("y")
        (1.0, 0.0)
        """
        return self._gradient[key] if key in self._gradient else constant_like(self.value, 0)

    def zero(self) -> Dual:
        """The additive zero, with gradient 0.

        >>> Dual(2.0, {"x": 1.0}).zero()
        Dual(0.0, {})
        """
        value = self.value
        return _of(value.zero(), {}) if hasattr(value, "zero") else self.constant(0)

    def constant(self, value: float | Fraction) -> Dual:
        """`value` in the arithmetic of this element's value, with gradient 0.

        >>> Dual(2.0, {"x": 1.0}).constant(5)
        Dual(5.0, {})
        """
        return _of(constant_like(self.value, value), {})

    def __add__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            return _of(self.value + other.value, _sum(self._gradient, other._gradient))
        return _of(self.value + other, self._gradient) if _is_number(other) else NotImplemented

    def __neg__(self) -> Dual:
        return _of(-self.value, {key: -d for key, d in self._gradient.items()})

    def __sub__(self, other: Any) -> Dual:
        return self + -other if isinstance(other, Dual) or _is_number(other) else NotImplemented

    def __rsub__(self, other: Any) -> Dual:
        return -self + other if _is_number(other) else NotImplemented

    def __mul__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            left = _scaled(other.value, self._gradient)
            return _of(self.value * other.value, _sum(left, _scaled(self.value, other._gradient)))
        if not _is_number(other):
            return NotImplemented
        return _of(self.value * other, _scaled(other, self._gradient))

    __radd__ = __add__
    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            quotient = self.value / other.value
            slopes = _sum(self._gradient, _scaled(-quotient, other._gradient))
            return _of(quotient, {key: d / other.value for key, d in slopes.items()})
        if not _is_number(other):
            return NotImplemented
        return _of(self.value / other, {key: d / other for key, d in self._gradient.items()})

    def __rtruediv__(self, other: Any) -> Dual:
        return _of(other, {}) / self if _is_number(other) else NotImplemented

    def __pow__(self, exponent: Any) -> Dual:
        if not isinstance(exponent, numbers.Integral):
            return NotImplemented
        n = int(exponent)
        if n < 0:
            return 1 / self**-n
        if n < 2:  # apart, because a Decimal has no 0**0
            return self if n else self.constant(1)
        return _of(self.value**n, _scaled(n * self.value ** (n - 1), self._gradient))

    def __abs__(self) -> Dual:
        if self.value == 0 and any(self._gradient.values()):
            raise ArithmeticError(f"abs has no derivative at 0, the value of {self!r}")
        return -self if self.value < 0 else self

    def sqrt(self) -> Dual:
        """The square root; at 0 its derivative raises a ZeroDivisionError.

        >>> Dual(4.0, {"x": 1.0}).sqrt()
        Dual(2.0, {'x': 0.25})
        """
        root = apply("sqrt", self.value)
        return _of(root, {key: d / (2 * root) for key, d in self._gradient.items()})

    def exp(self) -> Dual:
        """The exponential, of a Decimal or float value.

        >>> Dual(0.0, {"x": 3.0}).exp()
        Dual(1.0, {'x': 3.0})
        """
        value = apply("exp", self.value)
        return _of(value, _scaled(value, self._gradient))

    def expm1(self) -> Dual:
        """``exp(x) - 1`` without cancellation, of a Decimal or float value.

        >>> Dual(0.0, {"x": 3.0}).expm1()
        Dual(0.0, {'x': 3.0})
        """
        return _of(apply("expm1", self.value), self.exp()._gradient)

    def log(self) -> Dual:
        """The natural logarithm, of a Decimal or float value.

        >>> Dual(1.0, {"x": 3.0}).log()
        Dual(0.0, {'x': 3.0})
        """
        slopes = {key: d / self.value for key, d in self._gradient.items()}
        return _of(apply("log", self.value), slopes)

    __eq__ = _comparison(operator.eq)
    __lt__ = _comparison(operator.lt)
    __le__ = _comparison(operator.le)
    __gt__ = _comparison(operator.gt)
    __ge__ = _comparison(operator.ge)

    def __hash__(self) -> int:
        return hash(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __repr__(self) -> str:
        return f"Dual({self.value!r}, {self._gradient})"


def _of(value: Any, slopes: Gradient) -> Dual:
    """The Dual that shares `slopes`, which must not change any more."""
    dual: Dual = object.__new__(Dual)
    dual.value = value
    dual._gradient = slopes
    return dual


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real | Decimal)


def _sum(left: Gradient, right: Gradient) -> Gradient:
    few, many = (left, right) if len(left) < len(right) else (right, left)
    if not few:
        return many
    result = many.copy()
    for key, d in few.items():
        result[key] = result[key] + d if key in result else d
    return result


def _scaled(factor: Any, slopes: Gradient) -> Gradient:
    return {key: factor * d for key, d in slopes.items()}
