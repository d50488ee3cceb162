r"""The second part of the lecture, on σ, tanh and ReLU; and the layers that are not affine, so not convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arithmetic import dual_variables, gradient
from ...layers.batch_norm2d import batch_norm2d_train
from ...layers.max_pool2d import max_pool2d
from ...layers.relu import relu, relu_backward
from ...layers.sigmoid import sigmoid, sigmoid_backward
from ...layers.tanh import tanh, tanh_backward
from ...numeric import Array, constant
from ...options import Pair
from ..claim import Claim, Sides, claim
from ..given import Given

ACTIVATIONS, MAX = "lecture, three activations", "lecture, is max pooling a convolution?"


def _midpoint_is_mapped_to_midpoint(f: Callable[[Array], Array], x: Array, y: Array) -> Sides:
    return f(x + y) + f(x - y), 2 * f(x)


def _ones(x: Array) -> Array:
    return np.full(x.shape, constant(1, x), object)


def _step(x: Array) -> Array:
    """[x > 0]."""
    return np.where(x > 0, constant(1, x), constant(0, x))


def _derivative(f: Callable[[Array], Array], x: Array) -> Array:
    """f′ at every element, computed with dual numbers."""
    return gradient(np.sum(f(dual_variables("x", x))), "x", x.shape)


def _points(given: Given, points: int) -> tuple[Array]:
    return (given.image(1, points),)


def _formal(given: Given, points: int) -> tuple[Array]:
    return (given.array("σ", points),)


def _two_images(f: Callable[..., Array], **options: Any) -> Callable[..., tuple[Any, ...]]:
    def arguments(given: Given, image: Pair, **case: Any) -> tuple[Any, ...]:
        """A layer, X and Y."""
        x, y = (given.image(1, 1, *image, name=name) for name in "xy")
        return (lambda z: f(z, **options, **case)), x, y

    return arguments


def _train(given: Given, image: Pair, eps: int) -> tuple[Any, ...]:
    gamma, beta = given.array("γ", 1, neutral=1), given.array("β", 1)
    x, y = (given.image(1, 1, *image, name=name) for name in "xy")
    return (lambda z: batch_norm2d_train(z, gamma, beta, eps=eps)), x, y


def _not_affine(
    name: str, f: str, arguments: Callable[..., tuple[Any, ...]], *cases: dict[str, Any], **fields: Any
) -> Claim:
    """The false claim that a layer is affine: f(X+Y) + f(X−Y) = 2 f(X)."""
    return Claim(
        name=f"{name}-affine",
        statement=rf"{f} \text{{ is affine: }} f(X+Y) + f(X-Y) = 2\,f(X)",
        law=_midpoint_is_mapped_to_midpoint,
        arguments=arguments,
        cases=cases,
        holds=False,
        **{"source": ACTIVATIONS, "method": "small values"} | fields,
    )


POINTS = ({"points": 64},)
THOROUGH = {"points": (60, 80)}


@claim(
    "sigmoid-formula",
    source=ACTIVATIONS,
    arguments=_points,
    cases=POINTS,
    method="exponentials",
    lecture=("11",),
    vary=THOROUGH,
)
def sigmoid_formula(x: Array) -> Sides:
    r"""\sigma(x) = 1/(1+e^{-x})"""
    return sigmoid(x), 1 / (1 + np.exp(-x))


@claim(
    "tanh-sigmoid",
    source=ACTIVATIONS,
    arguments=_points,
    cases=POINTS,
    method="exponentials",
    lecture=("12",),
    vary=THOROUGH,
)
def tanh_by_sigmoid(x: Array) -> Sides:
    r"""\tanh(x) = 2\,\sigma(2x) - 1"""
    return tanh(x), 2 * sigmoid(2 * x) - 1


@claim(
    "relu-formula",
    source=ACTIVATIONS,
    arguments=_points,
    cases=({"points": 1},),
    method="zero-one",
    lecture=("13",),
    vary={"points": (1, 3, 8)},
)
def relu_formula(x: Array) -> Sides:
    r"""\mathrm{ReLU}(x) = \max(0, x)"""
    return relu(x), np.maximum(x, x.flat[0].zero())


@claim(
    "sigmoid-centred",
    source=ACTIVATIONS + ", which says that it is not",
    arguments=_points,
    cases=({"points": 1},),
    method="50 digits",
    holds=False,
    correction=r"\sigma(-x) = 1 - \sigma(x): \text{ centred at } 1/2",
    lecture=("14",),
)
def sigmoid_is_odd(x: Array) -> Sides:
    r"""\sigma \text{ is centred at zero: } \sigma(-x) = -\sigma(x)"""
    return sigmoid(-x), -sigmoid(x)


@claim(
    "sigmoid-centred-at-half",
    source=ACTIVATIONS,
    arguments=_points,
    cases=POINTS,
    method="exponentials",
    lecture=("14",),
    vary=THOROUGH,
)
def sigmoid_is_odd_about_half(x: Array) -> Sides:
    r"""\sigma(x) + \sigma(-x) = 1"""
    return sigmoid(x) + sigmoid(-x), _ones(x)


@claim(
    "tanh-centred",
    source=ACTIVATIONS,
    arguments=_points,
    cases=POINTS,
    method="exponentials",
    lecture=("14",),
    vary=THOROUGH,
)
def tanh_is_odd(x: Array) -> Sides:
    r"""\tanh(-x) = -\tanh(x)"""
    return tanh(-x), -tanh(x)


@claim(
    "sigmoid-slope",
    source=ACTIVATIONS,
    arguments=_points,
    cases=POINTS,
    method="exponentials",
    conditions="σ′ is sigmoid_backward, which the claim sigmoid-gradient compares with dual numbers",
    lecture=("15",),
    vary=THOROUGH,
)
def sigmoid_slope(x: Array) -> Sides:
    r"""\sigma'(x) = \sigma(x)\,(1-\sigma(x))"""
    return sigmoid_backward(_ones(x), x)[0], sigmoid(x) * (1 - sigmoid(x))


