"""linear: values computed by hand, and its special properties."""

import numpy as np
from hypothesis import given

from nnref import Linear, conv2d, linear, linear_backward

from .registry import fractions, linear_cases


def test_by_hand():
    weight, bias = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([100.0, 200.0])
    np.testing.assert_array_equal(linear(np.array([[1.0, 10.0]]), weight, bias), [[121, 243]])


def test_without_a_bias_there_is_no_gradient_of_one():
    assert linear_backward(np.ones((1, 1)), np.ones((1, 2)), np.ones((1, 2)))[2] is None


@given(linear_cases())
def test_it_is_a_1x1_convolution_of_a_1x1_image(case):
    x, weight, bias = fractions(case)[0].values()
    y = conv2d(x[:, :, None, None], weight[:, :, None, None], bias)
    assert (linear(x, weight, bias) == y[:, :, 0, 0]).all()


def test_the_layer_draws_torch_s_initial_values():
    layer = Linear(16, 3, rng=0)
    assert layer.params["weight"].shape == (3, 16)
    assert abs(layer.params["weight"]).max() <= 1 / 4
    assert list(Linear(2, 3, bias=False).params) == ["weight"]
