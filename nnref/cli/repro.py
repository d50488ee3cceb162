"""``nnref repro "<descriptor>" TARGET``: run one case again, and print its values side by side."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from ..oracle.arrays.fill import arrays_of
from ..oracle.campaign.repeat import Repeated, repeated
from ..oracle.campaign.task import Task
from ..oracle.campaign.worker import Worker
from ..oracle.cases.case import Case, parse
from ..oracle.dtypes import dtype_of
from ..oracle.report.telling import told_origin
from ..oracle.report.values import text_of, value_lines
from ..oracle.text import visible
from .arguments import add_target, program_of, refuse_argument

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add ``repro`` to the subcommands of an `argparse` parser."""
    parser = subparsers.add_parser(
        "repro",
        help="run one case again",
        description="Run one case on TARGET, in a child process, and print its values. Exit status: 0 if it passes or "
        "is not supported, 1 if it fails, 2 if the arguments are invalid.",
    )
    parser.add_argument("descriptor", metavar="CASE", help="the case as one quoted line, as a report prints it")
    add_target(parser, required=True)
    help_ = "seconds that one call may take (default: 30)"
    parser.add_argument("--time-limit", type=float, default=30, metavar="S", help=help_)
    help_ = "run the target in this process, for a debugger"
    parser.add_argument("--in-process", action="store_true", help=help_)
    help_ = "print a script instead, which needs only NumPy and the function"
    parser.add_argument("--snippet", action="store_true", help=help_)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the case, run it, print the result, and return the exit status."""
    case = parse(args.descriptor)
    if not args.snippet:
        Console().print(escape(str(case)), style="bold", soft_wrap=True)
    again = _again(case, args)
    if again is None:
        refuse_argument("TARGET", f"a target with the function {case.function}", args.target or args.program)
    if args.snippet:
        print(again.script, end="")
    else:
        _print(Console(), case, again)
    return 1 if again.finding else 0


def _again(case: Case, args: argparse.Namespace) -> Repeated | None:
    if args.program:
        with program_of(args) as program:
            return repeated(Task(program, case.op, case.direction, case.dtype), case)
    task = Task(args.target, case.op, case.direction, case.dtype)
    if args.in_process:
        return repeated(task, case)
    with Worker(args.time_limit) as worker:
        worker.load(args.target)
        return worker.repeat(task, case)


def _print(console: Console, case: Case, again: Repeated) -> None:
    arrays, options = arrays_of(case)
    console.print(escape(visible(again.words)), highlight=False)
    _say(console, *(told_origin(again.finding) if again.finding else ()))
    with np.printoptions(threshold=64):
        for name, value in {**arrays, **options}.items():
            _say(console, *value_lines(f"{name} =", value, console.width))
        for name, expected in again.side.expected.items() if again.side else ():
            console.print(f"[bold]{name}[/]", highlight=False)
            got = again.side.got.get(name, "nothing") if again.side else "nothing"
            alike = np.shape(got) == expected.shape and getattr(got, "dtype", None) == dtype_of(case.dtype)
            _say(console, *value_lines("  expected", expected, console.width))
            _say(console, *value_lines("  bound   ", again.side.bound[name] if again.side else None, console.width))
            _say(console, *value_lines("  got     ", got if alike else _Odd(got), console.width))


def _say(console: Console, *lines: str) -> None:
    for line in lines:
        console.print(escape(visible(line)), highlight=False, soft_wrap=True)


class _Odd:
    """A result of the wrong shape or dtype, printed with both."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        if not isinstance(self._value, np.ndarray):
            return str(self._value)
        return f"{text_of(self._value, 80)}, {self._value.dtype} of shape {self._value.shape}"
