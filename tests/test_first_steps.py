"""What a new user gets wrong at first, and what the message then says to do."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import nnref
from nnref import DTypeError, OptionError, ShapeError, StateError, oracle
from nnref.arithmetic.polynomial import variables
from nnref.cli import main

X = np.ones((1, 2, 6, 6), np.float32)
NHWC = np.ones((1, 6, 6, 2), np.float32)
ONE = np.ones(2, np.float32)


def weight(*shape):
    return np.ones(shape, np.float32)


STEPS = [
    (lambda: nnref.max_pool2d(X, 2), TypeError, "options are given by keyword, such as kernel_size=2"),
    (lambda: nnref.conv2d(X, weight(3, 2, 3, 3), None, pad=1), TypeError, r"did you mean padding\?"),
    (lambda: nnref.Sequential([nnref.ReLU()]), OptionError, r"one by one, as in Sequential\(\*layers\), got list"),
    (lambda: nnref.Sum((nnref.ReLU(),)), OptionError, r"one by one, as in Sum\(\*layers\), got tuple"),
    (lambda: nnref.Sequential(nnref.ReLU), OptionError, r"got the class ReLU; to make one: ReLU\(…\)"),
    (lambda: nnref.conv2d(NHWC, weight(3, 2, 3, 3), None), ShapeError, r"x looks like \(N, H, W, C\)"),
    (lambda: nnref.depthwise_conv2d(NHWC, weight(2, 1, 3, 3), None), ShapeError, r"x looks like \(N, H, W, C\)"),
    (lambda: nnref.conv_transpose2d(NHWC, weight(2, 3, 3, 3), None), ShapeError, r"x looks like \(N, H, W, C\)"),
    (lambda: nnref.batch_norm2d(NHWC, ONE, ONE, ONE, ONE), ShapeError, r"x looks like \(N, H, W, C\)"),
    (lambda: nnref.batch_norm2d_train(NHWC, ONE, ONE), ShapeError, r"x looks like \(N, H, W, C\)"),
    (lambda: oracle.check("relu"), OptionError, "forward or backward must be a function, .* got neither"),
    (lambda: oracle.check("relu", forward="mine"), OptionError, "forward must be a function, got 'mine'"),
    (lambda: oracle.check("conv", forward=abs), OptionError, r"did you mean conv2d\?"),
    (lambda: oracle.check("relu", forward=abs, dtype="f32"), OptionError, r"did you mean float32\?"),
    (lambda: oracle.check("network", backward=abs), OptionError, "backward must be left out, because network has none"),
    (lambda: oracle.conform("nnref", "relu"), OptionError, r"several names, such as \['relu'\]"),
    (
        lambda: oracle.check("relu", backward=lambda dy, x: dy * (x > 0)),
        oracle.Disagreement,
        r"relu_backward must return a tuple \(dx,\), got ndarray",
    ),
    (
        lambda: nnref.batch_norm2d(variables("x", (1, 1, 1, 2)), *(variables(n, (1,)) for n in "abcd")),
        DTypeError,
        "got Polynomial; normalize2d takes",
    ),
]


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_first_step_that_is_wrong_says_what_to_do(step):
    call, error, message = STEPS[step]
    with pytest.raises(error, match=message):
        call()


def test_an_image_that_fits_neither_way_is_not_guessed_at():
    with pytest.raises(ShapeError, match=r"got shape \(3, 5, 3, 3\)$"):
        nnref.conv2d(X, weight(3, 5, 3, 3), None)


def test_a_parameter_that_a_layer_does_not_have_is_refused():
    layer = nnref.Conv2d(2, 3, 3)
    with pytest.raises(StateError, match=r"name must be one of weight, bias, got 'wieght'; did you mean weight\?"):
        layer.params["wieght"] = X
    with pytest.raises(KeyError):
        nnref.Sequential(layer).params["0.wieght"] = X
    layer.params["weight"] = weight(3, 2, 3, 3)
    assert layer(X).shape == (1, 3, 4, 4)


def test_a_layer_is_copied_with_its_rules():
    import copy

    layer = nnref.Conv2d(2, 3, 3)
    for again in (copy.deepcopy(layer), copy.copy(layer), pickle.loads(pickle.dumps(layer))):
        assert np.array_equal(again(X), layer(X))
        with pytest.raises(StateError):
            again.params["wieght"] = X


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "broken.py"], "TARGET must be a file that Python can load, got 'broken.py' (SyntaxError: "),
        (["check", "late.py"], "No module named 'no_such_thing' (late.py, line 2)"),
        (["check", "nnref", "--op", "conv"], "did you mean conv2d?"),
        (["check", "nnref", "--seconds", "0"], "nnref check: --seconds must be more than 0"),
        (["repro", "relu", "nnref"], "nnref repro: CASE must be a descriptor"),
    ],
)
def test_a_command_names_its_own_arguments(arguments, message, tmp_path, monkeypatch, capsys):
    (tmp_path / "broken.py").write_text("def relu(x:\n    return x\n", encoding="utf-8")
    (tmp_path / "late.py").write_text("import numpy\nimport no_such_thing\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert message in capsys.readouterr().err


def test_the_oracle_without_its_extra_names_it():
    source = (
        "import sys, importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'hypothesis' else find(name, *rest)\n"
        "from nnref import oracle\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60)
    assert "nnref.oracle needs hypothesis. To install it, type: python -m pip install -e '.[oracle]'" in done.stderr
