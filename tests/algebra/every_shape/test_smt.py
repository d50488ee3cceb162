"""A second solver, cvc5, confirms what the proofs rest on."""

import json
import os
from collections import Counter
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from nnref.algebra import prove
from nnref.cli import main

pytest.importorskip("z3")
cvc5 = pytest.importorskip("cvc5")

ALL = os.environ.get("NNREF_HYPOTHESIS_PROFILE") == "ci"
CLAIMS = ("pad-conv", "avg-pool-depthwise", "batch-norm-conv", "conv-transpose-adjoint")
MORE = ("conv-batch-norm", "grouped-dense", "conv2d-gradient", "sum-of-convs") if ALL else ()
STATUS = "(set-info :status unsat)"
MILLISECONDS = "10000" if ALL else "2000"


def answer(text: str) -> str:
    """What cvc5 says: sat, unsat or unknown."""
    solver = cvc5.Solver(cvc5.TermManager())
    solver.setOption("tlimit-per", MILLISECONDS)
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text.replace(STATUS, ""), "obligation")
    symbols, said = parser.getSymbolManager(), ""
    while not (command := parser.nextCommand()).isNull():
        said = str(command.invoke(solver, symbols)).strip() or said
    return said.split()[0]  # "unknown (TIMEOUT)"


@pytest.mark.parametrize("name", [*CLAIMS, *MORE])
def test_cvc5_agrees_with_every_obligation_that_it_decides(name: str) -> None:
    obligations: list[Any] = []
    prove(name, method="every shape", obligations=obligations)
    own = [o for o in obligations if ALL or not o.name.startswith("lemma")]
    said = Counter(answer(obligation.to_smt()) for obligation in own)
    assert said["sat"] == 0
    assert said["unsat"] + said["unknown"] == len(own)
    assert said["unsat"] >= len(own) / 2


def test_cvc5_denies_what_does_not_follow() -> None:
    obligations: list[Any] = []
    prove("avg-pool-depthwise", method="every shape", obligations=obligations)
    weaker = [o for o in obligations if o.facts and not o.name.startswith("lemma")]
    assert any(answer(type(o)(o.name, (), o.goal).to_smt()) == "sat" for o in weaker)


def test_the_command_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "pad-conv", "--every-shape", "--smt", str(tmp_path)]) == 0
    assert "rests on the lemmas" in capsys.readouterr().out
    files = sorted((tmp_path / "pad-conv").glob("*.smt2"))
    assert files
    assert list((tmp_path / "lemmas").glob("*.smt2"))
    text = files[0].read_text(encoding="utf-8")
    assert STATUS in text
    assert text.rstrip().endswith("(check-sat)")


def test_what_is_not_proved_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "linear-conv", "relu-affine", "--every-shape", "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    schema = json.loads((files("nnref") / "schemas" / "prove.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(printed, schema)
    assert [row["outcome"]["verdict"] for row in printed["claims"]] == ["proved", "not proved"]


def test_the_table_fits_80_columns_and_says_which_claims_reach_every_shape(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "linear-conv", "relu-affine"]) == 0
    rows = {
        line.split()[0]: line
        for line in capsys.readouterr().out.splitlines()
        if "symbolic  " in line or "values" in line
    }
    assert all(len(line) <= 80 for line in rows.values())
    assert [" yes " in rows[name] for name in ("linear-conv", "relu-affine")] == [True, False]


def test_smt_alone_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "pad-conv", "--smt", str(tmp_path)]) == 2
    assert "--every-shape" in capsys.readouterr().err
