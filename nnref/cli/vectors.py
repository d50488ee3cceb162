"""``nnref vectors``: write cases as plain files for other languages, and judge the results."""

from __future__ import annotations

import argparse
from typing import Any

from rich.console import Console
from rich.markup import escape

from ..oracle.exchange.npy import MalformedFile
from ..oracle.exchange.stored import check_results
from ..oracle.exchange.vectors import listed, write_vectors
from .arguments import add_dtype, add_op, refuse_argument

__all__ = ["add_parser"]


def add_parser(subparsers: Any) -> None:
    """Add ``vectors`` to the subcommands of an `argparse` parser."""
    parser = subparsers.add_parser(
        "vectors",
        help="write cases as files, for kernels outside Python",
        description="Write cases into DIR, each into a directory of its own: inputs, exact results and the bound of "
        "every element as .npy files, and a case.json that says what to compute (see docs/vectors.md). With --judge, "
        "judge the results in DIR instead. Exit status: 0 if all results are right, 1 if one is wrong, 2 if there is "
        "none or the arguments are invalid.",
    )
    parser.add_argument("directory", metavar="DIR", help="new or empty directory; with --judge, that of the cases")
    add_op(parser)
    add_dtype(parser)
    help_ = "drawn cases per operation, direction and dtype (default: 20)"
    parser.add_argument("--count", type=int, default=20, metavar="N", help=help_)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the draw (default: 0)")
    help_ = "write only this case, a line as a report prints it; repeat for several"
    parser.add_argument("--case", action="append", metavar="LINE", help=help_)
    parser.add_argument("--judge", action="store_true", help="judge the files result_NAME.npy in DIR")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write or judge cases, print the counts, and return the exit status."""
    if args.judge:
        return _judged(args.directory)
    dtypes, lines = args.dtype or ("float32",), args.case or ()
    count = write_vectors(args.directory, args.op, dtypes, args.count, args.seed, lines=lines)
    print(f"{args.directory}: {count} cases")
    return 0


def _judged(directory: str) -> int:
    console, counts = Console(), {"passed": 0, "failed": 0, "no result": 0}
    for place, descriptor in listed(directory).items():
        if not any(place.glob("result_*.npy")):
            counts["no result"] += 1
            continue
        try:
            finding = check_results(place).finding
            message = finding.message if finding else ""
        except MalformedFile as error:
            message = str(error)
        counts["failed" if message else "passed"] += 1
        if message:
            console.print(f"[bold red]{escape(place.name)}[/] {escape(message)}", soft_wrap=True, highlight=False)
            console.print(f"  {escape(descriptor)}", soft_wrap=True, highlight=False)
    if not counts["passed"] and not counts["failed"]:
        refuse_argument("DIR", "a directory with results, result_NAME.npy beside case.json", directory)
    print(f"{directory}: " + ", ".join(f"{n} {what}" for what, n in counts.items()))
    return 1 if counts["failed"] else 0
