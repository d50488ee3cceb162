"""Every reduction on random shapes, options and rational numbers: the reduced layer gives exactly the same result."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    DepthwiseConv2d,
    GlobalAvgPool2d,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sum,
    ZeroPad2d,
    flatten,
    zero_pad2d,
)
from nnref import algebra as a
from nnref.arithmetic import max_plus, rational, rationals

Sides = tuple[Any, Any]
QUARTER = rational("1/4")


class Draw:
    """Draws geometry with hypothesis, which can shrink it, and numbers from a seed."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self._random = np.random.default_rng(self.integer(0, 99))

    def of(self, *values: Any) -> Any:
        return self._data.draw(st.sampled_from(values))

    def integer(self, least: int, most: int) -> int:
        return self._data.draw(st.integers(least, most))

    def numbers(self, *shape: int) -> Any:
        return rationals(self._random.integers(-9, 10, shape)) / 4

    def geometry(self, *, padded: bool = True, dilated: bool = True) -> dict[str, Any]:
        pads = tuple((self.integer(0, 2), self.integer(0, 2)) for _ in "hw") if padded else 0
        options = {"stride": (self.integer(1, 3), self.integer(1, 3)), "padding": pads}
        return options | ({"dilation": (self.integer(1, 2), self.integer(1, 2))} if dilated else {})

    def kernel(self) -> tuple[int, int]:
        return self.integer(1, 3), self.integer(1, 3)

    def image(self, channels: int, least: int = 5) -> Any:
        size = self.integer(least, least + 3), self.integer(least, least + 3)
        return self.numbers(self.integer(1, 2), channels, *size)

    def conv(self, inputs: int, outputs: int, groups: int = 1, kernel: Any = None, **options: Any) -> Conv2d:
        weight = self.numbers(outputs, inputs // groups, *(kernel or self.kernel()))
        bias = self.of(None, self.numbers(outputs))
        return Conv2d.from_arrays(weight=weight, bias=bias, options=options | {"groups": groups})

    def depthwise(self, filters: int, **options: Any) -> DepthwiseConv2d:
        weight = self.numbers(filters, 1, *self.kernel())
        return DepthwiseConv2d.from_arrays(weight=weight, bias=self.of(None, self.numbers(filters)), options=options)

    def batch_norm(self, channels: int) -> BatchNorm2d:
        std = rationals(self._random.integers(1, 9, channels)) / 2
        gamma, beta, mean = self.numbers(3, channels)
        arrays = {"weight": gamma + 5, "bias": beta, "running_mean": mean, "running_var": std * std - QUARTER}
        return BatchNorm2d.from_arrays(**arrays, options={"eps": QUARTER}).eval()


def batch_norm_as_depthwise(d: Draw) -> Sides:
    channels = d.integer(1, 4)
    x, bn = d.image(channels, 1), d.batch_norm(channels)
    return bn(x), a.batch_norm_as_depthwise(bn)(x)


def fuse_conv_batch_norm(d: Draw) -> Sides:
    groups = d.integer(1, 2)
    conv, bn = d.conv(2 * groups, 2 * groups, groups, **d.geometry()), d.batch_norm(2 * groups)
    x = d.image(2 * groups)
    return bn(conv(x)), a.fuse_conv_batch_norm(conv, bn)(x)


def fuse_depthwise_batch_norm(d: Draw) -> Sides:
    channels, multiplier = d.integer(1, 3), d.integer(1, 2)
    conv, bn = d.depthwise(channels * multiplier, **d.geometry()), d.batch_norm(channels * multiplier)
    x = d.image(channels)
    return bn(conv(x)), a.fuse_conv_batch_norm(conv, bn)(x)


def fuse_conv_transpose_batch_norm(d: Draw) -> Sides:
    groups, outputs = d.integer(1, 2), d.integer(1, 2)
    weight, bias = d.numbers(2 * groups, outputs, *d.kernel()), d.of(None, d.numbers(outputs * groups))
    conv = ConvTranspose2d.from_arrays(weight=weight, bias=bias, options={"stride": d.integer(1, 3), "groups": groups})
    x, bn = d.image(2 * groups, 1), d.batch_norm(outputs * groups)
    return bn(conv(x)), a.fuse_conv_transpose_batch_norm(conv, bn)(x)


def fuse_batch_norm_conv(d: Draw) -> Sides:
    groups = d.integer(1, 2)
    bn, conv = d.batch_norm(2 * groups), d.conv(2 * groups, 2 * groups, groups, **d.geometry(padded=False))
    x = d.image(2 * groups)
    return conv(bn(x)), a.fuse_batch_norm_conv(bn, conv)(x)


def fuse_batch_norms(d: Draw) -> Sides:
    channels = d.integer(1, 4)
    x, first, second = d.image(channels, 1), d.batch_norm(channels), d.batch_norm(channels)
    return second(first(x)), a.fuse_batch_norms(first, second)(x)


def fuse_batch_norm_depthwise(d: Draw) -> Sides:
    channels, multiplier = d.integer(1, 3), d.integer(1, 2)
    bn, conv = d.batch_norm(channels), d.depthwise(channels * multiplier, **d.geometry(padded=False))
    x = d.image(channels)
    return conv(bn(x)), a.fuse_batch_norm_conv(bn, conv)(x)


def fuse_centred_batch_norm_padded_conv(d: Draw) -> Sides:
    bn, conv = d.batch_norm(2), d.conv(2, 3, **d.geometry())
    bn.params["bias"][...] = bn.buffers["running_mean"] * a.batch_norm_as_depthwise(bn).params["weight"][:, 0, 0, 0]
    x = d.image(2)  # g = 0: padding commutes with the batch norm
    return conv(bn(x)), a.fuse_batch_norm_conv(bn, conv)(x)


def padding_before_batch_norm(d: Draw) -> Sides:
    x, bn = d.image(2, 1), d.batch_norm(2)
    pre_image = a.padding_before_batch_norm(bn)[:, None, None]
    return bn(zero_pad2d(x - pre_image, padding=1) + pre_image), zero_pad2d(bn(x), padding=1)


def fuse_pad_conv(d: Draw) -> Sides:
    pad, conv, x = ZeroPad2d(d.geometry()["padding"]), d.conv(2, 2, **d.geometry()), d.image(2)
    return conv(pad(x)), a.fuse_pad_conv(pad, conv)(x)


def fuse_pad_avg_pool(d: Draw) -> Sides:
    ceil_mode = d.of(False, True)
    pads = ((d.integer(0, 2), 0), (d.integer(0, 2), 0)) if ceil_mode else d.geometry()["padding"]
    pool = AvgPool2d(d.kernel(), **d.geometry(dilated=False), ceil_mode=ceil_mode)
    pad, x = ZeroPad2d(pads), d.image(2, 4)
    return pool(pad(x)), a.fuse_pad_avg_pool(pad, pool)(x)


def compose_convs(d: Draw) -> Sides:
    first = d.conv(2, 4, d.integer(1, 2), **d.geometry())
    second = d.conv(4, 2, d.integer(1, 2), **d.geometry(padded=False))
    x = d.image(2, 17)
    return second(first(x)), a.compose_convs(first, second)(x)


def compose_pointwise_and_padded(d: Draw) -> Sides:
    options = {"stride": d.integer(1, 2)}
    first = Conv2d.from_arrays(weight=d.numbers(2, 2, 1, 1), options=options)  # without bias: zeros stay zeros
    second, x = d.conv(2, 2, **d.geometry()), d.image(2, 10)
    return second(first(x)), a.compose_convs(first, second)(x)


def compose_depthwise(d: Draw) -> Sides:
    first, second = d.depthwise(2, **d.geometry()), d.depthwise(4, stride=d.integer(1, 2))
    x = d.image(2, 11)
    return second(first(x)), a.compose_convs(first, second)(x)


def depthwise_as_conv(d: Draw) -> Sides:
    channels, multiplier = d.integer(1, 3), d.integer(1, 2)
    conv, x = d.depthwise(channels * multiplier, **d.geometry()), d.image(channels)
    return conv(x), a.depthwise_as_conv(conv, channels)(x)


def grouped_as_dense(d: Draw) -> Sides:
    groups = d.integer(1, 3)
    conv, x = d.conv(2 * groups, groups, groups, **d.geometry()), d.image(2 * groups)
    return conv(x), a.grouped_as_dense(conv)(x)


def avg_pool_as_depthwise(d: Draw) -> Sides:
    channels, pool = d.integer(1, 3), AvgPool2d(d.kernel(), **d.geometry(dilated=False))
    x = d.image(channels, 3)
    return pool(x), a.avg_pool_as_depthwise(pool, channels, dtype=object)(x)


def avg_pool_as_conv(d: Draw) -> Sides:
    channels, pool = d.integer(1, 3), AvgPool2d(d.kernel(), **d.geometry(dilated=False))
    x = d.image(channels, 3)
    return pool(x), a.avg_pool_as_conv(pool, channels, dtype=object)(x)


def global_avg_pool_as_avg_pool(d: Draw) -> Sides:
    x = d.image(2, 1)
    return GlobalAvgPool2d()(x), a.global_avg_pool_as_avg_pool(x.shape[2:])(x)


def global_avg_pool_as_conv(d: Draw) -> Sides:
    x = d.image(2, 1)
    return GlobalAvgPool2d()(x), a.global_avg_pool_as_conv(2, x.shape[2:], dtype=object)(x)


def linear_as_conv(d: Draw) -> Sides:
    x = d.image(2, 1)
    linear = Linear.from_arrays(weight=d.numbers(3, x[0].size), bias=d.of(None, d.numbers(3)))
    return linear(flatten(x)), flatten(a.linear_as_conv(linear, x.shape[2:])(x))


def conv_as_linear(d: Draw) -> Sides:
    groups = d.integer(1, 2)
    conv, x = d.conv(2 * groups, 2, groups, **d.geometry()), d.image(2 * groups)
    return flatten(conv(x)), a.conv_as_linear(conv, x.shape[2:])(flatten(x))


def conv_transpose_as_adjoint(d: Draw) -> Sides:
    groups = d.integer(1, 2)
    options = {"stride": d.integer(1, 3), "dilation": d.integer(1, 2), "groups": groups}
    conv = ConvTranspose2d.from_arrays(weight=d.numbers(2 * groups, 1, *d.kernel()), options=options)
    x = d.image(2 * groups, 1)
    y = conv(x)
    z = d.numbers(*y.shape)
    return np.sum(x * a.conv_transpose_as_adjoint(conv)(z)), np.sum(y * z)


def identity_as_conv(d: Draw) -> Sides:
    groups = d.integer(1, 2)
    x = d.image(2 * groups, 1)
    return x, a.identity_as_conv(2 * groups, (d.of(1, 3), d.of(1, 5)), groups=groups, dtype=object)(x)


def sum_of_convs(d: Draw) -> Sides:
    stride, dilation = d.integer(1, 2), d.integer(1, 2)
    sizes = [(1, 0), (3, dilation), (5, 2 * dilation)]  # (kernel, padding) that give outputs of one size
    convs = [
        d.conv(2, 2, d.integer(1, 2), kernel=(k, 1), padding=(p, 0), stride=stride, dilation=dilation)
        for k, p in (d.of(*sizes) for _ in range(d.integer(1, 3)))
    ]
    x = d.image(2)
    return Sum(*convs)(x), a.sum_of_convs(*convs)(x)


def reparameterize(d: Draw) -> Sides:
    groups = d.integer(1, 2)
    three = Sequential(d.conv(4, 4, groups, (3, 3), padding=1), d.batch_norm(4))
    branches = [three, Sequential(d.conv(4, 4, 1, (1, 1)), d.batch_norm(4)), d.batch_norm(4), Sequential()]
    two_in_one = Sequential(d.conv(4, 2, 1, (3, 1), padding=(1, 0)), d.conv(2, 4, 1, (1, 1)))
    block = Sum(*branches[: d.integer(1, 4)], two_in_one).eval()
    x = d.image(4, 2)
    return block(x), a.reparameterize(block)(x)


def max_pool_as_max_plus_conv(d: Draw) -> Sides:
    channels, pool = d.integer(1, 3), MaxPool2d(d.kernel(), **d.geometry())
    x = d.image(channels, 5)
    return max_plus(pool(x)), a.max_pool_as_max_plus_conv(pool, channels)(max_plus(x))


def exchange(d: Draw) -> Sides:
    bn, kernel = d.batch_norm(2), d.kernel()
    bn.params["weight"] = abs(bn.params["weight"]) + 1
    stride = d.integer(1, 2)
    pool = d.of(AvgPool2d(kernel, stride), MaxPool2d(kernel, stride), GlobalAvgPool2d())
    pair = d.of((bn, pool), (pool, bn), (ZeroPad2d(d.geometry()["padding"]), ReLU()))
    x = d.image(2, 3)
    return Sequential(*pair)(x), Sequential(*a.exchange(*pair))(x)


def fuse_pads(d: Draw) -> Sides:
    first, second = (ZeroPad2d(d.geometry()["padding"]) for _ in range(2))
    x = d.image(1, 1)
    return second(first(x)), a.fuse_pads(first, second)(x)


def compose_max_pools(d: Draw) -> Sides:
    kernel, stride = d.of(((2, 3), (1, 2)), ((1, 2), (1, 2)), ((3, 1), (2, 1)))
    first = MaxPool2d(kernel, stride, d.of(0, 1))
    second = MaxPool2d(d.kernel(), (d.integer(1, 2), d.integer(1, 2)))
    x = d.image(1, 9)
    return second(first(x)), a.compose_max_pools(first, second)(x)


def compose_linears(d: Draw) -> Sides:
    first = Linear.from_arrays(weight=d.numbers(3, 2), bias=d.of(None, d.numbers(3)))
    second = Linear.from_arrays(weight=d.numbers(4, 3), bias=d.of(None, d.numbers(4)))
    x = d.numbers(d.integer(1, 3), 2)
    return second(first(x)), a.compose_linears(first, second)(x)


def fuse_batch_norm_linear(d: Draw) -> Sides:
    x, bn = d.image(2, 1), d.batch_norm(2)
    linear = Linear.from_arrays(weight=d.numbers(3, x[0].size), bias=d.of(None, d.numbers(3)))
    return linear(flatten(bn(x))), a.fuse_batch_norm_linear(bn, linear)(flatten(x))


def sum_of_depthwise(d: Draw) -> Sides:
    options = {"padding": "same", "dilation": d.integer(1, 2)}
    channels, multiplier = d.integer(1, 2), d.integer(1, 2)
    convs = [d.depthwise(channels * multiplier, **options) for _ in range(d.integer(1, 3))]
    x = d.image(channels)
    return Sum(*convs)(x), a.sum_of_depthwise(*convs)(x)


REDUCTIONS: tuple[Callable[[Draw], Sides], ...] = (
    batch_norm_as_depthwise,
    fuse_conv_batch_norm,
    fuse_depthwise_batch_norm,
    fuse_conv_transpose_batch_norm,
    fuse_batch_norm_conv,
    fuse_batch_norm_depthwise,
    fuse_batch_norms,
    fuse_centred_batch_norm_padded_conv,
    padding_before_batch_norm,
    fuse_pad_conv,
    fuse_pad_avg_pool,
    compose_convs,
    compose_pointwise_and_padded,
    compose_depthwise,
    depthwise_as_conv,
    grouped_as_dense,
    avg_pool_as_depthwise,
    avg_pool_as_conv,
    global_avg_pool_as_avg_pool,
    global_avg_pool_as_conv,
    linear_as_conv,
    conv_as_linear,
    conv_transpose_as_adjoint,
    identity_as_conv,
    sum_of_convs,
    reparameterize,
    max_pool_as_max_plus_conv,
    exchange,
    fuse_pads,
    compose_max_pools,
    compose_linears,
    fuse_batch_norm_linear,
    sum_of_depthwise,
)


@pytest.mark.parametrize("reduction", REDUCTIONS, ids=lambda reduction: reduction.__name__)
@given(data=st.data())
def test_reduced_layer_gives_exactly_the_same(reduction: Callable[[Draw], Sides], data: st.DataObject) -> None:
    left, right = reduction(Draw(data))
    assert np.shape(left) == np.shape(right)
    assert np.all(left == right)


def test_every_reduction_is_drawn() -> None:
    public = {name for name in a.__all__ if callable(getattr(a, name)) and hasattr(a.reductions, name)}
    assert public <= {reduction.__name__ for reduction in REDUCTIONS}
