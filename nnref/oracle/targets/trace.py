"""Where an exception of a target came from: its causes, and lines of the target's own code."""

from __future__ import annotations

import linecache
import traceback
from pathlib import Path

from ..findings import Frame
from ..text import brief

__all__ = ["causes_of", "frames_of"]

OWN = str(Path(__file__).parents[2])  # of nnref, whose lines say nothing of a target
LAST, MOST_CAUSES = 3, 3


def causes_of(error: BaseException) -> tuple[str, ...]:
    """The exceptions that an exception was raised from or during, the nearest first."""
    causes: list[str] = []
    while len(causes) < MOST_CAUSES:
        hidden = None if error.__suppress_context__ else error.__context__
        cause = error.__cause__ or hidden
        if cause is None:
            break
        place = f" ({Path(frames[-1].file).name}:{frames[-1].line})" if (frames := frames_of(cause)) else ""
        causes.append(f"{type(cause).__name__}: {brief(cause)}{place}")
        error = cause
    return tuple(causes)


def frames_of(error: BaseException) -> tuple[Frame, ...]:
    """The line at which the oracle's call enters the target, and the last ones, without those of nnref."""
    walked = [(frame.f_code, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [(code, line) for code, line in walked if not code.co_filename.startswith(OWN)]
    kept = own if len(own) <= LAST + 1 else [own[0], *own[-LAST:]]
    return tuple(
        Frame(code.co_filename, line, code.co_name, brief(linecache.getline(code.co_filename, line)))
        for code, line in kept
    )