@claim(
    "sigmoid-slope-bound",
    source=ACTIVATIONS,
    arguments=_formal,
    cases=({"points": 1},),
    lecture=("15",),
    vary={"points": (1, 2)},
)
def sigmoid_slope_is_at_most_a_quarter(s: Array) -> Sides:
    r"""\tfrac14 - \sigma\,(1-\sigma) = (\sigma-\tfrac12)^2 \ge 0, \text{ hence } \sigma' \le \tfrac14"""
    half = s - s.flat[0].constant(1) / 2
    return s.flat[0].constant(1) / 4 - s * (1 - s), half * half


@claim(
    "sigmoid-slope-vanishes",
    source=ACTIVATIONS,
    arguments=_points,
    cases=POINTS,
    method="exponentials",
    lecture=("16",),
    vary=THOROUGH,
)
def sigmoid_slope_vanishes(x: Array) -> Sides:
    r"""
    e^{-|x|} - \sigma'(x) = e^2(2+e)/(1+e)^2 > 0 \text{ with } e = e^{-|x|},
    \text{ hence } 0 < \sigma'(x) < e^{-|x|} \to 0
    """
    e = np.exp(-abs(x))
    return e - sigmoid_backward(_ones(x), x)[0], e * e * (2 + e) / ((1 + e) * (1 + e))


@claim(
    "tanh-slope-vanishes",
    source=ACTIVATIONS,
    arguments=_points,
    cases=POINTS,
    method="exponentials",
    lecture=("16",),
    vary=THOROUGH,
)
def tanh_slope_vanishes(x: Array) -> Sides:
    r"""
    4 f - \tanh'(x) = 4 f^2(2+f)/(1+f)^2 > 0 \text{ with } f = e^{-2|x|},
    \text{ hence } 0 < \tanh'(x) < 4 e^{-2|x|} \to 0
    """
    f = np.exp(-2 * abs(x))
    return 4 * f - tanh_backward(_ones(x), x)[0], 4 * f * f * (2 + f) / ((1 + f) * (1 + f))


@claim(
    "relu-slope",
    source=ACTIVATIONS,
    arguments=_points,
    cases=({"points": 1},),
    method="orders",
    lecture=("17",),
    vary={"points": (1, 2, 3)},
)
def relu_slope(x: Array) -> Sides:
    r"""\mathrm{ReLU}'(x) = 0 \text{ for } x < 0 \text{ and } 1 \text{ for } x > 0"""
    slopes = relu_backward(_ones(x), x)[0]
    return (slopes, _derivative(relu, x)), (_step(x), _step(x))


max_pool_is_affine = _not_affine(
    "max-pool",
    r"\max",
    _two_images(max_pool2d),
    {"image": (1, 2), "kernel_size": (1, 2)},
    source=MAX,
    correction=r"\max \text{ is affine over } (\max, +) \text{ only, see max-pool-max-plus}",
    lecture=("8",),
)

relu_is_affine = _not_affine("relu", r"\mathrm{ReLU}", _two_images(relu), {"image": (1, 1)})

sigmoid_is_affine = _not_affine("sigmoid", r"\sigma", _two_images(sigmoid), {"image": (1, 1)}, method="50 digits")

tanh_is_affine = _not_affine("tanh", r"\tanh", _two_images(tanh), {"image": (1, 1)}, method="50 digits")

batch_norm_train_is_affine = _not_affine(
    "batch-norm-train",
    r"\mathrm{BN}_{\mathrm{train}}",
    _train,
    {"image": (1, 2), "eps": 0},
    source="Ioffe & Szegedy (arXiv:1502.03167), where the statistics are those of the batch",
    correction=r"\mathrm{BN} \text{ in evaluation, with fixed statistics, is: batch-norm-affine}",
)
