"""sigmoid: values computed by hand, and its accuracy.

NumPy's float32 exp has an error of at most 2.52 units in the last place, which is 5.04u relatively with u = 2^-24.
σ = e/(1 + e) adds one rounding of 1 + e and one of the quotient: 8u in total. σ' = dy·e/(1 + e)² adds five: 11u.
"""

import ml_dtypes
import numpy as np
import pytest

from nnref import sigmoid, sigmoid_backward
from nnref.arithmetic import decimals, fifty_digits, rationals
from nnref.errors import DTypeError
from nnref.oracle.targets import definition

from .floats32 import every_kind_of_float32, units


def test_by_hand():
    x = np.array([-np.log(3), 0, np.log(3)])
    np.testing.assert_allclose(sigmoid(x), [0.25, 0.5, 0.75], rtol=4 * 2**-52)  # log, exp, sum and quotient round


def test_it_is_accurate_over_the_whole_range():
    x = every_kind_of_float32(2000)
    with fifty_digits():
        exact = definition.sigmoid(decimals(x))
        (slope,) = definition.sigmoid_backward(decimals(np.ones_like(x)), decimals(x))
    assert units(sigmoid(x), exact) <= 8
    assert units(sigmoid_backward(np.ones_like(x), x)[0], slope) <= 11


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64, np.longdouble])
def test_the_largest_numbers_do_not_overflow(dtype):
    largest = ml_dtypes.finfo(dtype).max
    x = np.array([-np.inf, -largest, largest, np.inf], dtype)
    np.testing.assert_array_equal(sigmoid(x), np.array([0, 0, 1, 1], dtype))
    np.testing.assert_array_equal(sigmoid_backward(np.ones_like(x), x)[0], np.zeros(4, dtype))


def test_nan_propagates():
    nan = np.array([np.nan])
    assert np.isnan(sigmoid(nan)).all()
    assert np.isnan(sigmoid_backward(np.ones(1), nan)[0]).all()


def test_the_slope_is_largest_at_0_and_symmetric():
    x = np.arange(-300, 301) / 10
    (slope,) = sigmoid_backward(np.ones_like(x), x)
    assert slope.max() == 0.25 == slope[300]
    np.testing.assert_array_equal(slope, slope[::-1])


def test_the_output_is_positive_and_so_not_centred():
    assert (sigmoid(np.linspace(-80, 80, 100, dtype=np.float32)) > 0).all()


def test_a_rational_has_no_exponential():
    with pytest.raises(TypeError):
        sigmoid(rationals([1]))
    with pytest.raises(DTypeError):
        sigmoid(np.array([1]))
