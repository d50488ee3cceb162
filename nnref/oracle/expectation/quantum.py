"""The quantum of a case: what every intermediate result of a correct implementation is a multiple of.

A sum of multiples of a quantum is exact, in any order, while its magnitude is at most 2^bits quanta: then a correct
result has no error at all.
"""

from __future__ import annotations

import numpy as np

from ...bounds import Allowance, Precision
from ..arrays.fill import EXACT
from ..cases.case import Case

__all__ = ["exact_where_small", "quantum_of"]

STEPS = {"dyadic": 2.0**-2}  # of the data; whole numbers have 1


def quantum_of(case: Case) -> float | None:
    """The quantum of a case, None where it has none."""
    operation = case.operation
    # one 1 among zeros is no batch with an exact root
    undone = operation.exact_data is not None and case.mode == "one_hot" and case.direction == "forward"
    if case.mode not in EXACT or undone:
        return None
    return operation.quantum(case.geometry, STEPS.get(case.mode, 1.0))


def exact_where_small(allowance: Allowance, quantum: float, precision: Precision) -> Allowance:
    """The allowance without any error where every partial sum is representable."""
    largest = quantum * 2.0 ** min(precision.accumulate.bits, precision.storage.bits)
    bound = np.where(allowance.magnitude <= largest, 0.0, allowance.bound)
    return allowance._replace(bound=bound) if allowance.sums else allowance
