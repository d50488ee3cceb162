"""The command line, as a shell sees it: exit status, standard output, standard error."""

import json
import subprocess
import sys

import pytest

from nnref.cli import main

BIASLESS = """
import nnref

def linear(x, weight, bias):
    return nnref.linear(x, weight, None)

relu = nnref.relu
"""


@pytest.fixture
def biasless(tmp_path):
    path = tmp_path / "biasless.py"
    path.write_text(BIASLESS, encoding="utf-8")
    return str(path)


def test_a_right_target_passes(capsys):
    assert main(["check", "nnref", "--op", "relu", "--op", "linear", "--examples", "20"]) == 0
    out = capsys.readouterr().out
    assert "relu.forward" in out
    assert "nnref: ok; 4 passed of 4 rows" in out


def test_a_wrong_one_fails_with_a_line_that_reproduces_it(capsys, biasless):
    assert main(["check", biasless, "--op", "linear", "--examples", "20", "--in-process"]) == 1
    out = capsys.readouterr().out
    assert "it behaves as if the bias were ignored" in out
    line = out.split('nnref repro "')[1].split('"')[0]
    assert main(["repro", line, biasless]) == 1
    assert "expected" in capsys.readouterr().out
    assert main(["repro", line, "nnref"]) == 0
    assert main(["repro", line, biasless, "--snippet"]) == 1
    assert "import numpy as np" in capsys.readouterr().out


def test_modules_and_objects_are_targets(tmp_path, monkeypatch, capsys):
    (tmp_path / "my_layers.py").write_text("import nnref\nclass mine:\n    relu = nnref.relu\nrelu = nnref.relu\n")
    monkeypatch.chdir(tmp_path)
    for name in ("my_layers", "my_layers:mine"):
        assert main(["check", name, "--op", "relu", "--examples", "10", "--in-process"]) == 0
    capsys.readouterr()


BAD_QUESTIONS = [
    (["check", "no_such_module"], "nnref check: TARGET must be .*, got 'no_such_module' .ModuleNotFoundError"),
    (["check", "nnref:nothing"], "nnref check: TARGET must be .*AttributeError"),
    (["check", "missing.py"], "nnref check: TARGET must be a file that exists, got 'missing.py'"),
    (
        ["check", "nnref", "--op", "conv3d"],
        "nnref check: --op must be among conv2d, .*got 'conv3d'; did you mean conv2d",
    ),
    (["check", "nnref", "--examples", "0"], "nnref check: --examples must be at least 1, got 0"),
    (["check", "nnref", "--jobs", "0"], "nnref check: --jobs must be at least 1, got 0"),
    (["check", "nnref", "--time-limit", "nan"], "nnref check: --time-limit must be more than 0 and .*, got nan"),
    (["check", "nnref", "--time-limit", "0"], "nnref check: --time-limit must be more than 0 and .*, got 0"),
    (
        ["check", "--command", "true", "--time-limit", "-1"],
        "nnref check: --time-limit must be .*, got -1",
    ),
    (["check", "nnref", "--resume"], "nnref check: --json must be a file"),
    (["check", "nnref", "--deviations", "missing.toml"], "nnref check: --deviations must be a TOML file"),
    (["repro", "relu", "nnref"], "nnref repro: CASE must be a descriptor"),
    (
        ["repro", "relu.forward float32 normal contiguous seed=3 N=1 C=1 H=1 W=2", "json"],
        "nnref repro: TARGET must be ",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), BAD_QUESTIONS)
def test_a_question_without_sense_exits_with_2(capsys, arguments, message):
    import re

    assert main(arguments) == 2
    assert re.search(message, capsys.readouterr().err)


def test_reports_are_written(tmp_path, capsys):
    files = {name: tmp_path / f"report.{name}" for name in ("json", "html", "junit")}
    options = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    assert main(["check", "nnref", "--op", "relu", "--examples", "10", *options]) == 0
    assert json.loads(files["json"].read_text(encoding="utf-8"))["ok"] is True
    assert files["html"].read_text(encoding="utf-8").lstrip().lower().startswith("<!doctype html>")
    assert "<testsuite" in files["junit"].read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["check", "nnref", "--op", "relu", "--examples", "10", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True  # the table goes to standard error


def test_without_a_target_something_is_always_checked():
    command = [sys.executable, "-m", "nnref", "check", "--op", "relu", "--op", "linear", "--examples", "10"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "ok" in done.stdout
    assert not done.stderr


def test_version_and_help(capsys):
    for arguments in (["--version"], ["--help"], ["check", "--help"], ["prove", "--help"], ["repro", "--help"]):
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        assert stopped.value.code == 0
    assert "compare an implementation with the reference" in capsys.readouterr().out
