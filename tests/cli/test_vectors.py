"""`nnref vectors` and the option --command of `nnref check` and `nnref repro`, as a user meets them."""

import json
import sys

import numpy as np
import pytest

from nnref.cli import main
from nnref.oracle import Report
from nnref.oracle.exchange.stored import read_case
from nnref.oracle.exchange.vectors import listed

RELU = "relu.forward float32 integers contiguous seed=1 N=1 C=1 H=1 W=3"

PROGRAM = """
import json, sys
import numpy as np
for line in sys.stdin:
    directory = line.rstrip("\\n")
    if directory == "operations":
        print("relu", flush=True)
        continue
    x = np.load(directory + "/x.npy", allow_pickle=False)
    np.save(directory + "/result_y.npy", FORMULA)
    print("ok", flush=True)
"""


@pytest.fixture
def command(tmp_path):
    """A function from a formula in x to a command line of a program that computes it."""

    def command(formula):
        (tmp_path / "a program.py").write_text(PROGRAM.replace("FORMULA", formula), encoding="utf-8")
        return f"{sys.executable} '{tmp_path / 'a program.py'}'"

    return command


def test_cases_are_written_and_counted(tmp_path, capsys):
    place = tmp_path / "v"
    assert main(["vectors", str(place), "--op", "relu", "--op", "linear", "--dtype", "bfloat16", "--count", "2"]) == 0
    cases = listed(place)
    assert capsys.readouterr().out == f"{place}: {len(cases)} cases\n"
    assert {path.name.rsplit(".", 1)[0] for path in cases} == {
        f"{op}.{direction}.bfloat16" for op in ("relu", "linear") for direction in ("forward", "backward")
    }


def test_results_are_judged_where_they_lie(tmp_path, capsys):
    place = tmp_path / "v"
    lines = [RELU, RELU.replace("seed=1", "seed=2"), RELU.replace("seed=1", "seed=3")]
    assert main(["vectors", str(place), *(word for line in lines for word in ("--case", line))]) == 0
    assert main(["vectors", str(place), "--judge"]) == 2
    assert "vectors: DIR must be a directory with results" in capsys.readouterr().err
    one, two, three = listed(place)
    np.save(one / "result_y.npy", np.maximum(np.load(one / "x.npy"), 0))
    assert main(["vectors", str(place), "--judge"]) == 0
    assert capsys.readouterr().out == f"{place}: 1 passed, 0 failed, 2 no result\n"
    np.save(two / "result_y.npy", np.load(two / "x.npy") - 9)
    (three / "result_y.npy").write_bytes(b"y")
    assert main(["vectors", str(place), "--judge"]) == 1
    said = capsys.readouterr().out
    assert f"{two.name} y[0, 0, 0, " in said
    assert f"{three.name} result_y.npy is not an .npy file" in said
    assert lines[1] in said
    assert said.endswith("1 passed, 2 failed, 0 no result\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--op", "matmul"], "--op must be among"),
        (["--count", "0"], "count must be at least 1"),
        (["--case", "relu"], "a descriptor"),
        (["--judge"], "an index of nnref-vectors/1"),
    ],
)
def test_a_question_without_sense_is_status_2(arguments, words, tmp_path, capsys):
    assert main(["vectors", str(tmp_path / "v"), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_failing_case_of_a_report_becomes_a_directory(tmp_path, command, capsys):
    """From a campaign to files to look at: check, vectors, repro."""
    report = tmp_path / "report.json"
    arguments = ["--command", command("abs(x)"), "--op", "relu", "--examples", "12", "--json", str(report)]
    assert main(["check", *arguments]) == 1
    assert "repro" in capsys.readouterr().out
    failure = Report.from_json(report.read_text(encoding="utf-8")).results[0].failures[0]
    assert main(["vectors", str(tmp_path / "v"), "--case", failure.descriptor]) == 0
    (place,) = listed(tmp_path / "v")
    assert str(read_case(place).case) == failure.descriptor
    capsys.readouterr()
    assert main(["repro", failure.descriptor, "--command", command("abs(x)")]) == 1
    assert failure.finding.message in capsys.readouterr().out
    assert main(["repro", failure.descriptor, "--command", command("x * (x > 0)")]) == 0


def test_a_right_program_is_status_0_with_several_jobs_too(command, capsys, tmp_path):
    for jobs in ("1", "2"):
        path = tmp_path / f"{jobs}.json"
        right = command("np.where(np.isnan(x), x, np.maximum(x, 0))")
        arguments = ["--command", right, "--op", "relu", "--examples", "30", "--jobs", jobs, "--json", str(path)]
        assert main(["check", *arguments]) == 0
    assert " ".join(capsys.readouterr().out.split()).count("ok; 1 passed, 1 not implemented of 2 rows") == 2
    one, two = (json.loads((tmp_path / f"{jobs}.json").read_text(encoding="utf-8")) for jobs in "12")
    assert [row["cases"] for row in one["results"]] == [row["cases"] for row in two["results"]]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["check", "--command", "/nowhere/kernels"], "No such file"),
        (["check", "--command", "false"], "the program died (exit status 1)"),
        (["check", "--command", "'kernels"], "check: --command must be a program and its arguments"),
        (["repro", RELU, "--command", "'kernels"], "repro: --command must be a program and its arguments"),
        (
            ["repro", RELU, "--command", "sh -c 'read line; echo tanh'"],
            "repro: TARGET must be a target with the function relu",
        ),
    ],
)
def test_a_command_that_is_no_target_is_status_2(arguments, words, capsys):
    assert main(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["check", "nnref", "--command", "true"], ["repro", RELU]])
def test_there_is_one_target(arguments, capsys):
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
    assert "--command" in capsys.readouterr().err
