"""max_pool2d: values computed by hand, and its special properties."""

import numpy as np
import pytest

from nnref import conv2d, max_pool2d, max_pool2d_backward
from nnref.arithmetic import MaxPlus, max_plus

NAN, INF = np.nan, np.inf


def row(*values):
    return np.array(values, float)[None, None, None]


def pool(x, width, **options):
    return max_pool2d(x, kernel_size=(1, width), **options)


def pool_backward(dy, x, width, **options):
    return max_pool2d_backward(dy, x, kernel_size=(1, width), **options)[0]


def test_the_maximum_of_every_window():
    np.testing.assert_array_equal(pool(row(1, 7, -2, -3), 2), row(7, -2))


def test_padding_is_minus_infinity_and_never_wins():
    np.testing.assert_array_equal(pool(row(-5, -7), 2, padding=((0, 0), (1, 1))), row(-5, -7))


def test_a_window_wholly_in_padding_is_minus_infinity_and_has_no_gradient():
    padding = ((0, 0), (2, 0))
    np.testing.assert_array_equal(pool(row(3, 4), 2, padding=padding), row(-INF, 4))
    np.testing.assert_array_equal(pool_backward(row(1000, 1), row(3, 4), 2, padding=padding), row(0, 1))


def test_a_window_of_minus_infinity_sends_its_gradient_to_the_first_pixel():
    x = row(-INF, -INF, -INF)
    np.testing.assert_array_equal(pool(x, 3), row(-INF))
    np.testing.assert_array_equal(pool_backward(row(5), x, 3), row(5, 0, 0))
    np.testing.assert_array_equal(pool_backward(row(5, 0), x, 3, padding=((0, 0), (2, 1))), row(5, 0, 0))


def test_of_a_tie_the_first_in_row_major_order_has_the_gradient():
    x = np.array([[1.0, 9.0], [9.0, 9.0]])[None, None]
    (dx,) = max_pool2d_backward(np.full((1, 1, 1, 1), 5.0), x, kernel_size=2)
    np.testing.assert_array_equal(dx, [[[[0, 5], [0, 0]]]])


def test_signed_zeros_tie():
    np.testing.assert_array_equal(pool_backward(row(5), row(-0.0, 0.0), 2), row(5, 0))


def test_a_pixel_collects_the_gradients_of_all_windows_it_wins():
    np.testing.assert_array_equal(pool_backward(row(1, 10), row(0, 7, 0), 2, stride=1), row(0, 11, 0))


@pytest.mark.parametrize("x", [(NAN, 1), (1, NAN), (NAN, INF), (-INF, NAN)])
def test_nan_is_above_everything_and_takes_the_gradient(x):
    assert np.isnan(pool(row(*x), 2)).all()
    np.testing.assert_array_equal(pool_backward(row(5), row(*x), 2), row(*5.0 * np.isnan(x)))


def test_of_several_nan_the_last_takes_the_gradient():
    np.testing.assert_array_equal(pool_backward(row(5), row(NAN, 1, NAN, 1), 4), row(0, 0, 5, 0))


def test_dilation_skips_pixels():
    np.testing.assert_array_equal(pool(row(1, 9, 2, 8, 3), 2, stride=1, dilation=(1, 2)), row(2, 9, 3))


def test_ceil_mode_lets_a_last_window_hang_over_if_it_starts_on_the_image():
    np.testing.assert_array_equal(pool(row(1, 2, 3), 2, ceil_mode=True), row(2, 3))
    np.testing.assert_array_equal(pool(row(1, 2, 3), 2, padding=((0, 0), (1, 1)), ceil_mode=True), row(1, 3))


def test_same_and_valid():
    np.testing.assert_array_equal(pool(row(1, 2, 3), 2, padding="same"), row(2, 3))
    np.testing.assert_array_equal(pool(row(1, 2, 3), 2, padding="valid"), row(2))


def test_it_is_a_convolution_over_the_max_plus_semiring():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 1, 5, 6))
    y = conv2d(max_plus(x), np.full((1, 1, 2, 3), MaxPlus(0.0), object), stride=2, padding=1)
    pooled = max_pool2d(x, kernel_size=(2, 3), stride=2, padding=1)
    assert [e.payload for e in y.ravel()] == pooled.ravel().tolist()


def test_it_is_not_linear():
    x = row(1, 0)
    assert pool(x, 2) + pool(-x, 2) != pool(x - x, 2)
