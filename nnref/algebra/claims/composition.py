r"""Convolutions compose; grouped, depthwise and linear layers are convolutions, and transposed ones are adjoints."""

from __future__ import annotations

import itertools
import re
from typing import Any

import numpy as np

from ...layers.avg_pool2d import AvgPool2d
from ...layers.conv2d import Conv2d
from ...layers.conv_transpose2d import ConvTranspose2d
from ...layers.depthwise_conv2d import DepthwiseConv2d
from ...layers.flatten import flatten
from ...layers.global_avg_pool2d import global_avg_pool2d
from ...layers.linear import Linear
from ...numeric import Array
from ...options import Pair
from ..claim import Case, Sides, claim
from ..given import Given
from ..reductions import adjoint, composition, linear, pooling
from . import layers, symbols


def _sums_of_products(x: Array, weight: Array, bias: Array) -> Array:
    """The lecture's formula, pixel by pixel: (1,M,H,W), (K,M,p,q) -> (1,K,H−p+1,W−q+1)."""
    filters, maps, p, q = weight.shape
    y = np.empty((1, filters, x.shape[2] - p + 1, x.shape[3] - q + 1), object)
    for _, k, i, j in np.ndindex(y.shape):
        taps = itertools.product(range(maps), range(p), range(q))
        y[0, k, i, j] = sum((x[0, m, i + u, j + v] * weight[k, m, u, v] for m, u, v in taps), start=bias[k])
    return y


def _features(given: Given, features: int, outputs: int) -> tuple[Array, Linear]:
    return given.image(1, features), given.linear(features, outputs)


def _image_and_linear(given: Given, image: Pair, channels: int, outputs: int) -> tuple[Array, Linear]:
    return given.image(1, channels, *image), given.linear(channels * image[0] * image[1], outputs)


def _pooled_and_linear(given: Given, image: Pair, channels: int, outputs: int) -> tuple[Array, Linear]:
    return given.image(1, channels, *image), given.linear(channels, outputs)


def _conv_then_pool(given: Given, pool: dict[str, Any], **case: Any) -> tuple[Array, Conv2d, AvgPool2d]:
    return *layers.conv(given, **case), AvgPool2d.from_arrays(options=pool)


def _adjoint(given: Given, image: Pair, channels: int, outputs: int, kernel: Pair, **o: Any) -> tuple[Any, ...]:
    x, transpose = given.image(1, channels, *image), given.conv_transpose(channels, outputs, kernel, bias=False, **o)
    shape = transpose(x).shape
    return x, given.image(*shape, name="z"), transpose


SMALL = {"image": ((2, 2), (3, 4)), "channels": (2, 4), "kernel": ((1, 1), (2, 2), (1, 3)), "padding": (0, 1, "same")}

GROUPS = {"groups": "g"}
SECOND_FITS = (
    "H + top + bottom >= dh*(kh - 1) + 1",
    "W + left + right >= dw*(kw - 1) + 1",
    "H + top + bottom - dh*(kh - 1) - 1 >= dh_2*(kh_2 - 1)*sh",
    "W + left + right - dw*(kw - 1) - 1 >= dw_2*(kw_2 - 1)*sw",
)


def _two_with_symbols(kernels: Any, first: dict[str, Any], second: dict[str, Any], where: Any, **case: Any) -> Case:
    both = {"first": first | GROUPS, "second": second | GROUPS, "channels": ("g*C", "g*M", "g*K")}
    return symbols.IMAGE | {"kernels": kernels} | both | case | {"where": where}


def _at(texts: tuple[str, ...], **numbers: int) -> tuple[str, ...]:
    """The conditions with numbers in place of some symbols."""
    for name, value in numbers.items():
        texts = tuple(re.sub(rf"\b{name}\b", str(value), text) for text in texts)
    return texts


