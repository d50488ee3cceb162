r"""Bounds of batch normalisation, and of folding it into a convolution.

Inference. r = 1/√(σ² + ε) takes four roundings (ε to the format, sum, root, division), the first two halved by the
root; G = γr one more. Centred, (x − μ)·G + β adds three, folded, x·G + (β − μG), three as well, and the terms are x·G,
μ·G and β. So every term is multiplied by at most 9 factors 1 + δ: γ_{10}(|x||G| + |μ||G| + |β|) covers both forms.

Training. The statistics, and with them x̂, are off by what `batch_statistics` says: x̂ by e_x̂, r relatively by ρ, μ by
e_μ. Centred, y = x̂γ + β takes two products, in any order, and a sum: |γ|·e_x̂ + γ_3(|γ||x̂| + |β|). Folded, it is
x·s + (β − μ̂·s), s = γr. If both s are the same, its roundings are those of x̂γ; if not, from the same √v̂ at most three
of x·s, and three of β − μ̂·s. What is lost there is relative to the terms of a difference and not to the difference:
with f = r(1 + ρ)(|x| + |μ| + e_μ) for the size of these terms,

    y is off by  |γ|·e_x̂ + γ_3(|γ||x̂| + |β| + |γ|f)                     in either form

Backward, dx = γr(dy − m₁ − x̂·m₂), m₁ = mean(dy), m₂ = mean(dy·x̂). m₁ is off by e₁ = γ_{n+1} mean|dy|. m₂ is off by
mean(|dy|·e_x̂) + γ_{n+3} mean(|dy|(|x̂| + e_x̂)), and as r(mean(dy·x) − μ̂·mean(dy)) by γ_{n+3} mean(|dy|f) more. The rest
is the product rule in absolute value, and γ_8 for the longest way, that of m₂. The chain rule through σ² and μ adds
mean(x̂)·m₂, which is 0: γ_{n+3} mean|x̂|·m₂. In the form a·dy + b·x + c, a = γr, b = −a·r·m₂, c = −b·μ̂ − a·m₁, the
terms b·x and b·μ̂ meet six roundings of their own at most, three of products, three of sums: γ_6|γ|r|m₂|f more. Σ dy·x̂
is n·m₂, and takes up to four roundings more.

Underflow. A product of several factors may be formed in any order. Where a part of it underflows, the error η is
multiplied by the factors that are left: of (x − μ)·r·γ, by one of |x − μ|, r and |γ|.

Source: Higham, section 3.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..numeric import Array
from .batch_statistics import AXES, count, mean_of, statistics_of
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
    n, scale, centred, plain, far = count(x), g * r, (d * distance).sum(AXES), d.sum(AXES), distance.sum(AXES)
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
    bound = precision.sum_of_products(count(x), magnitude, factors=7, extra=16)
    others = np.abs(gamma_) + np.abs(dy).sum(AXES) + (np.abs(x) + _c(np.abs(mean))).sum(AXES)
    left = (count(x) + 16) * (1 + others) * (1 + r**3)  # factors of an underflow, generously: r³ is two products
    return *first, Allowance(bound + precision.eta * left, magnitude)


def batch_norm2d_train(
    x: Array, gamma_: Array, beta: Array, *, eps: float, precision: Precision, variance: str = "two-pass"
) -> Allowance:
    """|γ|·e_x̂ + γ_3(|γ|(|x̂| + e_x̂) + |β|) + γ_3|γ|f; see the module."""
    s, u = statistics_of(x, eps, precision, variance), precision.u
    g, b = _c(np.abs(gamma_)), _c(np.abs(beta))
    terms = g * (np.abs(s.x_hat) + s.e_x_hat + s.far) + b
    bound = g * s.e_x_hat + (gamma(3, u) + precision.u_in) * terms
    bound = bound + 6 * precision.eta * (1 + s.r + s.distance)
    return Allowance(bound, g * s.r * s.distance + b + s.size, s.sums)


def batch_norm2d_train_backward(
    dy: Array, x: Array, gamma_: Array, beta: Array, *, eps: float, precision: Precision, variance: str = "two-pass"
) -> tuple[Allowance, ...]:
    """The product rule in absolute value over dx = γr(dy − m₁ − x̂·m₂), dγ = Σ dy·x̂, dβ = Σ dy; see the module."""
    s, n, u, eta = statistics_of(x, eps, precision, variance), count(x), precision.u, precision.eta
    d, g, x_hat = np.abs(dy), _c(np.abs(gamma_)), np.abs(s.x_hat)
    d_in = precision.u_in * d
    m1, m2 = np.abs(mean_of(dy)), np.abs(mean_of(dy * s.x_hat))
    e1 = gamma(n + 1, u) * mean_of(d) + mean_of(d_in) + n * eta
    e2 = mean_of((d + d_in) * s.e_x_hat + d_in * x_hat)
    e2 = e2 + gamma(n + 3, u) * mean_of((d + d_in) * (x_hat + s.e_x_hat + s.far)) + n * eta * (1 + s.r)
    inner = d + m1 + x_hat * m2
    centring = gamma(n + 3, u) * mean_of(x_hat + s.e_x_hat)  # of mean(x̂) as a sum, where it is not left out
    e_inner = d_in + e1 + (s.e_x_hat + centring) * (m2 + e2) + x_hat * e2
    scale = g * s.r
    bound = scale * (1 + s.rho) * e_inner + (gamma(8, u) + 3 * precision.u_in + s.rho) * scale * (inner + e_inner)
    affine = scale * (1 + s.rho) * (m2 + e2) * s.far  # of b·x and b·μ
    left = (1 + scale * (1 + x_hat / s.r) + s.r + g) * (1 + s.distance)  # factors of an underflow, generously
    sums = n * (mean_of(d) + mean_of(d * s.distance) * s.r)
    bound = bound + (gamma(6, u) + precision.u_in) * affine + 12 * eta * left
    dx = Allowance(bound, scale * (d + m1 + s.r * s.distance * m2) + s.size + sums, s.sums)
    each = (1, x.shape[1], 1, 1)
    off, total = (np.broadcast_to(a * max(1, n), each).reshape(-1) for a in (e2, m2))
    dgamma = off + gamma(4, u) * (total + off) + eta if n else np.full_like(off, np.nan)  # no values: x̂ is 0/0
    plain = d.sum(AXES)
    size = np.broadcast_to(sums, each).reshape(-1) + s.size.max(AXES, initial=0)
    return dx, Allowance(dgamma, size, s.sums), Allowance(precision.sum_of_products(n, plain, factors=1), plain)


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


def _c(per_channel: Array) -> Array:
    return per_channel[:, None, None]
