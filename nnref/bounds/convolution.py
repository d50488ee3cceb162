r"""Bounds of the layers that are sums of products: convolutions and linear.

Each layer is linear in each of its arrays, so the layer on magnitudes gives Σ|x||w| (+ |b|) of every result. The bound
is that of a sum of n products: γ_{n+2}(|x| ∗ |w| + |b|). A term meets at most n + 1 roundings: one of its product, n of
the additions, the bias included. One more leaves room for a scale. Gradients are such sums too, each with its own n: dx
has a term for every output channel of the group and tap; dweight and dbias have one for every sample and output pixel.

The sharper bound of a sum in any order (`rounding`) is not used here. It would need the signed result beside that on
magnitudes, and gains a factor of two at most, where terms cancel.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ..layers.conv2d import conv2d as layer_conv2d
from ..layers.conv2d import conv2d_backward as layer_conv2d_backward
from ..layers.conv_transpose2d import conv_transpose2d as layer_conv_transpose2d
from ..layers.conv_transpose2d import conv_transpose2d_backward as layer_conv_transpose2d_backward
from ..layers.depthwise_conv2d import depthwise_conv2d as layer_depthwise_conv2d
from ..layers.depthwise_conv2d import depthwise_conv2d_backward as layer_depthwise_conv2d_backward
from ..layers.linear import linear as layer_linear
from ..layers.linear import linear_backward as layer_linear_backward
from ..numeric import Array
from . import fast_convolution
from .rounding import Allowance, Precision

__all__ = [
    "conv2d",
    "conv2d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "linear",
    "linear_backward",
]

Gradients = tuple[Allowance | None, ...]


def conv2d(
    x: Array, weight: Array, bias: Array | None, *, precision: Precision, algorithm: str = "direct", **options: Any
) -> Allowance:
    """n = C//groups · kh · kw; under another `algorithm` what that is off on top."""
    direct = _forward(layer_conv2d, prod(weight.shape[1:]), precision, x, weight, bias, **options)
    return _raised(
        direct, fast_convolution.conv2d(x, weight, algorithm=algorithm, precision=precision, **options), algorithm
    )


def conv2d_backward(
    dy: Array,
    x: Array,
    weight: Array,
    bias: Array | None,
    *,
    precision: Precision,
    algorithm: str = "direct",
    **options: Any,
) -> Gradients:
    """dx: n = K//groups · kh · kw; dweight and dbias: n = N · Ho · Wo; under another `algorithm` more on top."""
    terms = (len(weight) // options["groups"] * prod(weight.shape[2:]), _pixels(dy), _pixels(dy))
    direct = _backward(layer_conv2d_backward, terms, precision, dy, x, weight, bias, **options)
    extra = fast_convolution.conv2d_backward(dy, x, weight, algorithm=algorithm, precision=precision, **options)
    return tuple(
        None if a is None else _raised(a, more, algorithm) for a, more in zip(direct, (*extra, None), strict=True)
    )


def depthwise_conv2d(
    x: Array, weight: Array, bias: Array | None, *, precision: Precision, algorithm: str = "direct", **options: Any
) -> Allowance:
    """n = kh · kw; under another `algorithm` what that is off on top."""
    direct = _forward(layer_depthwise_conv2d, prod(weight.shape[1:]), precision, x, weight, bias, **options)
    given = {"algorithm": algorithm, "precision": precision, "groups": x.shape[1], **options}
    return _raised(direct, fast_convolution.conv2d(x, weight, **given), algorithm)


def depthwise_conv2d_backward(
    dy: Array,
    x: Array,
    weight: Array,
    bias: Array | None,
    *,
    precision: Precision,
    algorithm: str = "direct",
    **options: Any,
) -> Gradients:
    """dx: n = M · kh · kw; dweight and dbias: n = N · Ho · Wo; under another `algorithm` more on top."""
    terms = (len(weight) // x.shape[1] * prod(weight.shape[2:]), _pixels(dy), _pixels(dy))
    direct = _backward(layer_depthwise_conv2d_backward, terms, precision, dy, x, weight, bias, **options)
    given = {"algorithm": algorithm, "precision": precision, "groups": x.shape[1], **options}
    extra = fast_convolution.conv2d_backward(dy, x, weight, **given)
    return tuple(
        None if a is None else _raised(a, more, algorithm) for a, more in zip(direct, (*extra, None), strict=True)
    )


def _raised(direct: Allowance, more: fast_convolution.Extra | None, algorithm: str) -> Allowance:
    """What another algorithm may be off beyond the direct bound; nothing where that does not apply.

    Under "winograd-4" whole numbers stay exact, as long as no intermediate result has too many quarters.
    """
    if more is None:
        return direct
    if algorithm != "winograd-4":
        return Allowance(direct.bound + more.bound, direct.magnitude, sums=False)
    parts = fast_convolution.QUARTERS * more.magnitude
    return Allowance(direct.bound + more.bound, np.maximum(direct.magnitude, parts))


def conv_transpose2d(x: Array, weight: Array, bias: Array | None, *, precision: Precision, **options: Any) -> Allowance:
    """n = K//groups · kh · kw, of which some may lie between pixels."""
    terms = len(weight) // options["groups"] * prod(weight.shape[2:])
    return _forward(layer_conv_transpose2d, terms, precision, x, weight, bias, **options)


def conv_transpose2d_backward(
    dy: Array, x: Array, weight: Array, bias: Array | None, *, precision: Precision, **options: Any
) -> Gradients:
    """dx: n = C//groups · kh · kw; dweight: n = N · Ho · Wo; dbias: n = N · H · W."""
    terms = (prod(weight.shape[1:]), _pixels(x), _pixels(dy))
    return _backward(layer_conv_transpose2d_backward, terms, precision, dy, x, weight, bias, **options)


def linear(x: Array, weight: Array, bias: Array | None, *, precision: Precision) -> Allowance:
    """n = C."""
    return _forward(layer_linear, x.shape[1], precision, x, weight, bias)


def linear_backward(dy: Array, x: Array, weight: Array, bias: Array | None, *, precision: Precision) -> Gradients:
    """dx: n = K; dweight and dbias: n = N."""
    return _backward(layer_linear_backward, (len(weight), len(x), len(x)), precision, dy, x, weight, bias)


def _pixels(y: Array) -> int:
    return y.shape[0] * y.shape[2] * y.shape[3]


def _forward(
    layer: Callable[..., Array], terms: int, precision: Precision, *arrays: Array | None, **options: Any
) -> Allowance:
    magnitude = layer(*map(_abs, arrays), **options)
    return Allowance(precision.sum_of_products(terms, magnitude), magnitude)


def _backward(
    layer: Callable[..., tuple[Array | None, ...]],
    terms: tuple[int, ...],
    precision: Precision,
    *arrays: Array | None,
    **options: Any,
) -> Gradients:
    magnitudes = layer(*map(_abs, arrays), **options)
    return tuple(
        None if m is None else Allowance(precision.sum_of_products(n, m), m)
        for n, m in zip(terms, magnitudes, strict=True)
    )


def _abs(array: Array | None) -> Any:
    return None if array is None else np.abs(array)
