"""``nnref check``: hold a target against the reference, with a progress bar and a table."""

from __future__ import annotations

import argparse
import shlex
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from ..errors import OptionError, refuse
from ..oracle.case import DTYPES
from ..oracle.conform import conform, tasks_of
from ..oracle.deviations import read_deviations
from ..oracle.report import Report
from ..oracle.result import Result
from ..oracle.targets import BUILT_IN, FRAMEWORKS, installed_frameworks, resolve
from ..oracle.targets.process import ProcessTarget, process_target
from ..oracle.task import Task
from .table import print_report

__all__ = ["add_parser", "add_target", "program_of"]

WITHOUT_FRAMEWORKS = ("nnref", "definition")


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
    console = Console(stderr=args.json == "-")
    if args.program:
        with program_of(args) as program:
            return 0 if _checked(program, args, console).ok else 1
    reports = [_checked(name, args, console) for name in targets]
    return 0 if all(report.ok for report in reports) else 1


def _checked(target: Any, args: argparse.Namespace, console: Console) -> Report:
    if isinstance(target, str) and (args.in_process or target not in FRAMEWORKS):
        resolve(target)  # a target that cannot be loaded is an error of the question, not a finding
    deviations = read_deviations(args.deviations) if args.deviations else ()
    tasks = tasks_of(target, args.op, args.dtype or ("float32",), args.examples, args.seed)
    report = _run(target, args, deviations, tasks, console)
    print_report(console, report)
    if args.json == "-":
        sys.stdout.write(report.to_json())
    elif args.json:
        report.to_json(args.json)
    if args.junit:
        report.to_junit(args.junit)
    if args.html:
        report.to_html(args.html)
    return report


def _run(target: Any, args: argparse.Namespace, deviations: Any, tasks: list[Task], console: Console) -> Report:
    """The campaign, with its progress bar; on a terminal only, for the table says all."""
    name = str(getattr(target, "__name__", target))
    kept = _unfinished(args, Report(name, args.seed, args.examples, deviations=tuple(deviations)))
    resume = replace(kept, results=list(kept.results))
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with ExitStack() as stack:
        bar = stack.enter_context(Progress(*columns, console=console, transient=True, disable=not console.is_terminal))
        row = bar.add_task(name, total=len(tasks), completed=len(kept.results))
        executor = stack.enter_context(ThreadPoolExecutor(args.jobs)) if args.jobs > 1 else None

        def progress(task: Task, cases: int, result: Result | None) -> None:
            bar.update(row, description=f"{name}: {task.op} {task.direction} {task.dtype}")
            if result is not None:
                bar.advance(row)
                kept.results.append(result)
                if args.json and args.json != "-":
                    kept.to_json(args.json)

        return conform(
            target,
            args.op,
            args.dtype or ("float32",),
            args.examples,
            args.seed,
            executor,
            deviations=deviations,
            isolate=isinstance(target, str) and not args.in_process,
            time_limit=args.time_limit,
            resume=resume,
            progress=progress,
        )


def _unfinished(args: argparse.Namespace, new: Report) -> Report:
    """The report to go on with: what the --json file holds, else a new one. Lost rows are run again."""
    if not args.resume:
        return new
    if not args.json or args.json == "-":
        refuse(OptionError, "check", "--json", "a file, to resume from", repr(args.json))
    path = Path(args.json)
    if not path.exists():
        return new
    old = Report.from_json(path.read_text(encoding="utf-8"))
    if not old.same_campaign(new):
        what = "a report of this target, seed, number of examples and deviations, to resume from"
        refuse(OptionError, "check", "--json", what, f"{args.json}: {old.target}, {old.seed}, {old.max_examples}")
    old.results = [result for result in old.results if not result.lost]
    return old
