"""Special values: NaN, infinities, signed zeros, subnormal numbers, ties; where their result is unambiguous.

=========  ==============================================================================================
nan        NaN and infinities, one to three, in the image, the cotangent or the weight
subnormal  that array scaled to subnormal numbers
ties       that array of −1, −0, 0 and 1 alone
lowest     that array full of −∞ where the operation is defined there, of 0 elsewhere
parameter  NaN or ±∞ in a parameter
=========  ==============================================================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...bounds import format_of
from ..cases.case import KINDS, Case
from .random_bits import RandomBits

__all__ = ["put_special_values"]

Arrays = dict[str, Any]
PARAMETERS = ("bias", "gamma", "beta", "mean", "var")
ADDED_ONLY = ("bias", "beta")


def put_special_values(raw: RandomBits, arrays: Arrays, case: Case) -> None:
    """Put special values of the case's kind into its arrays, or of a kind that the seed chooses."""
    parameters = _special_parameters(arrays, case)
    if parameters and (case.kind == "parameter" or (not case.kind and case.seed % 4 == 3)):
        turn = case.seed if case.kind else case.seed // 4
        name, value = parameters[turn % len(parameters)]
        arrays[name].flat[raw.one(arrays[name].size)] = value
        return
    array = _array_for_special(raw, arrays, case)
    if array is None or not array.size:
        return
    kind = case.kind or _chosen_by_seed(raw, case)
    if kind == "subnormal":
        array *= format_of(case.dtype).normal / 8
    elif kind == "ties":
        array[...] = np.array([-1.0, -0.0, 0.0, 1.0])[raw.below(4, array.shape)]
    elif kind == "lowest":
        array[...] = case.operation.lowest
    else:
        values = np.array([np.nan, np.inf, -np.inf])
        for _ in range(1 + raw.one(3)):
            array.flat[raw.one(array.size)] = values[raw.one(3)]


def _chosen_by_seed(raw: RandomBits, case: Case) -> str:
    """The kind in a line that has none; a network has no NaN, for a merged one has 0·∞ and ∞ − ∞ elsewhere."""
    return KINDS["special"][raw.one(4) if case.operation.assemble is None else 1 + raw.one(3)]


def _array_for_special(raw: RandomBits, arrays: Arrays, case: Case) -> Any:
    candidates = [n for n in ("x", "dy", "weight") if n in arrays and n in _unambiguous(case)]
    return arrays.get(candidates[raw.one(len(candidates))] if candidates else "x")


def _unambiguous(case: Case) -> tuple[str, ...]:
    return case.operation.special(case.geometry, case.direction)


def _special_parameters(arrays: Arrays, case: Case) -> list[tuple[str, float]]:
    """Parameters with what they may hold.

    A NaN in a weight goes where it is multiplied by every window and nothing stored, such as padding. An infinity goes
    where it is only added: times G, which may be 0, or less itself it is NaN in one form of batch norm and not in
    another.
    """
    found = [(name, np.nan) for name in PARAMETERS if arrays.get(name) is not None]
    found += [(name, sign * np.inf) for name, _ in found if name in ADDED_ONLY for sign in (1, -1)]
    if case.operation.whole_weight(case.geometry, case.direction):
        found.append(("weight", np.nan))
    return found
