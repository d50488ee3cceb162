"""Special values: NaN, infinities, signed zeros, subnormal numbers and ties, where the result is unambiguous.

=========  ==============================================================================================
nan        one to three NaN or infinities in the image, the cotangent or the weight
subnormal  that array scaled to subnormal numbers
ties       that array filled with −1, −0, 0 and 1
lowest     that array filled with −∞ if the operation is defined there, otherwise with 0
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
    """Put special values into the arrays, of the kind of the case or of a kind that the seed chooses."""
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
    """The kind of a line that names none.

    A network gets no NaN, because a merged network has 0·∞ and ∞ − ∞ in other places.
    """
    return KINDS["special"][raw.one(4) if case.operation.assemble is None else 1 + raw.one(3)]


def _array_for_special(raw: RandomBits, arrays: Arrays, case: Case) -> Any:
    candidates = [n for n in ("x", "dy", "weight") if n in arrays and n in _unambiguous(case)]
    return arrays.get(candidates[raw.one(len(candidates))] if candidates else "x")


def _unambiguous(case: Case) -> tuple[str, ...]:
    return case.operation.special(case.geometry, case.direction)


def _special_parameters(arrays: Arrays, case: Case) -> list[tuple[str, float]]:
    """Parameters, each with a special value that it may hold.

    A weight may hold a NaN if every window, and no stored padding, is multiplied with it. A parameter may hold an
    infinity if it is only added. Otherwise two correct forms of batch norm could differ, because ∞ − ∞ and 0·∞, if G
    is 0, are NaN in one form only.
    """
    found = [(name, np.nan) for name in PARAMETERS if arrays.get(name) is not None]
    found += [(name, sign * np.inf) for name, _ in found if name in ADDED_ONLY for sign in (1, -1)]
    if case.operation.whole_weight(case.geometry, case.direction):
        found.append(("weight", np.nan))
    return found
