"""batch_norm2d and its training mode: values computed by hand, and their special properties."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref import (
    BatchNorm2d,
    DTypeError,
    ShapeError,
    batch_norm2d,
    batch_norm2d_backward,
    batch_norm2d_train,
    batch_norm2d_train_backward,
    batch_statistics,
    depthwise_conv2d,
    normalize2d,
)
from nnref.arithmetic import rational, rationals

from .proofs import assert_agree
from .registry import BY_NAME, draw_dy, image_cases, with_rational_batch_root


def row(*values):
    return np.array(values, float)[None, None, None]


ONE = np.ones(1)


def test_inference_by_hand():
    y = batch_norm2d(row(1, 5), 6 * ONE, 7 * ONE, 2 * ONE, 8 * ONE, eps=1)  # (x − 2)·6/3 + 7
    np.testing.assert_array_equal(y, row(5, 13))


def test_training_by_hand():
    y = batch_norm2d_train(row(1, 3), 6 * ONE, 7 * ONE, eps=3)  # mean 2, variance 1, root 2
    np.testing.assert_array_equal(y, row(4, 10))


def test_statistics_are_over_samples_and_pixels_of_a_channel_and_biased():
    x = np.array([[[[1.0]], [[10.0]]], [[[3.0]], [[10.0]]]])
    mean, var = batch_statistics(x)
    np.testing.assert_array_equal(mean, [2, 10])
    np.testing.assert_array_equal(var, [1, 0])


def test_the_variance_does_not_cancel_where_the_mean_is_large():
    """mean(X²) − μ² in float32 is 0 or negative here; the two-pass variance is exact."""
    x = np.float32(2**20) + np.array([-1, 1], np.float32)
    assert batch_statistics(x.reshape(1, 1, 1, 2))[1] == 1
    assert (x * x).mean() - x.mean() ** 2 != 1


def test_inference_is_a_1x1_depthwise_convolution():
    """G = γ/√(σ² + ε) = 3, g = β − γμ/√(σ² + ε) = −1."""
    x = row(1, 2, 4)
    y = batch_norm2d(x, 6 * ONE, 5 * ONE, 2 * ONE, 3 * ONE, eps=1)
    np.testing.assert_array_equal(y, depthwise_conv2d(x, np.full((1, 1, 1, 1), 3.0), -ONE))
    np.testing.assert_array_equal(y, normalize2d(x, 6 * ONE, 5 * ONE, 2 * ONE, ONE / 2))


@given(image_cases(("gamma", "beta"), eps=st.just(1)))
def test_training_is_inference_with_the_batch_s_statistics_but_not_in_its_gradient(case):
    arrays, options = with_rational_batch_root(case)
    statistics = batch_statistics(arrays["x"])
    y = batch_norm2d_train(*arrays.values(), **options)
    assert_agree(BY_NAME["batch_norm2d_train"], case, [batch_norm2d(*arrays.values(), *statistics, **options)], [y])
    dy = draw_dy(case, y)
    frozen = batch_norm2d_backward(dy, *arrays.values(), *statistics, **options)
    through = batch_norm2d_train_backward(dy, *arrays.values(), **options)
    assert_agree(BY_NAME["batch_norm2d_train"], case, through[1:], frozen[1:3])
    assert (frozen[0] != through[0]).any()


@given(image_cases(("gamma", "beta"), eps=st.just(1)))
def test_the_training_gradient_is_orthogonal_to_constants_so_that_a_constant_dy_tests_nothing(case):
    arrays, options = with_rational_batch_root(case)
    dy = draw_dy(case, arrays["x"])
    dx, _, _ = batch_norm2d_train_backward(dy, *arrays.values(), **options)
    assert (dx.sum(axis=(0, 2, 3)) == 0).all()
    dx, _, _ = batch_norm2d_train_backward(dy * 0 + 1, *arrays.values(), **options)
    assert (dx == 0).all()


def test_the_training_output_ignores_a_shift_of_its_input():
    x = np.array([1.0, 2.0, 4.0, 8.0]).reshape(2, 1, 1, 2)
    y, shifted = (batch_norm2d_train(image, ONE, ONE, eps=1) for image in (x, x + 1024))
    np.testing.assert_array_equal(y, shifted)


def test_a_constant_channel_becomes_beta():
    np.testing.assert_array_equal(batch_norm2d_train(row(3, 3), 5 * ONE, 7 * ONE), row(7, 7))


def test_eps_is_exact_in_exact_arithmetic():
    exact = [np.array([rational(value)]) for value in (1, 0, 0, 0)]
    y = batch_norm2d(np.full((1, 1, 1, 1), rational(3)), *exact, eps=0.25)
    assert y.item() == 6


def test_a_variance_of_nan_reaches_its_own_channel_only():
    x, (gamma, beta, mean), var = np.ones((1, 2, 1, 1)), np.ones((3, 2)), np.array([np.nan, 1])
    np.testing.assert_array_equal(np.isnan(batch_norm2d(x, gamma, beta, mean, var)).ravel(), [True, False])


# the layer


def test_running_statistics_move_by_momentum_and_the_running_variance_is_unbiased():
    layer = BatchNorm2d(1, momentum=0.5, dtype=np.float64)
    layer(row(1, 3))  # mean 2, unbiased variance 2
    assert layer.buffers == {"running_mean": 1, "running_var": 1.5, "num_batches_tracked": 1}
    layer(row(1, 3))
    assert layer.buffers == {"running_mean": 1.5, "running_var": 1.75, "num_batches_tracked": 2}


def test_evaluation_uses_the_running_statistics_and_leaves_them_alone():
    layer = BatchNorm2d(1, eps=0, dtype=np.float64).eval()
    np.testing.assert_array_equal(layer(row(1, 3)), row(1, 3))
    assert layer.buffers == {"running_mean": 0, "running_var": 1, "num_batches_tracked": 0}


@pytest.mark.parametrize("x", [np.ones((1, 2, 1, 1)), np.ones((4, 3, 2, 2)), np.ones((4, 2, 2, 2), np.float32)])
def test_a_refused_batch_changes_no_state(x):
    layer = BatchNorm2d(2, dtype=np.float64)
    layer(np.arange(8.0).reshape(2, 2, 1, 2))
    before, dx = layer.state_dict(), layer.backward(np.eye(2).reshape(2, 2, 1, 1) * np.ones((2, 2, 1, 2)))
    with pytest.raises((ShapeError, DTypeError)):
        layer(x)
    assert all(np.array_equal(array, before[name]) for name, array in layer.state_dict().items())
    np.testing.assert_array_equal(layer.backward(np.eye(2).reshape(2, 2, 1, 1) * np.ones((2, 2, 1, 2))), dx)


def test_its_function_is_pure():
    layer, x = BatchNorm2d(1, dtype=np.float64), row(1, 3)
    y = layer.forward_fn(x, *layer.params.values(), **layer.options)
    assert layer.buffers == {"running_mean": 0, "running_var": 1, "num_batches_tracked": 0}
    np.testing.assert_array_equal(layer(x), y)


def test_an_empty_batch_leaves_the_running_statistics_alone():
    layer = BatchNorm2d(2)
    assert layer(np.zeros((0, 2, 3, 3), np.float32)).shape == (0, 2, 3, 3)
    assert layer.buffers["num_batches_tracked"] == 0


def test_backward_uses_the_mode_of_the_forward_pass():
    x, dy = row(1, 3), row(1, 0)
    layer = BatchNorm2d(1, eps=0, dtype=np.float64)
    layer(x)
    through_statistics = layer.backward(dy)
    layer.eval()
    np.testing.assert_array_equal(layer.backward(dy), through_statistics)
    layer(x)
    layer.train()
    assert (layer.backward(dy) != through_statistics).any()


def test_running_statistics_are_buffers_and_no_parameters():
    layer = BatchNorm2d(3)
    assert list(layer.params) == ["weight", "bias"]
    assert list(layer.state_dict()) == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_layer_keeps_its_dtype(dtype):
    layer = BatchNorm2d(1, dtype=dtype)
    assert layer(np.array([1, 3], dtype).reshape(1, 1, 1, 2)).dtype == dtype
    assert {layer.buffers[name].dtype for name in ("running_mean", "running_var")} == {np.dtype(dtype)}


def test_running_variance_in_half_precision_does_not_overflow():
    x = (np.random.default_rng(0).normal(size=(8, 1, 40, 40)) * 4).astype(np.float16)
    norm = BatchNorm2d(1, dtype=np.float16)
    norm(x)
    wide = BatchNorm2d(1, dtype=np.float32)
    wide(x.astype(np.float32))
    assert norm.buffers["running_var"] == wide.buffers["running_var"].astype(np.float16)


def test_a_momentum_of_one_forgets_what_was():
    x = rationals([[[[1, 3]]], [[[2, 6]]]])
    norm = BatchNorm2d.from_arrays(
        weight=rationals([1]),
        bias=rationals([0]),
        running_mean=rationals([7]),
        running_var=rationals([9]),
        options={"momentum": 1, "eps": Fraction(1, 2)},
    )
    norm(x)
    assert norm.buffers["running_mean"] == 3
    assert norm.buffers["running_var"] == Fraction(14, 3)
    tiny = (np.random.default_rng(0).normal(size=(4, 1, 8, 8)) * 1e-5).astype(np.float32)
    norm = BatchNorm2d(1, momentum=1.0)
    norm(tiny)
    assert norm.buffers["running_var"] > 0


@pytest.mark.parametrize(("eps", "expected"), [(1e-5, [3.0]), (0, [np.nan])])
def test_one_value_per_channel_is_beta_unless_nothing_is_under_the_root(eps, expected):
    with np.errstate(divide="ignore", invalid="ignore"):
        y = batch_norm2d_train(np.full((1, 1, 1, 1), 7.0), np.ones(1), np.array([3.0]), eps=eps)
    np.testing.assert_array_equal(y.ravel(), expected)
