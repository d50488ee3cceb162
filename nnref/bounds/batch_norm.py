r"""Bounds of batch normalisation, and of folding it into a convolution.

Every bound counts the roundings that a term meets in any form of the expression, and takes the largest count.

**Inference.** r = 1/√(σ² + ε) meets ε to the format, a sum, a root and a division. The root halves the first two, so
they count as one; the root and the division count two, or HARDWARE = 4 as a reciprocal root in hardware. So r meets
ROOT = 5. Given r, the terms of y meet at most 4 more:

    ((x − μ)·r)·γ + β          x and μ: a difference, two products, a sum; β: a sum
    x·G + (β − μ·G), G = γ·r   x: two products, a sum; μ: two products, a difference, a sum; β: a difference, a sum
    (x·r − μ·r)·γ + β          x and μ: a product, a difference, a product, a sum; β: a sum

So y is off by γ_4(|x||G| + |μ||G| + |β|) from a given r (`normalize2d`), and by γ_9(…) from σ² (`batch_norm2d`). Two
products have four factors that may be rounded first.

Gradients. dx = dy·γ·r meets two. The others come from two sums over n values, added in any order (`rounding`):

    D = Σ dy           three roundings before: two factors, or those of n·mean(dy)
    T = Σ dy·(x − μ)   four before: a difference, dy, and two factors. Or T = Σ dy·x − μ·Σ dy with the errors of both
                       sums and one product more. That is the larger one, because |x − μ| ≤ |x| + |μ|

After that,

    dγ = T·r           2    the difference that may be T, a product
    dβ = D             0
    dμ = −γ·r·D        2    two products
    dr = γ·T           2    as dγ
    dσ² = −dr·r³/2     5    dr, and three products; halving is exact

Each r that is not given adds ROOT: three times in dσ².

**Folding.** The weight F·G meets ROOT + 2; the bias (b − μ)·G + β or b·G + (β − μ·G) meets ROOT + 4, as y.

**Training, forward.** A target computes one μ̂ and one r̂ per channel. `batch_statistics` says how far they are off, and
how far x̂ is off in consequence: e_x̂. From there, y is off by |γ|e_x̂ and by roundings. Centred, |x − μ̂|r̂|γ| meets three
at most, and β one. Folded, y = x·s + (β − μ̂·s), where each s is γ·r̂ or γ/√v̂, computed once or twice. If s is the same,
x·s and μ̂·s meet one rounding that they do not share. If not, one s has one rounding more than the reciprocal root and
the other two, so x·s and μ̂·s meet three each, or two and four, where the difference counts for μ̂·s. The last sum is
rounded relatively to y itself. With a = |γ|r(1 + ρ) and |μ̂| ≤ |μ| + e_μ,

    y is off by  |γ|e_x̂ + (1 + u)·a·max(γ_3(|x| + |μ̂|), γ_2|x| + γ_4|μ̂|) + (1 + u)·u|β| + u(|γ|(|x̂| + e_x̂) + |β|)

That covers the centred form, because |x − μ̂| ≤ |x| + |μ̂|.

**Training, backward.** dx = γr·z with z = dy − m₁ − x̂·m₂, m₁ = mean(dy), m₂ = mean(dy·x̂).

*Step 1, the statistics.* μ̂ and r̂ are the same for all values of a channel. So their errors are those of two numbers
and not of 2n numbers. Let μ̂ = μ + δ, |δ| ≤ e_μ, and r̂ = r(1 + τ), |τ| ≤ ρ. Exact arithmetic from there gives x̃ and m̃₂,

    x̃ = (1 + τ)(x̂ − δr),       m̃₂ = (1 + τ)(m₂ − δr·m₁),
    dx̃ − dx = γr(1 + τ)(dy − m₁ − x̃·m̃₂) − γr·z
            = γr[τ(dy − m₁) − ((1 + τ)³ − 1)x̂·m₂ + (1 + τ)³(δr·m₂ + δr·m₁·x̂ − δ²r²·m₁)]

Since (1 + τ)³ − 1 = 3τ + (3τ² + τ³), it is at most

    |γ|r[ρ|dy − m₁ − 3x̂·m₂| + (3ρ² + ρ³)|x̂·m₂| + (1 + ρ)³e_μr(|m₂| + |m₁||x̂| + e_μr|m₁|)]

*Step 2, the means.* m₁ is off by e₁, a sum in any order whose terms meet two roundings of the mean (`rounding`). m̃₂ is
off by the larger of two forms. Centred, mean(dy·x̃), a term meets five: a difference, two products, two of the mean. As
r̂(mean(dy·x) − μ̂·mean(dy)), the terms of mean(dy·x) meet three, and μ̂·mean(dy) is off by μ̂e₁ and one product more:

    e₂ = max( any order of dy·x̃, k = 5;   r̂·(any order of dy·x, k = 3) + r̂|μ̂|(e₁ + γ_1(|m₁| + e₁)) )

*Step 3, the terms.* Divided by γr̂, the terms of dx and the most roundings that they meet outside of the means are

    dy        4   n·dy; γ·r̂, by n, and that times the difference: (γr̂/n)·(n·dy − Σdy − x̂·Σdy·x̂)
    m₁        2   γ·r̂, and that times m₁
    x̃·m̃₂      5   centred: a difference, by r̂, by m̃₂, γ·r̂, and that times all. By the chain rule, with r̂³: three
                  products by r̂, a difference, a product; or 1/(√v̂·v̂), three more in place of the three products.
                  As b(x − μ̂), b = −γr̂²m̃₂ from the second form of m̃₂: a difference and four products

In the form a·dy + b·x + c with c = −b·μ̂ − a·m₁, each of b·x and b·μ̂ meets one product of its own, so that rounding is
relative to f = r̂(|x| + |μ̂|) and not to x̃. The chain rule through σ² and μ adds mean(x̃)·m̃₂, which would be 0: it is off
by the sum of x̃ in any order, k = 3. So the terms are off by

    e = γ_4|dy| + γ_2|m₁| + (1 + γ_2)e₁ + γ_5|x̃·m̃₂| + (1 + γ_5)|x̃|e₂ + (1 + γ_5)·γ_1·f(|m̃₂| + e₂)
        + (1 + γ_5)(|m̃₂| + e₂)·(any order of x̃, k = 3)

They are at most four, so they meet three additions, each of a partial sum of at most (I + |z|)/2 with
I = |dy| + |m₁| + f|m̃₂|, as in `rounding`, up to the errors:

    dx̂ is off from dx̃ by  |γ|r(1 + ρ)·(e + 3u((I + |z̃|)/2 + e + γ_3·I))

dγ = n·m₂ is off by n(ρ|m₂| + (1 + ρ)e_μr|m₁|) from step 1, by n·e₂, and by three more roundings: a difference, a
product by r̂, and one by n.

Where this stops. Of k·u relative to dx, what remains at small n is what right implementations do: ρ is 4u + ½(n + 6)u,
of which the sum of the squares in a loop attains ½(n − 1)u, and a reciprocal root in hardware 4u; it counts three times
in x̂·m₂. The additions of the two means attain (n − 1)u each in the worst order, and the folded form attains the
rounding relative to f where μ is large (`tests/bounds/test_batch_norm.py`).

**Underflow.** See `rounding`: PLACES counts the numbers on the longest way of a term, and R the factors of that term.

**Where the variance is lost.** Where e_v > v/2, nothing follows about r̂ but that 0 ≤ r̂ ≤ R,

    R = (1 + HARDWARE·u)/√(ε(1 − 2u))

because a variance is not negative, whatever its error: one that comes out negative is taken for 0. So |x̂| is at most
R(|x| + |μ| + e_μ) in every form, and the layer in absolute values with this R in place of r bounds what is computed,
up to WORST roundings and the additions. It bounds the exact result too, so a result is off by at most twice that. A NaN
is wrong there. With ε = 0 there is no R, and no verdict.

Source: Higham, section 3.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..numeric import Array
from .batch_statistics import AXES, HARDWARE, Statistics, count, mean_of, statistics_of
from .rounding import Allowance, Precision, gamma

__all__ = [
    "NORMALIZED",
    "batch_norm2d",
    "batch_norm2d_backward",
    "batch_norm2d_train",
    "batch_norm2d_train_backward",
    "fold_conv_batch_norm",
    "fold_conv_transpose_batch_norm",
    "normalize2d",
    "normalize2d_backward",
]

ROOT = 1 + HARDWARE  # roundings of 1/√(σ² + ε)
NORMALIZED = 4 + ROOT  # of a term of y, from σ²
TWO_PRODUCTS = 4  # factors that may be rounded first
WORST = 16  # roundings outside of sums, more than in any form
PLACES = 10  # x, μ, x − μ, γ, r, γ·r, a product, β, β − μG, y
PLACES_OF_A_TERM = 8  # of a sum over a batch: dy, x, μ, x − μ, two products, the sum, a share of what follows it


def normalize2d(
    x: Array, gamma_: Array, beta: Array, mean: Array, inv_std: Array, *, precision: Precision
) -> Allowance:
    """γ_4(|x||G| + |μ||G| + |β|) with G = γ·inv_std."""
    return _normalized(x, gamma_, beta, mean, inv_std, 0, precision)


def normalize2d_backward(
    dy: Array, x: Array, gamma_: Array, beta: Array, mean: Array, inv_std: Array, *, precision: Precision
) -> tuple[Allowance, ...]:
    """dx: γ_2|dy||G|; dγ, dβ, dμ and dr: two sums in any order, and at most two roundings more."""
    return _gradients(dy, x, gamma_, mean, inv_std, 0, precision)[:5]


def batch_norm2d(
    x: Array, gamma_: Array, beta: Array, mean: Array, var: Array, *, eps: float, precision: Precision
) -> Allowance:
    """γ_9(|x||G| + |μ||G| + |β|)."""
    return _normalized(x, gamma_, beta, mean, _inv_std(var, eps), ROOT, precision)


def batch_norm2d_backward(
    dy: Array, x: Array, gamma_: Array, beta: Array, mean: Array, var: Array, *, eps: float, precision: Precision
) -> tuple[Allowance, ...]:
    """As `normalize2d_backward` with ROOT more where r occurs; dσ² in place of dr, with three times ROOT."""
    *first, _, dvar = _gradients(dy, x, gamma_, mean, _inv_std(var, eps), ROOT, precision)
    return *first, dvar


def batch_norm2d_train(
    x: Array, gamma_: Array, beta: Array, *, eps: float, precision: Precision, variance: str = "two-pass"
) -> Allowance:
    """|γ|·e_x̂, three roundings of x·s and of μ·s, one of y and one of β; see the module."""
    s, u = statistics_of(x, eps, precision, variance), precision.u
    g, b, w = _c(np.abs(gamma_)), _c(np.abs(beta)), precision.product
    size_x, size_mean = np.abs(x), np.abs(s.mean) + s.e_mean
    terms = np.maximum(gamma(3, w) * (size_x + size_mean), gamma(2, w) * size_x + gamma(4, w) * size_mean)
    y = g * (np.abs(s.x_hat) + s.e_x_hat) + b
    bound = g * s.e_x_hat + (1 + u) * (g * s.r * (1 + s.rho) * terms + u * b) + u * y
    bound = bound + precision.underflow(PLACES, g, s.r, size_x + size_mean)
    least = s.least_root
    at_worst = (1 + gamma(WORST, w)) * (g * least * (size_x + size_mean) + b) + precision.underflow(PLACES, g, least)
    magnitude = g * np.where(s.known, s.r, least) * (size_x + np.abs(s.mean)) + b + s.size
    return Allowance(np.where(s.known, bound, 2 * at_worst), magnitude, s.sums)


def batch_norm2d_train_backward(
    dy: Array, x: Array, gamma_: Array, beta: Array, *, eps: float, precision: Precision, variance: str = "two-pass"
) -> tuple[Allowance, ...]:
    """The errors of the statistics, of the means and of the terms of dx = γr(dy − m₁ − x̂·m₂); see the module."""
    s, n, w = statistics_of(x, eps, precision, variance), count(x), precision.product
    d, g, x_hat, grown = np.abs(dy), _c(np.abs(gamma_)), np.abs(s.x_hat), 1 + s.rho
    m1, m2, moved = mean_of(dy), mean_of(dy * s.x_hat), s.e_mean * s.r  # e_μ·r
    off = s.rho * np.abs(m2) + grown * moved * np.abs(m1)  # of m̃₂
    e1, e2 = _means(dy, x, s, np.abs(m2) + off, precision)

    statistics = s.rho * np.abs(dy - m1 - 3 * s.x_hat * m2) + (3 * s.rho**2 + s.rho**3) * x_hat * np.abs(m2)
    statistics = statistics + grown**3 * moved * (np.abs(m2) + np.abs(m1) * (x_hat + moved))

    x_tilde, far = grown * (x_hat + moved), grown * s.r * (np.abs(x) + np.abs(s.mean) + s.e_mean)
    centring = precision.any_order(n, mean_of(x_tilde), grown * moved, before=3)
    second = np.abs(m2) + off + e2  # m̂₂
    own = gamma(4, w) * d + gamma(2, w) * np.abs(m1) + (1 + gamma(2, w)) * e1 + gamma(5, w) * x_tilde * second
    own = own + x_tilde * e2 + (1 + gamma(5, w)) * second * (gamma(1, w) * far + centring + grown * s.r * s.e_in)
    size, z = d + np.abs(m1) + far * second, np.abs(dy - m1 - s.x_hat * m2) + statistics
    terms = own + 3 * precision.u * ((size + z) / 2 + own + gamma(3, precision.u) * size)

    distance = np.abs(x) + np.abs(s.mean)
    reach = np.maximum(d, 1) + mean_of(np.maximum(d, 1) * np.maximum(distance, 1))
    underflow = precision.underflow(PLACES + n * PLACES_OF_A_TERM, g, s.r, s.r, distance, s.r * distance) * reach
    sums = n * (mean_of(d) + mean_of(d * distance) * s.r)
    magnitude = g * s.r * (d + np.abs(m1) + s.r * distance * np.abs(m2)) + s.size + sums
    bound = g * s.r * (statistics + grown * terms) + underflow

    least, slack = s.least_root, 1 + gamma(n + WORST, w)
    farthest = least * (np.abs(x) + np.abs(s.mean) + s.e_mean)
    lost = precision.underflow(n * PLACES_OF_A_TERM, least) * reach.max(AXES, keepdims=True, initial=1)
    second_at_worst = slack * mean_of(d * farthest) + lost
    at_worst = slack * g * least * (d + mean_of(d) + farthest * second_at_worst) + precision.underflow(PLACES, g, least)
    magnitude = np.where(s.known, magnitude, at_worst + s.size + n * second_at_worst)
    dx = Allowance(np.where(s.known, bound, 2 * at_worst), magnitude, s.sums)

    dgamma = _per_channel(n * (off + e2 + gamma(3, w) * second) if n else np.nan, x)  # no values: x̂ is 0/0
    dgamma = dgamma + precision.underflow(PLACES, _per_channel(s.r, x)) * _raised_terms(dy, x, s.mean)
    known = _per_channel(s.known, x)
    dgamma = np.where(known, dgamma, 2 * n * _per_channel(second_at_worst, x) if n else np.nan)
    sums = np.where(s.known, sums, n * second_at_worst)
    largest = _per_channel(sums, x) + s.size.max(AXES, initial=0)
    return dx, Allowance(dgamma, largest, s.sums), _plain_sum(dy, precision)


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
    """Weight: γ_7|F||G|; bias: γ_9((|b| + |μ|)|G| + |β|)."""
    return _fold(weight, np.arange(len(weight))[:, None], bias, gamma_, beta, mean, var, eps, precision)


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
    return _fold(weight, channel, bias, gamma_, beta, mean, var, eps, precision)


def _fold(
    weight: Array,
    channel: Array,
    bias: Array | None,
    gamma_: Array,
    beta: Array,
    mean: Array,
    var: Array,
    eps: float,
    precision: Precision,
) -> tuple[Allowance, Allowance]:
    r = _inv_std(var, eps)
    scale, offset = np.abs(gamma_ * r), np.abs(mean) if bias is None else np.abs(mean) + np.abs(bias)

    def of(magnitude: Array, roundings: int, *factors: Array) -> Allowance:
        lost = precision.underflow(PLACES, *factors)
        return Allowance(precision.relative(roundings, TWO_PRODUCTS) * magnitude + lost, magnitude)

    per_weight = (array[channel][:, :, None, None] for array in (scale, gamma_, r))
    by_scale, *factors = per_weight
    return (
        of(np.abs(weight) * by_scale, 2 + ROOT, weight, *factors),
        of(offset * scale + np.abs(beta), NORMALIZED, offset, gamma_, r),
    )


def _normalized(
    x: Array, gamma_: Array, beta: Array, mean: Array, r: Array, of_root: int, precision: Precision
) -> Allowance:
    """y, given how many roundings r has met."""
    distance = np.abs(x) + _c(np.abs(mean))
    magnitude = distance * _c(np.abs(gamma_ * r)) + _c(np.abs(beta))
    underflow = precision.underflow(PLACES, distance, _c(gamma_), _c(r))
    return Allowance(precision.relative(4 + of_root, TWO_PRODUCTS) * magnitude + underflow, magnitude)


def _gradients(
    dy: Array, x: Array, gamma_: Array, mean: Array, r: Array, of_root: int, precision: Precision
) -> tuple[Allowance, ...]:
    """dx, dγ, dβ, dμ, dr and dσ², given how many roundings r has met."""
    d, g, r, m = np.abs(dy), np.abs(gamma_), np.abs(r), np.abs(mean)
    magnitude = d * _c(g * r)
    underflow = precision.underflow(PLACES, dy, _c(gamma_), _c(r))
    dx = Allowance(precision.relative(2 + of_root, TWO_PRODUCTS) * magnitude + underflow, magnitude)

    n, plain, product = count(x), d.sum(AXES), gamma(1, precision.product)
    total = np.abs(dy.sum(AXES))  # |D|
    error = precision.any_order(n, plain, total, before=3)
    of_products = precision.any_order(n, (d * np.abs(x)).sum(AXES), (dy * x).sum(AXES), before=4)
    apart = of_products + m * error + product * m * (total + error)  # of T
    whole, size = np.abs((dy * (x - _c(mean))).sum(AXES)), (d * (np.abs(x) + _c(m))).sum(AXES)

    def times(factor: Array, of: tuple[Array, ...], roundings: int, factors: int, *raised: Array) -> Allowance:
        """A sum of magnitude `of[2]`, `of[1]` in absolute value and off by `of[0]`, times a factor."""
        relative = precision.relative(roundings, factors)
        lost = precision.underflow(PLACES_OF_A_TERM, *raised) * _raised_terms(dy, x, mean)
        return Allowance(factor * (of[0] + relative * (of[0] + of[1])) + lost, factor * of[2])

    first, second = (error, total, plain), (apart, whole, size)
    return (
        dx,
        times(r, second, 2 + of_root, 2, r),
        _plain_sum(dy, precision),
        times(g * r, first, 2 + of_root, 4, g, r),
        times(g, second, 2, 2, g),
        times(g * r**3 / 2, second, 5 + 3 * of_root, 8, g, r, r, r),
    )


def _means(dy: Array, x: Array, s: Statistics, second: Array, precision: Precision) -> tuple[Array, Array]:
    """e₁ of m₁ and e₂ of m̃₂, whose magnitude is `second` at most."""
    n, d, r, size_mean = count(x), np.abs(dy), s.r * (1 + s.rho), np.abs(s.mean) + s.e_mean
    m1 = np.abs(mean_of(dy))
    x_tilde = r * (np.abs(x - s.mean) + s.e_mean + s.e_in)
    e1 = precision.any_order(n, mean_of(d), m1, before=2)
    centred = precision.any_order(n, mean_of(d * x_tilde), second, before=5)
    of_products = precision.any_order(n, mean_of(d * np.abs(x)), mean_of(dy * x), before=3)
    apart = r * (of_products + size_mean * (e1 + gamma(1, precision.product) * (m1 + e1)))
    return e1, np.maximum(centred, apart) + r * mean_of(d * s.e_in)


def _plain_sum(dy: Array, precision: Precision) -> Allowance:
    """dβ = Σ dy, of which a mean may be taken and multiplied by n again."""
    plain = np.abs(dy).sum(AXES)
    bound = precision.any_order(count(dy), plain, dy.sum(AXES), before=3) + count(dy) * precision.eta
    return Allowance(bound, plain)


def _raised_terms(dy: Array, x: Array, mean: Array) -> Array:
    """Σ max(1, |dy|)·max(1, |x| + |μ|), and 1 of an empty batch: what an underflow within a sum is multiplied by."""
    mean = mean if mean.ndim > 1 else _c(mean)
    return np.asarray((np.maximum(np.abs(dy), 1) * np.maximum(np.abs(x) + np.abs(mean), 1)).sum(AXES) + 1)


def _per_channel(array: Any, x: Array) -> Array:
    """(C,) of what broadcasts against (1, C, 1, 1)."""
    return np.broadcast_to(array, (1, x.shape[1], 1, 1)).reshape(-1)


def _inv_std(var: Array, eps: Any) -> Array:
    return np.asarray(1 / np.sqrt(var + eps))


def _c(per_channel: Array) -> Array:
    return per_channel[:, None, None]
