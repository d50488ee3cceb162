"""What a campaign has found: its rows, and what follows from them. The forms of a report are made of this."""

from __future__ import annotations

import platform
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

import nnref

from ..cases.case import MODES
from ..expectation.declaration import Declaration
from ..verdict.deviations import Deviation
from ..verdict.row import Result
from .machine import machine, today

__all__ = ["Facts"]


def _versions() -> dict[str, str]:
    return {"nnref": nnref.__version__, "numpy": np.__version__, "python": platform.python_version()}


@dataclass
class Facts:
    """What a target did on every operation.

    Attributes
    ----------
    target : its name
    declares : what the target states about its arithmetic
    results : a row for each operation, direction and dtype
    deviations : the known ones that were looked for
    versions : of nnref, NumPy and Python, which judged, and of the libraries that the target uses
    planned : how many rows were asked for; an interrupted campaign has fewer
    seconds : how long the campaign was allowed to take; None for no end
    modes : the modes of data
    machine : processor, its instructions, system
    date : the day of the campaign
    """

    target: str
    seed: int = 0
    max_examples: int = 0
    declares: Declaration = field(default_factory=Declaration)
    results: list[Result] = field(default_factory=list)
    deviations: tuple[Deviation, ...] = ()
    versions: dict[str, str] = field(default_factory=_versions)
    planned: int = 0
    seconds: float | None = None
    modes: tuple[str, ...] = MODES
    machine: dict[str, str] = field(default_factory=machine)
    date: str = field(default_factory=today)

    @property
    def ok(self) -> bool:
        """Whether every row was run, nothing failed, a value was judged, and every known deviation still occurs."""
        failed = self.counts()["failed"] or self.missing or self.outlived()
        return not failed and any(r.judged for r in self.results)

    @property
    def missing(self) -> int:
        """How many rows were asked for and not run."""
        return max(0, self.planned - len(self.results)) + self.counts()["not run"]

    def counts(self) -> Counter[str]:
        """Status -> rows."""
        return Counter(result.status for result in self.results)

    def outlived(self) -> list[str]:
        """Known deviations that matched no case, or whose cases all pass now. Those about other rows do not count."""
        lines = []
        for deviation in self.deviations:
            rows = [r for r in self.results if r.implemented and deviation.concerns(r.op, r.direction, r.dtype)]
            if not rows or self.missing or any(r.lost or r.left_out for r in rows):
                continue
            counts = [r.known[deviation.reason] for r in rows if deviation.reason in r.known]
            deviating, passing = (sum(c[i] for c in counts) for i in (0, 1))
            if not deviating:
                what = f"{passing} cases pass now" if passing else "no case matches it"
                lines.append(f"known deviation of {deviation.op} ({deviation.reason}): {what}")
        return lines

    def same_campaign(self, other: Facts) -> bool:
        """Whether rows of one may stand in the other."""
        mine, theirs = ((r.target, r.seed, r.max_examples, r.declares, r.deviations, r.modes) for r in (self, other))
        return mine == theirs
