"""`conform`: hold a whole target against the reference, here, in child processes or on a cluster."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from typing import Any

from ..errors import OptionError, refuse
from .case import DTYPES
from .declaration import Declaration
from .deviations import Deviation
from .operations import OPERATIONS
from .report import Report
from .result import Result
from .task import Task, run_task
from .worker import Worker

__all__ = ["conform", "tasks_of"]

Progress = Callable[[Task, int, "Result | None"], None]


def tasks_of(
    target: Any,
    ops: Sequence[str] | None = None,
    dtypes: Sequence[str] = ("float32",),
    max_examples: int = 200,
    seed: int = 0,
    declares: Declaration | None = None,
    deviations: Sequence[Deviation] = (),
) -> list[Task]:
    """The rows of a campaign, in the order of the report.

    Raises
    ------
    OptionError : an operation or a dtype is unknown.
    """
    for name, given, known in (("ops", ops or (), tuple(OPERATIONS)), ("dtypes", dtypes, DTYPES)):
        if unknown := [item for item in given if item not in known]:
            refuse(OptionError, "conform", name, f"among {', '.join(known)}", unknown)
    return [
        Task(target, op, direction, dtype, max_examples, seed, declares=declares, deviations=tuple(deviations))
        for op in ops or OPERATIONS
        for direction in OPERATIONS[op].directions
        for dtype in dtypes
    ]


def conform(
    target: Any,
    ops: Sequence[str] | None = None,
    dtypes: Sequence[str] = ("float32",),
    max_examples: int = 200,
    seed: int = 0,
    executor: Executor | None = None,
    *,
    declares: Declaration | None = None,
    deviations: Sequence[Deviation] = (),
    isolate: bool = False,
    time_limit: float = 30.0,
    resume: Report | None = None,
    progress: Progress = lambda task, cases, result: None,
) -> Report:
    """Hold every operation of a target against the reference.

    Parameters
    ----------
    target : an object, module or dict with functions named like nnref's, or a name that `resolve` takes
    ops : names of operations, None for all
    dtypes : among "float16", "bfloat16", "float32", "float64"
    max_examples, seed : as in `check`
    executor : any `concurrent.futures.Executor`; the target must be picklable or given by name
    declares : what the target states about its arithmetic; None is its own `declares`, or the strictest
    deviations : known ones, from `read_deviations`
    isolate : run the target in a child process, which may crash or hang; the target is given by name
    time_limit : seconds for one case of an isolated target
    resume : a report of an interrupted campaign, whose finished rows are kept
    progress : called with the task, how many cases are done since the last call, and the result when there is one

    Returns
    -------
    `Report`, the same for the same seed, whatever runs where

    >>> import nnref
    >>> conform(nnref, ops=["relu"], max_examples=20).ok
    True
    """
    tasks = tasks_of(target, ops, dtypes, max_examples, seed, declares, deviations)
    report = Report(str(getattr(target, "__name__", target)), seed, max_examples, declares or Declaration())
    done = {r.name + r.dtype: r for r in resume.results} if resume and resume.same_campaign(report) else {}
    todo = [task for task in tasks if f"{task.op}.{task.direction}{task.dtype}" not in done]
    if executor is None:
        finished = dict(_here(todo, isolate, time_limit, progress))
    else:
        finished = dict(_elsewhere(todo, executor, isolate, time_limit, progress))
    report.results = [done.get(f"{task.op}.{task.direction}{task.dtype}") or finished[task.key] for task in tasks]
    report.deviations = tuple(deviations)
    return report


def _here(
    tasks: list[Task], isolate: bool, time_limit: float, progress: Progress
) -> Iterator[tuple[tuple[str, str, str], Result]]:
    with Worker(time_limit) if isolate else contextlib.nullcontext() as worker:
        for task in tasks:

            def advance(cases: int, task: Task = task) -> None:
                progress(task, cases, None)

            result = worker.run(task, advance) if worker else run_task(task, advance)
            progress(task, 0, result)
            yield task.key, result


def _elsewhere(
    tasks: list[Task], executor: Executor, isolate: bool, time_limit: float, progress: Progress
) -> Iterator[tuple[tuple[str, str, str], Result]]:
    futures: dict[Future[Result], Task] = {}
    for task in tasks:
        job = (_isolated, task, time_limit) if isolate else (run_task, task)
        try:
            futures[executor.submit(*job)] = task
        except RuntimeError as error:  # the pool is broken already
            result = _lost(task, error)
            progress(task, 0, result)
            yield task.key, result
    for future in as_completed(futures):
        task = futures[future]
        died = future.exception()
        result = _lost(task, died) if died else future.result()
        progress(task, result.cases, result)
        yield task.key, result


def _lost(task: Task, error: BaseException) -> Result:
    """The row of a task whose worker died; nothing is known of its cases."""
    return Result(task.op, task.direction, task.dtype, lost=f"{type(error).__name__}: {error}")


_own = threading.local()


def _isolated(task: Task, time_limit: float) -> Result:
    """Run a task in the child of this thread, which is kept for the next one."""
    if not hasattr(_own, "worker"):
        _own.worker = Worker(time_limit)
    result: Result = _own.worker.run(task)
    return result
