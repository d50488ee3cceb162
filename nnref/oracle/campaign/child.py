"""The child's side of a `Worker`: jobs in, results out, every call noted in the log beforehand."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import struct
import sys
from collections.abc import Callable, Sequence
from typing import IO, Any

from ...errors import OptionError
from ..arrays.fill import arrays_of
from ..cases.case import Case, parse
from ..targets.call import CaseFunction, Function, call, case_function
from ..text import brief
from .call_log import CallLog
from .task import Task, declaration_of, function_of, loaded, run_task, target_of

__all__ = ["Interrupted", "message", "receive", "serve"]

MEMORY = 4 << 30  # bytes of data that a target may hold, or half of what the machine has
ORPHANED = 2  # times the time limit, when nobody has ended a call that stands still


class Interrupted(Exception):
    """A target raised KeyboardInterrupt, and nobody had interrupted it."""


def message(content: Any) -> bytes:
    """What goes through a pipe: the length in eight bytes, then the pickle."""
    data = pickle.dumps(content)
    return struct.pack("q", len(data)) + data


def receive(pipe: IO[bytes]) -> Any:
    """Read a message.

    Raises
    ------
    EOFError : there is none any more.
    """
    head = pipe.read(8)
    if len(head) < 8:
        raise EOFError
    return pickle.loads(pipe.read(*struct.unpack("q", head)))


def serve(fileno: int, time_limit: float) -> None:
    """Answer jobs until there are no more.

    ("load", name) is answered with what the target declares or the OptionError that says why it cannot be loaded,
    ("task", task) with its row, ("case", task, line) with a word; what ends another way, with a text.
    """
    jobs, answers = _private_pipes()
    _restrict()
    log = CallLog(fileno)

    def logged(function: Function) -> Function:
        return _Logged(function, log, time_limit)

    while True:
        try:
            job = receive(jobs)
        except EOFError:
            return
        log.clear()
        answers.write(message(_answer(job, logged)))
        answers.flush()


def _answer(job: Any, logged: Callable[[Function], Function]) -> Any:
    kind, subject, *line = job
    try:
        if kind == "load":
            return declaration_of(loaded(subject), None)
        return run_task(subject, logged=logged) if kind == "task" else _once(subject, parse(*line), logged)
    except OptionError as error:
        return error if kind == "load" else f"{type(error).__name__}: {error}"
    except BaseException as error:  # of the target's import, which may even exit, or of the oracle itself
        return f"{type(error).__name__}: {brief(error)}"


class _Logged(CaseFunction):
    """A target's function that notes when it is called; if its parent is gone, a call that hangs ends the process."""

    def __init__(self, function: Function, log: CallLog, time_limit: float) -> None:
        self.function, self.log, self.alarm = case_function(function), log, ORPHANED * time_limit

    def of_case(self, case: Case, arrays: Sequence[Any], options: dict[str, Any]) -> tuple[Any, ...]:
        self.log.enter(case)
        signal.setitimer(signal.ITIMER_REAL, self.alarm)
        try:
            return self.function.of_case(case, arrays, options)
        except KeyboardInterrupt:
            raise Interrupted("the target raised KeyboardInterrupt") from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.log.leave()


def _once(task: Task, case: Case, logged: Callable[[Function], Function]) -> str:
    """Call the target once, and live."""
    function = function_of(target_of(task), case.op, case.direction)
    if function is not None:
        call(logged(function), case, *arrays_of(case))
    return "alive"


def _private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Standard input and output, under other numbers: what a target reads and prints goes to nowhere."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return jobs, answers


def _restrict() -> None:
    """An interrupt is for the parent; a crash dumps no core; allocation without end is a MemoryError, here."""
    import resource

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    memory = min(MEMORY, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    for what, limit in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_DATA, memory)):
        with contextlib.suppress(ValueError, OSError):  # the limit in force is lower
            resource.setrlimit(what, (limit, resource.getrlimit(what)[1]))
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 for as long as the process lives
