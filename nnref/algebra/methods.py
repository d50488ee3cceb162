"""The methods that settle claims, strongest first. Each is a `Given`: a way to fill a law's arrays.

==================  ==========================================  ==================================================
method              elements                                    both sides agree: it is shown
==================  ==========================================  ==================================================
symbolic            a variable in every element                 for all values of inputs and parameters
zero-one            all images of 0 and 1, and of −1 and 0      for all inputs, of a law in max, min and 0 alone
orders              pixels and 0 in every possible order        for all inputs without ties, of a law in orders
basis               0 and every unit vector                     for all inputs, of two affine maps
exponentials        ±ln 2, ±ln 3, …, more than the degree       for all inputs, of elementwise functions of e^|x|
identity test       random integers up to 2⁶⁴                   but for a stated probability (Schwartz–Zippel)
exact derivative    random rationals                            at these points, exactly
50 digits           random decimals                             at these points, to 45 digits
small values        0, ±1, 2: few at once                       nothing; but what it finds is a counterexample
==================  ==========================================  ==================================================
"""

from __future__ import annotations

import itertools
import math
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any

import numpy as np

from ..arithmetic import Degree, Logarithm, Polynomial, decimals, fifty_digits, rationals, variables
from ..errors import OptionError, refuse
from ..numeric import Array
from .given import Given, counted

__all__ = [
    "METHODS",
    "Basis",
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
    """A variable of its own in every element: both sides are formulas."""

    method = "symbolic"
    arithmetic = "Polynomial"
    covers = "all values of inputs and parameters, at these shapes and options"
    beyond = "other shapes, rounding"
    formulas = True

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """Variables, named by their index."""
        return variables(name, shape)

    def evidence(self, left: Array, right: Array) -> str:
        """How many identities, in how many variables."""
        polynomials = [p for p in left if isinstance(p, Polynomial)]
        names = frozenset().union(*(p.names for p in polynomials))
        degree = max((p.degree for p in polynomials), default=0)
        identities = counted(left.size, "identity", "identities")
        return f"{identities} of degree {degree} in {counted(len(names), 'variable', 'variables')}"


class ZeroOne(Given):
    """All images of zeros and ones, and all of minus ones and zeros.

    Maxima and minima commute with every monotone map, so with the thresholds x ↦ [x ≥ t]; if two such functions differ
    somewhere, they differ for some t on an image of two values. A constant 0 in them is the lower or the upper one.
    """

    method = "zero-one"
    presumes = "a law in maxima, minima and 0 alone"
    arithmetic = "Rational"
    covers = "all inputs at these shapes: both sides are made of maxima, minima and 0"
    beyond = "other shapes"

    def image(self, *shape: int, name: str = "x") -> Array:
        """(1, …) -> all of them along the batch."""
        self.expect_one_image(name)
        ones = np.array(list(itertools.product((0, 1), repeat=int(np.prod(shape)))))
        return rationals(np.concatenate([ones, ones - 1]).reshape(-1, *shape[1:]))


class Orders(Given):
    """The pixels and 0 in every order; the cotangent dy is 1, 2, 4, …, so that a sum of its elements tells which."""

    method = "orders"
    presumes = "a gradient that depends on the order of the pixels alone"
    arithmetic = "Dual over Rational"
    covers = "all inputs without ties at these shapes: the gradient depends on the order alone"
    beyond = "ties and kinks, where it is a convention; other shapes"
    distinct = True

    def image(self, *shape: int, name: str = "x") -> Array:
        """(1, …) -> all of them along the batch."""
        self.expect_one_image(name)
        pixels = int(np.prod(shape))
        orders = np.array(list(itertools.permutations(range(1, 2 * pixels, 2))))
        return rationals(np.concatenate([orders - 2 * below for below in range(pixels + 1)]).reshape(-1, *shape[1:]))

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """Powers of two."""
        return rationals([2**i for i in range(int(np.prod(shape)))]).reshape(shape)


class Degrees(Given):
    """Degree 1 in every element: the degrees that a law's sides have."""

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """All of degree 1."""
        return np.full(shape, Degree(1), object)


class Basis(Given):
    """The zero image and every unit image: affine maps that agree on them are equal. The degree is checked."""

    method = "basis"
    arithmetic = "Rational"
    covers = "all inputs at these shapes: both sides are affine, and agree on 0 and every unit vector"
    beyond = "other shapes, rounding"
    degrees = Degrees

    def image(self, *shape: int, name: str = "x") -> Array:
        """(1, …) -> 0 and the unit images along the batch."""
        self.expect_one_image(name)
        pixels = int(np.prod(shape))
        return rationals(np.eye(1 + pixels, pixels, -1, dtype=int).reshape(-1, *shape[1:]))

    def conclusion(self, degree: int) -> str:
        """Nothing more; but a law that is not affine is refused."""
        if degree > 1:
            refuse(OptionError, "prove", "method", f"one for a law of degree {degree} in the pixels", repr(self.method))
        return ""


class IdentityTest(Given):
    """Random integers: a law that is false survives with probability at most degree/2⁶⁴."""

    method = "identity test"
    arithmetic = "Rational"
    covers = "all values at these shapes, but for the stated probability of a false agreement"
    beyond = "other shapes, rounding"
    proof = False
    degrees = Degrees

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)
        self._random = np.random.default_rng(seed)

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """Integers from 1 to 2⁶⁴."""
        return rationals(self._random.integers(0, 2**64, shape, np.uint64)) + 1

    def conclusion(self, degree: int) -> str:
        """The Schwartz–Zippel bound: the degree over the number of integers drawn from."""
        exponent = math.ceil(math.log10(max(degree, 1) / 2**64))
        return f" of degree {degree}, false with probability at most 10^{exponent}"


