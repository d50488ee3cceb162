"""`check` and `conform` as a user meets them."""

import types

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.cli import main
from nnref.errors import OptionError
from nnref.oracle.search.shrink import elements


def flipped(x, weight, bias, **options):
    return nnref.conv2d(x, weight[:, :, ::-1, ::-1], bias, **options)


def test_right_functions_pass_and_margins_are_reported():
    forward, backward = oracle.check("conv2d", forward=nnref.conv2d, backward=nnref.conv2d_backward, max_examples=60)
    assert (forward.status, backward.status) == ("passed", "passed")
    assert 0 < forward.median_margin <= forward.max_margin < 1
    assert forward.cases > 900  # every small geometry is part of it


def test_a_disagreement_tells_all():
    with pytest.raises(oracle.Disagreement) as caught:
        oracle.check("conv2d", forward=flipped, max_examples=30)
    failure = caught.value
    assert isinstance(failure, AssertionError)
    assert failure.case == oracle.parse(failure.descriptor)
    assert elements(failure.case) <= 4
    assert failure.expected["y"].shape == failure.got["y"].shape == failure.bound["y"].shape
    assert (np.abs(failure.got["y"] - failure.expected["y"]) > failure.bound["y"]).any()
    assert failure.margin > 1
    assert "flipped" in failure.hint
    assert failure.hint in str(failure)


def test_the_snippet_runs_without_nnref_and_fails_on_the_function():
    with pytest.raises(oracle.Disagreement) as caught:
        oracle.check("conv2d", forward=flipped, max_examples=30)
    source = caught.value.snippet
    assert "nnref" not in source
    head = "from your_package import conv2d  # the function under test\n"
    assert head in source
    with pytest.raises(AssertionError):
        exec(source.replace(head, ""), {"conv2d": flipped})
    exec(source.replace(head, ""), {"conv2d": nnref.conv2d})


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_every_dtype(dtype):
    (result,) = oracle.check("batch_norm2d", forward=nnref.batch_norm2d, dtype=dtype, max_examples=30)
    assert (result.dtype, result.status) == (dtype, "passed")
    assert 0 < result.max_margin < 1


def test_the_same_seed_finds_the_same():
    lines = set()
    for _ in range(2):
        with pytest.raises(oracle.Disagreement) as caught:
            oracle.check("conv2d", forward=flipped, max_examples=30, seed=5)
        lines.add(caught.value.descriptor)
    assert len(lines) == 1


BAD_QUESTIONS = [
    ({"op": "conv3d", "forward": flipped}, "check: op must be one of conv2d, .*, got 'conv3d'"),
    ({"op": "conv2d", "forward": flipped, "dtype": "int8"}, "check: dtype must be one of float16, .*, got 'int8'"),
    ({"op": "conv2d"}, "check: forward or backward must be a function, as in forward=my_function, got neither"),
    ({"op": "fold_conv_batch_norm", "backward": flipped}, "check: backward must be left out, because fold_.* has none"),
]


@pytest.mark.parametrize(("question", "message"), BAD_QUESTIONS)
def test_a_question_without_sense_is_refused(question, message):
    question = dict(question)
    with pytest.raises(OptionError, match=message):
        oracle.check(question.pop("op"), **question)


def test_check_inside_a_test_of_hypothesis():
    from hypothesis import HealthCheck, given, settings
    from hypothesis import strategies as st

    @settings(max_examples=2, suppress_health_check=list(HealthCheck), deadline=None, database=None)
    @given(st.just(nnref.relu))
    def run(function):
        oracle.check("relu", forward=function, max_examples=10)

    run()


def test_the_public_strategy_serves_other_tests():
    from hypothesis import given, settings

    @settings(max_examples=20, deadline=None, database=None)
    @given(oracle.cases("max_pool2d", direction="forward", modes=("integers",)))
    def run(case):
        arrays, options = oracle.arrays_of(case)
        assert nnref.max_pool2d(arrays["x"], **options).shape == case.operation.output(case.geometry)

    run()


