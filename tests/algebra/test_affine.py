"""Matrices of affine layers, and counterexamples for layers that are not affine."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnref import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    Sum,
    Tanh,
    ZeroPad2d,
)
from nnref.algebra import AffineMap, Refutation, as_matrix, conv_as_linear, is_affine
from nnref.algebra.affine import in_arithmetic
from nnref.arithmetic import rational, rationals


def network() -> Sequential:
    residual = Sum(Sequential(), Conv2d(2, 2, 3, padding=1, rng=1))
    layers = (
        ZeroPad2d(1),
        Conv2d(1, 2, 2, rng=0),
        BatchNorm2d(2),
        residual,
        AvgPool2d(2),
        Flatten(),
        Linear(8, 3, rng=2),
    )
    return Sequential(*layers).eval()


AFFINE: tuple[tuple[Layer, tuple[int, ...]], ...] = (
    (Conv2d(2, 3, 2, stride=2, padding=1, rng=0), (1, 2, 3, 3)),
    (AvgPool2d(2, padding=1, count_include_pad=False), (1, 1, 3, 3)),  # linear, although not a convolution
    (GlobalAvgPool2d(), (2, 1, 2, 2)),
    (BatchNorm2d(2).eval(), (1, 2, 1, 2)),
    (Sequential(), (1, 1, 2, 2)),
    (network(), (1, 1, 3, 3)),
)
NOT_AFFINE: tuple[tuple[Layer, tuple[int, ...]], ...] = (
    (MaxPool2d(2), (1, 1, 2, 2)),
    (ReLU(), (1, 1, 1, 1)),
    (Sigmoid(), (2,)),
    (Tanh(), (2,)),
    (BatchNorm2d(1), (1, 1, 1, 2)),
    (Sequential(Conv2d(1, 2, 2, rng=0), ReLU(), Flatten(), Linear(8, 2, rng=1)), (1, 1, 3, 3)),
)


@pytest.mark.parametrize(("layer", "shape"), AFFINE, ids=lambda value: type(value).__name__)
@given(seed=st.integers(0, 99))
@settings(max_examples=5, deadline=None, derandomize=True)
def test_matrix_computes_what_the_layer_does(layer: Layer, shape: tuple[int, ...], seed: int) -> None:
    affine = is_affine(layer, shape)
    assert isinstance(affine, AffineMap)
    x = rationals(np.random.default_rng(seed).integers(-9, 10, shape))
    y = in_arithmetic(layer, rational)(x)
    assert affine(x).shape == y.shape == affine.output_shape
    assert np.all(affine(x) == y)


@pytest.mark.parametrize(("layer", "shape"), NOT_AFFINE, ids=lambda value: type(value).__name__)
def test_counterexample_is_one(layer: Layer, shape: tuple[int, ...]) -> None:
    found = is_affine(layer, shape)
    assert isinstance(found, Refutation)
    x, y = (np.array(found.witness[name]).astype(float) for name in "xy")
    assert found.left != found.right
    if not layer.params:
        assert not np.allclose(layer(x + y) + layer(x - y), 2 * layer(x))
    assert "is affine: refuted" in str(found)


def shifted(by: float, after: Layer, slope: float = 1.0) -> Layer:
    return Sequential(Linear.from_arrays(weight=np.array([[slope]]), bias=np.array([by])), after)


@pytest.mark.parametrize(("by", "slope"), [(-3.0, -1e-3), (-100.0, 1.0), (1e6, 1.0), (1e6, -1e-3), (-1e38, -1e-3)])
def test_a_kink_far_away_is_found(by: float, slope: float) -> None:
    found = is_affine(shifted(by, ReLU(), slope), (1, 1))
    assert isinstance(found, Refutation)
    assert found.arithmetic == "Rational"
    x, y = (rational(found.witness[name][0][0]) for name in "xy")
    exact = in_arithmetic(shifted(by, ReLU(), slope), rational)
    assert (exact(rationals([[x + y]])) + exact(rationals([[x - y]]))).item() == rational(found.left[0])
    assert (2 * exact(rationals([[x]]))).item() == rational(found.right[0]) != rational(found.left[0])


def test_a_kink_of_an_odd_function_is_found() -> None:
    """relu(x + 100) - relu(x - 100) - 100 is x for -100 ≤ x ≤ 100, and maps midpoints about 0 correctly."""
    upper = Sequential(shifted(-100.0, ReLU()), Linear.from_arrays(weight=np.array([[-1.0]]), bias=np.array([-100.0])))
    assert isinstance(is_affine(Sum(shifted(100.0, ReLU()), upper), (1, 1)), Refutation)


def test_a_sigmoid_far_away_is_found() -> None:
    assert isinstance(is_affine(shifted(-900.0, Sigmoid()), (1, 1)), Refutation)


def test_an_affine_layer_that_compares_is_undecided_and_never_refuted() -> None:
    """Maxima of single pixels, with three slopes. No number is too large, because the arithmetic is exact."""
    weight = np.array([1.0, 1e9, 1 / 3]).reshape(3, 1, 1, 1)
    image = Conv2d.from_arrays(weight=weight, bias=np.full(3, 1 / 7))
    with pytest.raises(ArithmeticError, match=r"(?s)undecided .* polynomials have no order"):
        is_affine(Sequential(image, MaxPool2d(1)), (1, 1, 1, 1))


def irrational() -> BatchNorm2d:
    ones = {name: rationals([1]) for name in ("weight", "bias", "running_mean", "running_var")}
    return BatchNorm2d.from_arrays(**ones, options={"eps": 1}).eval()  # 1/√2


def test_an_irrational_root_is_taken_to_fifty_digits() -> None:
    affine = is_affine(irrational(), (1, 1, 1, 1))
    assert isinstance(affine, AffineMap)
    assert abs(2 * affine.matrix.item() ** 2 - 1) < rational(10) ** -49
    assert isinstance(is_affine(Sequential(irrational(), ReLU()), (1, 1, 1, 1)), Refutation)


def test_as_matrix_is_the_toeplitz_matrix() -> None:
    conv = Conv2d(2, 3, 2, stride=2, padding=1, rng=0)
    linear = conv_as_linear(conv, (3, 3))
    affine = as_matrix(conv, (1, 2, 3, 3))
    assert np.all(affine.matrix == rationals(linear.params["weight"]))
    assert np.all(affine.offset == rationals(linear.params["bias"]))


def test_layers_of_a_container_keep_their_own_modes() -> None:
    norm = BatchNorm2d(2).eval()
    affine = is_affine(Sequential(norm), (1, 2, 1, 2))
    assert isinstance(affine, AffineMap)
    training = Sequential(BatchNorm2d(1))
    training.training = False
    assert isinstance(is_affine(training, (1, 1, 1, 2)), Refutation)
