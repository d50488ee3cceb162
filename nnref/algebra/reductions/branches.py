r"""Parallel branches: the sum of convolutions of one image is one convolution.

    Σ_i (F_i ∗ X + b_i) = (Σ_i F_i) ∗ X + Σ_i b_i,     each F_i placed in the largest kernel with aligned origins

The identity is also a convolution, with a single 1. So a training-time block 3×3+BN ‖ 1×1+BN ‖ BN becomes one 3×3
convolution. Source: Ding et al., RepVGG (arXiv:2101.03697).
"""

from __future__ import annotations

import functools
import math
import operator
from fractions import Fraction
from typing import Any

import numpy as np

from ...dtypes import working
from ...errors import OptionError, ShapeError, expect_count, expect_divisor, refuse
from ...layer import Layer, Sequential, Sum
from ...layers.batch_norm2d import BatchNorm2d
from ...layers.conv2d import Conv2d
from ...layers.depthwise_conv2d import DepthwiseConv2d
from ...numeric import Array, constant
from ...options import Pair, pair
from .batch_norm import batch_norm_as_depthwise, fuse_conv_batch_norm
from .common import (
    bias_of,
    expect_conv,
    expect_kind,
    expect_one_arithmetic,
    filled,
    is_a,
    kernel_of,
    narrowed,
    padding_of,
    steps_of,
    widened,
)
from .composition import compose_convs, depthwise_as_conv, regrouped, spread_out

__all__ = ["identity_as_conv", "reparameterize", "sum_of_convs", "sum_of_depthwise"]


