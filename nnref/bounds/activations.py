r"""Bounds of activations and of the loss.

ReLU is exact. Everything else needs an exp, for which the assumption is stated rather than derived: an implementation's
exp, σ and tanh have a relative error of at most 8u (measured over the float32 range: torch's σ 2.3u, its tanh 1.0u).
Where σ is subnormal it may be 0: 1/(1 + exp(−x)) as written overflows there.

σ'(x) = σ(1 − σ) from a computed σ̂ = σ(1 + 8u): 1 − σ̂ is off by 8uσ + u, so that dy·σ̂·(1 − σ̂) is off by at most
|dy|·σ·(8uσ + u + (1 − σ)(8u + 3u)) ≤ 13u|dy|σ, to first order; σ, not σ', for 1 − σ cancels where σ is near 1.
Likewise 1 − tanh² is off by 2·8u·tanh² + 3u, hence 20u|dy|. Second-order terms are below u each.

Three other ways are right where they are declared:

    σ = ½(1 + tanh(x/2))   halves are exact, so that σ is off by 8u|tanh|/2 and u of the sum: 5u absolutely, however
                           small σ is. Through dy·σ̂(1 − σ̂), whose slope is at most 1, that is 5u|dy| and 3u|dy|/4.
    tanh = 2σ(2x) − 1      2·8u·σ(2x) and 2u: 20u absolutely
    exp z = 2^(z·log₂e)    log₂e is rounded, and the product: exp is off as if z were by 2u|z| ("base-2"). So are σ and
                           tanh, as if x were, and θ_k below grows by 2u|z_k|.

Cross-entropy. z_k = x_k − max x is off by u|z_k|, e_k = exp(z_k) relatively by θ_k = u|z_k| + 8u, S = Σ e_k relatively
by θ_S = Σ e_k θ_k/S + γ_K, log S absolutely by θ_S + 8u·log S. So log S − z_t is off by θ_S + 8u·log S + u|z_t| + u|L|;
the mean adds γ_{N+2}. For the gradient, p_k = e_k/S is relatively off by θ_k + θ_S + 2u; as exp(z_k − log S) by what
its exponent is off, u|z_k| + θ_S + 8u·log S + u|z_k − log S|, and 8u. Hence 2u|z_k| + 9u·log S + θ_S + 10u for both
forms, and p_t − 1, times dy/N, is off by 4u more. As a "difference", l − x_t, the loss rounds l = max x + log S itself,
by u|l| more, and so does the exponent of p_k = exp(x_k − l).
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

EXP = 8  # relative error of exp, sigmoid and tanh in units of u: the stated assumption


def relu(x: Array, *, precision: Precision) -> Allowance:
    """Exact, and nothing that could overflow: of −∞ it is 0."""
    return exact(np.zeros_like(x))


def relu_backward(dy: Array, x: Array, *, precision: Precision) -> tuple[Allowance]:
    """Exact; but where x may be taken for 0, so may the gradient."""
    d, (magnitude,) = np.abs(dy), layer_relu_backward(np.abs(dy), x)
    taken_for_zero = precision.flush & (x > 0) & (x < precision.storage.normal)
    return (Allowance(np.where(taken_for_zero, d, 0.0), magnitude),)


def sigmoid(x: Array, *, precision: Precision, sigmoid: str = "direct", exp: str = "accurate") -> Allowance:
    """8uσ, and the least normal number; by tanh, 5u; an x moved by a moves σ by σ·(exp a − 1) and a/4 at most."""
    y = layer_sigmoid(x)
    moved = np.minimum(np.minimum(y, 0.25) * np.expm1(_finite(x) * argument(precision, exp)), 1)
    form = 5 * precision.u if sigmoid == "tanh" else 0.0
    bound = np.maximum(EXP * precision.u * y, form) + moved + precision.accumulate.normal
    return Allowance(bound, np.ones_like(y))


def sigmoid_backward(
    dy: Array, x: Array, *, precision: Precision, sigmoid: str = "direct", exp: str = "accurate"
) -> tuple[Allowance]:
    """13u|dy|σ, by tanh 6u|dy|, and |dy| times the least normal number, for σ may be 0 where it is subnormal."""
    d, y = np.abs(dy), layer_sigmoid(x)
    moved = d * np.minimum(y * np.expm1(_finite(x) * argument(precision, exp)), 1) + d * y * precision.u_in * 4
    form = 6 * precision.u if sigmoid == "tanh" else 0.0
    bound = d * np.maximum((EXP + 5) * precision.u * y, form) + moved
    return (Allowance(bound + d * precision.accumulate.normal + 4 * precision.eta, np.maximum(d, 1)),)


def tanh(x: Array, *, precision: Precision, tanh: str = "direct", exp: str = "accurate") -> Allowance:
    """8u|tanh| + η; as 2σ(2x) − 1, 20u absolutely."""
    y = np.abs(layer_tanh(x))
    moved = np.minimum(y, 1) * argument(precision, exp) * 2
    bound = 20 * precision.u * np.ones_like(y) if tanh == "sigmoid" else EXP * precision.u * y
    return Allowance(bound + moved + 2 * precision.eta, np.ones_like(y))


def tanh_backward(
    dy: Array, x: Array, *, precision: Precision, tanh: str = "direct", exp: str = "accurate"
) -> tuple[Allowance]:
    """20u|dy| + η; where 2σ(2x) − 1 is declared, twice 20u more through 1 − tanh²."""
    d = np.abs(dy)
    factor = (60 if tanh == "sigmoid" else 20) * precision.u + 4 * argument(precision, exp)
    return (Allowance(factor * d + 4 * precision.eta * (1 + d), np.maximum(d, 1)),)


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
    """θ_S + 8u·log S + u|z_t| + u|L| per sample, u|l| more of a difference, and γ_{N+2} of the sum; see the module."""
    u, n = precision.u, len(x)
    _, _, log_sum, theta_sum = _softmax(x, precision, exp)
    z_target = np.abs(x - x.max(axis=1, keepdims=True))[np.arange(n), target]
    z_target_error = u * z_target + 2 * precision.u_in * _finite(x).max(axis=1, initial=0)
    losses = log_sum + z_target
    each = theta_sum + EXP * u * log_sum + z_target_error + u * losses + _difference(x, log_sum, u, loss)
    total, error = losses.sum(), each.sum()
    bound = error + gamma(n + 2, u) * (total + error) + (n + 2) * precision.eta
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
    """|dy|/N · (p_k(2u|z_k| + 9u·log S + θ_S + 10u) + 4u(p_k + [k = t])); see the module."""
    u, n = precision.u, len(x)
    z, p, log_sum, theta_sum = _softmax(x, precision, exp)
    moved = 2 * precision.u_in * _finite(x).max(axis=1, keepdims=True, initial=0)
    theta = u * (2 * np.abs(z) + (EXP + 1) * log_sum[:, None] + EXP + 2) + moved
    theta = theta + _difference(x, log_sum, u, loss)[:, None]
    if exp == "base-2":  # of z_k or z_k − log S
        theta = theta + 2 * u * (np.abs(z) + log_sum[:, None])
    one_hot = np.zeros_like(x)
    one_hot[np.arange(n), target] = 1
    scale = np.abs(dy) / _count(n, reduction)
    residual = p * np.expm1(theta + theta_sum[:, None])  # of an exponent, so that no order is left out
    bound = scale * (residual + 4 * u * (p + one_hot)) + 4 * precision.eta * (1 + np.abs(dy))
    return (Allowance(bound, scale * np.ones_like(x) + _finite(x)),)


def _difference(x: Array, log_sum: Array, u: float, loss: str) -> Array:
    """u|l|, l = log Σ exp x, where that is rounded before x_t is subtracted."""
    return u * np.abs(x.max(axis=1) + log_sum) if loss == "difference" else np.zeros_like(log_sum)


def _softmax(x: Array, precision: Precision, exp: str) -> tuple[Array, Array, Array, Array]:
    """z, p, log S and θ_S of every row."""
    z = x - x.max(axis=1, keepdims=True)
    e = np.exp(z)
    z = np.where(e > 0, z, 0)  # a term that vanishes has no error either
    total = e.sum(axis=1)
    moved = 2 * precision.u_in * _finite(x).max(axis=1, keepdims=True, initial=0)
    stretched = 2 * precision.u * np.abs(z) if exp == "base-2" else 0.0
    weighted = e * np.expm1(precision.u * np.abs(z) + EXP * precision.u + moved + stretched)
    theta = weighted.sum(axis=1) / total + gamma(x.shape[1], precision.u)
    return z, e / total[:, None], np.log(total), theta


def _count(samples: int, reduction: str) -> int:
    return max(1, samples) if reduction == "mean" else 1


def _finite(x: Array) -> Array:
    return np.where(np.isfinite(x), np.abs(x), 0)
