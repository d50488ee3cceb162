"""The command line: ``nnref prove | check | repro | vectors | thorough``, one file each."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from .. import __version__
from ..errors import DTypeError, OptionError, ShapeError, StateError

__all__ = ["main"]

COMMANDS = ("prove", "check", "repro", "vectors", "thorough")
EXTRAS = ("hypothesis", "jinja2", "rich")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status: 0 or 1 for a verdict, 2 for a question that makes no sense."""
    parser = argparse.ArgumentParser("nnref", description=(sys.modules["nnref"].__doc__ or "").splitlines()[0])
    parser.add_argument("--version", action="version", version=f"nnref {__version__}")
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    try:
        for command in COMMANDS:
            importlib.import_module(f"{__name__}.{command}").add_parser(subparsers)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        print(f"nnref: {error.name} is not installed; install the extra: pip install 'nnref[oracle]'", file=sys.stderr)
        return 2
    args = parser.parse_args(argv)
    try:
        status: int = args.run(args)
        return status
    except (OptionError, ShapeError, DTypeError, StateError) as error:
        print(f"nnref {args.command}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("nnref: interrupted", file=sys.stderr)
        return 130
