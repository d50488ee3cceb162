r"""How far the statistics of a batch may be off, and the values that are normalised by them.

There are n values per channel; hats are computed values; v = σ² + ε and r = 1/√v. The errors are denoted as follows:

    |μ̂ − μ| ≤ e_μ        |v̂ − v| ≤ e_v        |r̂ − r| ≤ ρ·r

A mean. Each value meets two roundings at most besides the additions, because a division by n may be a product with 1/n,
which is itself rounded. So e_μ is that of a sum in any order, with k = 2 (`rounding`), divided by n:

    e_μ  = γ_2·mean|x| + (n − 1)u((mean|x| + |μ|)/2 + γ_{n+1}·mean|x|)

The variance in two passes. mean((x − μ̂)²) = σ² + (μ̂ − μ)² exactly. Each square meets n + 4 roundings at most: two of
the centred value, which is squared, one of the product, n − 1 of the additions and two of the mean. No term is
negative, so the sharper form gains nothing.

    e_σ² = γ_{n+4}(σ² + e_μ²) + e_μ²

Then ε is rounded to the format, and the sum σ̂² + ε is rounded:

    e_v  = (1 + u)(e_σ² + u·ε) + u·v

The root. Let t = e_v/v. From v̂ ≥ v(1 − t) it follows that 1/√v̂ is off relatively by (1 − t)^(−1/2) − 1 at most. A root
and a division add two roundings. A reciprocal root in hardware is off by 4u at most (two units in the last place, as
CUDA documents it). With HARDWARE = 4,

    ρ    = (1 + HARDWARE·u)(1 − t)^(−1/2) − 1

Where t > ½, the bound would say little about r; `batch_norm` says what follows there.

The normalised value. x − μ̂ is off by e_c = e_μ + u(|x − μ| + e_μ), and the exact product of the two computed factors,

    x̂, is off by  e_x̂ = r·(e_c(1 + ρ) + |x − μ|ρ)

The variance in one pass, σ̂² = mean(x²) − μ̂². Each square meets n + 2 roundings: one of the product, n − 1 of the
additions and two of the mean. μ̂² is off by d = 2|μ|e_μ + e_μ², and is rounded once. So is the difference.

    e_σ² = (1 + u)(γ_{n+2}·mean(x²) + (1 + u)d + u·μ²) + u·σ²

Welford's recursion, m_k = m_{k−1} + (x_k − m_{k−1})/k and M_k = M_{k−1} + (x_k − m_{k−1})(x_k − m_k), gives μ = m_n and
σ² = M_n/n. It is a case of merging two parts, with d = m_b − m_a:

    m = m_a + d·n_b/n   or   (n_a m_a + n_b m_b)/n,          M = M_a + M_b + w·d²,   w = n_a n_b/n

Let E bound all errors of means, X = max|x|, and R = 2 max|x − μ|. No difference of values or means exceeds R. Value by
value, a new mean is rounded within u(X + E). Its step has three roundings and is at most (R + 2E)/k:

    k·E_k ≤ (k − 1)E_{k−1} + k·u(X + E) + γ_3(R + 2E),       hence   E_n ≤ u(X + E)(n + 1)/2 + γ_3(R + 2E)

No other order has a larger first term. If the smaller part is merged into the larger one, a step has four roundings of
at most (R + 2E)·n_b/n, and Σ n_b ≤ ½ n log₂ n over all merges. A weighted mean has four roundings of at most X + E on
each of ℓ = ⌈log₂ n⌉ levels. With a = (n + 1)/2 + 4ℓ and b = 3 + 2ℓ, all of this is covered by
E = u(a(X + E) + b(R + 2E)), that is

    e_μ  = u(aX + bR)/(1 − u(a + 2b))

In exact arithmetic Σ w d² = nσ² over all merges. A computed d is off by 2e_μ, and Σ w ≤ nW with W = max(1, ℓ/2),
because w is at most the smaller part. So by Cauchy's inequality M/n lies within (σ ± 2e_μ√W)² before it is rounded, and

    e_σ² = γ_{n+8}(σ + 2e_μ√W)² + 4σe_μ√W + 4e_μ²W

n + 8 counts d twice, its square, four roundings of w, the sums and the division. The error is linear in e_μ/σ, whereas
that of two passes is quadratic: nuκ, nu + n²u²κ² and nuκ² (one pass) in the table of Chan, Golub & LeVeque. A target
that declares this may still use two passes, so the larger e_μ is taken.

Sources: Higham, sections 1.9 and 3.1; Chan, Golub & LeVeque, American Statistician 37 (1983), "Algorithms for computing
the sample variance"; Welford, Technometrics 4 (1962).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..layers.batch_norm2d import batch_statistics
from ..numeric import Array
from .rounding import Precision, gamma

__all__ = ["AXES", "HARDWARE", "Statistics", "count", "mean_of", "statistics_of"]

AXES = (0, 2, 3)


HARDWARE = 4  # roundings of a reciprocal root, given v̂


@dataclass(frozen=True)
class Statistics:
    """Statistics of a batch and how far computed ones may be off; arrays broadcast against (N, C, H, W)."""

    mean: Array
    r: Array
    e_mean: Array
    rho: Array  # NaN where nothing follows
    e_in: Array  # of values of x that are rounded first
    x_hat: Array  # signed
    e_x_hat: Array
    least_root: float  # R, the largest 1/√v̂ of a variance that is not negative; NaN if ε is 0
    known: Array  # whether the variance is known well enough for a bound on r
    size: Array  # that intermediate results may have
    sums: bool  # whether all divisions are by n; a running mean divides by 3 on the way


def statistics_of(x: Array, eps: float, precision: Precision, variance: str) -> Statistics:
    """Of x (N,C,H,W); `variance` is "two-pass", "welford" or "one-pass"."""
    n, u = count(x), precision.u
    mean, var = (a[:, None, None] for a in batch_statistics(x))
    v, centred, size = var + eps, np.abs(x - mean), np.abs(x)
    e_in = precision.u_in * size
    off_in = mean_of(e_in)
    e_mean = off_in + precision.any_order(n, mean_of(size + e_in), np.abs(mean) + off_in, before=2) + n * precision.eta
    squares = mean_of(x * x) if variance == "one-pass" else 0.0
    if variance == "welford":
        e_mean = np.maximum(e_mean, _merged_mean(x, centred, e_in, u) + off_in + n * precision.eta)
        root = np.sqrt(max(1, _levels(n) / 2)) * 2 * e_mean  # 2√W·e_μ
        shifted = 2 * np.sqrt(var) * root + root**2
        e_var = precision.relative(n + 8, factors=2) * (var + shifted) + shifted
    elif variance == "one-pass":
        square = 2 * np.abs(mean) * e_mean + e_mean**2
        rounded = (1 + u) * square + precision.relative(1, factors=2) * mean**2
        e_var = (1 + u) * (precision.relative(n + 2, factors=2) * squares + rounded) + u * var
    else:
        e_var = precision.relative(n + 4, factors=2) * (var + e_mean**2) + e_mean**2
    e_var = e_var + 2 * mean_of(centred * (e_in + off_in)) + mean_of((e_in + off_in) ** 2)
    e_v = (1 + u) * (e_var + u * eps) + u * v + (n + 1) * precision.eta
    t = np.where(e_v <= v / 2, e_v / np.where(v > 0, v, 1), np.nan)
    in_root = np.expm1(-np.log1p(-t) / 2)  # (1 − t)^(−1/2) − 1
    rho = in_root + (1 + in_root) * HARDWARE * u
    r = 1 / np.sqrt(v)
    e_centred = e_in + e_mean + u * (centred + e_mean)
    e_x_hat = r * (e_centred * (1 + rho) + centred * rho)
    least_root = (1 + HARDWARE * u) / np.sqrt(eps * (1 - 2 * u)) if eps > 0 else np.nan
    largest = squares + centred**2 + size * n + v
    sums = variance != "welford" or n < 3
    return Statistics(mean, r, e_mean, rho, e_in, (x - mean) * r, e_x_hat, least_root, ~np.isnan(t), largest, sums)


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
