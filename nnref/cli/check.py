"""``nnref check``: hold a target against the reference, with a progress bar and a table."""

from __future__ import annotations

import argparse
import shlex
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ..errors import OptionError, refuse
from ..oracle.campaign.conform import conform
from ..oracle.campaign.task import Task
from ..oracle.dtypes import DTYPES
from ..oracle.exchange.process_target import ProcessTarget, process_target
from ..oracle.limits import expect_time_limit
from ..oracle.report.report import Report
from ..oracle.targets.resolve import BUILT_IN, installed_frameworks, name_of
from ..oracle.text import visible
from ..oracle.verdict.deviations import read_deviations
from ..oracle.verdict.row import Result
from .files import Files, refuse_file
from .table import print_report

__all__ = ["add_parser", "add_target", "program_of"]

WITHOUT_FRAMEWORKS = ("nnref", "definition")
BAR = (
    SpinnerColumn(),
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
)


def add_parser(subparsers: Any) -> None:
    """Add ``check`` to the subcommands of an `argparse` parser."""
    parser = subparsers.add_parser(
        "check",
        help="hold an implementation against the reference",
        description="Hold TARGET against the reference: every operation, forward and backward. Without TARGET, every "
        "framework found installed; when there is none, nnref's own float layers and the formulas as plain loops. "
        "Exit status 0 if all is well, 1 if something failed, 2 if the question makes no sense.",
    )
    add_target(parser, required=False)
    parser.add_argument("--op", action="append", metavar="NAME", help="an operation; repeat for several (default: all)")
    parser.add_argument("--dtype", action="append", choices=DTYPES, help="repeat for several (default: float32)")
    parser.add_argument("--examples", type=int, default=200, metavar="N", help="drawn cases per row (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="of the search (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="child processes at once (default: 1)")
    parser.add_argument("--time-limit", type=float, default=30, metavar="S", help="seconds for one case (default: 30)")
    parser.add_argument(
        "--in-process", action="store_true", help="run the target here: faster to start, but a crash ends all"
    )
    parser.add_argument("--deviations", metavar="FILE", help="TOML file of known deviations")
    parser.add_argument("--json", metavar="FILE", help="write the report as JSON, row by row; - for standard output")
    parser.add_argument("--resume", action="store_true", help="keep the finished rows of the --json file")
    parser.add_argument("--junit", metavar="FILE", help="write the report as JUnit XML")
    parser.add_argument("--html", metavar="FILE", help="write the report as one HTML page")
    parser.set_defaults(run=run)


def add_target(parser: argparse.ArgumentParser, required: bool) -> None:
    """Add the two ways of naming a target; both arguments are None if neither is used."""
    ways = parser.add_mutually_exclusive_group(required=required)
    names = ", ".join(BUILT_IN)
    help_ = f"{names}, package.module, module:object or path/to/file.py"
    ways.add_argument("target", nargs="?", metavar="TARGET", help=help_)
    help_ = "a program that is the target, with its arguments (docs/process-target.md)"
    ways.add_argument("--command", dest="program", metavar="PROGRAM", help=help_)


def program_of(args: argparse.Namespace) -> ProcessTarget:
    """The target of --command, started."""
    try:
        return process_target(shlex.split(args.program), args.time_limit)
    except ValueError as error:  # a quotation that does not end; an OptionError is one too, and says more
        if isinstance(error, OptionError):
            raise
        refuse(OptionError, args.command, "--command", "a program and its arguments", f"{args.program!r}: {error}")


def run(args: argparse.Namespace) -> int:
    """Check the target, or each of the default ones, and return the exit status."""
    one = args.program if args.target is None else args.target
    targets = [one] if one is not None else installed_frameworks() or list(WITHOUT_FRAMEWORKS)
    if len(targets) > 1 and (args.json or args.junit or args.html):
        refuse(OptionError, "check", "TARGET", "given when a file is to be written", f"none, for {', '.join(targets)}")
    for name, value, least in (("--examples", args.examples, 1), ("--jobs", args.jobs, 1)):
        if value < least:
            refuse(OptionError, "check", name, f"at least {least}", value)
    expect_time_limit("check", "--time-limit", args.time_limit)
    files, console = Files.of(args), Console(stderr=args.json == "-")
    if args.program:
        with program_of(args) as program:
            return 0 if _checked(program, args, files, console).ok else 1
    reports = [_checked(name, args, files, console) for name in targets]
    return 0 if all(report.ok for report in reports) else 1


def _checked(target: Any, args: argparse.Namespace, files: Files, console: Console) -> Report:
    """The report of one target: written, be the campaign interrupted, and printed, be a file not written."""
    deviations = read_deviations(args.deviations) if args.deviations else ()
    report, name = None, escape(visible(name_of(target)))
    bar = Progress(*BAR, console=console, transient=True, disable=not console.is_terminal)
    row = bar.add_task(name)

    def progress(task: Task, cases: int, result: Result | None) -> None:
        bar.update(row, description=f"{name}: {task.op} {task.direction} {task.dtype}")

    def save(so_far: Report) -> None:
        nonlocal report
        report = so_far
        bar.update(row, total=report.planned, completed=len(report.results))
        files.save(report)

    with ExitStack() as stack:
        stack.enter_context(bar)
        executor = stack.enter_context(ThreadPoolExecutor(args.jobs)) if args.jobs > 1 else None
        try:
            report = conform(
                target,
                args.op,
                args.dtype or ("float32",),
                args.examples,
                args.seed,
                executor,
                deviations=deviations,
                isolate=isinstance(target, str) and not args.in_process,
                time_limit=args.time_limit,
                resume=_unfinished(args),
                progress=progress,
                save=save,
            )
        finally:
            unwritten = files.write(report) if report else []
    print_report(console, report)
    if unwritten:
        refuse_file(*unwritten[0])
    return report


def _unfinished(args: argparse.Namespace) -> Report | None:
    """The report to go on with, which the --json file holds."""
    if not args.resume:
        return None
    if not args.json or args.json == "-":
        refuse(OptionError, "check", "--json", "a file, to resume from", repr(args.json))
    path = Path(args.json)
    return Report.from_json(path.read_text(encoding="utf-8", errors="replace")) if path.exists() else None
