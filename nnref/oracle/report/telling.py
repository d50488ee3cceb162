"""A failure in words: the one rendering that `check`, the terminal, pytest and JUnit share."""

from __future__ import annotations

from collections.abc import Iterator

from ..verdict.row import Failure

__all__ = ["told"]


def told(failure: Failure, target: str | None = None, *, script: bool = False) -> str:
    """What is wrong, what the target behaves like, the case, and with a `target` how to see it again.

    Parameters
    ----------
    failure : at its smallest case
    target : as `nnref repro` takes it
    script : whether the script stands below

    >>> from nnref.oracle.cases.case import parse
    >>> from nnref.oracle.findings import Finding
    >>> case = parse("relu.forward float32 integers contiguous seed=0 N=1 C=1 H=1 W=1")
    >>> print(told(Failure(case, Finding("dtype", "y", wanted="float32", found="float64"))))
    y must have dtype float32, got float64
      case: relu.forward float32 integers contiguous seed=0 N=1 C=1 H=1 W=1
    """
    text = "\n  ".join(_lines(failure, target))
    return f"{text}\n\n{failure.snippet}".rstrip() if script and failure.snippet else text


def _lines(failure: Failure, target: str | None) -> Iterator[str]:
    yield failure.finding.message
    if failure.hint:
        yield f"it behaves {failure.hint.words}"
    yield f"case: {failure.descriptor}"
    if target is not None:
        yield f"again: {failure.command(target)}"
