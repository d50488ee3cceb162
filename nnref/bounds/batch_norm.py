r"""Bounds of batch normalisation, and of folding it into a convolution.

Inference. r = 1/√(σ² + ε) takes four roundings (ε to the format, sum, root, division), the first two halved by the
root; G = γr one more. Centred, (x − μ)·G + β adds three, folded, x·G + (β − μG), three as well, and the terms are x·G,
μ·G and β. So every term is multiplied by at most 9 factors 1 + δ: γ_{10}(|x||G| + |μ||G| + |β|) covers both forms.

Training, two passes. With n values per channel, hats for computed values, v = σ² + ε:

    e_μ  = γ_{n+1} mean|x|                                              |μ̂ − μ|
    e_v  = γ_{n+4}(σ² + e_μ²) + e_μ² + 2u·v                             |v̂ − v|

for mean((x − μ̂)²) = σ² + (μ̂ − μ)² exactly, n + 4 counting the two roundings of a centred value in its square, the
product, the sum and the division; 2u·v is for ε. With t = e_v/v ≤ ½, by the mean value theorem, r is off relatively by
ρ = ½ t (1 − t)^(−3/2) + 4u, the last for its own roundings. Where t > ½ nothing follows: no verdict. The centred value
c = x − μ̂ is off by e_c = e_μ + u(|x−μ| + e_μ), and

    x̂ is off by  e_x̂ = r·(e_c(1 + ρ) + |x−μ|ρ)

y = x̂γ + β: |γ|·e_x̂ + γ_6(|γ||x̂| + |β|). A single pass, σ̂² = mean(x²) − μ̂², has instead

    e_v  = γ_{n+4}(mean(x²) + μ²) + 2|μ|·e_μ + e_μ² + 2u·v

Backward, dx = γr(dy − m₁ − x̂·m₂), m₁ = mean(dy), m₂ = mean(dy·x̂): m₁ is off by γ_{n+1} mean|dy|, m₂ by
mean(|dy|·e_x̂) + γ_{n+2} mean(|dy|(|x̂| + e_x̂)), and the rest is the product rule in absolute value. Magnitudes stand
for m₁ and m₂, so that a form which sums before it subtracts is covered.

Underflow. A product of several factors may be formed in any order. Where a part of it underflows, the error η is
multiplied by the factors that are left: of (x − μ)·r·γ, by one of |x − μ|, r and |γ|.

Source: Higham, sections 3.1 and 1.9 (the two-pass variance); Chan, Golub & LeVeque, American Statistician 37 (1983).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..layers.batch_norm2d import batch_statistics
from ..numeric import Array
from .rounding import Allowance, Precision, gamma

__all__ = [
    "batch_norm2d",
    "batch_norm2d_backward",
    "batch_norm2d_train",
    "batch_norm2d_train_backward",
    "fold_conv_batch_norm",
    "fold_conv_transpose_batch_norm",
    "normalize2d",
    "normalize2d_backward",
]

AXES = (0, 2, 3)


def normalize2d(
    x: Array, gamma_: Array, beta: Array, mean: Array, inv_std: Array, *, precision: Precision
) -> Allowance:
    """γ_{10}(|x||G| + |μ||G| + |β|) with G = γ·inv_std."""
    scale = np.abs(gamma_ * inv_std)
    distance = np.abs(x) + _c(np.abs(mean))
    magnitude = distance * _c(scale) + _c(np.abs(beta))
    underflow = 2 * precision.eta * (distance + _c(np.abs(gamma_) + np.abs(inv_std)))
    return Allowance(precision.sum_of_products(2, magnitude, factors=4, extra=8) + underflow, magnitude)


def normalize2d_backward(
    dy: Array, x: Array, gamma_: Array, beta: Array, mean: Array, inv_std: Array, *, precision: Precision
) -> tuple[Allowance, ...]:
    """dx: γ_{10}|dy||G|; dγ, dβ, dμ, dr: sums over n values, n + 10 roundings each."""
    d, g, r, distance = np.abs(dy), np.abs(gamma_), np.abs(inv_std), np.abs(x) + _c(np.abs(mean))
    n, scale, centred, plain, far = _n(x), g * r, (d * distance).sum(AXES), d.sum(AXES), distance.sum(AXES)
    sums = (centred * r, plain, scale * plain, centred * g)
    left = (n * r + plain + far, 0.0, n * (r + g) + plain, n * g + plain + far)  # factors of an underflow
    dx = precision.sum_of_products(2, d * _c(scale), factors=4, extra=8) + precision.eta * (d + _c(g + r))
    bounds = (
        precision.sum_of_products(n, m, factors=5, extra=10) + precision.eta * f
        for m, f in zip(sums, left, strict=True)
    )
    return Allowance(dx, d * _c(scale)), *map(Allowance, bounds, sums)


def batch_norm2d(
    x: Array, gamma_: Array, beta: Array, mean: Array, var: Array, *, eps: float, precision: Precision
) -> Allowance:
    """γ_{10}(|x||G| + |μ||G| + |β|)."""
    return normalize2d(x, gamma_, beta, mean, _inv_std(var, eps), precision=precision)


def batch_norm2d_backward(
    dy: Array, x: Array, gamma_: Array, beta: Array, mean: Array, var: Array, *, eps: float, precision: Precision
) -> tuple[Allowance, ...]:
    """As `normalize2d_backward`, and dσ² = −dr·r³/2 with n + 16 roundings: r³ has up to 9 and the products 3."""
    r = _inv_std(var, eps)
    *first, dr = normalize2d_backward(dy, x, gamma_, beta, mean, r, precision=precision)
    magnitude = dr.magnitude * r**3 / 2
    bound = precision.sum_of_products(_n(x), magnitude, factors=7, extra=16)
    others = np.abs(gamma_) + np.abs(dy).sum(AXES) + (np.abs(x) + _c(np.abs(mean))).sum(AXES)
    left = (_n(x) + 16) * (1 + others) * (1 + r**3)  # factors of an underflow, generously: r³ is two products of three
    return *first, Allowance(bound + precision.eta * left, magnitude)


@dataclass(frozen=True)
class _Statistics:
    """Statistics of a batch and how far computed ones may be off; arrays broadcast against (N, C, H, W)."""

    r: Array
    rho: Array  # relative error of r, NaN where nothing follows
    x_hat: Array
    e_x_hat: Array
    size: Array  # that intermediate results may have


def _statistics(x: Array, eps: float, precision: Precision, one_pass: bool) -> _Statistics:
    n, u = _n(x), precision.u
    mean, var = map(_c, batch_statistics(x))
    v = var + eps
    centred = np.abs(x - mean)
    e_in = precision.u_in * np.abs(x)
    e_mean = gamma(n + 1, u) * _mean(np.abs(x)) + _mean(e_in) + n * precision.eta
    squares = _mean(x * x) if one_pass else 0.0
    e_var = gamma(n + 4, u) * (var + e_mean**2) + e_mean**2
    if one_pass:  # mean(x²) − μ̂²: both terms are as large as mean(x²)
        e_var = gamma(n + 4, u) * (squares + mean**2) + 2 * np.abs(mean) * e_mean + e_mean**2
    e_var = e_var + 2 * _mean(centred * (e_in + _mean(e_in))) + _mean((e_in + _mean(e_in)) ** 2)
    e_v = e_var + 2 * u * v + n * precision.eta
    t = np.where(e_v <= v / 2, e_v / np.where(v > 0, v, 1), np.nan)
    rho = t / 2 * (1 - np.where(t <= 0.5, t, 0)) ** -1.5 + 4 * u
    r = 1 / np.sqrt(v)
    e_centred = e_in + e_mean + u * (centred + e_mean)
    e_x_hat = r * (e_centred * (1 + rho) + centred * rho) + precision.eta * (1 + r)
    return _Statistics(r, rho, centred * r, e_x_hat, squares + centred**2 + np.abs(x) * n + v)


def batch_norm2d_train(
    x: Array, gamma_: Array, beta: Array, *, eps: float, precision: Precision, one_pass: bool = False
) -> Allowance:
    """|γ|·e_x̂ + γ_6(|γ|(|x̂| + e_x̂) + |β|); see the module."""
    s = _statistics(x, eps, precision, one_pass)
    g, b = _c(np.abs(gamma_)), _c(np.abs(beta))
    magnitude = g * s.x_hat + b
    bound = g * s.e_x_hat + (gamma(6, precision.u) + precision.u_in) * (magnitude + g * s.e_x_hat)
    return Allowance(bound + 6 * precision.eta * (1 + s.r), magnitude + s.size)


def batch_norm2d_train_backward(
    dy: Array, x: Array, gamma_: Array, beta: Array, *, eps: float, precision: Precision, one_pass: bool = False
) -> tuple[Allowance, ...]:
    """The product rule in absolute value over dx = γr(dy − m₁ − x̂·m₂), dγ = Σ dy·x̂, dβ = Σ dy; see the module."""
    s, n, u, eta = _statistics(x, eps, precision, one_pass), _n(x), precision.u, precision.eta
    d, g = np.abs(dy), _c(np.abs(gamma_))
    d_in = precision.u_in * d
    m1, m2 = _mean(d), _mean(d * s.x_hat)
    e1 = gamma(n + 1, u) * m1 + _mean(d_in) + n * eta
    e2 = _mean((d + d_in) * s.e_x_hat + d_in * s.x_hat)
    e2 = e2 + gamma(n + 2, u) * _mean(d * (s.x_hat + s.e_x_hat)) + n * eta * (1 + s.r)
    inner = d + m1 + s.x_hat * m2
    e_inner = d_in + e1 + s.e_x_hat * m2 + s.x_hat * e2 + s.e_x_hat * e2
    scale = g * s.r
    bound = scale * (1 + s.rho) * e_inner + (gamma(12, u) + s.rho) * scale * (inner + e_inner)
    left = 1 + scale * (1 + s.x_hat / s.r) + s.r + g  # factors of an underflow; x̂/r for that of m₂·r
    dx = Allowance(bound + 12 * eta * left, scale * inner + s.size + n * (m1 + m2))
    total = np.broadcast_to(m2 * max(1, n), (1, x.shape[1], 1, 1)).reshape(-1)
    dgamma = Allowance((np.broadcast_to(e2, (1, x.shape[1], 1, 1)) * max(1, n)).reshape(-1), total)
    dgamma = Allowance(dgamma.bound + gamma(4, u) * (total + dgamma.bound) + eta, total + s.size.max(AXES, initial=0))
    plain = d.sum(AXES)
    return dx, dgamma, Allowance(precision.sum_of_products(n, plain, factors=1), plain)


def fold_conv_batch_norm(
    weight: Array,
    bias: Array | None,
    gamma_: Array,
    beta: Array,
    mean: Array,
    var: Array,
    *,
    eps: float,
    precision: Precision,
) -> tuple[Allowance, Allowance]:
    """Weight: γ_{10}|F||G|; bias: γ_{10}((|b| + |μ|)|G| + |β|)."""
    return _fold(weight, len(weight), np.arange(len(weight))[:, None], bias, gamma_, beta, mean, var, eps, precision)


def fold_conv_transpose_batch_norm(
    weight: Array,
    bias: Array | None,
    gamma_: Array,
    beta: Array,
    mean: Array,
    var: Array,
    *,
    eps: float,
    groups: int,
    precision: Precision,
) -> tuple[Allowance, Allowance]:
    """As `fold_conv_batch_norm`, with the output channels on the second axis of the weight, group by group."""
    k, per_group = weight.shape[:2]
    channel = np.arange(k)[:, None] // (k // groups) * per_group + np.arange(per_group)
    return _fold(weight, per_group * groups, channel, bias, gamma_, beta, mean, var, eps, precision)


def _fold(
    weight: Array,
    channels: int,
    channel: Array,
    bias: Array | None,
    gamma_: Array,
    beta: Array,
    mean: Array,
    var: Array,
    eps: float,
    precision: Precision,
) -> tuple[Allowance, Allowance]:
    scale = np.abs(gamma_ * _inv_std(var, eps))
    offset = np.zeros(channels) if bias is None else np.abs(bias)
    magnitudes = (np.abs(weight) * scale[channel][:, :, None, None], (offset + np.abs(mean)) * scale + np.abs(beta))
    left = np.abs(gamma_) + _inv_std(var, eps)  # factors of an underflow, with the weight and μ
    underflow = np.abs(weight) + left[channel][:, :, None, None], offset + np.abs(mean) + left
    bounds = (precision.sum_of_products(2, m, factors=4, extra=8) for m in magnitudes)
    first, second = (
        Allowance(b + 2 * precision.eta * f, m) for b, f, m in zip(bounds, underflow, magnitudes, strict=True)
    )
    return first, second


def _inv_std(var: Array, eps: Any) -> Array:
    return np.asarray(1 / np.sqrt(var + eps))


def _n(x: Array) -> int:
    return x.shape[0] * x.shape[2] * x.shape[3]


def _mean(x: Array) -> Array:
    """Per channel, kept broadcastable; 0 of an empty batch."""
    return np.asarray(x.sum(AXES, keepdims=True) / max(1, _n(x)))


def _c(per_channel: Array) -> Array:
    return per_channel[:, None, None]
