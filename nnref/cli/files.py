"""The files of `nnref check`: tested before a campaign, and written however it ends."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ..oracle.report.report import Report
from .arguments import refuse_argument

__all__ = ["Files", "refuse_file"]

OPTIONS: dict[str, Callable[[Report, Path], object]] = {
    "--json": Report.to_json,
    "--junit": Report.to_junit,
    "--html": Report.to_html,
}


@dataclass(frozen=True)
class Files:
    """Where the report is written.

    Attributes
    ----------
    paths : option -> path of its file
    printed : whether the JSON goes to standard output
    """

    paths: dict[str, Path]  # absolute, because a target may change the directory
    printed: bool = False

    @classmethod
    def of(cls, args: argparse.Namespace) -> Files:
        """The files that the arguments name.

        Raises
        ------
        OptionError : a file cannot be written.
        """
        given = {option: getattr(args, option.removeprefix("--")) for option in OPTIONS}
        printed = given["--json"] == "-"
        if printed:
            del given["--json"]
        paths = {option: Path(name).absolute() for option, name in given.items() if name}
        for option, path in paths.items():
            new = not path.exists()
            try:
                path.open("ab").close()
                if new:
                    path.unlink()
            except OSError as error:
                refuse_file(option, path, error)
        return cls(paths, printed)

    def save(self, report: Report) -> None:
        """Write the JSON of a running campaign. A failure is ignored, because `write` tries again at the end."""
        with contextlib.suppress(OSError):
            if path := self.paths.get("--json"):
                report.to_json(path)

    def write(self, report: Report) -> list[tuple[str, Path, OSError]]:
        """Write all files; return each file that could not be written, as arguments of `refuse_file`."""
        failed = []
        if self.printed:  # in ASCII, which every encoding contains
            print(json.dumps(report.to_dict(), indent=2, allow_nan=False))
        for option, path in self.paths.items():
            try:
                OPTIONS[option](report, path)
            except OSError as error:
                failed.append((option, path, error))
        return failed


def refuse_file(option: str, path: Path, error: OSError) -> NoReturn:
    """Raise `OptionError`, because a file cannot be written."""
    refuse_argument(option, "a file that can be written", f"{path} ({error.strerror or error})")
