"""Whole networks fold into smaller ones that compute exactly the same on rational numbers."""

from typing import Any

import numpy as np
import pytest

from nnref import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    DepthwiseConv2d,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    StateError,
    Sum,
    ZeroPad2d,
)
from nnref.algebra import Certificate, Cost, cost_of, simplify
from nnref.arithmetic import rational, rationals

RANDOM = np.random.default_rng(5)


def numbers(*shape: int) -> Any:
    return rationals(RANDOM.integers(-6, 7, shape)) / 4


def conv(inputs: int, outputs: int, kernel: int, *, bias: bool = False, **options: Any) -> Conv2d:
    weight = numbers(outputs, inputs // options.get("groups", 1), kernel, kernel)
    return Conv2d.from_arrays(weight=weight, bias=numbers(outputs) if bias else None, options=options)


def depthwise(channels: int, **options: Any) -> DepthwiseConv2d:
    return DepthwiseConv2d.from_arrays(weight=numbers(channels, 1, 3, 3), options=options)


def norm(channels: int) -> BatchNorm2d:
    std, eps = rationals(RANDOM.integers(1, 5, channels)), rational("1/100")
    arrays = {"weight": numbers(channels), "bias": numbers(channels), "running_mean": numbers(channels)}
    return BatchNorm2d.from_arrays(**arrays, running_var=std * std - eps, options={"eps": eps}).eval()


def linear(inputs: int, outputs: int) -> Linear:
    return Linear.from_arrays(weight=numbers(outputs, inputs), bias=numbers(outputs))


def digits() -> Sequential:
    first = [conv(1, 4, 3, bias=True, padding=1), norm(4), ReLU(), MaxPool2d(2)]
    second = [ZeroPad2d(1), conv(4, 6, 3), norm(6), ReLU(), GlobalAvgPool2d(), Flatten(), linear(6, 10)]
    return Sequential(*first, *second).eval()


def repvgg_block(channels: int, groups: int = 1) -> Sum:
    three = Sequential(conv(channels, channels, 3, padding=1, groups=groups), norm(channels))
    one = Sequential(conv(channels, channels, 1, groups=groups), norm(channels))
    return Sum(three, one, norm(channels))


def repvgg() -> Sequential:
    down = Sum(Sequential(conv(2, 4, 3, padding=1, stride=2), norm(4)), Sequential(conv(2, 4, 1, stride=2), norm(4)))
    return Sequential(down, ReLU(), repvgg_block(4), ReLU(), repvgg_block(4, groups=2), ReLU()).eval()


def mobilenet() -> Sequential:
    def separable(inputs: int, outputs: int, stride: int) -> list[Layer]:
        spatial = [depthwise(inputs, padding=1, stride=stride), norm(inputs), ReLU()]
        return [*spatial, conv(inputs, outputs, 1), norm(outputs), ReLU()]

    return Sequential(Sequential(*separable(3, 4, 1)), Sequential(*separable(4, 8, 2)), GlobalAvgPool2d()).eval()


def others() -> Sequential:
    """Folds that the others lack: padding before a pool, a batch norm after a pool, a transposed convolution."""
    up = ConvTranspose2d.from_arrays(weight=numbers(2, 3, 2, 2), options={"stride": 2})
    head = [ZeroPad2d(((1, 0), (0, 1))), AvgPool2d(2, stride=1), norm(2), conv(2, 2, 2), up, norm(3)]
    return Sequential(*head, conv(3, 1, 2, bias=True), Sum(Sequential(Sequential()))).eval()


NETWORKS = (
    (digits, (2, 1, 8, 8), Cost(346, 6172), Cost(332, 5820), ["conv-batch-norm", "pad-conv", "conv-batch-norm"]),
    (repvgg, (1, 2, 6, 6), None, None, ["conv-batch-norm", "conv-batch-norm", "reparameterize"]),
    (mobilenet, (1, 3, 6, 6), None, None, ["depthwise-batch-norm", "conv-batch-norm"]),
    (others, (1, 2, 4, 4), None, None, ["pad-avg-pool", "batch-norm-conv", "conv-transpose-batch-norm"]),
)


@pytest.mark.parametrize(("build", "shape", "before", "after", "claims"), NETWORKS)
def test_folded_network_is_exactly_equal(build: Any, shape: Any, before: Any, after: Any, claims: list[str]) -> None:
    network = build()
    folded = simplify(network, shape)
    x = numbers(*shape)
    assert np.all(folded.network(x) == network(x))
    assert [step.claim for step in folded.steps][: len(claims)] == claims
    assert folded.after.parameters < folded.before.parameters
    assert folded.after.multiply_adds < folded.before.multiply_adds  # type: ignore[operator]
    assert all(isinstance(certificate, Certificate) for certificate in folded.certificates.values())
    assert not any(isinstance(layer, BatchNorm2d | ZeroPad2d | Sum) for layer in flattened(folded.network))
    if before is not None:
        assert (folded.before, folded.after) == (before, after)


def flattened(layer: Layer) -> list[Layer]:
    return [part for sub in layer for part in flattened(sub)] if isinstance(layer, Sequential) else [layer]


def test_repvgg_block_becomes_one_conv() -> None:
    folded = simplify(Sequential(repvgg_block(4)).eval(), (1, 4, 5, 5))
    assert isinstance(folded.network, Conv2d)
    assert folded.before == Cost(4 * 4 * 10 + 3 * 8, 4 * 4 * 10 * 25 + 3 * 4 * 25)
    assert folded.after == Cost(4 * 4 * 9 + 4, 4 * 4 * 9 * 25)
    assert str(folded).splitlines()[-1] == "after:  148 parameters, 3,600 multiply-adds"


def test_depthwise_and_pointwise_are_not_composed_to_something_larger() -> None:
    network = Sequential(depthwise(4), conv(4, 4, 1))
    assert simplify(network).steps == ()
    assert len(network) == 2


def test_composes_where_that_is_smaller() -> None:
    network = Sequential(conv(4, 4, 1, bias=True), conv(4, 1, 1, bias=True))
    folded = simplify(network, (1, 4, 3, 3))
    assert isinstance(folded.network, Conv2d)
    assert (folded.before, folded.after) == (Cost(25, 180), Cost(5, 36))


def test_a_bias_is_no_reason_not_to_fold() -> None:
    """The 2 + 2 parameters of the batch norm become a bias of 8, and one multiply-add per pixel is saved."""
    network = Sequential(norm(2), conv(2, 8, 3)).eval()
    folded = simplify(network, (1, 2, 4, 4))
    assert [step.claim for step in folded.steps] == ["batch-norm-conv"]
    assert folded.after == Cost(8 * 2 * 9 + 8, folded.before.multiply_adds - 2 * 16)  # type: ignore[operator]
    x = numbers(1, 2, 4, 4)
    assert np.all(folded.network(x) == network(x))


def test_batch_norms_in_a_row_become_one() -> None:
    network = Sequential(ReLU(), norm(2), norm(2), norm(2), ReLU()).eval()
    folded = simplify(network)
    assert [step.claim for step in folded.steps] == ["batch-norms-compose"] * 2
    x = numbers(1, 2, 4, 4)
    assert np.all(folded.network(x) == network(x))


@pytest.mark.parametrize("linear", [2, 3])
def test_the_linear_branches_beside_others_become_one(linear: int) -> None:
    branches = [conv(2, 2, 3, padding=1), Sequential(conv(2, 2, 1), norm(2)), Sequential()][:linear]
    network = Sequential(Sum(Sequential(norm(2), ReLU()), *branches, ReLU())).eval()
    folded = simplify(network)
    assert folded.steps[-1].claim == "reparameterize"
    assert [type(branch) for branch in folded.network] == [Conv2d, Sequential, ReLU]  # type: ignore[arg-type, attr-defined]
    x = numbers(1, 2, 4, 4)
    assert np.all(folded.network(x) == network(x))


def test_a_layer_in_two_places_stays_one() -> None:
    shared = conv(2, 2, 3, padding=1)
    network = Sequential(shared, norm(2), ReLU(), shared, norm(2), Sum(shared, conv(2, 2, 1))).eval()
    folded = simplify(network)
    assert folded.steps == ()
    assert folded.after == folded.before
    places = [layer for layer in folded.network if isinstance(layer, Conv2d)]  # type: ignore[attr-defined]
    assert places[0] is places[1] is not shared
    x = numbers(1, 2, 4, 4)
    assert np.all(folded.network(x) == network(x))


def test_padding_in_two_places_is_folded_in_both() -> None:
    pad = ZeroPad2d(1)
    network = Sequential(pad, conv(2, 2, 3), ReLU(), pad, conv(2, 2, 3))
    assert [step.claim for step in simplify(network).steps] == ["pad-conv"] * 2


def test_the_folded_network_shares_no_array_with_the_given_one() -> None:
    network = Sequential(ReLU(), norm(2), ReLU(), Sequential(conv(2, 2, 3), norm(2)), linear(2, 2)).eval()
    folded = simplify(network).network
    given = [*network.params.values(), *network.buffers.values()]
    for array in (*folded.params.values(), *folded.buffers.values()):
        assert not any(np.shares_memory(array, other) for other in given)


def test_a_fold_whose_condition_fails_is_left_alone() -> None:
    network = Sequential(ReLU(), norm(2), conv(2, 2, 3, padding=1), ReLU(), ZeroPad2d(1), MaxPool2d(2)).eval()
    folded = simplify(network)
    assert folded.steps == ()
    x = numbers(1, 2, 4, 4)
    assert np.all(folded.network(x) == network(x))


def test_cost_of_every_kind() -> None:
    up = ConvTranspose2d.from_arrays(weight=numbers(2, 3, 2, 2), options={"stride": 2})
    assert cost_of(up, (1, 2, 4, 4)) == Cost(24, 2 * 16 * 12)
    assert cost_of(linear(5, 3), (1, 5)) == Cost(18, 15)
    assert cost_of(Sum(norm(2), Sequential()), (7, 2, 3, 3)) == Cost(4, 18)
    assert cost_of(ReLU()) == Cost(0)


def test_a_depthwise_convolution_with_a_multiplier_is_not_taken_for_one_without() -> None:
    network = Sequential(
        DepthwiseConv2d.from_arrays(weight=numbers(4, 1, 2, 2)), DepthwiseConv2d.from_arrays(weight=numbers(4, 1, 2, 2))
    )
    x = numbers(1, 2, 4, 4)
    assert np.all(simplify(network, x.shape).network(x) == network(x))


def test_the_given_network_is_left_as_it_was() -> None:
    network = Sequential(conv(2, 2, 3), norm(2), ReLU()).eval()
    x = numbers(1, 2, 4, 4)
    y = network(x)
    simplify(network, (5, 2, 6, 6))
    assert network.backward(y).shape == x.shape


def test_the_folded_network_is_in_evaluation_mode() -> None:
    network = simplify(Sequential(ReLU(), Sum(ReLU(), Sequential(norm(2), ReLU()))).eval()).network
    assert not any(layer.training for layer in (network, *network, *network[1], *network[1][1]))


@pytest.mark.parametrize("network", [norm(2).train(), Sequential(ReLU(), Sum(norm(2).train()))])
def test_training_mode_is_refused(network: Layer) -> None:
    with pytest.raises(StateError, match=r"simplify: network must be in evaluation mode"):
        simplify(network)


def test_a_shared_layer_counts_once() -> None:
    one = conv(2, 2, 3)
    assert cost_of(Sequential(one, ReLU(), one)).parameters == cost_of(one).parameters
