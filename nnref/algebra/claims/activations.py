# ruff: noqa: D103  (the name of a law is its sentence)
r"""The lecture's second part, on σ, tanh and ReLU; and which layers are not affine, hence no convolutions."""

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
from ...windows import Pair
from ..claim import Claim, Sides
from ..given import Given

ACTIVATIONS, MAX = "lecture, three activations", "lecture, is max pooling a convolution?"


def sigmoid_formula(x: Array) -> Sides:
    return sigmoid(x), 1 / (1 + np.exp(-x))


def tanh_by_sigmoid(x: Array) -> Sides:
    return tanh(x), 2 * sigmoid(2 * x) - 1


def relu_formula(x: Array) -> Sides:
    return relu(x), np.maximum(x, x.flat[0].zero())


def sigmoid_is_odd(x: Array) -> Sides:
    return sigmoid(-x), -sigmoid(x)


def sigmoid_is_odd_about_half(x: Array) -> Sides:
    return sigmoid(x) + sigmoid(-x), _ones(x)


def tanh_is_odd(x: Array) -> Sides:
    return tanh(-x), -tanh(x)


def sigmoid_slope(x: Array) -> Sides:
    return sigmoid_backward(_ones(x), x)[0], sigmoid(x) * (1 - sigmoid(x))


def sigmoid_slope_is_at_most_a_quarter(s: Array) -> Sides:
    half = s - s.flat[0].constant(1) / 2
    return s.flat[0].constant(1) / 4 - s * (1 - s), half * half


def sigmoid_slope_vanishes(x: Array) -> Sides:
    e = np.exp(-abs(x))
    return e - sigmoid_backward(_ones(x), x)[0], e * e * (2 + e) / ((1 + e) * (1 + e))


def tanh_slope_vanishes(x: Array) -> Sides:
    f = np.exp(-2 * abs(x))
    return 4 * f - tanh_backward(_ones(x), x)[0], 4 * f * f * (2 + f) / ((1 + f) * (1 + f))


def relu_slope(x: Array) -> Sides:
    slopes = relu_backward(_ones(x), x)[0]
    return (slopes, _derivative(relu, x)), (_step(x), _step(x))


def midpoint_is_mapped_to_midpoint(f: Callable[[Array], Array], x: Array, y: Array) -> Sides:
    return f(x + y) + f(x - y), 2 * f(x)


def _ones(x: Array) -> Array:
    return np.full(x.shape, constant(1, x), object)


def _step(x: Array) -> Array:
    """[x > 0]."""
    return np.where(x > 0, constant(1, x), constant(0, x))


def _derivative(f: Callable[[Array], Array], x: Array) -> Array:
    """f′ at every element, by dual numbers."""
    return gradient(np.sum(f(dual_variables("x", x))), "x", x.shape)


def _points(given: Given, points: int) -> tuple[Array]:
    return (given.image(1, points),)


def _formal(given: Given, points: int) -> tuple[Array]:
    return (given.array("σ", points),)


def _two_images(f: Callable[..., Array], **options: Any) -> Callable[..., tuple[Any, ...]]:
    def parts(given: Given, image: Pair, **case: Any) -> tuple[Any, ...]:
        """A layer, X and Y."""
        x, y = (given.image(1, 1, *image, name=name) for name in "xy")
        return (lambda z: f(z, **options, **case)), x, y

    return parts


def _train(given: Given, image: Pair, eps: int) -> tuple[Any, ...]:
    gamma, beta = given.array("γ", 1, neutral=1), given.array("β", 1)
    x, y = (given.image(1, 1, *image, name=name) for name in "xy")
    return (lambda z: batch_norm2d_train(z, gamma, beta, eps=eps)), x, y


def _not_affine(
    name: str, f: str, parts: Callable[..., tuple[Any, ...]], *cases: dict[str, Any], **fields: Any
) -> Claim:
    """The claim, a false one, that a layer is affine: f(X+Y) + f(X−Y) = 2 f(X)."""
    return Claim(
        name=f"{name}-affine",
        statement=rf"{f} \text{{ is affine: }} f(X+Y) + f(X-Y) = 2\,f(X)",
        law=midpoint_is_mapped_to_midpoint,
        parts=parts,
        cases=cases,
        holds=False,
        **{"source": ACTIVATIONS, "method": "small values"} | fields,
    )


POINTS = ({"points": 64},)
THOROUGH = {"points": (60, 80)}

