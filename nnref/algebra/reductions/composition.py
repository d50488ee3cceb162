r"""Convolutions compose: F₂ ∗ (F₁ ∗ X) = (F₂ ⋆ F₁) ∗ X; grouped and depthwise convolutions are special cases.

Along each axis, tap u of F₁ lies u·d₁ − p₁ pixels from s₁·i, and tap a of F₂ lies a·d₂ − p₂ rows of Y from s₂·j. The
composition has

    stride s₁·s₂,     padding p₁ + s₁·p₂,     a tap at a·d₂·s₁ + u·d₁ with weight Σ_m F₂[k,m,a]·F₁[m,c,u]

on a grid of step gcd(d₁, d₂·s₁), which is the new dilation. Source: the lecture ("a composition of convolutions is a
convolution").
"""

from __future__ import annotations

import math

import numpy as np

from ...dtypes import layer_function
from ...errors import OptionError, ShapeError, expect_divisor, refuse
from ...layers.conv2d import Conv2d
from ...layers.depthwise_conv2d import DepthwiseConv2d
from ...numeric import Array, zeros
from ...options import Pair
from .common import (
    NO_PADDING,
    Convolution,
    bias_of,
    by_group,
    changed,
    expect_conv,
    expect_one_arithmetic,
    kernel_of,
    padding_of,
    steps_of,
)

__all__ = ["compose_convs", "composed", "depthwise_as_conv", "grouped_as_dense", "regrouped", "spread_out"]


def depthwise_as_conv(conv: DepthwiseConv2d, channels: int | None = None) -> Conv2d:
    """The `Conv2d` with one group per channel that equals a depthwise convolution.

    Parameters
    ----------
    conv : DepthwiseConv2d, whose weight (C*M, 1, kh, kw) does not tell the number of channels C
    channels : int, C; by default the number of filters, so that M = 1

    Raises
    ------
    OptionError : the number of filters is not a multiple of channels.

    >>> depthwise_as_conv(DepthwiseConv2d(4, 3, multiplier=2), channels=4)
    Conv2d(weight=(8, 1, 3, 3), bias=(8,), stride=1, padding=0, dilation=1, groups=4)
    """
    expect_conv("depthwise_as_conv", "conv", conv, DepthwiseConv2d)
    groups = filters = len(conv.params["weight"])
    if channels is not None:
        groups = expect_divisor("depthwise_as_conv", "channels", channels, f"{filters} filters", filters)
    return Conv2d.from_arrays(**conv.params, options=conv.options | {"groups": groups})


def grouped_as_dense(conv: Conv2d) -> Conv2d:
    """The same convolution without groups, with zeros where an output channel does not see an input channel.

    >>> grouped_as_dense(Conv2d(4, 6, 3, groups=2))
    Conv2d(weight=(6, 4, 3, 3), bias=(6,), stride=1, padding=0, dilation=1, groups=1)
    """
    expect_conv("grouped_as_dense", "conv", conv, Conv2d)
    return regrouped(conv, 1)


def regrouped(conv: Conv2d, groups: int) -> Conv2d:
    """The same convolution in `groups` groups, a divisor of the present number: neighbouring groups are merged."""
    weight, merged = conv.params["weight"], conv.options["groups"] // groups
    _, inputs, *kernel = weight.shape
    weights = weight.reshape(groups, merged, -1, inputs, *kernel)  # (groups,merged,K/g,C/g,kh,kw)
    dense = zeros((groups, merged, weights.shape[2], merged, inputs, *kernel), weight)
    for member in range(merged):
        dense[:, member, :, member] = weights[:, member]
    return changed(conv, weight=dense.reshape(len(weight), merged * inputs, *kernel), groups=groups)


def compose_convs(first: Convolution, second: Convolution) -> Conv2d:
    """One convolution for ``second(first(x))``, on every image on which that is defined.

    `second` must not be padded, because its padding is 0. On an image that is continued by zeros, `first` has other
    values there, such as its bias. The exception is a 1×1 `first` without bias and padding, which maps zeros to zeros.

    Parameters
    ----------
    first, second : Conv2d or DepthwiseConv2d, with any other options; a depthwise `first` must have as many filters as
        channels

    Returns
    -------
    Conv2d, in the largest number of groups that both allow

    Raises
    ------
    OptionError : `second` is padded.
    ShapeError, DTypeError : `second` takes another number of channels or another dtype than `first` gives.

    >>> compose_convs(Conv2d(3, 8, 3, stride=2, padding=1), Conv2d(8, 4, 3, dilation=2))
    Conv2d(weight=(4, 3, 11, 11), bias=(4,), stride=(2, 2), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=1)
    """
    function = "compose_convs"
    expect_conv(function, "first", first, Conv2d, DepthwiseConv2d)
    expect_conv(function, "second", second, Conv2d, DepthwiseConv2d)
    expect_one_arithmetic(function, first=first, second=second)
    first = depthwise_as_conv(first) if isinstance(first, DepthwiseConv2d) else first
    outputs = len(first.params["weight"])
    second = depthwise_as_conv(second, outputs) if isinstance(second, DepthwiseConv2d) else second
    if second.params["weight"].shape[1] * second.options["groups"] != outputs:
        expected = f"a convolution of the {outputs} channels that first gives"
        refuse(ShapeError, function, "second", expected, repr(second))
    zeros_to_zeros = kernel_of(first) == (1, 1) and bias_of(first) is None
    if padding_of(function, second) != NO_PADDING and not (
        zeros_to_zeros and padding_of(function, first) == NO_PADDING
    ):
        raise OptionError(
            f"{function}: second must be without padding, got {second.options['padding']!r}: its border is 0, but on "
            "an image continued by zeros the first convolution has other values there"
        )
    return composed(first, second)


