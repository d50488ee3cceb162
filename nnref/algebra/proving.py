"""`prove` settles a claim, `verify` settles it again from what the first left behind."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from ..errors import OptionError
from ..numeric import Array
from .claim import Case, Certificate, Claim, Refutation
from .claims import claims
from .given import Given
from .methods import METHODS, Degrees, Digits, IdentityTest, SmallValues, Symbolic
from .witness import Values, flat, nested, shapes, smallest_witness

__all__ = ["find", "prove", "verify"]

SHORT = 200  # characters of a difference worth printing


def find(name: str) -> Claim:
    """The claim of that name.

    Raises
    ------
    OptionError : there is none; the message has the names that are like it.

    >>> find("conv-batch-norm").method
    'symbolic'
    """
    if name in claims:
        return claims[name]
    alike = difflib.get_close_matches(name, claims, n=3, cutoff=0.4) or sorted(c for c in claims if name in c)
    suggestion = f"; did you mean {', '.join(alike)}?" if alike else ""
    raise OptionError(f"prove: claim must be one of the registry's {len(claims)}, got {name!r}{suggestion}")


def prove(claim: Claim | str, *cases: Case, method: str | None = None, seed: int = 0) -> Certificate | Refutation:
    """Settle a claim at some shapes and options.

    Parameters
    ----------
    claim : Claim, or the name of a registered one
    cases : shapes and options, as the claim's own `cases`, which are the default
    method : name of a method, by default the claim's
    seed : int, of random elements

    Raises
    ------
    OptionError : an unknown claim or method.

    >>> print(prove("conv-batch-norm", {"image": (1, 2), "kernel": (1, 2)}))
    conv-batch-norm: proved (symbolic, Polynomial)
      image 1×2, kernel 1×2: 2 identities of degree 4 in 14 variables
      covers all values of inputs and parameters, at these shapes and options
      does not cover other shapes, rounding
    """
    claim = find(claim) if isinstance(claim, str) else claim
    kind = METHODS.get(method or claim.method)
    if kind is None:
        raise OptionError(f"prove: method must be one of {', '.join(METHODS)}, got {method!r}")
    evidence = []
    for case in cases or claim.cases:
        if kind is SmallValues:
            found = smallest_witness(claim, case, digits=False)
            ...
        given = kind(seed)
        sides = claim.sides(given, case)
        left, right = map(flat, sides)
    return Certificate(claim.name, kind.method, kind.arithmetic, tuple(cases), tuple(evidence), kind.covers, kind.beyond)
