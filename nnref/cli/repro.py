"""``nnref repro "<descriptor>" TARGET``: one case again, its values side by side."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from ..errors import OptionError, refuse
from ..oracle.case import Case, parse
from ..oracle.data import arrays_of
from ..oracle.repro import SideBySide, side_by_side, snippet
from ..oracle.search import Tester
from ..oracle.targets import resolve
from ..oracle.task import declaration_of, function_of
from .check import add_target, program_of

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add ``repro`` to the subcommands of an `argparse` parser."""
    parser = subparsers.add_parser(
        "repro",
        help="run one case again",
        description="Run a case on TARGET, in this process. Exit status 0 if it passes, 1 if it fails.",
    )
    parser.add_argument("descriptor", help="one line, as a report prints it")
    add_target(parser, required=True)
    parser.add_argument("--time-limit", type=float, default=30, metavar="S", help="for --command (default: 30)")
    parser.add_argument("--snippet", action="store_true", help="print a script that needs NumPy and the function alone")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the case, print what came of it, and return the exit status."""
    case = parse(args.descriptor)
    if args.program:
        with program_of(args) as program:
            return _repeated(case, program, args)
    return _repeated(case, resolve(args.target), args)


def _repeated(case: Case, target: Any, args: argparse.Namespace) -> int:
    function = function_of(target, case.op, case.direction)
    if function is None:
        given = args.target or args.program
        refuse(OptionError, "repro", "TARGET", f"something with a function {case.function}", given)
    declares = declaration_of(target, None)
    verdict = Tester(function, declares).verdict(case)
    side = side_by_side(case, function, declares)
    if args.snippet:
        print(snippet(case, side), end="")
    else:
        _print(Console(), case, side)
        if isinstance(verdict, str):
            print(f"not supported: {verdict}")
        else:
            print(verdict.finding.message if verdict.finding else "passed")
    return 1 if not isinstance(verdict, str) and verdict.finding else 0


def _print(console: Console, case: Case, side: SideBySide) -> None:
    arrays, options = arrays_of(case)
    console.print(escape(str(case)), style="bold", soft_wrap=True)
    with np.printoptions(threshold=64, linewidth=100):
        for name, array in arrays.items():
            console.print(f"{name} = {escape(_text(array))}", highlight=False)
        for name, value in options.items():
            console.print(f"{name} = {escape(repr(value))}", highlight=False)
        for name, expected in side.expected.items():
            console.print(f"[bold]{name}[/]", highlight=False)
            rows = {"expected": expected, "bound": side.bound[name], "got": side.got.get(name)}
            for what, value in rows.items():
                console.print(f"  {what:8} {escape(_text(value))}", highlight=False)


def _text(array: Any) -> str:
    if not isinstance(array, np.ndarray):
        return repr(array)
    return " ".join(np.array2string(array).split())
