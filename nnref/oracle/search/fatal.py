"""Failures that end the target's process: a crash or a hang, where every call costs a new process or a wait."""

from __future__ import annotations

from collections.abc import Sequence

from ..limits import Clock
from ..verdict.row import Failure
from .known import Known, data_of, signature
from .shrink import ENDLESS, Failing, shrink

__all__ = ["fatal_again"]

BUDGET = 60  # calls


def fatal_again(
    failure: Failure, before: Sequence[Known], failing: Failing, clock: Clock = ENDLESS
) -> tuple[Known, Failure]:
    """The failure at its smallest case, and what is not to be called again: cases of that mode that contain it.

    Where it is one `before` with other data, that is small enough, and the same failure.
    """
    for known in before:
        case = failure.case.but(geometry=known.case.geometry, layout=known.case.layout)
        if known.is_fatal and (finding := failing(case)) and finding.kind == failure.finding.kind:
            return known.with_data_of(failure.case), Failure(known.case, finding)
    case, finding = shrink(failure.case, failure.finding, failing, rounds=(1,), budget=BUDGET, clock=clock)
    return Known(case, frozenset({signature(finding)}), data_of(case)), Failure(case, finding)
