"""Conventions: every answer passes and is named, what is none of them fails, and a pinned one alone is right."""

from collections import Counter
from dataclasses import fields
from itertools import chain
from math import inf, nan
from pathlib import Path

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.oracle import Declaration, Unsupported
from nnref.oracle.cases.enumerated import enumerated
from nnref.oracle.operations import CONVENTIONS, OPERATIONS, open_shapes
from nnref.oracle.report.telling import told_conventions
from nnref.oracle.search import tester
from nnref.oracle.search.search import search
from nnref.oracle.verdict.row import Result
from nnref.windows import Windows
from tests.bugs.registry import run_script

DOCS = Path(__file__).parents[3] / "docs" / "oracle.md"
LOWEST = float(np.finfo(np.float32).min)
CASES = 24  # of each convention


def windows_of(x, kernel_size, stride, padding, ceil_mode, dilation=1, **others):
    return Windows.plan("test", x.shape, kernel_size, stride, padding, dilation, ceil_mode)


def mean_of_none(value):
    def avg_pool2d(x, **options):
        y = nnref.avg_pool2d(x, **options)
        none = windows_of(x, **options).count_taps(False) == 0
        return np.where(none & (not options["count_include_pad"]), y.dtype.type(value), y)

    return avg_pool2d


def maximum_of_none(value):
    def max_pool2d(x, **options):
        y = nnref.max_pool2d(x, **options)
        return np.where(windows_of(x, **options).count_taps(False) == 0, y.dtype.type(value), y)

    return max_pool2d


def windows_by(answer, pool, beyond):
    def sized(x, **options):
        y, shape = pool(x, **options), open_shapes(x.shape, options).get(answer)
        if shape is None:
            return y
        whole = np.full(shape, beyond, y.dtype)
        rows, columns = (min(a, b) for a, b in zip(shape[2:], y.shape[2:], strict=True))
        whole[:, :, :rows, :columns] = y[:, :, :rows, :columns]
        return whole

    return sized


def relu_at_nan(value):
    def relu_backward(dy, x):
        (dx,) = nnref.relu_backward(dy, x)
        return (dx if value is None else np.where(np.isnan(x), dx.dtype.type(value), dx),)

    return relu_backward


def log_sum_exp(x):
    """Of every row, with a largest logit that is not finite taken for 0, as jax.nn.logsumexp does."""
    largest = x.max(axis=1, keepdims=True)
    largest = np.where(np.isfinite(largest), largest, 0)
    return (np.log(np.exp(x - largest).sum(axis=1, keepdims=True)) + largest).astype(x.dtype)


def loss_of_infinity(x, *, target, reduction):
    if not np.isinf(x).any():
        return nnref.softmax_cross_entropy(x, target=target, reduction=reduction)
    losses = log_sum_exp(x)[:, 0] - x[np.arange(len(x)), target]
    return losses.sum() if reduction == "sum" else losses.mean()


def loss_gradient(probabilities):
    def backward(dy, x, *, target, reduction):
        (dx,) = nnref.softmax_cross_entropy_backward(dy, x, target=target, reduction=reduction)
        rows = (x == inf).any(axis=1, keepdims=True) & ~np.isnan(x).any(axis=1, keepdims=True)
        one_hot = np.eye(x.shape[1], dtype=x.dtype)[target]
        scale = dy / x.dtype.type(len(x) if reduction == "mean" else 1)
        return (np.where(rows, (probabilities(x).astype(x.dtype) - one_hot) * scale, dx),)

    return backward


def limit(x):
    infinite = x == inf
    return infinite / np.maximum(infinite.sum(axis=1, keepdims=True), 1)


def gradient_of_none(value):
    def backward(dy, x, *parameters, eps):
        gradients = nnref.batch_norm2d_backward(dy, x, *parameters, eps=eps)
        if len(x):
            return gradients
        is_nan, given = [np.isnan(parameter) for parameter in parameters], list(gradients)
        for position, factors in {1: (2, 3), 3: (0, 3), 4: (0, 2, 3)}.items():
            spoilt = np.any([is_nan[factor] for factor in factors], axis=0)
            given[position] = np.where(spoilt, x.dtype.type(value), given[position])
        return tuple(given)

    return backward


def refusing(error):
    def relu(x):
        if not len(x):
            raise error
        return nnref.relu(x)

    return relu


