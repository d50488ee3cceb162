"""The model of rounding: formats are NumPy's, and no order of summation breaks the bound of a sum."""

from fractions import Fraction

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref.bounds import Precision, format_of, gamma
from nnref.errors import OptionError

SINGLE = Precision(format_of("float32"), format_of("float32"))


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64"])
def test_formats_are_those_of_the_dtypes(name):
    info, ours = ml_dtypes.finfo(name if name != "bfloat16" else ml_dtypes.bfloat16), format_of(name)
    assert ours.u == float(info.eps) / 2
    assert (ours.normal, ours.subnormal) == (float(info.smallest_normal), float(info.smallest_subnormal))
    assert ours.largest == float(info.max)


def test_gamma_gives_no_verdict_where_it_does_not_hold():
    assert gamma(3, 2.0**-24) == pytest.approx(3 * 2.0**-24, rel=1e-6)
    assert np.isnan(gamma(2**23, 2.0**-24))


def test_an_unknown_format_is_refused():
    with pytest.raises(OptionError, match=r"format_of: name must be one of .*, got 'float8'"):
        format_of("float8")


numbers = st.floats(-1e3, 1e3, width=32)


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_any_order_of_summation_is_within_the_bound(pairs, random):
    exact = sum(Fraction(x) * Fraction(w) for x, w in pairs)
    magnitude = sum(abs(x * w) for x, w in pairs)
    partial = [np.float32(x) * np.float32(w) for x, w in pairs]
    while len(partial) > 1:  # any binary tree
        random.shuffle(partial)
        partial.append(np.float32(partial.pop() + partial.pop()))
    bound = float(SINGLE.sum_of_products(len(pairs), np.float64(magnitude)))
    assert abs(Fraction(float(partial[0])) - exact) <= Fraction(bound * (1 + 2.0**-28))


@pytest.mark.parametrize("terms", [8, 64, 512])
def test_the_worst_order_reaches_the_bound(terms):
    """1, then terms that each vanish behind it: the error is n·u of a bound of (n + 2)·u."""
    small = np.float32(2.0**-24 * (1 - 2.0**-20))
    total = np.float32(1)
    for _ in range(terms - 1):
        total = np.float32(total + small)
    magnitude = 1 + (terms - 1) * float(small)
    margin = (magnitude - float(total)) / float(SINGLE.sum_of_products(terms, np.float64(magnitude)))
    assert (terms - 1) / (terms + 2.1) < margin < 1
