"""``nnref repro "<descriptor>" TARGET``: one case again, its values side by side."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from ..errors import OptionError, refuse
from ..oracle.arrays.fill import arrays_of, dtype_of
from ..oracle.campaign.task import declaration_of, function_of
from ..oracle.cases.case import Case, parse
from ..oracle.report.script import snippet
from ..oracle.report.side_by_side import SideBySide, side_by_side
from ..oracle.search.tester import Tester
from ..oracle.targets.resolve import resolve
from .check import add_target, program_of

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add ``repro`` to the subcommands of an `argparse` parser."""
    parser = subparsers.add_parser(
        "repro",
        help="run one case again",
        description="Run a case on TARGET, in this process. Exit status 1 if it fails, else 0.",
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
    tester = Tester(function, declaration_of(target, None))
    verdict = tester.verdict(case)
    if not isinstance(verdict, str) and not verdict.finding:
        verdict = tester.verdict(case)  # which shows a buffer that is returned again
    finding = None if isinstance(verdict, str) else verdict.finding
    side = side_by_side(case, function, tester.declares)
    if args.snippet:
        print(snippet(case, side, finding), end="")
    else:
        said = f"not supported: {verdict}" if isinstance(verdict, str) else finding.message if finding else "passed"
        _print(Console(), case, side, said)
    return 1 if finding else 0


def _print(console: Console, case: Case, side: SideBySide, said: str) -> None:
    arrays, options = arrays_of(case)
    console.print(escape(str(case)), style="bold", soft_wrap=True)
    console.print(escape(said), highlight=False)
    with np.printoptions(threshold=64):
        for name, value in {**arrays, **options}.items():
            _print_value(console, f"{name} =", value)
        for name, expected in side.expected.items():
            console.print(f"[bold]{name}[/]", highlight=False)
            got = side.got.get(name, "nothing")
            alike = np.shape(got) == expected.shape and getattr(got, "dtype", None) == dtype_of(case.dtype)
            _print_value(console, "  expected", expected)
            _print_value(console, "  bound   ", side.bound[name])
            _print_value(console, "  got     ", got if alike else _Odd(got))


class _Odd:
    """A result that is not of the shape or dtype that it should have, which then stand beside it."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        if not isinstance(self._value, np.ndarray):
            return str(self._value)
        return f"{_text(self._value, 80)}, {self._value.dtype} of shape {self._value.shape}"


def _print_value(console: Console, label: str, value: Any) -> None:
    """On the line of its label if it fits there, else on lines below."""
    text = _text(value, console.width - 4)
    line = f"{label} {' '.join(text.split())}"
    if len(line) > console.width and isinstance(value, np.ndarray):
        line = "\n    ".join([label.rstrip(), *filter(None, text.split("\n"))])
    console.print(escape(line), highlight=False, soft_wrap=True)


def _text(value: Any, width: int) -> str:
    if not isinstance(value, np.ndarray):
        return repr(value)
    return np.array2string(value, max_line_width=width) if value.size else f"empty, of shape {value.shape}"
