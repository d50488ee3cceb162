"""tanh: values computed by hand, and its accuracy.

Assume that expm1 has an error of at most 4u, where u = 2^-24 (2 units in the last place; NumPy's is better). Let
s = expm1(−|x|), t = s(2 + s) and tanh = −t/(2 + t). These have four more roundings. The error of s is not amplified,
because s·dt/ds/t = (2 + 2s)/(2 + s) and t·dy/dt/y = 2/(2 + t) have a product of at most 1. The two roundings of t count
at most double. The sum is 4u + 2·2u + 2u = 10u.

tanh' = sech² with sech = 2e/(1 + e²). The errors of sech are 5.04u from exp, and u/2, u and u from the quotient. The
square doubles them, and two products follow: 18u.
"""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given

from nnref import sigmoid, tanh, tanh_backward
from nnref.arithmetic import decimals, fifty_digits
from nnref.oracle.targets import definition

from .floats32 import every_kind_of_float32, units
from .proofs import assert_agree
from .registry import BY_NAME, any_shape_cases, fifty_digit_values


def test_by_hand():
    x = np.array([-np.log(3), 0, np.log(3)]) / 2
    np.testing.assert_allclose(tanh(x), [-0.5, 0, 0.5], rtol=10 * 2**-53)  # as derived above


def test_it_is_accurate_over_the_whole_range():
    x = every_kind_of_float32(2000)
    assert units(tanh(x), np.tanh(x.astype(np.float64))) <= 10
    with fifty_digits():
        (slope,) = definition.tanh_backward(decimals(np.ones_like(x)), decimals(x))
    assert units(tanh_backward(np.ones_like(x), x)[0], slope) <= 18


@given(any_shape_cases())
def test_it_is_2_sigmoid_of_2x_less_1(case):
    with fifty_digits():
        x = fifty_digit_values(case)[0]["x"]
        assert_agree(BY_NAME["tanh"], case, [tanh(x)], [2 * sigmoid(2 * x) - 1])


def test_the_lecture_s_form_cancels_near_0_and_this_one_does_not():
    x = np.array([1e-6], np.float32)
    assert units(tanh(x), np.tanh(x.astype(np.float64))) <= 10
    assert units(2 * sigmoid(2 * x) - 1, np.tanh(x.astype(np.float64))) > 1e5


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16, np.float32, np.float64, np.longdouble])
def test_the_largest_numbers_do_not_overflow(dtype):
    largest = ml_dtypes.finfo(dtype).max
    x = np.array([-np.inf, -largest, largest, np.inf], dtype)
    np.testing.assert_array_equal(tanh(x), np.array([-1, -1, 1, 1], dtype))
    np.testing.assert_array_equal(tanh_backward(np.ones_like(x), x)[0], np.zeros(4, dtype))


def test_it_is_odd_and_keeps_the_sign_of_zero():
    x = every_kind_of_float32(500)
    np.testing.assert_array_equal(tanh(-x), -tanh(x))
    np.testing.assert_array_equal(np.signbit(tanh(np.array([-0.0, 0.0]))), [True, False])


def test_nan_propagates():
    nan = np.array([np.nan])
    assert np.isnan(tanh(nan)).all()
    assert np.isnan(tanh_backward(np.ones(1), nan)[0]).all()