LENGTHENED = symbols.with_where(
    {**symbols.TRANSPOSED, "output_padding": ("extra", "extra_2")},
    *symbols.transposed_fits(" + extra", " + extra_2"),
    *("extra < sh", "extra_2 < sw"),
)
STEPS_2 = {"stride": ("sh_2", "sw_2"), "dilation": ("dh_2", "dw_2")}
COMPOSED = (
    _two_with_symbols(  # kernels of at least two taps; the first is not dilated
        (("kh", "kw"), ("kh_2", "kw_2")),
        {"stride": ("sh", "sw"), "padding": symbols.PADDING},
        STEPS_2,
        (*_at(SECOND_FITS, dh=1, dw=1), "kh >= 2", "kw >= 2", "kh_2 >= 2", "kw_2 >= 2"),
    ),
    _two_with_symbols(  # the second has one tap
        (("kh", "kw"), (1, 1)),
        {"stride": ("sh", "sw"), "padding": symbols.PADDING, "dilation": 1},
        STEPS_2,
        _at(SECOND_FITS[:2], dh=1, dw=1),
    ),
    _two_with_symbols(  # numbers for kernels, strides and dilations
        ((2, 2), (2, 3)),
        {"stride": (2, 3), "dilation": (1, 2), "padding": symbols.PADDING},
        {"stride": (3, 1), "dilation": (2, 3)},
        _at(SECOND_FITS, dh=1, dw=2, kh=2, kw=2, sh=2, sw=3, dh_2=2, dw_2=3, kh_2=2, kw_2=3),
    ),
)
POINTWISE = _two_with_symbols(
    ((1, 1), ("kh", "kw")),
    {"stride": ("sh", "sw")},
    STEPS_2 | {"padding": symbols.PADDING},
    ("H - 1 >= (dh_2*(kh - 1) - top - bottom)*sh", "W - 1 >= (dw_2*(kw - 1) - left - right)*sw", "kh >= 2", "kw >= 2"),
    biases=(False, True),
)
PADDED_SECOND = {
    "image": (1, "W"),
    "kernels": ((1, "kw"), (1, "kw_2")),
    "biases": (False, False),
    "second": {"padding": ((0, 0), ("left", "right"))},
    "where": ("W >= kw", "W - kw + left + right + 1 >= kw_2", "kw >= 2", "kw_2 >= 2"),
}
POOLED = symbols.with_where(
    {**symbols.CONV, "channels": "C", "filters": "K", "groups": 1, "dilation": 1}
    | {"pool": {"kernel_size": ("kh_2", "kw_2"), "stride": ("sh_2", "sw_2")}},
    *_at(SECOND_FITS, dh=1, dw=1, dh_2=1, dw_2=1),
    *("kh >= 2", "kw >= 2", "kh_2 >= 2", "kw_2 >= 2"),
)


@claim(
    "conv-formula",
    source="lecture, merging",
    arguments=layers.conv,
    cases=(
        {"image": (3, 3), "channels": 2, "filters": 2, "kernel": (2, 2), "padding": 0},
        {"image": (2, 3), "channels": 2, "kernel": (2, 3), "padding": 1},
    ),
    conditions="no stride, no dilation, one group",
    lecture=("5",),
    vary={"image": ((3, 3), (3, 4)), "channels": (1, 2), "kernel": ((1, 1), (2, 3)), "padding": (0, 1)},
)
def conv_is_a_sum_of_products(x: Array, conv: Conv2d) -> Sides:
    r"""Y^k_{ij} = \sum_{m=1}^{M}\sum_{u,v} X^m_{i+u-1,j+v-1}\,F^{mk}_{uv} + b^k"""
    padded = np.pad(x, ((0, 0), (0, 0), *[(conv.options["padding"],) * 2] * 2), constant_values=x.flat[0].zero())
    return conv(x), _sums_of_products(padded, conv.params["weight"], conv.params["bias"])


