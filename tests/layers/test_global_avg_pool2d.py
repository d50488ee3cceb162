"""global_avg_pool2d: values computed by hand, and its special properties."""

import numpy as np
from hypothesis import given

from nnref import avg_pool2d, global_avg_pool2d, global_avg_pool2d_backward

from .registry import fractions, image_cases


def test_the_mean_of_every_channel():
    x = np.array([[1.0, 3.0], [10.0, 20.0]]).reshape(1, 2, 1, 2)
    np.testing.assert_array_equal(global_avg_pool2d(x), [[[[2]], [[15]]]])


def test_every_pixel_gets_the_same_share():
    (dx,) = global_avg_pool2d_backward(np.full((1, 1, 1, 1), 8.0), np.zeros((1, 1, 2, 2)))
    np.testing.assert_array_equal(dx, np.full((1, 1, 2, 2), 2.0))


@given(image_cases())
def test_it_is_an_average_pool_over_the_whole_image(case):
    x = fractions(case)[0]["x"]
    assert (global_avg_pool2d(x) == avg_pool2d(x, kernel_size=x.shape[2:])).all()
