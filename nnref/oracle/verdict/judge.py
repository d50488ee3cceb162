"""The verdict on one answer: |got − exact| ≤ bound, elementwise.

Beside the values it looks at the structure of the answer, shapes and dtypes. NaN must be where it is expected, and
infinities of the right sign; ±0 are equal. There is no verdict where intermediate results may overflow, or where the
bound does not hold (NaN). Where a convention leaves several answers open, each is right unless one is declared
(`conventions`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...arithmetic import decimals, fifty_digits
from ...bounds import Allowance
from ...numeric import Array
from ..arrays.fill import Arrays
from ..cases.case import Case
from ..dtypes import dtype_of
from ..expectation.declaration import Declaration
from ..expectation.exact import Expectation, asked_of
from ..findings import NOT_COMPUTED, Finding, Observed, Verdict
from ..float_state import undisturbed
from ..operations import Open, OpenShape
from .conventions import Answered, answered, resized

__all__ = ["Settled", "judge", "judge_settled", "may_spread", "settle"]

REFERENCE_AND_OUTWARD_ROUNDING = 1 + 2.0**-28


@dataclass(frozen=True)
class Settled:
    """What an answer is compared with.

    Attributes
    ----------
    results : for each result the exact one and the bound of its elements; None for the gradient of an absent bias
    open : for each result what conventions leave open of it; there, the bound is NaN
    nan_anywhere : whether the target declares that zeros spread NaN and infinities, and the call has some
    """

    results: tuple[tuple[Array, Array] | None, ...]
    nan_anywhere: bool
    open: tuple[tuple[Open | OpenShape, ...], ...] = ()


def judge(
    case: Case, outputs: tuple[Any, ...], arrays: Arrays, expected: Expectation, declares: Declaration
) -> Verdict:
    """Compare the outputs of a target on the arrays of a case with the expectation."""
    return judge_settled(case, outputs, settle(case, arrays, expected, declares), declares)


@undisturbed
def settle(case: Case, arrays: Arrays, expected: Expectation, declares: Declaration) -> Settled:
    """The exact results, each with the bound for its elements.

    That is the bound of the arithmetic with the rounding of storage on top; 0 where the result is not finite, because
    the answer must be the same then; NaN where there is no verdict, or where conventions leave several answers open.
    """
    results = tuple(None if pair is None else (pair[0], _bound(case, *pair, declares)) for pair in expected)
    places = tuple(() if pair is None else pair[1].open for pair in expected)
    return Settled(results, may_spread(case, arrays.values(), declares), places)


def may_spread(case: Case, arrays: Iterable[Array | None], declares: Declaration) -> bool:
    """Whether a NaN or an infinity of the call may make any result NaN: it is multiplied with zeros, or subtracted."""
    spreads = declares.nan == "spreads" or (declares.sums == "running" and "sums" in asked_of(case))
    return spreads and not all(a is None or np.isfinite(a).all() for a in arrays)


@undisturbed
def judge_settled(case: Case, outputs: tuple[Any, ...], expected: Settled, declares: Declaration) -> Verdict:
    """Compare the outputs of a target with exact results and their bounds, from `settle`."""
    names, function = tuple(case.result_shapes), case.function
    if len(outputs) != len(expected.results):
        return _wrong("structure", "", f"{len(names)} results {names}", str(len(outputs)), function)
    if all(got is NOT_COMPUTED for got in outputs):
        return _wrong("structure", "", f"one of {names} at least", "none", function)
    findings: list[Finding] = []
    observed: list[Observed] = []
    margin, judged, left = 0.0, 0, 0
    places = expected.open or [()] * len(names)
    for name, got, want, is_open in zip(names, outputs, expected.results, places, strict=True):
        if got is NOT_COMPUTED:
            continue
        if want is None or got is None:
            if (want is None) != (got is None):
                what = "None, because there is no bias" if want is None else "an array"
                verdict = _wrong("structure", name, what, "None" if got is None else type(got).__name__)
                findings += verdict.findings
            continue
        verdict = _judge_output(case, name, got, *want, is_open, declares, expected.nan_anywhere)
        findings += verdict.findings
        observed += verdict.observed
        margin, judged, left = max(margin, verdict.margin), judged + verdict.judged, left + verdict.left
    return Verdict(findings[0] if findings else None, margin, judged, left, tuple(findings[1:]), tuple(observed))


def _judge_output(
    case: Case,
    name: str,
    got: Any,
    exact: Array,
    bound: Array,
    is_open: tuple[Open | OpenShape, ...],
    declares: Declaration,
    nan_anywhere: bool,
) -> Verdict:
    whole = resized(got.shape, exact, bound, is_open, declares)
    if whole.wanted != got.shape:
        return _wrong("shape", name, str(whole.wanted), str(got.shape))
    if got.dtype != dtype_of(case.dtype):
        return _wrong("dtype", name, case.dtype, str(got.dtype))
    exact, bound = whole.exact, whole.bound
    answers = answered(got, exact, whole.open, declares, nan_anywhere)
    error, value = _error(got, exact), exact.astype(np.float64)
    settled = ~np.isnan(bound)
    judged = int(settled.sum())
    left = bound.size - judged - answers.judged
    judged, observed = judged + answers.judged, (*whole.observed, *answers.observed)
    if np.all((error <= bound) | ~settled) and not answers.wrong.any():
        ratio = np.where(settled & (bound > 0), error / np.where(bound > 0, bound, 1), 0)
        return Verdict(None, float(ratio.max(initial=0)), judged, left, (), observed)
    wide = got.astype(np.float64)
    wrong = ~_right(case, wide, value, error, bound, declares, nan_anywhere) & settled
    if wrong.any():
        return Verdict(_worst(case, name, wide, value, error, bound, wrong), np.inf, judged, left, (), observed)
    finding = _unexpected(case, name, wide, answers) if answers.wrong.any() else None
    return Verdict(finding, np.inf if finding else 0.0, judged, left, (), observed)


def _unexpected(case: Case, name: str, got: Array, answers: Answered) -> Finding:
    """A finding at the first element that has none of the right answers."""
    index = tuple(int(i) for i in np.unravel_index(np.argmax(answers.wrong), got.shape))
    wanted, bound = float(answers.wanted[index]), float(answers.bound[index])
    return Finding(
        "value", name, case.function, index=index, expected=wanted, got=float(got[index]), bound=bound, margin=np.inf
    )


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
    if precision.flush and case.operation.selects:
        bound = bound + 2 * storage.normal  # on the way, and in the end
    if storage.bits < precision.accumulate.bits:
        lost = storage.normal if precision.flush else storage.subnormal
        rounded = bound * (1 + storage.u) + storage.u * np.abs(exact) + lost
        bound = np.where(bound == 0, 0.0 if case.operation.selects else bound, rounded)
    bound = bound * REFERENCE_AND_OUTWARD_ROUNDING
    fits = (np.abs(exact) + bound <= storage.largest) & (allowance.magnitude <= precision.accumulate.largest / 4)
    bound = np.where(np.isfinite(exact), np.where(fits, bound, np.nan), 0.0)
    for place in allowance.open:
        if isinstance(place, Open):
            bound = np.where(place.where, np.nan, bound)
    return bound


def _right(
    case: Case, got: Array, exact: Array, error: Array, bound: Array, declares: Declaration, nan_anywhere: bool
) -> Array:
    """Elementwise, with what is not finite."""
    same = (got == exact) | (np.isnan(got) & np.isnan(exact))
    right = np.where(np.isfinite(exact), error <= bound, same)
    if declares.nan == "any":
        right |= np.isnan(exact)
    if nan_anywhere:
        right |= np.isnan(got)
    if declares.algorithm != "direct" and "algorithm" in asked_of(case):
        right |= ~np.isfinite(exact) & ~np.isfinite(got)
    return right


def _worst(case: Case, name: str, got: Array, exact: Array, error: Array, bound: Array, wrong: Array) -> Finding:
    ratio = np.where(bound > 0, error / bound, error * np.finfo(float).max)  # a zero bound is the tightest
    excess = np.where(wrong, np.nan_to_num(ratio, nan=np.inf), -1)
    index = tuple(int(i) for i in np.unravel_index(np.argmax(excess), excess.shape))
    e, g, b = float(exact[index]), float(got[index]), float(bound[index])
    margin = float(error[index]) / b if b > 0 and np.isfinite(e) else np.inf
    return Finding("value", name, case.function, index=index, expected=e, got=g, bound=b, margin=margin)


def _wrong(kind: str, subject: str, wanted: str, found: str, function: str = "") -> Verdict:
    return Verdict(Finding(kind, subject, function, wanted, found), np.inf)