@claim(
    "convs-compose",
    source="lecture (an earlier homework)",
    arguments=layers.two_convs,
    cases=(
        {"image": (1, 4), "kernels": ((1, 2), (1, 3))},
        {"image": (3, 3), "channels": (2, 2, 2), "kernels": ((2, 2), (2, 1)), "first": {"padding": ((0, 1), (1, 0))}},
        {
            "image": (5, 5),
            "kernels": ((2, 1), (2, 2)),
            "first": {"stride": (2, 1), "padding": 1},
            "second": {"stride": (1, 2), "dilation": (2, 1)},
        },
        {"image": (1, 7), "kernels": ((1, 2), (1, 2)), "first": {"dilation": 3}, "second": {"dilation": 2}},
        {"image": (2, 2), "channels": (4, 4, 4), "first": {"groups": 4}, "second": {"groups": 2}},
        {"image": (2, 2), "channels": (2, 2, 1), "kernels": ((1, 1), (2, 2)), "biases": (False, True)},
    ),
    conditions="the second is not padded",
    reductions=("compose_convs",),
    lecture=("4",),
    vary={
        "image": ((6, 6), (7, 5)),
        "channels": ((1, 2, 1), (2, 2, 2)),
        "kernels": (((2, 1), (1, 2)), ((1, 2), (2, 2)), ((1, 1), (3, 1))),
        "biases": ((True, True), (False, True), (True, False)),
        "first": ({}, {"stride": 2}, {"dilation": (2, 1), "padding": 1}, {"stride": (1, 2), "padding": "valid"}),
        "second": ({}, {"stride": 2}, {"dilation": (1, 2)}),
    },
    every_shape=COMPOSED,
)
def convs_compose(x: Array, first: Conv2d, second: Conv2d) -> Sides:
    r"""
    F_2 * (F_1 * X + b_1) + b_2 = (F_2 \star F_1) * X + \Bigl(b_2 + \sum_{m,a} F_{2,kma} b_{1,m}\Bigr),\quad
    (F_2 \star F_1)_{k,c,\,a d_2 s_1 + u d_1} \mathrel{+}= \sum_m F_{2,kma}F_{1,mcu}
    """
    return second(first(x)), composition.compose_convs(first, second)(x)


@claim(
    "pointwise-then-padded-conv",
    source="a 1×1 convolution without bias maps zeros to zeros",
    arguments=layers.two_convs,
    cases=(
        {
            "image": (2, 2),
            "channels": (2, 2, 1),
            "kernels": ((1, 1), (2, 2)),
            "biases": (False, True),
            "second": {"padding": ((1, 0), (0, 2))},
        },
        {
            "image": (3, 6),
            "kernels": ((1, 1), (2, 3)),
            "biases": (False, False),
            "first": {"stride": 2},
            "second": {"padding": 1, "dilation": (1, 2)},
        },
    ),
    conditions="the first is 1×1, without bias and padding",
    reductions=("compose_convs",),
    vary={
        "image": ((4, 5), (6, 5)),
        "channels": ((1, 2, 1), (2, 2, 2)),
        "kernels": (((1, 1), (1, 2)), ((1, 1), (2, 3))),
        "biases": ((False, True), (False, False)),
        "first": ({}, {"stride": 2}),
        "second": ({"padding": 1}, {"padding": ((2, 0), (0, 1)), "stride": 2}),
    },
    every_shape=(POINTWISE,),
)
def pointwise_then_padded_conv(x: Array, first: Conv2d, second: Conv2d) -> Sides:
    r"""F_2 *_{p} (F_1 * X) + b_2 = (F_2 \star F_1) *_{s_1 p} X + b_2,\quad F_1\ 1\times1 \text{ without bias}"""
    return second(first(x)), composition.compose_convs(first, second)(x)


@claim(
    "convs-compose-padded-second",
    source="the composition of unpadded convolutions, applied to a padded second one",
    arguments=layers.two_convs,
    cases=(
        {
            "image": (1, 2),
            "kernels": ((1, 2), (1, 2)),
            "biases": (False, False),
            "second": {"padding": ((0, 0), (1, 0))},
        },
    ),
    holds=False,
    correction=r"\text{equality away from the border: there } F_2 *_p \text{ sees } 0,"
    r" \text{ and } F_1 * \mathrm{pad}_0(X) \text{ is not } 0",
    every_shape=(PADDED_SECOND,),
)
def convs_compose_although_padded(x: Array, first: Conv2d, second: Conv2d) -> Sides:
    r"""F_2 *_{p} (F_1 * X) = (F_2 \star F_1) *_{s_1 p} X"""
    return second(first(x)), composition.composed(first, second)(x)


