"""Every exact result is a multiple of the quantum that its row states; a quantum that is too large is found."""

from fractions import Fraction
from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from nnref.arithmetic import rationals
from nnref.oracle import OPERATIONS, arrays_of, cases
from nnref.oracle.arrays.fill import EXACT
from nnref.oracle.expectation.quantum import quantum_of

STATED = [row for row in OPERATIONS.values() if row.quantum is not type(row).quantum]
SMALL = 500  # elements: Fractions are slow
FEW = settings(suppress_health_check=[HealthCheck.filter_too_much])  # most average pools have no quantum
UNSHRUNK = settings(FEW, phases=[Phase.generate])


def exact_cases(row):
    """Small cases of whole numbers, of quarters, and of a single 1."""
    small = cases(row.name, modes=EXACT).filter(lambda case: sum(map(prod, filter(None, case.shapes.values()))) < SMALL)
    return small.filter(lambda case: quantum_of(case) is not None)


def not_multiples(case, quantum):
    """The exact results of the layer that are not a multiple of the quantum."""
    arrays, options = arrays_of(case)
    exact = [None if a is None else rationals(a.astype(np.float64)) for a in arrays.values()]
    results = case.operation.evaluate(case.function, case.shapes, exact, options)
    values = [value for result in results if result is not None for value in result.flat]
    finite = [value for value in values if value != float("-inf")]  # the maximum of no pixel
    return [value for value in finite if (Fraction(value) / Fraction(quantum)).denominator != 1]


@pytest.mark.parametrize("row", STATED, ids=lambda row: row.name)
@FEW
@given(data=st.data())
def test_every_result_is_a_multiple_of_the_quantum(row, data):
    case = data.draw(exact_cases(row))
    quantum = quantum_of(case)
    wrong = not_multiples(case, quantum)
    assert not wrong, f"{case}: {wrong[0]} is not a multiple of {quantum}; state a smaller quantum in the row, or none"


def test_most_rows_state_a_quantum():
    assert len(STATED) >= 14


@pytest.mark.parametrize("row", STATED, ids=lambda row: row.name)
def test_a_quantum_that_is_too_large_is_found(row):
    find(exact_cases(row), lambda case: bool(not_multiples(case, 2.0**20 * quantum_of(case))), settings=UNSHRUNK)
