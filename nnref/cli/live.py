"""What a person sees while a campaign runs: a bar, and every failure as soon as it is found."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from ..oracle.campaign.task import Key, Task
from ..oracle.operations import OPERATIONS
from ..oracle.report.report import Report
from ..oracle.text import visible
from ..oracle.verdict.row import Failure, Result
from .table import print_failure

__all__ = ["Live"]

BAR = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(12), TextColumn("{task.fields[said]}"))
SHOWN = 26  # characters of the name of a row
WINDOWED, NETWORK = 8, 16  # times as long as other rows
ENOUGH = 0.02  # of the rows, before the time that is left is estimated


def _weight(task: Task) -> int:
    """How long a row takes beside others, roughly."""
    operation = OPERATIONS[task.op]
    return NETWORK if operation.assemble else WINDOWED if operation.windowed else 1


class Live:
    """The bar of a campaign. Without a terminal there is no bar, and failures are printed all the same."""

    def __init__(self, console: Console, target: str, tasks: Sequence[Task], seconds: float | None) -> None:
        self.console, self._target, self._rows, self._seconds = console, target, len(tasks), seconds
        self._weights = {task.key: _weight(task) for task in tasks}
        self._bar = Progress(*BAR, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task(
            escape(visible(target))[:SHOWN], total=max(1, sum(self._weights.values())), said=""
        )
        self._started, self._lock = time.monotonic(), threading.Lock()
        self._printed: set[tuple[Key, str]] = set()
        self._parts: dict[Key, tuple[float, int]] = {}  # row -> how much of it is done, and its cases
        self._done = 0

    def __enter__(self) -> Live:
        """Show the bar."""
        self._bar.start()
        self._started = time.monotonic()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Take the bar away."""
        self._bar.stop()

    def watch(self, task: Task, row: Result) -> None:
        """Show an unfinished row, and print its new failures."""
        called = row.asked - row.left_out
        self._parts[task.key] = (called / row.asked if row.asked else 0.0, called)
        self.print_new(row)
        dtype = "" if task.dtype == "float32" else f" {task.dtype}"
        name = f"{task.op} {task.direction}{dtype}"
        self._show(name if len(name) <= SHOWN else f"{name[: SHOWN - 1]}…")

    def save(self, report: Report) -> None:
        """Count the finished rows."""
        for row in report.results:
            key = row.op, row.direction, row.dtype
            self._parts[key] = 1.0, row.asked - row.left_out
            if not row.implemented:  # it takes no time, and says nothing of the others
                self._weights[key] = 0
            self.print_new(row)
        self._done = len(report.results)
        self._show()

    def print_new(self, row: Result) -> None:
        """Print the failures of a row that have not been printed."""
        with self._lock:
            for failure in row.failures:
                if self._is_new(row, failure):
                    print_failure(self.console, row, failure, self._target)

    def _is_new(self, row: Result, failure: Failure) -> bool:
        key = (row.op, row.direction, row.dtype), failure.descriptor
        new = key not in self._printed
        self._printed.add(key)
        return new

    def _show(self, name: str | None = None) -> None:
        part = sum(share * self._weights[key] for key, (share, _) in self._parts.items())
        cases = sum(called for _, called in self._parts.values())
        elapsed = max(time.monotonic() - self._started, 1e-9)
        said = [f"{self._done}/{self._rows} rows", f"{cases:,} cases", f"{cases / elapsed:,.0f}/s"]
        if (left := self._left(part / max(1, sum(self._weights.values())), elapsed)) is not None:
            said.append(left)
        named: dict[str, Any] = {} if name is None else {"description": escape(name)}
        total = max(1, sum(self._weights.values()))
        self._bar.update(self._task, completed=part, total=total, said=", ".join(said), **named)

    def _left(self, part: float, elapsed: float) -> str | None:
        """How long it will take, in minutes and seconds: at most what is allowed, otherwise as the rows so far."""
        likely = elapsed * (1 - part) / part if part > ENOUGH else None
        allowed = None if self._seconds is None else max(0.0, self._seconds - elapsed)
        seconds = min((s for s in (likely, allowed) if s is not None), default=None)
        return None if seconds is None else f"{int(seconds // 60)}:{int(seconds % 60):02} left"
