"""Seeded bugs in backward functions: the gradient claim of the layer refutes each by a small counterexample."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnref
from nnref.algebra import Refutation, claims, prove
from nnref.algebra.claims import gradients

Arrays = tuple[Any, ...]


def swapped_strides(dy: Any, x: Any, weight: Any, bias: Any = None, **options: Any) -> Arrays:
    flipped = nnref.conv2d_backward(dy, x, weight[..., ::-1, ::-1], bias, **options)
    return flipped[0], flipped[1][..., ::-1, ::-1], flipped[2]


def bias_from_one_sample(dy: Any, x: Any, weight: Any, bias: Any = None, **options: Any) -> Arrays:
    dx, dweight, _ = nnref.conv2d_backward(dy, x, weight, bias, **options)
    return dx, dweight, None if bias is None else dy[0].sum(axis=(1, 2))


def statistics_held_fixed(dy: Any, x: Any, gamma: Any, beta: Any, *, eps: Any) -> Arrays:
    _, dgamma, dbeta = nnref.batch_norm2d_train_backward(dy, x, gamma, beta, eps=eps)
    mean, var = nnref.batch_statistics(x)
    return nnref.batch_norm2d_backward(dy, x, gamma, beta, mean, var, eps=eps)[0], dgamma, dbeta


def to_the_smallest(dy: Any, x: Any, **options: Any) -> Arrays:
    return nnref.max_pool2d_backward(dy, -x, **options)


def through_the_negative(dy: Any, x: Any) -> Arrays:
    return (dy,)


def counted_with_padding(dy: Any, x: Any, **options: Any) -> Arrays:
    return nnref.avg_pool2d_backward(dy, x, **options | {"count_include_pad": True})


def slope_of_sigma_alone(dy: Any, x: Any) -> Arrays:
    return (dy * nnref.sigmoid(x),)


def without_the_one_hot(dy: Any, x: Any, **options: Any) -> Arrays:
    e = np.exp(x)
    return (dy * e / e.sum(axis=1, keepdims=True) / len(x),)


BUGS = (
    ("conv2d-gradient", nnref.conv2d, swapped_strides),
    ("conv2d-gradient", nnref.conv2d, bias_from_one_sample),
    ("max-pool2d-gradient", nnref.max_pool2d, to_the_smallest),
    ("relu-gradient", nnref.relu, through_the_negative),
    ("avg-pool2d-gradient", nnref.avg_pool2d, counted_with_padding),
    ("sigmoid-gradient", nnref.sigmoid, slope_of_sigma_alone),
    ("batch-norm2d-train-gradient", nnref.batch_norm2d_train, statistics_held_fixed),
    ("softmax-cross-entropy-gradient", nnref.softmax_cross_entropy, without_the_one_hot),
)


@pytest.mark.parametrize(("name", "forward", "bug"), BUGS, ids=[bug.__name__ for *_, bug in BUGS])
def test_is_refuted(name: str, forward: Callable[..., Any], bug: Callable[..., Arrays]) -> None:
    def arguments(given: Any, **case: Any) -> tuple[Any, ...]:
        _, _, *rest = claims[name].arguments(given, **case)
        return forward, bug, *rest

    outcome = prove(dataclasses.replace(claims[name], arguments=arguments))
    assert isinstance(outcome, Refutation)
    assert outcome.left != outcome.right
    assert "x" in outcome.witness


def test_a_counterexample_to_a_gradient_lies_off_the_kinks() -> None:
    wrong = dataclasses.replace(
        claims["relu-gradient"], arguments=gradients._arguments(nnref.relu, through_the_negative)
    )
    outcome = prove(wrong, {"x": (1, 2)})
    assert isinstance(outcome, Refutation)
    assert outcome.witness == {"x": [["-1", "2"]], "dy": [["1", "1"]]}
    assert (outcome.left, outcome.right) == (["0", "1"], ["1", "1"])
