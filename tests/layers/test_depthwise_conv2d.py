"""depthwise_conv2d: values computed by hand, and its special properties."""

import numpy as np
import pytest
from hypothesis import given

from nnref import DepthwiseConv2d, conv2d, conv2d_backward, depthwise_conv2d, depthwise_conv2d_backward

from .proofs import assert_agree
from .registry import BY_NAME, depthwise_conv2d_cases, draw_dy, floats, fractions


def test_every_channel_has_its_own_filter():
    x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 1, 2)
    weight = np.array([[1.0, 1.0], [1.0, -1.0]]).reshape(2, 1, 1, 2)
    np.testing.assert_array_equal(depthwise_conv2d(x, weight).ravel(), [3, -1])


def test_with_a_multiplier_the_filters_of_a_channel_lie_side_by_side():
    x = np.array([1.0, 10.0]).reshape(1, 2, 1, 1)
    weight = np.array([1.0, 2.0, 3.0, 4.0]).reshape(4, 1, 1, 1)
    np.testing.assert_array_equal(depthwise_conv2d(x, weight).ravel(), [1, 2, 30, 40])


@given(depthwise_conv2d_cases())
def test_it_is_a_convolution_with_as_many_groups_as_channels(case):
    arrays, options = fractions(case)
    grouped = {**options, "groups": case.shapes["x"][1]}
    y = depthwise_conv2d(*arrays.values(), **options)
    dy = draw_dy(case, y)
    got = [y, *depthwise_conv2d_backward(dy, *arrays.values(), **options)]
    expected = [conv2d(*arrays.values(), **grouped), *conv2d_backward(dy, *arrays.values(), **grouped)]
    assert_agree(BY_NAME["depthwise_conv2d"], case, got, expected)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@given(depthwise_conv2d_cases())
def test_so_it_is_where_numbers_are_not_finite(number, case):
    """Zero padding times NaN or ∞ is NaN."""
    arrays, options = floats(case)
    grouped = {**options, "groups": case.shapes["x"][1]}
    dy = draw_dy(case, depthwise_conv2d(*arrays.values(), **options))
    for array in (arrays["weight"], dy):
        array.flat[:1] = number
    with np.errstate(invalid="ignore"):
        got = [depthwise_conv2d(*arrays.values(), **options)]
        got += depthwise_conv2d_backward(dy, *arrays.values(), **options)
        expected = [conv2d(*arrays.values(), **grouped), *conv2d_backward(dy, *arrays.values(), **grouped)]
    for one, other in zip(got, expected, strict=True):
        if one is not None:
            np.testing.assert_array_equal(np.isnan(one), np.isnan(other))
            np.testing.assert_array_equal(one[np.isinf(one)], other[np.isinf(other)])


@pytest.mark.parametrize("shape", [(2, 3, 700, 700), (300, 3, 40, 40)])
def test_blocks_change_no_value_of_an_exact_sum(shape):
    rng = np.random.default_rng(0)
    x, weight = (rng.integers(-4, 5, s).astype(float) for s in [shape, (6, 1, 3, 3)])
    y = depthwise_conv2d(x, weight, stride=2, padding=1)
    np.testing.assert_array_equal(y, conv2d(x, weight, stride=2, padding=1, groups=3))
    ours = depthwise_conv2d_backward(y, x, weight, stride=2, padding=1)
    for got, expected in zip(ours[:2], conv2d_backward(y, x, weight, stride=2, padding=1, groups=3), strict=False):
        np.testing.assert_array_equal(got, expected)


def test_the_layer_has_multiplier_times_channels_filters():
    layer = DepthwiseConv2d(3, (1, 2), multiplier=4)
    assert {name: array.shape for name, array in layer.params.items()} == {"weight": (12, 1, 1, 2), "bias": (12,)}
