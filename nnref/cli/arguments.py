"""Arguments that several commands take, and the wording with which a command refuses one."""

from __future__ import annotations

import argparse
import shlex
from typing import Any, NoReturn

from ..errors import OptionError
from ..oracle.cases.case import DIRECTIONS, MODES
from ..oracle.dtypes import DTYPES
from ..oracle.exchange.process_target import ProcessTarget, process_target
from ..oracle.targets.resolve import BUILT_IN

__all__ = [
    "TARGETS",
    "add_dtype",
    "add_op",
    "add_part",
    "add_target",
    "add_time",
    "expect_at_least",
    "program_of",
    "refuse_argument",
]

TARGETS = f"{', '.join(BUILT_IN)}, package.module, module:object or path/to/file.py"


def add_target(parser: argparse.ArgumentParser, required: bool) -> None:
    """Add the two ways to name a target. The arguments `target` and `program` are None if they are not given."""
    ways = parser.add_mutually_exclusive_group(required=required)
    ways.add_argument("target", nargs="?", metavar="TARGET", help=TARGETS)
    help_ = "check a program in any language; give it with its arguments (see docs/process-target.md)"
    ways.add_argument("--command", dest="program", metavar="PROGRAM", help=help_)


def add_op(parser: argparse.ArgumentParser) -> None:
    """Add --op."""
    help_ = "operation, such as conv2d; repeat for several (default: all)"
    parser.add_argument("--op", action="append", metavar="NAME", help=help_)


def add_dtype(parser: argparse.ArgumentParser) -> None:
    """Add --dtype."""
    help_ = f"{', '.join(DTYPES[:-1])} or {DTYPES[-1]}; repeat for several (default: float32)"
    parser.add_argument("--dtype", action="append", choices=DTYPES, metavar="DTYPE", help=help_)


def add_part(parser: argparse.ArgumentParser) -> None:
    """Add --direction and --mode."""
    help_ = "forward or backward (default: both)"
    parser.add_argument("--direction", action="append", choices=DIRECTIONS, metavar="NAME", help=help_)
    help_ = f"mode of data: {', '.join(MODES[:-1])} or {MODES[-1]}; repeat for several (default: all)"
    parser.add_argument("--mode", action="append", choices=MODES, metavar="NAME", help=help_)


def add_time(parser: argparse.ArgumentParser) -> None:
    """Add --seconds and --quick."""
    ways = parser.add_mutually_exclusive_group()
    help_ = "end after so many seconds, and say what was left out (default: no end)"
    ways.add_argument("--seconds", type=float, metavar="S", help=help_)
    ways.add_argument("--quick", action="store_true", help="the same as --seconds 10")


def program_of(args: argparse.Namespace) -> ProcessTarget:
    """Start the program of --command.

    Raises
    ------
    OptionError : the quotation marks do not match, or `process_target` refuses the program.
    """
    try:
        command = shlex.split(args.program)
    except ValueError as error:
        refuse_argument("--command", "a program and its arguments", f"{args.program!r} ({error})")
    return process_target(command, args.time_limit)


def expect_at_least(least: int, **values: int) -> None:
    """Refuse the option of a value that is less than `least`."""
    for name, value in values.items():
        if value < least:
            refuse_argument(f"--{name}", f"at least {least}", value)


def refuse_argument(argument: str, expected: str, got: Any) -> NoReturn:
    """Raise `OptionError` for an argument of the command, whose name `main` puts in front."""
    raise OptionError(f"{argument} must be {expected}, got {got}")
