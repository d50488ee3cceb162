"""``nnref check``: compare a target with the reference, with a progress bar and a table."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console

from ..oracle.campaign.conform import conform, tasks_of
from ..oracle.report.report import Report
from ..oracle.targets.resolve import installed_frameworks, name_of
from ..oracle.verdict.deviations import read_deviations
from .arguments import add_dtype, add_op, add_part, add_target, add_time, expect_at_least, program_of, refuse_argument
from .files import Files, refuse_file
from .live import Live
from .table import print_report

__all__ = ["add_parser"]

WITHOUT_FRAMEWORKS = ("nnref", "definition")
QUICK = 10.0  # seconds


def add_parser(subparsers: Any) -> None:
    """Add ``check`` to the subcommands of an `argparse` parser."""
    parser = subparsers.add_parser(
        "check",
        help="compare an implementation with the reference",
        description="Compare every operation of TARGET, forward and backward, with the reference. Without TARGET, "
        "check every installed framework. If there is none, check nnref's own float layers and the formulas as plain "
        "loops. Exit status: 0 if all is ok, 1 if not, 2 if the arguments are invalid.",
    )
    add_target(parser, required=False)
    add_op(parser)
    add_dtype(parser)
    add_part(parser)
    parser.add_argument("--examples", type=int, default=200, metavar="N", help="drawn cases per row (default: 200)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the search (default: 0)")
    add_time(parser)
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="number of child processes (default: 1)")
    parser.add_argument("--time-limit", type=float, default=30, metavar="S", help="seconds per case (default: 30)")
    help_ = "run the target in this process: it starts faster, but a crash ends the whole run"
    parser.add_argument("--in-process", action="store_true", help=help_)
    parser.add_argument("--deviations", metavar="FILE", help="TOML file of known deviations (see docs/reports.md)")
    help_ = "write the report as JSON after each row; - is standard output"
    parser.add_argument("--json", metavar="FILE", help=help_)
    help_ = "keep the finished rows of the --json file, and run the others"
    parser.add_argument("--resume", action="store_true", help=help_)
    parser.add_argument("--junit", metavar="FILE", help="write the report as JUnit XML")
    parser.add_argument("--html", metavar="FILE", help="write the report as one HTML page")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Check the target, or each default target, and return the exit status."""
    one = args.program if args.target is None else args.target
    targets = [one] if one is not None else installed_frameworks() or list(WITHOUT_FRAMEWORKS)
    if len(targets) > 1 and (args.json or args.junit or args.html):
        refuse_argument("TARGET", "given when a file is written", f"none, which means {' and '.join(targets)}")
    expect_at_least(1, examples=args.examples, jobs=args.jobs)
    files, console = Files.of(args), Console(stderr=args.json == "-")
    if args.program:
        with program_of(args) as program:
            return 0 if _checked(program, args, files, console).ok else 1
    reports = [_checked(name, args, files, console) for name in targets]
    return 0 if all(report.ok for report in reports) else 1


def _checked(target: Any, args: argparse.Namespace, files: Files, console: Console) -> Report:
    """Check one target, write the files and print the report.

    Both happen even if the campaign is interrupted. The report is printed even if a file cannot be written.
    """
    deviations = read_deviations(args.deviations) if args.deviations else ()
    report: Report | None = None
    tasks = tasks_of(target, args.op, _dtypes(args), directions=args.direction)
    live = Live(console, name_of(target), tasks, _seconds(args))

    def save(so_far: Report) -> None:
        nonlocal report
        report = so_far
        live.save(report)
        files.save(report)

    try:
        with ExitStack() as stack:
            stack.enter_context(live)
            executor = stack.enter_context(ThreadPoolExecutor(args.jobs)) if args.jobs > 1 else None
            report = conform(
                target,
                args.op,
                _dtypes(args),
                args.examples,
                args.seed,
                executor,
                deviations=deviations,
                isolate=isinstance(target, str) and not args.in_process,
                time_limit=args.time_limit,
                resume=_unfinished(args),
                save=save,
                seconds=_seconds(args),
                directions=args.direction,
                modes=args.mode,
                watch=live.watch,
            )
    finally:
        unwritten = files.write(report) if report else []
        if report:
            print_report(console, report)
    if unwritten:
        refuse_file(*unwritten[0])
    return report


def _dtypes(args: argparse.Namespace) -> Sequence[str]:
    return args.dtype or ("float32",)


def _seconds(args: argparse.Namespace) -> float | None:
    """How long the campaign may take."""
    return QUICK if args.quick else args.seconds


def _unfinished(args: argparse.Namespace) -> Report | None:
    """The report in the --json file, to be completed; None without --resume."""
    if not args.resume:
        return None
    if not args.json or args.json == "-":
        refuse_argument("--json", "a file, because --resume continues it", repr(args.json))
    path = Path(args.json)
    return Report.from_json(path.read_text(encoding="utf-8", errors="replace")) if path.exists() else None
