r"""Batch norms and explicit padding, folded into convolutions.

Throughout G = γ/√(σ² + ε) and g = β − μ·G.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...layers.avg_pool2d import AvgPool2d
from ...layers.batch_norm2d import BatchNorm2d
from ...layers.conv2d import Conv2d
from ...layers.conv_transpose2d import ConvTranspose2d
from ...layers.depthwise_conv2d import DepthwiseConv2d
from ...layers.max_pool2d import MaxPool2d
from ...layers.zero_pad2d import ZeroPad2d
from ...numeric import Array
from ..claim import Sides, claim
from ..given import Given
from ..reductions import batch_norm, padding
from ..reductions.common import bias_of, changed
from . import layers, symbols

LECTURE_BN, LECTURE_MERGE = "lecture, batch normalisation as a linear operation", "lecture, merging"


def _scale_and_shift(bn: BatchNorm2d) -> tuple[Array, Array]:
    """G and g as in the lecture, from r = 1/√(σ² + ε)."""
    inv_std = 1 / np.sqrt(bn.buffers["running_var"] + bn.options["eps"])  # a formal variance
    scale = bn.params["weight"] * inv_std
    return scale, bn.params["bias"] - bn.params["weight"] * bn.buffers["running_mean"] * inv_std


def _padding_itself(pool: AvgPool2d | MaxPool2d, pad: ZeroPad2d) -> AvgPool2d | MaxPool2d:
    return type(pool).from_arrays(options=pool.options | pad.options)


def _pre_image(given: Given, pad: Any = 1, **case: Any) -> tuple[Any, ...]:
    """X, batch norm, padding, convolution. The pre-image p of 0 is given, and β = (μ − p)·G: any β, if G ≠ 0."""
    x, bn, conv = layers.batch_norm_then_conv(given, **case)
    bn.params["bias"] = (bn.buffers["running_mean"] - given.array("p", x.shape[1])) * _scale_and_shift(bn)[0]
    return x, bn, ZeroPad2d(pad), conv


def _pad_then_avg_pool(given: Given, image: Any, channels: int = 1, pad: Any = 1, **o: Any) -> tuple[Any, ...]:
    return given.image(1, channels, *image), ZeroPad2d(pad), AvgPool2d.from_arrays(options=o)


def _pad_then_max_pool(given: Given, image: Any, channels: int = 1, pad: Any = 1, **o: Any) -> tuple[Any, ...]:
    return given.image(1, channels, *image), ZeroPad2d(pad), MaxPool2d.from_arrays(options=o)


ONE_PIXEL_BESIDE = {"image": (1, 1), "kernel": (1, 2), "padding": ((0, 0), (1, 0))}
BATCH_NORM = "batch norm in evaluation"
BOTH_PADDINGS = "H + up + down + top + bottom", "W + before + after + left + right"
UNCOUNTED = symbols.POOL | {"channels": 1, "count_include_pad": False}
PRE_IMAGE = symbols.with_where(
    {name: value for name, value in symbols.UNPADDED.items() if name != "where"} | {"pad": symbols.PADDED},
    *symbols.fits("H + up + down", "W + before + after"),
)


@claim(
    "batch-norm-affine",
    source=LECTURE_BN,
    arguments=layers.batch_norm,
    cases=({"image": (1, 1)}, {"image": (2, 3), "channels": 2}),
    conditions=BATCH_NORM,
    lecture=("1", "2"),
    vary={"image": ((1, 1), (2, 1), (2, 3)), "channels": (1, 2, 3)},
    every_shape=(symbols.IMAGE | {"channels": "C"},),
)
def batch_norm_is_affine(x: Array, bn: BatchNorm2d) -> Sides:
    r"""
    \gamma\,(Y-\mu)/\sqrt{\sigma^2+\varepsilon}+\beta = G\,Y+g,\quad
    G=\gamma/\sqrt{\sigma^2+\varepsilon},\ g=\beta-\gamma\mu/\sqrt{\sigma^2+\varepsilon}
    """
    scale, shift = _scale_and_shift(bn)
    return bn(x), x * scale[:, None, None] + shift[:, None, None]


@claim(
    "batch-norm-depthwise",
    source=LECTURE_BN,
    arguments=layers.batch_norm,
    cases=({"image": (1, 1)}, {"image": (2, 3), "channels": 2}),
    conditions=BATCH_NORM,
    reductions=("batch_norm_as_depthwise",),
    lecture=("3",),
    vary={"image": ((1, 1), (2, 1), (2, 3)), "channels": (1, 2, 3)},
    every_shape=(symbols.IMAGE | {"channels": "C"},),
)
def batch_norm_is_depthwise(x: Array, bn: BatchNorm2d) -> Sides:
    r"""\mathrm{BN}(Y) = G *_{\mathrm{dw}} Y + g,\quad \text{kernel } 1\times1"""
    return bn(x), batch_norm.batch_norm_as_depthwise(bn)(x)


@claim(
    "conv-batch-norm",
    source=LECTURE_MERGE + ", with the offset corrected",
    arguments=layers.conv_then_batch_norm,
    cases=(
        {"image": (1, 1)},
        {"image": (3, 3), "channels": 2, "filters": 2, "kernel": (2, 2)},
        {"image": (3, 4), "filters": 2, "kernel": (2, 3), "padding": ((0, 1), (1, 2)), "stride": (2, 1)},
        {"image": (3, 3), "channels": 4, "filters": 2, "kernel": (2, 1), "groups": 2, "dilation": 2},
        {"image": (2, 2), "filters": 2, "kernel": (2, 2), "bias": False},
        {"image": (5, 5), "channels": 3, "filters": 4, "kernel": (3, 3), "padding": 1},
    ),
    conditions=BATCH_NORM,
    reductions=("fuse_conv_batch_norm",),
    lecture=("6", "7"),
    vary={
        "image": ((2, 2), (3, 4), (4, 3)),
        "channels": (2, 4),
        "filters": (2, 4),
        "kernel": ((1, 1), (2, 1), (2, 3)),
        "padding": (0, 1, ((0, 1), (2, 0)), "same", "valid"),
        "dilation": (1, (2, 1)),
        "groups": (1, 2),
        "bias": (True, False),
    },
    every_shape=(symbols.CONV, symbols.CONV | {"bias": False}, symbols.CONV | {"padding": "same", "where": ()}),
)
def conv_then_batch_norm(x: Array, conv: Conv2d, bn: BatchNorm2d) -> Sides:
    r"""\mathrm{BN}(F * X + b) = (G F) * X + (G b + g)"""
    return bn(conv(x)), batch_norm.fuse_conv_batch_norm(conv, bn)(x)


@claim(
    "depthwise-batch-norm",
    source="Howard et al., MobileNets (arXiv:1704.04861), which use such blocks",
    arguments=layers.depthwise_then_batch_norm,
    cases=(
        {"image": (2, 2), "channels": 2, "multiplier": 2, "kernel": (2, 1), "padding": 1},
        {"image": (3, 3), "channels": 2, "kernel": (2, 2), "stride": (1, 2), "bias": False},
    ),
    conditions=BATCH_NORM,
    reductions=("fuse_conv_batch_norm",),
    vary={
        "image": ((2, 2), (3, 4)),
        "channels": (1, 2, 3),
        "multiplier": (1, 2),
        "kernel": ((1, 1), (2, 2)),
        "padding": (0, 1, "same"),
        "bias": (True, False),
    },
    every_shape=(symbols.DEPTHWISE, symbols.DEPTHWISE | {"bias": False}),
)
def depthwise_then_batch_norm(x: Array, conv: DepthwiseConv2d, bn: BatchNorm2d) -> Sides:
    r"""\mathrm{BN}(F *_{\mathrm{dw}} X + b) = (G F) *_{\mathrm{dw}} X + (G b + g)"""
    return bn(conv(x)), batch_norm.fuse_conv_batch_norm(conv, bn)(x)


@claim(
    "slide-fused-bias",
    source=LECTURE_MERGE + ", the slide's offset",
    arguments=layers.conv_then_batch_norm,
    cases=({"image": (1, 1)},),
    holds=False,
    conditions=BATCH_NORM,
    correction=r"G b + g = b\,\gamma/\sqrt{\sigma^2+\varepsilon} + \beta - \gamma\mu/\sqrt{\sigma^2+\varepsilon}",
    lecture=("7",),
    every_shape=(symbols.CONV,),
)
def conv_then_batch_norm_on_the_slide(x: Array, conv: Conv2d, bn: BatchNorm2d) -> Sides:
    r"""\mathrm{BN}(F * X + b) = (G F) * X + (b + g)"""
    scale, shift = _scale_and_shift(bn)
    weight = conv.params["weight"] * scale[:, None, None, None]
    return bn(conv(x)), changed(conv, weight=weight, bias=conv.params["bias"] + shift)(x)


@claim(
    "conv-transpose-batch-norm",
    source="torch.nn.utils.fusion; pytorch#180995 reports a fold that is wrong for groups",
    arguments=layers.conv_transpose_then_batch_norm,
    cases=(
        {"image": (2, 2), "channels": 2, "outputs": 2, "kernel": (2, 2), "stride": 2},
        {"image": (1, 2), "channels": 4, "outputs": 6, "kernel": (1, 2), "groups": 2},
        {"image": (2, 2), "outputs": 2, "kernel": (3, 2), "stride": (2, 1), "padding": ((1, 0), (0, 1))},
        {"image": (2, 1), "outputs": 2, "kernel": (2, 2), "stride": 2, "output_padding": 1, "bias": False},
    ),
    conditions=BATCH_NORM,
    reductions=("fuse_conv_transpose_batch_norm",),
    vary={
        "image": ((2, 2), (1, 3)),
        "channels": (2, 4),
        "outputs": (2, 4),
        "kernel": ((1, 1), (2, 3)),
        "stride": (1, 2),
        "groups": (1, 2),
        "bias": (True, False),
    },
    every_shape=(symbols.TRANSPOSED, symbols.TRANSPOSED | {"bias": False}),
)
def conv_transpose_then_batch_norm(x: Array, conv: ConvTranspose2d, bn: BatchNorm2d) -> Sides:
    r"""
    \mathrm{BN}(F *^{\mathsf T} X + b) = (F G) *^{\mathsf T} X + (G b + g),\quad
    G \text{ on the second axis of } F, \text{ group by group}
    """
    return bn(conv(x)), batch_norm.fuse_conv_transpose_batch_norm(conv, bn)(x)


@claim(
    "conv-transpose-batch-norm-as-conv",
    source="the fold of a convolution, applied unchanged to a transposed one",
    arguments=layers.conv_transpose_then_batch_norm,
    cases=({"image": (1, 1), "channels": 2, "outputs": 2, "bias": False},),
    holds=False,
    conditions=BATCH_NORM,
    correction=r"G \text{ on the second axis of } F, \text{ which holds the output channels}",
    every_shape=(symbols.TRANSPOSED | {"channels": "C", "outputs": "C", "groups": 1},),
)
def conv_transpose_then_batch_norm_as_for_conv(x: Array, conv: ConvTranspose2d, bn: BatchNorm2d) -> Sides:
    r"""
    \mathrm{BN}(F *^{\mathsf T} X + b) = (G F) *^{\mathsf T} X + (G b + g),\quad
    G \text{ on the first axis of } F
    """
    weight, bias = batch_norm.output_scaled(conv.params["weight"], *_scale_and_shift(bn), bias_of(conv))
    return bn(conv(x)), changed(conv, weight=weight, bias=bias)(x)


@claim(
    "batch-norms-compose",
    source="the composition of two affine maps",
    arguments=layers.two_batch_norms,
    cases=({"image": (1, 1)}, {"image": (2, 1), "channels": 2}),
    conditions=BATCH_NORM,
    reductions=("fuse_batch_norms",),
    vary={"image": ((1, 1), (2, 3)), "channels": (1, 3)},
    every_shape=(symbols.IMAGE | {"channels": "C"},),
)
def batch_norm_then_batch_norm(x: Array, first: BatchNorm2d, second: BatchNorm2d) -> Sides:
    r"""
    \mathrm{BN}_2(\mathrm{BN}_1(X)) = \mathrm{BN}(X)
    \text{ with } \gamma = \gamma_1 G_2,\ \beta = \beta_1 G_2 + g_2,\ \mu = \mu_1,\ \sigma^2 = \sigma_1^2
    """
    return second(first(x)), batch_norm.fuse_batch_norms(first, second)(x)


@claim(
    "batch-norm-conv",
    source="the composition of two affine maps",
    arguments=layers.batch_norm_then_conv,
    cases=(
        {"image": (2, 2), "channels": 2, "filters": 2, "kernel": (2, 1)},
        {"image": (3, 3), "channels": 4, "filters": 2, "kernel": (2, 2), "groups": 2, "stride": 2},
        {"image": (1, 3), "channels": 2, "kernel": (1, 2), "dilation": 2, "bias": False},
    ),
    conditions=BATCH_NORM + "; the convolution is not padded",
    reductions=("fuse_batch_norm_conv",),
    vary={
        "image": ((3, 3), (3, 4)),
        "channels": (2, 4),
        "filters": (2, 4),
        "kernel": ((1, 1), (2, 3)),
        "stride": (1, 2),
        "groups": (1, 2),
        "bias": (True, False),
    },
    every_shape=(symbols.UNPADDED, symbols.UNPADDED | {"bias": False}),
)
def batch_norm_then_conv(x: Array, bn: BatchNorm2d, conv: Conv2d) -> Sides:
    r"""F * \mathrm{BN}(X) + b = (F G) * X + \Bigl(b + \sum_{c,u,v} F_{kcuv}\,g_c\Bigr)"""
    return conv(bn(x)), batch_norm.fuse_batch_norm_conv(bn, conv)(x)


@claim(
    "batch-norm-padded-conv",
    source="the fold of an unpadded convolution, applied to a padded one",
    arguments=layers.batch_norm_then_conv,
    cases=(ONE_PIXEL_BESIDE,),
    holds=False,
    conditions=BATCH_NORM,
    correction=r"\mathrm{pad}_{-g/G}(X): \text{ outside the image BN's output is } 0, \text{ whose pre-image is }"
    r" -g/G, \text{ not } 0",
    every_shape=(symbols.CONV | {"groups": 1},),
)
def batch_norm_then_padded_conv(x: Array, bn: BatchNorm2d, conv: Conv2d) -> Sides:
    r"""
    F * \mathrm{pad}_0(\mathrm{BN}(X)) + b
    = (F G) * \mathrm{pad}_0(X) + \Bigl(b + \sum_{c,u,v} F_{kcuv}\,g_c\Bigr)
    """
    scale, shift = _scale_and_shift(bn)
    weight, bias = batch_norm.input_scaled(conv.params["weight"], scale, shift, bias_of(conv), groups=1)
    return conv(bn(x)), changed(conv, weight=weight, bias=bias)(x)


@claim(
    "batch-norm-padded-conv-pre-image",
    source="the pre-image of 0 under a batch norm",
    arguments=_pre_image,
    cases=(
        {"image": (1, 1), "kernel": (1, 2), "pad": ((0, 0), (1, 0))},
        {"image": (3, 4), "channels": 2, "filters": 2, "kernel": (3, 3), "pad": 1},
    ),
    conditions=BATCH_NORM + r"; $G \ne 0$",
    reductions=("padding_before_batch_norm", "fuse_batch_norm_conv"),
    vary={
        "image": ((2, 2), (3, 4)),
        "channels": (1, 3),
        "kernel": ((2, 1), (3, 3)),
        "pad": (1, 2, ((0, 1), (2, 0))),
    },
    every_shape=(PRE_IMAGE,),
)
def batch_norm_then_padded_conv_by_pre_image(x: Array, bn: BatchNorm2d, pad: ZeroPad2d, conv: Conv2d) -> Sides:
    r"""
    F * \mathrm{pad}_0(\mathrm{BN}(X)) + b
    = (F G) * \mathrm{pad}_{-g/G}(X) + \Bigl(b + \sum_{c,u,v} F_{kcuv}\,g_c\Bigr)
    """
    pre_image = batch_norm.padding_before_batch_norm(bn)[:, None, None]
    padded = pad(x - pre_image) + pre_image  # surrounded by the pre-image of 0
    return conv(pad(bn(x))), batch_norm.fuse_batch_norm_conv(bn, conv)(padded)


@claim(
    "pad-conv",
    source="the padding of conv2d is zeros",
    arguments=layers.pad_then_conv,
    cases=(
        {"image": (2, 2), "kernel": (2, 2), "pad": ((1, 0), (0, 2))},
        {"image": (2, 3), "channels": 2, "kernel": (3, 2), "pad": 1, "padding": ((0, 1), (1, 0)), "stride": (2, 1)},
        {"image": (2, 2), "kernel": (2, 2), "pad": ((0, 1), (1, 1)), "dilation": (2, 1)},
        {"image": (2, 1), "kernel": (2, 2), "pad": ((1, 2), (2, 1)), "padding": ((2, 1), (1, 2))},
    ),
    reductions=("fuse_pad_conv",),
    vary={
        "image": ((2, 2), (1, 3)),
        "kernel": ((1, 1), (2, 3)),
        "pad": (1, (0, 2), ((1, 0), (2, 1))),
        "padding": (0, 1, ((0, 1), (2, 0))),
        "stride": (1, (1, 2)),
    },
    every_shape=(symbols.CONV | {"pad": symbols.PADDED, "where": symbols.fits(*BOTH_PADDINGS)},),
)
def pad_then_conv(x: Array, pad: ZeroPad2d, conv: Conv2d) -> Sides:
    r"""F * \mathrm{pad}_0^{p}(X) = F *_{p} X"""
    return conv(pad(x)), padding.fuse_pad_conv(pad, conv)(x)


@claim(
    "pad-avg-pool",
    source="torch.nn.AvgPool2d with count_include_pad=True",
    arguments=_pad_then_avg_pool,
    cases=(
        {"image": (2, 2), "pad": ((1, 0), (0, 2)), "kernel_size": 2, "stride": 1},
        {"image": (3, 4), "channels": 2, "pad": 1, "kernel_size": (3, 2), "stride": 2, "padding": ((0, 1), (1, 0))},
        {"image": (3, 4), "pad": ((1, 0), (2, 0)), "kernel_size": 2, "stride": 3, "ceil_mode": True},
    ),
    conditions="the pool counts its padding; with ceil_mode there is no padding at the end",
    reductions=("fuse_pad_avg_pool",),
    vary={
        "image": ((2, 2), (3, 5)),
        "pad": (1, (0, 2), ((1, 0), (2, 1))),
        "kernel_size": (2, (1, 3)),
        "stride": (1, 2, None),
        "padding": (0, 1),
    },
    every_shape=(symbols.POOL | {"pad": symbols.PADDED, "where": symbols.fits(*BOTH_PADDINGS, dilated=False)},),
)
def pad_then_avg_pool(x: Array, pad: ZeroPad2d, pool: AvgPool2d) -> Sides:
    r"""\mathrm{avg}(\mathrm{pad}_0^{p}(X)) = \mathrm{avg}_{p}(X)"""
    return pool(pad(x)), padding.fuse_pad_avg_pool(pad, pool)(x)


@claim(
    "pad-avg-pool-uncounted",
    source="torch.nn.AvgPool2d with count_include_pad=False",
    arguments=_pad_then_avg_pool,
    method="small values",
    cases=({"image": (1, 1), "pad": ((0, 0), (1, 0)), "kernel_size": (1, 2), "stride": 1, "count_include_pad": False},),
    holds=False,
    correction=r"\mathrm{avg}(\mathrm{pad}_0^{p}(X)) = \mathrm{avg}_{p}(X) \text{ for the pool that counts it}",
    every_shape=(UNCOUNTED | {"pad": symbols.PADDED, "where": symbols.fits(*BOTH_PADDINGS, dilated=False)},),
)
def pad_then_uncounted_avg_pool(x: Array, pad: ZeroPad2d, pool: AvgPool2d) -> Sides:
    r"""
    \mathrm{avg}'(\mathrm{pad}_0^{p}(X)) = \mathrm{avg}'_{p}(X),\quad
    \mathrm{avg}' \text{ does not count its padding}
    """
    return pool(pad(x)), _padding_itself(pool, pad)(x)


@claim(
    "pad-max-pool",
    source="torch.nn.MaxPool2d, whose padding is −∞",
    arguments=_pad_then_max_pool,
    method="small values",
    cases=({"image": (1, 1), "pad": ((0, 0), (1, 0)), "kernel_size": (1, 2), "stride": 1},),
    holds=False,
    correction=r"\max(\mathrm{pad}_{-\infty}^{p}(X)) = {\max}_{p}(X)",
)
def pad_then_max_pool(x: Array, pad: ZeroPad2d, pool: MaxPool2d) -> Sides:
    r"""\max(\mathrm{pad}_0^{p}(X)) = {\max}_{p}(X)"""
    return pool(pad(x)), _padding_itself(pool, pad)(x)
