"""Shrinking ends: with the smallest case, or with the smallest found in so many calls and seconds."""

import time

import pytest

from nnref import oracle
from nnref.oracle.search import shrink as shrinking
from nnref.oracle.search.shrink import elements, shrink
from nnref.oracle.verdict.judge import Finding

LARGE = oracle.parse(
    "conv2d.forward float32 normal strided seed=7 N=3 groups=2 Cg=3 Kg=2 H=9 W=33 kernel=3,2 stride=2,1 "
    "padding=1,2,0,1 dilation=2,1 bias=1"
)
WRONG = Finding("value", "y", index=(0,), expected=0.0, got=1.0, bound=0.5, margin=2.0)


def wide(case):
    return WRONG if case.geometry["W"][0] >= 5 else None


def test_the_smallest_case_is_found():
    case, finding = shrink(LARGE, WRONG, wide)
    assert finding is WRONG
    assert case.geometry == {
        **{name: least for name, least in LARGE.operation.least.items() if name not in ("N", "W", "H")},
        "N": (1,),
        "W": (5,),
        "H": (1,),
    }
    assert case.layout == "contiguous"
    assert elements(case) == 6


def test_a_layout_that_matters_stays():
    case, _ = shrink(LARGE, WRONG, lambda case: WRONG if case.layout == "strided" else None)
    assert case.layout == "strided"
    assert elements(case) == 2


def test_a_failure_of_another_kind_is_not_followed():
    other = Finding("shape", "y", wanted="()", found="(1,)")
    case, _ = shrink(LARGE, WRONG, lambda case: WRONG if case == LARGE else other)
    assert case == LARGE


def test_no_more_calls_than_the_budget():
    calls = []

    def failing(case):
        calls.append(case)
        return wide(case)

    shrink(LARGE, WRONG, failing, budget=25)
    assert len(calls) == 25


@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_a_slow_target_ends_after_so_many_seconds(monkeypatch, seconds):
    monkeypatch.setattr(shrinking, "SECONDS", seconds)

    def failing(case):
        time.sleep(0.1)
        return wide(case)

    started = time.monotonic()
    case, _ = shrink(LARGE, WRONG, failing)
    assert time.monotonic() - started < seconds + 0.5
    assert wide(case)


def test_a_target_that_is_not_slow_has_all_its_calls(monkeypatch):
    monkeypatch.setattr(shrinking, "SECONDS", 0.0)
    case, _ = shrink(LARGE, WRONG, wide)
    assert elements(case) == 6


def test_a_fast_target_shrinks_alike_every_time():
    def failing(case):
        return WRONG if case.geometry["W"][0] * case.geometry["H"][0] >= 30 and case.seed % 3 else None

    assert len({str(shrink(LARGE, WRONG, failing)[0]) for _ in range(3)}) == 1
