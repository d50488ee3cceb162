"""What all reductions need of a layer: its geometry in pixels, and a copy of it with something changed."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from ...arithmetic import rational
from ...errors import OptionError, refuse
from ...layer import Layer
from ...layers.conv2d import Conv2d
from ...layers.depthwise_conv2d import DepthwiseConv2d
from ...numeric import Array
from ...windows import Pair, pair, parse_padding

__all__ = [
    "NO_PADDING",
    "AnyConvolution",
    "Convolution",
    "bias_of",
    "by_group",
    "changed",
    "expect_kind",
    "kernel_of",
    "number",
    "padding_of",
    "steps_of",
]

Convolution = Conv2d | DepthwiseConv2d
AnyConvolution = TypeVar("AnyConvolution", Conv2d, DepthwiseConv2d)
AnyLayer = TypeVar("AnyLayer", bound=Layer)
NO_PADDING = ((0, 0), (0, 0))


def changed(layer: AnyLayer, *, weight: Array | None = None, bias: Array | None = None, **options: Any) -> AnyLayer:
    """A new layer of the same class, with these arrays and options and otherwise those of `layer`."""
    arrays = {
        "weight": layer.params["weight"] if weight is None else weight,
        "bias": bias_of(layer) if bias is None else bias,
    }
    return type(layer).from_arrays(options=layer.options | options, **arrays)


def expect_kind(function: str, argument: str, layer: Any, *kinds: type[Layer]) -> None:
    """Raise `OptionError` unless `layer` is of one of these classes; in others a weight means something else."""
    if not isinstance(layer, kinds):
        refuse(OptionError, function, argument, " or ".join(kind.__name__ for kind in kinds), type(layer).__name__)


def bias_of(layer: Layer) -> Array | None:
    """The bias, or None."""
    return layer.params.get("bias")


def kernel_of(layer: Layer) -> Pair:
    """Rows and columns of the kernel."""
    if "kernel_size" in layer.options:
        return pair(type(layer).__name__, "kernel_size", layer.options["kernel_size"], least=1)
    rows, columns = layer.params["weight"].shape[2:]
    return rows, columns


def steps_of(layer: Layer, option: str) -> Pair:
    """The stride or the dilation as (vertical, horizontal)."""
    value = layer.options.get(option, 1)
    return kernel_of(layer) if value is None else pair(type(layer).__name__, option, value, least=1)


def padding_of(function: str, layer: Layer) -> tuple[Pair, Pair]:
    """The padding in pixels, ((top, bottom), (left, right)), where it is the same for every image.

    Raises
    ------
    OptionError : the padding is "same" with a stride, which depends on the size of the image.
    """
    stride, dilation, kernel = steps_of(layer, "stride"), steps_of(layer, "dilation"), kernel_of(layer)
    if layer.options["padding"] == "same" and stride != (1, 1):
        raise OptionError(
            f'{function}: padding must be in pixels, got "same" with stride {stride}, '
            "whose number of pixels depends on the image, so that no one layer replaces it for all images"
        )
    extent = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    return parse_padding(function, layer.options["padding"], (extent[0], extent[1]), extent, stride)


def by_group(weight: Array, groups: int) -> Array:
    """(K,C/g,kh,kw) -> (g,K/g,C/g,kh,kw)."""
    return weight.reshape(groups, -1, *weight.shape[1:])


def number(value: Fraction, dtype: Any) -> Any:
    """`value` as an element of `dtype`; exact, a `Rational`, where that is object."""
    return rational(value) if np.dtype(dtype) == object else np.dtype(dtype).type(float(value))
