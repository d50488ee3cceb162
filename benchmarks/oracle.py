"""The cost of a case of the oracle: drawing by hypothesis, data, target, exact result, bound and verdict."""

from __future__ import annotations

import statistics
import time

import nnref
from nnref.oracle import OPERATIONS
from nnref.oracle.campaign.task import function_of
from nnref.oracle.cases.case import MODES
from nnref.oracle.cases.drawn import cases
from nnref.oracle.search.search import drawn
from nnref.oracle.search.tester import Tester

__all__ = ["cases_a_second", "median_rate"]


def cases_a_second(examples: int) -> dict[str, float]:
    """Drawn float32 cases per second on one core, by operation and direction; the target is nnref's own layers."""
    return {
        f"{op}.{direction}": _rate(op, direction, examples)
        for op, operation in OPERATIONS.items()
        for direction in operation.directions
        if function_of(nnref, op, direction)
    }


def median_rate(rates: dict[str, float]) -> float:
    """The median of the rates."""
    return statistics.median(rates.values())


def _rate(op: str, direction: str, examples: int) -> float:
    tester, judged = Tester(getattr(nnref, op if direction == "forward" else f"{op}_backward")), 0

    def visit(case: object) -> float:
        nonlocal judged
        judged += 1
        verdict = tester.verdict(case)  # type: ignore[arg-type]
        return 0.0 if isinstance(verdict, str) else verdict.margin

    drawn(cases(op, direction=direction), visit, 10, seed=1)  # fill the caches before the clock starts
    judged, started = 0, time.perf_counter()
    for mode in MODES:
        drawn(cases(op, direction=direction, modes=(mode,)), visit, max(1, examples // len(MODES)), seed=0)
    return judged / (time.perf_counter() - started)
