"""Neighbours in a network that become one layer, or change places so that a third can take one of them.

A batch norm is G·X + g per channel. It changes places with an average over pixels of a channel, as long as no padding
counts; and with a maximum where G > 0. ReLU maps 0 to 0, and
changes places with zero padding.
"""

from __future__ import annotations

import numpy as np

from ...dtypes import working
from ...errors import OptionError, ShapeError, refuse
from ...layer import Layer
from ...layers.avg_pool2d import AvgPool2d
from ...layers.batch_norm2d import BatchNorm2d
from ...layers.global_avg_pool2d import GlobalAvgPool2d
from ...layers.linear import Linear
from ...layers.max_pool2d import MaxPool2d
from ...layers.relu import ReLU
from ...layers.zero_pad2d import ZeroPad2d
from ...options import pair_of_pairs
from .batch_norm import scale_and_shift_of
from .common import (
    NO_PADDING,
    bias_of,
    expect_kind,
    expect_one_arithmetic,
    is_a,
    kernel_of,
    padding_of,
    rounded,
    steps_of,
)

__all__ = ["compose_linears", "compose_max_pools", "exchange", "fuse_batch_norm_linear", "fuse_pads"]

POOLS = (AvgPool2d, GlobalAvgPool2d, MaxPool2d)


def exchange(first: Layer, second: Layer) -> tuple[Layer, Layer]:
    """(second, first), where ``first(second(x))`` equals ``second(first(x))`` for every image.

    Parameters
    ----------
    first, second : a batch norm in evaluation and a pool, or zero padding and ReLU; in either order

    Raises
    ------
    OptionError : the two are of other kinds; the pool's padding counts, or its last window may hang over the end; or a
        γ is not positive beside a max pool.
    StateError : the batch norm is in training mode.

    >>> [type(layer).__name__ for layer in exchange(AvgPool2d(2), BatchNorm2d(3).eval())]
    ['BatchNorm2d', 'AvgPool2d']
    """
    for one, other in ((first, second), (second, first)):
        if is_a(one, BatchNorm2d) and is_a(other, *POOLS):
            _expect_to_commute(one, other)  # type: ignore[arg-type]
            return second, first
        if is_a(one, ZeroPad2d) and is_a(other, ReLU):
            return second, first
    names = f"{type(first).__name__}, {type(second).__name__}"
    refuse(OptionError, "exchange", "first, second", "a batch norm and a pool, or padding and ReLU", names)


def _expect_to_commute(bn: BatchNorm2d, pool: Layer) -> None:
    scale_and_shift_of("exchange", bn)  # refuses training mode
    if isinstance(pool, MaxPool2d) and not np.all(bn.params["weight"] > 0):
        refuse(OptionError, "exchange", "bn", "with γ > 0 beside a max pool", "another γ, which turns the order round")
    if isinstance(pool, AvgPool2d):
        if padding_of("exchange", pool) != NO_PADDING:
            refuse(OptionError, "exchange", "pool", "without padding, whose zeros would count", pool.options["padding"])
        if pool.options["ceil_mode"]:
            refuse(OptionError, "exchange", "pool", "without ceil_mode", "ceil_mode")


def fuse_pads(first: ZeroPad2d, second: ZeroPad2d) -> ZeroPad2d:
    """One zero padding for ``second(first(x))``: the sum.

    >>> fuse_pads(ZeroPad2d(1), ZeroPad2d((0, 2))).options["padding"]
    ((1, 1), (3, 3))
    """
    both = []
    for name, pad in (("first", first), ("second", second)):
        expect_kind("fuse_pads", name, pad, ZeroPad2d)
        both.append(pair_of_pairs("fuse_pads", "padding", pad.options["padding"]))
    return ZeroPad2d(tuple((a[0] + b[0], a[1] + b[1]) for a, b in zip(*both, strict=True)))


