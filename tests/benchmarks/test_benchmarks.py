"""The benchmarks run, in a small form, and their figures are what they say."""

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("threadpoolctl")

import nnref
from benchmarks import __main__ as command
from benchmarks import exact, layers, oracle
from benchmarks.page import page
from benchmarks.turns import take_turns
from nnref.oracle import OPERATIONS


@pytest.fixture(scope="module")
def figures():
    return command.measure(quick=True)


def test_all_rows_are_measured(figures):
    assert len(figures["layers"]) == len(layers.ROWS)
    assert all(row["milliseconds"] > 0 for row in figures["layers"].values())
    convolutions = [row for name, row in figures["layers"].items() if name.startswith("conv2d")]
    assert len(convolutions) == 8
    assert all(row["over matmul"] > 0 for row in convolutions)
    assert {name.split(".")[0] for name in figures["oracle"]["cases a second"]} >= {"conv2d", "max_pool2d", "linear"}
    assert all(rate > 0 for rate in figures["oracle"]["cases a second"].values())
    assert set(figures["exact"]) == set(exact.KINDS)
    assert {"nnref", "numpy", "python", "hypothesis"} <= set(figures["versions"])


def test_the_command_prints_what_it_wrote(figures, tmp_path, capsys):
    path = tmp_path / "figures.json"
    path.write_text(json.dumps(figures))
    command.main(["--from-json", str(path), "--markdown", "--json", str(tmp_path / "again.json")])
    assert capsys.readouterr().out == page(figures)
    assert json.loads((tmp_path / "again.json").read_text()) == figures
    command.main(["--from-json", str(path)])
    assert "| ---" not in capsys.readouterr().out


def test_the_page_in_the_documentation_has_these_tables(figures):
    """All of its text but the figures themselves; an operation may be newer than the page."""
    written = (Path(__file__).parents[2] / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    older, today = skeleton(written), skeleton(page(figures))
    newer = set(skeleton("\n".join(f"| {op} |" for op in OPERATIONS))) - set(older)
    assert older == [line for line in today if line not in newer]
    assert re.search(r"^\d{4}-\d\d-\d\d; python .*nnref .*numpy .*torch ", written, re.MULTILINE)


def skeleton(text):
    """Text and names of rows, without figures and without what depends on the frameworks installed."""
    lines = [line for line in text.splitlines() if not re.match(r"\d{4}-", line) and "as torch it takes" not in line]
    return [re.sub(r"\d+×[\d×]+|[\d.]+", "0", line.split("|")[1] if line.startswith("|") else line) for line in lines]


def test_a_ratio_says_how_many_times_as_long_the_first_one_takes():
    timing = take_turns({"slow": lambda: time.sleep(0.02), "fast": lambda: time.sleep(0.005)}, rounds=3)
    assert timing.seconds["slow"] >= 0.02
    assert timing.ratios["fast"] > 1


@pytest.mark.parametrize("row", layers.ROWS, ids=lambda row: row.name)
def test_torch_is_asked_for_the_same_thing(row, monkeypatch):
    """On whole numbers up to 4 sums are exact; other results go through at most 128 roundings of numbers up to 4."""
    pytest.importorskip("torch")
    monkeypatch.setattr(layers, "_random", lambda rng, shape: rng.integers(-4, 5, shape).astype(np.float32))
    exact = row.function.startswith(("conv2d", "depthwise", "max_pool2d", "relu"))
    small = layers.Row(row.function, (*row.x[:2], 8, 8), row.weight, row.parameters, row.options)
    ours, theirs = (layers.contenders(small)[name]() for name in ("nnref", "torch"))
    for mine, its in zip(*(r if isinstance(r, tuple) else (r,) for r in (ours, theirs)), strict=True):
        assert its.numpy().shape == mine.shape
        assert (abs(its.numpy() - mine) <= (0 if exact else 2 * 128 * 2**-24 * 4)).all()


def test_the_rate_counts_cases():
    assert oracle.median_rate({"a": 1.0, "b": 5.0, "c": 2.0}) == 2.0
    assert nnref.__version__ == command._versions()["nnref"]
