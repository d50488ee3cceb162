"""A report as JUnit XML, for the tools that show tests: a test case for each row.

The document is green exactly if the report is ok. What makes a report not ok and belongs to no row, a known deviation
that no longer occurs or a campaign that judged nothing, is a test case of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..cases.case import MODES
from ..text import visible
from ..verdict.row import Result
from .facts import Facts
from .telling import told, told_conventions

__all__ = ["document"]


def document(report: Facts) -> str:
    """The XML, with its declaration."""
    cases = [_row(result, report.target) for result in report.results] + list(_beyond_rows(report))
    counts = {"tests": str(len(cases))}
    for plural, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        counts[plural] = str(sum(case.find(tag) is not None for case in cases))
    counts["time"] = f"{sum(result.seconds for result in report.results):.3f}"
    suites = Element("testsuites", {"name": "nnref", **counts})
    suite = SubElement(suites, "testsuite", {"name": visible(report.target), **counts})
    facts: dict[str, object] = {"seed": report.seed, "max_examples": report.max_examples}
    if report.seconds is not None:
        facts["seconds"] = f"{report.seconds:g}"
    if report.modes != MODES:
        facts["modes"] = " ".join(report.modes)
    facts |= {"date": report.date, **report.machine}
    versions = {f"version of {name}": version for name, version in report.versions.items()}
    declares = {f"declares {name}": value for name, value in report.declares.said().items()}
    _add_properties(suite, {**facts, **versions, **declares}.items())
    suite.extend(cases)
    indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suites, encoding="unicode")}\n'


def _row(result: Result, target: str) -> Element:
    name = f"{result.direction} {result.dtype}"
    case = Element("testcase", {"classname": result.op, "name": name, "time": f"{result.seconds:.3f}"})
    notes = [("note", note) for note in sorted(result.notes)]
    notes += [("convention", line) for line in told_conventions(result)]
    time = [("asked", result.asked), ("left_out", result.left_out)] if result.left_out else []
    _add_properties(case, [("cases", result.cases), ("share", f"{result.share:.4f}"), *time, *_margins(result), *notes])
    failures = "\n\n".join(told(failure, target, script=True) for failure in result.failures)
    if result.lost:
        _add_outcome(case, "error", "lost", result.lost, failures)
    elif result.failures:
        finding = result.failures[0].finding
        _add_outcome(case, "failure", finding.kind, finding.message, failures)
    elif result.status != "passed":
        _add_outcome(case, "skipped", result.status, _reasons(result))
    return case


def _margins(result: Result) -> list[tuple[str, object]]:
    return [("margin_max", result.max_margin), ("margin_median", result.median_margin)] if result.margins else []


def _reasons(result: Result) -> str:
    """Why a row is neither passed nor failed."""
    if result.status == "not implemented":
        return "the target has no such function"
    if result.status == "partly":
        return f"{result.verdict}; {result.why_not}"
    if result.status == "not run":
        return "no time was left"
    if result.status == "known deviation":
        return "; ".join(reason for reason, (deviating, _) in sorted(result.known.items()) if deviating)
    return result.why_not


def _beyond_rows(report: Facts) -> Iterable[Element]:
    for line in report.outlived():
        case = Element("testcase", {"classname": "known deviations", "name": visible(line)})
        _add_outcome(case, "failure", "outlived", line)
        yield case
    if report.missing:
        case = Element("testcase", {"classname": "campaign", "name": "every row was run"})
        _add_outcome(case, "failure", "interrupted", f"{report.missing} of {report.planned} rows were not run")
        yield case
    if not any(result.judged or result.lost for result in report.results):
        case = Element("testcase", {"classname": "campaign", "name": "something was judged"})
        _add_outcome(case, "failure", "empty", "no case was judged")
        yield case


def _add_outcome(case: Element, tag: str, kind: str, message: str, text: str = "") -> None:
    outcome = SubElement(case, tag, {"type": kind, "message": visible(message)})
    outcome.text = visible(text) or None


def _add_properties(parent: Element, items: Iterable[tuple[str, object]]) -> None:
    properties = SubElement(parent, "properties")
    for name, value in items:
        SubElement(properties, "property", {"name": visible(name), "value": visible(str(value))})
