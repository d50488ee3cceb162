"""conv2d: values computed by hand, and its special properties."""

import tracemalloc

import numpy as np
import pytest

from nnref import (
    Conv2d,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
    depthwise_conv2d,
    depthwise_conv2d_backward,
)
from nnref.arithmetic import MaxPlus, max_plus


def image(*rows):
    return np.array(rows, float)[None, None]


ONES = np.ones((1, 1, 2, 2))


def test_a_box_filter_by_hand():
    np.testing.assert_array_equal(conv2d(image([1, 2, 3], [4, 5, 6]), ONES), image([12, 16]))


def test_it_is_a_cross_correlation_the_kernel_is_not_flipped():
    np.testing.assert_array_equal(conv2d(image([1, 0, 0]), image([10, 20])), image([10, 0]))


def test_each_side_is_padded_by_its_own_amount():
    y = conv2d(image([5]), np.ones((1, 1, 1, 1)), padding=((1, 0), (0, 2)))
    np.testing.assert_array_equal(y, image([0, 0, 0], [5, 0, 0]))


def test_same_puts_the_odd_pixel_at_the_end():
    np.testing.assert_array_equal(conv2d(image([1, 2, 3]), np.ones((1, 1, 1, 2)), padding="same"), image([3, 5, 3]))


@pytest.mark.parametrize("size", range(1, 8))
@pytest.mark.parametrize("kernel", range(1, 5))
@pytest.mark.parametrize("stride", range(1, 4))
def test_same_gives_one_window_per_stride_and_valid_is_no_padding(size, kernel, stride):
    x, weight = np.zeros((1, 1, size, size)), np.zeros((1, 1, kernel, kernel))
    assert conv2d(x, weight, stride=stride, padding="same").shape[2] == -(-size // stride)
    if kernel <= size:
        assert conv2d(x, weight, stride=stride, padding="valid").shape[2] == (size - kernel) // stride + 1


def test_same_with_dilation_keeps_the_size():
    assert conv2d(np.zeros((1, 1, 6, 7)), np.zeros((1, 1, 3, 3)), padding="same", dilation=(2, 3)).shape[2:] == (6, 7)


def test_dilation_reads_every_second_pixel():
    y = conv2d(image([1, 10, 100, 1000]), np.ones((1, 1, 1, 2)), dilation=(1, 2))
    np.testing.assert_array_equal(y, image([101, 1010]))


def test_a_group_sees_only_its_own_channels():
    x = np.array([1.0, 10.0, 100.0, 1000.0]).reshape(1, 4, 1, 1)
    np.testing.assert_array_equal(conv2d(x, np.ones((2, 2, 1, 1)), groups=2).ravel(), [11, 1100])


def test_a_window_wholly_in_padding_is_the_bias_and_has_no_gradient():
    x, weight, bias = image([2]), np.full((1, 1, 1, 1), 3.0), np.array([7.0])
    options = {"padding": 2, "stride": 2}
    np.testing.assert_array_equal(conv2d(x, weight, bias, **options), image([7, 7, 7], [7, 13, 7], [7, 7, 7]))
    dx, dweight, dbias = conv2d_backward(np.ones((1, 1, 3, 3)), x, weight, bias, **options)
    assert (dx.item(), dweight.item(), dbias.item()) == (3, 2, 9)


def test_a_stride_beyond_the_kernel_leaves_pixels_out_and_without_gradient():
    x, weight = image([1, 2, 3, 4, 5]), np.ones((1, 1, 1, 1))
    dx, _, _ = conv2d_backward(image([1, 1]), x, weight, stride=(1, 3))
    np.testing.assert_array_equal(dx, image([1, 0, 0, 1, 0]))


def test_nan_reaches_every_window_that_contains_it_and_no_other():
    y = conv2d(image([np.nan, 1, 2, 3]), np.ones((1, 1, 1, 2)))
    np.testing.assert_array_equal(np.isnan(y), image([1, 0, 0]).astype(bool))


def test_over_the_max_plus_semiring_a_convolution_with_ones_is_a_max_pool():
    y = conv2d(max_plus(image([1, 5, 2])), np.full((1, 1, 1, 2), MaxPlus(0), object))
    assert y.ravel().tolist() == [MaxPlus(5.0), MaxPlus(5.0)]


@pytest.mark.parametrize("shape", [(1, 8, 256, 256), (64, 8, 32, 32), (1, 8, 4, 16384)])
def test_scratch_memory_is_bounded_whatever_batch_and_image(shape):
    """At most a few blocks of 2 MiB besides the results; im2col of the whole image would take 18 MiB, 9 times x."""
    x, weight, own, bias = (np.ones(s, np.float32) for s in (shape, (8, 8, 3, 3), (8, 1, 3, 3), (8,)))
    for function, arrays in [
        (conv2d, (x, weight, bias)),
        (conv2d_backward, (x, x, weight)),
        (conv_transpose2d, (x, weight, bias)),
        (conv_transpose2d_backward, (x, x, weight)),
        (depthwise_conv2d, (x, own, bias)),
        (depthwise_conv2d_backward, (x, x, own)),
    ]:
        tracemalloc.start()
        results = function(*arrays, padding=1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        kept = sum(r.nbytes for r in (results if isinstance(results, tuple) else (results,)) if r is not None)
        assert peak - kept < 3 * 2**21 + 2**19


def test_blocks_change_no_value_of_an_exact_sum():
    rng = np.random.default_rng(0)
    x, weight = (rng.integers(-4, 5, shape).astype(float) for shape in [(3, 16, 64, 64), (2, 16, 3, 3)])
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    np.testing.assert_array_equal(conv2d(x, weight, padding=1), np.einsum("nchwuv,kcuv->nkhw", windows, weight))


def test_the_layer_draws_torch_s_initial_values_reproducibly():
    layer, again = (Conv2d(4, 6, 3, groups=2, rng=7) for _ in range(2))
    assert layer.params["weight"].shape == (6, 2, 3, 3)
    assert abs(layer.params["weight"]).max() <= 1 / np.sqrt(2 * 3 * 3)
    np.testing.assert_array_equal(layer.params["weight"], again.params["weight"])
    assert list(Conv2d(4, 6, 3, bias=False).params) == ["weight"]
