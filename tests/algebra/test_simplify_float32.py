"""`simplify` on realistic networks: the same function on rational numbers, and the same within the bound in float32.

The weights of a float32 network are used as the exact rational numbers that they are. A batch norm on rational numbers
needs a rational root, so σ² is replaced by r⁻² − ε, where r is the float32 number nearest to 1/√(σ² + ε). This changes
σ² + ε by a few roundings, and all numbers stay binary fractions. The float32 runs use the original σ².
"""

from fractions import Fraction

import numpy as np
import pytest

from nnref import (
    BatchNorm2d,
    Conv2d,
    DepthwiseConv2d,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sum,
)
from nnref.algebra import Cost, simplify
from nnref.arithmetic import rational, rationals
from nnref.bounds.network import network as bound_of
from nnref.oracle import Declaration

FLOAT32 = Declaration().precision("float32")


def changed(layer: Layer, change) -> Layer:
    """The network, with `change` applied to every layer."""
    if isinstance(layer, Sequential | Sum):
        return type(layer)(*(changed(part, change) for part in layer)).eval()
    return change(layer).eval()


def with_arrays(layer: Layer, convert) -> Layer:
    arrays = {name: convert(array) for name, array in (layer.params | layer.buffers).items() if array.ndim}
    return type(layer).from_arrays(**arrays, options=layer.options)


def in_float64(layer: Layer) -> Layer:
    return with_arrays(layer, lambda array: array.astype(np.float64))


def exactly(layer: Layer) -> Layer:
    """The layer on rational numbers; the module docstring explains the batch norm."""
    exact = with_arrays(layer, rationals)
    if isinstance(layer, BatchNorm2d):
        eps = rational(Fraction(layer.options["eps"]))
        r = rationals(1 / np.sqrt(layer.buffers["running_var"] + np.float32(eps)))
        arrays = exact.params | exact.buffers | {"running_var": 1 / (r * r) - eps}
        exact = type(layer).from_arrays(**arrays, options=layer.options | {"eps": eps})
    return exact


def used(network: Layer, shape: tuple[int, ...]) -> Layer:
    """The network with batch norms that are no longer at 0 and 1, as after a few steps of training."""
    rng = np.random.default_rng(0)
    network.train()
    for _ in range(20):
        network(rng.normal(1, 2, (8, *shape[1:])).astype(np.float32))
    for name, parameter in network.params.items():
        if name.endswith(("weight", "bias")) and parameter.ndim == 1:
            parameter += rng.normal(0, 0.3, parameter.shape).astype(np.float32)
    return network.eval()


def rep_vgg_block(channels: int, seed: int) -> Sum:
    three, one = (
        Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False, rng=seed + kernel) for kernel in (3, 1)
    )
    return Sum(Sequential(three, BatchNorm2d(channels)), Sequential(one, BatchNorm2d(channels)), BatchNorm2d(channels))


def rep_vgg() -> Sequential:
    return Sequential(rep_vgg_block(4, 0), ReLU(), rep_vgg_block(4, 10), ReLU(), rep_vgg_block(4, 20), ReLU())


def mobile_net() -> Sequential:
    layers: list[Layer] = []
    for inputs, outputs, stride in ((3, 6, 1), (6, 8, 2)):
        layers += [DepthwiseConv2d(inputs, 3, stride=stride, padding=1, bias=False, rng=inputs), BatchNorm2d(inputs)]
        layers += [ReLU(), Conv2d(inputs, outputs, 1, bias=False, rng=outputs), BatchNorm2d(outputs), ReLU()]
    return Sequential(*layers, GlobalAvgPool2d(), Flatten(), Linear(8, 5, rng=3))


def digits() -> Sequential:
    """The network of examples/digits.py, which tests/test_examples.py trains and folds."""

    def block(inputs: int, outputs: int) -> list[Layer]:
        return [Conv2d(inputs, outputs, 3, padding=1, rng=outputs), BatchNorm2d(outputs), ReLU()]

    head = [GlobalAvgPool2d(), Flatten(), Linear(64, 10, rng=0)]
    return Sequential(*block(1, 32), MaxPool2d(2), *block(32, 64), *block(64, 64), *head)


NETWORKS = {
    # the parameters include γ and β, and the multiply-adds include one per pixel of a batch norm
    "digits": (digits, (1, 1, 8, 8), Cost(56714, 907904), Cost(56394, 903808)),
    "rep-vgg": (rep_vgg, (1, 4, 6, 6), Cost(552, 18576), Cost(444, 15552)),
    "mobile-net": (mobile_net, (1, 3, 6, 6), Cost(238, 3028), Cost(215, 2578)),
}


@pytest.fixture(params=NETWORKS)
def case(request):
    """(name, network, images)."""
    build, shape, *_ = NETWORKS[request.param]
    images = np.random.default_rng(1).normal(1, 2, (64, *shape[1:])).astype(np.float32)
    return request.param, used(build(), shape), images


def test_costs_before_and_after(case):
    name, network, _ = case
    _, shape, before, after = NETWORKS[name]
    folded = simplify(network, shape)
    print(f"{name}\n{folded}")
    assert (folded.before, folded.after) == (before, after)


def test_the_folded_network_is_exactly_equal_on_rational_numbers(case):
    _, network, images = case
    exact = changed(network, exactly)
    folded = simplify(exact)
    x = rationals(
        images[:1, :, 2:6, 2:6]
    )  # small, because exact arithmetic is slow; the networks take images of any size
    assert len(folded.steps) >= 3
    assert np.all(folded.network(x) == exact(x))


def test_the_folded_network_is_within_the_bound_in_float32(case):
    _, network, images = case
    reference, images_64 = changed(network, in_float64), images.astype(np.float64)
    exact, bound = reference(images_64), bound_of(reference, images_64, precision=FLOAT32).bound
    folded = simplify(network).network
    assert np.isfinite(bound).all()
    assert (abs(network(images) - exact) <= bound).all()
    assert (abs(folded(images) - exact) <= bound).all()
    assert (folded(images) != network(images)).any()  # not the same network after all


def test_a_wrong_fold_is_beyond_the_bound(case):
    """The bias of the first merged convolution is off by 0.1."""
    _, network, images = case
    reference, images_64 = changed(network, in_float64), images.astype(np.float64)
    exact, bound = reference(images_64), bound_of(reference, images_64, precision=FLOAT32).bound
    folded = simplify(network).network
    folded[0].params["bias"] += np.float32(0.1)
    assert (abs(folded(images) - exact) > bound).any()
