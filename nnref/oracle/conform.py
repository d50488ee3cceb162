"""`conform`: hold a whole target against the reference, here, in child processes or on a cluster."""

from __future__ import annotations

import contextlib
import pickle
import threading
import weakref
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
    executor : any `concurrent.futures.Executor`; for other processes, the target must be picklable or given by name.
        Rows that it fails to run, because a process died, are run again here, each isolated
    declares : what the target states about its arithmetic; None is its own `declares`, or the strictest
    deviations : known ones, from `read_deviations`
    isolate : run the target in a child process, which may crash, hang or ask for all memory; the target must be
        picklable or given by name
    time_limit : seconds for one call of an isolated target
    resume : a report of an interrupted campaign, whose finished rows are kept; lost ones are not
    progress : called with the task, how many cases are done since the last call, and the result when there is one

    Returns
    -------
    `Report`, the same for the same seed, whatever runs where

    Raises
    ------
    OptionError : an operation or a dtype is unknown, or the target cannot be sent to a child process.

    >>> import nnref
    >>> conform(nnref, ops=["relu"], max_examples=20).ok
    True
    """
    tasks = tasks_of(target, ops, dtypes, max_examples, seed, declares, deviations)
    name = str(getattr(target, "__name__", target))
    report = Report(name, seed, max_examples, declares or Declaration(), deviations=tuple(deviations))
    if isolate:
        _expect_picklable(target)
    kept = resume.results if resume and resume.same_campaign(report) else []
    finished = {(r.op, r.direction, r.dtype): r for r in kept if not r.lost}
    todo = [task for task in tasks if task.key not in finished]
    if executor is None:
        finished |= dict(_here(todo, isolate, time_limit, progress))
    else:
        finished |= dict(_elsewhere(todo, executor, isolate, time_limit, progress))
    report.results = [finished[task.key] for task in tasks]
    return report


def _expect_picklable(target: Any) -> None:
    try:
        pickle.dumps(target)
    except Exception as error:  # whatever a target's own pickling raises
        what = "a name, or an object that can be pickled, to go to a child process"
        refuse(OptionError, "conform", "target", what, f"{target!r} ({type(error).__name__}: {error})")


Finished = tuple[tuple[str, str, str], Result]


def _here(tasks: list[Task], isolate: bool, time_limit: float, progress: Progress) -> Iterator[Finished]:
    with Worker(time_limit) if isolate else contextlib.nullcontext() as worker:
        for task in tasks:

            def advance(cases: int, task: Task = task) -> None:
                progress(task, cases, None)

            result = worker.run(task, advance) if worker else run_task(task, advance)
            progress(task, 0, result)
            yield task.key, result


def _elsewhere(
    tasks: list[Task], executor: Executor, isolate: bool, time_limit: float, progress: Progress
) -> Iterator[Finished]:
    futures: dict[Future[Result], Task] = {}
    errors: dict[tuple[str, str, str], BaseException] = {}
    try:
        for task in tasks:
            job = (_isolated, task, time_limit) if isolate else (run_task, task)
            try:
                futures[executor.submit(*job)] = task
            except RuntimeError as error:  # the executor is broken already
                errors[task.key] = error
        for future in as_completed(futures):
            task, failed = futures[future], future.exception()
            if failed:  # a broken pool fails all that waited, and does not say which task was the cause
                errors[task.key] = failed
                continue
            result = future.result()
            progress(task, result.cases, result)
            yield task.key, result
    except BaseException:  # an interrupt: what has not begun must not begin, and what has must end
        for future in futures:
            future.cancel()
        for worker in list(_workers):
            worker.close()
        raise
    for key, result in _here([task for task in tasks if task.key in errors], True, time_limit, progress):
        if result.lost:
            result.lost = f"{type(errors[key]).__name__}: {errors[key]}; run again here: {result.lost}"
        yield key, result


_own = threading.local()
_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


def _isolated(task: Task, time_limit: float) -> Result:
    """Run a task in the child of this thread, which is kept for the next one."""
    worker: Worker | None = getattr(_own, "worker", None)
    if worker is None or not worker.open or worker.time_limit != time_limit:
        worker = _own.worker = Worker(time_limit)
        _workers.add(worker)
    return worker.run(task)
