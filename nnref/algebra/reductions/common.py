"""What all reductions share: conditions on layers, their geometry in pixels, and copies with changes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

from ...arithmetic import rational
from ...dtypes import HALF_PRECISION, common_dtype, floating_dtype, working
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
    "is_a",
    "kernel_of",
    "narrowed",
    "padding_of",
    "rounded",
    "steps_of",
    "weight_and_bias",
    "widened",
]

Convolution = Conv2d | DepthwiseConv2d
AnyConvolution = TypeVar("AnyConvolution", Conv2d, DepthwiseConv2d)
AnyLayer = TypeVar("AnyLayer", bound=Layer)
NO_PADDING = ((0, 0), (0, 0))


COMPUTING = ("forward", "__call__", "forward_fn", "_bound")  # what decides what a layer computes


def is_a(layer: Any, *kinds: type[Layer]) -> bool:
    """Whether a layer computes what one of the classes does: a subclass with a forward of its own does not.

    >>> class Doubled(Conv2d):
    ...     def forward(self, x):
    ...         return 2 * super().forward(x)
    >>> is_a(Conv2d(1, 1, 1), Conv2d), is_a(Doubled(1, 1, 1), Conv2d)
    (True, False)
    """
    return any(isinstance(layer, kind) and _computes_like(layer, kind) for kind in kinds)


def _computes_like(layer: Layer, kind: type[Layer]) -> bool:
    own, given = type(layer), vars(layer)
    return all(name not in given and getattr(own, name, None) is getattr(kind, name, None) for name in COMPUTING)


def rounded(argument: str, array: Any, dtype: np.dtype[Any]) -> Array:
    """An array in the dtype of a new layer.

    Raises
    ------
    OptionError : a finite value is too large for the dtype, as float16 has none above 65504.
    """
    if dtype.name not in HALF_PRECISION:
        return np.asarray(array, dtype)
    with np.errstate(over="ignore"):
        result = np.asarray(array, dtype)
    if (lost := np.isfinite(np.asarray(array, np.float32)) & ~np.isfinite(np.asarray(result, np.float32))).any():
        largest = np.abs(np.asarray(array)[lost]).max()
        refuse(OptionError, "reduction", argument, f"within the range of {dtype.name}", f"a value of size {largest}")
    return result


def changed(layer: AnyLayer, *, weight: Array | None = None, bias: Array | None = None, **options: Any) -> AnyLayer:
    """A copy of `layer` with other options, and with another weight or bias, converted to the dtype of the layer."""
    old = layer.params["weight"]
    arrays = {
        "weight": old if weight is None else rounded("weight", weight, old.dtype),
        "bias": bias_of(layer) if bias is None else rounded("bias", bias, old.dtype),
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
    """Raise `OptionError` unless `layer` computes what one of the classes does; in others a weight means otherwise."""
    if not is_a(layer, *kinds):
        own = " with a forward of its own" if isinstance(layer, kinds) else ""
        names = " or ".join(kind.__name__ for kind in kinds)
        refuse(OptionError, function, argument, names, f"{type(layer).__name__}{own}")


def widened(layer: AnyLayer) -> AnyLayer:
    """A copy of a layer in the precision that layers compute in, so that several steps are rounded once, at the end."""
    arrays = {name: working(array) for name, array in (layer.params | layer.buffers).items()}
    return type(layer).from_arrays(options=layer.options, **arrays).train(layer.training)


def narrowed(layer: AnyLayer, dtype: np.dtype[Any]) -> AnyLayer:
    """A copy of a layer with its parameters rounded to `dtype`."""
    arrays = {name: rounded(name, array, dtype) for name, array in layer.params.items()}
    return type(layer).from_arrays(options=layer.options, **arrays)


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
