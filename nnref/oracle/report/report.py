"""The report of a campaign: rows, and what follows from them."""

from __future__ import annotations

import json
import platform
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import nnref

from ...errors import OptionError, refuse
from ..expectation.declaration import Declaration
from ..text import brief
from ..verdict.deviations import Deviation
from ..verdict.row import Result

__all__ = ["Report"]

VERSION = 1  # of the JSON


def _versions() -> dict[str, str]:
    return {"nnref": nnref.__version__, "numpy": np.__version__, "python": platform.python_version()}


@dataclass
class Report:
    """What a target did on every operation.

    Attributes
    ----------
    target : its name
    declares : what the target states about its arithmetic
    results : a row for each operation, direction and dtype
    deviations : the known ones that were looked for
    versions : of nnref, NumPy and Python, where the campaign ran
    planned : how many rows were asked for; an interrupted campaign has fewer
    """

    target: str
    seed: int = 0
    max_examples: int = 0
    declares: Declaration = field(default_factory=Declaration)
    results: list[Result] = field(default_factory=list)
    deviations: tuple[Deviation, ...] = ()
    versions: dict[str, str] = field(default_factory=_versions)
    planned: int = 0

    @property
    def ok(self) -> bool:
        """Whether every row was run, nothing failed, a value was judged, and every known deviation still occurs."""
        failed = self.counts()["failed"] or self.missing or self.outlived()
        return not failed and any(r.judged for r in self.results)

    @property
    def missing(self) -> int:
        """How many rows were asked for and not run."""
        return max(0, self.planned - len(self.results))

    def counts(self) -> Counter[str]:
        """Status -> rows."""
        return Counter(result.status for result in self.results)

    def outlived(self) -> list[str]:
        """Known deviations that matched no case, or whose cases all pass now; none of those about other rows."""
        lines = []
        for deviation in self.deviations:
            rows = [r for r in self.results if r.implemented and deviation.concerns(r.op, r.direction, r.dtype)]
            if not rows or self.missing or any(r.lost for r in rows):
                continue
            counts = [r.known[deviation.reason] for r in rows if deviation.reason in r.known]
            deviating, passing = (sum(c[i] for c in counts) for i in (0, 1))
            if not deviating:
                what = f"{passing} cases pass now" if passing else "no case matches it"
                lines.append(f"known deviation of {deviation.op} ({deviation.reason}): {what}")
        return lines

    def same_campaign(self, other: Report) -> bool:
        """Whether rows of one may stand in the other."""
        mine, theirs = ((r.target, r.seed, r.max_examples, r.declares, r.deviations) for r in (self, other))
        return mine == theirs

    def to_dict(self) -> dict[str, Any]:
        """What `to_json` writes; nnref/schemas/report.schema.json describes it."""
        return {
            "nnref_report": VERSION,
            "target": self.target,
            "ok": self.ok,
            "planned": max(self.planned, len(self.results)),
            "seed": self.seed,
            "max_examples": self.max_examples,
            "declares": self.declares.said(),
            "versions": self.versions,
            "deviations": [asdict(deviation) for deviation in self.deviations],
            "outlived": self.outlived(),
            "results": [result.to_dict() for result in self.results],
        }

    def to_json(self, path: str | Path | None = None) -> str:
        """The report as JSON, also written to `path` if there is one: whole, or not at all."""
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        text = text.encode("utf-8", "backslashreplace").decode()  # half of a surrogate pair is none of Unicode's text
        if path is not None:
            _write(Path(path).resolve(), text)
        return text

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read what `to_json` wrote, for instance to resume: all of it but the margins between the quantiles.

        Raises
        ------
        OptionError : the text is no report.
        """
        try:
            data = json.loads(text)
            if data["nnref_report"] != VERSION:
                raise ValueError(f"version {data['nnref_report']}")
            results = [Result.from_dict(row) for row in data["results"]]
            declares = Declaration(**data["declares"])
            deviations = tuple(Deviation(**entry) for entry in data["deviations"])
            head = (data["target"], data["seed"], data["max_examples"])
            planned = data.get("planned", len(results))
            return cls(*head, declares, results, deviations, data["versions"], planned)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            what = f"{type(error).__name__}: {brief(error)}"
            refuse(OptionError, "Report.from_json", "text", "a report of this version", what)

    def to_html(self, path: str | Path) -> None:
        """Write one self-contained page: matrix, margins against the bound, failures with snippets."""
        from .html import page

        Path(path).write_text(page(self), encoding="utf-8")

    def to_junit(self, path: str | Path) -> None:
        """Write JUnit XML: a test case for each row."""
        from .junit import document

        Path(path).write_text(document(self), encoding="utf-8")


def _write(path: Path, text: str) -> None:
    """By way of a file beside it, for a campaign may be killed at any time."""
    part = path.with_name(f"{path.name}.part") if path.is_file() or not path.exists() else path
    part.write_text(text, encoding="utf-8")
    if part != path:
        part.replace(path)
