"""The methods that settle claims, strongest first. Each is a `Given`: a way to fill a law's arrays.

==================  ======================================  =======================================================
method              elements                                if both sides agree, the law is shown
==================  ======================================  =======================================================
symbolic            a variable in every element             for all values of inputs and parameters
zero-one            all images of 0 and 1, and of −1 and 0  for all inputs, if it contains only max, min and 0
orders              pixels and 0 in every possible order    for all inputs without ties, if only their order counts
exponentials        ±ln 2, ±ln 3, …, more than the degree   for all inputs, if it is elementwise in e^|x|
identity test       random integers up to 2⁶⁴               except with a stated probability (Schwartz–Zippel)
exact derivative    random rationals                        at these points, exactly
50 digits           random decimals                         at these points, to 45 digits
small values        0, ±1, 2: few at once                   not at all; but what is found is a counterexample
==================  ======================================  =======================================================
"""

from __future__ import annotations

import itertools
import math
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import numpy as np

from ..arithmetic import Degree, Logarithm, Polynomial, decimals, fifty_digits, rational, rationals, variables
from ..errors import OptionError, refuse
from ..numeric import Array
from .given import Given, counted

__all__ = [
    "METHODS",
    "Degrees",
    "DegreesInExponentials",
    "Digits",
    "ExactDerivative",
    "Exponentials",
    "IdentityTest",
    "Orders",
    "SmallValues",
    "Symbolic",
    "ZeroOne",
]


class Symbolic(Given):
    """Every element is a variable of its own, so both sides are formulas."""

    method = "symbolic"
    arithmetic = "Polynomial"
    covers = "all values of inputs and parameters, at these shapes and options"
    beyond = "other shapes and batches, rounding"
    formulas = True

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """Variables, named by their indices."""
        self.expect_new(name)
        return variables(name, shape)

    def evidence(self, left: Array, right: Array) -> str:
        """The number of identities, their degree and the number of variables."""
        polynomials = [p for p in left if isinstance(p, Polynomial)]
        names = frozenset().union(*(p.names for p in polynomials))
        degree = max((p.degree for p in polynomials), default=0)
        identities = counted(left.size, "identity", "identities")
        return f"{identities} of degree {degree} in {counted(len(names), 'variable', 'variables')}"


class ZeroOne(Given):
    """All images of zeros and ones, and all images of minus ones and zeros.

    Maxima and minima commute with every monotone map, and thus with the thresholds x ↦ [x ≥ t]. If two functions made
    of them differ somewhere, they differ for some t on an image of two values. A constant 0 in them is either the lower
    or the upper of the two values.
    """

    method = "zero-one"
    presumes = "a law in maxima, minima and 0 alone"
    arithmetic = "Rational"
    covers = "all inputs at these shapes: both sides are made of maxima, minima and 0"
    beyond = "other shapes and batches"

    def image(self, *shape: int, name: str = "x") -> Array:
        """(1, …) -> all of them along the batch."""
        self.expect_one_image(name)
        self.expect_new(name)
        ones = np.array(list(itertools.product((0, 1), repeat=int(np.prod(shape)))))
        return rationals(np.concatenate([ones, ones - 1]).reshape(-1, *shape[1:]))


class Orders(Given):
    """The pixels and 0 in every order. The cotangent is 1, 2, 4, …, so that a sum of its elements identifies them."""

    method = "orders"
    presumes = "a gradient that depends on the order of the pixels alone"
    arithmetic = "Dual over Rational"
    covers = "all inputs without ties at these shapes: the gradient depends on the order alone"
    beyond = "ties and kinks, where it is a convention; other shapes"
    distinct = True

    def image(self, *shape: int, name: str = "x") -> Array:
        """(1, …) -> all of them along the batch."""
        self.expect_one_image(name)
        self.expect_new(name)
        pixels = int(np.prod(shape))
        orders = np.array(list(itertools.permutations(range(1, 2 * pixels, 2))))
        return rationals(np.concatenate([orders - 2 * below for below in range(pixels + 1)]).reshape(-1, *shape[1:]))

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """Powers of two."""
        self.expect_new(name)
        return rationals([2**i for i in range(int(np.prod(shape)))]).reshape(shape)


class Degrees(Given):
    """Every element has degree 1, so the sides of a law are their own degrees."""

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """Elements of degree 1."""
        self.expect_new(name)
        return np.full(shape, Degree(1), object)


class IdentityTest(Given):
    """Random integers: a false law passes with probability at most degree/2⁶⁴."""

    method = "identity test"
    arithmetic = "Rational"
    covers = "all values at these shapes, except with the stated probability of a false agreement"
    beyond = "other shapes, rounding"
    proof = False
    degrees = Degrees

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._random = np.random.default_rng(seed)

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """Integers from 1 to 2⁶⁴."""
        self.expect_new(name)
        return rationals(self._random.integers(0, 2**64, shape, np.uint64)) + 1

    def conclusion(self, degree: int) -> str:
        """The Schwartz–Zippel bound: the degree divided by the number of integers to draw from."""
        exponent = math.ceil(math.log10(max(degree, 1) / 2**64))
        return f" of degree {degree}, false with probability at most 10^{exponent}"


