"""`conform`: compare a whole target with the reference, in this process, in child processes or on a cluster."""

from __future__ import annotations

import contextlib
import pickle
import threading
import weakref
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from typing import Any

from ...errors import OptionError, refuse
from ..dtypes import DTYPES
from ..expectation.declaration import Declaration
from ..limits import expect_time_limit
from ..operations import OPERATIONS
from ..report.report import Report
from ..targets.resolve import name_of
from ..text import brief
from ..verdict.deviations import Deviation
from ..verdict.row import Result
from .task import Task, declaration_of, loaded, run_task
from .worker import Worker

__all__ = ["conform", "tasks_of"]

Progress = Callable[[Task, int, "Result | None"], None]
Finished = tuple[tuple[str, str, str], Result]


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
    OptionError : an operation or a dtype is unknown, or `max_examples` is negative.
    """
    if max_examples < 0:
        refuse(OptionError, "conform", "max_examples", "at least 0", max_examples)
    for name, given, known in (("ops", ops or (), tuple(OPERATIONS)), ("dtypes", dtypes, DTYPES)):
        if unknown := [item for item in given if item not in known]:
            refuse(OptionError, "conform", name, f"among {', '.join(known)}", unknown)
    return [
        Task(target, op, direction, dtype, max_examples, seed, declares=declares, deviations=tuple(deviations))
        for op in dict.fromkeys(ops or OPERATIONS)
        for direction in OPERATIONS[op].directions
        for dtype in dict.fromkeys(dtypes)
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
    save: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Compare every operation of a target with the reference.

    Parameters
    ----------
    target : an object, module or dict with functions named like nnref's, or a name that `resolve` takes
    ops : names of operations; None for all
    dtypes : some of "float16", "bfloat16", "float32", "float64"
    max_examples, seed : as in `check`
    executor : any `concurrent.futures.Executor`; if it uses other processes, the target must be picklable or given by
        name. Rows that fail there, because a process died, are run again here, each in a child process
    declares : what the target declares about its arithmetic; None is its own `declares`, or the strictest
    deviations : known deviations, from `read_deviations`
    isolate : run the target in a child process, so that it may crash, hang or use up the memory; the target must be
        picklable or given by name
    time_limit : seconds per call of an isolated target
    resume : the report of an interrupted campaign; its finished rows are kept, and lost rows are run again
    progress : called with the task, the number of cases since the last call, and the result if the row is finished
    save : called with the unfinished report before the first row, and with the report after every row

    Returns
    -------
    `Report`; the same seed gives the same report, wherever the rows run

    Raises
    ------
    OptionError : an argument is invalid, the target cannot be loaded or sent to a child process, or `resume` is the
        report of another campaign.

    >>> import nnref
    >>> conform(nnref, ops=["relu"], max_examples=20).ok
    True
    """
    expect_time_limit("conform", "time_limit", time_limit)
    tasks = tasks_of(target, ops, dtypes, max_examples, seed, declares, deviations)
    if isolate:
        _expect_picklable(target)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ending_children())
        worker = stack.enter_context(Worker(time_limit)) if isolate and executor is None else None
        own = declares or _declared(target, worker, executor, isolate, time_limit)
        report = Report(name_of(target), seed, max_examples, own, deviations=tuple(deviations), planned=len(tasks))
        finished = _finished(resume, report)
        todo = [task for task in tasks if task.key not in finished]

        def keep() -> None:
            report.results = [finished[task.key] for task in tasks if task.key in finished]
            save(report)

        keep()
        if executor is None:
            rows = _here(todo, worker, progress)
        else:
            rows = _elsewhere(todo, executor, isolate, time_limit, progress)
        for key, result in stack.enter_context(contextlib.closing(rows)):
            finished[key] = result
            keep()
    return report


def _finished(resume: Report | None, report: Report) -> dict[tuple[str, str, str], Result]:
    """The finished rows of the report to resume."""
    if resume and not resume.same_campaign(report):
        what = "a report with this target, seed, number of examples, declaration and deviations"
        refuse(OptionError, "conform", "resume", what, f"{resume.target}, {resume.seed}, {resume.max_examples}, …")
    return {(r.op, r.direction, r.dtype): r for r in (resume.results if resume else ()) if not r.lost}


def _declared(
    target: Any, worker: Worker | None, executor: Executor | None, isolate: bool, time_limit: float
) -> Declaration:
    """The target's own declaration. A target that is given by name is loaded where it is going to run."""
    if not isinstance(target, str):
        return declaration_of(target, None)
    if worker:
        return worker.load(target)
    if executor is None:
        return declaration_of(loaded(target), None)
    try:
        job = (_declared_isolated, target, time_limit) if isolate else (_declared_there, target)
        return executor.submit(*job).result()
    except OptionError:
        raise
    except Exception:  # the executor cannot run anything; the rows are run here, and say why
        return Declaration()


def _declared_there(target: str) -> Declaration:
    return declaration_of(loaded(target), None)


def _expect_picklable(target: Any) -> None:
    try:
        pickle.dumps(target)
    except Exception as error:  # the pickling of a target may raise anything
        what = "a name, or an object that can be pickled and sent to a child process"
        refuse(OptionError, "conform", "target", what, f"a {name_of(target)} ({type(error).__name__}: {brief(error)})")


def _here(tasks: list[Task], worker: Worker | None, progress: Progress) -> Generator[Finished, None, None]:
    for task in tasks:

        def advance(cases: int, task: Task = task) -> None:
            progress(task, cases, None)

        result = worker.run(task, advance) if worker else run_task(task, advance)
        progress(task, 0, result)
        yield task.key, result


def _elsewhere(
    tasks: list[Task], executor: Executor, isolate: bool, time_limit: float, progress: Progress
) -> Generator[Finished, None, None]:
    futures: dict[Future[Result], Task] = {}
    errors: dict[tuple[str, str, str], BaseException] = {}
    try:
        for task in tasks:
            job = (_isolated, task, time_limit) if isolate else (run_task, task)
            try:
                futures[executor.submit(*job)] = task
            except RuntimeError as error:  # the executor is already broken
                errors[task.key] = error
        for future in as_completed(futures):
            task, failed = futures[future], future.exception()
            if failed:  # a broken pool fails all waiting tasks and does not say which one broke it
                errors[task.key] = failed
                continue
            result = future.result()
            progress(task, result.cases, result)
            yield task.key, result
    except BaseException:  # after an interrupt, no further task must start
        for future in futures:
            future.cancel()
        raise
    if not errors:
        return
    with Worker(time_limit) as own:
        for key, result in _here([task for task in tasks if task.key in errors], own, progress):
            if result.lost:
                why = f"{type(errors[key]).__name__}: {brief(errors[key])}"
                result.lost = f"{why}; run again here: {result.lost}"
            yield key, result


_own = threading.local()
_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


@contextlib.contextmanager
def _ending_children() -> Iterator[None]:
    """After an interrupt, end all children. Otherwise keep those of an executor's threads for the next tasks."""
    try:
        yield
    except BaseException:
        for worker in list(_workers):
            worker.close()
        raise


def _isolated(task: Task, time_limit: float) -> Result:
    return _own_worker(time_limit).run(task)


def _declared_isolated(target: str, time_limit: float) -> Declaration:
    return _own_worker(time_limit).load(target)


def _own_worker(time_limit: float) -> Worker:
    """The worker of this thread. It is kept for the next task."""
    worker: Worker | None = getattr(_own, "worker", None)
    if worker is None or not worker.open or worker.time_limit != time_limit:
        worker = _own.worker = Worker(time_limit)
        _workers.add(worker)
    return worker
