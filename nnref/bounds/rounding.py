r"""The model of rounding that every bound starts from.

A sum of n products, in any order, with or without fused multiply-add, has each term multiplied by at most n factors
1 + δ (one for its product, at most n − 1 for the additions above it), so that its error is at most γ_n Σ|x_i||w_i|
(Higham, section 3.1). To that a product that underflows adds at most half the smallest subnormal, η.
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
    and divisions by a count, so that it is rounded on data on which these are exact.
    """

    bound: Array
    magnitude: Array
    sums: bool = True


def gamma(k: float, u: float) -> float:
    """γ_k = ku/(1 − ku), NaN (no verdict) from ku = 1/2 on.

    >>> gamma(1, 0.25) == 1 / 3
    True
    """
    return k * u / (1 - k * u) if k * u < 0.5 else np.nan


def exact(magnitude: Array) -> Allowance:
    """The allowance of a result that involves no rounding: none."""
    return Allowance(np.zeros_like(magnitude), magnitude)