class AtZero(Given):
    """Every pixel is 0, where e^|x| has no derivative."""

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """Variables."""
        self.expect_new(name)
        return variables(name, shape)

    def image(self, *shape: int, name: str = "x") -> Array:
        """Zeros, as the logarithm of 1."""
        self.expect_new(name)
        return np.full(shape, Logarithm(rational(2)).zero(), object)


class DegreesInExponentials(Degrees):
    """Pixels of degree 1 in e^|x|, with either sign of x."""

    def image(self, *shape: int, name: str = "x") -> Array:
        """±ln of degree 1, with alternating signs."""
        return _logarithms(self.array(name, *shape))


class Exponentials(Given):
    """Logarithms of 2, 3, 4, … with both signs, for elementwise functions of x: e^|x| is then an integer.

    For x > 0 and for x < 0, both sides of such a law are rational functions of e^|x|. Two rational functions are equal
    if they agree at more points than the degree of their difference. At x = 0 both sides are evaluated, except for a
    derivative: dual numbers have none of |x| there. Each side must have the shape of the image.
    """

    method = "exponentials"
    presumes = "elementwise functions of e^|x|"
    arithmetic = "Logarithm of Rational"
    covers = "all real inputs: rational functions of e^|x| that agree at more points than their degree"
    beyond = "rounding"
    digits = True
    degrees = DegreesInExponentials
    at_zero = AtZero

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """Variables: the law then holds for every cotangent."""
        self.expect_new(name)
        return variables(name, shape)

    def image(self, *shape: int, name: str = "x") -> Array:
        """±ln 2, ±ln 3, …"""
        self.expect_one_image(name)
        self.expect_new(name)
        pixels = int(np.prod(shape))
        self._points, self._shape = pixels // 2, shape
        return _logarithms(rationals(2 + np.arange(pixels) // 2).reshape(shape))

    def expect_form(self, sides: tuple[list[tuple[int, ...]], list[tuple[int, ...]]]) -> None:
        """Refuse a law whose sides have another shape than its image, because it is not elementwise."""
        if any(shape != self._shape for side in sides for shape in side):
            refuse(OptionError, "prove", "method", "one for a law that is not elementwise", repr(self.method))

    def conclusion(self, degree: int) -> str:
        """The degree and the number of points; too few points for this degree are refused."""
        if self._points <= degree:
            expected = f"more than {2 * degree + 1} points, because the law has degree {degree} in e^|x|"
            refuse(OptionError, "prove", "case", f"of {expected}", 2 * self._points)
        return f" of degree {degree}, at {self._points} values of e^|x| on either side of 0"


def _logarithms(exponentials: Array) -> Array:
    signed = [Logarithm(q, negative=position % 2 == 1) for position, q in enumerate(exponentials.flat)]
    return np.array(signed, object).reshape(exponentials.shape)


class ExactDerivative(Given):
    """Small random fractions, for a law that computes derivatives with `Dual`."""

    method = "exact derivative"
    arithmetic = "Dual over Rational"
    covers = "the derivative at these random points, exactly"
    beyond = "other points and shapes, rounding"
    proof = False

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._random = np.random.default_rng(seed)

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """Multiples of 1/4 between −8 and 8, none 0."""
        self.expect_new(name)
        sizes = self._random.integers(1, 33, shape)
        signs = 1 if positive else self._random.choice((-1, 1), shape)
        return rationals(sizes * signs) / 4


class Digits(Given):
    """Random decimals of 50 digits; both sides may differ in the last five."""

    method = "50 digits"
    arithmetic = "Decimal"
    covers = "these random points, to 45 digits"
    beyond = "other points and shapes"
    proof = False
    digits = True
    tolerance = Decimal("1e-45")

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._random = np.random.default_rng(seed)

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """Normal numbers with standard deviation 4."""
        self.expect_new(name)
        drawn = self._random.normal(0, 4, shape)
        return decimals(abs(drawn) if positive else drawn)

    def context(self) -> AbstractContextManager[Any]:
        """Decimal arithmetic of fifty digits."""
        return fifty_digits()

    def agree(self, left: Array, right: Array) -> Array:
        """Whether they differ by at most 10⁻⁴⁵ times the larger side, or times 1 if both are below 1."""
        scale = np.maximum(np.maximum(abs(left), abs(right)), decimals(1))
        return np.asarray(abs(left - right) <= self.tolerance * scale, bool)


class SmallValues(Given):
    """Neutral values except for a few: the search for counterexamples, see `witness`."""

    method = "small values"
    arithmetic = "Rational"
    covers = "nothing beyond the values tried"
    beyond = "all other values"
    proof = False
    search_only = True


METHODS: dict[str, type[Given]] = {
    kind.method: kind
    for kind in (Symbolic, ZeroOne, Orders, Exponentials, IdentityTest, ExactDerivative, Digits, SmallValues)
}