CLAIMS = (
    Claim(
        name="sigmoid-formula",
        statement=r"\sigma(x) = 1/(1+e^{-x})",
        source=ACTIVATIONS,
        law=sigmoid_formula,
        parts=_points,
        cases=POINTS,
        method="exponentials",
        lecture=("11",),
        vary=THOROUGH,
    ),
    Claim(
        name="tanh-sigmoid",
        statement=r"\tanh(x) = 2\,\sigma(2x) - 1",
        source=ACTIVATIONS,
        law=tanh_by_sigmoid,
        parts=_points,
        cases=POINTS,
        method="exponentials",
        lecture=("12",),
        vary=THOROUGH,
    ),
    Claim(
        name="relu-formula",
        statement=r"\mathrm{ReLU}(x) = \max(0, x)",
        source=ACTIVATIONS,
        law=relu_formula,
        parts=_points,
        cases=({"points": 1},),
        method="zero-one",
        lecture=("13",),
        vary={"points": (1, 3, 8)},
    ),
    Claim(
        name="sigmoid-centred",
        statement=r"\sigma \text{ is centred at zero: } \sigma(-x) = -\sigma(x)",
        source=ACTIVATIONS + ", where it is said not to be",
        law=sigmoid_is_odd,
        parts=_points,
        cases=({"points": 1},),
        method="50 digits",
        holds=False,
        correction=r"\sigma(-x) = 1 - \sigma(x): \text{ centred at } 1/2",
        lecture=("14",),
    ),
    Claim(
        name="sigmoid-centred-at-half",
        statement=r"\sigma(x) + \sigma(-x) = 1",
        source=ACTIVATIONS,
        law=sigmoid_is_odd_about_half,
        parts=_points,
        cases=POINTS,
        method="exponentials",
        lecture=("14",),
        vary=THOROUGH,
    ),
    Claim(
        name="tanh-centred",
        statement=r"\tanh(-x) = -\tanh(x)",
        source=ACTIVATIONS,
        law=tanh_is_odd,
        parts=_points,
        cases=POINTS,
        method="exponentials",
        lecture=("14",),
        vary=THOROUGH,
    ),
    Claim(
        name="sigmoid-slope",
        statement=r"\sigma'(x) = \sigma(x)\,(1-\sigma(x))",
        source=ACTIVATIONS,
        law=sigmoid_slope,
        parts=_points,
        cases=POINTS,
        method="exponentials",
        conditions="σ′ is sigmoid_backward, which the claim sigmoid-gradient holds against dual numbers",
        lecture=("15",),
        vary=THOROUGH,
    ),
    Claim(
        name="sigmoid-slope-bound",
        statement=r"\tfrac14 - \sigma\,(1-\sigma) = (\sigma-\tfrac12)^2 \ge 0, \text{ hence } \sigma' \le \tfrac14",
        source=ACTIVATIONS,
        law=sigmoid_slope_is_at_most_a_quarter,
        parts=_formal,
        cases=({"points": 1},),
        lecture=("15",),
        vary={"points": (1, 2)},
    ),
    Claim(
        name="sigmoid-slope-vanishes",
        statement=r"e^{-|x|} - \sigma'(x) = e^2(2+e)/(1+e)^2 > 0 \text{ with } e = e^{-|x|},"
        r" \text{ hence } 0 < \sigma'(x) < e^{-|x|} \to 0",
        source=ACTIVATIONS,
        law=sigmoid_slope_vanishes,
        parts=_points,
        cases=POINTS,
        method="exponentials",
        lecture=("16",),
        vary=THOROUGH,
    ),
    Claim(
        name="tanh-slope-vanishes",
        statement=r"4 f - \tanh'(x) = 4 f^2(2+f)/(1+f)^2 > 0 \text{ with } f = e^{-2|x|},"
        r" \text{ hence } 0 < \tanh'(x) < 4 e^{-2|x|} \to 0",
        source=ACTIVATIONS,
        law=tanh_slope_vanishes,
        parts=_points,
        cases=POINTS,
        method="exponentials",
        lecture=("16",),
        vary=THOROUGH,
    ),
    Claim(
        name="relu-slope",
        statement=r"\mathrm{ReLU}'(x) = 0 \text{ for } x < 0 \text{ and } 1 \text{ for } x > 0",
        source=ACTIVATIONS,
        law=relu_slope,
        parts=_points,
        cases=({"points": 1},),
        method="orders",
        lecture=("17",),
        vary={"points": (1, 2, 3)},
    ),
    _not_affine(
        "max-pool",
        r"\max",
        _two_images(max_pool2d),
        {"image": (1, 2), "kernel_size": (1, 2)},
        source=MAX,
        correction=r"\max \text{ is affine over } (\max, +) \text{ only, see max-pool-max-plus}",
        lecture=("8",),
    ),
    _not_affine("relu", r"\mathrm{ReLU}", _two_images(relu), {"image": (1, 1)}),
    _not_affine("sigmoid", r"\sigma", _two_images(sigmoid), {"image": (1, 1)}, method="50 digits"),
    _not_affine("tanh", r"\tanh", _two_images(tanh), {"image": (1, 1)}, method="50 digits"),
    _not_affine(
        "batch-norm-train",
        r"\mathrm{BN}_{\mathrm{train}}",
        _train,
        {"image": (1, 2), "eps": 0},
        source="Ioffe & Szegedy (arXiv:1502.03167): the statistics are those of the batch",
        correction=r"\mathrm{BN} \text{ in evaluation, with fixed statistics, is: batch-norm-affine}",
    ),
)
