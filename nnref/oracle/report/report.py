"""The report of a campaign, and the forms in which it is written: JSON, HTML, JUnit XML."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import OptionError, refuse
from ..cases.case import MODES
from ..expectation.declaration import Declaration
from ..text import brief
from ..verdict.deviations import Deviation
from ..verdict.row import Result
from .facts import Facts
from .html import page
from .junit import document

__all__ = ["Report"]

VERSION = 1  # of the JSON


class Report(Facts):
    """What a target did on every operation: `Facts`, and the forms in which they are written."""

    def to_dict(self) -> dict[str, Any]:
        """What `to_json` writes; nnref/schemas/report.schema.json describes it."""
        return {
            "nnref_report": VERSION,
            "target": self.target,
            "ok": self.ok,
            "planned": max(self.planned, len(self.results)),
            "seed": self.seed,
            "max_examples": self.max_examples,
            "seconds": self.seconds,
            "modes": list(self.modes),
            "declares": self.declares.said(),
            "versions": self.versions,
            "machine": self.machine,
            "date": self.date,
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
        """Read what `to_json` wrote, for instance to resume. Margins between the quantiles are lost.

        Raises
        ------
        OptionError : the text is not a report of this version.
        """
        try:
            data = json.loads(text)
            if data["nnref_report"] != VERSION:
                raise ValueError(f"version {data['nnref_report']}")
            results = [Result.from_dict(row) for row in data["results"]]
            declares = Declaration(**data["declares"])
            deviations = tuple(Deviation(**entry) for entry in data["deviations"])
            head = (data["target"], data["seed"], data["max_examples"])
            planned, seconds = data.get("planned", len(results)), data.get("seconds")
            modes = tuple(data.get("modes", MODES))
            where = (dict(data.get("machine", {})), str(data.get("date", "")))
            return cls(*head, declares, results, deviations, data["versions"], planned, seconds, modes, *where)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            what = f"{type(error).__name__}: {brief(error)}"
            refuse(OptionError, "Report.from_json", "text", "a report of this version", what)

    def to_html(self, path: str | Path) -> None:
        """Write one self-contained page: matrix, margins against the bound, failures with snippets."""
        Path(path).write_text(page(self), encoding="utf-8")

    def to_junit(self, path: str | Path) -> None:
        """Write JUnit XML: a test case for each row."""
        Path(path).write_text(document(self), encoding="utf-8")


def _write(path: Path, text: str) -> None:
    """Write a file beside it first, because a campaign may be killed at any time."""
    part = path.with_name(f"{path.name}.part") if path.is_file() or not path.exists() else path
    part.write_text(text, encoding="utf-8")
    if part != path:
        part.replace(path)
