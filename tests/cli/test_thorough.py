"""``nnref thorough``: enough cases, a page, and an exit status; the campaigns themselves are small here."""

import datetime
from pathlib import Path

import pytest

from nnref import oracle
from nnref.cli import main, thorough
from nnref.oracle.verdict.judge import Finding


@pytest.fixture
def small(monkeypatch):
    """Campaigns of two operations, and how many drawn cases each was asked for."""
    asked = []

    def conform(target, ops, dtypes, examples, seed, executor, *, isolate):
        asked.append(examples)
        return oracle.conform("nnref", ["relu", "linear"], dtypes, examples, seed, executor)

    monkeypatch.setattr(thorough, "conform", conform)
    return asked


def test_examples_are_raised_until_there_are_enough_cases(small):
    report = thorough.thorough("nnref", 1500, ["float32"])
    assert sum(result.cases for result in report.results) >= 1500
    assert small[0] == thorough.FIRST
    assert len(small) <= 3
    assert report.max_examples == small[-1]


def test_a_target_that_supports_nothing_ends_too(monkeypatch):
    monkeypatch.setattr(thorough, "conform", lambda *_, **__: oracle.conform({}, ["relu"], max_examples=6))
    assert not thorough.thorough("nnref", 1500, ["float32"]).ok


def test_the_command_prints_the_page(small, capsys):
    assert main(["thorough", "nnref", "--cases", "100", "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    assert "    nnref thorough nnref --cases 100\n" in printed
    assert f"| nnref | {sum_of_cases(printed)} | 0 |" in printed
    assert main(["thorough", "nnref", "--cases", "0"]) == 2


def sum_of_cases(page):
    rows = [line.split("|") for line in page.splitlines() if line.startswith(("| relu", "| linear"))]
    return sum(int(cells[2]) for cells in rows)


def test_a_false_alarm_shows():
    report = oracle.conform("nnref", ["relu"], max_examples=6)
    case = oracle.parse("relu.forward float32 normal contiguous seed=3 N=1 C=1 H=1 W=2")
    report.results[0].failures.append(oracle.Failure(case, Finding("value", "y", index=(0,), expected=1.0, got=0.0)))
    page = thorough.page("nnref thorough", [report], datetime.date(2026, 11, 24))
    assert "2026-11-24; nnref " in page
    assert "| relu.forward float32 | " in page
    assert "**failed**" in page


def test_the_page_in_the_documentation_has_no_false_alarm():
    page = (Path(__file__).parents[2] / "docs" / "thorough.md").read_text(encoding="utf-8")
    totals = [line.split("|") for line in page.splitlines() if line.startswith(("| definition", "| torch"))]
    assert len(totals) == 2
    for cells in totals:
        assert int(cells[2]) >= 100_000
        assert int(cells[3]) == 0
        assert float(cells[4]) < 1
