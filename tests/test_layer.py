"""Layer, Sequential and Sum: binding parameters, chains, branches, modes and state."""

import copy
import pickle

import numpy as np
import pytest

from nnref import (
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    DepthwiseConv2d,
    DTypeError,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    ShapeError,
    StateError,
    Sum,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
)
from nnref.algebra import fuse_conv_transpose_batch_norm
from nnref.arithmetic import Rational, dual_variables, gradient, rationals


def network(rng=0, dtype=np.float64):
    return Sequential(
        Conv2d(2, 4, 3, padding=1, dtype=dtype, rng=rng),
        BatchNorm2d(4, dtype=dtype),
        ReLU(),
        MaxPool2d(2),
        Flatten(),
        Linear(16, 3, dtype=dtype, rng=rng),
    )


def images(n=5):
    return np.random.default_rng(1).normal(size=(n, 2, 4, 4))


# one layer


def test_forward_and_backward_are_the_functions_with_the_parameters():
    layer = Conv2d(2, 3, 2, stride=2, dtype=np.float64, rng=0)
    x = images()
    weight, bias = layer.params.values()
    np.testing.assert_array_equal(layer(x), conv2d(x, weight, bias, stride=2))
    dy = np.random.default_rng(2).normal(size=(5, 3, 2, 2))
    dx, dweight, dbias = conv2d_backward(dy, x, weight, bias, stride=2)
    np.testing.assert_array_equal(layer.backward(dy), dx)
    np.testing.assert_array_equal(layer.grads["weight"], dweight)
    np.testing.assert_array_equal(layer.grads["bias"], dbias)


def test_gradients_are_replaced_and_not_accumulated():
    layer = Linear(2, 1, dtype=np.float64)
    layer(np.ones((1, 2)))
    for _ in range(2):
        layer.backward(np.ones((1, 1)))
        np.testing.assert_array_equal(layer.grads["weight"], [[1, 1]])


def test_without_a_bias_there_is_no_gradient_of_one():
    layer = Linear(2, 1, bias=False)
    layer(np.ones((1, 2), np.float32))
    layer.backward(np.ones((1, 1), np.float32))
    assert list(layer.grads) == ["weight"]


def test_parameters_are_bound_by_their_names():
    layer, x = Linear(2, 3, dtype=np.float64, rng=0), np.ones((1, 2))
    y, dx = layer(x), layer.backward(np.ones((1, 3)))
    layer.params = dict(reversed(layer.params.items()))
    np.testing.assert_array_equal(layer(x), y)
    np.testing.assert_array_equal(layer.backward(np.ones((1, 3))), dx)
    assert {name: gradient.shape for name, gradient in layer.grads.items()} == {"weight": (3, 2), "bias": (3,)}


@pytest.mark.parametrize(("name", "array"), [("wieght", np.ones((3, 2))), ("running_mean", np.ones(3))])
def test_a_parameter_of_another_name_is_refused(name, array):
    layer = Linear(2, 3, dtype=np.float64)
    layer(np.ones((1, 2)))
    with pytest.raises(StateError, match=rf"^Linear\.params: name must be one of weight, bias, got '{name}'"):
        layer.params[name] = array
    layer.params = {**layer.params, name: array}
    text = r"^Linear: params must be \['weight', 'bias'\], of which \['bias'\] may be absent, got \['weight', 'bias', "
    for call in (lambda: layer(np.ones((1, 2))), lambda: layer.backward(np.ones((1, 3)))):
        with pytest.raises(StateError, match=text):
            call()


def test_a_layer_without_its_weight_is_refused_and_one_without_its_bias_is_not():
    layer, x = Linear(2, 3, dtype=np.float64, rng=0), np.ones((1, 2))
    del layer.params["bias"]
    np.testing.assert_array_equal(layer(x), x @ layer.params["weight"].T)
    del layer.params["weight"]
    with pytest.raises(StateError, match=r"^Linear: params must be .*, got \[\]$"):
        layer(x)


def test_backward_before_forward_is_refused():
    with pytest.raises(StateError, match=r"^ReLU.backward: forward must be called first, got no input yet$"):
        ReLU().backward(np.ones(1))


def test_from_arrays_takes_any_arithmetic():
    layer = Linear.from_arrays(weight=rationals([[1, 2]]), bias=rationals([3]))
    assert layer(rationals([[1, 1]])).item() == Rational(6)


