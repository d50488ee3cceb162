"""A child process in which a target runs, so that it may crash, hang or corrupt its heap.

The parent sends tasks and the child sends results, through pipes that the target does not see. Before every call the
child notes the case in a `CallLog`, which shows at which case it died or hung. The parent then reports this case as a
failure of its row, and starts a new child for the other cases.
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
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import IO, Any

from ...errors import OptionError
from ..cases.case import Case
from ..child_process import ChildProcess
from ..findings import Finding
from ..limits import Clock, expect_time_limit, patience
from ..search.fatal import fatal_again
from ..search.known import Known
from ..search.search import SHARE
from ..search.shrink import ENDLESS
from ..targets.resolve import refuse_target
from ..text import brief
from ..verdict.row import Failure, Result
from .call_log import PAGE, CallLog, Record
from .child import message
from .repeat import Repeated
from .seen import Seen, unfinished
from .task import Loaded, Task, Watch

__all__ = ["Worker"]

POLL = 0.05
MOST = 5  # failures that end the process, in one row
GRACE = 1.0  # seconds after the end of a campaign in which a call may end
START = 120.0  # seconds that the import of a target may take, at least
LONGEST_ANSWER = 1 << 28  # bytes
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # cases are small
SERVE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from nnref.oracle.campaign.child import serve; "
    "serve(int(sys.argv[2]), float(sys.argv[3]))"
)

Advance = Callable[[int], None]


def _ignore(_: Any) -> None:
    """Whoever does not care hears this."""


class Worker:
    """A child process. `run` returns the result of a task, whatever happens to the child."""

    def __init__(self, time_limit: float = 30.0) -> None:
        self.time_limit = expect_time_limit("Worker", "time_limit", time_limit)
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 the child inherits it
        self._file.truncate(PAGE)
        self._log = CallLog(self._file.fileno())
        self._children: list[_Child] = []  # one or none
        self._slowest = 0.0
        self._close = weakref.finalize(self, _end, self._children, self._log, self._file)

    def load(self, name: str) -> Loaded:
        """Load a target by name in the child, and return what is known of it.

        Raises
        ------
        OptionError : the target cannot be loaded, or not in time.
        """
        reply, _ = self._attempt(("load", name))
        if isinstance(reply, OptionError):
            raise reply
        if not isinstance(reply, Loaded):
            refuse_target(name, reply)
        return reply

    def run(self, task: Task, advance: Advance = _ignore, watch: Watch = _ignore) -> Result:
        """The result of a task; what kills the child is a failure at its case, and the search goes on behind it.

        `watch` sees the unfinished row, as `search` says. If a call still runs when the time of the campaign is up, the
        child is killed, and the row is what was known of it.
        """
        seen, deviating = Seen(task, watch), list[Case]()
        modes, answer = task.modes, Result(task.op, task.direction, task.dtype)
        while modes:
            avoid = tuple(known for known, _ in seen.fatal.values())
            job = ("task", replace(task, modes=modes, avoid=avoid))
            reply, died = self._attempt(job, advance, watch=seen.watch, clock=task.clock)
            if isinstance(reply, Result):
                answer = seen.completed(reply)
                break
            if died is None or died.case.mode not in modes or any(known.is_in(died.case) for known in avoid):
                answer = seen.lost(reply)
                break
            if _known(task, died.case):
                deviating.append(died.case)
                modes = tuple(mode for mode in modes if mode != died.case.mode)
                continue
            known, failure = self._smallest(task, died, avoid)
            no_progress = known in avoid
            seen.note(known, failure)
            if no_progress or len(seen.fatal) == MOST:
                answer = seen.lost("cases ended the process of the target again and again; the others were not called")
                break
        for case in deviating:
            for deviation in _known(task, case):
                answer.known.setdefault(deviation.reason, [0, 0])[0] += 1
            answer.notes.add(f"{case.mode} data were left at a known deviation that ended the process")
        return answer

    def repeat(self, task: Task, case: Case) -> Repeated | None:
        """One case again; None if the target has no function for it."""
        reply, died = self._attempt(("repeat", task, str(case)))
        if died is not None:
            return Repeated(died.finding, None, None)
        if reply is None or isinstance(reply, Repeated):
            return reply
        return Repeated(Finding("crash", said=str(reply)), None, None)

    def _smallest(self, task: Task, failure: Failure, before: Sequence[Known]) -> tuple[Known, Failure]:
        """Shrink a crash, with a new child for every smaller case that crashes too."""
        limit = patience(self.time_limit, self._slowest)

        def failing(case: Case) -> Finding | None:
            if _known(task, case):
                return None
            _, died = self._attempt(("case", task, str(case)), limit=limit)
            return died.finding if died else None

        return fatal_again(failure, before, failing, task.clock.part(SHARE))

    def _attempt(
        self,
        job: Any,
        advance: Advance = _ignore,
        limit: float | None = None,
        watch: Watch = _ignore,
        clock: Clock = ENDLESS,
    ) -> tuple[Any, Failure | None]:
        """The child's answer to a job; if there is none, the reason, and the failure at the case where it died.

        It is a row without anything if the time of the campaign is up and the child does not answer.
        """
        child, limit = self._alive(), limit or self.time_limit
        self._log.clear()
        try:
            child.ask(job)
        except Exception as error:  # pickling may raise anything
            return f"{type(error).__name__}: {brief(error)}", None
        seen, moved = self._log.read(), time.monotonic()
        while (answer := child.news(POLL, watch)) is None and not child.garbled:
            alive, record = child.alive, self._log.read()
            advance(record.calls - seen.calls)
            if record != seen:
                seen, moved = record, time.monotonic()
            longest = limit if record.running else max(limit, START)
            if alive and time.time() > clock.campaign + GRACE:
                return self._cut(child, job[1], record), None
            if alive and time.monotonic() - moved < longest:
                continue
            if (answer := child.news(0, watch)) is not None:
                break
            return self._death(child, "hang" if alive else "crash", f"no answer within {longest:g} s")
        self._slowest = max(self._slowest, self._log.read().slowest)
        try:
            return pickle.loads(answer or b""), None
        except Exception:  # a target may write anything into the pipe
            return self._death(child, "garbled", "the process of the target wrote something that is not an answer")

    def _cut(self, child: _Child, task: Task, record: Record) -> Result:
        """The row without anything, of a task whose call is still running when the time is up."""
        self._children.remove(child)
        child.kill()
        row = task.not_run()
        row.notes.add(f"the time was up while this case was running: {record.line}")
        return row

    def _death(self, child: _Child, kind: str, said: str) -> tuple[str, Failure | None]:
        """Describe the end of a child that has died, or that is killed here because it hangs."""
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
        """End the child. No other one is started."""
        self._close()

    def __enter__(self) -> Worker:
        """The worker itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the child."""
        self.close()


class _Child(ChildProcess):
    """A process that runs `child.serve`."""

    def __init__(self, fileno: int, time_limit: float) -> None:
        command = [sys.executable, "-c", SERVE, json.dumps(_search_path()), str(fileno), str(time_limit)]
        super().__init__(command, env=os.environ | ONE_THREAD, inherits=(fileno,))
        self.garbled = False

    def ask(self, job: Any) -> None:
        self.write(message(job))

    def answer(self, seconds: float) -> bytes | None:
        """The pickle of an answer; None if there is no complete answer within so many seconds."""
        self.listen(seconds)
        length = struct.unpack("q", self.received[:8])[0] if len(self.received) >= 8 else 0
        self.garbled = not 0 <= length <= LONGEST_ANSWER
        if self.garbled or not length or len(self.received) < 8 + length:
            return None
        answer = bytes(self.received[8 : 8 + length])
        del self.received[: 8 + length]
        return answer

    def news(self, seconds: float, watch: Watch) -> bytes | None:
        """The same, after all unfinished rows that have come before it were shown to `watch`."""
        while (answer := self.answer(seconds)) is not None:
            row = unfinished(answer)
            if row is None:
                return answer
            watch(row)
            seconds = 0.0
        return None


def _search_path() -> list[str]:
    """The entries of `sys.path` that are text. Python ignores the others."""
    return [os.fsdecode(entry) for entry in sys.path if isinstance(entry, str | bytes | os.PathLike)]


def _end(children: list[_Child], log: CallLog, file: IO[bytes]) -> None:
    for child in children:
        child.kill()
    children.clear()
    log.close()
    file.close()


def _known(task: Task, case: Case) -> list[Any]:
    return [deviation for deviation in task.deviations if deviation.matches(case)]
