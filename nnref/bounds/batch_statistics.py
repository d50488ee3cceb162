r"""How far the statistics of a batch may be off, and what is normalised by them.

Two passes. With n values per channel, hats for computed values, v = σ² + ε:

    e_μ  = γ_{n+1} mean|x|                                              |μ̂ − μ|
    e_v  = γ_{n+4}(σ² + e_μ²) + e_μ² + 2u·v                             |v̂ − v|

for mean((x − μ̂)²) = σ² + (μ̂ − μ)² exactly, n + 4 counting the two roundings of a centred value in its square, the
product, the sum and the division; 2u·v is for ε. With t = e_v/v ≤ ½, by the mean value theorem, r = 1/√v is off
relatively by ρ = ½ t (1 − t)^(−3/2) + 4u: a root and a division round twice, a reciprocal root in hardware is off by up
to 4u. Where t > ½ nothing follows: no verdict. The centred value x − μ̂ is off by e_c = e_μ + u(|x−μ| + e_μ), and

    x̂ is off by  e_x̂ = r·(e_c(1 + ρ) + |x−μ|ρ)

One pass. σ̂² = mean(x²) − μ̂² has instead

    e_v  = γ_{n+4}(mean(x²) + μ²) + 2|μ|·e_μ + e_μ² + 2u·v

Welford's recursion, m_k = m_{k−1} + (x_k − m_{k−1})/k and M_k = M_{k−1} + (x_k − m_{k−1})(x_k − m_k), gives μ = m_n and
σ² = M_n/n. It is a case of merging two parts, with d = m_b − m_a:

    m = m_a + d·n_b/n   or   (n_a m_a + n_b m_b)/n,          M = M_a + M_b + w·d²,   w = n_a n_b/n

Let E bound all errors of means, X = max|x|, and R = 2 max|x − μ|, which no difference of values or means exceeds. Value
by value, a new mean is rounded within u(X + E), and its step, of three roundings, is at most (R + 2E)/k:

    k·E_k ≤ (k − 1)E_{k−1} + k·u(X + E) + γ_3(R + 2E),       hence   E_n ≤ u(X + E)(n + 1)/2 + γ_3(R + 2E)

No other order has a larger first term. If the smaller part is merged into the larger one, a step has four roundings of
at most (R + 2E)·n_b/n, and Σ n_b ≤ ½ n log₂ n over all merges; a weighted mean has four roundings of at most X + E, on
each of ℓ = ⌈log₂ n⌉ levels. All of this is covered, with
a = (n + 1)/2 + 4ℓ and b = 3 + 2ℓ, by E = u(a(X + E) + b(R + 2E)), that is

    e_μ  = u(aX + bR)/(1 − u(a + 2b))

In exact arithmetic Σ w d² = nσ² over all merges. A computed d is off by 2e_μ, and Σ w ≤ nW, W = max(1, ℓ/2), for w is
at most the smaller part. So by Cauchy's inequality M/n lies within (σ ± 2e_μ√W)² before it is rounded, and

    e_v  = γ_{n+8}(σ + 2e_μ√W)² + 4σe_μ√W + 4e_μ²W + 2u·v

n + 8 counting d twice, its square, four roundings of w, the sums and the division. It is linear in e_μ/σ, where two
passes are quadratic: nuκ, nu + n²u²κ² and nuκ² (one pass) in the table of Chan, Golub & LeVeque. Who declares this may
still use two passes, and the larger e_μ is taken.

Source: Higham, sections 1.9 and 3.1; Chan, Golub & LeVeque, American Statistician 37 (1983), "Algorithms for computing
the sample variance"; Welford, Technometrics 4 (1962).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..layers.batch_norm2d import batch_statistics
from ..numeric import Array
from .rounding import Precision, gamma

__all__ = ["AXES", "Statistics", "count", "mean_of", "statistics_of"]

AXES = (0, 2, 3)


@dataclass(frozen=True)
class Statistics:
    """Statistics of a batch and how far computed ones may be off; arrays broadcast against (N, C, H, W)."""

    r: Array
    rho: Array  # relative error of r, NaN where nothing follows
    x_hat: Array  # signed
    e_x_hat: Array
    distance: Array  # |x| + |μ|
    far: Array  # f
    size: Array  # that intermediate results may have
    sums: bool  # whether all divisions are by n; a running mean divides by 3 on the way


def statistics_of(x: Array, eps: float, precision: Precision, variance: str) -> Statistics:
    """Of x (N,C,H,W); `variance` is "two-pass", "welford" or "one-pass"."""
    n, u = count(x), precision.u
    mean, var = (a[:, None, None] for a in batch_statistics(x))
    v = var + eps
    centred = np.abs(x - mean)
    e_in = precision.u_in * np.abs(x)
    e_mean = gamma(n + 1, u) * mean_of(np.abs(x)) + mean_of(e_in) + n * precision.eta
    squares = mean_of(x * x) if variance == "one-pass" else 0.0
    if variance == "welford":
        e_mean = np.maximum(e_mean, _merged_mean(x, centred, e_in, u) + mean_of(e_in) + n * precision.eta)
    e_var = gamma(n + 4, u) * (var + e_mean**2) + e_mean**2
    if variance == "one-pass":  # mean(x²) − μ̂²: both terms are as large as mean(x²)
        e_var = gamma(n + 4, u) * (squares + mean**2) + 2 * np.abs(mean) * e_mean + e_mean**2
    if variance == "welford":
        root = np.sqrt(max(1, _levels(n) / 2)) * 2 * e_mean  # 2√W·e_μ
        shifted = 2 * np.sqrt(var) * root + root**2
        e_var = gamma(n + 8, u) * (var + shifted) + shifted
    e_var = e_var + 2 * mean_of(centred * (e_in + mean_of(e_in))) + mean_of((e_in + mean_of(e_in)) ** 2)
    e_v = e_var + 2 * u * v + n * precision.eta
    t = np.where(e_v <= v / 2, e_v / np.where(v > 0, v, 1), np.nan)
    rho = t / 2 * (1 - np.where(t <= 0.5, t, 0)) ** -1.5 + 4 * u
    r = 1 / np.sqrt(v)
    e_centred = e_in + e_mean + u * (centred + e_mean)
    e_x_hat = r * (e_centred * (1 + rho) + centred * rho) + precision.eta * (1 + r)
    distance = np.abs(x) + np.abs(mean)
    far = r * (1 + rho) * (distance + e_mean)
    size = squares + centred**2 + np.abs(x) * n + v
    return Statistics(r, rho, (x - mean) * r, e_x_hat, distance, far, size, variance != "welford" or n < 3)


def _merged_mean(x: Array, centred: Array, e_in: Array, u: float) -> Array:
    """e_μ of Welford's recursion and of merged parts: u(aX + bR)/(1 − u(a + 2b))."""
    n = count(x)
    a, b = (n + 1) / 2 + 4 * _levels(n), 3 + 2 * _levels(n)
    largest = (np.abs(x) + e_in).max(AXES, keepdims=True, initial=0)
    reach = 2 * (centred + e_in).max(AXES, keepdims=True, initial=0)
    return np.asarray(gamma(a + 2 * b, u) / (a + 2 * b) * (a * largest + b * reach))


def _levels(n: int) -> int:
    """⌈log₂ n⌉."""
    return max(0, n - 1).bit_length()


def count(x: Array) -> int:
    """Values per channel."""
    return x.shape[0] * x.shape[2] * x.shape[3]


def mean_of(x: Array) -> Array:
    """Per channel, kept broadcastable; 0 of an empty batch."""
    return np.asarray(x.sum(AXES, keepdims=True) / max(1, count(x)))