POOLS = {"avg_pool2d": (nnref.avg_pool2d, 0.0), "max_pool2d": (nnref.max_pool2d, -inf)}
SHAPES = CONVENTIONS["windows_in_padding"].answers
ANSWERS = [  # convention, answer, row, target
    *(("mean_of_no_pixel", a, "avg_pool2d.forward", mean_of_none(v)) for a, v in {"0": 0, "nan": nan}.items()),
    *(
        ("maximum_of_no_pixel", a, "max_pool2d.forward", maximum_of_none(v))
        for a, v in {"-inf": -inf, "lowest": LOWEST, "0": 0, "nan": nan}.items()
    ),
    *(("windows_in_padding", a, f"{op}.forward", windows_by(a, *how)) for op, how in POOLS.items() for a in SHAPES),
    *(("relu_at_nan", a, "relu.backward", relu_at_nan(v)) for a, v in {"dy": None, "0": 0, "nan": nan}.items()),
    ("loss_at_infinity", "nan", "softmax_cross_entropy.forward", nnref.softmax_cross_entropy),
    ("loss_at_infinity", "inf", "softmax_cross_entropy.forward", loss_of_infinity),
    *(
        ("loss_gradient_at_infinity", a, "softmax_cross_entropy.backward", loss_gradient(p))
        for a, p in {
            "nan": lambda x: np.full_like(x, nan),
            "limit": limit,
            "nan at infinity": lambda x: np.exp(x - log_sum_exp(x)),
        }.items()
    ),
    *(("gradient_of_no_sample", a, "batch_norm2d.backward", gradient_of_none(float(a))) for a in ("0", "nan")),
    ("empty_batch", "computed", "relu.forward", nnref.relu),
    ("empty_batch", "refused", "relu.forward", refusing(ValueError("no sample"))),
    ("empty_batch", "refused", "relu.forward", refusing(Unsupported("no sample"))),
]
WRONG = [  # answers that no convention has
    ("mean_of_no_pixel", "avg_pool2d.forward", mean_of_none(inf)),
    ("maximum_of_no_pixel", "max_pool2d.forward", maximum_of_none(1)),
    ("windows_in_padding", "max_pool2d.forward", windows_by("all", nnref.max_pool2d, 3.0)),
    ("relu_at_nan", "relu.backward", relu_at_nan(1000)),
    ("loss_at_infinity", "softmax_cross_entropy.forward", lambda x, **o: -loss_of_infinity(x, **o)),
    ("loss_gradient_at_infinity", "softmax_cross_entropy.backward", loss_gradient(lambda x: np.full_like(x, 0.75))),
    ("gradient_of_no_sample", "batch_norm2d.backward", gradient_of_none(inf)),
]
KEPT = {}


def cases_of(convention, row):
    """Cases of every run, and of an empty batch with special parameters, at which the convention is concerned."""
    if (convention, row) not in KEPT:
        op, direction = row.split(".")
        operation, right = (
            OPERATIONS[op],
            tester.Tester(getattr(nnref, op if direction == "forward" else f"{op}_backward")),
        )
        all_cases = enumerated(operation, direction, "float32", ("integers", "special"))
        empty = (
            oracle.parse(f"batch_norm2d.backward float32 special:parameter contiguous seed={s} N=0 C=1 H=1 W=1 eps=0")
            for s in range(9 * (op == "batch_norm2d"))
        )
        found = []
        for case in chain(empty, all_cases):
            if convention in {seen.convention for seen in right.verdict(case).observed}:
                found.append(case)
            if len(found) == CASES:
                break
        KEPT[convention, row] = found
    return KEPT[convention, row]


def verdicts(function, convention, row, **pins):
    judge = tester.Tester(function, Declaration(**pins))
    return [judge.verdict(case) for case in cases_of(convention, row)]


def test_every_convention_has_an_attribute_of_a_declaration_and_all_of_its_answers_are_tried():
    assert CONVENTIONS.keys() <= {field.name for field in fields(Declaration)}
    tried = {(convention, answer) for convention, answer, *_ in ANSWERS}
    assert tried == {(c.name, answer) for c in CONVENTIONS.values() for answer in c.answers}


