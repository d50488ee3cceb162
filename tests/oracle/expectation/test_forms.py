"""Where infinities may differ between right forms of a formula, and where they may not."""

import numpy as np
import pytest

import nnref
from nnref.oracle import Declaration
from nnref.oracle.search.search import search

F = np.float32


def folded_gradients(dy, x, gamma, beta, mean, var, *, eps):
    """Of Σ dy·x and Σ dy, in inference."""
    r = 1 / np.sqrt(var + F(eps))
    d, t = dy.sum((0, 2, 3)), (dy * x).sum((0, 2, 3))
    centred = t - mean * d
    return dy * (gamma * r)[:, None, None], centred * r, d, -gamma * r * d, -gamma * centred * r**3 / 2


def folded_gradients_in_training(dy, x, gamma, beta, *, eps):
    """dx = a·dy + b·x + c."""
    n, mean = F(max(1, dy.size // dy.shape[1])), x.mean((0, 2, 3)) if len(x) else gamma * 0
    var = ((x - mean[:, None, None]) ** 2).sum((0, 2, 3)) / n
    r = 1 / np.sqrt(var + F(eps))
    d, t = dy.sum((0, 2, 3)), (dy * x).sum((0, 2, 3))
    dgamma = (t - mean * d) * r
    a, b = gamma * r, -gamma * r * r * dgamma / n
    c = -b * mean - a * d / n
    return dy * a[:, None, None] + x * b[:, None, None] + c[:, None, None], dgamma, d


def weight_gradient_by_einsum(dy, x, weight, bias):
    dx = np.einsum("nk,kc->nc", dy, weight)
    return dx, np.einsum("nk,nc->kc", dy, x), None if bias is None else np.einsum("nk->k", dy)


@pytest.mark.parametrize(
    ("function", "op"),
    [
        (folded_gradients, "batch_norm2d"),
        (folded_gradients_in_training, "batch_norm2d_train"),
        (weight_gradient_by_einsum, "linear"),
    ],
)
def test_right_forms_pass(function, op):
    row = search(function, op, "backward", modes=("special", "normal"), max_examples=60)
    assert row.status == "passed", [(f.descriptor, f.finding.message) for f in row.failures]


def infinite_for_nan(x, gamma, beta, *, eps):
    y = nnref.batch_norm2d_train(x, gamma, beta, eps=eps)
    return np.where(np.isnan(y), F(np.inf), y)


def other_infinity(value):
    def loss(x, *, target, reduction):
        y = nnref.softmax_cross_entropy(x, target=target, reduction=reduction)
        return np.where(np.isposinf(y), F(value), y)

    return loss


def infinite_gradient_for_nan(dy, x, gamma, beta, *, eps):
    dx, *others = nnref.batch_norm2d_train_backward(dy, x, gamma, beta, eps=eps)
    spoilt = np.isnan(x).any((0, 2, 3)) | np.isnan(dy).any((0, 2, 3))
    return (np.where(spoilt[:, None, None], F(np.inf), dx), *others)


def sign_of_an_infinite_gradient_turned(dy, x, gamma, beta, mean, var, *, eps):
    dx, dgamma, *others = nnref.batch_norm2d_backward(dy, x, gamma, beta, mean, var, eps=eps)
    return (dx, np.where(np.isinf(dgamma), -dgamma, dgamma), *others)


@pytest.mark.parametrize(
    ("function", "row"),
    [
        (infinite_for_nan, "batch_norm2d_train.forward"),
        (infinite_gradient_for_nan, "batch_norm2d_train.backward"),
        (sign_of_an_infinite_gradient_turned, "batch_norm2d.backward"),
        (other_infinity(-np.inf), "softmax_cross_entropy.forward"),
        (other_infinity(np.nan), "softmax_cross_entropy.forward"),
    ],
)
def test_no_other_infinity_passes(function, row):
    assert search(function, *row.split("."), modes=("special",), max_examples=60, only_first=True).failures


def one_pass(least):
    def batch_norm2d_train(x, gamma, beta, *, eps):
        if not len(x):
            return x.copy()
        mean = x.mean((0, 2, 3))
        var = np.maximum((x * x).mean((0, 2, 3)) - mean * mean, F(least))
        scale = gamma / np.sqrt(var + F(eps))
        return (x - mean[:, None, None]) * scale[:, None, None] + beta[:, None, None]

    return batch_norm2d_train


def test_a_declared_one_pass_variance_that_is_negative_is_wrong_and_one_that_is_cut_is_right():
    given = {"declares": Declaration(variance="one-pass"), "modes": ("normal", "adversarial"), "max_examples": 60}
    cut = search(one_pass(0), "batch_norm2d_train", "forward", **given)
    assert cut.status == "passed", [(f.descriptor, f.finding.message) for f in cut.failures]
    negative = search(one_pass(-np.inf), "batch_norm2d_train", "forward", only_first=True, **given)
    assert any(np.isnan(failure.finding.got) for failure in negative.failures)
