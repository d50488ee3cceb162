"""A report as a table in the terminal; without one, the same as plain text."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..oracle.report import Report
from ..oracle.result import Failure, Result

__all__ = ["print_report"]

STYLES = {
    "passed": "green",
    "failed": "bold red",
    "known deviation": "yellow",
    "unsupported": "dim",
    "not implemented": "dim",
}
PIPED_WIDTH = 160


def print_report(console: Console, report: Report) -> None:
    """Print rows, then every failure with its smallest case, then what is left to say."""
    if not console.is_terminal:
        console = Console(file=console.file, width=PIPED_WIDTH)
    console.print(_table(report))
    for result in report.results:
        for alike in result.distinct_failures():
            _print_failure(console, result, alike, report.target)
        if result.lost:
            console.print(f"[bold red]{result.name} {result.dtype}[/] lost: {escape(result.lost)}")
    for line in _remarks(report):
        console.print(line, style="dim")
    for line in report.outlived():
        console.print(escape(line), style="yellow")
    counts = ", ".join(f"{n} {status}" for status, n in report.counts().items())
    cases = sum(result.cases for result in report.results)
    verdict = "[green]ok[/]" if report.ok else "[bold red]not ok[/]"
    console.print(f"{escape(report.target)}: {verdict}; {counts} of {len(report.results)} rows, {cases} cases")


def _table(report: Report) -> Table:
    table = Table(
        title=f"{report.target}, {report.max_examples} drawn cases a row, seed {report.seed}", title_justify="left"
    )
    table.add_column("operation", no_wrap=True)
    for name in ("dtype", "verdict"):
        table.add_column(name, no_wrap=True)
    for name in ("cases", "unsupported", "max |error|/bound", "median", "seconds"):
        table.add_column(name, justify="right")
    for r in report.results:
        style = STYLES[r.status]
        margins = (f"{r.max_margin:.3f}", f"{r.median_margin:.3f}") if r.margins else ("exact" if r.cases else "", "")
        skipped = sum(r.unsupported.values())
        cells = (r.name, r.dtype, f"[{style}]{r.status}[/]", str(r.cases), str(skipped or ""), *margins)
        table.add_row(*cells, f"{r.seconds:.1f}")
    return table


def _print_failure(console: Console, result: Result, alike: list[Failure], target: str) -> None:
    """Print the first of failures that look alike, and in which data modes the others are."""
    failure, *others = alike
    console.print(f"\n[bold red]{result.name} {result.dtype}[/] {escape(failure.finding.message)}", soft_wrap=True)
    if failure.hint:
        console.print(f"  It behaves {escape(failure.hint)}.", soft_wrap=True)
    if others:
        modes = ", ".join(other.case.mode for other in others)
        console.print(f"  With {failure.case.mode} data; with {modes} data too.", soft_wrap=True)
    console.print(f"  {escape(failure.command(target))}", soft_wrap=True, highlight=False)


def _remarks(report: Report) -> list[str]:
    """Why cases were not supported, and observations; each once."""
    lines: dict[str, int] = {}
    for result in report.results:
        for reason, cases in result.unsupported.items():
            lines[f"not supported: {reason}"] = lines.get(f"not supported: {reason}", 0) + cases
        for note in result.notes:
            lines[f"{result.name} {result.dtype}: {note}"] = 0
        for reason, (deviating, passing) in result.known.items():
            lines[f"known deviation in {result.name} {result.dtype}: {reason}"] = deviating + passing
    return [escape(f"{line} ({cases} cases)" if cases else line) for line, cases in lines.items()]
