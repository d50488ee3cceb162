r"""Average pooling is a convolution whose taps all have the weight 1/(kh·kw).

    avg pool  =  depthwise convolution with F = 1/(kh·kw) everywhere
    global average pool  =  the same with a kernel of the image's size, unpadded ("VALID")

Source: the lecture, "Is average pooling a convolution?".
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from ...errors import OptionError, expect_count
from ...layers.avg_pool2d import AvgPool2d
from ...layers.conv2d import Conv2d
from ...layers.depthwise_conv2d import DepthwiseConv2d
from ...options import Pair, pair
from .common import NO_PADDING, expect_kind, filled, kernel_of, padding_of, steps_of
from .composition import depthwise_as_conv, grouped_as_dense

__all__ = ["avg_pool_as_conv", "avg_pool_as_depthwise", "global_avg_pool_as_avg_pool", "global_avg_pool_as_conv"]


def avg_pool_as_depthwise(pool: AvgPool2d, channels: int, *, dtype: Any = np.float32) -> DepthwiseConv2d:
    """The depthwise convolution with weight 1/(kh·kw) that equals an average pool.

    Parameters
    ----------
    pool : AvgPool2d that counts its padding (or has none), without ceil_mode
    channels : int, of the images
    dtype : of the weight; exact, as `Rational`, for object

    Raises
    ------
    OptionError : the divisor differs from window to window, so that no single kernel fits; or channels is below 1.
    DTypeError : dtype is not a dtype of parameters.

    >>> avg_pool_as_depthwise(AvgPool2d(2), 3)
    DepthwiseConv2d(weight=(3, 1, 2, 2), stride=(2, 2), padding=((0, 0), (0, 0)), dilation=1)
    """
    expect_kind("avg_pool_as_depthwise", "pool", pool, AvgPool2d)
    function = "avg_pool_as_depthwise"
    padding = padding_of(function, pool)
    if not pool.options["count_include_pad"] and padding != NO_PADDING:
        raise OptionError(
            f"{function}: count_include_pad must be True where padding is not 0, got False: such a pool is linear, but "
            "not shift-invariant; at the border it divides by fewer pixels than inside, and a convolution has the same "
            "weights everywhere"
        )
    if pool.options["ceil_mode"]:
        raise OptionError(
            f"{function}: ceil_mode must be False, got True: its last window may hang over the end and then divides by "
            "fewer pixels than the others, and a convolution has no window there"
        )
    rows, columns = kernel_of(pool)
    shape = (expect_count(function, "channels", channels), 1, rows, columns)
    weight = filled(function, shape, Fraction(1, rows * columns), dtype)
    return DepthwiseConv2d.from_arrays(weight=weight, options={"stride": steps_of(pool, "stride"), "padding": padding})


def avg_pool_as_conv(pool: AvgPool2d, channels: int, *, dtype: Any = np.float32) -> Conv2d:
    """The convolution without groups that equals an average pool: zeros between different channels.

    Parameters and errors are those of `avg_pool_as_depthwise`.

    >>> avg_pool_as_conv(AvgPool2d(2), 3).params["weight"].shape
    (3, 3, 2, 2)
    """
    return grouped_as_dense(depthwise_as_conv(avg_pool_as_depthwise(pool, channels, dtype=dtype)))


def global_avg_pool_as_avg_pool(image: Pair) -> AvgPool2d:
    """The average pool with a single window: the image (H, W).

    >>> global_avg_pool_as_avg_pool((7, 5)).options["kernel_size"]
    (7, 5)
    """
    return AvgPool2d(pair("global_avg_pool_as_avg_pool", "image", image, least=1))


def global_avg_pool_as_conv(channels: int, image: Pair, *, dtype: Any = np.float32) -> Conv2d:
    """The unpadded convolution that equals global average pooling of (H, W) images: 1/(HW) everywhere.

    >>> global_avg_pool_as_conv(3, (7, 5)).params["weight"].shape
    (3, 3, 7, 5)
    """
    return avg_pool_as_conv(global_avg_pool_as_avg_pool(image), channels, dtype=dtype)