@claim(
    "depthwise-conv",
    source="Howard et al., MobileNets (arXiv:1704.04861)",
    arguments=layers.depthwise,
    cases=(
        {"image": (2, 2), "channels": 2, "multiplier": 2, "kernel": (2, 1), "padding": 1},
        {"image": (3, 4), "channels": 2, "kernel": (2, 2), "stride": (1, 2), "dilation": (2, 1), "bias": False},
    ),
    reductions=("depthwise_as_conv",),
    vary=SMALL | {"multiplier": (1, 2), "bias": (True, False)},
    every_shape=(symbols.DEPTHWISE, symbols.DEPTHWISE | {"bias": False}),
)
def depthwise_is_grouped(x: Array, conv: DepthwiseConv2d) -> Sides:
    r"""F *_{\mathrm{dw}} X + b = F * X + b \text{ in } C \text{ groups}"""
    return conv(x), composition.depthwise_as_conv(conv, x.shape[1])(x)


@claim(
    "grouped-dense",
    source="Krizhevsky et al., AlexNet (2012), which introduced groups",
    arguments=layers.conv,
    cases=(
        {"image": (2, 2), "channels": 4, "filters": 6, "kernel": (1, 2), "groups": 2},
        {"image": (3, 3), "channels": 3, "filters": 3, "kernel": (2, 2), "groups": 3, "stride": 2, "bias": False},
        {"image": (2, 2), "channels": 2, "filters": 2, "kernel": (2, 1), "groups": 2, "padding": ((1, 0), (0, 1))},
    ),
    reductions=("grouped_as_dense",),
    vary=SMALL | {"filters": (2, 4), "groups": (1, 2), "bias": (True, False)},
    every_shape=(symbols.CONV, symbols.CONV | {"bias": False}),
)
def grouped_is_dense(x: Array, conv: Conv2d) -> Sides:
    r"""F *_{g} X = \mathrm{diag}(F_1,\dots,F_g) * X"""
    return conv(x), composition.grouped_as_dense(conv)(x)


@claim(
    "linear-conv",
    source="Lin et al., Network in network (arXiv:1312.4400)",
    arguments=_features,
    cases=({"features": 3, "outputs": 2},),
    reductions=("linear_as_conv",),
    vary={"features": (1, 2, 5), "outputs": (1, 3)},
    every_shape=({"features": "C", "outputs": "K"},),
)
def linear_is_conv(x: Array, layer: Linear) -> Sides:
    r"""F x + b = F *_{1\times1} x + b \text{ on a } 1\times1 \text{ image}"""
    return layer(x), linear.linear_as_conv(layer)(x[:, :, None, None])[:, :, 0, 0]


@claim(
    "flatten-linear-conv",
    source="Long et al., Fully convolutional networks (arXiv:1411.4038)",
    arguments=_image_and_linear,
    cases=({"image": (2, 3), "channels": 2, "outputs": 2},),
    reductions=("linear_as_conv",),
    vary={"image": ((1, 1), (2, 3)), "channels": (1, 2), "outputs": (1, 3)},
    every_shape=(symbols.IMAGE | {"channels": "C", "outputs": "K"},),
)
def flatten_then_linear_is_conv(x: Array, layer: Linear) -> Sides:
    r"""F\,\mathrm{flatten}(X) + b = F_{K \times C \times H \times W} * X + b"""
    return layer(flatten(x)), linear.linear_as_conv(layer, x.shape[2:])(x)[:, :, 0, 0]


@claim(
    "conv-linear",
    source="the matrix of a convolution",
    arguments=layers.conv,
    cases=(
        {"image": (2, 3), "channels": 2, "filters": 2, "kernel": (2, 2), "padding": ((0, 1), (1, 0))},
        {"image": (3, 4), "channels": 2, "filters": 2, "kernel": (2, 2), "groups": 2, "stride": (1, 2)},
        {"image": (3, 3), "kernel": (2, 2), "dilation": (2, 1), "bias": False},
    ),
    reductions=("conv_as_linear",),
    vary=SMALL | {"filters": (2, 4), "groups": (1, 2), "bias": (True, False)},
)
def conv_is_linear(x: Array, conv: Conv2d) -> Sides:
    r"""\mathrm{flatten}(F * X + b) = T(F)\,\mathrm{flatten}(X) + b \otimes 1,\quad T \text{ Toeplitz}"""
    return flatten(conv(x)), linear.conv_as_linear(conv, x.shape[2:])(flatten(x))


