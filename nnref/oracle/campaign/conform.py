"""`conform`: compare a whole target with the reference, in this process, in child processes or on a cluster."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from ...errors import OptionError, close, refuse
from ..cases.case import DIRECTIONS, MODES
from ..dtypes import DTYPES
from ..expectation.declaration import Declaration
from ..limits import Clock, expect_time_limit
from ..operations import OPERATIONS
from ..report.report import Report
from ..targets.resolve import name_of
from ..text import brief
from ..verdict.deviations import Deviation
from ..verdict.row import Result
from .elsewhere import ending_children, loaded_there, run_there
from .rows import Rows
from .task import Finished, Key, Loaded, Progress, See, Task, facts_of, run_task
from .worker import Worker

__all__ = ["conform", "tasks_of"]


def tasks_of(
    target: Any,
    ops: Sequence[str] | None = None,
    dtypes: Sequence[str] = ("float32",),
    max_examples: int = 200,
    seed: int = 0,
    declares: Declaration | None = None,
    deviations: Sequence[Deviation] = (),
    directions: Sequence[str] | None = None,
    modes: Sequence[str] | None = None,
) -> list[Task]:
    """The rows of a campaign, in the order of the report.

    Raises
    ------
    OptionError : an operation, dtype, direction or mode is unknown, no row is left, or `max_examples` is negative.
    """
    if max_examples < 0:
        refuse(OptionError, "conform", "max_examples", "at least 0", max_examples)
    for name, given, known in (
        ("ops", ops or (), tuple(OPERATIONS)),
        ("dtypes", dtypes, DTYPES),
        ("directions", directions or (), DIRECTIONS),
        ("modes", modes or (), MODES),
    ):
        if isinstance(given, str):
            refuse(OptionError, "conform", name, f"several names, such as [{given!r}]", repr(given))
        if unknown := [item for item in given if item not in known]:
            expected = f"among {', '.join(known)}"
            refuse(OptionError, "conform", name, expected, f"{', '.join(map(repr, unknown))}{close(unknown, known)}")
    chosen = tuple(mode for mode in MODES if mode in (modes or MODES))
    rows = [
        Task(target, op, direction, dtype, max_examples, seed, chosen, declares, tuple(deviations))
        for op in dict.fromkeys(ops or OPERATIONS)
        for direction in OPERATIONS[op].directions
        for dtype in dict.fromkeys(dtypes)
        if direction in (directions or DIRECTIONS)
    ]
    if not rows:
        refuse(OptionError, "conform", "directions", "one that an operation has", ", ".join(directions or ()))
    return rows


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
    seconds: float | None = None,
    directions: Sequence[str] | None = None,
    modes: Sequence[str] | None = None,
    watch: Callable[[Task, Result], None] = lambda task, row: None,
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
    resume : the report of an interrupted campaign; its finished rows are kept. Rows that were lost, or that
        the time left out, or in part, are run again
    progress : called with the task, the number of cases since the last call, and the result if the row is finished
    save : called with the unfinished report before the first row, with the report after every row, and with what there
        is if the campaign is interrupted
    seconds : how long the rows may take in all, without the loading of the target; None for no end. Every row gets its
        share of what is left, and leaves what it does not need to the others. What was left out stands in the rows. An
        executor that does not say how many workers it has counts as one
    directions : some of "forward" and "backward"; None for both
    modes : some of the modes of data; None for all
    watch : called with a task and its unfinished row: at its start, at every failure, and about twice a second. Rows in
        other processes of an executor are not seen

    Returns
    -------
    `Report`; without `seconds`, the same seed gives the same report, wherever the rows run

    Raises
    ------
    OptionError : an argument is invalid, the target cannot be loaded or sent to a child process, or `resume` is the
        report of another campaign.

    >>> import nnref
    >>> conform(nnref, ops=["relu"], max_examples=20).ok
    True
    """
    expect_time_limit("conform", "time_limit", time_limit)
    if seconds is not None:
        expect_time_limit("conform", "seconds", seconds)
    tasks = tasks_of(target, ops, dtypes, max_examples, seed, declares, deviations, directions, modes)
    if isolate:
        _expect_picklable(target)
    with contextlib.ExitStack() as stack:
        stack.enter_context(ending_children())
        worker = stack.enter_context(Worker(time_limit)) if isolate and executor is None else None
        known = _loaded(target, worker, executor, isolate, time_limit)
        report = Report(
            name_of(target),
            seed,
            max_examples,
            declares or known.declares,
            deviations=tuple(deviations),
            planned=len(tasks),
            seconds=seconds,
            modes=tasks[0].modes,
        )
        report.versions |= known.versions
        rows = Rows(report, tasks, _finished(resume, report), save)
        rows.keep()
        todo, clock = rows.todo(known, first_small=seconds is not None), Clock.of(seconds)

        def see(task: Task, row: Result) -> None:
            rows.unfinished[task.key] = row
            watch(task, row)

        try:
            if executor is None:
                finished = _here(todo, worker, progress, see, clock)
            else:
                finished = _elsewhere(todo, executor, isolate, time_limit, progress, see, clock)
            for key, result in stack.enter_context(contextlib.closing(finished)):
                rows.finish(key, result)
        except BaseException as error:
            rows.interrupt("interrupted" if isinstance(error, KeyboardInterrupt) else type(error).__name__)
            raise
    return report


