"""The command line: ``nnref prove | check | repro | diff | ops | …``. Each command has a file of its own."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import NoReturn

from .. import __version__
from ..errors import DTypeError, OptionError, ShapeError, StateError
from .output import sturdy_output

__all__ = ["main"]

COMMANDS = ("prove", "check", "repro", "diff", "ops", "vectors", "thorough", "serve-stub")
EXTRAS = ("hypothesis", "jinja2", "rich")
INSTALL = "python -m pip install -e '.[oracle]'"


OPTIONS = {  # argument of a Python function -> how a command line names it
    "ops": "--op",
    "dtypes": "--dtype",
    "directions": "--direction",
    "modes": "--mode",
    "seconds": "--seconds",
    "max_examples": "--examples",
    "time_limit": "--time-limit",
    "target": "TARGET",
    "command": "--command",
    "line": "CASE",
    "path": "--deviations",
}


def worded(error: Exception) -> str:
    """The message of an error without the name of a Python function, and with the option of the command."""
    parts = getattr(error, "parts", None)
    if parts is None:
        return str(error)
    _, argument, expected, got = parts
    return f"{OPTIONS.get(argument, argument)} must be {expected}, got {got}"


class Terminated(KeyboardInterrupt):
    """A signal has asked the process to end. The argument is the number of the signal."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 or 1 for a verdict, 2 for invalid arguments or a failed write."""
    with sturdy_output() as out:
        status = _main(argv)
        out.flush()
        if out.lost:
            print(f"nnref: standard output cannot be written: {out.lost.strerror}", file=sys.stderr)
        return 2 if out.lost else status


def _main(argv: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser("nnref", description=(sys.modules["nnref"].__doc__ or "").splitlines()[0])
    parser.add_argument("--version", action="version", version=f"nnref {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    try:
        for command in COMMANDS:
            importlib.import_module(f"{__name__}.{command.replace('-', '_')}").add_parser(subparsers)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        print(f"nnref: {error.name} is not installed. To install it, type: {INSTALL}", file=sys.stderr)
        return 2
    args = parser.parse_args(argv)
    try:
        with _ended_by_signals():
            status: int = args.run(args)
        return status
    except (OptionError, ShapeError, DTypeError, StateError, OSError) as error:
        print(f"nnref {args.command}: {worded(error)}", file=sys.stderr)
        return 2
    except Terminated as signalled:
        print("nnref: terminated", file=sys.stderr)
        return 128 + int(signalled.args[0])
    except KeyboardInterrupt:
        print("nnref: interrupted", file=sys.stderr)
        return 130


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does: its children end too, and finished rows are kept."""

    def end(number: int, frame: object) -> NoReturn:
        signal.signal(number, signal.SIG_IGN)  # a second signal must not interrupt the cleaning up
        raise Terminated(number)

    known = (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP"))
    mine = [s for s in known if s is not None and signal.getsignal(s) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        mine = []
    for number in mine:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, signal.SIG_DFL)