@pytest.mark.parametrize(("convention", "answer", "row", "function"), ANSWERS, ids=[f"{a[0]}-{a[1]}" for a in ANSWERS])
def test_each_answer_passes_is_named_and_can_be_pinned(convention, answer, row, function):
    found = verdicts(function, convention, row)
    assert found
    assert [v.finding for v in found] == [None] * len(found)
    row_of = Result(*row.split("."), "float32")
    for observed in (o for v in found for o in v.observed if o.convention == convention):
        row_of.observe(observed)
    assert row_of.answers(convention)[0] == [answer]
    assert all(v.finding is None for v in verdicts(function, convention, row, **{convention: answer}))
    others = set(CONVENTIONS[convention].answers) - {answer}
    for other in others:
        assert any(v.finding for v in verdicts(function, convention, row, **{convention: other})), other


def test_the_documentation_lists_every_convention_and_answer():
    rows = [line for line in DOCS.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    for convention in CONVENTIONS.values():
        (row,) = [line for line in rows if line.startswith(f"| `{convention.name}`")]
        assert all(answer in row for answer in convention.answers)


@pytest.mark.parametrize(("convention", "row", "function"), WRONG, ids=[wrong[0] for wrong in WRONG])
def test_what_is_none_of_the_answers_fails(convention, row, function):
    assert any(v.finding for v in verdicts(function, convention, row))


def test_a_script_of_a_wrong_answer_fails_for_it_and_passes_for_a_right_one():
    with pytest.raises(oracle.Disagreement) as caught:
        oracle.check("relu", backward=relu_at_nan(1000), max_examples=12)
    with pytest.raises(AssertionError):
        run_script(caught.value.snippet, relu_at_nan(1000))
    run_script(caught.value.snippet, nnref.relu_backward)


def test_a_row_says_which_answers_it_met_and_two_if_there_are_two():
    def two_ways(dy, x):
        return relu_at_nan(0 if np.isnan(x).sum() > 1 else None)(dy, x)

    row = search(two_ways, "relu", "backward", max_examples=12)
    assert row.status == "passed"
    assert sorted(row.answers("relu_at_nan")[0]) == ["0", "dy"]
    assert row.answers("relu_at_nan")[1] == ["dy"]
    assert Result.from_dict(row.to_dict()).conventions == row.conventions
    assert len(list(told_conventions(row, differing=True))) == 1
    assert "refused" not in row.answers("empty_batch")[0]


def test_a_refused_empty_batch_is_no_refused_case_and_a_wrong_one_fails():
    row = search(refusing(Unsupported("no sample")), "relu", "forward", max_examples=12)
    assert (row.status, row.unsupported, row.share) == ("passed", {}, 1)
    assert row.answers("empty_batch") == (["refused"], ["computed"])

    def one_sample(x):
        return nnref.relu(x if len(x) else np.zeros((1, *x.shape[1:]), x.dtype))

    assert [f.finding.kind for f in search(one_sample, "relu", "forward", max_examples=12).failures] == ["shape"]


def test_what_refuses_a_sample_too_refuses_no_empty_batch():
    def relu(x):
        if x.shape[1] > 1:
            raise Unsupported("several channels")
        return nnref.relu(x)

    case = oracle.parse("relu.forward float32 normal contiguous seed=0 N=0 C=2 H=1 W=1")
    assert isinstance(tester.Tester(relu).verdict(case), str)


def test_a_gradient_for_more_windows_than_a_target_has_is_not_judged():
    line = "max_pool2d.backward float32 integers contiguous seed=0 N=1 C=1 H=1 W=1 kernel=1,1 stride=1,1"
    case = oracle.parse(f"{line} padding=0,2,0,0 dilation=1,1 ceil_mode=1")

    def fewer(dy, x, **options):
        raise ValueError("dy has too many rows")

    assert tester.Tester(fewer).verdict(case).finding is None
    assert tester.Tester(fewer, Declaration(windows_in_padding="kept")).verdict(case).finding.kind == "exception"
    assert tester.Tester(nnref.max_pool2d_backward).verdict(case).judged == 1


def test_a_second_call_that_is_wrong_is_found():
    calls = Counter()

    def relu(x):
        calls[x.shape] += 1
        return nnref.relu(x) + x.dtype.type(calls[x.shape] == 3)

    row = search(relu, "relu", "forward", max_examples=4, modes=("normal",))
    assert row.status == "failed"
