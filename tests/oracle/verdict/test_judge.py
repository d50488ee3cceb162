"""The verdict, held against answers made by hand."""

import numpy as np
import pytest

from nnref.bounds import Allowance
from nnref.oracle import NOT_COMPUTED, Declaration, parse
from nnref.oracle.verdict.judge import judge

CASE = parse("relu.forward float32 normal contiguous seed=0 N=1 C=1 H=1 W=2")
HALF = parse("sigmoid.forward float16 normal contiguous seed=0 N=1 C=1 H=1 W=2")
BACKWARD = parse("linear.backward float32 normal contiguous seed=0 N=1 C=1 K=1 bias=0")
SHAPE = (1, 1, 1, 2)
STRICT = Declaration()


def verdict(got, exact, bound=0.0, magnitude=1.0, case=CASE, declares=STRICT, dtype=None):
    exact = np.array(exact, np.float64).reshape(SHAPE)
    allowance = Allowance(np.full(SHAPE, bound), np.full(SHAPE, magnitude))
    got = np.array(got, dtype or case.dtype).reshape(SHAPE)
    return judge(case, (got,), {}, ((exact, allowance),), declares)


def test_within_the_bound_and_beyond_it():
    assert verdict([1, 2], [1, 2.25], bound=0.5).finding is None
    assert verdict([1, 2], [1, 2.25], bound=0.5).margin == pytest.approx(0.5)
    finding = verdict([1, 2], [1, 3], bound=0.5).finding
    assert (finding.kind, finding.index, finding.expected, finding.got) == ("value", (0, 0, 0, 1), 3, 2)
    assert finding.margin == pytest.approx(2)
    assert finding.message == "y[0, 0, 0, 1] must be 3.0 ± 0.5, got 2.0, off by 2 times the bound"


def test_no_tolerance_means_none():
    assert verdict([1, 0.0], [1, -0.0]).finding is None
    finding = verdict([1, np.nextafter(np.float32(2), np.float32(3))], [1, 2]).finding
    assert finding.message.startswith("y[0, 0, 0, 1] must be 2.0 exactly, got 2.00000023")


@pytest.mark.parametrize(
    ("got", "exact", "right"),
    [
        (np.nan, np.nan, True),
        (1.0, np.nan, False),
        (np.nan, 1.0, False),
        (np.inf, np.inf, True),
        (-np.inf, np.inf, False),
        (np.inf, 1.0, False),
        (1.0, np.inf, False),
    ],
)
def test_what_is_not_finite(got, exact, right):
    assert (verdict([0, got], [0, exact], bound=1.0).finding is None) == right


def test_nan_may_be_anything_where_that_is_declared():
    assert verdict([0, 7], [0, np.nan], declares=Declaration(nan="any")).finding is None
    assert verdict([0, 7], [0, np.inf], declares=Declaration(nan="any")).finding is not None


def test_there_is_no_verdict_where_a_result_may_overflow_or_no_bound_holds():
    assert verdict([1, 99], [1, 2], bound=0.5, magnitude=3e38).judged == 0
    assert verdict([1, 99], [1, 2], bound=np.nan).judged == 0
    assert verdict([1, 99], [1, 2], bound=np.nan).finding is None
    assert verdict([1, np.inf], [1, 1e39], bound=1.0).finding is None


def test_storage_in_half_precision_is_one_rounding():
    exact = 1 + 2.0**-12  # float16 has 11 bits
    assert verdict([1, 1], [exact, 1], bound=1e-9, case=HALF).finding is None
    assert verdict([1 + 2.0**-10, 1], [exact, 1], bound=1e-9, case=HALF).finding is not None


def test_shape_dtype_and_structure():
    assert verdict([1, 2], [1, 2], dtype="float64").finding.message == "y must have dtype float32, got float64"
    allowance = Allowance(np.zeros(SHAPE), np.ones(SHAPE))
    exact = np.zeros(SHAPE)
    wrong = judge(CASE, (np.zeros((2,), np.float32),), {}, ((exact, allowance),), STRICT).finding
    assert wrong.message == "y must have shape (1, 1, 1, 2), got (2,)"
    expected = tuple((np.zeros((1, 1)), Allowance(np.zeros((1, 1)), np.ones((1, 1)))) for _ in range(2))
    one = np.zeros((1, 1), np.float32)
    assert judge(BACKWARD, (one, one, None), {}, (*expected, None), STRICT).finding is None
    assert judge(BACKWARD, (one, NOT_COMPUTED, None), {}, (*expected, None), STRICT).finding is None
    rows = [
        ((one, one), "linear_backward must return 3 results ('dx', 'dweight', 'dbias'), got 2"),
        ((one, one, one), "dbias must be None, because there is no bias, got ndarray"),
        ((one, None, None), "dweight must be an array, got None"),
    ]
    for outputs, message in rows:
        assert judge(BACKWARD, outputs, {}, (*expected, None), STRICT).finding.message == message
