"""``nnref serve-stub``: a file that serves the functions of a Python in which nnref cannot be imported."""

from __future__ import annotations

import argparse
import textwrap
from importlib.resources import files
from typing import Any

from ..oracle.operations import OPERATIONS

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add ``serve-stub`` to the subcommands of an `argparse` parser."""
    parser = subparsers.add_parser(
        "serve-stub",
        help="a file for a Python that cannot import nnref",
        description="Print a Python file that needs NumPy alone. It makes a program of the functions of a module, for "
        "nnref check --command: nnref serve-stub > serve.py (see docs/process-target.md).",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the file."""
    rows = [row for row in OPERATIONS.values() if row.assemble is None]  # a network is an object of nnref
    names = [f"{row.name}{'_backward' * (way == 'backward')}" for row in rows for way in row.directions]
    source = (files("nnref") / "oracle" / "exchange" / "serve.py.txt").read_text(encoding="utf-8")
    print(source.replace("@KNOWN@", textwrap.fill(" ".join(names), 110)), end="")
    return 0
