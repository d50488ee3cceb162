"""The examples run, and do what they say."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from nnref import BatchNorm2d
from nnref.algebra import simplify

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def digits(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield importlib.import_module("digits")
    for name in ("digits", "digits_plots"):
        sys.modules.pop(name, None)


def test_digits_quick(digits, capsys):
    """Three epochs: not finished, and yet far from guessing, which is right once in ten."""
    assert digits.main(["--quick"]) > 0.8
    said = capsys.readouterr().out
    assert "100% of predictions are the same" in said
    assert "after:  56,394 parameters, 903,808 multiply-adds" in said


def test_the_figures_are_written(digits, tmp_path):
    pytest.importorskip("matplotlib")
    plots = importlib.import_module("digits_plots")
    kernels = np.random.default_rng(0).normal(size=(32, 1, 3, 3))
    plots.save_all(tmp_path / "new", [2.0, 1.0] * 50, kernels, 2 * kernels, {"tanh": [0.1, 0.2]})
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"loss.png", "kernels.png", "gradients.png"}


def test_the_fold_leaves_no_batch_norm(digits):
    """That it keeps the function, exactly and within float32's bound: tests/algebra/test_simplify_float32.py."""
    network = digits.build(np.random.default_rng(0)).eval()
    merged = simplify(network).network
    assert len(merged) == len(network) - 3
    assert not any(isinstance(layer, BatchNorm2d) for layer in merged)


def test_gradients_vanish_under_sigmoid_and_not_under_relu(digits):
    """Through six layers sigmoids shrink a gradient 4^6-fold and more, ReLUs with weights to match hardly at all.

    The first layer is left out: it has one input channel where the others have sixteen.
    """
    data = digits.load(np.random.default_rng(0))
    _, second, *_, last = digits.gradient_norms("sigmoid", data, np.random.default_rng(1))
    assert last / second > 4**6
    _, second, *_, last = digits.gradient_norms("ReLU", data, np.random.default_rng(1))
    assert last / second < 4
