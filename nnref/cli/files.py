"""The files of `nnref check`: found to be writable before a campaign, and written whatever ends it."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ..errors import OptionError, refuse
from ..oracle.report.report import Report

__all__ = ["Files", "refuse_file"]

OPTIONS: dict[str, Callable[[Report, Path], object]] = {
    "--json": Report.to_json,
    "--junit": Report.to_junit,
    "--html": Report.to_html,
}


@dataclass(frozen=True)
class Files:
    """Option -> where its file is to be written; `printed` if the JSON goes to standard output."""

    paths: dict[str, Path]  # absolute, for a target may change the directory
    printed: bool = False

    @classmethod
    def of(cls, args: argparse.Namespace) -> Files:
        """Those of the arguments.

        Raises
        ------
        OptionError : one cannot be written.
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
        """Write the JSON of a campaign that goes on; one that cannot be written now may be in the end."""
        with contextlib.suppress(OSError):
            if path := self.paths.get("--json"):
                report.to_json(path)

    def write(self, report: Report) -> list[tuple[str, Path, OSError]]:
        """Write all of them, and return those that could not be written, for `refuse_file`."""
        failed = []
        if self.printed:  # in ASCII, which every encoding of a terminal or a pipe has
            print(json.dumps(report.to_dict(), indent=2, allow_nan=False))
        for option, path in self.paths.items():
            try:
                OPTIONS[option](report, path)
            except OSError as error:
                failed.append((option, path, error))
        return failed


def refuse_file(option: str, path: Path, error: OSError) -> NoReturn:
    """Say that a file cannot be written."""
    refuse(OptionError, "check", option, "a file that can be written", f"{path} ({error.strerror or error})")