def test_from_arrays_leaves_out_a_bias_of_none():
    assert list(Linear.from_arrays(weight=np.ones((1, 2)), bias=None).params) == ["weight"]


def test_repr_shows_shapes_and_options():
    assert repr(MaxPool2d(2)) == "MaxPool2d(kernel_size=2, stride=None, padding=0, dilation=1, ceil_mode=False)"
    assert repr(Sequential()) == "Sequential()"
    assert repr(Sequential(Sum(ReLU()))) == "Sequential(\n    Sum(\n        ReLU(),\n    ),\n)"


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_layers_can_be_copied_and_pickled(duplicate):
    original = network()
    other = duplicate(original)
    np.testing.assert_array_equal(original.eval()(images()), other.eval()(images()))
    other.params["0.weight"][...] = 0
    assert original.params["0.weight"].any()


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_narrow_integers_of_numpy_do_not_overflow(kind):
    """100·2 does not fit in an int8, and 100·3 does not fit in a uint8."""
    hundred, x = kind(100), np.ones((1, 100, 1, 1))
    weight = np.ones((100, 3, 1, 1))
    assert DepthwiseConv2d(hundred, kind(1), multiplier=kind(3)).params["weight"].shape == (300, 1, 1, 1)
    transposed = ConvTranspose2d.from_arrays(weight=weight, bias=np.ones(300), options={"groups": hundred})
    assert transposed(x).shape == conv_transpose2d(x, weight, groups=hundred).shape == (1, 300, 1, 1)
    assert fuse_conv_transpose_batch_norm(transposed, BatchNorm2d(300, dtype=float).eval())(x).shape == (1, 300, 1, 1)
    grouped = ConvTranspose2d(hundred, kind(200) if kind is np.uint8 else hundred, 1, groups=hundred, dtype=float)
    assert grouped(x).shape[:2] in {(1, 100), (1, 200)}


# state


def test_state_names_are_torch_s():
    assert list(network().state_dict()) == [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "5.weight",
        "5.bias",
        "1.running_mean",
        "1.running_var",
        "1.num_batches_tracked",
    ]


def test_state_moves_from_one_network_to_another():
    trained, fresh = network(rng=1), network(rng=2)
    trained(images())
    fresh.load_state_dict(trained.state_dict())
    np.testing.assert_array_equal(fresh.eval()(images()), trained.eval()(images()))


def test_state_is_a_copy_both_ways():
    layer = Linear(2, 1)
    state = layer.state_dict()
    state["weight"][...] = 7
    assert not (layer.params["weight"] == 7).any()
    layer.load_state_dict(state)
    state["weight"][...] = 8
    assert (layer.params["weight"] == 7).all()


def test_state_is_rounded_to_the_layer_s_dtype():
    layer = Linear(1, 1, bias=False).load_state_dict({"weight": np.array([[1 / 3]])})
    assert layer.params["weight"] == np.float32(1 / 3)
    assert layer.params["weight"].dtype == np.float32


def test_a_state_that_does_not_fit_changes_nothing():
    layer = Linear(2, 1, rng=0)
    before = layer.state_dict()
    bad_shape, bad_dtype = {**before, "bias": np.zeros(2)}, {**before, "bias": np.array(["one"])}
    for state in [bad_shape, bad_dtype, {"weight": before["weight"] * 2}, {**before, "extra": np.zeros(1)}]:
        with pytest.raises((StateError, ShapeError, TypeError)):
            layer.load_state_dict(state)
        np.testing.assert_array_equal(layer.params["weight"], before["weight"])


@pytest.mark.parametrize("given", [np.array([[0.5, 1.0]]), np.array([[1, 2]]), np.array([[1, 2]], object)])
def test_exact_parameters_take_exact_elements_only(given):
    layer = Linear.from_arrays(weight=rationals([[1, 2]]))
    with pytest.raises(DTypeError, match=r"^Linear.load_state_dict: weight must be "):
        layer.load_state_dict({"weight": given})
    layer.load_state_dict({"weight": rationals([["1/3", 2]])})
    assert layer.params["weight"][0, 0] == Rational(1, 3)


def test_a_state_for_a_read_only_array_changes_nothing():
    layer = Linear(2, 1, rng=0)
    before = layer.state_dict()
    layer.params["bias"].flags.writeable = False
    with pytest.raises(StateError, match=r"^Linear.load_state_dict: bias must be a writeable array of the layer, got "):
        layer.load_state_dict({name: array * 2 for name, array in before.items()})
    np.testing.assert_array_equal(layer.params["weight"], before["weight"])


