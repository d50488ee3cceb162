r"""Bounds of convolution algorithms that do not sum products of pixels and weights: Winograd's and Fourier's.

Both transform, multiply and transform back. So errors spread from large numbers to small ones nearby.

Winograd: y = Aᵀ[(G f Gᵀ) ⊙ (Bᵀ x B)]A on tiles of α×α pixels, summed over channels before the last step. Each of the
three maps is a sum of products with coefficients known in advance. So the error of a result is at most γ_k times the
same expression in absolute values (Higham, section 3.1; Barabasz, Anderson, Soodhalter & Gregg, ACM TOMS 46 (2020),
arXiv:1803.10986):

    |ŷ − y| ≤ γ_{k+C} · |Aᵀ|[Σ_c (|G||f_c||Gᵀ|) ⊙ (|Bᵀ||x_c||B|)]|A|       for each tile, elementwise

k counts the roundings of a term in both dimensions: of a row of n terms n − 1 additions, a product if a coefficient is
not a power of two, and the rounding of one that has no finite binary form; and one product. A row of G and the row of B
may be scaled against each other, and so may a column of A, without a change of the expression. That costs SCALING = 2
roundings per dimension.

A kernel of r pixels gives tiles of m = α − r + 1 results. The matrices follow from α − 1 points and ∞ (Toom and Cook).
With N_i = Π_{j≠i}(p_i − p_j), row i of G is p_i^k/N_i, column i of Aᵀ is p_i^j, and row i of Bᵀ has the coefficients of
Π_{j≠i}(z − p_j). POINTS are those in use, in their order: α = 4 takes 0, ±1 and ∞; α = 6 also ±2; larger kernels take
the next even α. "winograd" may use any of the first two that is larger than the kernel; "winograd-4" uses α = 4, where
all coefficients are halves: there, whole numbers stay exact. The tiles begin at the first result. Stride and dilation
are 1; other geometries keep the direct bound, and so do kernels of one pixel, which need no transform.

The gradient of x is such a convolution of dy with the turned kernel. The gradient of the weight is the adjoint of the
same map, Gᵀ[Σ (Bᵀ x B) ⊙ (A dy Aᵀ)]G, summed over samples and tiles.

Fourier: this bound is in norms, and holds for a whole image of a channel at once. The transform of a vector of T
numbers is off by at most T₂ = log₂T·η/(1 − log₂T·η) of its 2-norm, with η = u + γ_4(√2 + u) (Higham, theorem 24.2), the
product of two transforms by γ_4 (complex), and the inverse by T₂ again. The 2-norm of a product of transforms,
transformed back, is at most √T‖x_c‖₂‖f_c‖₂/√T. So the error of any result is at most ((1 + T₂)³(1 + γ_{C+4}) − 1) Σ_c
‖x_c‖₂ ‖f_c‖₂, with T ≥ (H + p + d·kh)(W + p + d·kw), rounded up to a power of two.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import product
from math import ceil, log2, prod, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..numeric import Array
from .rounding import Precision, gamma

__all__ = ["QUARTERS", "WINOGRAD", "Extra", "conv2d", "conv2d_backward", "transforms"]

POINTS = (0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 4.0, -4.0, 0.25, -0.25, 3.0, -3.0)
WINOGRAD = {"winograd": (4, 6), "winograd-4": (4,)}  # algorithm -> pixels of a tile along an axis
QUARTERS = 4  # parts of a quantum that are exact under "winograd-4": halves in two dimensions
SCALING = 2


class Extra(NamedTuple):
    """What an algorithm may be off beyond the direct bound, and how large its intermediate results may be."""

    bound: Array
    magnitude: Array


class Transforms(NamedTuple):
    """Aᵀ (m, α), G (α, r) and Bᵀ (α, α) of one dimension."""

    at: Array
    g: Array
    bt: Array

    @property
    def roundings(self) -> int:
        """Of a term, in this dimension."""
        return 0 if len(self.bt) == 1 else SCALING + sum(map(_roundings, self))


@cache
def transforms(tile: int, kernel: int) -> Transforms:
    """The matrices for tiles of so many pixels; a kernel of one pixel needs none.

    >>> transforms(4, 3).bt[0]
    array([-1.,  0.,  1.,  0.])
    """
    if kernel == 1:
        return Transforms(np.ones((1, 1)), np.ones((1, 1)), np.ones((1, 1)))
    points = np.array(POINTS[: tile - 1])
    results, others = tile - kernel + 1, [np.delete(points, i) for i in range(tile - 1)]
    at, g, bt = np.zeros((results, tile)), np.zeros((tile, kernel)), np.zeros((tile, tile))
    for i, point in enumerate(points):
        at[:, i] = point ** np.arange(results)
        g[i] = point ** np.arange(kernel) / np.prod(point - others[i])
        bt[i, :-1] = np.poly(others[i])[::-1]
    at[-1, -1] = g[-1, -1] = 1
    bt[-1] = np.poly(points)[::-1]
    return Transforms(at, g, bt)


def _roundings(matrix: Array) -> int:
    """The most of a row: additions, a product, and the rounding of a coefficient."""
    odd = np.frexp(np.abs(matrix))[0] * 2.0**20  # a whole number where the coefficient has few bits
    power, finite = np.isin(np.frexp(np.abs(matrix))[0], (0, 0.5)), odd == np.rint(odd)
    return int(max((row != 0).sum() - 1 for row in matrix) + (not power.all()) + (not finite.all()))


def conv2d(
    x: Array, weight: Array, *, algorithm: str, groups: int, precision: Precision, padding: Any, **options: Any
) -> Extra | None:
    """What a declared algorithm may be off beyond the direct bound: broadcasts against y; None where it is direct."""
    if algorithm == "direct":
        return None
    if algorithm == "fft":
        factor = _fourier(x, weight, weight.shape[1], precision, padding=padding, **options)
        of_x, of_weight = _norms(x), _norms(weight)  # (N,C), (K,C/g)
        n, (k, per_group) = len(x), of_weight.shape
        grouped = of_x.reshape(n, groups, 1, per_group) * of_weight.reshape(1, groups, k // groups, per_group)
        size = grouped.sum(axis=-1).reshape(n, k, 1, 1)
        return Extra(factor * size, size)
    if not _applies(algorithm, weight, **options):
        return None
    shape = _out(x, weight, padding)
    return _largest(
        _of_tiles(x, weight, shape, padding, groups, tiles, precision) for tiles in _tiles(algorithm, weight)
    )


def conv2d_backward(
    dy: Array,
    x: Array,
    weight: Array,
    *,
    algorithm: str,
    groups: int,
    precision: Precision,
    padding: Any,
    **options: Any,
) -> tuple[Extra | None, Extra | None]:
    """The same for dx and dweight: convolutions of dy with the weight, and with x."""
    if algorithm == "direct":
        return None, None
    if algorithm == "fft":
        return _fourier_backward(dy, x, weight, groups=groups, precision=precision, padding=padding, **options)
    if not _applies(algorithm, weight, **options):
        return None, None
    k, per_group, *kernel = weight.shape
    turned = weight.reshape(groups, k // groups, per_group, *kernel).swapaxes(1, 2)[..., ::-1, ::-1]
    turned = turned.reshape(groups * per_group, k // groups, *kernel)
    margins = tuple((r - 1 - before, r - 1 - after) for r, (before, after) in zip(kernel, padding, strict=True))
    of = _tiles(algorithm, weight)
    dx = _largest(_of_tiles(dy, turned, x.shape[2:], margins, groups, tiles, precision) for tiles in of)
    dweight = _largest(_of_weight(dy, x, kernel, padding, groups, tiles, precision) for tiles in of)
    return dx, dweight


def _applies(algorithm: str, weight: Array, *, stride: Any, dilation: Any, **_: Any) -> bool:
    plain = tuple(stride) == tuple(dilation) == (1, 1) and max(weight.shape[2:]) > 1
    return plain and bool(_tiles(algorithm, weight))


def _tiles(algorithm: str, weight: Array) -> list[tuple[int, int]]:
    """The tiles that an algorithm may use, (vertical, horizontal)."""
    each = []
    for kernel in weight.shape[2:]:
        usable = [tile for tile in WINOGRAD.get(algorithm, ()) if tile > kernel]
        if not usable and algorithm == "winograd" and kernel + 1 < len(POINTS):
            usable = [kernel + 1 + (kernel + 1) % 2]  # the next even number
        each.append(usable)
    rows, columns = each
    return list(product(rows, columns))


def _largest(bounds: Iterable[Extra]) -> Extra:
    each = list(bounds)
    return Extra(np.maximum.reduce([b for b, _ in each]), np.maximum.reduce([m for _, m in each]))


def _out(x: Array, weight: Array, padding: Any) -> tuple[int, ...]:
    return tuple(x.shape[2 + a] + sum(padding[a]) - weight.shape[2 + a] + 1 for a in (0, 1))


def _of_tiles(
    x: Array,
    weight: Array,
    out: tuple[int, ...],
    padding: Any,
    groups: int,
    tiles: tuple[int, int],
    precision: Precision,
) -> Extra:
    """γ_{k+C} times the map in absolute values: (N, K, *out)."""
    k, per_group, *kernel = weight.shape
    matrices = [transforms(tile, r) for tile, r in zip(tiles, kernel, strict=True)]
    pixels = _transformed(_cut(x, out, padding, matrices), matrices)
    filters = _both([np.abs(m.g) for m in matrices], np.abs(weight))
    n, _, *grid = pixels.shape
    pixels = pixels.reshape(n, groups, per_group, *grid)
    filters = filters.reshape(groups, k // groups, per_group, *filters.shape[2:])
    products = np.einsum("ngcijab,gkcab->ngkijab", pixels, filters).reshape(n, k, *grid)
    results = _both([np.abs(m.at) for m in matrices], products)  # (N,K,i,j,m,m)
    whole = results.swapaxes(3, 4).reshape(n, k, grid[0] * results.shape[4], grid[1] * results.shape[5])
    whole = whole[:, :, : out[0], : out[1]]
    return Extra(_relative(matrices, per_group, precision) * whole, whole)


def _of_weight(
    dy: Array, x: Array, kernel: Any, padding: Any, groups: int, tiles: tuple[int, int], precision: Precision
) -> Extra:
    """The same for the gradient of the weight, (K, C/g, kh, kw)."""
    matrices = [transforms(tile, r) for tile, r in zip(tiles, kernel, strict=True)]
    pixels = _transformed(_cut(x, dy.shape[2:], padding, matrices), matrices)
    n, c, *grid = pixels.shape
    m = [len(matrix.at) for matrix in matrices]
    filled = np.zeros((n, dy.shape[1], grid[0] * m[0], grid[1] * m[1]))
    filled[:, :, : dy.shape[2], : dy.shape[3]] = np.abs(dy)
    cotangents = filled.reshape(n, dy.shape[1], grid[0], m[0], grid[1], m[1]).swapaxes(3, 4)
    cotangents = _both([np.abs(matrix.at).T for matrix in matrices], cotangents)
    pixels = pixels.reshape(n, groups, c // groups, *grid)
    cotangents = cotangents.reshape(n, groups, dy.shape[1] // groups, *grid)
    products = np.einsum("ngcijab,ngkijab->gkcab", pixels, cotangents)
    results = _both([np.abs(matrix.g).T for matrix in matrices], products).reshape(dy.shape[1], c // groups, *kernel)
    return Extra(_relative(matrices, n * prod(grid[:2]), precision) * results, results)


def _relative(matrices: list[Transforms], terms: int, precision: Precision) -> float:
    return precision.relative(sum(m.roundings for m in matrices) + 1 + terms, factors=2)


def _cut(x: Array, out: tuple[int, ...], padding: Any, matrices: list[Transforms]) -> Array:
    """|x| in overlapping tiles from the first result on: (N, C, i, j, α, α)."""
    steps, sizes = [len(m.at) for m in matrices], [len(m.bt) for m in matrices]
    counts = [-(-size // step) for size, step in zip(out, steps, strict=True)]
    reach = [(count - 1) * step + size for count, step, size in zip(counts, steps, sizes, strict=True)]
    canvas = np.zeros((*x.shape[:2], *reach))
    place, taken = [], []
    for axis in (0, 1):
        before, size = padding[axis][0], x.shape[2 + axis]
        first, last = max(0, -before), min(size, reach[axis] - before)  # a margin may be negative
        taken.append(slice(first, max(first, last)))
        place.append(slice(first + before, max(first, last) + before))
    canvas[:, :, place[0], place[1]] = np.abs(x)[:, :, taken[0], taken[1]]
    return sliding_window_view(canvas, sizes, axis=(2, 3))[:, :, :: steps[0], :: steps[1]]


def _transformed(tiles: Array, matrices: list[Transforms]) -> Array:
    return _both([np.abs(m.bt) for m in matrices], tiles)


def _both(matrices: list[Array], tiles: Array) -> Array:
    """M t M′ᵀ on the last two axes."""
    return np.asarray(matrices[0] @ tiles @ matrices[1].T)


def _norms(array: Array) -> Array:
    """The 2-norm of every image."""
    flat = array.reshape(*array.shape[:2], prod(array.shape[2:]))
    return np.asarray(np.sqrt((flat**2).sum(axis=-1)))


def _fourier_backward(
    dy: Array, x: Array, weight: Array, *, groups: int, precision: Precision, **options: Any
) -> tuple[Extra, Extra]:
    k, per_group = weight.shape[:2]
    n, per_output = len(x), k // groups
    to_dx = _fourier(x, weight, per_output, precision, **options)
    to_dweight = _fourier(x, weight, n, precision, **options)
    of_dy, of_x, of_weight = map(_norms, (dy, x, weight))
    of_dy = of_dy.reshape(n, groups, per_output)
    dx = np.einsum("ngk,gkc->ngc", of_dy, of_weight.reshape(groups, per_output, per_group))
    dweight = np.einsum("ngk,ngc->gkc", of_dy, of_x.reshape(n, groups, per_group))
    dx, dweight = dx.reshape(n, groups * per_group, 1, 1), dweight.reshape(k, per_group, 1, 1)
    return Extra(to_dx * dx, dx), Extra(to_dweight * dweight, dweight)


def _fourier(x: Array, weight: Array, channels: int, precision: Precision, **options: Any) -> float:
    size = prod(
        2 ** ceil(log2(x.shape[2 + a] + sum(options["padding"][a]) + options["dilation"][a] * weight.shape[2 + a]))
        for a in (0, 1)
    )
    eta = precision.u + gamma(4, precision.u) * (sqrt(2) + precision.u)
    transform = log2(size) * eta / (1 - log2(size) * eta)
    return float((1 + transform) ** 3 * (1 + gamma(channels + 4, precision.u)) - 1)
