"""Networks as cases: every layer is a code, from which the network follows.

A case of the operation `network` has at most `DEPTH` layers. The code of a layer is its position in `KINDS`, counted
from 1; 0 stands for no layer. Simple layers have small codes, so that a failing network shrinks to few and simple
layers. The channels or features of a layer follow from its input. `plan` lists the layers as plain data, for programs
that do not know nnref. `assembled` builds the network from that list.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import nnref
from nnref import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    DepthwiseConv2d,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    Sum,
    Tanh,
    ZeroPad2d,
)

from ...errors import ShapeError, refuse
from ...numeric import Array

__all__ = ["CODES", "DEPTH", "KINDS", "Plan", "assembled", "plan"]

Shape = tuple[int, ...]

DEPTH = 8
LARGEST = 1 << 14  # numbers in an array of one sample, because exact arithmetic is slow
NONE, ONE = ((0, 0), (0, 0)), ((1, 1), (1, 1))
STATE = ("num_batches_tracked",)  # which evaluation does not use


def _conv(inputs: int, outputs: int, kernel: Any, *, bias: bool = False, **options: Any) -> Conv2d:
    canonical: dict[str, Any] = {"stride": (1, 1), "padding": NONE, "dilation": (1, 1), "groups": 1}
    return Conv2d(inputs, outputs, kernel, bias=bias, **canonical | options)


def _residual(channels: int) -> Sum:
    """x + relu(bn(conv(x)))."""
    return Sum(Sequential(), Sequential(_conv(channels, channels, 1), BatchNorm2d(channels), ReLU()))


def _rep_vgg(channels: int) -> Sum:
    """The block that RepVGG trains: a 3×3 convolution, a 1×1 convolution and the identity, each with a batch norm."""
    three = Sequential(_conv(channels, channels, 3, padding=ONE), BatchNorm2d(channels))
    return Sum(
        three, Sequential(_conv(channels, channels, 1), BatchNorm2d(channels)), Sequential(BatchNorm2d(channels))
    )


def _up(channels: int) -> ConvTranspose2d:
    options: dict[str, Any] = {
        "stride": (2, 2),
        "padding": NONE,
        "output_padding": (0, 0),
        "dilation": (1, 1),
        "groups": 1,
    }
    return ConvTranspose2d(channels, channels + 1, 2, **options)


def _max_pool(kernel: int, stride: int, padding: Any) -> MaxPool2d:
    return MaxPool2d((kernel, kernel), (stride, stride), padding, (1, 1), False)


def _avg_pool(kernel: int, stride: int, padding: Any, count_include_pad: bool) -> AvgPool2d:
    return AvgPool2d((kernel, kernel), (stride, stride), padding, False, count_include_pad)


# name -> function from the number of input channels (or features) to the layer; its parameters do not matter
KINDS: dict[str, Callable[[int], Layer]] = {
    "relu": lambda c: ReLU(),
    "batch-norm": BatchNorm2d,
    "conv1x1": lambda c: _conv(c, c, 1, bias=True),
    "pad": lambda c: ZeroPad2d(((0, 1), (1, 0))),
    "conv-causal": lambda c: _conv(c, c, (1, 2), padding=((0, 0), (1, 0))),
    "max-pool": lambda c: _max_pool(2, 1, NONE),
    "avg-pool": lambda c: _avg_pool(2, 2, NONE, True),
    "residual": _residual,
    "conv3x3": lambda c: _conv(c, c + 1, 3, padding=ONE),
    "depthwise": lambda c: DepthwiseConv2d(c, 3, stride=(1, 1), padding=ONE, dilation=(1, 1), bias=False),
    "conv-strided": lambda c: _conv(c, c + 1, 2, stride=(2, 1), bias=True),
    "conv-grouped": lambda c: _conv(c, 2 * c, (2, 1), groups=c, dilation=(2, 1), bias=True),
    "conv-transposed": _up,
    "rep-vgg": _rep_vgg,
    "max-pool-padded": lambda c: _max_pool(3, 2, ONE),
    "avg-pool-padded": lambda c: _avg_pool(3, 2, ONE, True),
    "avg-pool-uncounted": lambda c: _avg_pool(3, 1, ONE, False),
    "sigmoid": lambda c: Sigmoid(),
    "tanh": lambda c: Tanh(),
    "global-avg-pool": lambda c: GlobalAvgPool2d(),
    "flatten": lambda c: Flatten(),
    "linear": lambda c: Linear(c, 3),
}
CODES = {name: code for code, name in enumerate(KINDS, start=1)}
# layers with a weight for each pair of channels
PAIRS = {"conv1x1", "conv-causal", "residual", "conv3x3", "conv-strided", "conv-transposed", "rep-vgg"}


@dataclass(frozen=True)
class Plan:
    """A network without its parameters.

    Attributes
    ----------
    layers : the layers in order, each a dict of its class name and its options; a Sum has `branches`, each such a list
    shapes : array name, as in `state_dict` -> shape
    output : shape of the result of a single sample
    """

    layers: tuple[dict[str, Any], ...]
    shapes: dict[str, Shape]
    output: Shape


@functools.lru_cache(1 << 12)
def plan(codes: tuple[int, ...], channels: int, height: int, width: int) -> Plan:
    """The plan of a network of these codes on images of this size.

    Raises
    ------
    ShapeError : a layer does not accept its input, a code is unknown, or an array is too large.

    >>> found = plan((CODES["conv1x1"], 0, CODES["relu"]), 2, 5, 5)
    >>> found.layers[1], found.shapes, found.output
    ({'layer': 'ReLU'}, {'0.weight': (2, 2, 1, 1), '0.bias': (2,)}, (1, 2, 5, 5))
    """
    kinds, layers = list(KINDS), []
    _expect_small(codes, channels * height * width)
    x = np.zeros((1, channels, height, width), np.float32)
    for code in filter(None, codes):
        if code > len(kinds):
            refuse(ShapeError, "plan", "codes", f"at most {len(kinds)}", code)
        name, features = kinds[code - 1], x.shape[1]
        _expect_small(codes, features**2 if name in PAIRS else features)  # before such arrays are made
        layers.append(KINDS[name](features).eval())
        with np.errstate(all="ignore"):
            x = layers[-1](x)
        _expect_small(codes, *(array.size for array in (x, *layers[-1].params.values())))
    net = Sequential(*layers)
    shapes = {name: array.shape for name, array in net.state_dict().items() if not name.endswith(STATE)}
    return Plan(tuple(map(_described, layers)), shapes, x.shape)


def _expect_small(codes: tuple[int, ...], *sizes: int) -> None:
    if max(sizes) > LARGEST:
        refuse(ShapeError, "plan", "codes", f"a network of arrays of at most {LARGEST} numbers", codes)


def _described(layer: Layer) -> dict[str, Any]:
    """A layer as data. The eps of a batch norm is left out, because it is an option of the whole network."""
    if isinstance(layer, Sum):
        return {"layer": "Sum", "branches": tuple(tuple(map(_described, branch)) for branch in layer)}  # type: ignore[call-overload]
    options = {} if isinstance(layer, BatchNorm2d) else layer.options
    return {"layer": type(layer).__name__, **options}


def assembled(arrays: Mapping[str, Array | None], *, layers: Any, eps: Any) -> tuple[Sequential, Array]:
    """The network in evaluation mode and its input `x`, made from arrays by name and from layers as in `Plan`."""
    x = arrays["x"]
    assert x is not None
    return _assembled(arrays, layers, eps, "").eval(), x


def _assembled(arrays: Mapping[str, Array | None], layers: Any, eps: Any, prefix: str) -> Sequential:
    return Sequential(*(_layer(arrays, dict(d), eps, f"{prefix}{i}.") for i, d in enumerate(layers)))


def _layer(arrays: Mapping[str, Array | None], description: dict[str, Any], eps: Any, prefix: str) -> Layer:
    name = description.pop("layer")
    if name == "Sum":
        return Sum(*(_assembled(arrays, b, eps, f"{prefix}{i}.") for i, b in enumerate(description["branches"])))
    kind: type[Layer] = getattr(nnref, name)
    own = {n: arrays.get(prefix + n) for n in (*kind.parameter_names, *kind.buffer_names)}
    layer = kind.from_arrays(**own, options=description | ({"eps": eps} if kind is BatchNorm2d else {}))
    for held in (layer.params, layer.buffers):  # not copies, which would lose the memory layout and hide writes
        held.update({name: array for name in held if (array := own[name]) is not None})
    return layer
