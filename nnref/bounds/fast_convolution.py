r"""Bounds of convolution algorithms that do not sum products of pixels and weights: Winograd's and Fourier's.

Both transform, multiply and transform back. So errors spread from large numbers to small ones nearby, and the bounds
are in norms, not elementwise: each holds for a whole image of a channel at once.

Winograd: y = Aᵀ[(G f Gᵀ) ⊙ (Bᵀ x B)]A on tiles, summed over channels before the last step. Each of the three maps is a
sum of products with coefficients known in advance. So the error of a result is at most γ_k times the same expression in
absolute values (Higham, section 3.1; the same analysis, sharper, in Barabasz, Anderson, Soodhalter &
Gregg, ACM TOMS 46 (2020), arXiv:1803.10986). k counts the roundings of a term on a tile of at most 6×6: in each of two
dimensions 4 for G (three terms, and the coefficient), 4 for B, 5 for A, one product, and C for the channels: 27 + C. In
absolute values, with ‖·‖ the largest row sum,

    |y| ≤ (‖Aᵀ‖ ‖G‖ ‖Bᵀ‖)² Σ_c max|x_c| max|f_c|

For F(2,3) the three norms are 3, 3/2 and 2; for F(4,3) they are 19, 1 and 10. So κ = 190, and κ² = 36100 covers both.
The algorithm applies to 3×3 kernels of stride and dilation 1; other geometries keep the direct bound.

Fourier: the transform of a vector of T numbers is off by at most T₂ = log₂T·η/(1 − log₂T·η) of its 2-norm, with
η = u + γ_4(√2 + u) (Higham, theorem 24.2), the product of two transforms by γ_4 (complex), and the inverse by T₂ again.
The 2-norm of a product of transforms, transformed back, is at most √T‖x_c‖₂‖f_c‖₂/√T. So the error of any result is at
most ((1 + T₂)³(1 + γ_{C+4}) − 1) Σ_c ‖x_c‖₂ ‖f_c‖₂, with T ≥ (H + p + d·kh)(W + p + d·kw), rounded up to a power of
two.
"""

from __future__ import annotations

from math import ceil, log2, prod, sqrt
from typing import Any

import numpy as np

from ..numeric import Array
from .rounding import Precision, gamma

__all__ = ["conv2d", "conv2d_backward"]

KAPPA = 19 * 1 * 10  # of Winograd's F(4,3), the worst in use
ROUNDINGS = 27  # of a tile


def conv2d(
    x: Array, weight: Array, *, algorithm: str, groups: int, precision: Precision, **options: Any
) -> Array | float:
    """What a declared algorithm may be off beyond the direct bound: (N, K, 1, 1), or 0 where it is not applicable."""
    factor = _factor(algorithm, x, weight, weight.shape[1], precision, **options)
    if factor == 0:
        return 0.0
    of_x, of_weight = _sizes(algorithm, x), _sizes(algorithm, weight)  # (N,C), (K,C/g)
    n, (k, per_group) = len(x), of_weight.shape
    grouped = of_x.reshape(n, groups, 1, per_group) * of_weight.reshape(1, groups, k // groups, per_group)
    return np.asarray(factor * grouped.sum(axis=-1).reshape(n, k, 1, 1))


def conv2d_backward(
    dy: Array, x: Array, weight: Array, *, algorithm: str, groups: int, precision: Precision, **options: Any
) -> tuple[Array | float, Array | float]:
    """The same for dx, (N, C, 1, 1), and dweight, (K, C/g, 1, 1): convolutions of dy with the weight, and with x."""
    k, per_group = weight.shape[:2]
    n, per_output = len(x), k // groups
    to_dx = _factor(algorithm, x, weight, per_output, precision, **options)
    to_dweight = _factor(algorithm, x, weight, n, precision, **options)
    if to_dx == 0:
        return 0.0, 0.0
    of_dy, of_x, of_weight = (_sizes(algorithm, array) for array in (dy, x, weight))
    of_dy = of_dy.reshape(n, groups, per_output)
    dx = np.einsum("ngk,gkc->ngc", of_dy, of_weight.reshape(groups, per_output, per_group))
    dweight = np.einsum("ngk,ngc->gkc", of_dy, of_x.reshape(n, groups, per_group))
    tiles = prod(dy.shape[2:]) if algorithm == "winograd" else 1  # each adds to the gradient of the weight
    return to_dx * dx.reshape(n, groups * per_group, 1, 1), to_dweight * tiles * dweight.reshape(k, per_group, 1, 1)


def _sizes(algorithm: str, array: Array) -> Array:
    """Of every image: the largest magnitude, or the 2-norm."""
    flat = np.abs(array).reshape(*array.shape[:2], prod(array.shape[2:]))
    return np.asarray(flat.max(axis=-1, initial=0) if algorithm == "winograd" else np.sqrt((flat**2).sum(axis=-1)))


def _factor(algorithm: str, x: Array, weight: Array, channels: int, precision: Precision, **options: Any) -> float:
    if algorithm == "direct":
        return 0.0
    if algorithm == "winograd":
        plain = weight.shape[2:] == (3, 3) and options["stride"] == options["dilation"] == (1, 1)
        return gamma(ROUNDINGS + channels, precision.u) * KAPPA**2 if plain else 0.0
    size = prod(
        2 ** ceil(log2(x.shape[2 + a] + sum(options["padding"][a]) + options["dilation"][a] * weight.shape[2 + a]))
        for a in (0, 1)
    )
    eta = precision.u + gamma(4, precision.u) * (sqrt(2) + precision.u)
    transform = log2(size) * eta / (1 - log2(size) * eta)
    return float((1 + transform) ** 3 * (1 + gamma(channels + 4, precision.u)) - 1)
