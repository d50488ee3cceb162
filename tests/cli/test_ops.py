"""`nnref ops` shows how functions are called, and gives a file to start from; `nnref diff` compares two reports."""

import json

import pytest

from nnref import oracle
from nnref.cli import main
from nnref.oracle import OPERATIONS

from ..oracle.report.reports import REPORTS


def test_all_operations_are_listed_in_eighty_columns(capsys):
    assert main(["ops"]) == 0
    out = capsys.readouterr().out
    assert all(len(line) <= 80 for line in out.splitlines())
    assert all(name in out.replace("\n", "").replace(" ", "") for name in ("conv2d", "batch_norm2d_train", "network"))


@pytest.mark.parametrize("op", OPERATIONS)
def test_an_operation_is_described_and_its_template_is_refused_until_it_is_written(op, capsys, tmp_path):
    assert main(["ops", op]) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{op}(")
    assert all(len(line) <= 80 for line in out.splitlines())
    assert main(["ops", op, "--template"]) == 0
    path = tmp_path / "target.py"
    path.write_text(capsys.readouterr().out, encoding="utf-8")
    report = oracle.conform(str(path), [op], max_examples=2, modes=["one_hot"])
    assert {row.status for row in report.results} == {"unsupported"}
    assert all("is not written yet" in reason for row in report.results for reason in row.unsupported)


def test_a_name_that_is_nearly_right_is_suggested(capsys):
    assert main(["ops", "conv"]) == 2
    assert capsys.readouterr().err.endswith("got 'conv'; did you mean conv2d?\n")
    assert main(["ops", "--template"]) == 2


def written(path, report):
    report.to_json(path)
    return str(path)


def test_changes_are_told_and_what_is_worse_has_a_status(tmp_path, capsys):
    good, bad = (written(tmp_path / f"{name}.json", REPORTS[name]) for name in ("passing", "failing"))
    assert main(["diff", good, good]) == 0
    assert capsys.readouterr().out == "no change in 3 rows\n"
    assert main(["diff", good, bad]) == 1
    out = capsys.readouterr().out
    assert "relu.forward float32: new row, failed" in out
    assert "relu.forward float32: new failure\n  relu.forward float32 special" in out
    assert main(["diff", bad, good]) == 1  # a row is gone
    data = json.loads((tmp_path / "failing.json").read_text(encoding="utf-8"))
    data["results"][1] |= {"failures": [], "status": "passed"}
    (tmp_path / "fixed.json").write_text(json.dumps(data), encoding="utf-8")
    assert main(["diff", bad, str(tmp_path / "fixed.json")]) == 0
    out = capsys.readouterr().out
    assert "relu.forward float32: failed -> passed" in out
    assert "failure gone" in out
    assert main(["diff", good, str(tmp_path / "none.json")]) == 2
    (tmp_path / "none.json").write_text("{}", encoding="utf-8")
    assert main(["diff", good, str(tmp_path / "none.json")]) == 2
