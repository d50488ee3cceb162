"""The arrays of a case, made from its line alone.

The numbers come from the raw output of PCG64, which NumPy keeps stable across versions, and from arithmetic that IEEE
754 defines. So the same line gives the same bits everywhere.

=============  =====================================================================================================
integers       small whole numbers; statistics of batch norm such that √(σ² + ε) is a power of two
dyadic         whole numbers divided by four: exact as well, but not whole
normal         near N(0, 1), every array scaled by its own 10^U(−3, 3) (half precision: U(−1, 1))
adversarial    cancelling: terms that cancel; offset: a large mean with a small spread; one_huge: one large number
one_hot        a single 1 in the image (backward: in the cotangent), otherwise zeros; other arrays are whole numbers
special        small numbers, and among them the special values of `arrays.special`
=============  =====================================================================================================

In the layouts "expanded" and "broadcast" the cotangent (forward: the image) repeats, so that it can have a stride of 0.
It has one value per plane of pixels, or one sample for the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...bounds import format_of
from ...numeric import Array
from ..cases.case import KINDS, Case
from ..dtypes import dtype_of
from ..float_state import undisturbed
from ..operations import Shape
from .layout import repeats
from .random_bits import RandomBits
from .special import put_special_values

__all__ = ["EXACT", "Arrays", "arrays_of"]

Arrays = dict[str, "Array | None"]
VARIANCES = ("var", "running_var")
POSITIVE = (*VARIANCES, "inv_std")
EXACT = ("integers", "dyadic", "one_hot")  # modes in which sums of products are exact


@undisturbed
def arrays_of(case: Case) -> tuple[Arrays, dict[str, Any]]:
    """Arrays by name, in the order of the call, in the case's dtype, contiguous; and the options.

    >>> from nnref.oracle.cases.case import parse
    >>> arrays, options = arrays_of(parse("linear.forward float32 integers contiguous seed=2 N=1 C=2 K=1 bias=0"))
    >>> arrays["x"].dtype, arrays["weight"].shape, arrays["bias"], options
    (dtype('float32'), (1, 2), None, {})
    """
    operation, raw = case.operation, RandomBits(case.seed)
    shapes, fill = case.shapes, FILLS[case.mode]
    drawn = shapes | _repeating(case)
    arrays: Arrays = {n: None if shape is None else fill(raw, n, shape, case) for n, shape in drawn.items()}
    options = operation.options(case.geometry)
    if case.mode in EXACT:
        _make_roots_exact(raw, arrays, options, case)
    options = {name: draw(raw, shapes) for name, draw in operation.drawn_options.items()} | options
    if case.mode == "one_hot":
        _one_hot(raw, arrays, "dy" if "dy" in arrays else "x")
    if case.mode == "special":
        put_special_values(raw, arrays, case)
    dtype = dtype_of(case.dtype)
    return {n: None if a is None else _whole(a.astype(dtype), shapes[n]) for n, a in arrays.items()}, options


def _repeating(case: Case) -> dict[str, Shape]:
    """The array that repeats in a layout of stride 0, with the shape of the part that repeats."""
    name = "dy" if case.direction == "backward" else "x"
    shape = case.shapes.get(name)
    made = name == "x" and case.operation.exact_data is not None and case.mode in EXACT  # must not be changed
    once = None if shape is None or made else repeats(shape, case.layout)
    return {} if once is None else {name: once}


def _whole(array: Array, shape: Shape | None) -> Array:
    return np.array(np.broadcast_to(array, array.shape if shape is None else shape), order="C")


def _integers(raw: RandomBits, name: str, shape: Shape, case: Case) -> Array:
    return raw.integers(shape)


def _dyadic(raw: RandomBits, name: str, shape: Shape, case: Case) -> Array:
    return raw.integers(shape, 12) / 4


def _normal(raw: RandomBits, name: str, shape: Shape, case: Case) -> Array:
    decades = 1 if format_of(case.dtype).bits < 24 else 3
    values = raw.normal(shape) * raw.scale(decades)
    return np.abs(values) if _is_positive(name) else values


def _is_positive(name: str) -> bool:
    return name.rpartition(".")[2] in POSITIVE


def _adversarial(raw: RandomBits, name: str, shape: Shape, case: Case) -> Array:
    """All arrays are of the same kind."""
    kinds, half = KINDS["adversarial"], format_of(case.dtype).bits < 24
    kind = case.kind or kinds[(case.seed // 7 + case.seed) % len(kinds)]
    if _is_positive(name):
        return np.abs(raw.normal(shape)) * raw.scale(1 if half else 3) ** 2
    if kind == "cancelling":
        return (1 + raw.normal(shape) / 64) * (1 - 2 * raw.below(2, shape)) * raw.scale(1)
    if kind == "offset":
        return raw.scale(1 if half else 3) * (1 + raw.normal(shape) / 256)
    values = raw.normal(shape)
    if values.size:
        values.flat[raw.one(values.size)] *= 2.0 ** (8 if half else 20)
    return values


def _small(raw: RandomBits, name: str, shape: Shape, case: Case) -> Array:
    values = raw.normal(shape)
    return np.abs(values) + 0.5 if _is_positive(name) else values


FILLS: dict[str, Callable[[RandomBits, str, Shape, Case], Array]] = {
    "integers": _integers,
    "dyadic": _dyadic,
    "normal": _normal,
    "adversarial": _adversarial,
    "one_hot": _integers,
    "special": _small,
}


def _make_roots_exact(raw: RandomBits, arrays: Arrays, options: dict[str, Any], case: Case) -> None:
    """Choose variances and ε such that √(σ² + ε) is 1, 2 or 4."""
    if (inv_std := arrays.get("inv_std")) is not None:
        arrays["inv_std"] = 2.0 ** -raw.below(3, inv_std.shape)
    if variances := [name for name in arrays if name.rpartition(".")[2] in VARIANCES]:
        options["eps"] = (0.5, 1.0, 0.25)[raw.one(3)]
    for name in variances:
        if (var := arrays[name]) is not None:
            arrays[name] = 4.0 ** raw.below(3, var.shape) - options["eps"]
    if case.operation.exact_data is not None:
        case.operation.exact_data(raw, arrays, options)


def _one_hot(raw: RandomBits, arrays: Arrays, name: str) -> None:
    array = arrays.get(name)
    if array is not None and array.size:
        array = np.zeros(array.shape)
        array.flat[raw.one(array.size)] = 1
        arrays[name] = array
