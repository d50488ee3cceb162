"""The file for a Python that cannot import nnref: old syntax, NumPy alone, and the same verdicts as in this process."""

import ast
import subprocess
import sys

import pytest

from nnref import oracle
from nnref.cli import main

KERNELS = """
import numpy as np
import serve

declares = {"nan": "any"}

def relu(x):
    print("this is no answer")
    return np.maximum(x, 0)

def relu_backward(dy, x):
    return (np.where(x > 0, dy, np.zeros_like(dy)),)

def linear(x, weight, bias):
    return x @ weight.T if bias is None else x @ weight.T + bias + bias

def linear_backward(dy, x, weight, bias):
    return dy @ weight, serve.NOT_COMPUTED, None if bias is None else dy.sum(0)

def tanh(x):
    raise NotImplementedError("no tanh")

def tanh_backward(dy, x):
    return dy

def sigmoid(x):
    x[...] = 0
    return x

def flatten(x):
    raise ValueError("two\\nlines")
"""


@pytest.fixture(scope="module")
def stub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stub")
    done = subprocess.run([sys.executable, "-m", "nnref", "serve-stub"], capture_output=True, text=True, check=True)
    (folder / "serve.py").write_text(done.stdout, encoding="utf-8")
    (folder / "old_kernels.py").write_text(KERNELS, encoding="utf-8")
    return folder


def test_the_file_has_old_syntax_and_imports_numpy_alone(stub):
    tree = ast.parse((stub / "serve.py").read_text(encoding="utf-8"), feature_version=(3, 6))
    roots = {alias.name.split(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    assert roots - set(sys.stdlib_module_names) == {"numpy", "ml_dtypes"}  # the latter only for bfloat16
    assert not any(isinstance(node, ast.ImportFrom | ast.JoinedStr) for node in ast.walk(tree))


def test_the_functions_of_a_file_are_a_program(stub):
    command = [sys.executable, str(stub / "serve.py"), str(stub / "old_kernels.py")]
    ops = ["relu", "linear", "tanh", "sigmoid", "flatten"]
    with oracle.process_target(command, time_limit=20) as target:
        assert target.declares == oracle.Declaration(nan="any")
        report = oracle.conform(target, ops, max_examples=4, modes=["one_hot"])
    rows = {row.name: row for row in report.results}
    passed = ("relu.forward", "relu.backward", "linear.backward")
    assert all(rows[name].status == "passed" for name in passed)
    assert not rows["flatten.backward"].implemented
    assert list(rows["tanh.forward"].unsupported) == ["no tanh"]
    assert "bias were added twice" in str(rows["linear.forward"].failures[0].hint)
    said = {
        name: rows[name].failures[0].finding.said for name in ("tanh.backward", "sigmoid.forward", "flatten.forward")
    }
    assert said == {
        "tanh.backward": "TypeError: tanh_backward must return a tuple (dx,), got ndarray",
        "sigmoid.forward": "sigmoid wrote into its input x",
        "flatten.forward": "ValueError: two lines",
    }


def test_a_module_and_half_precision_are_served(stub, monkeypatch):
    monkeypatch.chdir(stub)
    command = [sys.executable, "serve.py", "old_kernels"]
    with oracle.process_target(command, time_limit=20) as target:
        report = oracle.conform(target, ["relu"], ["bfloat16", "float16"], max_examples=4, modes=["one_hot"])
    assert report.counts() == {"passed": 4}


def test_the_command_prints_the_file(capsys, stub):
    assert main(["serve-stub"]) == 0
    assert capsys.readouterr().out == (stub / "serve.py").read_text(encoding="utf-8")
