r"""Bounds of activations and of the loss.

ReLU is exact. Everything else needs an exp, for which the assumption is stated and not derived: exp, log, σ and tanh of
an implementation have a relative error of at most E = 8u (measured over the float32 range: torch's σ 2.3u, its tanh
1.0u). Where σ is subnormal it may be 0, because 1/(1 + exp(−x)) overflows there as written.

**σ.** A computed σ̂ is off by F(σ) = Eσ. Where ½(1 + tanh(x/2)) is declared, tanh(x/2) = 2σ − 1 is off by E|2σ − 1|,
and the sum is rounded; the halves are exact. So σ̂ is off absolutely, however small σ is:

    F(σ) = max(Eσ, (1 + u)·½E|2σ − 1| + uσ)

Where exp(−l), l = log(1 + exp(−x)) = −log σ is declared, 1 + exp(−x) is off relatively by E + u, which is what l is off
absolutely, and E·l more. That moves the exponent, and exp has its own error:

    F(σ) = σ·(exp(E|log σ| + 2E + u) − 1)

**σ′ = σ(1 − σ)**, times dy. There are two forms.

    of one σ̂     σ̂(1 − σ̂), or σ̂ − σ̂². With σ̂ = σ + f, |f| ≤ F: σ̂(1 − σ̂) − σ(1 − σ) = f(1 − 2σ) − f², which is
                  A = F|1 − 2σ| + F² at most. σ̂² adds u(σ + F)² in the second form, and a difference and two
                  products three roundings: (1 + γ_3)(A + u(σ + F)²) + γ_3·σ(1 − σ)
    of two        σ(x)·σ(−x), each with an error of its own, F and F₋ = F(1 − σ), and two products:
                  B = F(1 − σ) + F₋σ + F·F₋ from the factors, then (1 + γ_2)B + γ_2·σ(1 − σ)

The bound is the larger one. Of the first order it is at most 9u at σ = ½ and σ = 1, and 18uσ near σ = 0, times |dy|.

**tanh.** A computed t̂ is off by F(t) = E|t|. Where 2σ(2x) − 1 is declared, σ(2x) = (1 + t)/2 is off by E(1 + t)/2 and
the difference is rounded. By symmetry the form may be that of |x|, so t is |t|:

    F(t) = max(E|t|, (1 + u)E(1 + |t|) + u|t|)

**tanh′ = 1 − t²**, times dy, again in two forms.

    of one t̂     1 − t̂², dy − dy·t̂² or (1 − t̂)(1 + t̂). t̂² is off by A = 2F|t| + F², and meets two roundings in the
                  first two forms. The last one has the same A, and four roundings of 1 − t²: (1 + γ_4)(A + γ_2(t² + A))
                  + γ_4(1 − t²)
    of exps       4σ(2x)σ(−2x), 4e/(1 + e)² with e = exp(−2|x|), or 1/cosh² with the mean of two exps: two factors
                  1 + E, and five roundings (a sum, squared; a square; a division; dy): ((1 + E)²(1 + γ_5) − 1)(1 − t²)

**exp z = 2^(z·log₂e).** log₂e is rounded, and the product: exp is off as if z were by 2u|z| ("base-2"). So are σ and
tanh, as if x were. Let x be off by a|x| and D = a|x|.

    σ    (log σ)′ = 1 − σ ≤ 1 and σ′ ≤ ¼, so σ is off by min(σ, ¼)·(exp D − 1) at most
    σ′   |(log σ′)′| = |1 − 2σ| ≤ 1, for each of two factors: σ(1 − σ)(exp 2D − 1), and 1 at most
    tanh ξ between x and x(1 ± a): D·tanh′(ξ) ≤ a·tanh|ξ|/(1 − a), because ξ·tanh′(ξ) ≤ tanh ξ, and
         tanh|ξ| ≤ (1 + a)|t|: a(1 + a)/(1 − a)·|t|
    tanh′  (tanh′)′ = −2·tanh·tanh′, so the same, times 2 tanh|ξ|: 2a(1 + a)²/(1 − a)·t²

Roundings then multiply what is moved by at most 1 + γ_21, the largest count above.

**Cross-entropy.** z_k = x_k − max x is off by u|z_k|, and e_k = exp(z_k) relatively by θ_k = u|z_k| + E. In the form
"base-2" θ_k is larger by 2u|z_k|. S = Σ e_k, which is at least 1, is off relatively by

    θ_S = Σ e_k(exp θ_k − 1)/S + γ_K + K·η

and log S by λ + E·log S with λ = −log(1 − θ_S). (For θ_S > ½, the computed S still has the term exp 0, so that log S is
too small by log S + E at most, and too large by θ_S.) So a loss L = log S − z_t is off by λ + E·log S + u|z_t| + u|L|,
with two roundings of what these are off, and the mean adds γ_{N+1}: N − 1 additions, and two of the division.

For the gradient, p_k = e_k/S is off as if its exponent were by θ_k + λ + 2u: a quotient, or a reciprocal and a product.
As exp(z_k − log S) it is off by what its exponent is off, u|z_k| + λ + E·log S + u|z_k − log S|, and E. Hence
2u|z_k| + (E + u)·log S + λ + E + 2u for both forms. p_k − [k = t], times dy/N, meets four roundings more: a difference,
two of dy/N, and a product. As a "difference", l − x_t, the loss rounds l = max x + log S itself, by u|l| more, and so
does the exponent of p_k = exp(x_k − l).
"""

