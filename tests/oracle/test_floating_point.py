"""The rounding mode and flush-to-zero: a target's are its own, and never the oracle's."""

import ctypes
import subprocess

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.oracle import arrays_of, floating_point, parse, search
from nnref.oracle.call import call
from nnref.oracle.geometries import critical_sizes

SOURCE = """
#include <fenv.h>
#include <xmmintrin.h>
void up(void) { fesetround(FE_UPWARD); }
void down(void) { fesetround(FE_DOWNWARD); }
void toward_zero(void) { fesetround(FE_TOWARDZERO); }
void flush_results(void) { _mm_setcsr(_mm_getcsr() | 0x8000); }
void flush_inputs(void) { _mm_setcsr(_mm_getcsr() | 0x0040); }
"""
STATES = {
    "up": floating_point.ROUNDING,
    "down": floating_point.ROUNDING,
    "toward_zero": floating_point.ROUNDING,
    "flush_results": floating_point.SUBNORMALS,
    "flush_inputs": floating_point.SUBNORMALS,
}
CASE = parse("relu.forward float32 special contiguous seed=3 N=1 C=1 H=1 W=4")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("states")
    (path / "states.c").write_text(SOURCE, encoding="utf-8")
    compiled = ["cc", "-shared", "-fPIC", str(path / "states.c"), "-o", str(path / "states.so"), "-lm"]
    try:
        subprocess.run(compiled, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no C compiler for SSE here")
    return ctypes.CDLL(str(path / "states.so"))


@pytest.fixture(params=STATES)
def state(request, library):
    """The name of a state, and what sets it; undone at the end."""
    kept = floating_point.save()
    yield request.param, getattr(library, request.param)
    floating_point.restore(kept)
    assert not floating_point.disturbed()


def test_a_state_is_seen_and_named(state):
    name, enter = state
    enter()
    assert floating_point.disturbed() == [STATES[name]]


def test_what_is_undisturbed_runs_in_the_default_state_and_leaves_the_other_one(state):
    _, enter = state
    enter()
    before = floating_point.observed()
    assert floating_point.undisturbed(floating_point.disturbed)() == []
    assert floating_point.observed() == before


def test_it_leaves_it_after_an_error_too(state):
    _, enter = state
    enter()
    before = floating_point.observed()
    with pytest.raises(ZeroDivisionError):
        floating_point.undisturbed(lambda: 1 // 0)()
    assert floating_point.observed() == before


@pytest.mark.parametrize("raises", [False, True])
def test_a_call_that_changes_it_is_a_finding_and_undone(state, raises):
    name, enter = state

    def target(x):
        enter()
        if raises:
            raise ValueError("after that")
        return nnref.relu(x)

    finding = call(target, CASE, *arrays_of(CASE)).finding
    assert not floating_point.disturbed()
    assert finding.kind == ("exception" if raises else "global state")
    assert raises or finding.message == f"relu changed {STATES[name]}"


@pytest.mark.parametrize("op", ["conv2d", "batch_norm2d_train", "tanh"])
def test_data_expectation_and_bound_are_the_same_in_any_state(state, op):
    """An answer from before is right, and one that is off is off by as much."""
    _, enter = state
    case = next(c for c in critical_sizes(oracle.OPERATIONS[op], "forward", "float32", ["normal"]))

    def verdicts():
        answers = iter((right, off))
        tester = search.Tester(lambda *arrays, **options: next(answers).copy())
        return tester.verdict(case), tester.verdict(case)

    arrays, options = arrays_of(case)
    right = getattr(nnref, op)(*arrays.values(), **options)
    off = right + np.float32(1)
    expected = verdicts()
    assert not expected[0].finding
    assert expected[1].finding
    enter()
    assert verdicts() == expected


def test_a_library_that_flushes_when_it_is_loaded_is_judged_by_what_it_does_then(library):
    """As in the process of its user: the kernel flushes, the oracle's arithmetic does not."""
    kept = floating_point.save()
    one = np.ones((), np.float32)
    library.flush_results()
    library.flush_inputs()
    try:
        report = oracle.conform({"relu": lambda x: nnref.relu(x) * one}, ["relu"])
    finally:
        floating_point.restore(kept)
    (failure,) = report.results[0].failures
    assert failure.case.mode == "special"
    assert "subnormal numbers were zero" in failure.hint
    assert f"{floating_point.SUBNORMALS} is not the default: something loaded set it" in report.results[0].notes


def test_a_user_who_wants_floating_point_errors_raised_can_check():
    with np.errstate(all="raise"):
        assert oracle.conform(nnref, ["batch_norm2d_train", "sigmoid"], dtypes=("float16", "float32")).ok
