"""The table of the smallest errors that are found: computed, of every result, and better than usual tolerances."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("threadpoolctl")

from benchmarks import sensitivity
from nnref.oracle import OPERATIONS

PAGE = Path(__file__).parents[2] / "docs" / "sensitivity.md"


def results():
    for op in OPERATIONS.values():
        least = {name: tuple(max(1, v) for v in values) for name, values in op.least.items()}
        for direction in op.directions:
            for name in op.result_shapes(least, direction):
                yield f"{op.name} {direction} {name}".removesuffix(" y")


def test_the_page_has_a_row_for_every_result_and_the_text_of_the_command():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = {line.split(" | ")[0].removeprefix("| "): line for line in lines if line.startswith("| ")}
    listed = set(rows) - {"result", "---"}
    assert listed <= set(results())  # it may lack a newer operation
    assert len(listed) >= 50
    empty = sensitivity.page([]).splitlines()
    assert [line for line in lines if line not in rows.values()] == [
        line for line in empty if line not in rows.values()
    ]


def test_a_few_rows_computed_anew():
    found = {row.name: row for row in sensitivity.rows(["relu", "linear", "tanh"], examples=12, most=30)}
    assert found["relu forward"].oracle < 1 < found["relu forward"].assert_close
    assert found["linear backward dweight"].oracle < 1 < found["linear backward dweight"].rounded < 100
    assert 1 < found["tanh forward"].oracle < found["tanh forward"].assert_close
    assert found["tanh forward"].refused["assert_allclose"] > 0


@pytest.mark.parametrize("units", [0.25, 1.0, 40.0])
def test_what_is_found_is_the_smallest_that_is_refused(units):
    exact = np.array([1.0, 2.0])
    judged = [sensitivity.Judged("normal", exact, exact * units * sensitivity.U, exact)]
    least = sensitivity.found(judged, lambda result: lambda got: np.abs(got - result.exact) <= result.bound)
    assert units < least <= 4 * max(units, 0.5)
    assert sensitivity.found(judged, lambda result: lambda got: got > 0) == sensitivity.NEVER
