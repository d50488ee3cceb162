"""relu: its kink, NaN and signed zeros."""

import numpy as np

from nnref import relu, relu_backward

NAN, INF = np.nan, np.inf


def test_by_hand():
    np.testing.assert_array_equal(relu(np.array([-INF, -2, 0, 3, INF])), [0, 0, 0, 3, INF])


def test_the_gradient_is_0_at_the_kink():
    x = np.array([-1e-300, -0.0, 0.0, 1e-300])
    np.testing.assert_array_equal(relu_backward(np.full(4, 7.0), x)[0], [0, 0, 0, 7])


def test_nan_propagates_and_passes_its_gradient():
    nan = np.array([NAN])
    assert np.isnan(relu(nan)).all()
    assert relu_backward(np.array([7.0]), nan)[0].item() == 7


def test_a_blocked_gradient_is_0_even_if_it_is_not_finite():
    np.testing.assert_array_equal(relu_backward(np.array([NAN, INF]), np.array([-1.0, -1.0]))[0], [0, 0])


def test_signed_zeros_stay():
    np.testing.assert_array_equal(np.signbit(relu(np.array([-0.0, 0.0, -1.0]))), [True, False, False])