from __future__ import annotations

import numpy as np

from ..layers.relu import relu_backward as layer_relu_backward
from ..layers.sigmoid import sigmoid as layer_sigmoid
from ..layers.tanh import tanh as layer_tanh
from ..numeric import Array
from .rounding import Allowance, Precision, exact, gamma

__all__ = [
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "tanh",
    "tanh_backward",
]

EXP = 8  # relative error of exp, log, sigmoid and tanh in units of u: the stated assumption
ROUNDINGS = 21  # the most that a moved result meets
PLACES = 3  # where σ′ and tanh′ may underflow, each multiplied by at most 1 or |dy|: two products, dy itself


def relu(x: Array, *, precision: Precision) -> Allowance:
    """Exact, and nothing that could overflow: of −∞ it is 0."""
    return exact(np.zeros_like(x))


def relu_backward(dy: Array, x: Array, *, precision: Precision) -> tuple[Allowance]:
    """Exact; but where x may be taken for 0, so may the gradient."""
    d, (magnitude,) = np.abs(dy), layer_relu_backward(np.abs(dy), x)
    taken_for_zero = precision.flush & (x > 0) & (x < precision.storage.normal)
    return (Allowance(np.where(taken_for_zero, d, 0.0), magnitude),)


def sigmoid(x: Array, *, precision: Precision, sigmoid: str = "direct", exp: str = "accurate") -> Allowance:
    """F(σ), what a moved x moves, and the least normal number; see the module."""
    y = layer_sigmoid(x)
    moved = np.minimum(np.minimum(y, 0.25) * np.expm1(_finite(x) * argument(precision, exp)), 1)
    lost = precision.accumulate.normal * (2 if precision.flush else 1)  # on the way, and in the end
    bound = _of_sigmoid(y, precision.u, sigmoid) + moved * _later(precision) + lost
    return Allowance(bound, np.ones_like(y))


def sigmoid_backward(
    dy: Array, x: Array, *, precision: Precision, sigmoid: str = "direct", exp: str = "accurate"
) -> tuple[Allowance]:
    """The larger of two forms of σ′, times |dy|, and |dy| times the least normal number; see the module."""
    d, y, other, u, w = np.abs(dy), layer_sigmoid(x), layer_sigmoid(-x), precision.u, precision.product
    off, off_other, slope = _of_sigmoid(y, u, sigmoid), _of_sigmoid(other, u, sigmoid), y * other
    one = off * np.abs(other - y) + off**2 + w * (y + off) ** 2
    two = off * other + off_other * y + off * off_other
    form = np.maximum((1 + gamma(3, w)) * one + gamma(3, w) * slope, (1 + gamma(2, w)) * two + gamma(2, w) * slope)
    moved = np.minimum(slope * np.expm1(2 * _finite(x) * argument(precision, exp)), 1)
    bound = d * (form + moved * _later(precision) + precision.accumulate.normal) + precision.underflow(PLACES)
    return (Allowance(bound, np.maximum(d, 1)),)


def tanh(x: Array, *, precision: Precision, tanh: str = "direct", exp: str = "accurate") -> Allowance:
    """F(t), what a moved x moves, and an underflow of x or of t; see the module."""
    t, a = np.abs(layer_tanh(x)), argument(precision, exp)
    moved = a * (1 + a) / (1 - a) * t
    bound = _of_tanh(t, precision.u, tanh) + moved * _later(precision) + precision.underflow(1)
    return Allowance(bound, np.ones_like(t))


def tanh_backward(
    dy: Array, x: Array, *, precision: Precision, tanh: str = "direct", exp: str = "accurate"
) -> tuple[Allowance]:
    """The larger of two forms of tanh′, times |dy|; see the module."""
    d, t, u, w = np.abs(dy), np.abs(layer_tanh(x)), precision.u, precision.product
    a, slope, off = argument(precision, exp), (1 - t) * (1 + t), _of_tanh(t, u, tanh)
    one = 2 * off * t + off**2
    one = (1 + gamma(4, w)) * (one + gamma(2, w) * (t**2 + one)) + gamma(4, w) * slope
    of_exps = ((1 + EXP * u) ** 2 * (1 + gamma(5, w)) - 1) * slope
    moved = 2 * a * (1 + a) ** 2 / (1 - a) * t**2
    bound = d * (np.maximum(one, of_exps) + moved * _later(precision)) + precision.underflow(PLACES, d)
    return (Allowance(bound, np.maximum(d, 1)),)


