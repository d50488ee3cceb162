"""avg_pool2d: values computed by hand, and its special properties."""

import numpy as np
import pytest

from nnref import avg_pool2d, avg_pool2d_backward
from nnref.arithmetic import Rational, rationals


def row(*values):
    return np.array(values, float)[None, None, None]


def pool(x, width, **options):
    """Average pooling along the columns only."""
    both = {name: (1, value) for name, value in options.items() if name == "stride"}
    return avg_pool2d(x, kernel_size=(1, width), **{**options, **both})


def test_stride_none_is_the_kernel():
    np.testing.assert_array_equal(pool(row(1, 3, 5, 9), 2), row(2, 7))
    np.testing.assert_array_equal(pool(row(1, 3, 5, 9), 2, stride=1), row(2, 4, 7))


LEFT, RIGHT = ((0, 0), (1, 0)), ((0, 0), (0, 1))


@pytest.mark.parametrize(
    ("padding", "ceil_mode", "count_include_pad", "expected"),
    [
        # image 6 12 18, kernel 2, stride 2; comments show the windows: pixels, _ for padding, . for taps beyond it
        (0, False, True, [9]),  # 6 12
        (0, True, True, [9, 18]),  # 6 12, 18 .
        (0, True, False, [9, 18]),
        (LEFT, False, True, [3, 15]),  # _ 6, 12 18
        (LEFT, False, False, [6, 15]),
        (LEFT, True, True, [3, 15]),  # nothing is left over
        (RIGHT, False, True, [9, 9]),  # 6 12, 18 _
        (RIGHT, False, False, [9, 18]),
        (((0, 0), (1, 1)), False, True, [3, 15]),  # _ 6, 12 18, and a last _ that fills no window
        (((0, 0), (1, 1)), True, True, [3, 15]),  # a window that would start in the last _ is dropped
        (((0, 0), (1, 1)), True, False, [6, 15]),
    ],
)
def test_ceil_mode_and_count_include_pad_and_asymmetric_padding(padding, ceil_mode, count_include_pad, expected):
    y = pool(row(6, 12, 18), 2, padding=padding, ceil_mode=ceil_mode, count_include_pad=count_include_pad)
    np.testing.assert_array_equal(y, row(*expected))


def test_what_ceil_mode_adds_beyond_the_padding_never_counts():
    """The windows are 6 12 18 and 24 _ . ; the last counts its pixel and its padding, but not the tap beyond."""
    y = pool(row(6, 12, 18, 24), 3, padding=RIGHT, ceil_mode=True)
    np.testing.assert_array_equal(y, row(12, 12))


@pytest.mark.parametrize("count_include_pad", [True, False])
def test_a_window_without_a_pixel_is_zero(count_include_pad):
    options = {"padding": ((0, 0), (2, 0)), "count_include_pad": count_include_pad}
    np.testing.assert_array_equal(pool(row(4, 6), 2, **options), row(0, 5))
    exact = pool(rationals(row(4, 6)), 2, **options)
    assert exact.tolist() == row(0, 5).tolist()
    assert {type(e) for e in exact.flat} == {Rational}


@pytest.mark.parametrize("count_include_pad", [True, False])
def test_a_window_without_a_pixel_passes_no_gradient(count_include_pad):
    options = {"kernel_size": (1, 2), "padding": ((0, 0), (2, 0)), "count_include_pad": count_include_pad}
    (dx,) = avg_pool2d_backward(row(1000, 8), row(4, 6), **options)
    np.testing.assert_array_equal(dx, row(4, 4))


def test_the_gradient_of_a_pixel_is_its_share_of_every_window():
    (dx,) = avg_pool2d_backward(row(2, 20), row(0, 0, 0), kernel_size=(1, 2), stride=1)
    np.testing.assert_array_equal(dx, row(1, 11, 10))


def test_same_gives_one_window_per_stride():
    np.testing.assert_array_equal(pool(row(2, 4, 6), 2, padding="same"), row(3, 3))


def test_nan_and_infinity_reach_their_own_windows_only():
    np.testing.assert_array_equal(pool(row(np.nan, 1, np.inf, 1, 2, 4), 2), row(np.nan, np.inf, 3))
