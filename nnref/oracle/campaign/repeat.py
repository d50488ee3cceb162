"""One case again: the verdict on it, its results beside the expected ones, and the script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..cases.case import Case
from ..findings import Finding
from ..report.script import snippet
from ..report.side_by_side import SideBySide, side_by_side
from ..search.tester import Tester
from ..targets.call import Function
from .task import Task, declaration_of, function_of, imports_of, target_of

__all__ = ["Repeated", "repeated"]


@dataclass(frozen=True)
class Repeated:
    """What came of a case.

    Attributes
    ----------
    finding : what is wrong, if anything
    unsupported : why the target does not support the case, if it does not
    side : results; None if there are none because the process has ended
    script : source text
    """

    finding: Finding | None
    unsupported: str | None
    side: SideBySide | None
    script: str = ""

    @property
    def words(self) -> str:
        """The verdict."""
        if self.unsupported is not None:
            return f"not supported: {self.unsupported}"
        return self.finding.message if self.finding else "passed"


def repeated(
    task: Task, case: Case, logged: Callable[[Function], Function] = lambda function: function
) -> Repeated | None:
    """Judge a case; None if the target has no function for it."""
    target = target_of(task)
    function = function_of(target, case.op, case.direction)
    if function is None:
        return None
    function = logged(function)
    tester = Tester(function, declaration_of(target, None))
    verdict = tester.verdict(case)
    if not isinstance(verdict, str) and not verdict.finding:
        verdict = tester.verdict(case)  # the second call shows whether the target returns the same memory again
    unsupported = verdict if isinstance(verdict, str) else None
    finding = None if isinstance(verdict, str) else verdict.finding
    side = side_by_side(case, function, tester.declares)
    return Repeated(finding, unsupported, side, snippet(case, side, finding, None, function, imports_of(task)))
