"""The child's side of a `Worker`: jobs in, results out, every call noted in the recorder beforehand."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import struct
import sys
from collections.abc import Callable
from typing import IO, Any

from ...errors import OptionError
from ..arrays.fill import arrays_of
from ..cases.case import Case, parse
from ..targets.call import call, results_of
from ..text import brief
from .call_log import Recorder
from .task import Task, declaration_of, function_of, loaded, run_task, target_of

__all__ = ["Interrupted", "receive", "send", "serve"]

MEMORY = 4 << 30  # bytes of data that a target may hold, or half of what the machine has
ORPHANED = 2  # times the time limit, when nobody has ended a call that stands still


class Interrupted(Exception):
    """A target raised KeyboardInterrupt, and nobody had interrupted it."""


def send(pipe: IO[bytes], message: Any) -> None:
    """Write a message: its length in eight bytes, then its pickle."""
    data = pickle.dumps(message)
    pipe.write(struct.pack("q", len(data)) + data)
    pipe.flush()


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
    recorder = Recorder(fileno)

    def recorded(function: Callable[..., Any]) -> Callable[..., Any]:
        return _Recorded(function, recorder, time_limit)

    while True:
        try:
            job = receive(jobs)
        except EOFError:
            return
        recorder.clear()
        send(answers, _answer(job, recorded))


def _answer(job: Any, recorded: Callable[..., Any]) -> Any:
    kind, subject, *line = job
    try:
        if kind == "load":
            return declaration_of(loaded(subject), None)
        return run_task(subject, recorded=recorded) if kind == "task" else _once(subject, parse(*line), recorded)
    except OptionError as error:
        return error if kind == "load" else f"{type(error).__name__}: {error}"
    except BaseException as error:  # of the target's import, which may even exit, or of the oracle itself
        return f"{type(error).__name__}: {brief(error)}"


class _Recorded:
    """A target's function that notes when it is called; if its parent is gone, a call that hangs ends the process."""

    takes_case = True

    def __init__(self, function: Callable[..., Any], recorder: Recorder, time_limit: float) -> None:
        self.function, self.recorder, self.alarm = function, recorder, ORPHANED * time_limit

    def __call__(self, case: Case, arrays: Any, options: dict[str, Any]) -> Any:
        self.recorder.enter(case)
        signal.setitimer(signal.ITIMER_REAL, self.alarm)
        try:
            return results_of(self.function, case, arrays, options)
        except KeyboardInterrupt:
            raise Interrupted("the target raised KeyboardInterrupt") from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.recorder.leave()


def _once(task: Task, case: Case, recorded: Callable[..., Any]) -> str:
    """Call the target once, and live."""
    function = function_of(target_of(task), case.op, case.direction)
    if function is not None:
        call(recorded(function), case, *arrays_of(case))
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
