"""``nnref repro "<descriptor>" TARGET``: run one case again, and print its values side by side."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from ..oracle.arrays.fill import arrays_of
from ..oracle.campaign.task import declaration_of, function_of
from ..oracle.cases.case import Case, parse
from ..oracle.dtypes import dtype_of
from ..oracle.report.script import snippet
from ..oracle.report.side_by_side import SideBySide, side_by_side
from ..oracle.search.tester import Tester
from ..oracle.targets.resolve import resolve
from .arguments import add_target, program_of, refuse_argument

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add ``repro`` to the subcommands of an `argparse` parser."""
    parser = subparsers.add_parser(
        "repro",
        help="run one case again",
        description="Run one case on TARGET, in this process, and print its values. Exit status: 0 if it passes or is "
        "not supported, 1 if it fails, 2 if the arguments are invalid.",
    )
    parser.add_argument("descriptor", metavar="CASE", help="the case as one quoted line, as a report prints it")
    add_target(parser, required=True)
    help_ = "seconds for one answer of --command (default: 30)"
    parser.add_argument("--time-limit", type=float, default=30, metavar="S", help=help_)
    help_ = "print a script instead, which needs only NumPy and the function"
    parser.add_argument("--snippet", action="store_true", help=help_)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the case, print the result, and return the exit status."""
    case = parse(args.descriptor)
    if args.program:
        with program_of(args) as program:
            return _repeated(case, program, args)
    return _repeated(case, resolve(args.target), args)


def _repeated(case: Case, target: Any, args: argparse.Namespace) -> int:
    function = function_of(target, case.op, case.direction)
    if function is None:
        refuse_argument("TARGET", f"a target with the function {case.function}", args.target or args.program)
    tester = Tester(function, declaration_of(target, None))
    verdict = tester.verdict(case)
    if not isinstance(verdict, str) and not verdict.finding:
        verdict = tester.verdict(case)  # the second call shows whether the target returns the same memory again
    finding = None if isinstance(verdict, str) else verdict.finding
    side = side_by_side(case, function, tester.declares)
    if args.snippet:
        print(snippet(case, side, finding, function=function), end="")
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
    """A result of the wrong shape or dtype, printed with both."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        if not isinstance(self._value, np.ndarray):
            return str(self._value)
        return f"{_text(self._value, 80)}, {self._value.dtype} of shape {self._value.shape}"


def _print_value(console: Console, label: str, value: Any) -> None:
    """Print a value on the line of its label if it fits, and otherwise on the lines below."""
    text = _text(value, console.width - 4)
    line = f"{label} {' '.join(text.split())}"
    if len(line) > console.width and isinstance(value, np.ndarray):
        line = "\n    ".join([label.rstrip(), *filter(None, text.split("\n"))])
    console.print(escape(line), highlight=False, soft_wrap=True)


def _text(value: Any, width: int) -> str:
    if not isinstance(value, np.ndarray):
        return repr(value)
    return np.array2string(value, max_line_width=width) if value.size else f"empty, of shape {value.shape}"
