"""Rows that run in an executor: threads or processes of this machine, or the workers of a cluster."""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Generator, Iterator
from concurrent.futures import Executor, Future, as_completed
from dataclasses import replace

from ...errors import OptionError
from ..limits import Clock
from ..verdict.row import Result
from .task import Finished, Key, Loaded, Progress, See, Task, facts_of, run_task
from .worker import Worker

__all__ = ["ending_children", "loaded_there", "run_there"]


def loaded_there(target: str, executor: Executor, isolate: bool, time_limit: float) -> Loaded:
    """What is known of the target where the executor runs it."""
    try:
        job = (_loaded_isolated, target, time_limit) if isolate else (facts_of, target)
        return executor.submit(*job).result()
    except OptionError:
        raise
    except Exception:  # the executor cannot run anything; the rows are run here, and say why
        return Loaded()


def _row(task: Task, isolate: bool, time_limit: float, place: tuple[int, int], token: int) -> Result:
    """Run a task in an executor. `place` is how many rows are left, and how many run at once."""
    timed = task.timed(task.clock, *place)
    if timed.clock.is_over:
        return task.not_run()
    see = _seeing.get(token, lambda task, row: None)  # nobody sees it from another process

    def watch(row: Result) -> None:
        see(task, row)

    return _own_worker(time_limit).run(timed, watch=watch) if isolate else run_task(timed, watch=watch)


def run_there(
    tasks: list[Task],
    executor: Executor,
    isolate: bool,
    time_limit: float,
    clock: Clock,
    progress: Progress,
    see: See,
    errors: dict[Key, BaseException],
) -> Generator[Finished, None, None]:
    """Rows in the order in which they are finished; the executor's own errors are put into `errors`."""
    futures: dict[Future[Result], Task] = {}
    workers, token = getattr(executor, "_max_workers", 1), id(see)
    _seeing[token] = see
    try:
        for position, task in enumerate(tasks):
            place, timed = (len(tasks) - position, workers), replace(task, clock=clock)
            try:
                futures[executor.submit(_row, timed, isolate, time_limit, place, token)] = task
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
    finally:
        del _seeing[token]


_own = threading.local()
_seeing: dict[int, See] = {}  # who watches the rows of an executor that runs in this process
_workers: weakref.WeakSet[Worker] = weakref.WeakSet()


@contextlib.contextmanager
def ending_children() -> Iterator[None]:
    """After an interrupt, end all children. Otherwise keep those of an executor's threads for the next tasks."""
    try:
        yield
    except BaseException:
        for worker in list(_workers):
            worker.close()
        raise


def _loaded_isolated(target: str, time_limit: float) -> Loaded:
    return _own_worker(time_limit).load(target)


def _own_worker(time_limit: float) -> Worker:
    """The worker of this thread. It is kept for the next task."""
    worker: Worker | None = getattr(_own, "worker", None)
    if worker is None or not worker.open or worker.time_limit != time_limit:
        worker = _own.worker = Worker(time_limit)
        _workers.add(worker)
    return worker
