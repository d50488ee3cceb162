r"""The model of rounding that every bound starts from.

One operation: fl(a ∘ b) = (a ∘ b)(1 + δ), |δ| ≤ u. A product of k factors 1 + δ is 1 + θ_k with |θ_k| ≤ γ_k, and
γ_j + γ_k + γ_jγ_k ≤ γ_{j+k} (Higham, lemmas 3.1 and 3.3): counting roundings leaves out no term of second order.

A sum of n products, in any order, with or without fused multiply-add. Each term meets at most n factors 1 + δ: one of
its product, and at most n − 1 of the additions above it. So the error is at most γ_n Σ|x_i||w_i| (Higham, section 3.1).

The same sum more sharply (`Precision.any_order`). Let every term t_i meet at most k roundings before it is added, and
let S = Σ|t_i| and s = Σ t_i.

1. The additions form a binary tree with n − 1 inner nodes. Each node rounds the partial sum that it computes, so the
   computed sum is off by Σ|t_i|γ_k plus u times the sum of the computed partial sums in absolute value.
2. Exactly, a partial sum is a sum of some of the terms. It lies between the sum of all negative terms and the sum of
   all positive terms, so its absolute value is at most (S + |s|)/2.
3. The partial sum that a node computes before it rounds meets at most k + n − 2 roundings per term, so it differs from
   the exact one by at most γ_{k+n−2}·S.

    |error| ≤ γ_k·S + (n − 1)u((S + |s|)/2 + γ_{k+n−1}·S) ≤ γ_{k+n−1}·S

Where terms cancel, this is up to half of γ_n·S. Where all terms have one sign, it is the same, and the worst order
attains it: 1, followed by terms that each vanish behind the partial sum.

Underflow. A sum never loses anything to it. A product or quotient loses at most half the smallest subnormal number. η
is twice that, so that the roundings that follow, at most a factor 1 + γ_k ≤ 2, are covered. Where subnormal numbers may
be taken for zero, every number may lose almost the smallest normal number, and η is that number; then one place more
is counted (`Precision.underflow`), because γ_k ≤ 1. What is lost in one place is multiplied by the factors that are
still to come. With every factor raised to at least 1, their product R bounds that, wherever the place is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..errors import OptionError, refuse
from ..numeric import Array

__all__ = ["Allowance", "Format", "Precision", "format_of", "gamma"]


@dataclass(frozen=True, slots=True)
class Format:
    """A binary floating-point format: `bits` of significand, exponents of its least and largest normal numbers."""

    name: str
    bits: int
    least_exponent: int
    largest_exponent: int

    @property
    def u(self) -> float:
        """Unit roundoff, 2^−bits."""
        return 2.0**-self.bits

    @property
    def normal(self) -> float:
        """The least positive normal number."""
        return 2.0**self.least_exponent

    @property
    def subnormal(self) -> float:
        """The least positive number."""
        return 2.0 ** (self.least_exponent - self.bits + 1)

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return (2.0 - 2.0 ** (1 - self.bits)) * 2.0**self.largest_exponent


FORMATS = {
    "float16": Format("float16", 11, -14, 15),
    "bfloat16": Format("bfloat16", 8, -126, 127),
    "tf32": Format("tf32", 11, -126, 127),
    "float32": Format("float32", 24, -126, 127),
    "float64": Format("float64", 53, -1022, 1023),
}


def format_of(name: Any) -> Format:
    """The format of a dtype or of one's name; "tf32" is one too.

    >>> format_of("float32").u == 2**-24
    True
    """
    name = str(name)
    if name not in FORMATS:
        refuse(OptionError, "format_of", "name", f"one of {', '.join(FORMATS)}", repr(name))
    return FORMATS[name]


@dataclass(frozen=True, slots=True)
class Precision:
    """What an implementation computes in.

    Attributes
    ----------
    storage : of arrays, in and out
    accumulate : of products and sums
    inputs : what factors of a product are rounded to first (TF32, bfloat16), or None for not at all
    flush : whether subnormal numbers may be taken for zero
    """

    storage: Format
    accumulate: Format
    inputs: Format | None = None
    flush: bool = False

    @property
    def u(self) -> float:
        """Unit roundoff of the accumulation."""
        return self.accumulate.u

    @property
    def eta(self) -> float:
        """The absolute error of an underflow."""
        lost = max(self.accumulate.subnormal, 2.0**-1074)
        return max(self.accumulate.normal, self.storage.normal) if self.flush else lost

    @property
    def u_in(self) -> float:
        """Unit roundoff of the factors, 0 where they are not rounded."""
        return self.inputs.u if self.inputs else 0.0

    @property
    def product(self) -> float:
        """What one product may be off relatively, its two factors rounded first: (1 + u)(1 + u_in)² − 1."""
        return self.u + (1 + self.u) * self.u_in * (2 + self.u_in)

    def relative(self, roundings: int, factors: int = 0) -> float:
        """(1 + γ_roundings)(1 + u_in)^factors − 1."""
        rounded = gamma(roundings, self.u)
        return rounded + (1 + rounded) * float(np.expm1(factors * np.log1p(self.u_in)))

    def any_order(self, terms: int, size: Array, total: Array, before: int = 0) -> Array:
        """γ_k·S + (n − 1)u((S + |s|)/2 + γ_{k+n−1}·S) of n terms of `size` S and `total` s; see the module.

        Each of the k roundings `before` is one of a product, with its factors rounded first.
        """
        own = gamma(before, self.product)
        later = gamma(before, self.product) + gamma(terms, self.u) * (1 + own)
        additions = max(0, terms - 1) * self.u
        return own * size + additions * ((size + np.abs(total)) / 2 + later * size)

    def underflow(self, places: int, *factors: Array | float) -> Array:
        """(places + 1)·η·R, R the product of the factors' magnitudes, each raised to at least 1; see the module."""
        raised: Any = (places + 1) * self.eta
        for factor in factors:
            raised = raised * np.maximum(np.abs(factor), 1)
        return np.asarray(raised)

    def sum_of_products(self, terms: int, magnitude: Array, factors: int = 2, extra: int = 2) -> Array:
        """Bound of a sum of `terms` products of magnitudes summing to `magnitude`, in any order.

        (1 + γ)(1 + u_in)^factors − 1 relative to the magnitude, where γ_{terms+extra} leaves `extra` roundings for a
        bias, a scale or a division; plus η for each term.
        """
        relative = (1 + gamma(terms + extra, self.u)) * (1 + self.u_in) ** factors - 1
        if self.u_in == 0:
            relative = gamma(terms + extra, self.u)
        return relative * magnitude + (terms + extra) * self.eta


class Allowance(NamedTuple):
    """How far a result may be off, and how large its intermediate results may become; both elementwise, float64.

    NaN in `bound` says that nothing follows: no verdict. `sums` is False where a result is more than sums of products
    and divisions by a count, so that it is rounded on data on which these are exact. `open` says where more than one
    answer is right; the oracle fills it in.
    """

    bound: Array
    magnitude: Array
    sums: bool = True
    open: tuple[Any, ...] = ()


def gamma(k: float, u: float) -> float:
    """γ_k = ku/(1 − ku), NaN (no verdict) from ku = 1/2 on.

    >>> gamma(1, 0.25) == 1 / 3
    True
    """
    return k * u / (1 - k * u) if k * u < 0.5 else np.nan


def exact(magnitude: Array) -> Allowance:
    """The allowance of a result that involves no rounding: none."""
    return Allowance(np.zeros_like(magnitude), magnitude)
