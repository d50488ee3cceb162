"""The arrays of a case, made from its line alone.

Only the raw output of PCG64 is used, which NumPy keeps stable across versions, and arithmetic that IEEE 754 fixes: the
same line gives the same bits everywhere.

=============  =====================================================================================================
integers       small whole numbers; statistics of batch norm such that √(σ² + ε) is a power of two
dyadic         the same over four: exact as well, but with bits behind the point
normal         near N(0, 1), every array scaled by its own 10^U(−3, 3) (half precision: U(−1, 1))
adversarial    cancelling pairs; or a large mean with a small spread; or one huge among small
one_hot        a single 1 in the image (backward: in the cotangent), all else whole numbers
special        NaN, ±inf, ±0, subnormals, ties or nothing but −inf, in one array; all else normal; every fourth seed
               NaN or ±inf in a parameter, where that is unambiguous
=============  =====================================================================================================

In the layouts "expanded" and "broadcast" the cotangent (forward: the image) repeats, so that a stride of 0 can stand
for that: one value for every plane of pixels, or one sample for the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ...bounds import format_of
from ...numeric import Array
from ..cases.case import Case
from ..float_state import undisturbed
from ..operations.rows import Shape
from .layout import repeats

__all__ = ["Arrays", "arrays_of", "quantum_of"]

Arrays = dict[str, "Array | None"]
VARIANCES = ("var", "running_var")
POSITIVE = (*VARIANCES, "inv_std")
EXACT = ("integers", "dyadic", "one_hot")
WITHOUT_QUANTUM = ("sigmoid", "tanh", "softmax_cross_entropy", "network")  # the bound of a network finds its own
# (s, ε) with s² + ε a power of four, for a batch of values μ ± s
SPREADS = ((1, 3), (1, 15), (3, 7), (2, 12))


class Raw:
    """A stream of random bits, turned into numbers by exact arithmetic."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def below(self, limit: int, shape: Shape = ()) -> Array:
        """Integers in [0, limit)."""
        raw = np.asarray(self._bits.random_raw(prod(shape)) if shape else self._bits.random_raw(), np.uint64)
        return ((raw >> np.uint64(32)) % np.uint64(limit)).astype(np.int64).reshape(shape)

    def one(self, limit: int) -> int:
        """An int in [0, limit)."""
        return (int(self._bits.random_raw()) >> 32) % limit

    def integers(self, shape: Shape, largest: int = 4) -> Array:
        """Whole numbers in [−largest, largest], as float64."""
        return (self.below(2 * largest + 1, shape) - largest).astype(np.float64)

    def normal(self, shape: Shape) -> Array:
        """Sums of four uniform numbers, of mean 0 and variance 1: near enough to normal, and reproducible."""
        raw = self.below(1 << 24, (4, *shape)).sum(axis=0) - (2 << 24)
        return np.asarray(raw * (2.0**-24 * 3**0.5))

    def scale(self, decades: int) -> float:
        """10^U(−decades, decades)."""
        return 10.0 ** ((self.one(1 << 20) * 2.0**-20 * 2 - 1) * decades)


@undisturbed
def arrays_of(case: Case) -> tuple[Arrays, dict[str, Any]]:
    """Arrays by name, in the order of the call, in the case's dtype, contiguous; and the options.

    >>> from nnref.oracle.cases.case import parse
    >>> arrays, options = arrays_of(parse("linear.forward float32 integers contiguous seed=2 N=1 C=2 K=1 bias=0"))
    >>> arrays["x"].dtype, arrays["weight"].shape, arrays["bias"], options
    (dtype('float32'), (1, 2), None, {})
    """
    operation, raw = case.operation, Raw(case.seed)
    shapes, fill = case.shapes, FILLS[case.mode]
    drawn = shapes | _repeating(case)
    arrays: Arrays = {n: None if shape is None else fill(raw, n, shape, case) for n, shape in drawn.items()}
    options = operation.options(case.geometry)
    if case.mode in EXACT:
        _make_roots_exact(raw, arrays, options, case)
    if case.op == "softmax_cross_entropy":
        n, classes = shapes["x"] or (0, 0)
        options = {"target": raw.below(classes, (n,)), **options}
    if case.mode == "one_hot":
        _one_hot(raw, arrays, "dy" if "dy" in arrays else "x")
    if case.mode == "special":
        _sprinkle(raw, arrays, case)
    dtype = dtype_of(case.dtype)
    return {n: None if a is None else _whole(a.astype(dtype), shapes[n]) for n, a in arrays.items()}, options


