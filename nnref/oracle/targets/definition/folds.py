r"""A convolution followed by batch norm with given statistics, as one convolution.

    batch norm:   z = G*y + g,   G = gamma / sqrt(var + eps),   g = beta - G*mean
    convolution:  y = weight * x + bias
    together:     z = (G*weight) * x + (G*bias + g)

G belongs to the channel that batch norm sees. For `conv2d` that is the filter k, the first axis of
weight (K, C//groups, kh, kw). For `conv_transpose2d`, whose weight has the same shape, it is the
output channel c = g*(C//groups) + j: the second axis, j, in the group g of the filter k.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from numpy.typing import NDArray

from .elements import constant, divide, over_elements, sqrt, zero, zeros

Array = NDArray[Any]


def _scale(gamma: Array, var: Array, eps: Any) -> list[Any]:
    """G[c] = gamma[c] / sqrt(var[c] + eps)"""
    return [divide(gamma[c], sqrt(var[c] + constant(var[c], eps))) for c in range(gamma.shape[0])]


def _folded_bias(bias: Array | None, scale: list[Any], beta: Array, mean: Array) -> Array:
    """G*bias + beta - G*mean; an absent bias is 0."""
    folded = zeros(beta.shape, beta)
    for c in range(beta.shape[0]):
        b = zero(beta) if bias is None else bias[c]
        folded[c] = scale[c] * (b - mean[c]) + beta[c]
    return folded


@over_elements
def fold_conv_batch_norm(
    weight: Array,
    bias: Array | None,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    *,
    eps: Any,
) -> tuple[Array, Array]:
    """weight'[k,c,a,b] = G[k] * weight[k,c,a,b];  bias'[k] = G[k]*(bias[k] - mean[k]) + beta[k]."""
    scale = _scale(gamma, var, eps)
    folded = zeros(weight.shape, weight)
    for k, c, a, b in product(*map(range, weight.shape)):
        folded[k, c, a, b] = scale[k] * weight[k, c, a, b]
    return folded, _folded_bias(bias, scale, beta, mean)


@over_elements
def fold_conv_transpose_batch_norm(
    weight: Array,
    bias: Array | None,
    gamma: Array,
    beta: Array,
    mean: Array,
    var: Array,
    *,
    eps: Any,
    groups: int,
) -> tuple[Array, Array]:
    """weight'[k,j,a,b] = G[c] * weight[k,j,a,b],  c = g*(C//groups) + j,  g = k // (K//groups)"""
    scale = _scale(gamma, var, eps)
    filters, channels = weight.shape[:2]  # K, C//groups
    folded = zeros(weight.shape, weight)
    for k, j, a, b in product(*map(range, weight.shape)):
        c = k // (filters // groups) * channels + j
        folded[k, j, a, b] = scale[c] * weight[k, j, a, b]
    return folded, _folded_bias(bias, scale, beta, mean)
