"""``nnref diff``: what changed between two reports."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from ..errors import OptionError
from ..oracle.report.difference import Change, changes
from ..oracle.report.report import Report
from ..oracle.text import visible
from .arguments import refuse_argument

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add ``diff`` to the subcommands of an `argparse` parser."""
    parser = subparsers.add_parser(
        "diff",
        help="what changed between two reports",
        description="Compare two reports that nnref check has written with --json. Exit status: 0 if nothing is worse "
        "in the second, 1 if a row or a failure is, 2 if the arguments are invalid.",
    )
    parser.add_argument("earlier", metavar="A.json", help="the earlier report")
    parser.add_argument("later", metavar="B.json", help="the later report")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the changes and return the exit status."""
    earlier, later = _read("A.json", args.earlier), _read("B.json", args.later)
    console, found = Console(), changes(earlier, later)
    for line in _of_the_whole(earlier, later):
        _say(console, line, "dim")
    for change in found:
        _say(console, _told(change), "bold red" if change.worse else "green")
    worse = sum(change.worse for change in found)
    better = len(found) - worse
    rows = f"{len(later.results)} rows"
    _say(console, f"{worse} worse, {better} better or other, of {rows}" if found else f"no change in {rows}")
    return 1 if worse else 0


def _read(name: str, path: str) -> Report:
    try:
        return Report.from_json(Path(path).read_text(encoding="utf-8", errors="replace"))
    except OptionError:
        refuse_argument(name, "a report of nnref check --json", path)


def _of_the_whole(earlier: Report, later: Report) -> list[str]:
    """What differs in what was asked, and with what it was judged."""
    asked = ("target", "seed", "max_examples", "seconds", "modes")
    pairs = [(name.replace("_", " "), getattr(earlier, name), getattr(later, name)) for name in asked]
    names = dict.fromkeys((*earlier.versions, *later.versions))
    pairs += [(name, earlier.versions.get(name, "none"), later.versions.get(name, "none")) for name in names]
    return [f"{name}: {before} -> {after}" for name, before, after in pairs if before != after]


def _told(change: Change) -> str:
    op, direction, dtype = change.row
    row = f"{op}.{direction} {dtype}"
    if change.kind == "failure":
        return f"{row}: {'new failure' if change.after else 'failure gone'}\n  {change.after or change.before}"
    if change.kind == "row":
        return f"{row}: new row, {change.after}" if change.after else f"{row}: row gone, it was {change.before}"
    return f"{row}: {change.before} -> {change.after}"


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(visible(text), style=style), soft_wrap=True)
