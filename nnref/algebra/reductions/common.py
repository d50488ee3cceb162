"""What all reductions share: conditions on layers, their geometry in pixels, and copies with changes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from ...arithmetic import rational
from ...dtypes import common_dtype, floating_dtype, working
from ...errors import DTypeError, OptionError, expect_divisor, expect_shape, refuse
from ...layer import Layer
from ...layers.conv2d import Conv2d
from ...layers.conv_transpose2d import ConvTranspose2d
from ...layers.depthwise_conv2d import DepthwiseConv2d
from ...numeric import Array
from ...options import Pair, pair, parse_padding

__all__ = [
    "NO_PADDING",
    "AnyConvolution",
    "Convolution",
    "bias_of",
    "by_group",
    "changed",
    "expect_conv",
    "expect_kind",
    "expect_one_arithmetic",
    "filled",
    "kernel_of",
    "padding_of",
    "steps_of",
    "weight_and_bias",
]

Convolution = Conv2d | DepthwiseConv2d
AnyConvolution = TypeVar("AnyConvolution", Conv2d, DepthwiseConv2d)
AnyLayer = TypeVar("AnyLayer", bound=Layer)
NO_PADDING = ((0, 0), (0, 0))


def changed(layer: AnyLayer, *, weight: Array | None = None, bias: Array | None = None, **options: Any) -> AnyLayer:
    """A copy of `layer` with other options, and with another weight or bias, converted to the dtype of the layer."""
    old = layer.params["weight"]
    arrays = {
        "weight": old if weight is None else np.asarray(weight, old.dtype),
        "bias": bias_of(layer) if bias is None else np.asarray(bias, old.dtype),
    }
    return type(layer).from_arrays(options=layer.options | options, **arrays)


def expect_conv(function: str, argument: str, conv: Any, *kinds: type[Layer]) -> None:
    """Raise an error unless `conv` is of one of the classes, and its arrays and groups fit one another."""
    expect_kind(function, argument, conv, *kinds)
    expect_one_arithmetic(function, **{argument: conv})
    weight = conv.params["weight"]
    expect_shape(function, f"{argument}.weight", weight, ("K", "C//groups", "kh", "kw"))
    groups = expect_divisor(
        function, f"{argument}.groups", conv.options.get("groups", 1), f"{len(weight)} filters", len(weight)
    )
    if "bias" in conv.params:
        outputs = groups * weight.shape[1] if isinstance(conv, ConvTranspose2d) else len(weight)
        expect_shape(function, f"{argument}.bias", conv.params["bias"], (outputs,))


def expect_one_arithmetic(function: str, **layers: Layer) -> None:
    """Raise `DTypeError` unless all parameters have one dtype and, if they are exact, elements that mix."""
    arrays = {f"{name}.{own}": array for name, layer in layers.items() for own, array in layer.params.items()}
    if not common_dtype(function, arrays).hasobject:
        return
    first, *others = ((name, array.flat[0]) for name, array in arrays.items() if array.size)
    for name, element in others:
        try:
            first[1] + element
        except TypeError:
            expected = f"of elements that mix with those of {first[0]}, {type(first[1]).__name__}"
            refuse(DTypeError, function, name, expected, type(element).__name__)


def expect_kind(function: str, argument: str, layer: Any, *kinds: type[Layer]) -> None:
    """Raise `OptionError` unless `layer` is of one of the classes; in others the weight means something else."""
    if not isinstance(layer, kinds):
        refuse(OptionError, function, argument, " or ".join(kind.__name__ for kind in kinds), type(layer).__name__)


def bias_of(layer: Layer) -> Array | None:
    """The bias, or None."""
    return layer.params.get("bias")


def weight_and_bias(layer: Layer) -> tuple[Array, Array | None]:
    """Both in the precision that layers compute in, so that half precision is rounded only once; bias may be None."""
    bias = bias_of(layer)
    return working(layer.params["weight"]), None if bias is None else working(bias)


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
    """The padding in pixels, ((top, bottom), (left, right)), if it is the same for every image.

    Raises
    ------
    OptionError : the padding is "same" with a stride, so that it depends on the size of the image.
    """
    stride, dilation, kernel = steps_of(layer, "stride"), steps_of(layer, "dilation"), kernel_of(layer)
    if layer.options["padding"] == "same" and stride != (1, 1):
        raise OptionError(
            f'{function}: padding must be in pixels, got "same" with stride {stride}, '
            "whose number of pixels depends on the image, so no single layer replaces it for all images"
        )
    extent = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    return parse_padding(function, layer.options["padding"], (extent[0], extent[1]), extent, stride)


def by_group(weight: Array, groups: int) -> Array:
    """(K,C/g,kh,kw) -> (g,K/g,C/g,kh,kw)."""
    return weight.reshape(groups, -1, *weight.shape[1:])


def filled(function: str, shape: tuple[int, ...], value: Fraction, dtype: Any) -> Array:
    """An array of `value` in `dtype`, or of exact `Rational` if `dtype` is object."""
    if dtype is object or (isinstance(dtype, np.dtype) and dtype.hasobject):
        return np.full(shape, rational(value), object)
    return np.full(shape, float(value), floating_dtype(function, dtype))