def _repeating(case: Case) -> dict[str, Shape]:
    """What repeats in a layout of stride 0, with the shape of what is there once."""
    name = "dy" if case.direction == "backward" else "x"
    shape = case.shapes.get(name)
    paired = case.function == "batch_norm2d_train" and case.mode in EXACT  # the batch has to be μ ± s
    once = None if shape is None or paired else repeats(shape, case.layout)
    return {} if once is None else {name: once}


def _whole(array: Array, shape: Shape | None) -> Array:
    return np.array(np.broadcast_to(array, array.shape if shape is None else shape), order="C")


def dtype_of(name: str) -> np.dtype[Any]:
    """The dtype of a name; bfloat16 is that of ml_dtypes."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def quantum_of(case: Case) -> float | None:
    """A number of which every intermediate result of a correct implementation is a multiple; None where there is none.

    A sum of such multiples is exact, in any order, while its magnitude is at most 2^bits quanta.
    """
    if case.mode not in EXACT or case.op in WITHOUT_QUANTUM:
        return None
    g, fine = case.geometry, 2.0**-2 if case.mode == "dyadic" else 1.0
    if case.op == "batch_norm2d_train":
        count = g["N"][0] * g["H"][0] * g["W"][0]
        paired = case.mode != "one_hot" or case.direction == "backward"
        return fine**4 * 2.0**-9 / count**2 if paired and count > 1 and _is_power_of_two(count) else None
    if "gamma" in case.operation.shapes(g):
        return fine**3 * 2.0**-7
    if case.op == "global_avg_pool2d":
        pixels = g["H"][0] * g["W"][0]
        return fine / pixels if _is_power_of_two(pixels) else None
    if case.op == "avg_pool2d":
        taps = prod(g["kernel"])
        whole = not any(g["padding"]) and not g["ceil_mode"][0]
        return fine / taps if whole and _is_power_of_two(taps) else None
    return fine**2


def _is_power_of_two(n: int) -> bool:
    return n & (n - 1) == 0


def _integers(raw: Raw, name: str, shape: Shape, case: Case) -> Array:
    return raw.integers(shape)


def _dyadic(raw: Raw, name: str, shape: Shape, case: Case) -> Array:
    return raw.integers(shape, 12) / 4


def _normal(raw: Raw, name: str, shape: Shape, case: Case) -> Array:
    decades = 1 if format_of(case.dtype).bits < 24 else 3
    values = raw.normal(shape) * raw.scale(decades)
    return np.abs(values) if _is_positive(name) else values


def _is_positive(name: str) -> bool:
    return name.rpartition(".")[2] in POSITIVE


def _adversarial(raw: Raw, name: str, shape: Shape, case: Case) -> Array:
    """By the seed, for all arrays alike: all cancels; or a large mean, a small spread; or one huge among small."""
    kind, half = (case.seed // 7 + case.seed) % 3, format_of(case.dtype).bits < 24
    if _is_positive(name):
        return np.abs(raw.normal(shape)) * raw.scale(1 if half else 3) ** 2
    if kind == 0:
        return (1 + raw.normal(shape) / 64) * (1 - 2 * raw.below(2, shape)) * raw.scale(1)
    if kind == 1:
        return raw.scale(1 if half else 3) * (1 + raw.normal(shape) / 256)
    values = raw.normal(shape)
    if values.size:
        values.flat[raw.one(values.size)] *= 2.0 ** (8 if half else 20)
    return values


def _small(raw: Raw, name: str, shape: Shape, case: Case) -> Array:
    values = raw.normal(shape)
    return np.abs(values) + 0.5 if _is_positive(name) else values


FILLS: dict[str, Callable[[Raw, str, Shape, Case], Array]] = {
    "integers": _integers,
    "dyadic": _dyadic,
    "normal": _normal,
    "adversarial": _adversarial,
    "one_hot": _integers,
    "special": _small,
}


def _make_roots_exact(raw: Raw, arrays: Arrays, options: dict[str, Any], case: Case) -> None:
    """Choose variances and ε so that √(σ² + ε) is 1, 2 or 4."""
    if (inv_std := arrays.get("inv_std")) is not None:
        arrays["inv_std"] = 2.0 ** -raw.below(3, inv_std.shape)
    if variances := [name for name in arrays if name.rpartition(".")[2] in VARIANCES]:
        options["eps"] = (0.5, 1.0, 0.25)[raw.one(3)]
    for name in variances:
        if (var := arrays[name]) is not None:
            arrays[name] = 4.0 ** raw.below(3, var.shape) - options["eps"]
    if case.op == "batch_norm2d_train":
        spread, options["eps"] = SPREADS[raw.one(len(SPREADS))]
        x = arrays["x"]
        assert x is not None
        n, c, height, width = x.shape
        count = n * height * width
        if count % 2 == 0:  # half of the values at μ + s, half at μ − s, in random places
            signs = 1.0 - 2 * (np.argsort(raw.below(1 << 30, (c, count)), axis=1, kind="stable") % 2)
            signs = signs.reshape(c, n, height, width).transpose(1, 0, 2, 3)
            arrays["x"] = raw.integers((c,))[:, None, None] + spread * signs


def _one_hot(raw: Raw, arrays: Arrays, name: str) -> None:
    array = arrays.get(name)
    if array is not None and array.size:
        array = np.zeros(array.shape)
        array.flat[raw.one(array.size)] = 1
        arrays[name] = array


def _sprinkle(raw: Raw, arrays: Arrays, case: Case) -> None:
    """NaN and infinities; or subnormals; or ties and signed zeros; or nothing but −inf; or all in a parameter."""
    parameters = _special_parameters(arrays, case)
    if parameters and case.seed % 4 == 3:
        name, value = parameters[case.seed // 4 % len(parameters)]
        array = arrays[name]
        if array is not None:
            array.flat[raw.one(array.size)] = value
        return
    name = _special_array(raw, arrays, case)
    array = arrays.get(name)
    if array is None or not array.size:
        return
    # a merged network has 0·∞ and ∞ − ∞ elsewhere
    kind = raw.one(4) if case.op != "network" else 1 + raw.one(3)
    if kind == 0:
        values = np.array([np.nan, np.inf, -np.inf])
        for _ in range(1 + raw.one(3)):
            array.flat[raw.one(array.size)] = values[raw.one(3)]
    elif kind == 1:
        array *= format_of(case.dtype).normal / 8
    elif kind == 2:
        arrays[name] = np.array([-1.0, -0.0, 0.0, 1.0])[raw.below(4, array.shape)]
    else:
        array[...] = -np.inf if case.op in ("max_pool2d", "relu", "sigmoid", "tanh") else 0.0


def _special_array(raw: Raw, arrays: Arrays, case: Case) -> str:
    """Where special values are unambiguous: where padding, which an implementation may store, meets finite numbers."""
    candidates = [name for name in ("x", "dy", "weight") if name in arrays]
    if "kernel" in case.geometry and case.op.startswith(("conv", "depthwise")):
        padded = any(case.geometry["padding"]) or any(case.geometry.get("output_padding", (0,)))
        ambiguous = "x" if case.op == "conv_transpose2d" else "dy"
        candidates = [name for name in candidates if name != "weight" and (name != ambiguous or not padded)]
    if len(candidates) > 1 and case.op.startswith(("conv", "depthwise", "linear")):
        candidates = [name for name in candidates if name != "weight"]
    return candidates[raw.one(len(candidates))] if candidates else "x"


def _special_parameters(arrays: Arrays, case: Case) -> list[tuple[str, float]]:
    """Parameters with what they may hold.

    A NaN in a weight goes where it is multiplied by every window and nothing stored, such as padding. An infinity goes
    where it is only added: times G, which may be 0, or less itself it is NaN in one form of batch norm and not in
    another.
    """
    found = [(name, np.nan) for name in ("bias", "gamma", "beta", "mean", "var") if arrays.get(name) is not None]
    found += [(name, sign * np.inf) for name, _ in found if name in ("bias", "beta") for sign in (1, -1)]
    padded = any(case.geometry.get("padding", (0,))) or any(case.geometry.get("output_padding", (0,)))
    slides = "backward" if case.op == "conv_transpose2d" else "forward"  # the direction in which no dy is padded
    whole = case.op == "linear" or (case.op in ("conv2d", "depthwise_conv2d", "conv_transpose2d") and not padded)
    if whole and (case.op == "linear" or case.direction == slides):
        found.append(("weight", np.nan))
    return found
