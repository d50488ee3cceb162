"""Standard output and error on which a failed write does not end a command."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TextIO

__all__ = ["Output", "sturdy_output"]


class Output:
    """A standard stream that keeps the first failed write in `lost` and drops what follows.

    Without it, a closed pipe or a full disk would cost the exit status and the files that are still to be written. To
    catch the error around a whole command is not enough, because Rich itself ends the process at a closed pipe.

    Attributes
    ----------
    lost : the first error, or None; a reader that closes its pipe is not an error
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost: OSError | None = None
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        """The stream's own attribute."""
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text."""
        self._attempt(self._stream.write, text)
        return len(text)

    def flush(self) -> None:
        """Write what is in the buffer."""
        self._attempt(self._stream.flush)

    def _attempt(self, action: Callable[..., object], *arguments: str) -> None:
        try:
            action(*arguments)
        except OSError as error:
            self.lost = self.lost or (None if isinstance(error, BrokenPipeError) else error)
            with contextlib.suppress(OSError):  # Python flushes the stream again at exit: see `signal`, note on SIGPIPE
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


@contextlib.contextmanager
def sturdy_output() -> Iterator[Output]:
    """Replace standard output and error by an `Output` each; yield the former."""
    with open(os.devnull, "w") as nowhere:  # in place of a closed stream, which Python has as None
        out, err = Output(sys.stdout or nowhere), Output(sys.stderr or nowhere)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                yield out
            finally:
                out.flush()
                err.flush()
