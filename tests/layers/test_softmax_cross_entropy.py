"""softmax_cross_entropy: values computed by hand, and its special properties."""

import numpy as np
import pytest

from nnref import SoftmaxCrossEntropy, softmax_cross_entropy, softmax_cross_entropy_backward


def loss(x, target, **options):
    return softmax_cross_entropy(np.array(x, float), target=np.array(target), **options)


def gradient(x, target, dy=1.0, **options):
    return softmax_cross_entropy_backward(np.array(dy), np.array(x, float), target=np.array(target), **options)[0]


def test_equal_logits_cost_the_logarithm_of_the_number_of_classes():
    assert loss([[5, 5, 5, 5]], [2]) == np.log(4)


def test_mean_and_sum():
    x, target = [[0, 0], [0, 0]], [0, 1]
    assert loss(x, target, reduction="sum") == 2 * loss(x, target) == 2 * np.log(2)
    np.testing.assert_array_equal(gradient(x, target), gradient(x, target, reduction="sum") / 2)


def test_the_gradient_is_softmax_less_the_target_times_dy():
    np.testing.assert_array_equal(gradient([[0, 0, 0, 0]], [1], dy=8.0), [[2, -6, 2, 2]])


def test_the_gradient_of_a_sample_sums_to_0():
    # one rounding of each softmax and of the sum; the values are below 1
    assert abs(gradient([[1, 2, 3]], [0]).sum()) <= 4 * 2**-53


def test_large_logits_do_not_overflow():
    assert loss([[1e308, -1e308]], [0]) == 0
    assert loss([[1000, 0]], [1]) == 1000
    assert loss([[0, -np.inf]], [0]) == 0
    np.testing.assert_array_equal(gradient([[1000, 0]], [1]), [[1, -1]])


def test_a_constant_added_to_all_logits_of_a_sample_changes_nothing():
    assert loss([[1, 2, 4]], [0]) == loss([[1025, 1026, 1028]], [0])


def test_of_an_empty_batch_the_mean_is_nan_and_the_sum_0():
    x, target = np.zeros((0, 3)), np.zeros(0, int)
    assert np.isnan(softmax_cross_entropy(x, target=target))
    assert softmax_cross_entropy(x, target=target, reduction="sum") == 0


@pytest.mark.parametrize("dtype", [np.int32, np.uint8, np.int64])
def test_targets_may_be_of_any_integer_type(dtype):
    assert softmax_cross_entropy(np.zeros((1, 2)), target=np.array([1], dtype)) == np.log(2)


def test_the_layer_starts_the_chain_with_dy_1_or_scales_by_another():
    layer = SoftmaxCrossEntropy("sum")
    assert layer(np.zeros((1, 2)), np.array([1])) == np.log(2)
    np.testing.assert_array_equal(layer.backward(), [[0.5, -0.5]])
    np.testing.assert_array_equal(layer.backward(np.array(4.0)), [[2, -2]])