def composed(first: Conv2d, second: Conv2d) -> Conv2d:
    """`compose_convs` without its conditions; for a padded `second` it holds only away from the border."""
    groups = math.gcd(first.options["groups"], second.options["groups"])
    first, second = regrouped(first, groups), regrouped(second, groups)
    stride, stride_2 = steps_of(first, "stride"), steps_of(second, "stride")
    near, far = steps_of(first, "dilation"), _product(steps_of(second, "dilation"), stride)  # pixels from tap to tap
    axes = zip(zip(kernel_of(first), near, strict=True), zip(kernel_of(second), far, strict=True), strict=True)
    grid, size = zip(*(_common_grid(*axis) for axis in axes), strict=True)
    near, far = _quotient(near, grid), _quotient(far, grid)
    inner = by_group(first.params["weight"], groups)  # (g,M/g,C/g,kh,kw)
    outer = by_group(second.params["weight"], groups)  # (g,K/g,M/g,kh,kw)
    weight = _composed_weight(outer, inner, near=near, far=far, size=size)
    bias, bias_2 = bias_of(first), bias_of(second)
    paddings = zip(*(padding_of("compose_convs", conv) for conv in (first, second)), stride, strict=True)
    return Conv2d.from_arrays(
        weight=weight.reshape(len(second.params["weight"]), -1, *size),
        bias=bias_2 if bias is None else _composed_bias(outer, bias, bias_2),
        options={
            "stride": _product(stride, stride_2),
            "padding": tuple((p[0] + s * p_2[0], p[1] + s * p_2[1]) for p, p_2, s in paddings),
            "dilation": grid,
            "groups": groups,
        },
    )


@layer_function
def _composed_weight(outer: Array, inner: Array, *, near: Pair, far: Pair, size: Pair) -> Array:
    """F₂ ⋆ F₁: (g,K/g,M/g,kh,kw), (g,M/g,C/g,kh,kw) -> (g,K/g,C/g,*size)."""
    weight = zeros((len(outer), outer.shape[1], inner.shape[2], *size), outer)
    for tap in np.ndindex(*outer.shape[3:]):
        product = np.einsum("gkm,gmcuv->gkcuv", outer[..., *tap], inner)
        weight += spread_out(product, _product((tap[0], tap[1]), far), near, size)
    return weight


@layer_function
def _composed_bias(outer: Array, bias: Array, bias_2: Array | None = None) -> Array:
    """F₂ ∗ b₁ + b₂."""
    sums = outer.reshape(*outer.shape[:3], -1).sum(axis=3)  # (g,K/g,M/g)
    carried = (sums @ bias.reshape(len(outer), -1, 1)).reshape(-1)
    return carried if bias_2 is None else carried + bias_2


def spread_out(weight: Array, at: Pair, step: Pair, size: Pair) -> Array:
    """(…,kh,kw) -> (…,*size): tap (u, v) moves to ``at + step·(u, v)``, zeros elsewhere."""
    wide = zeros((*weight.shape[:-2], *size), weight)
    rows, columns = (
        slice(start, start + stride * (k - 1) + 1, stride)
        for start, stride, k in zip(at, step, weight.shape[-2:], strict=True)
    )
    wide[..., rows, columns] = weight
    return wide


def _common_grid(*kernels: tuple[int, int]) -> tuple[int, int]:
    """From (taps, step) of two kernels along an axis: the step and the taps of their composition."""
    grid = math.gcd(*(step for taps, step in kernels if taps > 1)) or 1
    return grid, sum((taps - 1) * step for taps, step in kernels) // grid + 1


def _product(one: Pair, other: Pair) -> Pair:
    return one[0] * other[0], one[1] * other[1]


def _quotient(steps: Pair, grid: Pair) -> Pair:
    return max(1, steps[0] // grid[0]), max(1, steps[1] // grid[1])
