"""What a case's exact result is, and how far a correct one may be from it.

The expectation is nnref's own layer, run in a wider arithmetic: float64 for targets of float32 and below, 50 digits of
Decimal for float64. The reference's own error needs no term: the bounds grow at least linearly in u, so in float64 it
is below 2⁻²⁹ of the bound for float32, and the judge widens every bound by 2⁻²⁸.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

import nnref

from ...algebra.reductions.batch_norm import fuse_conv_batch_norm, fuse_conv_transpose_batch_norm
from ...arithmetic import decimals, fifty_digits
from ...bounds import Allowance, fast_convolution
from ...bounds.pooling import tied_pixels
from ...numeric import Array
from ..arrays.fill import Arrays, quantum_of
from ..cases.case import Case
from ..float_state import undisturbed
from .declaration import Declaration

__all__ = ["Expectation", "expectation"]

# what the bound of an operation depends on, of a declaration
ASKED = {
    "batch_norm2d_train": ("variance",),
    "sigmoid": ("sigmoid", "exp"),
    "tanh": ("tanh", "exp"),
    "softmax_cross_entropy": ("loss", "exp"),
    "network": ("sigmoid", "tanh", "exp"),
}

# (exact result, allowance), None for the gradient of an absent bias
Expectation = tuple["tuple[Array, Allowance] | None", ...]


@undisturbed
def expectation(case: Case, arrays: Arrays, options: dict[str, Any], declares: Declaration) -> Expectation:
    """Exact results of a case, in float64 or Decimal, each with its `Allowance` under the target's declaration."""
    wide = [None if a is None else a.astype(np.float64) for a in arrays.values()]
    allowances = _allowances(case, wide, options, declares)
    if case.dtype != "float64" or all(a is None or not a.bound.any() for a in allowances):
        results = _results(case, wide, options)
    elif case.mode == "special":  # Decimal has no arithmetic for these; two right results differ by twice the bound
        allowances = tuple(None if a is None else Allowance(2 * a.bound, a.magnitude) for a in allowances)
        results = _results(case, wide, options)
    else:
        with fifty_digits():
            results = _results(case, [None if a is None else decimals(a) for a in wide], options)
    return tuple(None if r is None or a is None else (r, a) for r, a in zip(results, allowances, strict=True))


def _results(case: Case, arrays: list[Any], options: dict[str, Any]) -> tuple[Array | None, ...]:
    if case.op == "fold_conv_batch_norm":
        return _folded(nnref.Conv2d, fuse_conv_batch_norm, arrays, options)
    if case.op == "fold_conv_transpose_batch_norm":
        return _folded(nnref.ConvTranspose2d, fuse_conv_transpose_batch_norm, arrays, options)
    if case.op == "network":
        (net, x), _ = case.operation.arguments(case.shapes, arrays, options)
        return (net(x),)
    result = getattr(nnref, case.function)(*arrays, **options)
    return result if isinstance(result, tuple) else (result,)


def _folded(kind: Any, fuse: Any, arrays: list[Any], options: dict[str, Any]) -> tuple[Array, Array]:
    weight, bias, gamma, beta, mean, var = arrays
    conv = kind.from_arrays(weight=weight, bias=bias, options={k: v for k, v in options.items() if k != "eps"})
    given = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": var}
    bn = nnref.BatchNorm2d.from_arrays(**given, options={"eps": options["eps"]}).eval()
    params = fuse(conv, bn).params
    return params["weight"], params["bias"]


def _allowances(
    case: Case, arrays: list[Any], options: dict[str, Any], declares: Declaration
) -> tuple[Allowance | None, ...]:
    bound = getattr(case.operation.bounds, case.function)
    precision = declares.precision(case.dtype)
    extra: dict[str, Any] = {name: getattr(declares, name) for name in ASKED.get(case.op, ())}
    if case.op == "network":
        extra["exact_roots"] = declares.square_root == "rounded"
    by_position, by_keyword = case.operation.arguments(case.shapes, arrays, options)
    found = bound(*by_position, **by_keyword, **extra, precision=precision)
    found = (found,) if isinstance(found, Allowance) else found
    if case.function == "max_pool2d_backward":
        open_ties = _open_ties(arrays[1], options, declares, precision.storage.normal)
        if np.any(open_ties):
            return (Allowance(np.where(open_ties, np.nan, found[0].bound), found[0].magnitude),)
    if case.op == "network" and declares.algorithm != "direct":  # whose bounds do not compose
        return (Allowance(np.full_like(found[0].bound, np.nan), found[0].magnitude),)
    if case.op in ("conv2d", "depthwise_conv2d") and declares.algorithm != "direct":
        found, direct = _by_algorithm(case, arrays, options, declares, found)
        if not direct:
            return found
    quantum = quantum_of(case)
    rounded = (declares.square_root != "rounded" and "eps" in options) or _divides_by_three(case, declares)
    if quantum is None or rounded:
        return found
    largest = quantum * 2.0 ** min(precision.accumulate.bits, precision.storage.bits)
    return tuple(None if a is None else _exact_where_small(a, largest) for a in found)


def _open_ties(x: Array, options: dict[str, Any], declares: Declaration, normal: float) -> Any:
    """Pixels whose gradient depends on where those of ties go, or on which subnormal numbers are taken for zero."""
    if declares.ties == "any":
        return tied_pixels(x, **options)
    small = (np.abs(x) < normal) & (x != 0)
    if declares.subnormals == "kept" or not small.any():
        return False
    flushed = np.where(small, 0.0, x)
    return tied_pixels(flushed, **options) & (flushed == 0)


def _by_algorithm(
    case: Case, arrays: list[Any], options: dict[str, Any], declares: Declaration, found: tuple[Allowance | None, ...]
) -> tuple[tuple[Allowance | None, ...], bool]:
    """The direct bounds with what a declared algorithm may be off on top; and whether nothing was added."""
    groups = {"groups": case.geometry["C"][0]} if case.op == "depthwise_conv2d" else {}
    given = {"algorithm": declares.algorithm, "precision": declares.precision(case.dtype), **options, **groups}
    if case.direction == "forward":
        extra: tuple[Any, ...] = (fast_convolution.conv2d(*arrays[:2], **given),)
    else:
        extra = (*fast_convolution.conv2d_backward(*arrays[:3], **given), 0.0)
    pairs = zip(found, extra, strict=True)
    raised = tuple(None if a is None else Allowance(a.bound + more, a.magnitude) for a, more in pairs)
    return raised, all(np.ndim(more) == 0 for more in extra)


def _divides_by_three(case: Case, declares: Declaration) -> bool:
    """Whether a running mean takes in a third value."""
    merging = case.op == "batch_norm2d_train" and declares.variance == "welford"
    return merging and prod(case.geometry[name][0] for name in ("N", "H", "W")) > 2


def _exact_where_small(allowance: Allowance, largest: float) -> Allowance:
    """No error at all where every partial sum is representable."""
    bound = np.where(allowance.magnitude <= largest, 0.0, allowance.bound)
    return Allowance(bound, allowance.magnitude)
