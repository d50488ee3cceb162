"""A failure in words: the one rendering that `check`, the terminal, pytest and JUnit share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..findings import Finding
from ..operations import CONVENTIONS
from ..verdict.row import Failure, Result
from .values import lines_of

__all__ = ["told", "told_conventions", "told_origin"]


def told(failure: Failure, target: str | None = None, *, script: bool = False, width: int | None = None) -> str:
    """What is wrong, what the target behaves like, the case, and with a `target` how to see it again.

    Parameters
    ----------
    failure : at its smallest case
    target : as `nnref repro` takes it
    script : whether the script stands below
    width : columns for the values of the case, if they are to be shown; the case then stands in the command alone

    >>> from nnref.oracle.cases.case import parse
    >>> from nnref.oracle.findings import Finding
    >>> case = parse("relu.forward float32 integers contiguous seed=0 N=1 C=1 H=1 W=1")
    >>> print(told(Failure(case, Finding("dtype", "y", wanted="float32", found="float64"))))
    y must have dtype float32, got float64
      case: relu.forward float32 integers contiguous seed=0 N=1 C=1 H=1 W=1
    """
    text = "\n  ".join(_lines(failure, target, width))
    return f"{text}\n\n{failure.snippet}".rstrip() if script and failure.snippet else text


def _lines(failure: Failure, target: str | None, width: int | None) -> Iterator[str]:
    yield failure.finding.message
    yield from told_origin(failure.finding)
    if failure.hint:
        yield f"it behaves {failure.hint.words}"
    if failure.values and width:
        yield from lines_of(failure.case, failure.values, failure.finding.subject, width - 2)
    if not (width and target):
        yield f"case: {failure.descriptor}"
    if target is not None:
        yield f"again: {failure.command(target)}"


def told_origin(finding: Finding) -> Iterator[str]:
    """Where an exception came from, one line each: its causes, and lines of the target."""
    yield from (f"because of {cause}" for cause in finding.causes)
    for frame in finding.frames:
        yield f"at {_near(frame.file)}:{frame.line}, in {frame.function}"
        if frame.code:
            yield f"    {frame.code}"


def _near(file: str) -> str:
    """A path, relative to the directory if it lies in it."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def told_conventions(result: Result, *, differing: bool = False) -> Iterator[str]:
    """How the target answers where there are conventions, one line each; only the `differing` ones if that is asked.

    >>> from nnref.oracle.findings import Observed
    >>> row = Result("avg_pool2d", "forward", "float32")
    >>> row.observe(Observed("mean_of_no_pixel", ("nan",), ("0",)))
    >>> list(told_conventions(row))
    ['mean of no pixel: nan; nnref: 0']
    """
    for name in sorted(result.conventions):
        answers, own = result.answers(name)
        if answers != own or not differing:
            yield f"{CONVENTIONS[name].words}: {' or '.join(answers)}; nnref: {' or '.join(own)}"
