r"""Global average pooling, NCHW.

    Y[n,c] = 1/(HW) Σ_ij X[n,c,i,j]

It is a convolution without padding, whose kernel has the size of the image and is 1/(HW) everywhere. Source: the
lecture, "Is average pooling a convolution?"; Lin et al., Network in network (arXiv:1312.4400).
"""

from __future__ import annotations

import numpy as np

from ..dtypes import layer_function
from ..errors import expect_shape
from ..layer import Layer
from ..numeric import Array, sum_over

__all__ = ["GlobalAvgPool2d", "global_avg_pool2d", "global_avg_pool2d_backward"]


@layer_function
def global_avg_pool2d(x: Array) -> Array:
    """The mean of every channel over its image.

    Parameters
    ----------
    x : (N, C, H, W) floats or exact elements

    Returns
    -------
    (N, C, 1, 1); dtype of x

    Raises
    ------
    ShapeError : x is not 4-D.
    DTypeError : x is not an array of floats or exact elements.

    >>> global_avg_pool2d(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[[[1.5]],
    <BLANKLINE>
            [[5.5]]]])
    """
    expect_shape("global_avg_pool2d", "x", x, ("N", "C", "H", "W"))
    return sum_over(x, (2, 3))[:, :, None, None] / (x.shape[2] * x.shape[3])


@layer_function
def global_avg_pool2d_backward(dy: Array, x: Array) -> tuple[Array]:
    """(dx,): every pixel gets dy/(HW). dy is (N, C, 1, 1); only the shape of x matters.

    >>> global_avg_pool2d_backward(np.array([[[[6.0]]]]), np.zeros((1, 1, 1, 3)))
    (array([[[[2., 2., 2.]]]]),)
    """
    expect_shape("global_avg_pool2d_backward", "x", x, ("N", "C", "H", "W"))
    expect_shape("global_avg_pool2d_backward", "dy", dy, (*x.shape[:2], 1, 1))
    share = dy / (x.shape[2] * x.shape[3])
    return (np.broadcast_to(share, x.shape).copy(),)


class GlobalAvgPool2d(Layer):
    """Layer form of `global_avg_pool2d`, without parameters.

    >>> GlobalAvgPool2d()(np.zeros((1, 3, 8, 8))).shape
    (1, 3, 1, 1)
    """

    forward_fn, backward_fn = staticmethod(global_avg_pool2d), staticmethod(global_avg_pool2d_backward)
