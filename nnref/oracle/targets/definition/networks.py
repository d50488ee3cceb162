r"""A network, layer by layer: every layer runs its own loops, and no layers are merged.

    Sequential:  y = f_n(... f_1(x))
    Sum:         y = f_1(x) + ... + f_n(x), added from the left

The network is read by the names of its layers, their arrays and their options.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from .activations import relu, sigmoid, tanh
from .batch_norm import batch_norm2d
from .convolution import conv2d, conv_transpose2d, depthwise_conv2d
from .elements import over_elements
from .head import flatten, linear, zero_pad2d
from .pooling import avg_pool2d, global_avg_pool2d, max_pool2d

Array = NDArray[Any]

FUNCTIONS: dict[str, Callable[..., Array]] = {
    "AvgPool2d": avg_pool2d,
    "Conv2d": conv2d,
    "ConvTranspose2d": conv_transpose2d,
    "DepthwiseConv2d": depthwise_conv2d,
    "Flatten": flatten,
    "GlobalAvgPool2d": global_avg_pool2d,
    "Linear": linear,
    "MaxPool2d": max_pool2d,
    "ReLU": relu,
    "Sigmoid": sigmoid,
    "Tanh": tanh,
    "ZeroPad2d": zero_pad2d,
}


def network(net: Any, x: Array) -> Array:
    """The result of the network in evaluation mode; the options of its layers are in canonical form."""
    kind, params = type(net).__name__, net.params
    if kind == "Sequential":
        y = x.copy()
        for layer in net:
            y = network(layer, y)
        return y
    if kind == "Sum":
        first, *others = [network(branch, x) for branch in net]
        for y in others:
            first = _added(first, y)
        return first
    if kind == "BatchNorm2d":
        statistics = net.buffers["running_mean"], net.buffers["running_var"]
        return batch_norm2d(x, params["weight"], params["bias"], *statistics, eps=net.options["eps"])
    arrays = (params["weight"], params.get("bias")) if "weight" in params else ()
    return FUNCTIONS[kind](x, *arrays, **net.options)


@over_elements
def _added(a: Array, b: Array) -> Array:
    """y[i] = a[i] + b[i]."""
    return a + b
