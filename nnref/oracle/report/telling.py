"""A failure in words: the one rendering that `check`, the terminal, pytest and JUnit share."""

from __future__ import annotations

from collections.abc import Iterator

from ..operations import CONVENTIONS
from ..verdict.row import Failure, Result

__all__ = ["told", "told_conventions"]


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
