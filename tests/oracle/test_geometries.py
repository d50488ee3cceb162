"""What every run visits: all small geometries, and nothing that is refused."""

import pytest

import nnref
from nnref.oracle import OPERATIONS, arrays_of
from nnref.oracle.geometries import critical_sizes, small_geometries

WINDOWED = [op for op in OPERATIONS.values() if op.windowed]


@pytest.mark.parametrize("operation", WINDOWED, ids=lambda op: op.name)
def test_all_small_geometries_are_there_and_accepted(operation):
    cases = list(small_geometries(operation, "forward", "float32"))
    lines = {str(case).split(" seed")[1].split(" ", 1)[1] for case in cases}
    assert len(lines) == len(cases) > 800
    for name, seen in {"kernel": {1, 2, 3}, "stride": {1, 2, 3}, "dilation": {1, 2}}.items():
        if name in operation.least:
            assert {value for case in cases for value in case.geometry[name]} == seen
    assert {p for case in cases for p in case.geometry["padding"]} == {0, 1, 2}
    assert {max(case.geometry["H"][0], case.geometry["W"][0]) for case in cases} >= {2, 3, 4, 5, 6}
    for case in cases[::29]:
        arrays, options = arrays_of(case)
        y = getattr(nnref, operation.name)(*arrays.values(), **options)
        assert y.shape == operation.output(case.geometry)


def test_other_operations_have_none():
    assert not list(small_geometries(OPERATIONS["relu"], "forward", "float32"))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda op: op.name)
def test_critical_sizes_cross_vectors_and_tiles(operation):
    cases = list(critical_sizes(operation, "forward", "float32", ("integers", "normal")))
    assert all(operation.fits(case.geometry) for case in cases)
    if "W" in operation.least and operation.name != "network":
        assert {case.geometry["W"][0] for case in cases} >= {7, 8, 9, 31, 32, 33, 63, 64, 65}
    for name in {"C", "Cg", "Kg", "K"} & set(operation.least) if operation.name != "network" else ():
        assert {case.geometry[name][0] for case in cases} >= {31, 32, 33, 64}
