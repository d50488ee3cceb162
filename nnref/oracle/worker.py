"""A child process in which a target runs, so that it may crash, hang or corrupt its heap.

The parent sends tasks, the child results, pickled with a length in front, over pipes of their own: what a target prints
does not get among them. Before every call the child writes the case's line into a shared file; when it dies or stands
still, that line says at which case. The parent then reports the case as a failure of its row and starts a new child.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import pickle
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from typing import IO, Any

from .case import Case, parse
from .judge import Finding
from .result import Failure, Result
from .shrink import shrink_fatal
from .task import Task, run_task

__all__ = ["Worker", "serve"]

LINE_BYTES = 4096
POLL = 0.02
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")  # cases are small
SERVE = "import sys; from nnref.oracle.worker import serve; serve(int(sys.argv[1]))"


class Worker:
    """A child process; `run` gives the result of a task whatever happens to the child."""

    def __init__(self, time_limit: float = 30.0) -> None:
        self.time_limit = time_limit
        self._child: subprocess.Popen[bytes] | None = None
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 the child inherits it
        self._file.truncate(LINE_BYTES)
        self._line = mmap.mmap(self._file.fileno(), LINE_BYTES)

    def run(self, task: Task, advance: Callable[[int], None] = lambda cases: None) -> Result:
        """The result of a task; a mode that kills the child fails at its case, and the others go on."""
        crashes: list[Failure] = []
        modes = task.modes
        while modes:
            answer, died = self._attempt(("task", replace(task, modes=modes)), advance)
            if isinstance(answer, Result):
                break
            if isinstance(answer, str):  # an exception of the target's import, or of the oracle itself
                answer = _lost(task, answer)
                break
            if died is None or died.case.mode not in modes:
                answer = _lost(task, died.finding.message if died else "the process of the target died")
                break
            crashes.append(self._smallest(task, died, crashes))
            modes = tuple(mode for mode in modes if mode != died.case.mode)
        result = answer if modes else Result(task.op, task.direction, task.dtype)
        result.failures = sorted([*crashes, *result.failures], key=lambda f: task.modes.index(f.case.mode))
        return result

    def _smallest(self, task: Task, failure: Failure, before: list[Failure]) -> Failure:
        """Shrink a crash, with a new child for every smaller case that crashes too."""

        def failing(case: Case) -> Finding | None:
            _, died = self._attempt(("case", replace(task, deviations=()), str(case)), lambda cases: None)
            return died.finding if died else None

        return shrink_fatal(failure, before, failing)

    def _attempt(self, job: Any, advance: Callable[[int], None]) -> tuple[Any, Failure | None]:
        """The child's answer to a job, or the failure at the case where it died."""
        child = self._alive()
        assert child.stdin is not None
        assert child.stdout is not None
        self._line[: struct.calcsize("qq")] = struct.pack("qq", 0, 0)
        with contextlib.suppress(BrokenPipeError):
            _send(child.stdin, job)
        os.set_blocking(child.stdout.fileno(), False)
        received, seen, moved = b"", 0, time.monotonic()
        while True:
            chunk = child.stdout.read(1 << 20)
            received += chunk or b""
            if len(received) >= 8 and len(received) >= 8 + struct.unpack("q", received[:8])[0]:
                return pickle.loads(received[8:]), None
            count, _ = struct.unpack("qq", self._line[:16])
            if count != seen or chunk:
                advance(count - seen)
                seen, moved = count, time.monotonic()
            code = child.poll()
            if code is not None and not chunk:
                return None, self._failure("crash", f"the process of the target died ({_cause(code)})")
            if seen and time.monotonic() - moved > self.time_limit:
                self.close()
                return None, self._failure("hang", f"no answer within {self.time_limit:g} s")
            if not chunk:
                time.sleep(POLL if time.monotonic() - moved > POLL else 0.001)

    def _failure(self, kind: str, message: str) -> Failure | None:
        self.close()
        _, length = struct.unpack("qq", self._line[:16])
        if not length:
            return None
        return Failure(parse(self._line[16 : 16 + length].decode()), Finding(kind, message))

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(self._file.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=(self._file.fileno(),),
                env=os.environ | ONE_THREAD,
            )
        return self._child

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                with contextlib.suppress(OSError):
                    if pipe:
                        pipe.close()
            self._child = None

    def __enter__(self) -> Worker:
        """The worker itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the child."""
        self.close()


def _lost(task: Task, why: str) -> Result:
    return Result(task.op, task.direction, task.dtype, lost=why)


def _cause(code: int) -> str:
    import signal

    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit status {code}"


def _send(pipe: IO[bytes], message: Any) -> None:
    data = pickle.dumps(message)
    pipe.write(struct.pack("q", len(data)) + data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    head = pipe.read(8)
    if len(head) < 8:
        raise EOFError
    return pickle.loads(pipe.read(struct.unpack("q", head)[0]))


def serve(fileno: int) -> None:
    """The child's loop: jobs in, results out, the line of the current case in the shared file."""
    line = mmap.mmap(fileno, LINE_BYTES)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what a target prints
    count = 0

    def watch(case: Case) -> None:
        nonlocal count
        count += 1
        text = str(case).encode()[: LINE_BYTES - 16]
        line[16 : 16 + len(text)] = text
        line[:16] = struct.pack("qq", count, len(text))

    while True:
        try:
            kind, task, *rest = _receive(sys.stdin.buffer)
        except EOFError:
            return
        count = 0
        try:
            answer: Any = run_task(task, watch=watch) if kind == "task" else _one(task, parse(rest[0]), watch)
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        _send(answers, answer)


def _one(task: Task, case: Case, watch: Callable[[Case], None]) -> str:
    """Call the target once, and live."""
    from .call import call
    from .data import arrays_of
    from .targets import resolve
    from .task import function_of

    target = resolve(task.target) if isinstance(task.target, str) else task.target
    function = function_of(target, case.op, case.direction)
    watch(case)
    if function is not None:
        call(function, case, *arrays_of(case))
    return "alive"