class DegreesInExponentials(Degrees):
    """Degree 1 in e^|x|, for either sign of x, and 0 in all else."""

    def image(self, *shape: int, name: str = "x") -> Array:
        """±ln of degree 1, the signs in turn."""
        return _logarithms(self.array(name, *shape))


class Exponentials(Given):
    """Logarithms of 2, 3, 4, … with both signs, for elementwise functions of x whose exponentials are then integers.

    On either side of 0 both sides of such a law are rational functions of e^|x|, and two of them that agree at more
    points than the degree of their difference are equal. At 0 both are continuous.
    """

    method = "exponentials"
    presumes = "elementwise functions of e^|x|"
    arithmetic = "Logarithm of Rational"
    covers = "all real inputs: rational functions of e^|x| that agree at more points than their degree"
    beyond = "rounding"
    digits = True
    degrees = DegreesInExponentials

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """Variables, for a cotangent: whatever it is."""
        return variables(name, shape)

    def image(self, *shape: int, name: str = "x") -> Array:
        """±ln 2, ±ln 3, …"""
        self.expect_one_image(name)
        pixels = int(np.prod(shape))
        self._points = pixels // 2
        return _logarithms(rationals(2 + np.arange(pixels) // 2).reshape(shape))

    def conclusion(self, degree: int) -> str:
        """How many points there are for this degree; too few are refused."""
        if self._points <= degree:
            expected = f"more than {2 * degree + 1} points, the law's degree in e^|x| being {degree}"
            refuse(OptionError, "prove", "case", f"of {expected}", 2 * self._points)
        return f" of degree {degree}, at {self._points} values of e^|x| on either side of 0"


def _logarithms(exponentials: Array) -> Array:
    signed = [Logarithm(q, negative=position % 2 == 1) for position, q in enumerate(exponentials.flat)]
    return np.array(signed, object).reshape(exponentials.shape)


class ExactDerivative(Given):
    """Small random fractions, on which a law takes derivatives by `Dual`."""

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
        sizes = self._random.integers(1, 33, shape)
        signs = 1 if positive else self._random.choice((-1, 1), shape)
        return rationals(sizes * signs) / 4


class Digits(Given):
    """Random decimals at 50 digits; both sides may differ in the last five."""

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
        """Normal with deviation 4."""
        drawn = self._random.normal(0, 4, shape)
        return decimals(abs(drawn) if positive else drawn)

    def context(self) -> AbstractContextManager[Any]:
        """Fifty digits."""
        return fifty_digits()

    def agree(self, left: Array, right: Array) -> Array:
        """Whether they differ by less than 10⁻⁴⁵ of the larger, or of 1 below it."""
        scale = np.maximum(np.maximum(abs(left), abs(right)), decimals(1))
        return np.asarray(abs(left - right) <= self.tolerance * scale, bool)


class SmallValues(Given):
    """Neutral values but for a few: how counterexamples are looked for, see `witness`."""

    method = "small values"
    arithmetic = "Rational"
    covers = "nothing beyond the values tried"
    beyond = "all other values"
    proof = False
    search_only = True


METHODS: dict[str, type[Given]] = {
    kind.method: kind
    for kind in (Symbolic, ZeroOne, Orders, Basis, Exponentials, IdentityTest, ExactDerivative, Digits, SmallValues)
}