def _of_sigmoid(y: Array, u: float, form: str) -> Array:
    """F(σ)."""
    direct = EXP * u * y
    if form == "log":
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = y * np.expm1(EXP * u * np.abs(np.log(y)) + (2 * EXP + 1) * u)
        return np.where(y > 0, moved, 0.0)
    return direct if form == "direct" else np.maximum(direct, (1 + u) * EXP / 2 * u * np.abs(2 * y - 1) + u * y)


def _of_tanh(t: Array, u: float, form: str) -> Array:
    """F(t), t at least 0."""
    return EXP * u * t if form == "direct" else (1 + u) * EXP * u * (1 + t) + u * t


def _later(precision: Precision) -> float:
    """By how much what is moved may grow in the roundings that follow."""
    return 1 + gamma(ROUNDINGS, precision.product)


def argument(precision: Precision, exp: str) -> float:
    """How far the argument of an exp may be off, relatively: where it is rounded, or multiplied by log₂e."""
    return precision.u_in + (2 * precision.u if exp == "base-2" else 0.0)


def softmax_cross_entropy(
    x: Array,
    *,
    target: Array,
    reduction: str,
    precision: Precision,
    loss: str = "shifted",
    exp: str = "accurate",
) -> Allowance:
    """λ + 8u·log S + u|z_t| + u|L| per sample, u|l| more of a difference, and γ_{N+1} of the sum; see the module."""
    u, n = precision.u, len(x)
    _, _, log_sum, off_log = _softmax(x, precision, exp)
    z_target = np.abs(x - x.max(axis=1, keepdims=True))[np.arange(n), target]
    z_target_error = u * z_target + 2 * precision.u_in * _finite(x).max(axis=1, initial=0)
    losses = log_sum + z_target
    each = off_log + EXP * u * log_sum + z_target_error + _difference(x, log_sum, u, loss)
    each = each * (1 + gamma(2, u)) + u * losses
    total, error = losses.sum(), each.sum()
    bound = error + gamma(n + 1, u) * (total + error) + precision.underflow(n + 1)  # the losses, and their mean
    return Allowance(np.asarray(bound / _count(n, reduction)), np.asarray(total + _finite(x).max(initial=0)))


def softmax_cross_entropy_backward(
    dy: Array,
    x: Array,
    *,
    target: Array,
    reduction: str,
    precision: Precision,
    loss: str = "shifted",
    exp: str = "accurate",
) -> tuple[Allowance]:
    """|dy|/N · (p_k(2u|z_k| + 9u·log S + λ + 10u) + 4u(p_k + [k = t])), exactly exp(…) − 1; see the module."""
    u, n, four = precision.u, len(x), gamma(4, precision.product)
    z, p, log_sum, off_log = _softmax(x, precision, exp)
    moved = 2 * precision.u_in * _finite(x).max(axis=1, keepdims=True, initial=0)
    theta = u * (2 * np.abs(z) + (EXP + 1) * log_sum[:, None] + EXP + 2) + moved
    theta = theta + _difference(x, log_sum, u, loss)[:, None]
    if exp == "base-2":  # of z_k or z_k − log S
        theta = theta + 2 * u * (np.abs(z) + log_sum[:, None])
    one_hot = np.zeros_like(x)
    one_hot[np.arange(n), target] = 1
    scale = np.abs(dy) / _count(n, reduction)
    residual = p * np.expm1(theta + off_log[:, None])  # of an exponent, so that no order is left out
    # e_k, p_k, dy/N and the product may underflow
    bound = scale * (residual + four * (p + one_hot + residual)) + precision.underflow(4, dy)
    return (Allowance(bound, scale * np.ones_like(x) + _finite(x)),)


def _difference(x: Array, log_sum: Array, u: float, loss: str) -> Array:
    """u|l|, l = log Σ exp x, where that is rounded before x_t is subtracted."""
    return u * np.abs(x.max(axis=1) + log_sum) if loss == "difference" else np.zeros_like(log_sum)


def _softmax(x: Array, precision: Precision, exp: str) -> tuple[Array, Array, Array, Array]:
    """z, p, log S and λ of every row."""
    z = x - x.max(axis=1, keepdims=True)
    e = np.exp(z)
    z = np.where(e > 0, z, 0)  # a term that vanishes has no error either
    total = e.sum(axis=1)
    moved = 2 * precision.u_in * _finite(x).max(axis=1, keepdims=True, initial=0)
    stretched = 2 * precision.u * np.abs(z) if exp == "base-2" else 0.0
    weighted = e * np.expm1(precision.u * np.abs(z) + EXP * precision.u + moved + stretched)
    theta, log_sum = weighted.sum(axis=1) / total + gamma(x.shape[1], precision.u), np.log(total)
    theta = theta + x.shape[1] * precision.eta
    off_log = np.where(theta <= 0.5, -np.log1p(-np.minimum(theta, 0.5)), theta + log_sum + EXP * precision.u)
    return z, e / total[:, None], log_sum, off_log


def _count(samples: int, reduction: str) -> int:
    return max(1, samples) if reduction == "mean" else 1


def _finite(x: Array) -> Array:
    return np.where(np.isfinite(x), np.abs(x), 0)
