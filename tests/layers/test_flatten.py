"""flatten: channels outermost, then rows, then columns."""

import numpy as np

from nnref import flatten, flatten_backward


def test_the_order_is_channel_row_column():
    x = np.arange(8.0).reshape(1, 2, 2, 2)
    np.testing.assert_array_equal(flatten(x), np.arange(8.0)[None])


def test_backward_is_the_inverse():
    x = np.random.default_rng(0).normal(size=(2, 3, 2, 4))
    np.testing.assert_array_equal(flatten_backward(flatten(x), x)[0], x)