def _finished(resume: Report | None, report: Report) -> dict[Key, Result]:
    """The finished rows of the report to resume."""
    if resume and not resume.same_campaign(report):
        what = "a report with this target, seed, number of examples, declaration and deviations"
        refuse(OptionError, "conform", "resume", what, f"{resume.target}, {resume.seed}, {resume.max_examples}, …")
    return {(r.op, r.direction, r.dtype): r for r in (resume.results if resume else ()) if not (r.lost or r.left_out)}


def _loaded(target: Any, worker: Worker | None, executor: Executor | None, isolate: bool, time_limit: float) -> Loaded:
    """What is known of the target. One that is given by name is loaded where it is going to run."""
    if not isinstance(target, str):
        return facts_of(target)
    if worker:
        return worker.load(target)
    if executor is None:
        return facts_of(target)
    return loaded_there(target, executor, isolate, time_limit)


def _expect_picklable(target: Any) -> None:
    try:
        pickle.dumps(target)
    except Exception as error:  # the pickling of a target may raise anything
        what = "a name, or an object that can be pickled and sent to a child process"
        refuse(OptionError, "conform", "target", what, f"a {name_of(target)} ({type(error).__name__}: {brief(error)})")


def _here(
    tasks: list[Task], worker: Worker | None, progress: Progress, see: See, clock: Clock
) -> Generator[Finished, None, None]:
    for position, task in enumerate(tasks):
        timed = task.timed(clock, len(tasks) - position)

        def advance(cases: int, task: Task = task) -> None:
            progress(task, cases, None)

        def watch(row: Result, task: Task = task) -> None:
            see(task, row)

        if timed.clock.is_over:
            result = task.not_run()
        else:
            result = worker.run(timed, advance, watch) if worker else run_task(timed, advance, watch=watch)
        progress(task, 0, result)
        yield task.key, result


def _timed(task: Task, clock: Clock, rows: int, workers: int = 1) -> Task:
    """The task with its share of the time, as the first of so many that are left."""
    return replace(task, clock=clock.for_row(rows, workers)) if clock.runs_out else task


def _elsewhere(
    tasks: list[Task], executor: Executor, isolate: bool, time_limit: float, progress: Progress, see: See, clock: Clock
) -> Generator[Finished, None, None]:
    errors: dict[Key, BaseException] = {}
    yield from run_there(tasks, executor, isolate, time_limit, clock, progress, see, errors)
    if not errors:
        return
    with Worker(time_limit) as own:
        for key, result in _here([task for task in tasks if task.key in errors], own, progress, see, clock):
            if result.lost:
                why = f"{type(errors[key]).__name__}: {brief(errors[key])}"
                result.lost = f"{why}; run again here: {result.lost}"
            yield key, result
