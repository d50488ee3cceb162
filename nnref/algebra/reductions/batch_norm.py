r"""A batch norm in evaluation, folded into the convolution before or after it.

    Z = G·Y + g per channel,     G = γ/√(σ² + ε),     g = β − μ·G

    after   Y = F ∗ X + b:       Z = (G·F) ∗ X + (G·b + g)                  scale the filters
    before  F ∗ Z + b:           (F·G) ∗ X + (b + Σ F·g)                    scale the filters' inputs; no padding

Two batch norms in a row are one, with the statistics of the first, γ = γ₁·G₂ and β = β₁·G₂ + g₂.

Source: the lecture, "Merging a convolution and the batch normalisation after it", except for its offset. The lecture
has b + g instead of G·b + g; the claim "slide-fused-bias" refutes that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...dtypes import layer_function, working
from ...errors import OptionError, ShapeError, StateError, refuse
from ...layer import Layer
from ...layers.batch_norm2d import BatchNorm2d, batch_norm2d
from ...layers.conv2d import Conv2d
from ...layers.conv_transpose2d import ConvTranspose2d
from ...layers.depthwise_conv2d import DepthwiseConv2d
from ...numeric import Array, constant, sum_over
from .common import (
    NO_PADDING,
    AnyConvolution,
    by_group,
    changed,
    expect_conv,
    expect_kind,
    expect_one_arithmetic,
    padding_of,
    rounded,
    weight_and_bias,
)

__all__ = [
    "batch_norm_as_depthwise",
    "fuse_batch_norm_conv",
    "fuse_batch_norms",
    "fuse_conv_batch_norm",
    "fuse_conv_transpose_batch_norm",
    "input_scaled",
    "output_scaled",
    "padding_before_batch_norm",
    "scale_and_shift",
    "scale_and_shift_of",
]


def batch_norm_as_depthwise(bn: BatchNorm2d) -> DepthwiseConv2d:
    """The 1×1 depthwise convolution with weight G and bias g that equals a batch norm in evaluation mode.

    Raises
    ------
    StateError : the batch norm is in training mode, in which it is not affine.

    >>> batch_norm_as_depthwise(BatchNorm2d(3).eval())
    DepthwiseConv2d(weight=(3, 1, 1, 1), bias=(3,), stride=1, padding=0, dilation=1)
    """
    scale, shift = _evaluated("batch_norm_as_depthwise", bn)
    dtype = bn.params["weight"].dtype
    return DepthwiseConv2d.from_arrays(
        weight=rounded("weight", scale[:, None, None, None], dtype), bias=rounded("bias", shift, dtype)
    )


def fuse_conv_batch_norm(conv: AnyConvolution, bn: BatchNorm2d) -> AnyConvolution:
    """One convolution for ``bn(conv(x))``, with weight G·F, bias G·b + g and the options of `conv`.

    Parameters
    ----------
    conv : Conv2d or DepthwiseConv2d, with any options
    bn : BatchNorm2d in evaluation mode, with as many channels as `conv` has filters

    Returns
    -------
    layer of the class of `conv`, in the arithmetic of the given layers

    Raises
    ------
    StateError : the batch norm is in training mode, in which it is not affine.
    ShapeError, DTypeError : the batch norm has another number of channels or another dtype.

    >>> from nnref import Conv2d
    >>> fuse_conv_batch_norm(Conv2d(3, 8, 3, padding=1, bias=False), BatchNorm2d(8).eval())
    Conv2d(weight=(8, 3, 3, 3), bias=(8,), stride=1, padding=1, dilation=1, groups=1)
    """
    expect_conv("fuse_conv_batch_norm", "conv", conv, Conv2d, DepthwiseConv2d)
    scale, shift = _evaluated("fuse_conv_batch_norm", bn, conv, len(conv.params["weight"]))
    weight, bias = weight_and_bias(conv)
    weight, bias = output_scaled(weight, scale, shift, bias)
    return changed(conv, weight=weight, bias=bias)


def fuse_conv_transpose_batch_norm(conv: ConvTranspose2d, bn: BatchNorm2d) -> ConvTranspose2d:
    """One transposed convolution for ``bn(conv(x))``.

    The output channels of its weight (K, C//groups, kh, kw) are on the second axis, and each group of filters counts
    them from 0: channel c of group a is scaled by G[a·C/groups + c].

    Raises
    ------
    StateError, ShapeError, DTypeError : as in `fuse_conv_batch_norm`.

    >>> fuse_conv_transpose_batch_norm(ConvTranspose2d(4, 6, 2, groups=2), BatchNorm2d(6).eval()).params["weight"].shape
    (4, 3, 2, 2)
    """
    expect_conv("fuse_conv_transpose_batch_norm", "conv", conv, ConvTranspose2d)
    (weight, bias), groups = weight_and_bias(conv), conv.options["groups"]
    scale, shift = _evaluated("fuse_conv_transpose_batch_norm", bn, conv, groups * weight.shape[1])
    filters = by_group(weight, groups)  # (g,K/g,C/g,kh,kw)
    return changed(
        conv,
        weight=(filters * scale.reshape(groups, 1, -1, 1, 1)).reshape(weight.shape),
        bias=shift if bias is None else scale * bias + shift,
    )


def fuse_batch_norm_conv(bn: BatchNorm2d, conv: AnyConvolution) -> AnyConvolution:
    """One convolution for ``conv(bn(x))``, which must not be padded unless g = 0.

    The convolution pads the output of the batch norm: there Z = 0, whereas a pixel X = 0 gives Z = g. At the border the
    folded layer would therefore add F·g for pixels that do not exist. The correct padding of X is the pre-image of 0,
    see `padding_before_batch_norm`. If g = 0, the pre-image is 0, and the fold is exact.

    Raises
    ------
    OptionError : the convolution is padded, and g is not 0.
    StateError, ShapeError, DTypeError : as in `fuse_conv_batch_norm`.

    >>> from nnref import Conv2d
    >>> fuse_batch_norm_conv(BatchNorm2d(3).eval(), Conv2d(3, 8, 3, bias=False))
    Conv2d(weight=(8, 3, 3, 3), bias=(8,), stride=1, padding=0, dilation=1, groups=1)
    """
    function = "fuse_batch_norm_conv"
    expect_kind(function, "bn", bn, BatchNorm2d)
    expect_conv(function, "conv", conv, Conv2d, DepthwiseConv2d)
    weight, bias = weight_and_bias(conv)
    groups = len(bn.params["weight"]) if isinstance(conv, DepthwiseConv2d) else conv.options["groups"]
    scale, shift = _evaluated(function, bn, conv, groups * weight.shape[1])
    if len(weight) % groups:
        expected = f"a convolution whose filters are a multiple of the {groups} channels of bn"
        refuse(ShapeError, function, "conv", expected, f"{len(weight)} filters")
    padding = conv.options["padding"]
    unpadded = padding == "valid" or (padding != "same" and padding_of(function, conv) == NO_PADDING)
    if not unpadded and np.any(shift != 0) and padding_of(function, conv) != NO_PADDING:
        raise OptionError(
            f"{function}: padding must be 0 where g = β − μγ/√(σ²+ε) is not 0, got {conv.options['padding']!r}: the "
            "padding is 0 after the batch norm, but a 0 before it would come out as g; first pad the image explicitly, "
            "with the values of padding_before_batch_norm"
        )
    weight, bias = input_scaled(weight, scale, shift, bias, groups=groups)
    return changed(conv, weight=weight, bias=bias)


def fuse_batch_norms(first: BatchNorm2d, second: BatchNorm2d) -> BatchNorm2d:
    """One batch norm for ``second(first(x))``, with γ₁·G₂, β₁·G₂ + g₂ and the statistics and eps of `first`.

    Raises
    ------
    StateError : one of them is in training mode, in which it is not affine.
    ShapeError, DTypeError : they differ in channels or dtype.

    >>> fuse_batch_norms(BatchNorm2d(3, eps=1e-3).eval(), BatchNorm2d(3).eval())
    BatchNorm2d(weight=(3,), bias=(3,), eps=0.001, momentum=0.1)
    """
    _evaluated("fuse_batch_norms", first)
    scale, shift = _evaluated("fuse_batch_norms", second, first, len(first.params["weight"]))
    gamma, beta = first.params["weight"], first.params["bias"]
    folded = rescaled(working(gamma), working(beta), scale, shift)
    weight, bias = (rounded(name, a, gamma.dtype) for name, a in zip(("weight", "bias"), folded, strict=True))
    return BatchNorm2d.from_arrays(weight=weight, bias=bias, **first.buffers, options=first.options).eval()


def padding_before_batch_norm(bn: BatchNorm2d) -> Array:
    """The pixel of every channel, (C,), that the batch norm maps to 0: −g/G = μ − β·√(σ²+ε)/γ.

    If an image is padded with it, the batch norm gives an image that is padded with 0.

    Raises
    ------
    StateError : the batch norm is in training mode.
    OptionError : γ is 0 in a channel, whose output is then β for every pixel.

    >>> padding_before_batch_norm(BatchNorm2d(2).eval())
    array([-0., -0.], dtype=float32)
    """
    scale, shift = _evaluated("padding_before_batch_norm", bn)
    if np.any(scale == 0):
        refuse(
            OptionError,
            "padding_before_batch_norm",
            "bn",
            "without a γ of 0, with which every pixel comes out as β",
            "γ = 0",
        )
    return rounded("pre-image", -shift / scale, bn.params["weight"].dtype)


@layer_function
def scale_and_shift(gamma: Array, beta: Array, mean: Array, var: Array, *, eps: Any) -> tuple[Array, Array]:
    """(G, g), each (C,)."""
    scale = gamma * (1 / np.sqrt(var + constant(eps, var)))
    return scale, beta - mean * scale


@layer_function
def output_scaled(weight: Array, scale: Array, shift: Array, bias: Array | None = None) -> tuple[Array, Array]:
    """Weight and bias of ``scale·(weight ∗ x + bias) + shift``; weight (K, C//groups, kh, kw)."""
    return weight * scale[:, None, None, None], shift if bias is None else scale * bias + shift


@layer_function
def rescaled(gamma: Array, beta: Array, scale: Array, shift: Array) -> tuple[Array, Array]:
    """γ and β of ``scale·(γ·x̂ + β) + shift``."""
    return gamma * scale, beta * scale + shift


@layer_function
def input_scaled(
    weight: Array, scale: Array, shift: Array, bias: Array | None = None, *, groups: int
) -> tuple[Array, Array]:
    """Weight and bias of ``weight ∗ (scale·x + shift) + bias`` without padding; weight (K, C//groups, kh, kw)."""
    filters = by_group(weight, groups)  # (g,K/g,C/g,kh,kw)
    scaled, shifted = (filters * by.reshape(groups, 1, -1, 1, 1) for by in (scale, shift))
    offset = sum_over(shifted, (2, 3, 4)).reshape(-1)
    return scaled.reshape(weight.shape), offset if bias is None else bias + offset


def scale_and_shift_of(function: str, bn: BatchNorm2d) -> tuple[Array, Array]:
    """(G, g) of a batch norm in evaluation mode, in the precision that layers compute in."""
    return _evaluated(function, bn)


def _evaluated(
    function: str, bn: BatchNorm2d, beside: Layer | None = None, channels: int | None = None
) -> tuple[Array, Array]:
    """(G, g) of a batch norm, which must be in evaluation mode, with `channels` channels and the dtype of `beside`.

    Both are in the precision that layers compute in, so that half precision is rounded only once, in the new layer.
    """
    expect_kind(function, "bn", bn, BatchNorm2d)
    if bn.training:
        raise StateError(
            f"{function}: bn must be in evaluation mode (call its eval()), got training mode, in which it is not "
            "affine: it divides by the standard deviation of its own input, so no fixed weight can replace it"
        )
    gamma, beta = bn.params["weight"], bn.params["bias"]
    if beside is not None:
        name = "first" if isinstance(beside, BatchNorm2d) else "conv"
        expect_one_arithmetic(function, **{name: beside, "bn": bn})
    if channels is not None and len(gamma) != channels:
        refuse(ShapeError, function, "bn", f"of {channels} channels", f"{len(gamma)} channels")
    mean, var = bn.buffers["running_mean"], bn.buffers["running_var"]
    nothing = np.empty((0, len(gamma), 1, 1), gamma.dtype)
    batch_norm2d(nothing, gamma, beta, mean, var, eps=bn.options["eps"])  # refuses arrays that do not fit
    return scale_and_shift(*map(working, (gamma, beta, mean, var)), eps=bn.options["eps"])
