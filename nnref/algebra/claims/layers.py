"""The arguments of laws: the image and the layers that a case describes, filled by the method."""

from __future__ import annotations

from typing import Any

from ...layers.batch_norm2d import BatchNorm2d
from ...layers.conv2d import Conv2d
from ...layers.conv_transpose2d import ConvTranspose2d
from ...layers.depthwise_conv2d import DepthwiseConv2d
from ...layers.zero_pad2d import ZeroPad2d
from ...numeric import Array
from ...options import Pair
from ..given import Given

__all__ = [
    "batch_norm",
    "batch_norm_then_conv",
    "conv",
    "conv_then_batch_norm",
    "conv_transpose_then_batch_norm",
    "depthwise",
    "depthwise_then_batch_norm",
    "pad_then_conv",
    "two_batch_norms",
    "two_convs",
]


def batch_norm(given: Given, image: Pair = (1, 1), channels: int = 1) -> tuple[Array, BatchNorm2d]:
    """X, batch norm."""
    return given.image(1, channels, *image), given.batch_norm(channels)


def conv(
    given: Given, image: Pair = (1, 1), channels: int = 1, filters: int = 1, kernel: Pair = (1, 1), **o: Any
) -> tuple[Array, Conv2d]:
    """X, convolution."""
    return given.image(1, channels, *image), given.conv(channels, filters, kernel, **o)


def depthwise(
    given: Given, image: Pair = (1, 1), channels: int = 1, multiplier: int = 1, kernel: Pair = (1, 1), **o: Any
) -> tuple[Array, DepthwiseConv2d]:
    """X, depthwise convolution."""
    return given.image(1, channels, *image), given.depthwise(channels * multiplier, kernel, **o)


def two_batch_norms(given: Given, image: Pair = (1, 1), channels: int = 1) -> tuple[Array, BatchNorm2d, BatchNorm2d]:
    """X and two batch norms, each with its own ε."""
    first, second = given.batch_norm(channels, tag="₁"), given.batch_norm(channels, tag="₂", eps=2.0**-7)
    return given.image(1, channels, *image), first, second


def conv_then_batch_norm(given: Given, filters: int = 1, **case: Any) -> tuple[Array, Conv2d, BatchNorm2d]:
    """X, convolution, batch norm of its outputs."""
    return *conv(given, filters=filters, **case), given.batch_norm(filters)


def depthwise_then_batch_norm(
    given: Given, channels: int = 1, multiplier: int = 1, **case: Any
) -> tuple[Array, DepthwiseConv2d, BatchNorm2d]:
    """X, depthwise convolution, batch norm of its outputs."""
    layers = depthwise(given, channels=channels, multiplier=multiplier, **case)
    return *layers, given.batch_norm(channels * multiplier)


def conv_transpose_then_batch_norm(
    given: Given, image: Pair = (1, 1), channels: int = 1, outputs: int = 1, kernel: Pair = (1, 1), **o: Any
) -> tuple[Array, ConvTranspose2d, BatchNorm2d]:
    """X, transposed convolution, batch norm of its outputs."""
    transpose = given.conv_transpose(channels, outputs, kernel, **o)
    return given.image(1, channels, *image), transpose, given.batch_norm(outputs)


def batch_norm_then_conv(given: Given, channels: int = 1, **case: Any) -> tuple[Array, BatchNorm2d, Conv2d]:
    """X, batch norm, convolution."""
    x, convolution = conv(given, channels=channels, **case)
    return x, given.batch_norm(channels), convolution


def pad_then_conv(given: Given, pad: Any = 1, **case: Any) -> tuple[Array, ZeroPad2d, Conv2d]:
    """X, explicit padding, convolution."""
    x, convolution = conv(given, **case)
    return x, ZeroPad2d(pad), convolution


def two_convs(
    given: Given,
    image: Pair = (1, 1),
    channels: tuple[int, int, int] = (1, 1, 1),
    kernels: tuple[Pair, Pair] = ((1, 1), (1, 1)),
    biases: tuple[bool, bool] = (True, True),
    first: dict[str, Any] | None = None,
    second: dict[str, Any] | None = None,
) -> tuple[Array, Conv2d, Conv2d]:
    """X and two convolutions in a row; `channels` are those before, between and after them."""
    before, between, after = channels
    one = given.conv(before, between, kernels[0], bias=biases[0], tag="₁", **first or {})
    two = given.conv(between, after, kernels[1], bias=biases[1], tag="₂", **second or {})
    return given.image(1, before, *image), one, two
