"""The bound through a network: it holds for every form of it, it is tight, and it shows an error."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import assume, given

from nnref import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    SoftmaxCrossEntropy,
    Sum,
    Tanh,
    sigmoid,
)
from nnref.algebra import simplify
from nnref.arithmetic import decimals, fifty_digits
from nnref.bounds.network import network
from nnref.errors import OptionError, StateError
from nnref.oracle import Declaration, arrays_of, cases
from nnref.oracle.operations.networks import assembled
from nnref.oracle.targets import definition
from nnref.oracle.targets.resolve import resolve

from ..bugs.algorithms import exp_by_powers_of_two
from .judged import largest_margins

FLOAT32, FLOAT64 = (Declaration().precision(dtype) for dtype in ("float32", "float64"))
ONE = np.ones(1)


def network_of(case, change=lambda array: array.astype(np.float64)):
    arrays, options = arrays_of(case)
    return assembled({name: change(array) for name, array in arrays.items()}, **options)


def runs(case):
    """(net, x) in float64, and every form of it in the arithmetic of the case."""
    net, x = network_of(case, lambda array: array)
    return network_of(case), (net(x), simplify(net).network(x), definition.network(net, x))


def largest_margin(ys, exact, bound):
    __tracebackhide__ = True
    assert (bound >= 0).all()
    errors = [np.asarray(abs(y - exact), float) for y in ys]
    assert all((error <= bound * (1 + 2**-28)).all() for error in errors)
    return max(float(np.max(error / np.where(bound > 0, bound, 1), initial=0)) for error in errors)


@given(cases("network", modes=("normal", "adversarial", "integers", "dyadic"), dtype="float32"))
def test_holds_in_float32_whatever_is_folded(case):
    with np.errstate(all="ignore"):
        (net, x), ys = runs(case)
        bound = network(net, x, precision=FLOAT32).bound
        assume(np.isfinite(bound).all())
        largest_margin(ys, net(x), bound)


@given(cases("network", modes=("normal", "integers"), dtype="float64"))
def test_holds_in_float64_against_fifty_digits(case):
    (net, x), ys = runs(case)
    bound = network(net, x, precision=FLOAT64).bound
    assume(np.isfinite(bound).all())
    with fifty_digits():
        exact_net, exact_x = network_of(case, decimals)
        largest_margin(map(decimals, ys), exact_net(exact_x), bound)


def test_the_bound_of_one_layer_is_that_of_the_layer():
    layer = Conv2d.from_arrays(weight=np.full((1, 1, 1, 2), 0.1), bias=np.array([0.3]))
    bound = network(layer, np.full((1, 1, 1, 2), -0.7), precision=FLOAT32).bound
    assert bound == pytest.approx(4 * 2**-24 * (2 * 0.07 + 0.3), rel=1e-6)


def test_an_error_is_scaled_by_the_layers_that_follow():
    """σ off by 8uσ, times 1000, and the rounding of that product: γ_3 of it."""
    net = Sequential(Sigmoid(), Linear.from_arrays(weight=np.array([[1000.0]])))
    bound = network(net, np.zeros((1, 1)), precision=FLOAT32).bound
    assert bound == pytest.approx(1000 * 2**-24 * (8 * 0.5 + 3 * 0.5), rel=1e-6)


def test_relu_cuts_off_an_error_below_zero_and_max_pool_takes_the_largest():
    first = Conv2d.from_arrays(weight=np.full((1, 1, 1, 1), 0.1))
    x = np.array([[[[-5.0, 1.0, 100.0]]]])
    off = network(first, x, precision=FLOAT32).bound
    after = network(Sequential(first, ReLU()), x, precision=FLOAT32).bound
    assert after[..., 0] == 0
    np.testing.assert_array_equal(after[..., 1:], off[..., 1:])
    pooled = network(Sequential(first, MaxPool2d((1, 3))), x, precision=FLOAT32).bound
    assert pooled == off.max()


def test_cancellation_between_layers_is_covered():
    """A batch norm that takes all of a sum away: folded, it rounds the terms and not the sum, which is 0."""
    conv = Conv2d.from_arrays(weight=np.array([1.0, -1.0]).reshape(1, 2, 1, 1))
    given_ = {"weight": 3 * ONE, "bias": 0 * ONE, "running_mean": 0 * ONE, "running_var": 2 * ONE}
    net = Sequential(conv, BatchNorm2d.from_arrays(**given_)).eval()
    x = np.full((1, 2, 1, 1), 0.1)
    assert net(x) == 0
    assert network(net, x, precision=FLOAT32).bound > 10 * 2**-24 * 0.2 * 3 / 2**0.5


def test_exact_where_every_partial_result_is_representable():
    conv = Conv2d.from_arrays(weight=np.full((1, 1, 2, 2), 3.0))
    given_ = {"weight": 2 * ONE, "bias": 5 * ONE, "running_mean": 7 * ONE, "running_var": 15.75 * ONE}
    net = Sequential(conv, BatchNorm2d.from_arrays(**given_, options={"eps": 0.25}), AvgPool2d(2)).eval()
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    assert network(net, x, precision=FLOAT32).bound == 0
    assert network(net, x, precision=FLOAT32, square_root="approximate").bound > 0
    assert network(net, x * 2.0**20, precision=FLOAT32).bound > 0
    assert network(net, x / 3, precision=FLOAT32).bound > 0
    assert network(Sequential(conv, AvgPool2d((1, 2), padding=(0, 1))), x, precision=FLOAT32).bound.all()


def test_no_verdict_where_an_intermediate_result_may_overflow():
    large, small = (Linear.from_arrays(weight=np.array([[scale]])) for scale in (1e30, 1e-30))
    net = Sequential(large, large, small, small)
    assert np.isnan(network(net, np.ones((1, 1)), precision=FLOAT32).bound)
    assert np.isfinite(network(Sequential(large, small), np.ones((1, 1)), precision=FLOAT32).bound)


def test_underflow_is_allowed_for():
    """0.75·2⁻¹⁴⁰ is rounded to the subnormal grid, and the error multiplied by what follows."""
    small, large = (Linear.from_arrays(weight=np.array([[scale]])) for scale in (2.0**-140, 2.0**100))
    net, x = Sequential(small, large), np.array([[0.7123456789]])
    in_float32 = [Linear.from_arrays(weight=layer.params["weight"].astype(np.float32)) for layer in net]
    y, bound = Sequential(*in_float32)(x.astype(np.float32)), network(net, x, precision=FLOAT32).bound
    assert abs(y - net(x)) > 1000 * 2.0**-24 * net(x)
    assert abs(y - net(x)) <= bound


def deep(blocks):
    layers = []
    for seed in range(blocks):
        rng = np.random.default_rng(seed)
        norm = {"weight": rng.uniform(0.5, 2, 4), "bias": rng.normal(size=4)}
        norm |= {"running_mean": rng.normal(size=4), "running_var": rng.uniform(0.1, 3, 4)}
        layers += [Conv2d(4, 4, 3, padding=1, rng=seed), BatchNorm2d.from_arrays(**norm), ReLU()]
    return Sequential(*layers).eval()


def in_float64(layer):
    if isinstance(layer, Sequential):
        return Sequential(*map(in_float64, layer)).eval()
    arrays = {name: array.astype(np.float32).astype(np.float64) for name, array in layer.state_dict().items()}
    return type(layer).from_arrays(**arrays, options=layer.options).eval()


def rounded(layer):
    if isinstance(layer, Sequential):
        return Sequential(*map(rounded, layer)).eval()
    arrays = {name: array.astype(np.float32) for name, array in layer.state_dict().items()}
    return type(layer).from_arrays(**arrays, options=layer.options).eval()


def test_tight_on_what_is_drawn():
    """Networks of few terms come near to their bound."""
    largest, _ = largest_margins("network", "forward", {"nnref": resolve("nnref").network}, examples=60)
    assert largest["nnref"] > 0.25


@pytest.mark.parametrize(("blocks", "relative"), [(1, 2**-14), (2, 2**-11), (4, 2**-8)])
def test_a_seeded_error_of_one_weight_is_found(blocks, relative):
    """The largest weight of the first convolution, off by so much, shows at the end."""
    exact, net = in_float64(deep(blocks)), rounded(deep(blocks))
    weight = net[0].params["weight"]
    weight.flat[abs(weight).argmax()] *= np.float32(1 + relative)
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 6)).astype(np.float32)
    bound = network(exact, x.astype(np.float64), precision=FLOAT32).bound
    for form in (net, simplify(net).network):
        assert (abs(form(x) - exact(x.astype(np.float64))) > bound).any()


@pytest.mark.parametrize(("blocks", "share"), [(1, 0.03), (2, 0.01), (4, 0.002)])
def test_tight(blocks, share):
    """Sums of 36 terms, whose errors do not all point the same way; the less so, the more layers there are."""
    exact, net = in_float64(deep(blocks)), rounded(deep(blocks))
    forms = (net, simplify(net).network)
    best = 0.0
    for seed in range(8):
        x = np.random.default_rng(seed).normal(size=(2, 4, 6, 6)).astype(np.float32)
        bound = network(exact, x.astype(np.float64), precision=FLOAT32).bound
        best = max(best, largest_margin([form(x) for form in forms], exact(x.astype(np.float64)), bound))
    assert share < best < 1


FORMS = {
    "sigmoid": (Sigmoid, {"sigmoid": "tanh"}, lambda x: (1 + np.tanh(x / 2)) / 2),
    "tanh": (Tanh, {"tanh": "sigmoid"}, lambda x: 2 * sigmoid(2 * x) - 1),
    "exp": (Sigmoid, {"exp": "base-2"}, lambda x: 1 / (1 + exp_by_powers_of_two(-x))),
}


@pytest.mark.parametrize("form", FORMS)
def test_activations_in_another_form_are_within_their_bound_and_not_within_the_strict_one(form):
    kind, declared, function = FORMS[form]
    net = Sequential(kind(), Linear.from_arrays(weight=np.array([[1024.0]])))
    x = np.linspace(-80, 80, 4001, dtype=np.float32)[:, None]
    wide, y = x.astype(np.float64), 1024 * function(x)
    strict, allowed = (network(net, wide, precision=FLOAT32, **given_).bound for given_ in ({}, declared))
    assert (abs(y - net(wide)) > strict).any()
    largest_margin([y], net(wide), allowed)


@pytest.mark.parametrize("kind", [Sigmoid, Tanh])
def test_activations_grow_an_error_by_their_lipschitz_constant_at_most(kind):
    linear = Linear.from_arrays(weight=np.array([[0.1]]))
    for x in (-3.0, 0.0, 0.5, 80.0):
        net = Sequential(linear, kind())
        y = rounded(net)(np.array([[x]], np.float32))
        bound = network(in_float64(net), np.array([[x]]), precision=FLOAT32).bound
        with fifty_digits():
            weight = decimals(np.array([[0.1]], np.float32))
            exact = Sequential(Linear.from_arrays(weight=weight), kind())(decimals([[x]]))
            assert abs(decimals(y) - exact)[0, 0] <= Decimal(bound[0, 0])


def test_what_is_no_network_in_evaluation_is_refused():
    x = np.ones((1, 1, 2, 2))
    with pytest.raises(StateError, match="evaluation mode"):
        network(Sequential(BatchNorm2d(1, dtype=np.float64)), x, precision=FLOAT32)
    for net in (SoftmaxCrossEntropy(), Sum(Layer())):
        with pytest.raises(OptionError, match=r"net must be of Conv2d.*got (SoftmaxCrossEntropy|Layer)"):
            network(net, x, precision=FLOAT32)
