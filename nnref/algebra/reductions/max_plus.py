"""A max pool is a convolution over the max-plus semiring, where ``+`` is the maximum and ``*`` is the real sum.

Its weight is the semiring's one, 0, everywhere. Its padding is the semiring's zero, −∞, with which `max_pool2d` pads.
Source: F. Baccelli et al., Synchronization and Linearity (1992), chapter 3.
"""

from __future__ import annotations

import numpy as np

from ...arithmetic import MaxPlus
from ...errors import OptionError, expect_count
from ...layers.conv2d import Conv2d
from ...layers.max_pool2d import MaxPool2d
from .common import expect_kind, kernel_of, steps_of

__all__ = ["max_pool_as_max_plus_conv"]


def max_pool_as_max_plus_conv(pool: MaxPool2d, channels: int) -> Conv2d:
    """The `Conv2d`, with one group per channel, that maps ``max_plus(x)`` to ``max_plus(pool(x))``.

    Raises
    ------
    OptionError : the pool has ceil_mode. Its last window may hang over the end; a convolution has no window there.

    >>> from nnref.arithmetic import max_plus
    >>> conv = max_pool_as_max_plus_conv(MaxPool2d((1, 2), stride=1), channels=1)
    >>> conv(max_plus([[[[3.0, 1.0, 2.0]]]]))
    array([[[[MaxPlus(3.0), MaxPlus(2.0)]]]], dtype=object)
    """
    expect_kind("max_pool_as_max_plus_conv", "pool", pool, MaxPool2d)
    if pool.options["ceil_mode"]:
        raise OptionError(
            "max_pool_as_max_plus_conv: ceil_mode must be False, got True: its last window may hang over the end, and "
            "a convolution has no window there"
        )
    channels = expect_count("max_pool_as_max_plus_conv", "channels", channels)
    weight = np.full((channels, 1, *kernel_of(pool)), MaxPlus(0), object)
    options = {"stride": steps_of(pool, "stride"), "dilation": pool.options["dilation"], "groups": channels}
    return Conv2d.from_arrays(weight=weight, options=options | {"padding": pool.options["padding"]})
