"""The rows that the pytest options select: one for each operation, direction and dtype.

The options are defined in `_nnref_pytest`, so that a run without them imports nothing of nnref.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from ..errors import OptionError
from ..oracle.campaign.conform import tasks_of
from ..oracle.campaign.task import Task, function_of, run_task
from ..oracle.limits import Clock, expect_time_limit
from ..oracle.report.telling import told
from ..oracle.targets.resolve import resolve
from ..oracle.verdict.row import Result

__all__ = ["ROWS", "Row", "configure"]


@dataclass(frozen=True)
class Row:
    """One test. `target` is the name given on the command line."""

    task: Task
    target: str
    seconds: float | None = None

    @property
    def id(self) -> str:
        """The name of the test."""
        task = self.task
        return f"{task.op}.{task.direction}-{task.dtype}"

    def run(self) -> None:
        """Search for cases in which the target and the reference disagree, and fail with the smallest of each kind."""
        __tracebackhide__ = True
        result = run_task(replace(self.task, clock=Clock.of(self.seconds)))
        if result.failures:
            pytest.fail("\n\n".join(told(f, self.target, script=True) for f in result.failures), pytrace=False)
        if result.lost:
            pytest.fail(result.lost, pytrace=False)
        if result.status != "passed":
            pytest.skip(_reason(result, self.target))


ROWS = pytest.StashKey[list[Row]]()


def configure(config: pytest.Config) -> None:
    """Load the target and store a `Row` for each test in `config.stash`.

    Raises
    ------
    UsageError : an option is invalid, or the target cannot be loaded or has none of the functions.
    """
    name: str = config.getoption("nnref_target")
    examples: int = config.getoption("nnref_examples")
    dtypes = config.getoption("nnref_dtype") or ["float32"]
    if examples < 0:
        raise pytest.UsageError(f"--nnref-examples must be at least 0, got {examples}")
    seconds: float | None = config.getoption("nnref_seconds")
    try:
        if seconds is not None:
            expect_time_limit("pytest", "--nnref-seconds", seconds)
        target = resolve(name)
        tasks = tasks_of(target, config.getoption("nnref_op"), dtypes, examples, config.getoption("nnref_seed"))
    except OptionError as error:
        raise pytest.UsageError(str(error)) from None
    if not any(function_of(target, task.op, task.direction) for task in tasks):  # otherwise every test would be skipped
        functions = ", ".join(dict.fromkeys(task.op for task in tasks))
        raise pytest.UsageError(f"--nnref-target: {name} has none of the functions {functions}, nor a backward of one")
    config.stash[ROWS] = [Row(replace(task, named=name), name, seconds) for task in tasks]


def _reason(result: Result, target: str) -> str:
    if result.status == "not implemented":
        function = result.op if result.direction == "forward" else f"{result.op}_backward"
        return f"not implemented: {target} has no {function}"
    return f"{result.verdict}: {result.why_not}" if result.unsupported or result.left_out else result.why_not
