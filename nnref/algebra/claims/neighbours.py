r"""Neighbours that change places or become one: pools and batch norms, paddings, linear layers, depthwise sums."""

from __future__ import annotations

from typing import Any

from ...layer import Sequential, Sum
from ...layers.avg_pool2d import AvgPool2d, avg_pool2d
from ...layers.batch_norm2d import BatchNorm2d
from ...layers.depthwise_conv2d import DepthwiseConv2d
from ...layers.flatten import flatten
from ...layers.global_avg_pool2d import GlobalAvgPool2d
from ...layers.linear import Linear
from ...layers.max_pool2d import MaxPool2d, max_pool2d
from ...layers.relu import ReLU
from ...layers.zero_pad2d import ZeroPad2d, zero_pad2d
from ...numeric import Array
from ...options import Pair
from ..claim import Sides, claim
from ..given import Given
from ..reductions import branches, neighbours
from . import symbols


def _pool_and_batch_norm(given: Given, image: Pair, channels: int = 1, **pool: Any) -> tuple[Any, ...]:
    return given.image(1, channels, *image), AvgPool2d.from_arrays(options=pool), given.batch_norm(channels)


def _global_pool_and_batch_norm(given: Given, image: Pair, channels: int = 1) -> tuple[Any, ...]:
    return given.image(1, channels, *image), GlobalAvgPool2d(), given.batch_norm(channels)


def _max_pool_and_batch_norm(given: Given, image: Pair, channels: int = 1, **pool: Any) -> tuple[Any, ...]:
    """X, max pool, batch norm with γ > 0."""
    bn = given.batch_norm(channels)
    bn.params["weight"] = given.array("positive γ", channels, neutral=1, positive=True)
    return given.image(1, channels, *image), MaxPool2d.from_arrays(options=pool), bn


def _padded(given: Given, image: Pair, pad: Any, channels: int = 1) -> tuple[Any, ...]:
    return given.image(1, channels, *image), ZeroPad2d(pad)


def _two_pads(given: Given, image: Pair, pads: Any, channels: int = 1) -> tuple[Any, ...]:
    return given.image(1, channels, *image), ZeroPad2d(pads[0]), ZeroPad2d(pads[1])


def _two_linears(given: Given, features: tuple[int, int, int]) -> tuple[Any, ...]:
    before, between, after = features
    first = Linear.from_arrays(weight=given.array("F₁", between, before, neutral=1), bias=given.array("b₁", between))
    second = Linear.from_arrays(weight=given.array("F₂", after, between, neutral=1), bias=given.array("b₂", after))
    return given.image(1, before), first, second


def _batch_norm_and_linear(given: Given, image: Pair, channels: int, outputs: int) -> tuple[Any, ...]:
    linear = given.linear(channels * image[0] * image[1], outputs)
    return given.image(1, channels, *image), given.batch_norm(channels), linear


def _depthwise_branches(
    given: Given, image: Pair, channels: int, kernels: Any, multiplier: int = 1, **o: Any
) -> tuple[Any, ...]:
    filters = channels * multiplier
    convs = [
        given.depthwise(filters, kernel, tag=f"{i}", **{name: values[i] for name, values in o.items()})
        for i, kernel in enumerate(kernels)
    ]
    return given.image(1, channels, *image), *convs


def _pooled_twice(given: Given, image: Pair, pool: dict[str, Any], pool_2: dict[str, Any]) -> tuple[Any, ...]:
    return given.image(1, 1, *image), MaxPool2d.from_arrays(options=pool), MaxPool2d.from_arrays(options=pool_2)


UNPADDED_POOL = {name: value for name, value in symbols.POOL.items() if name not in ("padding", "where")}
BATCH_NORM = "batch norm in evaluation"


@claim(
    "avg-pool-batch-norm",
    source="an average of G·x + g is G times the average, plus g",
    arguments=_pool_and_batch_norm,
    cases=(
        {"image": (2, 2), "kernel_size": 2},
        {"image": (3, 4), "channels": 2, "kernel_size": (2, 3), "stride": 1},
    ),
    conditions=BATCH_NORM + "; the pool is not padded, and has no ceil_mode",
    reductions=("exchange",),
    vary={"image": ((3, 4), (4, 3)), "channels": (1, 2), "kernel_size": (2, (1, 3)), "stride": (None, 1)},
    every_shape=(symbols.with_where(UNPADDED_POOL, "H >= kh", "W >= kw"),),
)
def avg_pool_then_batch_norm(x: Array, pool: AvgPool2d, bn: BatchNorm2d) -> Sides:
    r"""\mathrm{BN}(\mathrm{avg}(X)) = \mathrm{avg}(\mathrm{BN}(X))"""
    return bn(pool(x)), Sequential(*neighbours.exchange(pool, bn))(x)


