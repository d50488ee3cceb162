"""What hypothesis draws: every mode of a row other cases, an empty batch now and then, sizes of every class."""

import functools
from itertools import product

import pytest

from nnref.oracle import OPERATIONS, cases
from nnref.oracle.cases.case import LAYOUTS, MODES
from nnref.oracle.search import search as search_module
from nnref.oracle.search.search import _Search, drawn, search


def some(op, count=400, seed=0):
    found = []
    drawn(cases(op), lambda case: found.append(case) or 0.0, count, seed)
    return found


def test_every_mode_of_every_row_draws_other_cases(monkeypatch):
    found = {}

    def visit(self, case):
        key = case.op, case.direction, case.dtype, case.mode
        found.setdefault(key, []).append((case.layout, case.seed, tuple(case.geometry.values())))
        return 0.0

    monkeypatch.setattr(_Search, "visit", visit)
    monkeypatch.setattr(search_module, "enumerated", lambda *row: ())
    for op, direction, dtype in product(("relu", "tanh"), ("forward", "backward"), ("float32", "float64")):
        search(None, op, direction, dtype=dtype, max_examples=60)
    assert len(found) == 8 * len(MODES)
    assert len({tuple(drawn_cases) for drawn_cases in found.values()}) == len(found)


@functools.cache
def much(op):
    """Draws of many seeds, for hypothesis varies each that is new some times before it draws another."""
    return [case for seed in range(24) for case in some(op, 40, seed)]


@pytest.mark.parametrize("op", ["relu", "conv2d", "linear"])
def test_an_empty_batch_is_drawn_but_seldom(op):
    found = much(op)
    empty = sum(case.geometry["N"][0] == 0 for case in found)
    assert 0 < empty < len(found) - empty


def test_every_layout_is_drawn_with_data():
    assert {case.layout.split(":")[0] for case in some("relu") if case.geometry["N"][0]} == set(LAYOUTS)


def test_draws_reach_long_rows_and_columns_many_channels_and_many_samples():
    found = much("conv2d")
    for name, size in {"H": 32, "W": 32, "N": 8, "Cg": 31, "Kg": 31, "groups": 31}.items():
        assert max(case.geometry[name][0] for case in found) >= size, name
    for name, size in {"kernel": 5, "stride": 5, "dilation": 4}.items():
        assert max(max(case.geometry[name]) for case in found) >= size, name


@pytest.mark.parametrize("op", OPERATIONS)
def test_a_draw_is_the_same_for_the_same_seed_and_another_for_another(op):
    first, again, other = (list(map(str, some(op, 20, seed))) for seed in ("a", "a", "b"))
    assert first == again != other
