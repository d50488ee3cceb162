"""conv_transpose2d: values computed by hand, and its special properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref import ConvTranspose2d, conv2d, conv2d_backward, conv_transpose2d

from .registry import conv2d_cases, draw_dy, fractions


def row(*values):
    return np.array(values, float)[None, None, None]


def test_pixels_are_spread_and_added_where_they_overlap():
    np.testing.assert_array_equal(conv_transpose2d(row(1, 10), row(1, 2)), row(1, 12, 20))


def test_stride_pulls_the_copies_of_the_kernel_apart():
    y = conv_transpose2d(row(1, 10), row(1, 2), stride=(1, 3))
    np.testing.assert_array_equal(y, row(1, 2, 0, 10, 20))


def test_padding_crops_each_side_by_its_own_amount():
    y = conv_transpose2d(row(1, 10), row(1, 2, 3), stride=(1, 2), padding=((0, 0), (2, 1)))
    np.testing.assert_array_equal(y, row(13, 20))


def test_output_padding_adds_pixels_at_the_end_which_only_the_bias_reaches():
    y = conv_transpose2d(row(1), row(1, 2), np.array([100.0]), stride=(1, 3), output_padding=(0, 2))
    np.testing.assert_array_equal(y, row(101, 102, 100, 100))


def test_output_padding_uncrops_where_padding_cropped():
    y = conv_transpose2d(row(1, 10), row(1, 2, 3), stride=(1, 2), padding=(0, 1), output_padding=(0, 1))
    np.testing.assert_array_equal(y, row(2, 13, 20, 30))


def test_dilation_pulls_the_taps_apart():
    np.testing.assert_array_equal(conv_transpose2d(row(1, 10), row(1, 2), dilation=(1, 2)), row(1, 10, 2, 20))


def test_groups_keep_channels_apart():
    x, weight = np.array([1.0, 10.0]).reshape(1, 2, 1, 1), np.array([1.0, 2.0, 3.0, 4.0]).reshape(2, 2, 1, 1)
    np.testing.assert_array_equal(conv_transpose2d(x, weight, groups=2).ravel(), [1, 2, 30, 40])


@given(conv2d_cases(), st.data())
def test_it_is_the_adjoint_of_conv2d_in_its_image(case, data):
    """⟨X, conv2d(Z, F)⟩ = ⟨conv_transpose2d(X, F), Z⟩; output_padding restores the pixels that a stride dropped."""
    arrays, options = fractions(case)
    z, weight = arrays["x"], arrays["weight"]
    y = conv2d(z, weight, **options)
    x = draw_dy(case, y)
    axes = zip(z.shape[2:], weight.shape[2:], *list(options.values())[:3], strict=True)
    dropped = tuple((size + sum(pad) - d * (k - 1) - 1) % s for size, k, s, pad, d in axes)
    transposed = conv_transpose2d(x, weight, output_padding=dropped, **options)
    assert transposed.shape == z.shape
    assert (x * y).sum() == (transposed * z).sum()
    assert (transposed == conv2d_backward(x, z, weight, **options)[0]).all()


@pytest.mark.parametrize("groups", [1, 2])
def test_the_layer_has_torch_s_layout_of_the_weight(groups):
    layer = ConvTranspose2d(4, 6, 3, groups=groups, rng=0)
    assert layer.params["weight"].shape == (4, 6 // groups, 3, 3)
    assert layer.params["bias"].shape == (6,)
    assert abs(layer.params["bias"]).max() <= 1 / np.sqrt(6 // groups * 9)