@claim(
    "global-avg-pool-batch-norm",
    source="an average of G·x + g is G times the average, plus g",
    arguments=_global_pool_and_batch_norm,
    cases=({"image": (1, 2)}, {"image": (3, 2), "channels": 2}),
    conditions=BATCH_NORM,
    reductions=("exchange",),
    vary={"image": ((3, 4), (4, 1)), "channels": (1, 3)},
    every_shape=(symbols.IMAGE | {"channels": "C"},),
)
def global_avg_pool_then_batch_norm(x: Array, pool: GlobalAvgPool2d, bn: BatchNorm2d) -> Sides:
    r"""\mathrm{BN}(\mathrm{GAP}(X)) = \mathrm{GAP}(\mathrm{BN}(X))"""
    return bn(pool(x)), Sequential(*neighbours.exchange(pool, bn))(x)


@claim(
    "max-pool-batch-norm",
    source="increasing maps commute with maxima",
    arguments=_max_pool_and_batch_norm,
    method="exact derivative",
    cases=({"image": (1, 2), "kernel_size": (1, 2)}, {"image": (3, 4), "channels": 2, "kernel_size": 2, "padding": 1}),
    conditions=BATCH_NORM + r"; $\gamma > 0$; every window contains a pixel",
    reductions=("exchange",),
    vary={"image": ((3, 3), (2, 4)), "channels": (1, 2), "kernel_size": (2, (1, 2)), "stride": (None, 1)},
)
def max_pool_then_batch_norm(x: Array, pool: MaxPool2d, bn: BatchNorm2d) -> Sides:
    r"""\mathrm{BN}(\max(X)) = \max(\mathrm{BN}(X))"""
    return bn(pool(x)), pool(bn(x))


@claim(
    "pad-relu",
    source="ReLU maps 0 to 0",
    arguments=_padded,
    method="zero-one",
    cases=({"image": (1, 2), "pad": 1}, {"image": (2, 2), "pad": ((1, 0), (0, 2))}),
    reductions=("exchange",),
    vary={"image": ((1, 3), (2, 3)), "pad": (1, (0, 2))},
)
def pad_then_relu(x: Array, pad: ZeroPad2d) -> Sides:
    r"""\mathrm{ReLU}(\mathrm{pad}_0(X)) = \mathrm{pad}_0(\mathrm{ReLU}(X))"""
    return ReLU()(pad(x)), Sequential(*neighbours.exchange(pad, ReLU()))(x)


@claim(
    "pads-compose",
    source="zeros around zeros",
    arguments=_two_pads,
    cases=({"image": (1, 1), "pads": (1, ((0, 1), (2, 0)))}, {"image": (2, 3), "pads": (((1, 0), (0, 2)), (0, 1))}),
    reductions=("fuse_pads",),
    vary={"image": ((1, 2), (2, 2)), "pads": ((1, 1), ((0, 1), (2, 0)))},
    every_shape=(symbols.IMAGE | {"channels": "C", "pads": (symbols.PADDING, symbols.PADDED)},),
)
def pad_then_pad(x: Array, first: ZeroPad2d, second: ZeroPad2d) -> Sides:
    r"""\mathrm{pad}^{q}(\mathrm{pad}^{p}(X)) = \mathrm{pad}^{p+q}(X)"""
    return second(first(x)), neighbours.fuse_pads(first, second)(x)


@claim(
    "linears-compose",
    source="the product of two matrices",
    arguments=_two_linears,
    cases=({"features": (1, 1, 1)}, {"features": (3, 2, 4)}),
    reductions=("compose_linears",),
    vary={"features": ((2, 3, 1), (4, 1, 2))},
    every_shape=({"features": ("C", "M", "K")},),
)
def linear_then_linear(x: Array, first: Linear, second: Linear) -> Sides:
    r"""F_2 (F_1 x + b_1) + b_2 = (F_2 F_1) x + (F_2 b_1 + b_2)"""
    return second(first(x)), neighbours.compose_linears(first, second)(x)


