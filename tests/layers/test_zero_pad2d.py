"""zero_pad2d: values computed by hand, and its special properties."""

import numpy as np
from hypothesis import given

from nnref import avg_pool2d, conv2d, max_pool2d, zero_pad2d
from nnref.arithmetic import Rational

from .registry import conv2d_cases, fractions


def test_each_side_has_its_own_amount():
    y = zero_pad2d(np.full((1, 1, 1, 1), 7.0), padding=((1, 0), (2, 1)))
    np.testing.assert_array_equal(y, [[[[0, 0, 0, 0], [0, 0, 7, 0]]]])


def test_exact_images_are_padded_with_exact_zeros():
    y = zero_pad2d(np.full((1, 1, 1, 1), Rational(1, 3)), padding=1)
    assert {type(element) for element in y.flat} == {Rational}


@given(conv2d_cases())
def test_it_folds_into_a_convolution(case):
    arrays, options = fractions(case)
    padding = options.pop("padding")
    folded = conv2d(*arrays.values(), padding=padding, **options)
    arrays["x"] = zero_pad2d(arrays["x"], padding=padding)
    assert (conv2d(*arrays.values(), **options) == folded).all()


def test_it_folds_into_an_average_pool_that_counts_its_padding_and_not_into_one_that_does_not():
    x = np.full((1, 1, 1, 1), 4.0)
    padded = avg_pool2d(zero_pad2d(x, padding=((0, 0), (1, 0))), kernel_size=(1, 2)).item()
    options = {"kernel_size": (1, 2), "padding": ((0, 0), (1, 0))}
    assert padded == avg_pool2d(x, **options).item() == 2
    assert avg_pool2d(x, count_include_pad=False, **options).item() == 4


def test_it_does_not_fold_into_a_max_pool_whose_padding_is_minus_infinity():
    x = np.full((1, 1, 1, 1), -4.0)
    assert max_pool2d(zero_pad2d(x, padding=1), kernel_size=3).item() == 0
    assert max_pool2d(x, kernel_size=3, padding=1).item() == -4
