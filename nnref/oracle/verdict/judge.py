"""The verdict on one answer: |got − exact| ≤ bound, elementwise.

Beside the values it looks at the structure of the answer, shapes and dtypes. NaN must be where it is expected, and
infinities of the right sign; ±0 are equal. There is no verdict where intermediate results may overflow, or where the
bound does not hold (NaN).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...arithmetic import decimals, fifty_digits
from ...bounds import Allowance
from ...numeric import Array
from ..arrays.fill import arrays_of, dtype_of
from ..cases.case import Case
from ..expectation.declaration import Declaration
from ..expectation.exact import Expectation
from ..float_state import undisturbed

__all__ = ["NOT_COMPUTED", "Finding", "Settled", "Verdict", "judge", "judge_settled", "output_names", "settle"]

REFERENCE_AND_OUTWARD_ROUNDING = 1 + 2.0**-28
UNORDERED = ("batch_norm2d_train", "softmax_cross_entropy")  # ∞ − ∞·p is NaN or not by the order of terms

# (exact result, bound of the judge), None for the gradient of an absent bias
Settled = tuple["tuple[Array, Array] | None", ...]


class _NotComputed:
    def __repr__(self) -> str:
        return "NOT_COMPUTED"


NOT_COMPUTED = _NotComputed()  # a target returns it in place of a gradient that it does not offer


@dataclass(frozen=True)
class Finding:
    """What is wrong with an answer: the kind, a sentence, and for a wrong value the worst element."""

    kind: str
    message: str
    output: str = ""
    index: tuple[int, ...] = ()
    expected: float | None = None
    got: float | None = None
    bound: float | None = None
    margin: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}


@dataclass(frozen=True)
class Verdict:
    """A finding or none, the largest |got − exact| / bound, and of how many elements there was a verdict, or none."""

    finding: Finding | None = None
    margin: float = 0.0
    judged: int = 0
    left: int = 0


def output_names(case: Case) -> tuple[str, ...]:
    """Names of the results, in order."""
    if case.op.startswith("fold_"):
        return ("weight", "bias")
    if case.direction == "forward":
        return ("y",)
    return tuple(f"d{name}" for name in case.operation.shapes(case.geometry))


def judge(case: Case, outputs: tuple[Any, ...], expected: Expectation, declares: Declaration) -> Verdict:
    """Hold the outputs of a target against the expectation."""
    return judge_settled(case, outputs, settle(case, expected, declares), declares)


@undisturbed
def settle(case: Case, expected: Expectation, declares: Declaration) -> Settled:
    """The exact results, each with the bound that its elements are held to.

    That is the bound of the arithmetic with the rounding of storage on top; 0 where the result is not finite, for it
    must be the same then; NaN where there is no verdict.
    """
    return tuple(None if pair is None else (pair[0], _bound(case, *pair, declares)) for pair in expected)


@undisturbed
def judge_settled(case: Case, outputs: tuple[Any, ...], expected: Settled, declares: Declaration) -> Verdict:
    """Hold the outputs of a target against exact results and their bounds, from `settle`."""
    names = output_names(case)
    if len(outputs) != len(expected):
        return _wrong("structure", f"{case.function} must return {len(expected)} results {names}, got {len(outputs)}")
    if all(got is NOT_COMPUTED for got in outputs):
        return _wrong("structure", f"{case.function} must compute one of {names} at least, got none")
    margin, judged, left = 0.0, 0, 0
    for name, got, want in zip(names, outputs, expected, strict=True):
        if got is NOT_COMPUTED:
            continue
        if want is None or got is None:
            if (want is None) != (got is None):
                what = "None, for there is no bias" if want is None else "an array"
                return _wrong("structure", f"{name} must be {what}, got {_kind(got)}", name)
            continue
        verdict = _judge_output(case, name, got, *want, declares)
        if verdict.finding:
            return verdict
        margin, judged, left = max(margin, verdict.margin), judged + verdict.judged, left + verdict.left
    return Verdict(None, margin, judged, left)


def _judge_output(case: Case, name: str, got: Any, exact: Array, bound: Array, declares: Declaration) -> Verdict:
    if got.shape != exact.shape:
        return _wrong("shape", f"{name} must have shape {exact.shape}, got {got.shape}", name)
    if got.dtype != dtype_of(case.dtype):
        return _wrong("dtype", f"{name} must have dtype {case.dtype}, got {got.dtype}", name)
    error, value = _error(got, exact), exact.astype(np.float64)
    settled = ~np.isnan(bound)
    judged = int(settled.sum())
    left = bound.size - judged
    if np.all((error <= bound) | ~settled):
        ratio = np.where(settled & (bound > 0), error / np.where(bound > 0, bound, 1), 0)
        return Verdict(None, float(ratio.max(initial=0)), judged, left)
    wide = got.astype(np.float64)
    wrong = ~_right(case, wide, value, error, bound, declares) & settled
    if not wrong.any():
        return Verdict(None, 0.0, judged, left)
    return Verdict(_worst(name, wide, value, error, bound, wrong), np.inf, judged, left)


def _error(got: Array, exact: Array) -> Array:
    """|got − exact| in float64; of a Decimal, rounded only then."""
    if exact.dtype != object:
        return np.abs(got.astype(np.float64) - exact)
    if not np.isfinite(got).all():
        return np.abs(got - exact.astype(np.float64))
    with fifty_digits():
        return np.asarray(np.abs(decimals(got) - exact), object).astype(np.float64)


def _bound(case: Case, result: Array, allowance: Allowance, declares: Declaration) -> Array:
    precision = declares.precision(case.dtype)
    storage, bound = precision.storage, allowance.bound
    exact = result.astype(np.float64)
    if precision.flush and _is_selection(case):
        bound = bound + storage.normal
    if storage.bits < precision.accumulate.bits:
        lost = storage.normal if precision.flush else storage.subnormal
        rounded = bound * (1 + storage.u) + storage.u * np.abs(exact) + lost
        bound = np.where(bound == 0, 0.0 if _is_selection(case) else bound, rounded)
    bound = bound * REFERENCE_AND_OUTWARD_ROUNDING
    fits = (np.abs(exact) + bound <= storage.largest) & (allowance.magnitude <= precision.accumulate.largest / 4)
    return np.where(np.isfinite(exact), np.where(fits, bound, np.nan), 0.0)


def _is_selection(case: Case) -> bool:
    return case.op in ("max_pool2d", "relu", "flatten", "zero_pad2d")


def _right(case: Case, got: Array, exact: Array, error: Array, bound: Array, declares: Declaration) -> Array:
    """Elementwise, with what is not finite."""
    same = (got == exact) | (np.isnan(got) & np.isnan(exact))
    right = np.where(np.isfinite(exact), error <= bound, same)
    if declares.nan == "any":
        right |= np.isnan(exact)
    if declares.nan == "spreads" and np.isnan(got).any() and _has_non_finite(case):
        right |= np.isnan(got)
    if case.op in UNORDERED or declares.algorithm != "direct":
        right |= ~np.isfinite(exact) & ~np.isfinite(got)
    return right


def _has_non_finite(case: Case) -> bool:
    return not all(array is None or np.isfinite(array).all() for array in arrays_of(case)[0].values())


def _worst(name: str, got: Array, exact: Array, error: Array, bound: Array, wrong: Array) -> Finding:
    ratio = np.where(bound > 0, error / bound, error * np.finfo(float).max)  # a zero bound is the tightest
    excess = np.where(wrong, np.nan_to_num(ratio, nan=np.inf), -1)
    index = tuple(int(i) for i in np.unravel_index(np.argmax(excess), excess.shape))
    e, g, b = float(exact[index]), float(got[index]), float(bound[index])
    margin = float(error[index]) / b if b > 0 and np.isfinite(e) else np.inf
    place = f"{name}[{', '.join(map(str, index))}]" if index else name
    text = f"{place} must be {e!r}" + (f" ± {b:.3g}" if b > 0 else " exactly") + f", got {g!r}"
    if b > 0 and np.isfinite(margin):
        text += f", off by {margin:.3g} times the bound"
    return Finding("value", text, name, index, e, g, b, margin)


def _wrong(kind: str, message: str, output: str = "") -> Verdict:
    return Verdict(Finding(kind, message, output), np.inf)


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__