def test_the_arrays_that_a_layer_is_made_of_are_never_written_to():
    given = np.ones((1, 2), np.float32)
    given.flags.writeable = False
    layer = Linear.from_arrays(weight=given)
    layer.params["weight"] -= 1
    layer.load_state_dict({"weight": given * 3})
    np.testing.assert_array_equal(given, 1)


# containers


def test_a_chain_is_its_layers_one_after_the_other():
    net, x = network(), images()
    y = net(x)
    for layer in copy.deepcopy(net):
        x = layer(x)
    np.testing.assert_array_equal(x, y)


def test_the_chain_rule_holds_exactly():
    """Over dual numbers, through two layers and a residual sum."""
    net = Sequential(
        Conv2d.from_arrays(weight=rationals([[[[1, 2], [3, -4]]]])),
        Sum(Sequential(), ReLU(), Conv2d.from_arrays(weight=rationals([[[[5]]]]), bias=rationals([7]))),
    )
    values, dy = rationals([[[[3, -1, 4], [1, -5, 9]]]]), rationals([[[[2, -3]]]])
    exact = gradient((dy * net(dual_variables("x", values))).sum(), "x", values.shape)
    net(values)
    assert (net.backward(dy) == exact).all()
    assert list(net.grads) == ["0.weight", "1.2.weight", "1.2.bias"]


def test_a_sum_adds_its_branches():
    block = Sum(Sequential(), ReLU())
    np.testing.assert_array_equal(block(np.array([-1.0, 2.0])), [-1, 4])
    np.testing.assert_array_equal(block.backward(np.array([10.0, 10.0])), [10, 20])


def test_branches_of_different_shapes_are_refused_rather_than_broadcast():
    with pytest.raises(ShapeError, match=r"^Sum: layers must be branches of one output shape, \(1, 1, 2, 2\), got "):
        Sum(MaxPool2d(2), MaxPool2d(4))(np.ones((1, 1, 4, 4)))


def test_an_empty_chain_is_the_identity_and_copies():
    x = np.ones(3)
    for y in (Sequential()(x), Sequential().backward(x)):
        np.testing.assert_array_equal(y, x)
        assert not np.shares_memory(x, y)


def test_modes_reach_all_layers():
    net = Sequential(Sum(Sequential(BatchNorm2d(2))), ReLU())
    assert net.eval() is net
    assert not net[0][0][0].training
    assert net.train()[0][0][0].training


def test_a_container_is_a_sequence_of_its_layers():
    net = network()
    assert len(net) == 6
    assert list(net) == [net[i] for i in range(6)]
    assert isinstance(net[-1], Linear)


def test_parameters_of_a_container_are_the_layers_own():
    net = network()
    net.params["5.bias"][...] = 7
    assert (net[5].params["bias"] == 7).all()


def test_an_assignment_to_a_container_s_arrays_reaches_the_layer():
    net = Sequential(ReLU(), Sum(Linear(2, 2, dtype=float), BatchNorm2d(2)))
    net.params["1.0.bias"] = np.array([5.0, 6.0])
    net.params["1.0.bias"] -= 1
    net.buffers["1.1.running_mean"] = np.array([7.0, 8.0])
    np.testing.assert_array_equal(net[1][0].params["bias"], [4, 5])
    np.testing.assert_array_equal(net[1][1].buffers["running_mean"], [7, 8])


@pytest.mark.parametrize("name", ["weight", "0.weight", "1.0.wait", "1.2.weight", "-1.0.weight", "1", ""])
def test_a_name_that_a_container_lacks_is_a_key_error(name):
    net = Sequential(ReLU(), Sum(Linear(2, 2)))
    with pytest.raises(KeyError):
        net.params[name]
    with pytest.raises(KeyError):
        net.params[name] = np.zeros(2)
    assert name not in net.params
    assert len(net.params) == 2


@pytest.mark.parametrize("nested", [False, True])
def test_a_layer_in_two_places_has_no_backward(nested):
    shared = ReLU()
    network = Sequential(shared, Sum(Sequential(shared), Sequential())) if nested else Sequential(shared, shared)
    y = network(np.array([1.0, -1.0]))
    with pytest.raises(StateError, match=r"Sequential.backward: layers must be each in one place only, got \[ReLU"):
        network.backward(y)
