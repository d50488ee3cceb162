r"""Average pooling is a convolution; max pooling is one over the max-plus semiring, but not over the reals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arithmetic import MaxPlus, max_plus
from ...layers.avg_pool2d import AvgPool2d
from ...layers.global_avg_pool2d import global_avg_pool2d
from ...layers.max_pool2d import MaxPool2d
from ...layers.relu import relu
from ...layers.zero_pad2d import zero_pad2d
from ...numeric import Array
from ...options import Pair
from ..claim import Sides, claim
from ..given import Given
from ..reductions import max_plus as semiring
from ..reductions import pooling
from . import symbols

AVG, MAX = "lecture, is average pooling a convolution?", "lecture, is max pooling a convolution?"


def _payload(element: MaxPlus) -> Any:
    return element.payload


def _shifted_after_and_before(x: Array, pool: AvgPool2d) -> Sides:
    left, right = zero_pad2d(x, padding=((0, 0), (0, 1))), zero_pad2d(x, padding=((0, 0), (1, 0)))
    return pool(left)[..., :-1], pool(right)[..., 1:]


def _pooled(kind: type[AvgPool2d | MaxPool2d]) -> Callable[..., tuple[Any, ...]]:
    def image_and_pool(given: Given, image: Pair, channels: int = 1, **options: Any) -> tuple[Any, ...]:
        """X, pool."""
        return given.image(1, channels, *image), kind.from_arrays(options=options)

    return image_and_pool


def _image(given: Given, image: Pair, channels: int = 1) -> tuple[Array]:
    return (given.image(1, channels, *image),)


def _two_max_pools(
    given: Given, image: Pair, kernels: tuple[int, int], strides: tuple[int, int], padding: int = 0
) -> Any:
    """X, two square pools, and the pool that equals both: kernel k₁ + (k₂ − 1)·s₁, stride s₁·s₂."""
    first = MaxPool2d(kernels[0], strides[0], padding)
    second = MaxPool2d(kernels[1], strides[1])
    both = MaxPool2d(kernels[0] + (kernels[1] - 1) * strides[0], strides[0] * strides[1], padding)
    return given.image(1, 1, *image), first, second, both


SHIFTED = symbols.POOL | {"stride": 1, "padding": (("top", "bottom"), ("left", "left"))}
SHIFTED |= {"where": symbols.fits("H + top + bottom", "W + 2*left", dilated=False)}
POOLS = {"image": ((3, 4), (4, 3)), "channels": (1, 2), "kernel_size": (2, (1, 3)), "stride": (None, 1, (2, 1))}


@claim(
    "avg-pool-depthwise",
    source=AVG,
    arguments=_pooled(AvgPool2d),
    cases=(
        {"image": (2, 2), "kernel_size": 2},
        {"image": (5, 4), "channels": 2, "kernel_size": (2, 3), "stride": (2, 1), "padding": ((1, 0), (0, 1))},
    ),
    conditions="the padding, if there is any, counts; no ceil_mode",
    reductions=("avg_pool_as_depthwise",),
    lecture=("9",),
    vary=POOLS | {"padding": (0, 1)},
    every_shape=(symbols.POOL,),
)
def avg_pool_is_depthwise(x: Array, pool: AvgPool2d) -> Sides:
    r"""\mathrm{avg}_{k_h\times k_w}(X) = \tfrac{1}{k_h k_w} 1_{k_h\times k_w} *_{\mathrm{dw}} X"""
    return pool(x), pooling.avg_pool_as_depthwise(pool, x.shape[1], dtype=object)(x)


@claim(
    "avg-pool-conv",
    source=AVG,
    arguments=_pooled(AvgPool2d),
    cases=(
        {"image": (2, 2), "kernel_size": 2},
        {"image": (5, 4), "channels": 3, "kernel_size": (2, 3), "stride": (2, 1), "padding": ((1, 0), (0, 1))},
    ),
    conditions="the padding, if there is any, counts; no ceil_mode",
    reductions=("avg_pool_as_conv",),
    lecture=("9",),
    vary=POOLS | {"padding": (0, 1)},
    every_shape=(symbols.POOL,),
)
def avg_pool_is_conv(x: Array, pool: AvgPool2d) -> Sides:
    r"""\mathrm{avg}_{k_h\times k_w}(X)^k = \sum_c \tfrac{[k = c]}{k_h k_w} 1_{k_h\times k_w} * X^c"""
    return pool(x), pooling.avg_pool_as_conv(pool, x.shape[1], dtype=object)(x)


@claim(
    "global-avg-pool-avg-pool",
    source=AVG,
    arguments=_image,
    cases=({"image": (1, 1)}, {"image": (7, 5), "channels": 2}),
    reductions=("global_avg_pool_as_avg_pool",),
    lecture=("10",),
    vary={"image": ((1, 2), (3, 2), (4, 5)), "channels": (1, 2)},
    every_shape=(symbols.IMAGE | {"channels": "C"},),
)
def global_avg_pool_is_avg_pool(x: Array) -> Sides:
    r"""\mathrm{GAP}(X) = \mathrm{avg}_{H\times W}(X)"""
    return global_avg_pool2d(x), pooling.global_avg_pool_as_avg_pool(x.shape[2:])(x)


@claim(
    "global-avg-pool-conv",
    source=AVG,
    arguments=_image,
    cases=({"image": (1, 1)}, {"image": (7, 5), "channels": 2}),
    reductions=("global_avg_pool_as_conv",),
    lecture=("10",),
    vary={"image": ((1, 2), (3, 2), (4, 5)), "channels": (1, 2)},
    every_shape=(symbols.IMAGE | {"channels": "C"},),
)
def global_avg_pool_is_conv(x: Array) -> Sides:
    r"""
    \mathrm{GAP}(X) = \tfrac{1}{HW} \sum_{i,j} X_{ij} = F_{\mathrm{GAP}} * X,\quad
    F_{\mathrm{GAP}} = \tfrac{1}{HW} 1_{H\times W},\ \text{unpadded}
    """
    return global_avg_pool2d(x), pooling.global_avg_pool_as_conv(x.shape[1], x.shape[2:], dtype=object)(x)


@claim(
    "avg-pool-uncounted-conv",
    source="a convolution commutes with shifts, so such a pool would have to if it were one",
    arguments=_pooled(AvgPool2d),
    method="small values",
    cases=({"image": (1, 1), "kernel_size": (1, 2), "stride": 1, "padding": (0, 1), "count_include_pad": False},),
    holds=False,
    conditions="the shift moves only zeros out of the image",
    correction=r"\mathrm{avg}'(X)_{ij} = \tfrac{1}{K_{ij}} (1 * X)_{ij}, \text{ each window with its own divisor}",
    every_shape=(SHIFTED | {"channels": 1, "count_include_pad": False},),
)
def uncounted_avg_pool_commutes_with_shifts(x: Array, pool: AvgPool2d) -> Sides:
    r"""
    \mathrm{avg}'(S X) = S\,\mathrm{avg}'(X),\quad S \text{ a shift by one pixel},\
    \mathrm{avg}' \text{ does not count its padding}
    """
    return _shifted_after_and_before(x, pool)


@claim(
    "avg-pool-shifts",
    source="a convolution commutes with shifts",
    arguments=_pooled(AvgPool2d),
    cases=({"image": (2, 3), "kernel_size": (1, 2), "stride": 1, "padding": (0, 1)},),
    conditions="the shift moves only zeros out of the image; padding counts; stride 1",
    vary={"image": ((2, 3), (3, 3)), "kernel_size": ((1, 2), (2, 3)), "stride": (1,), "padding": ((0, 1), 1)},
    every_shape=(SHIFTED,),
)
def avg_pool_commutes_with_shifts(x: Array, pool: AvgPool2d) -> Sides:
    r"""\mathrm{avg}(S X) = S\,\mathrm{avg}(X),\quad S \text{ a shift by one pixel}"""
    return _shifted_after_and_before(x, pool)


@claim(
    "relu-max-pool",
    source="monotone maps commute with maxima",
    arguments=_pooled(MaxPool2d),
    method="zero-one",
    cases=(
        {"image": (1, 2), "kernel_size": (1, 2)},
        {"image": (3, 3), "kernel_size": 2, "stride": 1},
        {"image": (2, 4), "kernel_size": 2, "stride": 2, "padding": 1},
    ),
    conditions="every window contains a pixel",
    vary={"image": ((2, 3), (3, 3)), "kernel_size": (2, (1, 2)), "stride": (None, 1), "padding": (0, (0, 1))},
)
def relu_commutes_with_max_pool(x: Array, pool: MaxPool2d) -> Sides:
    r"""\mathrm{ReLU}(\max(X)) = \max(\mathrm{ReLU}(X))"""
    return relu(pool(x)), pool(relu(x))


@claim(
    "max-pools-compose",
    source="a maximum of maxima is the maximum; over max-plus this is convs-compose",
    arguments=_two_max_pools,
    method="zero-one",
    cases=(
        {"image": (1, 3), "kernels": (1, 1), "strides": (1, 2)},
        {"image": (3, 3), "kernels": (2, 2), "strides": (1, 1)},
        {"image": (3, 3), "kernels": (2, 2), "strides": (1, 2)},
        {"image": (2, 4), "kernels": (2, 2), "strides": (2, 1), "padding": 1},
    ),
    conditions=r"the second is not padded; $s_1 \le k_1$, so that no pixel is left out",
    vary={"image": ((3, 3), (2, 4)), "kernels": ((2, 1), (1, 2), (2, 2)), "strides": ((1, 1), (1, 2))},
)
def max_pools_compose(x: Array, first: MaxPool2d, second: MaxPool2d, both: MaxPool2d) -> Sides:
    r"""{\max}_{k_2,s_2}({\max}_{k_1,s_1}(X)) = {\max}_{k_1+(k_2-1)s_1,\;s_1 s_2}(X)"""
    return second(first(x)), both(x)


@claim(
    "max-pool-max-plus",
    source="F. Baccelli et al., Synchronization and Linearity (1992)",
    arguments=_pooled(MaxPool2d),
    method="zero-one",
    cases=(
        {"image": (1, 2), "kernel_size": (1, 2)},
        {"image": (3, 3), "kernel_size": 2, "stride": 1, "padding": 1},
        {"image": (2, 4), "kernel_size": 2, "stride": (1, 2), "dilation": (1, 2)},
        {"image": (2, 2), "channels": 2, "kernel_size": (2, 1), "padding": (1, 0)},
    ),
    conditions="no ceil_mode",
    reductions=("max_pool_as_max_plus_conv",),
    vary={"image": ((2, 3), (3, 3)), "kernel_size": (2, (1, 2)), "stride": (None, 1), "padding": (0, 1)},
)
def max_pool_is_max_plus_conv(x: Array, pool: MaxPool2d) -> Sides:
    r"""{\max}_{k}(X) = 0_{k} * X \text{ over } (\mathbb{R}\cup\{-\infty\},\ \max,\ +)"""
    conv = semiring.max_pool_as_max_plus_conv(pool, x.shape[1])
    return pool(x), np.frompyfunc(_payload, 1, 1)(conv(max_plus(x)))
