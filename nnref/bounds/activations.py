r"""Bounds of activations and of the loss.

ReLU is exact. Everything else needs an exp, for which the assumption is stated rather than derived: an implementation's
exp, σ and tanh have a relative error of at most 8u (measured over the float32 range: torch's σ 2.3u, its tanh 1.0u).
Where σ is subnormal it may be 0: 1/(1 + exp(−x)) as written overflows there.

σ'(x) = σ(1 − σ) from a computed σ̂ = σ(1 + 8u): 1 − σ̂ is off by 8uσ + u, so that dy·σ̂·(1 − σ̂) is off by at most
|dy|·σ·(8uσ + u + (1 − σ)(8u + 3u)) ≤ 13u|dy|σ, to first order; σ, not σ', for 1 − σ cancels where σ is near 1.
Likewise 1 − tanh² is off by 2·8u·tanh² + 3u, hence 20u|dy|. Second-order terms are below u each.

Cross-entropy. z_k = x_k − max x is off by u|z_k|, e_k = exp(z_k) relatively by θ_k = u|z_k| + 8u, S = Σ e_k relatively
by θ_S = Σ e_k θ_k/S + γ_K, log S absolutely by θ_S + 8u·log S. So log S − z_t is off by θ_S + 8u·log S + u|z_t| + u|L|;
the mean adds γ_{N+2}. For the gradient, p_k = e_k/S is relatively off by θ_k + θ_S + 2u; as exp(z_k − log S) by what
its exponent is off, u|z_k| + θ_S + 8u·log S + u|z_k − log S|, and 8u. Hence 2u|z_k| + 9u·log S + θ_S + 10u for both
forms, and p_t − 1, times dy/N, is off by 4u more.
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
    """Exact."""
    return exact(np.abs(x))


def relu_backward(dy: Array, x: Array, *, precision: Precision) -> tuple[Allowance]:
    """Exact."""
    (magnitude,) = layer_relu_backward(np.abs(dy), x)
    return (exact(magnitude),)


def sigmoid(x: Array, *, precision: Precision) -> Allowance:
    """8uσ, and the least normal number; an input rounded by u_in moves σ by σ·|x|·u_in and |x|·u_in/4 at most."""
    y = layer_sigmoid(x)
    moved = np.minimum(y, 0.25) * _finite(x) * precision.u_in * 2
    return Allowance(EXP * precision.u * y + moved + precision.accumulate.normal, np.ones_like(y))


def sigmoid_backward(dy: Array, x: Array, *, precision: Precision) -> tuple[Allowance]:
    """13u|dy|σ, and |dy| times the least normal number, for σ may be 0 where it is subnormal."""
    d, y = np.abs(dy), layer_sigmoid(x)
    moved = d * y * (1 + _finite(x)) * precision.u_in * 2
    bound = (EXP + 5) * precision.u * d * y + moved + d * precision.accumulate.normal + 4 * precision.eta
    return (Allowance(bound, np.maximum(d, 1)),)


def tanh(x: Array, *, precision: Precision, absolute: bool = False) -> Allowance:
    """8u|tanh| + η; where 2σ(2x) − 1 is declared, 2·8u·σ(2x) + 2u absolutely, thus 20u."""
    y = np.abs(layer_tanh(x))
    moved = np.minimum(y, 1) * precision.u_in * 2
    bound = 20 * precision.u * np.ones_like(y) if absolute else EXP * precision.u * y
    return Allowance(bound + moved + 2 * precision.eta, np.ones_like(y))


def tanh_backward(dy: Array, x: Array, *, precision: Precision, absolute: bool = False) -> tuple[Allowance]:
    """20u|dy| + η; where 2σ(2x) − 1 is declared, twice 20u more through 1 − tanh²."""
    d = np.abs(dy)
    factor = 60 if absolute else 20
    return (Allowance((factor * precision.u + 4 * precision.u_in) * d + 4 * precision.eta * (1 + d), np.maximum(d, 1)),)


def softmax_cross_entropy(x: Array, *, target: Array, reduction: str, precision: Precision) -> Allowance:
    """θ_S + 8u·log S + u|z_t| + u|L| per sample, and γ_{N+2} of the sum; see the module."""
    u, n = precision.u, len(x)
    _, _, log_sum, theta_sum = _softmax(x, precision)
    z_target = np.abs(x - x.max(axis=1, keepdims=True))[np.arange(n), target]
    z_target_error = u * z_target + 2 * precision.u_in * np.abs(x).max(axis=1, initial=0)
    loss = log_sum + z_target
    each = theta_sum + EXP * u * log_sum + z_target_error + u * loss
    total, error = loss.sum(), each.sum()
    bound = error + gamma(n + 2, u) * (total + error) + (n + 2) * precision.eta
    return Allowance(np.asarray(bound / _count(n, reduction)), np.asarray(total + np.abs(x).max(initial=0)))


def softmax_cross_entropy_backward(
    dy: Array, x: Array, *, target: Array, reduction: str, precision: Precision
) -> tuple[Allowance]:
    """|dy|/N · (p_k(2u|z_k| + 9u·log S + θ_S + 10u) + 4u(p_k + [k = t])); see the module."""
    u, n = precision.u, len(x)
    z, p, log_sum, theta_sum = _softmax(x, precision)
    moved = 2 * precision.u_in * np.abs(x).max(axis=1, keepdims=True, initial=0)
    theta = u * (2 * np.abs(z) + (EXP + 1) * log_sum[:, None] + EXP + 2) + moved
    one_hot = np.zeros_like(x)
    one_hot[np.arange(n), target] = 1
    scale = np.abs(dy) / _count(n, reduction)
    residual = p * np.expm1(theta + theta_sum[:, None])  # of an exponent, so that no order is left out
    bound = scale * (residual + 4 * u * (p + one_hot)) + 4 * precision.eta * (1 + np.abs(dy))
    return (Allowance(bound, scale * np.ones_like(x) + np.abs(x)),)


def _softmax(x: Array, precision: Precision) -> tuple[Array, Array, Array, Array]:
    """z, p, log S and θ_S of every row."""
    z = x - x.max(axis=1, keepdims=True)
    e = np.exp(z)
    z = np.where(e > 0, z, 0)  # a term that vanishes has no error either
    total = e.sum(axis=1)
    moved = 2 * precision.u_in * np.abs(x).max(axis=1, keepdims=True, initial=0)
    weighted = e * np.expm1(precision.u * np.abs(z) + EXP * precision.u + moved)
    theta = weighted.sum(axis=1) / total + gamma(x.shape[1], precision.u)
    return z, e / total[:, None], np.log(total), theta


def _count(samples: int, reduction: str) -> int:
    return max(1, samples) if reduction == "mean" else 1


def _finite(x: Array) -> Array:
    return np.where(np.isfinite(x), np.abs(x), 0)
