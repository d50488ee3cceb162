"""The call log: a child process notes every call in it, and its parent reads it if the child dies or hangs.

It is a page of memory that both processes map. The page survives the child, and it costs a call almost nothing.
"""

from __future__ import annotations

import mmap
import struct
import time
from dataclasses import dataclass

from ...errors import OptionError
from ..cases.case import Case, parse

__all__ = ["PAGE", "CallLog", "Record"]

PAGE = 4096
HEAD = struct.Struct("qqdq")


@dataclass(frozen=True)
class Record:
    """The number of calls, whether one is running, the seconds of the slowest, and the last case as a line."""

    calls: int
    running: bool
    slowest: float
    line: str

    @property
    def case(self) -> Case | None:
        """The case of the last call; None if there was no call, or if the target has overwritten the page."""
        try:
            return parse(self.line) if self.line else None
        except OptionError:
            return None


class CallLog:
    """The page of a file that both processes have open."""

    def __init__(self, fileno: int) -> None:
        self._page = mmap.mmap(fileno, PAGE)
        self._calls, self._slowest, self._started = 0, 0.0, 0.0
        self._line = b""

    def clear(self) -> None:
        """Forget all calls."""
        self._calls, self._slowest, self._line = 0, 0.0, b""
        self._write(running=False)

    def enter(self, case: Case) -> None:
        """Note that a call begins."""
        self._calls += 1
        self._line = str(case).encode()[: PAGE - HEAD.size]
        self._started = time.monotonic()
        self._write(running=True)

    def leave(self) -> None:
        """Note that the call has ended."""
        self._slowest = max(self._slowest, time.monotonic() - self._started)
        self._write(running=False)

    def _write(self, running: bool) -> None:
        self._page[HEAD.size : HEAD.size + len(self._line)] = self._line
        self._page[: HEAD.size] = HEAD.pack(self._calls, running, self._slowest, len(self._line))

    def read(self) -> Record:
        """What the other process has noted."""
        calls, running, slowest, length = HEAD.unpack(self._page[: HEAD.size])
        line = self._page[HEAD.size : HEAD.size + length].decode(errors="replace")
        return Record(calls, bool(running), slowest, line)

    def close(self) -> None:
        """Unmap the page."""
        self._page.close()
