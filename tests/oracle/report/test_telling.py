"""A failure as a person sees it: its numbers, where an exception came from, and a script that imports the function."""

import subprocess
import sys

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.oracle.report.telling import told
from nnref.oracle.report.values import FEW

TARGET = """
import numpy as np
import {beside}

def table(name):
    return {{"a": 1}}[name]

def relu(x):
    try:
        return table("b")
    except KeyError as error:
        raise RuntimeError("no kernel") from error

def tanh(x):
    return np.tanh(x) * np.float32(1.01)

class Layers:
    sigmoid = staticmethod(lambda x: x)

@{beside}.adapt
def linear(x, matrix):
    return x @ matrix.T + 1
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("told")
    (folder / "beside_me.py").write_text("from nnref.oracle import adapt\n", encoding="utf-8")
    (folder / "my-kernels.py").write_text(TARGET.format(beside="beside_me"), encoding="utf-8")
    return oracle.conform(str(folder / "my-kernels.py"), ["relu", "tanh", "linear"], max_examples=6, isolate=True)


def failure_of(report, name):
    (row,) = (row for row in report.results if row.name == name)
    return row.failures[0]


def test_an_exception_says_its_cause_and_the_lines_of_the_target(report):
    text = told(failure_of(report, "relu.forward"), "mine.py", width=80).splitlines()
    assert text[0] == "relu raised RuntimeError: no kernel"
    assert text[1] == "  because of KeyError: 'b' (my-kernels.py:6)"
    assert text[2].startswith("  at ")
    assert text[2].endswith("my-kernels.py:12, in relu")
    assert text[3] == '      raise RuntimeError("no kernel") from error'
    assert text[-1].startswith('  again: nnref repro "relu.forward ')
    again = oracle.Report.from_json(report.to_json())
    assert failure_of(again, "relu.forward") == failure_of(report, "relu.forward")


def test_a_wrong_value_shows_its_numbers_in_eighty_columns(report):
    failure = failure_of(report, "tanh.forward")
    text = told(failure, width=80)
    for word in ("x = ", "y expected ", "  got      ", "  bound    "):
        assert word in text
    case = failure.case.with_field("W", (FEW,))
    many = told(oracle.Failure(case, failure.finding, values=failure.values and values(case)), width=80)
    assert all(len(line) <= 80 for line in many.splitlines() if "must be" not in line and "case:" not in line)
    larger = case.with_field("W", (FEW + 1,))
    assert f"x has shape {larger.shapes['x']}" in told(
        oracle.Failure(larger, failure.finding, values=values(larger)), width=80
    )


def values(case):
    from nnref.oracle.report.side_by_side import side_by_side
    from nnref.oracle.report.values import values_of

    side = side_by_side(case, nnref.tanh)
    shown = values_of(case, side, oracle.Finding("value", "y"))
    if shown.expected is not None:
        np.testing.assert_array_equal(np.array(shown.expected), side.expected["y"])
    return shown


@pytest.mark.parametrize("name", ["relu.forward", "tanh.forward", "linear.forward"])
def test_the_script_of_a_file_runs_anywhere_and_fails(report, name, tmp_path):
    (tmp_path / "script.py").write_text(failure_of(report, name).snippet, encoding="utf-8")
    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert ("RuntimeError" if name == "relu.forward" else "AssertionError") in done.stderr


def test_the_script_of_a_module_or_an_object_imports_it(tmp_path, monkeypatch):
    (tmp_path / "told_kernels.py").write_text(
        TARGET.format(beside="nnref.oracle as oracle").replace("@nnref.oracle as oracle", "@oracle"), encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    for target, op, line in (
        ("told_kernels", "tanh", "from told_kernels import tanh  # the function under test"),
        ("told_kernels:Layers", "sigmoid", "sigmoid = Layers.sigmoid  # the function under test"),
    ):
        report = oracle.conform(target, [op], max_examples=6, directions=["forward"])
        assert line in report.results[0].failures[0].snippet.splitlines()
    report = oracle.conform({"relu": lambda x: x}, ["relu"], max_examples=6, directions=["forward"])
    assert "from your_package import relu  # the function under test" in report.results[0].failures[0].snippet
