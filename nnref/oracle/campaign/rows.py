"""The rows of a campaign: finished ones, those that are being run, and those that are left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..operations import OPERATIONS
from ..report.report import Report
from ..verdict.row import Result
from .task import Key, Loaded, Task

__all__ = ["Rows"]


class Rows:
    """The rows of a campaign: finished ones, and those that are being run."""

    def __init__(
        self, report: Report, tasks: list[Task], finished: dict[Key, Result], save: Callable[[Report], None]
    ) -> None:
        self.report, self.tasks, self.finished, self.save = report, tasks, finished, save
        self.unfinished: dict[Key, Result] = {}

    def todo(self, known: Loaded, first_small: bool) -> list[Task]:
        """The tasks that are left. Those of few cases come first if they can leave their time to the others."""
        left = [task for task in self.tasks if task.key not in self.finished]
        return sorted(left, key=lambda task: (known.has(task), _size(task))) if first_small else left

    def finish(self, key: Key, result: Result) -> None:
        """Keep a finished row."""
        self.finished[key] = result
        self.unfinished.pop(key, None)
        self.keep()

    def keep(self) -> None:
        """Save the finished rows."""
        self.report.results = [self.finished[task.key] for task in self.tasks if task.key in self.finished]
        self.save(self.report)

    def interrupt(self, why: str) -> None:
        """Save what there is, with the rows that are being run as far as they are known."""
        for key, row in self.unfinished.items():
            called, asked = row.asked - row.left_out, row.asked
            self.finished[key] = replace(row, lost=f"{why} after {called:,} of {asked:,} cases", left_out=0)
        self.keep()


def _size(task: Task) -> int:
    """How long a row takes, roughly: the small geometries of windows are many, and networks are slow."""
    operation = OPERATIONS[task.op]
    return 2 if operation.assemble else int(operation.windowed)
