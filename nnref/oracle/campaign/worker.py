"""A child process in which a target runs, so that it may crash, hang or corrupt its heap.

The parent sends tasks, the child results, over pipes that a target does not see. Before every call the child notes the
case in a `CallLog`; when it dies or stands still, that says at which case. The parent then reports the case as a
failure of its row, and starts a new child for the rest.
"""

from __future__ import annotations

import json
import os
import pickle
import struct
import sys
import tempfile
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import IO, Any

from ...errors import OptionError
from ..cases.case import Case
from ..child_process import ChildProcess
from ..expectation.declaration import Declaration
from ..findings import Finding
from ..limits import expect_time_limit, patience
from ..search.shrink import shrink_fatal
from ..targets.resolve import refuse_target
from ..text import brief
from ..verdict.row import Failure, Result
from .call_log import PAGE, CallLog
from .child import message
from .task import Task

__all__ = ["Worker"]

POLL = 0.05
START = 120.0  # seconds at least, in which a target is imported
LONGEST_ANSWER = 1 << 28  # bytes
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # cases are small
SERVE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from nnref.oracle.campaign.child import serve; "
    "serve(int(sys.argv[2]), float(sys.argv[3]))"
)

Advance = Callable[[int], None]


class Worker:
    """A child process; `run` gives the result of a task whatever happens to the child."""

    def __init__(self, time_limit: float = 30.0) -> None:
        self.time_limit = expect_time_limit("Worker", "time_limit", time_limit)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 the child inherits it
        self._file.truncate(PAGE)
        self._log = CallLog(self._file.fileno())
        self._children: list[_Child] = []  # one or none
        self._slowest = 0.0
        self._close = weakref.finalize(self, _end, self._children, self._log, self._file)

    def load(self, name: str) -> Declaration:
        """What the target of a name declares; it is loaded in the child.

        Raises
        ------
        OptionError : it cannot be, or not in the time that there is for it.
        """
        reply, _ = self._attempt(("load", name), lambda cases: None)
        if isinstance(reply, OptionError):
            raise reply
        if not isinstance(reply, Declaration):
            refuse_target(name, reply)
        return reply

    def run(self, task: Task, advance: Advance = lambda cases: None) -> Result:
        """The result of a task; a mode that kills the child fails at its case, and the others go on."""
        fatal: list[Failure] = []
        known: list[Case] = []
        modes, answer = task.modes, Result(task.op, task.direction, task.dtype)
        while modes:
            reply, died = self._attempt(("task", replace(task, modes=modes)), advance)
            if isinstance(reply, Result):
                answer = reply
                break
            if died is None or died.case.mode not in modes:
                answer = task.lost(reply)
                break
            if _known(task, died.case):
                known.append(died.case)
            else:
                fatal.append(self._smallest(task, died, fatal))
            modes = tuple(mode for mode in modes if mode != died.case.mode)
        answer.failures = sorted([*fatal, *answer.failures], key=lambda f: task.modes.index(f.case.mode))
        for case in known:
            for deviation in _known(task, case):
                answer.known.setdefault(deviation.reason, [0, 0])[0] += 1
            answer.notes.add(f"{case.mode} data were left at a known deviation that ended the process")
        return answer

    def _smallest(self, task: Task, failure: Failure, before: list[Failure]) -> Failure:
        """Shrink a crash, with a new child for every smaller case that crashes too."""
        limit = patience(self.time_limit, self._slowest)

        def failing(case: Case) -> Finding | None:
            if _known(task, case):
                return None
            _, died = self._attempt(("case", task, str(case)), lambda cases: None, limit)
            return died.finding if died else None

        return shrink_fatal(failure, before, failing)

    def _attempt(self, job: Any, advance: Advance, limit: float | None = None) -> tuple[Any, Failure | None]:
        """The child's answer to a job; or why there is none, and the failure at the case where it died."""
        child, limit = self._alive(), limit or self.time_limit
        self._log.clear()
        try:
            child.ask(job)
        except Exception as error:  # whatever pickling raises
            return f"{type(error).__name__}: {brief(error)}", None
        seen, moved = self._log.read(), time.monotonic()
        while (answer := child.answer(POLL)) is None and not child.garbled:
            alive, record = child.alive, self._log.read()
            advance(record.calls - seen.calls)
            if record != seen:
                seen, moved = record, time.monotonic()
            longest = limit if record.running else max(limit, START)
            if alive and time.monotonic() - moved < longest:
                continue
            if (answer := child.answer(0)) is not None:
                break
            return self._death(child, "hang" if alive else "crash", f"no answer within {longest:g} s")
        self._slowest = max(self._slowest, self._log.read().slowest)
        try:
            return pickle.loads(answer or b""), None
        except Exception:  # a target may have written anywhere
            return self._death(child, "garbled", "the process of the target wrote what is no answer")

    def _death(self, child: _Child, kind: str, said: str) -> tuple[str, Failure | None]:
        """What there is to say about a child that has died, or that is ended here because it stands still."""
        record = self._log.read()
        self._slowest = max(self._slowest, record.slowest)
        if kind == "crash":
            cause = child.cause()
            kind = "hang" if cause == "SIGALRM" else "crash"
            said = f"the process of the target died ({cause}){child.last_words()}"
        self._children.remove(child)
        child.kill()
        case = None if kind == "garbled" or (kind == "hang" and not record.running) else record.case
        return said, Failure(case, Finding(kind, said=said)) if case else None

    def _alive(self) -> _Child:
        if not self.open:
            raise RuntimeError("the worker is closed")
        if self._children and not self._children[0].alive:
            self._children.pop().kill()
        if not self._children:
            self._children.append(_Child(self._file.fileno(), self.time_limit))
        return self._children[0]

    @property
    def open(self) -> bool:
        """Whether it has not been closed."""
        return self._close.alive

    def close(self) -> None:
        """End the child, for good."""
        self._close()

    def __enter__(self) -> Worker:
        """The worker itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the child."""
        self.close()


class _Child(ChildProcess):
    """A process that runs `child.serve`, and the answers it has begun to write."""

    def __init__(self, fileno: int, time_limit: float) -> None:
        command = [sys.executable, "-c", SERVE, json.dumps(_search_path()), str(fileno), str(time_limit)]
        super().__init__(command, env=os.environ | ONE_THREAD, inherits=(fileno,))
        self.garbled = False

    def ask(self, job: Any) -> None:
        self.write(message(job))

    def answer(self, seconds: float) -> bytes | None:
        """The pickle of an answer, None if there is none within so many seconds."""
        self.listen(seconds)
        length = struct.unpack("q", self.received[:8])[0] if len(self.received) >= 8 else 0
        self.garbled = not 0 <= length <= LONGEST_ANSWER
        if self.garbled or not length or len(self.received) < 8 + length:
            return None
        answer = bytes(self.received[8 : 8 + length])
        del self.received[: 8 + length]
        return answer


def _search_path() -> list[str]:
    """`sys.path` as text; whatever else lies there, Python passes over."""
    return [os.fsdecode(entry) for entry in sys.path if isinstance(entry, str | bytes | os.PathLike)]


def _end(children: list[_Child], log: CallLog, file: IO[bytes]) -> None:
    for child in children:
        child.kill()
    children.clear()
    log.close()
    file.close()


def _known(task: Task, case: Case) -> list[Any]:
    return [deviation for deviation in task.deviations if deviation.matches(case)]