def test_declarations_turn_findings_into_passes():
    """Those of the other algorithms, in the cases that show them: tests/oracle/expectation/test_declaration.py."""

    def nan_dropped(x):
        return np.maximum(np.nan_to_num(x, nan=0.0, posinf=np.inf, neginf=-np.inf), 0)

    def sigmoid_form(x):
        return 2 * nnref.sigmoid(2 * x) - 1

    def flushed(x):
        return np.where(np.abs(x) < 2.0**-126, np.float32(0), nnref.relu(x))

    rows = [
        ("relu", nan_dropped, {"nan": "any"}),
        ("tanh", sigmoid_form, {"tanh": "sigmoid"}),
        ("relu", flushed, {"subnormals": "flushed"}),
    ]
    for op, function, declared in rows:
        with pytest.raises(oracle.Disagreement):
            oracle.check(op, forward=function)
        (result,) = oracle.check(op, forward=function, declares=oracle.Declaration(**declared))
        assert result.status == "passed"


def test_a_target_is_any_subset_and_says_what_it_lacks():
    def unsupported(x):
        raise oracle.Unsupported("no tanh in hardware")

    target = types.SimpleNamespace(relu=nnref.relu, tanh=unsupported, declares=oracle.Declaration())
    report = oracle.conform(target, ops=["relu", "tanh", "sigmoid"], max_examples=20)
    assert {r.name: r.status for r in report.results} == {
        "relu.forward": "passed",
        "relu.backward": "not implemented",
        "tanh.forward": "unsupported",
        "tanh.backward": "not implemented",
        "sigmoid.forward": "not implemented",
        "sigmoid.backward": "not implemented",
    }
    assert report.ok
    assert dict(report.results[2].unsupported) == {"no tanh in hardware": report.results[2].unsupported.total()}


def test_what_a_target_declares_of_itself_holds_and_is_reported():
    def absolute(x):
        return 2 * nnref.sigmoid(2 * x) - 1

    target = types.SimpleNamespace(tanh=absolute, declares=oracle.Declaration(tanh="sigmoid"))
    report = oracle.conform(target, ops=["tanh"], max_examples=60)
    assert report.ok
    assert report.results[0].notes == {"the target declares tanh=sigmoid"}


def test_a_gradient_that_is_not_offered_is_no_failure():
    def backward(dy, x, gamma, beta, mean, var, *, eps):
        gradients = nnref.batch_norm2d_backward(dy, x, gamma, beta, mean, var, eps=eps)
        return *gradients[:3], oracle.NOT_COMPUTED, oracle.NOT_COMPUTED

    (result,) = oracle.check("batch_norm2d", backward=backward, max_examples=60)
    assert result.status == "passed"


def test_nothing_judged_is_not_ok():
    assert not oracle.conform(types.SimpleNamespace(), max_examples=5).ok


def test_bits_that_differ_between_two_calls_are_noted_and_fail_nothing():
    generator = np.random.default_rng(0)

    def restless(x, weight, bias):
        order = generator.permutation(x.shape[1])
        return nnref.linear(x[:, order].astype(x.dtype), weight[:, order], bias)

    (result,) = oracle.check("linear", forward=restless)
    assert result.status == "passed"
    assert result.notes == {"two calls with the same arguments gave different bits"}


def test_a_function_that_computes_nothing_is_wrong():
    with pytest.raises(oracle.Disagreement, match="relu must return one of"):
        oracle.check("relu", forward=lambda x: oracle.NOT_COMPUTED)


@pytest.mark.parametrize("target", ["", "leaves.py"])
def test_a_target_that_cannot_be_loaded_is_refused(target, tmp_path, monkeypatch, capsys):
    (tmp_path / "leaves.py").write_text("import sys; sys.exit(0)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["check", target, "--op", "relu"]) == 2
    assert "nnref check: TARGET must be" in capsys.readouterr().err
