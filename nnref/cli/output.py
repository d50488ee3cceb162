"""Standard output and error that end no command: they show what their encoding can, to whoever still reads."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

__all__ = ["Output", "sturdy_output"]


class Output:
    """A text stream; what its encoding lacks is written as escapes, and what cannot be written is dropped.

    Attributes
    ----------
    lost : why something was dropped, None as long as nothing was, or its reader had gone
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        """What else the stream has."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write what can be written."""
        encoding = self._stream.encoding or "utf-8"
        with self._surviving():
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        with self._surviving():
            self._stream.flush()

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.lost = self.lost or (None if isinstance(error, BrokenPipeError) else error)
            with contextlib.suppress(OSError, ValueError):  # for the interpreter flushes it once more when it ends
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._stream.fileno())
                os.close(nowhere)


@contextlib.contextmanager
def sturdy_output() -> Iterator[Output]:
    """Replace standard output and error by such streams; gives the former."""
    with contextlib.ExitStack() as stack:
        streams = (s or stack.enter_context(open(os.devnull, "w")) for s in (sys.stdout, sys.stderr))  # None if closed
        out, err = map(Output, streams)
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        try:
            yield out
        finally:
            out.flush()
            err.flush()
