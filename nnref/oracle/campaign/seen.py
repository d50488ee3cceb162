"""What a parent knows of a row whose task runs in a child process."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import replace

from ..cases.case import Case
from ..report.values import values_of
from ..search.known import Known, rank
from ..verdict.row import Failure, Result
from .child import SO_FAR
from .task import Task, Watch

__all__ = ["Seen", "unfinished"]


class Seen:
    """A row as far as it is known, over all attempts to run its task.

    Attributes
    ----------
    fatal : case -> what ended the process there
    best : the row of the attempt that came furthest
    failures : by descriptor, of all attempts
    """

    def __init__(self, task: Task, watch: Watch) -> None:
        self.task, self._watch, self.best = task, watch, Result(task.op, task.direction, task.dtype)
        self.fatal: dict[Case, tuple[Known, Failure]] = {}
        self.failures: dict[str, Failure] = {}

    def watch(self, row: Result) -> None:
        """Take an unfinished row, and show what is known now."""
        self.failures |= {failure.descriptor: failure for failure in row.failures}
        if row.asked - row.left_out >= self.best.asked - self.best.left_out:
            self.best = row
        self._watch(self._with(self.best, self.failures.values()))

    def note(self, known: Known, failure: Failure) -> None:
        """Take a failure that has ended the process."""
        self.fatal[known.case] = known, replace(failure, values=values_of(failure.case, None, failure.finding))
        self._watch(self._with(self.best, self.failures.values()))

    def completed(self, row: Result) -> Result:
        """The finished row; where the time was up, with what earlier attempts have found."""
        if not row.left_out:
            return self._with(row, row.failures)
        notes = self.best.notes | row.notes
        further = row if row.asked - row.left_out >= self.best.asked - self.best.left_out else self.best
        self.failures |= {failure.descriptor: failure for failure in row.failures}
        return self._with(replace(further, notes=notes), self.failures.values())

    def lost(self, why: str) -> Result:
        """The row, which cannot be completed, with its failures."""
        return self._with(self.task.lost(why), self.failures.values())

    def _with(self, row: Result, failures: Iterable[Failure]) -> Result:
        found = [*(failure for _, failure in self.fatal.values()), *failures]
        return replace(row, failures=sorted(found, key=lambda failure: rank(failure.case, failure.finding)))


def unfinished(answer: bytes) -> Result | None:
    """The unfinished row that a message holds; None if it holds something else."""
    try:
        content = pickle.loads(answer)
        is_row = isinstance(content, tuple) and content[0] == SO_FAR and isinstance(content[1], Result)
        return content[1] if is_row else None
    except Exception:  # a target may write anything into the pipe
        return None
