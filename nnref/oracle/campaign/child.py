"""The child process of a `Worker`. It receives jobs, notes every call in the call log, and sends results."""

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
from ..targets.call import CaseFunction, Function, Written, call, case_function
from ..text import brief
from .call_log import CallLog
from .repeat import repeated
from .task import Task, Watch, facts_of, function_of, run_task, target_of

__all__ = ["SO_FAR", "Interrupted", "message", "receive", "serve"]

MEMORY = 4 << 30  # bytes of data that a target may hold, if that is not more than half of the memory
SO_FAR = "so far"  # the first part of a message with an unfinished row
ORPHANED = 2  # time limits after which a call ends itself, because the parent is gone


class Interrupted(Exception):
    """A target has raised KeyboardInterrupt, although nobody has interrupted it."""


def message(content: Any) -> bytes:
    """The bytes that go through a pipe: the length in eight bytes, then the pickle."""
    data = pickle.dumps(content)
    return struct.pack("q", len(data)) + data


def receive(pipe: IO[bytes]) -> Any:
    """Read a message.

    Raises
    ------
    EOFError : there are no more messages.
    """
    head = pipe.read(8)
    if len(head) < 8:
        raise EOFError
    return pickle.loads(pipe.read(*struct.unpack("q", head)))


def serve(fileno: int, time_limit: float) -> None:
    """Answer jobs until there are no more.

    The answer to ("load", name) is what is `Loaded`, or the OptionError that says why it cannot be loaded. Before the
    answer to a task come messages (SO_FAR, row). The answer to ("repeat", task, line) is what is `Repeated`, or None.
    The answer to ("task", task) is its row, and to ("case", task, line) it is the word "alive". The answer to a job
    that fails in another way is a text that says how.
    """
    jobs, answers = _private_pipes()
    _restrict()
    log = CallLog(fileno)

    def logged(function: Function) -> Function:
        return _Logged(function, log, time_limit)

    def send(content: Any) -> None:
        answers.write(message(content))
        answers.flush()

    while True:
        try:
            job = receive(jobs)
        except EOFError:
            return
        log.clear()
        send(_answer(job, logged, lambda row: send((SO_FAR, row))))


def _answer(job: Any, logged: Callable[[Function], Function], watch: Watch) -> Any:
    kind, subject, *line = job
    try:
        if kind == "load":
            return facts_of(subject)
        if kind == "task":
            return run_task(subject, logged=logged, watch=watch)
        again = repeated if kind == "repeat" else _once
        return again(subject, parse(*line), logged)
    except OptionError as error:
        return error if kind == "load" else f"{type(error).__name__}: {error}"
    except BaseException as error:  # the import of a target may raise anything, even SystemExit
        return f"{type(error).__name__}: {brief(error)}"


class _Logged(CaseFunction):
    """A target's function that notes its calls. If the parent is gone, a call that hangs ends the process."""

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

    def written(self, case: Case, options: dict[str, Any]) -> Written:
        """The call of the function itself."""
        return self.function.written(case, options)


def _once(task: Task, case: Case, logged: Callable[[Function], Function]) -> str:
    """Call the target once. If the process survives, the answer says so."""
    function = function_of(target_of(task), case.op, case.direction)
    if function is not None:
        call(logged(function), case, *arrays_of(case))
    return "alive"


def _private_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Copies of standard input and output. The originals become devnull, because a target may read and print."""
    jobs, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard)
    os.close(nowhere)
    return jobs, answers


def _restrict() -> None:
    """Leave interrupts to the parent, write no core dumps, and limit the memory, so that a leak is a MemoryError."""
    import resource

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    memory = min(MEMORY, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2)
    for what, limit in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_DATA, memory)):
        with contextlib.suppress(ValueError, OSError):  # a lower limit is already set
            resource.setrlimit(what, (limit, resource.getrlimit(what)[1]))
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 it stays open as long as the process runs
