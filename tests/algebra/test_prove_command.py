"""``nnref prove``: its output formats, its exit statuses, and the pages made from it."""

import dataclasses
import functools
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import nnref.cli.prove as command
from nnref import algebra
from nnref.algebra import claims, prove
from nnref.cli import main

DOCS = Path(__file__).parents[2] / "docs"
SCHEMAS = files("nnref") / "schemas"
Captured = pytest.CaptureFixture[str]


@functools.cache
def proved(name: str, seed: int) -> Any:
    return prove(name, seed=seed)


@pytest.fixture(autouse=True)
def _each_claim_is_proved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The output formats share the proofs; `--thorough` makes its own."""
    monkeypatch.setattr(command, "prove", lambda claim, seed: proved(claim.name, seed))


def nnref(*arguments: str) -> int:
    return main(arguments)


def as_json(capsys: Captured, *arguments: str) -> Any:
    nnref("prove", "--json", *arguments)
    return json.loads(capsys.readouterr().out)


def test_table_of_all_claims(capsys: Captured) -> None:
    assert nnref("prove") == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in claims)
    refuted = sum(not claim.holds for claim in claims.values())
    assert f"{len(claims) - refuted} proved, {refuted} refuted, 0 unexpected" in printed


def test_named_claims_are_explained(capsys: Captured) -> None:
    assert nnref("prove", "slide-fused-bias", "conv-batch-norm") == 0
    printed = capsys.readouterr().out
    assert "left side  = [2]\n  right side = [1]" in printed
    assert "covers all values of inputs and parameters" in printed


@pytest.mark.parametrize("arguments", [[], ["slide-fused-bias"], ["--thorough", "linear-conv", "relu-affine"]])
def test_json_is_valid(capsys: Captured, arguments: list[str]) -> None:
    schema = json.loads((SCHEMAS / "prove.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(as_json(capsys, *arguments), schema)


def test_thorough_adds_drawn_cases(capsys: Captured) -> None:
    (row,) = as_json(capsys, "--thorough", "grouped-dense")["claims"]
    assert len(row["outcome"]["cases"]) > len(claims["grouped-dense"].cases)


@pytest.mark.parametrize("name", ["slide-fused-bias", "conv-batch-norm"])
@pytest.mark.parametrize("thorough", [[], ["--thorough"]])
def test_a_claim_settled_otherwise_than_expected_is_status_1(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch, name: str, thorough: list[str]
) -> None:
    wrong = dataclasses.replace(claims[name], holds=not claims[name].holds)
    monkeypatch.setitem(claims, name, wrong)
    assert nnref("prove", name, *thorough) == 1
    assert "UNEXPECTED" in capsys.readouterr().out


def test_unknown_name_is_status_2_and_a_suggestion(capsys: Captured) -> None:
    assert nnref("prove", "slide-bias") == 2
    error = capsys.readouterr().err
    assert "got 'slide-bias'; did you mean slide-fused-bias" in error


def test_page_of_claims_is_current(capsys: Captured) -> None:
    assert nnref("prove", "--markdown") == 0
    page = (DOCS / "claims.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out == page, "docs/claims.md is out of date: nnref prove --markdown > docs/claims.md"


def test_lesson_names_all_that_is_public() -> None:
    lesson = (DOCS / "algebra.md").read_text(encoding="utf-8")
    assert not [name for name in algebra.__all__ if f"`{name}" not in lesson and f" {name}" not in lesson]


def test_lesson_names_only_claims_that_exist() -> None:
    lesson = (DOCS / "algebra.md").read_text(encoding="utf-8")
    linked = {part.split(")")[0] for part in lesson.split("(claims.md#")[1:]}
    assert linked
    assert linked <= set(claims)


@pytest.mark.parametrize("thorough", [[], ["--thorough"]])
def test_a_negative_seed_is_status_2(capsys: Captured, thorough: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        nnref("prove", "--seed", "-1", *thorough)
    assert ended.value.code == 2
    assert "must be at least 0, got -1" in capsys.readouterr().err
