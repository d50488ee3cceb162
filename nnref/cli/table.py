"""A report as a table in the terminal, or as plain text if the output is not a terminal."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..oracle.cases.case import MODES
from ..oracle.report.report import Report
from ..oracle.report.telling import told, told_conventions
from ..oracle.text import visible
from ..oracle.verdict.row import Failure, Result, most_frequent

__all__ = ["print_failure", "print_report"]

STYLES = {
    "passed": "green",
    "partly": "yellow",
    "failed": "bold red",
    "known deviation": "yellow",
    "unsupported": "dim",
    "not implemented": "dim",
    "not run": "bold red",
}
PIPED_WIDTH = 160
NARROW = 80  # for values, if the output is not a terminal
NUMBERS = ("cases", "unsupported", "max |error|/bound", "median", "seconds")
# columns that are left out on a narrow terminal; the first entry that makes the table fit is taken
LEFT_OUT = ((), ("seconds",), ("seconds", "median"), ("seconds", "median", "unsupported"))
SHORTEST_NAME, BOUNDLESS = 20, 1000


def print_failure(console: Console, result: Result, failure: Failure, target: str) -> None:
    """Print a failure of a row: what is wrong, its smallest case, and how to run it again.

    Lines are wrapped between words, but for the command, which is to be copied.
    """
    width = console.width if console.is_terminal else NARROW
    first, *lines = told(failure, target, width=width).split("\n")
    _say(console, (f"{result.name} {result.dtype}", "bold red"), f"\n{_wrapped(console, f'  {first}')}")
    for line in lines:
        _say(console, line if line.startswith("  again: ") else _wrapped(console, line))
    console.print()


def _wrapped(console: Console, line: str) -> str:
    if not console.is_terminal or len(line) <= console.width:
        return line
    return textwrap.fill(line, console.width, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def print_report(console: Console, report: Report) -> None:
    """Print the rows, then remarks and the verdict. The failures are printed when they are found."""
    if not console.is_terminal:
        console = Console(file=console.file, width=PIPED_WIDTH)
    _print_table(console, report)
    for result in report.results:
        if result.lost:
            _say(console, (f"{result.name} {result.dtype}", "bold red"), f" lost: {result.lost}")
    for line in _remarks(report):
        _say(console, (_wrapped(console, line), "dim"))
    for line in report.outlived():
        _say(console, (_wrapped(console, line), "yellow"))
    counts = ", ".join(f"{n} {status}" for status, n in report.counts().items())
    cases = sum(result.cases for result in report.results)
    word, style = ("ok", "green") if report.ok else ("not ok", "bold red")
    line = f"{report.target}: {word}; {counts} of {len(report.results)} rows, {cases} cases"
    before, _, after = _wrapped(console, line).partition(f"{word};")
    _say(console, before, (word, style), f";{after}")


def _say(console: Console, *parts: str | tuple[str, str]) -> None:
    """Print text in styles; characters that would garble a terminal are printed as escapes."""
    shown = [visible(part) if isinstance(part, str) else (visible(part[0]), part[1]) for part in parts]
    console.print(Text.assemble(*shown), soft_wrap=True)


def _print_table(console: Console, report: Report) -> None:
    """Print the table without cutting off a number.

    If it does not fit, columns are left out; then names are folded; then the table is wider than the terminal.
    """
    for left_out in LEFT_OUT:
        table = _table(report, left_out)
        excess = console.measure(table, options=console.options.update(width=BOUNDLESS)).maximum - console.width
        if excess <= 0:
            break
    else:
        longest = max((len(result.name) for result in report.results), default=0)
        table.columns[0].width = max(SHORTEST_NAME, longest - excess)
        excess -= longest - table.columns[0].width
    _say(console, (_title(report), "italic"))
    width, console.width = console.width, console.width + max(0, excess)
    console.print(table)
    console.width = width


def _title(report: Report) -> str:
    dtypes = list(dict.fromkeys(result.dtype for result in report.results))
    alone = f"{dtypes[0]}, " if len(dtypes) == 1 else ""
    parts = [f"{report.target}, {alone}{report.max_examples} drawn cases per row, seed {report.seed}"]
    if report.seconds is not None:
        parts.append(f"{report.seconds:g} seconds")
    if report.modes != MODES:
        parts.append(" and ".join(report.modes))
    return ", ".join(parts)


def _table(report: Report, left_out: tuple[str, ...]) -> Table:
    table = Table()
    table.add_column("operation", overflow="fold")
    one_dtype = len({result.dtype for result in report.results}) == 1
    for name in ("verdict",) if one_dtype else ("dtype", "verdict"):
        table.add_column(name, no_wrap=True)
    numbers = [name for name in NUMBERS if name not in left_out]
    for name in numbers:
        table.add_column("\n".join(name.split()), justify="right", no_wrap=True)
    for result in report.results:
        if not result.implemented:
            continue
        dtype = () if one_dtype else (result.dtype,)
        cells = _numbers(result)
        style = STYLES[result.status]
        table.add_row(result.name, *dtype, f"[{style}]{result.verdict}[/]", *(cells[name] for name in numbers))
    return table


def _numbers(result: Result) -> dict[str, str]:
    margins = (f"{result.max_margin:.3f}", f"{result.median_margin:.3f}")
    if not result.margins:
        margins = ("exact" if result.cases else "", "")
    skipped = str(sum(result.unsupported.values()) or "")
    cases = f"{result.cases} of {result.asked}" if result.left_out else str(result.cases)
    return dict(zip(NUMBERS, (cases, skipped, *margins, f"{result.seconds:.1f}"), strict=True))


def _remarks(report: Report) -> Iterator[str]:
    """Why functions are missing or cases were not supported, and observations, each once."""
    if report.results and all(result.status == "not implemented" for result in report.results):
        yield f"{report.target} has no function to check: functions are found by name, such as {report.results[0].op}"
    elif missing := _missing(report):
        yield f"not implemented: {missing}"
    if report.missing:
        yield f"{report.missing} of {report.planned} rows were not run"
    if left := [result for result in report.results if result.left_out]:
        called, asked = sum(r.asked - r.left_out for r in left), sum(r.asked for r in left)
        rows = "1 row was" if len(left) == 1 else f"{len(left)} rows were"
        yield f"the time was up: {rows} cut, {called:,} of {asked:,} cases in time; --seconds gives more"
    reasons: Counter[str] = Counter()
    for result in report.results:
        reasons.update(result.unsupported)
    for reason, cases in most_frequent(reasons).items():
        yield f"not supported: {reason} ({_cases(cases)})"
    for result in report.results:
        for note in sorted(result.notes):
            yield f"{result.name} {result.dtype}: {note}"
        for convention in told_conventions(result, differing=True):
            yield f"{result.name} {result.dtype}: {convention}"
        for reason, (deviating, passing) in result.known.items():
            yield f"known deviation in {result.name} {result.dtype}: {reason} ({_cases(deviating + passing)})"


def _missing(report: Report) -> str:
    """The functions that the target lacks of operations that it has in part, and how many operations it lacks."""
    has = {result.op for result in report.results if result.implemented}
    lacking = [result for result in report.results if not result.implemented]
    parts = [r.op if r.direction == "forward" else f"{r.op}_backward" for r in lacking if r.op in has]
    if others := len({result.op for result in lacking} - has):
        parts.append(f"{others} {'other ' if has else ''}operation{'s' * (others > 1)} (see: nnref ops)")
    return ", ".join(dict.fromkeys(parts))


def _cases(count: int) -> str:
    return "1 case" if count == 1 else f"{count} cases"