def compose_max_pools(first: MaxPool2d, second: MaxPool2d) -> MaxPool2d:
    """One max pool for ``second(first(x))``: kernel k₁ + (k₂ − 1)·s₁, stride s₁·s₂, the padding of the first.

    Raises
    ------
    OptionError : the second is padded, one has a dilation or ceil_mode, or the first leaves out pixels (s₁ > k₁).

    >>> compose_max_pools(MaxPool2d(2), MaxPool2d(2)).options["kernel_size"]
    (4, 4)
    """
    function = "compose_max_pools"
    for name, pool in (("first", first), ("second", second)):
        expect_kind(function, name, pool, MaxPool2d)
        if pool.options["ceil_mode"] or steps_of(pool, "dilation") != (1, 1):
            refuse(OptionError, function, name, "without dilation and ceil_mode", repr(pool))
    if padding_of(function, second) != NO_PADDING:
        refuse(OptionError, function, "second", "without padding", second.options["padding"])
    kernel, stride = kernel_of(first), steps_of(first, "stride")
    kernel_2, stride_2 = kernel_of(second), steps_of(second, "stride")
    if any(step > taps for step, taps in zip(stride, kernel, strict=True)):
        refuse(OptionError, function, "first", "with a stride up to the kernel, so that no pixel is left out", stride)
    size = tuple(k + (k_2 - 1) * s for k, k_2, s in zip(kernel, kernel_2, stride, strict=True))
    return MaxPool2d(size, (stride[0] * stride_2[0], stride[1] * stride_2[1]), padding_of(function, first))


def compose_linears(first: Linear, second: Linear) -> Linear:
    """One linear layer for ``second(first(x))``: F₂·F₁ and F₂·b₁ + b₂.

    Raises
    ------
    ShapeError, DTypeError : `second` takes another number of features or another dtype than `first` gives.

    >>> compose_linears(Linear(5, 3), Linear(3, 2)).params["weight"].shape
    (2, 5)
    """
    for name, layer in (("first", first), ("second", second)):
        expect_kind("compose_linears", name, layer, Linear)
    expect_one_arithmetic("compose_linears", first=first, second=second)
    inner, outer = (working(layer.params["weight"]) for layer in (first, second))
    if outer.shape[1] != inner.shape[0]:
        refuse(ShapeError, "compose_linears", "second", f"of {inner.shape[0]} features", f"{outer.shape[1]} features")
    bias, bias_2 = (None if (b := bias_of(layer)) is None else working(b) for layer in (first, second))
    carried = bias_2 if bias is None else (outer @ bias[:, None])[:, 0]
    total = carried if bias is None or bias_2 is None else carried + bias_2
    dtype = first.params["weight"].dtype
    weight = rounded("weight", outer @ inner, dtype)
    return Linear.from_arrays(weight=weight, bias=None if total is None else rounded("bias", total, dtype))


def fuse_batch_norm_linear(bn: BatchNorm2d, linear: Linear) -> Linear:
    """One linear layer for ``linear(flatten(bn(x)))`` on ``flatten(x)``: F·G and b + Σ F·g, channel by channel.

    Raises
    ------
    ShapeError : the number of features is not a multiple of the number of channels.
    StateError, DTypeError : as in `fuse_conv_batch_norm`.

    >>> fuse_batch_norm_linear(BatchNorm2d(3).eval(), Linear(12, 5)).params["weight"].shape
    (5, 12)
    """
    expect_kind("fuse_batch_norm_linear", "linear", linear, Linear)
    scale, shift = scale_and_shift_of("fuse_batch_norm_linear", bn)
    expect_one_arithmetic("fuse_batch_norm_linear", bn=bn, linear=linear)
    weight, channels = working(linear.params["weight"]), len(scale)
    outputs, features = weight.shape
    if features % channels:
        refuse(ShapeError, "fuse_batch_norm_linear", "linear", f"of a multiple of {channels} features", f"{features}")
    filters = weight.reshape(outputs, channels, features // channels)  # (K,C,H·W)
    scaled = (filters * scale[:, None]).reshape(outputs, features)
    offset = (filters * shift[:, None]).sum(axis=(1, 2))
    dtype, bias = linear.params["weight"].dtype, bias_of(linear)
    total = offset if bias is None else working(bias) + offset
    return Linear.from_arrays(weight=rounded("weight", scaled, dtype), bias=rounded("bias", total, dtype))
