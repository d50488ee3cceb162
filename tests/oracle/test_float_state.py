"""The rounding mode and flush-to-zero: a target's are its own, and never the oracle's."""

import ctypes
import subprocess
from itertools import islice, product

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.oracle import arrays_of, float_state, parse
from nnref.oracle.cases.case import MODES
from nnref.oracle.cases.enumerated import critical_sizes, every_layout
from nnref.oracle.search import tester
from nnref.oracle.targets.call import call
from nnref.oracle.targets.resolve import resolve

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
    "up": float_state.ROUNDING,
    "down": float_state.ROUNDING,
    "toward_zero": float_state.ROUNDING,
    "flush_results": float_state.SUBNORMALS,
    "flush_inputs": float_state.SUBNORMALS,
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
    kept = float_state.save()
    yield request.param, getattr(library, request.param)
    float_state.restore(kept)
    assert not float_state.disturbed()


def test_a_state_is_seen_and_named(state):
    name, enter = state
    enter()
    assert float_state.disturbed() == [STATES[name]]


def test_what_is_undisturbed_runs_in_the_default_state_and_leaves_the_other_one(state):
    _, enter = state
    enter()
    before = float_state.observed()
    assert float_state.undisturbed(float_state.disturbed)() == []
    assert float_state.observed() == before


def test_it_leaves_it_after_an_error_too(state):
    _, enter = state
    enter()
    before = float_state.observed()
    with pytest.raises(ZeroDivisionError):
        float_state.undisturbed(lambda: 1 // 0)()
    assert float_state.observed() == before


@pytest.mark.parametrize("raises", [False, True])
def test_a_call_that_changes_it_is_a_finding_and_undone(state, raises):
    name, enter = state

    def target(x):
        enter()
        if raises:
            raise ValueError("after that")
        return nnref.relu(x)

    finding = call(target, CASE, *arrays_of(CASE)).finding
    assert not float_state.disturbed()
    assert finding.kind == ("exception" if raises else "global state")
    assert raises or finding.message == f"relu changed {STATES[name]}"


@pytest.mark.parametrize("op", ["conv2d", "batch_norm2d_train", "tanh"])
def test_data_expectation_and_bound_are_the_same_in_any_state(state, op):
    """An answer from before is right, and one that is off is off by as much."""
    _, enter = state
    case = next(c for c in critical_sizes(oracle.OPERATIONS[op], "forward", "float32", ["normal"]))

    def verdicts():
        answers = iter((right, off))
        target = tester.Tester(lambda *arrays, **options: next(answers).copy())
        return target.verdict(case), target.verdict(case)

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
    kept = float_state.save()
    one = np.ones((), np.float32)
    library.flush_results()
    library.flush_inputs()
    try:
        report = oracle.conform({"relu": lambda x: nnref.relu(x) * one}, ["relu"])
    finally:
        float_state.restore(kept)
    (failure,) = report.results[0].failures
    assert failure.case.mode == "special"
    assert "subnormal numbers were zero" in failure.hint.words
    assert f"{float_state.SUBNORMALS} is not the default: a loaded library has set it" in report.results[0].notes


def test_a_user_who_wants_floating_point_errors_raised_can_check():
    """Some cases of every row, kind of data and layout."""
    right = resolve("nnref")
    with np.errstate(all="raise"):
        for op, dtype in product(oracle.OPERATIONS.values(), ("float16", "float32")):
            for direction in op.directions:
                target = tester.Tester(getattr(right, op.name if direction == "forward" else f"{op.name}_backward"))
                for case in islice(every_layout(op, direction, dtype, MODES), 0, None, 7):
                    assert target.verdict(case).finding is None, str(case)
        assert oracle.conform(nnref, ["sigmoid"], dtypes=("float16",), max_examples=30).ok