@claim(
    "batch-norm-flatten-linear",
    source="the composition of two affine maps",
    arguments=_batch_norm_and_linear,
    cases=({"image": (1, 1), "channels": 2, "outputs": 1}, {"image": (2, 3), "channels": 2, "outputs": 2}),
    conditions=BATCH_NORM,
    reductions=("fuse_batch_norm_linear",),
    vary={"image": ((1, 1), (2, 2)), "channels": (1, 3), "outputs": (1, 2)},
    every_shape=(symbols.IMAGE | {"channels": "C", "outputs": "K"},),
)
def batch_norm_then_linear(x: Array, bn: BatchNorm2d, linear: Linear) -> Sides:
    r"""
    F\,\mathrm{flatten}(\mathrm{BN}(X)) + b
    = (F G)\,\mathrm{flatten}(X) + \Bigl(b + \sum_{c,i,j} F_{kcij}\,g_c\Bigr)
    """
    return linear(flatten(bn(x))), neighbours.fuse_batch_norm_linear(bn, linear)(flatten(x))


@claim(
    "sum-of-depthwise",
    source="Ding et al., RepVGG (arXiv:2101.03697), for depthwise branches",
    arguments=_depthwise_branches,
    cases=(
        {"image": (2, 2), "channels": 2, "kernels": ((1, 1), (1, 1))},
        {
            "image": (3, 3),
            "channels": 2,
            "multiplier": 2,
            "kernels": ((3, 3), (1, 1), (1, 3)),
            "padding": (1, 0, (0, 1)),
        },
    ),
    conditions="one stride; the kernels are padded alike",
    reductions=("sum_of_depthwise",),
    vary={"image": ((2, 3), (3, 3)), "channels": (1, 2), "kernels": (((2, 1), (2, 1)), ((1, 1), (1, 1)))},
    every_shape=(
        symbols.IMAGE
        | {
            "channels": "C",
            "multiplier": "M",
            "kernels": ((3, 3), (1, 1)),
            "padding": (1, 0),
            "stride": (("sh", "sw"),) * 2,
        },
    ),
)
def sum_is_depthwise(x: Array, *convs: DepthwiseConv2d) -> Sides:
    r"""\sum_i (F_i *_{\mathrm{dw}} X + b_i) = \Bigl(\sum_i F_i\Bigr) *_{\mathrm{dw}} X + \sum_i b_i"""
    return Sum(*convs)(x), branches.sum_of_depthwise(*convs)(x)


@claim(
    "max-pool-of-max-pool",
    source="a maximum of maxima is the maximum",
    arguments=_pooled_twice,
    method="zero-one",
    cases=(
        {"image": (1, 4), "pool": {"kernel_size": (1, 2)}, "pool_2": {"kernel_size": (1, 2)}},
        {
            "image": (3, 3),
            "pool": {"kernel_size": 2, "stride": 1, "padding": ((1, 0), (0, 1))},
            "pool_2": {"kernel_size": (2, 1), "stride": 1},
        },
    ),
    conditions=r"the second is not padded; no dilation or ceil_mode; $s_1 \le k_1$",
    reductions=("compose_max_pools",),
    vary={
        "image": ((2, 4), (3, 3)),
        "pool": ({"kernel_size": (2, 1), "stride": 1}, {"kernel_size": (1, 2), "stride": (1, 2)}),
        "pool_2": ({"kernel_size": (1, 2), "stride": 1}, {"kernel_size": (2, 1), "stride": 1}),
    },
)
def max_pool_of_max_pool(x: Array, first: MaxPool2d, second: MaxPool2d) -> Sides:
    r"""{\max}_{k_2,s_2}({\max}_{k_1,s_1}(X)) = {\max}_{k_1+(k_2-1)s_1,\;s_1 s_2}(X)"""
    return second(first(x)), neighbours.compose_max_pools(first, second)(x)


@claim(
    "layers-that-do-nothing",
    source="a window of one pixel",
    arguments=lambda given, image: (given.image(1, 1, *image),),
    method="zero-one",
    cases=({"image": (1, 1)}, {"image": (2, 3)}),
    vary={"image": ((1, 2), (3, 2))},
)
def some_layers_do_nothing(x: Array) -> Sides:
    r"""\mathrm{pad}^{0}(X) = {\max}_{1\times1}(X) = \mathrm{avg}_{1\times1}(X) = X"""
    one: dict[str, Any] = {"kernel_size": 1, "stride": 1}
    return (zero_pad2d(x, padding=0), max_pool2d(x, **one), avg_pool2d(x, **one)), (x, x, x)