@claim(
    "global-avg-pool-linear-conv",
    source="global average pooling as in the lecture, composed with a 1×1 convolution",
    arguments=_pooled_and_linear,
    cases=({"image": (2, 3), "channels": 2, "outputs": 2},),
    reductions=("global_avg_pool_as_conv", "linear_as_conv", "compose_convs"),
    vary={"image": ((1, 1), (2, 3)), "channels": (1, 2), "outputs": (1, 3)},
    every_shape=(symbols.IMAGE | {"channels": "C", "outputs": "K"},),
)
def global_avg_pool_then_linear_is_conv(x: Array, layer: Linear) -> Sides:
    r"""F\,\mathrm{GAP}(X) + b = \tfrac{1}{HW}\,(F \otimes 1_{H\times W}) * X + b"""
    mean = pooling.global_avg_pool_as_conv(x.shape[1], x.shape[2:], dtype=object)
    one = composition.compose_convs(mean, linear.linear_as_conv(layer))
    return layer(flatten(global_avg_pool2d(x))), flatten(one(x))


@claim(
    "conv-avg-pool",
    source="average pooling is a convolution, and convolutions compose",
    arguments=_conv_then_pool,
    cases=(
        {"image": (3, 3), "channels": 2, "filters": 2, "kernel": (2, 2), "pool": {"kernel_size": 2}},
        {
            "image": (4, 3),
            "kernel": (2, 1),
            "padding": 1,
            "stride": (1, 2),
            "pool": {"kernel_size": (3, 2), "stride": 1},
        },
    ),
    conditions="the pool is not padded",
    reductions=("avg_pool_as_conv", "compose_convs"),
    vary={
        "image": ((4, 4), (5, 4)),
        "channels": (1, 2),
        "filters": (1, 2),
        "kernel": ((1, 1), (2, 2)),
        "padding": (0, 1),
        "pool": ({"kernel_size": 2}, {"kernel_size": (2, 1), "stride": 1}),
    },
    every_shape=(POOLED,),
)
def conv_then_avg_pool_is_conv(x: Array, conv: Conv2d, pool: AvgPool2d) -> Sides:
    r"""\mathrm{avg}(F * X + b) = \tfrac{1}{k_h k_w}\,(1_{k_h\times k_w} \star F) * X + b"""
    mean = pooling.avg_pool_as_conv(pool, len(conv.params["weight"]), dtype=object)
    return pool(conv(x)), composition.compose_convs(conv, mean)(x)


@claim(
    "conv-transpose-adjoint",
    source="Dumoulin & Visin (arXiv:1603.07285), chapter 4",
    arguments=_adjoint,
    cases=(
        {"image": (2, 2), "channels": 2, "outputs": 1, "kernel": (2, 2), "stride": 2},
        {"image": (2, 2), "channels": 1, "outputs": 1, "kernel": (3, 2), "padding": ((1, 0), (0, 1)), "stride": (2, 1)},
        {"image": (1, 2), "channels": 4, "outputs": 2, "kernel": (1, 2), "groups": 2, "dilation": 2},
        {"image": (2, 1), "channels": 1, "outputs": 2, "kernel": (2, 2), "stride": 2, "output_padding": 1},
        {
            "image": (1, 2),
            "kernel": (1, 2),
            "channels": 1,
            "outputs": 1,
            "stride": 2,
            "dilation": 3,
            "output_padding": 1,
        },
    ),
    conditions="output_padding is below the stride",
    reductions=("conv_transpose_as_adjoint",),
    vary={
        "image": ((2, 2), (1, 3)),
        "channels": (2, 4),
        "outputs": (2, 4),
        "kernel": ((1, 1), (2, 3)),
        "stride": (1, 2),
        "dilation": (1, 3),
        "output_padding": (0, 1),
        "groups": (1, 2),
    },
    every_shape=(symbols.TRANSPOSED, LENGTHENED),
)
def conv_transpose_is_the_adjoint(x: Array, z: Array, transpose: ConvTranspose2d) -> Sides:
    r"""\langle x,\ F * z\rangle = \langle F *^{\mathsf T} x,\ z\rangle"""
    conv = adjoint.conv_transpose_as_adjoint(transpose)
    return np.sum(x * conv(z)), np.sum(transpose(x) * z)
