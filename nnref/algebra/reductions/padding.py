"""Explicit zero padding, folded into the padding of the layer after it.

The fold is right for a convolution, whose own padding is zeros, and for an average pool that counts its padding. It is
wrong for an average pool that does not count it, which divides by fewer pixels, and for a max pool, whose padding is
−∞; two refuted claims show this. Source: torch.nn.ZeroPad2d; the padding rules of `nnref.layers`.
"""

from __future__ import annotations

from ...errors import OptionError
from ...layer import Layer
from ...layers.avg_pool2d import AvgPool2d
from ...layers.conv2d import Conv2d
from ...layers.depthwise_conv2d import DepthwiseConv2d
from ...layers.zero_pad2d import ZeroPad2d
from ...options import Pair, pair_of_pairs
from .common import NO_PADDING, AnyConvolution, changed, expect_conv, expect_kind, padding_of

__all__ = ["fuse_pad_avg_pool", "fuse_pad_conv"]


def fuse_pad_conv(pad: ZeroPad2d, conv: AnyConvolution) -> AnyConvolution:
    """One convolution for ``conv(pad(x))``: the two paddings add up.

    Raises
    ------
    OptionError : the padding of the convolution is "same" with a stride, so that it depends on the image.

    >>> from nnref import Conv2d
    >>> fuse_pad_conv(ZeroPad2d(1), Conv2d(3, 8, 3, padding=((1, 0), (0, 0))))
    Conv2d(weight=(8, 3, 3, 3), bias=(8,), stride=1, padding=((2, 1), (1, 1)), dilation=1, groups=1)
    """
    expect_kind("fuse_pad_conv", "pad", pad, ZeroPad2d)
    expect_conv("fuse_pad_conv", "conv", conv, Conv2d, DepthwiseConv2d)
    return changed(conv, padding=_added("fuse_pad_conv", pad, conv))


def fuse_pad_avg_pool(pad: ZeroPad2d, pool: AvgPool2d) -> AvgPool2d:
    """One average pool for ``pool(pad(x))``, whose explicit padding always counts.

    Raises
    ------
    OptionError : the pool does not count its padding, or it has ceil_mode and `pad` adds pixels at the end: a last
        window may start in explicit padding, but not in the pool's own.

    >>> fuse_pad_avg_pool(ZeroPad2d(1), AvgPool2d(3, stride=2)).options["padding"]
    ((1, 1), (1, 1))
    """
    expect_kind("fuse_pad_avg_pool", "pad", pad, ZeroPad2d)
    expect_kind("fuse_pad_avg_pool", "pool", pool, AvgPool2d)
    function = "fuse_pad_avg_pool"
    padding = _added(function, pad, pool)
    if not pool.options["count_include_pad"] and padding != NO_PADDING:
        raise OptionError(
            f"{function}: count_include_pad must be True, got False: a pool that does not count its padding divides by "
            "fewer pixels at the border, but the zeros of explicit padding are pixels like any other and count"
        )
    (_, bottom), (_, right) = pair_of_pairs(function, "padding", pad.options["padding"])
    if pool.options["ceil_mode"] and (bottom or right):
        raise OptionError(
            f"{function}: ceil_mode must be False where pad adds pixels at the end, got True: a last window may start "
            "on explicit padding, but one that starts in the pool's own padding is dropped"
        )
    return AvgPool2d.from_arrays(options=pool.options | {"padding": padding})


def _added(function: str, pad: ZeroPad2d, layer: Layer) -> tuple[Pair, Pair]:
    """The sum of both paddings."""
    (top, bottom), (left, right) = pair_of_pairs(function, "padding", pad.options["padding"])
    (t, b), (l, r) = padding_of(function, layer)
    return (top + t, bottom + b), (left + l, right + r)
