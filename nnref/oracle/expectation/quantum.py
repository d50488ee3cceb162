"""The quantum of a case: every intermediate result of a correct implementation is a multiple of it.

A sum of multiples of a quantum is exact in any order, as long as its magnitude is at most 2^bits quanta. A correct
result then has no error.
"""

from __future__ import annotations

import numpy as np

from ...bounds import Allowance, Precision
from ..arrays.fill import EXACT
from ..cases.case import Case

__all__ = ["exact_where_small", "quantum_of"]

STEPS = {"dyadic": 2.0**-2}  # mode -> step of the data; whole numbers have step 1


def quantum_of(case: Case) -> float | None:
    """The quantum of a case; None if it has none."""
    operation = case.operation
    # a batch of zeros and a single 1 has no exact square root
    undone = operation.exact_data is not None and case.mode == "one_hot" and case.direction == "forward"
    if case.mode not in EXACT or undone:
        return None
    return operation.quantum(case.geometry, STEPS.get(case.mode, 1.0))


def exact_where_small(allowance: Allowance, quantum: float, precision: Precision) -> Allowance:
    """The allowance, with a bound of zero where every partial sum is representable."""
    largest = quantum * 2.0 ** min(precision.accumulate.bits, precision.storage.bits)
    bound = np.where(allowance.magnitude <= largest, 0.0, allowance.bound)
    return allowance._replace(bound=bound) if allowance.sums else allowance
