"""A running program, and the lines exchanged with it.

It may die, stand still, or say anything at any length: each ends in an exception that says so, within the time given.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NoReturn, cast

from ..targets.call import TargetDied

__all__ = ["Program", "ProtocolError", "brief"]

LONGEST_ANSWER = 4096  # bytes
CHUNK = 1 << 16


class ProtocolError(Exception):
    """The program answered what is no answer."""


class Program:
    """A running program; `ask` it, `close` it. It has an empty directory of its own for every request."""

    def __init__(self, command: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
        self._stdin, self._stdout, self._stderr = (
            cast("IO[bytes]", stream) for stream in (self._child.stdin, self._child.stdout, self._child.stderr)
        )
        self._selector, self._said, self._complaint = selectors.DefaultSelector(), b"", b""
        self._directory = tempfile.TemporaryDirectory(prefix="nnref-", ignore_cleanup_errors=True)
        for stream in (self._stdout, self._stderr):
            self._selector.register(stream, selectors.EVENT_READ)

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._child.poll() is None and not self._stdin.closed

    def empty_directory(self) -> Path:
        """The directory of its requests, emptied of the last one."""
        for path in Path(self._directory.name).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        return Path(self._directory.name)

    def ask(self, line: str, limit: float) -> str:
        """The program's answer to a line, within `limit` seconds.

        Raises
        ------
        TargetDied : it ended, or did not answer.
        ProtocolError : it said more, or less, than one line; it is ended then.
        """
        deadline = time.monotonic() + limit
        self._listen(0)
        if self._said:
            self._nonsense(f"wrote unasked {brief(self._said)}")
        with contextlib.suppress(BrokenPipeError):  # what it died of, reading tells
            self._stdin.write(line.encode() + b"\n")
        while b"\n" not in self._said:
            if len(self._said) > LONGEST_ANSWER:
                self._nonsense(f"answered more than {LONGEST_ANSWER} bytes without an end of line")
            if time.monotonic() > deadline:
                self.kill()
                raise TargetDied("hang", f"no answer within {limit:.3g} s{self._last_words()}")
            if not self._listen(max(0.0, deadline - time.monotonic())):
                raise TargetDied("crash", f"the program died ({self._cause()}){self._last_words()}")
        answer, _, rest = self._said.partition(b"\n")
        self._said = b""
        if rest:
            self._nonsense(f"answered more than one line: {brief(answer)}, then {brief(rest)}")
        return answer.decode(errors="replace").strip()

    def _listen(self, seconds: float) -> bool:
        """Wait for output and take it in; False at the end of standard output."""
        for key, _ in self._selector.select(seconds):
            chunk = os.read(key.fd, CHUNK)
            if key.fileobj is self._stdout:
                self._said += chunk
                if not chunk:
                    return False
            else:
                self._complaint = (self._complaint + chunk)[-LONGEST_ANSWER:]
                if not chunk:
                    self._selector.unregister(self._stderr)
        return True

    def _nonsense(self, what: str) -> NoReturn:
        self.kill()
        raise ProtocolError(f"the program {what}")

    def _cause(self) -> str:
        """What ended the program; takes in what is left of its complaint."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=1)
        code = self._child.poll()
        with contextlib.suppress(OSError, ValueError, KeyError):
            self._selector.unregister(self._stdout)
            while self._selector.get_map() and self._selector.select(0):
                self._listen(0)
        self.kill()
        if code is None:
            return "it closed its standard output"
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return f"signal {-code}"

    def _last_words(self) -> str:
        text = " ".join(self._complaint.decode(errors="replace").split())
        return f"; it said: {text[-200:]}" if text else ""

    def kill(self) -> None:
        """End it, and what it started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._selector.close()
        for stream in (self._stdin, self._stdout, self._stderr):
            stream.close()
        self._directory.cleanup()

    def close(self) -> None:
        """Let it end by itself: its input ends, and it may still write its profile or its leaks."""
        if self.alive:
            self._stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=2)
        self.kill()


def brief(said: bytes) -> str:
    """What was said, quoted, for a message."""
    text = said.decode(errors="replace")
    return repr(text if len(text) <= 80 else text[:77] + "...")
