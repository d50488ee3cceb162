"""``nnref thorough``: many cases on targets that are taken to be correct, because a bound must never be wrong."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import math
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from rich.console import Console

from ..oracle.campaign.conform import conform
from ..oracle.report.report import Report
from ..oracle.targets.resolve import FRAMEWORKS, installed_frameworks
from ..oracle.verdict.row import Result
from .arguments import TARGETS, add_dtype, expect_at_least
from .table import print_report

__all__ = ["add_parser", "thorough"]

FIRST = 60  # drawn cases per row in the first campaign, which shows how many cases the target supports
SPARE = 1.05  # factor by which more cases are drawn than seem necessary


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``thorough`` to the subcommands of an `argparse` parser."""
    parser = subparsers.add_parser(
        "thorough",
        help="look for false alarms on correct targets",
        description="Judge at least N cases of each TARGET, which is taken to be correct, and print docs/thorough.md. "
        "Without TARGET, judge the formulas as plain loops and every installed framework. Exit status: 0 if no case "
        "fails, 1 if one does, 2 if the arguments are invalid.",
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=TARGETS)
    parser.add_argument("--cases", type=int, default=100_000, metavar="N", help="cases per target (default: 100000)")
    add_dtype(parser)
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the search (default: 0)")
    help_ = "number of child processes (default: number of cores)"
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help=help_)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Judge the cases, print the page, and return the exit status."""
    expect_at_least(1, cases=args.cases, jobs=args.jobs)
    targets = args.targets or ["definition", *installed_frameworks()]
    reports = [thorough(name, args.cases, args.dtype or ["float32"], args.seed, args.jobs) for name in targets]
    chosen = [f"--dtype {dtype}" for dtype in args.dtype or ()]
    command = " ".join(["nnref thorough", *targets, f"--cases {args.cases}", *chosen])
    print(page(command, reports, datetime.date.today()), end="")
    failing = [report for report in reports if not report.ok]
    for report in failing:
        print_report(Console(stderr=True), report)
    return 1 if failing else 0


def thorough(target: str, cases: int, dtypes: list[str], seed: int = 0, jobs: int = 1) -> Report:
    """Run campaigns of a target until one judges at least `cases` cases; return its report.

    The report's `max_examples` repeats the campaign: ``nnref check TARGET --examples N``.
    """
    examples = FIRST
    with ThreadPoolExecutor(jobs) as executor:
        while True:
            report = conform(target, None, dtypes, examples, seed, executor, isolate=True)
            judged = sum(result.cases for result in report.results)
            each = sum(map(_supported, report.results))
            if judged >= cases or not each:
                return report
            examples += math.ceil(SPARE * (cases - judged) / each)
            print(f"{target}: {judged} cases judged; next with {examples} drawn cases per row", file=sys.stderr)


def _supported(result: Result) -> float:
    """The share of a row's cases that the target supports; 0 for a row that has failed, which does not go on."""
    seen = result.cases + sum(result.unsupported.values())
    return result.cases / seen if seen and not result.failures else 0.0


def page(command: str, reports: list[Report], date: datetime.date) -> str:
    """The text of docs/thorough.md."""
    return "\n".join([*_head(command, reports, date), "", *_totals(reports), "", *_rows(reports)]) + "\n"


def _head(command: str, reports: list[Report], date: datetime.date) -> Iterator[str]:
    versions = dict(item for report in reports for item in report.versions.items())
    versions |= {r.target: importlib.metadata.version(r.target) for r in reports if r.target in FRAMEWORKS}
    yield "# False alarms"
    yield ""
    yield "A derived bound always holds, so a correct implementation must pass in every case. This command checks the"
    yield "formulas as plain loops, which sum in another order than nnref's layers, and the frameworks:"
    yield ""
    yield f"    {command}"
    yield ""
    yield f"{date.isoformat()}; {', '.join(f'{name} {version}' for name, version in versions.items())}."


def _totals(reports: list[Report]) -> Iterator[str]:
    yield "| target | cases judged | failed rows | largest error / bound | command to repeat |"
    yield "| --- | ---: | ---: | ---: | --- |"
    for report in reports:
        dtypes = dict.fromkeys(f" --dtype {result.dtype}" for result in report.results)
        dtypes = {} if list(dtypes) == [" --dtype float32"] else dtypes
        judged, failed = sum(result.cases for result in report.results), report.counts()["failed"]
        largest = max((result.max_margin for result in report.results), default=0.0)
        again = f"`nnref check {report.target} --examples {report.max_examples} --seed {report.seed}{''.join(dtypes)}`"
        yield f"| {report.target} | {judged} | {failed} | {largest:.3f} | {again} |"


def _rows(reports: list[Report]) -> Iterator[str]:
    """The cases and the largest error of every row, with two columns per target."""
    yield "| | " + " | ".join(f"{report.target}: cases | largest" for report in reports) + " |"
    yield "| --- |" + " ---: | ---: |" * len(reports)
    for results in zip(*(report.results for report in reports), strict=True):
        cells = (f"{r.cases} | {_largest(r)}" if r.cases else f"{r.status} | " for r in results)
        yield f"| {results[0].name} {results[0].dtype} | " + " | ".join(cells) + " |"


def _largest(result: Result) -> str:
    if result.failures or result.lost:
        return "**failed**"
    return f"{result.max_margin:.3f}" if result.margins else "exact"
