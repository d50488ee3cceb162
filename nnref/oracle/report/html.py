"""A report as one HTML page that needs nothing else: no network, no script.

Python decides what there is to say, the template how it looks. All text goes through the template's escaping, and a
content security policy forbids the rest, because a target's name and its exceptions may contain anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from ..cases.case import DIRECTIONS, MODES
from ..text import visible
from ..verdict.row import STATUSES, Failure, Result
from .facts import Facts
from .telling import told_conventions, told_origin
from .values import lines_of

__all__ = ["page"]

WIDE = 100  # columns of numbers
LOWEST = -4  # decade of the axis below which margins are not told apart


def page(report: Facts) -> str:
    """The page. Reports that differ only in the time they took give the same page."""
    return _template().render(
        report=report,
        complaints=list(_complaints(report)),
        cases=sum(result.cases for result in report.results),
        statuses=[(status, n) for status in STATUSES if (n := report.counts()[status])],
        columns=_columns(report),
        matrix=_matrix(report),
        axis=Axis.of(report),
        failed=[result for result in report.results if result.failures],
        lost=[result for result in report.results if result.lost],
        cut=[result for result in report.results if result.left_out],
        modes="" if report.modes == MODES else _listed(list(report.modes)),
        judged=[result for result in report.results if result.judged],
        known=_known(report),
        unsupported=_unsupported(report),
        conventions=_conventions(report),
        notes=[(result, note) for result in report.results for note in sorted(result.notes)],
    )


def _template() -> Template:
    def finalize(value: object) -> object:
        return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=PackageLoader("nnref.oracle.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"anchor": _anchor, "margin": _margin, "listed": _listed, "numbers": _numbers}
    environment.filters["origin"] = lambda finding: list(told_origin(finding))
    return environment.get_template("report.html")


@dataclass(frozen=True)
class Axis:
    """A logarithmic axis of margins from 10**low to 10**high, shared by all rows; positions in percent."""

    low: int
    high: float

    @classmethod
    def of(cls, report: Facts) -> Axis:
        """As wide as the margins ask for; beyond the bound there is room if something failed there."""
        least = min((m for result in report.results for m in result.margins if 0 < m < math.inf), default=0.1)
        failed = any(failure.finding.margin for result in report.results for failure in result.failures)
        return cls(min(-2, max(LOWEST, math.floor(math.log10(least)))), 3 if failed else 0.25)

    def at(self, margin: float) -> float:
        """Where a margin lies; outside the axis, at its end."""
        decade = math.log10(margin) if margin > 0 else self.low
        return round(100 * min(max((decade - self.low) / (self.high - self.low), 0), 1), 2)

    def ticks(self) -> list[tuple[float, str]]:
        """Positions and labels of the decades."""
        return [(self.at(10.0**decade), f"{10.0**decade:g}") for decade in range(self.low, int(self.high) + 1)]

    def failures(self, result: Result) -> list[tuple[float, float]]:
        """Margins of failing values, with their positions; NaN is infinitely wrong."""
        margins = [failure.finding.margin for failure in result.failures if failure.finding.margin is not None]
        beyond_all = [math.inf if math.isnan(margin) else margin for margin in margins]
        return [(margin, self.at(margin)) for margin in sorted(set(beyond_all))]


def _complaints(report: Facts) -> Iterator[str]:
    """Why the report is not ok."""
    if failed := report.counts()["failed"]:
        yield f"{failed} of {len(report.results)} rows failed"
    if outlived := len(report.outlived()):
        yield "a known deviation no longer occurs" if outlived == 1 else f"{outlived} known deviations no longer occur"
    if report.missing:
        yield f"{report.missing} of {report.planned} rows were not run"
    if not any(result.judged for result in report.results):
        yield "no case was judged"


def _columns(report: Facts) -> list[tuple[str, list[str]]]:
    """dtype -> directions, in the order of the report."""
    dtypes = dict.fromkeys(result.dtype for result in report.results)
    present = {(result.dtype, result.direction) for result in report.results}
    return [(dtype, [d for d in DIRECTIONS if (dtype, d) in present]) for dtype in dtypes]


def _matrix(report: Facts) -> list[tuple[str, list[Result | None]]]:
    """Operation -> a result or none for each column."""
    cells = {(result.op, result.dtype, result.direction): result for result in report.results}
    columns = [(dtype, direction) for dtype, directions in _columns(report) for direction in directions]
    operations = dict.fromkeys(result.op for result in report.results)
    return [(op, [cells.get((op, *column)) for column in columns]) for op in operations]


def _known(report: Facts) -> list[tuple[str, list[tuple[Result, list[int]]]]]:
    """Reason -> rows with [cases that deviate, cases that pass]."""
    reasons = sorted({reason for result in report.results for reason in result.known})
    return [(reason, [(r, r.known[reason]) for r in report.results if reason in r.known]) for reason in reasons]


def _conventions(report: Facts) -> list[tuple[str, list[Result]]]:
    """How the target answers to a convention -> the rows in which it does."""
    found: dict[str, list[Result]] = {}
    for result in report.results:
        for line in told_conventions(result):
            found.setdefault(line, []).append(result)
    return sorted(found.items())


def _unsupported(report: Facts) -> list[tuple[str, list[tuple[Result, int]]]]:
    """Reason -> rows with cases."""
    reasons = sorted({reason for result in report.results for reason in result.unsupported})
    return [
        (reason, [(r, r.unsupported[reason]) for r in report.results if reason in r.unsupported]) for reason in reasons
    ]


def _numbers(failure: Failure) -> str:
    """The numbers of a failing case, as a page shows them."""
    return "\n".join(lines_of(failure.case, failure.values, failure.finding.subject, WIDE)) if failure.values else ""


def _anchor(result: Result) -> str:
    return f"{result.op}-{result.direction}-{result.dtype}"


def _margin(margin: float) -> str:
    """A margin in few digits.

    >>> _margin(0.12345), _margin(0.00001234), _margin(290123.0), _margin(float("inf"))
    ('0.123', '1.2e-05', '2.9e+05', '∞')
    """
    if math.isinf(margin):
        return "∞"
    return f"{margin:.3f}" if 0.0005 <= margin < 10 or margin == 0 else f"{margin:.2g}"


def _listed(words: list[str]) -> str:
    """Words as a phrase.

    >>> _listed(["normal", "special", "one_hot"])
    'normal, special and one_hot'
    """
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