def identity_as_conv(channels: int, kernel_size: Any = 1, *, groups: int = 1, dtype: Any = np.float32) -> Conv2d:
    """The convolution that changes nothing: a single 1 in the middle of an odd kernel, padded by half the kernel.

    Parameters
    ----------
    channels, groups : int, groups a divisor of channels
    kernel_size : int or (vertical, horizontal), odd
    dtype : of the weight; exact, as `Rational`, for object

    Raises
    ------
    OptionError : the kernel has no middle, groups do not divide the channels, or channels is below 1.
    DTypeError : dtype is not a dtype of parameters.

    >>> identity_as_conv(1, 3).params["weight"][0, 0]
    array([[0., 0., 0.],
           [0., 1., 0.],
           [0., 0., 0.]], dtype=float32)
    """
    rows, columns = pair("identity_as_conv", "kernel_size", kernel_size, least=1)
    if rows % 2 == 0 or columns % 2 == 0:
        refuse(OptionError, "identity_as_conv", "kernel_size", "odd, so that it has a middle", kernel_size)
    channels = expect_count("identity_as_conv", "channels", channels)
    groups = expect_divisor("identity_as_conv", "groups", groups, f"{channels} channels", channels)
    members = channels // groups  # channels of a group
    weight = filled("identity_as_conv", (groups, members, members, rows, columns), Fraction(0), dtype)
    for member in range(members):
        weight[:, member, member, rows // 2, columns // 2] += 1
    return Conv2d.from_arrays(
        weight=weight.reshape(channels, members, rows, columns),
        options={"padding": (rows // 2, columns // 2), "groups": groups},
    )


def sum_of_convs(*convs: Conv2d) -> Conv2d:
    """One convolution for the sum of all `convs`, applied to the same image.

    Raises
    ------
    OptionError : the strides differ, or the outputs differ in size because padding minus kernel extent does.
    ShapeError, DTypeError : the channels or the dtypes differ.

    >>> sum_of_convs(Conv2d(2, 4, 3, padding=1), Conv2d(2, 4, 1, bias=False), Conv2d(2, 4, (1, 3), padding=(0, 1)))
    Conv2d(weight=(4, 2, 3, 3), bias=(4,), stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=1)
    """
    function = "sum_of_convs"
    if not convs:
        refuse(OptionError, function, "convs", "at least one convolution", "none")
    for position, conv in enumerate(convs):
        expect_conv(function, f"convs[{position}]", conv, Conv2d)
    expect_one_arithmetic(function, **{f"convs[{position}]": conv for position, conv in enumerate(convs)})
    groups, dtype = math.gcd(*(conv.options["groups"] for conv in convs)), convs[0].params["weight"].dtype
    convs = tuple(regrouped(widened(conv), groups) for conv in convs)
    if len({conv.params["weight"].shape[:2] for conv in convs}) > 1:
        shapes = [conv.params["weight"].shape for conv in convs]
        refuse(ShapeError, function, "convs", "of the same numbers of inputs and outputs", f"weights {shapes}")
    if len({steps_of(conv, "stride") for conv in convs}) > 1:
        strides = [steps_of(conv, "stride") for conv in convs]
        refuse(OptionError, function, "convs", "of one stride, so that their outputs align", strides)
    (step, taps, rows), (step_2, taps_2, columns) = (_common_axis(function, convs, axis) for axis in (0, 1))
    grid, size, padding = (step, step_2), (taps, taps_2), (rows, columns)
    biases = [bias for conv in convs if (bias := bias_of(conv)) is not None]
    one = Conv2d.from_arrays(
        weight=functools.reduce(operator.add, (_laid(conv, grid, size, padding) for conv in convs)),
        bias=functools.reduce(operator.add, biases) if biases else None,
        options={"stride": steps_of(convs[0], "stride"), "padding": padding, "dilation": grid, "groups": groups},
    )
    return narrowed(one, dtype)


def _common_axis(function: str, convs: tuple[Conv2d, ...], axis: int) -> tuple[int, int, Pair]:
    """Dilation, taps and padding along `axis` of the kernel that contains all others."""
    spans = [(k - 1) * d for k, d in ((kernel_of(c)[axis], steps_of(c, "dilation")[axis]) for c in convs)]
    starts, ends = zip(*(padding_of(function, conv)[axis] for conv in convs), strict=True)
    if len({start + end - span for start, end, span in zip(starts, ends, spans, strict=True)}) > 1:
        got = [(kernel_of(conv), conv.options["padding"]) for conv in convs]
        refuse(OptionError, function, "convs", "padded alike, so that their outputs have the same size", got)
    start = max(starts)
    reach = start + max(span - before for span, before in zip(spans, starts, strict=True))
    steps = (steps_of(c, "dilation")[axis] for c in convs if kernel_of(c)[axis] > 1)
    grid = math.gcd(*steps, *(start - before for before in starts), reach) or 1
    return grid, reach // grid + 1, (start, max(ends))


def _laid(conv: Conv2d, grid: Pair, size: Pair, padding: tuple[Pair, Pair]) -> Any:
    """The weight of `conv` in a kernel of `size` taps, at the place that `padding` gives its origin."""
    own = padding_of("sum_of_convs", conv)
    at = tuple((padding[axis][0] - own[axis][0]) // grid[axis] for axis in (0, 1))
    step = tuple(max(1, steps_of(conv, "dilation")[axis] // grid[axis]) for axis in (0, 1))
    return spread_out(conv.params["weight"], (at[0], at[1]), (step[0], step[1]), size)


def sum_of_depthwise(*convs: DepthwiseConv2d) -> DepthwiseConv2d:
    """One depthwise convolution for the sum of all `convs`, applied to the same image.

    Raises
    ------
    OptionError, ShapeError, DTypeError : as in `sum_of_convs`.

    >>> sum_of_depthwise(DepthwiseConv2d(4, 3, padding=1), DepthwiseConv2d(4, 1)).params["weight"].shape
    (4, 1, 3, 3)
    """
    for position, conv in enumerate(convs):
        expect_conv("sum_of_depthwise", f"convs[{position}]", conv, DepthwiseConv2d)
    one = sum_of_convs(*map(depthwise_as_conv, convs))  # each filter sees one channel, whatever their number
    options = {name: value for name, value in one.options.items() if name != "groups"}
    return DepthwiseConv2d.from_arrays(options=options, **one.params)


def reparameterize(block: Sum) -> Conv2d:
    """One convolution for a block of parallel branches that consist of convolutions and batch norms.

    Parameters
    ----------
    block : Sum, in which each branch is a Conv2d, a DepthwiseConv2d, a BatchNorm2d in evaluation mode, or a Sequential
        of these; an empty Sequential is the identity

    Raises
    ------
    OptionError : a branch contains another layer, no branch tells the number of channels, or the outputs do not align.
    StateError : a batch norm is in training mode.
    ShapeError, DTypeError : the channels or the dtypes differ.

    >>> three = Sequential(Conv2d(4, 4, 3, padding=1, bias=False), BatchNorm2d(4))
    >>> one = Sequential(Conv2d(4, 4, 1, bias=False), BatchNorm2d(4))
    >>> reparameterize(Sum(three, one, BatchNorm2d(4)).eval())
    Conv2d(weight=(4, 4, 3, 3), bias=(4,), stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=1)
    """
    expect_kind("reparameterize", "block", block, Sum)
    branches = [tuple(branch) if is_a(branch, Sequential) else (branch,) for branch in block]  # type: ignore[arg-type]
    for layer in (layer for branch in branches for layer in branch):
        if not is_a(layer, Conv2d, DepthwiseConv2d, BatchNorm2d):
            refuse(OptionError, "reparameterize", "block", "of convolutions and batch norms", type(layer).__name__)
    channels, like = _channels(branches)
    wide = [tuple(map(widened, branch)) for branch in branches]
    return narrowed(sum_of_convs(*(_one_conv(branch, channels, working(like)) for branch in wide)), like.dtype)


def _channels(branches: list[tuple[Layer, ...]]) -> tuple[int, Array]:
    """How many channels the branches take, and an array of their arithmetic, both from the first layer of a branch."""
    for first in (branch[0] for branch in branches if branch):
        if isinstance(first, Conv2d | BatchNorm2d):
            weight = first.params["weight"]
            inputs = weight.shape[1] * first.options["groups"] if isinstance(first, Conv2d) else len(weight)
            return inputs, weight
    refuse(OptionError, "reparameterize", "block", "with a branch that starts with Conv2d or BatchNorm2d", "none")


def _one_conv(branch: tuple[Layer, ...], channels: int, like: Array) -> Conv2d:
    """The layers of a branch as one convolution."""
    one: Conv2d | None = None
    for layer in branch:
        if isinstance(layer, BatchNorm2d) and one is not None:
            one = fuse_conv_batch_norm(one, layer)
            continue
        conv = _as_conv(layer, channels if one is None else len(one.params["weight"]))
        one = conv if one is None else compose_convs(one, conv)
    ones = np.full((channels, 1, 1, 1), constant(1, like), like.dtype)
    return Conv2d.from_arrays(weight=ones, options={"groups": channels}) if one is None else one


def _as_conv(layer: Layer, channels: int) -> Conv2d:
    if isinstance(layer, BatchNorm2d):
        return depthwise_as_conv(batch_norm_as_depthwise(layer))
    if isinstance(layer, DepthwiseConv2d):
        return depthwise_as_conv(layer, channels)
    assert isinstance(layer, Conv2d)
    return layer
