"""Polynomials with square roots, with which a batch norm in training runs over variables.

The root of a polynomial p is a formal s, and 1/s is a variable r of its own, named after p. Differentiation needs no
more than this: by the rules of dual numbers, 1/√p has the derivative −r³/2·p′. So two equal formulas in r are equal for
all values with p > 0. Formulas that are equal only because r²p = 1 count as different.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..arithmetic import Polynomial
from ..numeric import Array

__all__ = ["Radical", "plain", "radicals"]


def _lifted(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`operation`, applied to the values of Radicals."""

    def apply(self: Radical, other: Any) -> Any:
        if isinstance(other, Root):
            return NotImplemented
        return Radical(operation(self.value, other.value if isinstance(other, Radical) else other))

    return apply


class Radical:
    """A polynomial or a number that has a formal square root. Immutable.

    >>> 1 / np.sqrt(radicals(np.array([Polynomial.variable("x") + 2])))
    array([1/√(x + 2)], dtype=object)
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def zero(self) -> Radical:
        """The additive zero."""
        return Radical(self.value.zero())

    def constant(self, value: Any) -> Radical:
        """`value` in the arithmetic of the polynomial."""
        return Radical(self.value.constant(value))

    __add__ = __radd__ = _lifted(operator.add)
    __mul__ = __rmul__ = _lifted(operator.mul)
    __sub__ = _lifted(operator.sub)
    __rsub__ = _lifted(lambda one, other: other - one)
    __truediv__ = _lifted(operator.truediv)

    def __neg__(self) -> Radical:
        return Radical(-self.value)

    def sqrt(self) -> Root:
        """The formal root, whose inverse is known."""
        return Root(Polynomial.variable(f"1/√({self.value})"))

    def __eq__(self, other: object) -> bool:
        return bool(self.value == (other.value if isinstance(other, Radical) else other))

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return repr(self.value)


class Root:
    """An int times the root whose inverse is the variable `inverse`; it serves as a divisor."""

    __slots__ = ("inverse", "times")

    def __init__(self, inverse: Polynomial, times: int = 1) -> None:
        self.inverse, self.times = inverse, times

    def __rmul__(self, times: int) -> Root:
        return Root(self.inverse, times * self.times)

    def __rtruediv__(self, above: Any) -> Radical:
        return above * Radical(self.inverse / self.times)


def radicals(array: Array) -> Array:
    """Every element as a `Radical`."""
    return np.asarray(np.frompyfunc(Radical, 1, 1)(array), object)


def plain(array: Array) -> Array:
    """The values of the elements that are Radicals; other elements stay as they are."""
    return np.asarray(np.frompyfunc(lambda x: x.value if isinstance(x, Radical) else x, 1, 1)(array), object)
