"""A child process with three pipes, as `exchange.program` and `campaign.worker` use it.

The process may die, hang, or write any amount of anything. No method waits longer than its time limit.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, cast

__all__ = ["ChildProcess"]

CHUNK = 1 << 16
LAST_WORDS = 4096  # bytes of standard error that are kept
SHOWN = 200  # characters of standard error in a message
DRAINED = 64  # chunks of output that are read after the end, because its own children may write on without end


class ChildProcess:
    """A process in a session of its own, so that it can be killed together with the processes that it starts.

    Attributes
    ----------
    received : bytes of its standard output that have not been taken yet
    """

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, inherits: Sequence[int] = ()
    ) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command,
            bufsize=0,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=env,
            pass_fds=inherits,
            start_new_session=True,
        )
        self._stdin, self._stdout, self._stderr = (
            cast("IO[bytes]", stream) for stream in (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        self.received, self._complaint = bytearray(), b""
        self._selector = selectors.DefaultSelector()
        for stream in (self._stdout, self._stderr):
            self._selector.register(stream, selectors.EVENT_READ)

    @property
    def alive(self) -> bool:
        """Whether the process runs and its input is open."""
        return self._process.poll() is None and not self._stdin.closed

    def write(self, data: bytes) -> None:
        """Write to its standard input. If the process has died, nothing is raised, and `cause` says why it died."""
        with contextlib.suppress(BrokenPipeError):
            remaining = memoryview(data)
            while remaining:
                remaining = remaining[self._stdin.write(remaining) :]

    def listen(self, seconds: float) -> bool:
        """Wait up to so many seconds for output and read it; return False at the end of standard output."""
        for key, _ in self._selector.select(seconds):
            chunk = os.read(key.fd, CHUNK)
            if not chunk:
                self._selector.unregister(key.fileobj)
            elif key.fileobj is self._stdout:
                self.received += chunk
            else:
                self._complaint = (self._complaint + chunk)[-LAST_WORDS:]
        return self._stdout in self._selector.get_map()

    def cause(self, seconds: float | None = None) -> str:
        """Wait up to so many seconds for the end, and say what ended the process: an exit status or a signal."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)
        for _ in range(DRAINED):
            if not (self._selector.get_map() and self._selector.select(0)):
                break
            self.listen(0)
        code = self._process.poll()
        if code is None:
            return "it closed its standard output"
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return f"signal {-code}"

    def last_words(self) -> str:
        """The last part of its standard error, as the end of a sentence."""
        text = " ".join(self._complaint.decode(errors="replace").split())
        return f"; it said: {text[-SHOWN:]}" if text else ""

    def finish(self, seconds: float) -> None:
        """Close its input, wait up to so many seconds for it to end, then kill it."""
        if self.alive:
            self._stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=seconds)
        self.kill()

    def kill(self) -> None:
        """Kill it and the processes that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._selector.close()
        for stream in (self._stdin, self._stdout, self._stderr):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
