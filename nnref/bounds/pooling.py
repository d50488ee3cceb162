r"""Bounds of pooling, and of layers that move numbers without arithmetic.

An average of n pixels is a sum of n terms, then a division or a product with 1/K, which is itself rounded. So a term
meets at most n + 1 roundings, and one more leaves room for a scale: γ_{n+2} avg|x|. The gradient at a pixel is a sum of
the shares of at most kh·kw windows, so it has the same form. A maximum is exactly one of its inputs; its gradient is a
sum of at most kh·kw cotangents.

Running sums, where they are declared. A pixel enters a sum and another leaves; or a window is the difference of sums
over larger parts of the image. Every intermediate number is then a sum of terms of the image with signs, so it is at
most A = Σ|x| over a channel. A chain of sums along an axis of H pixels, with padding and overhang, has at most 2H + k
additions, of which each rounds a number of at most A, up to the errors. One along the other axis adds its own, and
those of the sums that it is made of, which are sums over parts of A. A difference of four entries of a table has four
such errors. So with L = 2(H + W) + kh + kw, all of these are off by at most 4γ_L·A, divided by the count of taps. The
gradient is the same map turned round, of shares of dy.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..layers.avg_pool2d import avg_pool2d as layer_avg_pool2d
from ..layers.avg_pool2d import avg_pool2d_backward as layer_avg_pool2d_backward
from ..layers.flatten import flatten as layer_flatten
from ..layers.global_avg_pool2d import global_avg_pool2d as layer_global_avg_pool2d
from ..layers.global_avg_pool2d import global_avg_pool2d_backward as layer_global_avg_pool2d_backward
from ..layers.max_pool2d import max_pool2d as layer_max_pool2d
from ..layers.max_pool2d import max_pool2d_backward as layer_max_pool2d_backward
from ..layers.zero_pad2d import zero_pad2d as layer_zero_pad2d
from ..layers.zero_pad2d import zero_pad2d_backward as layer_zero_pad2d_backward
from ..numeric import Array
from ..windows import Windows
from .rounding import Allowance, Precision, exact, gamma

__all__ = [
    "avg_pool2d",
    "avg_pool2d_backward",
    "flatten",
    "flatten_backward",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "tied_pixels",
    "zero_pad2d",
    "zero_pad2d_backward",
]


def avg_pool2d(x: Array, *, precision: Precision, sums: str = "direct", **options: Any) -> Allowance:
    """γ_{n+2} avg|x|, n = kh·kw; the magnitude is that of the sum."""
    taps = prod(options["kernel_size"])
    magnitude = layer_avg_pool2d(np.abs(x), **options)
    direct = Allowance(precision.sum_of_products(taps, magnitude, factors=1), magnitude * taps)
    return direct if sums == "direct" else _running(direct, np.abs(x), 1 / _count(x, **options), precision, **options)


def avg_pool2d_backward(
    dy: Array, x: Array, *, precision: Precision, sums: str = "direct", **options: Any
) -> tuple[Allowance]:
    """γ_{n+2} of the gradient on magnitudes, n = kh·kw."""
    taps = prod(options["kernel_size"])
    (magnitude,) = layer_avg_pool2d_backward(np.abs(dy), x, **options)
    direct = Allowance(precision.sum_of_products(taps, magnitude, factors=1), magnitude * taps)
    if sums == "direct":
        return (direct,)
    return (_running(direct, np.abs(dy) / _count(x, **options), np.array(1.0), precision, **options),)


def _count(x: Array, *, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool) -> Array:
    """What a sum is divided by: (Ho, Wo)."""
    windows = Windows.plan("running", x.shape, kernel_size, stride, padding, 1, ceil_mode)
    return np.maximum(windows.count_taps(count_include_pad), 1)


def _running(direct: Allowance, terms: Array, scale: Array, precision: Precision, **options: Any) -> Allowance:
    """4γ_L·A more, and no intermediate result beyond A; see the module."""
    whole = terms.sum(axis=(2, 3), keepdims=True)  # A
    additions = 2 * (sum(terms.shape[2:]) + sum(map(sum, options["padding"]))) + sum(options["kernel_size"])
    reached = additions + 2 * sum(k * s for k, s in zip(options["kernel_size"], options["stride"], strict=True))
    bound = direct.bound + 4 * gamma(reached, precision.u) * whole * scale
    return Allowance(bound, np.maximum(direct.magnitude, whole))


def global_avg_pool2d(x: Array, *, precision: Precision) -> Allowance:
    """γ_{n+2} avg|x|, n = HW."""
    pixels = x.shape[2] * x.shape[3]
    magnitude = layer_global_avg_pool2d(np.abs(x))
    return Allowance(precision.sum_of_products(pixels, magnitude, factors=1), magnitude * pixels)


def global_avg_pool2d_backward(dy: Array, x: Array, *, precision: Precision) -> tuple[Allowance]:
    """A division: γ_2 |dy|/(HW)."""
    (magnitude,) = layer_global_avg_pool2d_backward(np.abs(dy), x)
    return (Allowance(precision.sum_of_products(0, magnitude, factors=1), magnitude),)


def max_pool2d(x: Array, *, precision: Precision, **options: Any) -> Allowance:
    """Exact."""
    return exact(np.abs(layer_max_pool2d(x, **options)))


def max_pool2d_backward(
    dy: Array, x: Array, *, precision: Precision, ties: str = "first", **options: Any
) -> tuple[Allowance]:
    """γ_{n+2} of the gradient on magnitudes, n = kh·kw; no verdict at a pixel whose window has no fixed winner.

    That is a tie if `ties` is "any", or a tie of subnormal numbers if these may be taken for zero.
    """
    (magnitude,) = layer_max_pool2d_backward(np.abs(dy), x, **options)
    bound = precision.sum_of_products(prod(options["kernel_size"]), magnitude, factors=1)
    open_ties = _open_ties(x, precision, ties, **options)
    return (Allowance(np.where(open_ties, np.nan, bound), magnitude, sums=not np.any(open_ties)),)


def _open_ties(x: Array, precision: Precision, ties: str, **options: Any) -> Any:
    if ties == "any":
        return tied_pixels(x, **options)
    small = (np.abs(x) < precision.storage.normal) & (x != 0)
    if not precision.flush or not small.any():
        return False
    flushed = np.where(small, 0.0, x)
    return tied_pixels(flushed, **options) & (flushed == 0)


def tied_pixels(x: Array, *, kernel_size: Any, ceil_mode: bool, **options: Any) -> Array:
    """Which pixels are one of several maxima of a window: (N, C, H, W) bools."""
    y = layer_max_pool2d(x, kernel_size=kernel_size, ceil_mode=ceil_mode, **options)
    geometry = (options["stride"], options["padding"], options["dilation"], ceil_mode)
    windows = Windows.plan("tied_pixels", x.shape, kernel_size, *geometry)
    maxima, tied = np.zeros(y.shape, int), np.zeros(x.shape, bool)
    for tap in windows.taps():
        maxima[tap.out] += x[tap.image] == y[tap.out]
    for tap in windows.taps():
        tied[tap.image] |= (x[tap.image] == y[tap.out]) & (maxima[tap.out] > 1)
    return tied


def flatten(x: Array, *, precision: Precision) -> Allowance:
    """Exact."""
    return exact(layer_flatten(np.abs(x)))


def flatten_backward(dy: Array, x: Array, *, precision: Precision) -> tuple[Allowance]:
    """Exact."""
    return (exact(np.abs(dy).reshape(x.shape)),)


def zero_pad2d(x: Array, *, precision: Precision, **options: Any) -> Allowance:
    """Exact."""
    return exact(layer_zero_pad2d(np.abs(x), **options))


def zero_pad2d_backward(dy: Array, x: Array, *, precision: Precision, **options: Any) -> tuple[Allowance]:
    """Exact."""
    return (exact(layer_zero_pad2d_backward(np.abs(dy), x, **options)[0]),)
