"""A running program, and the lines exchanged with it.

If the program dies, hangs or writes anything but one line, an exception says so within the time limit.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from ..child_process import ChildProcess
from ..findings import TargetDied

__all__ = ["Program", "ProtocolError", "quoted"]

LONGEST_ANSWER = 4096  # bytes
TO_END = 2.0  # seconds that a program has to end by itself, for example to write a profile


class ProtocolError(Exception):
    """The program wrote something that is not an answer."""


class Program:
    """A running program. `ask` sends it a line, and `close` ends it. It has a directory for its requests."""

    def __init__(self, command: Sequence[str]) -> None:
        self._child = ChildProcess(command)
        self._directory = tempfile.TemporaryDirectory(prefix="nnref-", ignore_cleanup_errors=True)

    @property
    def alive(self) -> bool:
        """Whether the program runs."""
        return self._child.alive

    def empty_directory(self) -> Path:
        """The directory of its requests, without the files of the last one."""
        for path in Path(self._directory.name).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        return Path(self._directory.name)

    def ask(self, line: str, limit: float) -> str:
        """Send a line and return the program's answer, within `limit` seconds.

        Raises
        ------
        TargetDied : the program ended or did not answer.
        ProtocolError : the program did not answer with exactly one line; it is killed.
        """
        deadline, child = time.monotonic() + limit, self._child
        child.listen(0)
        if child.received:
            self._nonsense(f"wrote unasked {quoted(child.received)}")
        child.write(line.encode() + b"\n")
        while b"\n" not in child.received:
            if len(child.received) > LONGEST_ANSWER:
                self._nonsense(f"answered more than {LONGEST_ANSWER} bytes without an end of line")
            if time.monotonic() > deadline:
                self.kill()
                raise TargetDied("hang", f"no answer within {limit:.3g} s{child.last_words()}")
            if not child.listen(max(0.0, deadline - time.monotonic())) and b"\n" not in child.received:
                cause = child.cause(1.0)
                self.kill()
                raise TargetDied("crash", f"the program died ({cause}){child.last_words()}")
        answer, _, rest = bytes(child.received).partition(b"\n")
        child.received.clear()
        if rest:
            self._nonsense(f"answered more than one line: {quoted(answer)}, then {quoted(rest)}")
        return answer.decode(errors="replace").strip()

    def _nonsense(self, what: str) -> NoReturn:
        self.kill()
        raise ProtocolError(f"the program {what}")

    def kill(self) -> None:
        """Kill the program and the processes that it started."""
        self._child.kill()
        self._directory.cleanup()

    def close(self) -> None:
        """Close the input of the program, so that it ends by itself."""
        self._child.finish(TO_END)
        self._directory.cleanup()


def quoted(said: bytes | bytearray) -> str:
    """The beginning of what was said, in quotation marks, for a message."""
    text = said.decode(errors="replace")
    return repr(text if len(text) <= 80 else text[:77] + "...")
