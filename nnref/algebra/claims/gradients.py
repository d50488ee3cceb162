r"""Every backward is the derivative of its forward: f_backward(dY, X, …) = ∂⟨dY, f(X, …)⟩.

The left side differentiates the forward with dual numbers. Their values make most of these claims proofs: polynomials
for polynomial layers, polynomials with formal roots for batch norms, logarithms of integers for σ and tanh, and all
orders of pixels for ReLU and max pooling. For softmax they are random numbers, which only test the claim.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...arithmetic import Dual, dual_variables, gradient
from ...layers.avg_pool2d import avg_pool2d, avg_pool2d_backward
from ...layers.batch_norm2d import (
    batch_norm2d,
    batch_norm2d_backward,
    batch_norm2d_train,
    batch_norm2d_train_backward,
    batch_statistics,
    normalize2d,
    normalize2d_backward,
)
from ...layers.conv2d import conv2d, conv2d_backward
from ...layers.conv_transpose2d import conv_transpose2d, conv_transpose2d_backward
from ...layers.depthwise_conv2d import depthwise_conv2d, depthwise_conv2d_backward
from ...layers.flatten import flatten, flatten_backward
from ...layers.global_avg_pool2d import global_avg_pool2d, global_avg_pool2d_backward
from ...layers.linear import linear, linear_backward
from ...layers.max_pool2d import max_pool2d, max_pool2d_backward
from ...layers.relu import relu, relu_backward
from ...layers.sigmoid import sigmoid, sigmoid_backward
from ...layers.softmax_cross_entropy import softmax_cross_entropy, softmax_cross_entropy_backward
from ...layers.tanh import tanh, tanh_backward
from ...layers.zero_pad2d import zero_pad2d, zero_pad2d_backward
from ...numeric import Array, constant
from ..claim import Case, Claim, Sides, claim
from ..given import EPS, Given, Variance, variances
from ..radical import plain, radicals
from . import symbols

Forward = Callable[..., Array]
Backward = Callable[..., tuple[Array | None, ...]]
ARRAYS = ("x", "weight", "bias", "gamma", "beta", "mean", "inv_std")
as_constants = np.frompyfunc(Dual, 1, 1)


def _backward_is_the_derivative(forward: Forward, backward: Backward, dy: Array, arrays: Any, options: Any) -> Sides:
    duals = [_dual(str(i), array) for i, array in enumerate(arrays)]
    loss: Any = np.sum(np.asarray(as_constants(dy) * forward(*duals, **options)))
    derivatives = tuple(plain(gradient(loss, str(i), array.shape)) for i, array in enumerate(arrays))
    return derivatives, tuple(plain(d) for d in backward(dy, *arrays, **options) if d is not None)


def _dual(name: str, array: Array) -> Array:
    """Dual variables. For a formal variance with the inverse root r, r²(σ² + ε) = 1 gives r′ = −r³/2."""
    if not isinstance(array.flat[0], Variance):
        return dual_variables(name, array)
    r = np.array([variance.inv_std for variance in array])
    duals = [Dual(one, {(name, (i,)): -one * one * one / 2}) for i, one in enumerate(r)]
    return variances(np.array(duals, object), array.flat[0].eps)


def _arguments(forward: Forward, backward: Backward) -> Callable[..., tuple[Any, ...]]:
    def arguments(given: Given, **case: Any) -> tuple[Any, ...]:
        """The two functions, dY, the arrays (the case gives their shapes by name) and the options."""
        options = {name: value for name, value in case.items() if name not in ARRAYS}
        x, *others = [name for name in ARRAYS if name in case]
        arrays = [given.image(*case[x]), *(given.array(name, *case[name], neutral=1) for name in others)]
        y = forward(*(np.zeros(array.shape) for array in arrays), **options)
        return forward, backward, given.array("dy", *y.shape, neutral=1), arrays, options

    return arguments


def _with_root(given: Given, x: tuple[int, ...]) -> tuple[Any, ...]:
    """dY, X, γ and β as radicals, which have formal roots, and eps."""
    shapes = {"dy": x, "x": x, "γ": x[1:2], "β": x[1:2]}
    return *(radicals(given.array(name, *shape, neutral=int(name == "γ"))) for name, shape in shapes.items()), EPS


def _train(given: Given, x: tuple[int, ...]) -> tuple[Any, ...]:
    dy, *arrays, eps = _with_root(given, x)
    return batch_norm2d_train, batch_norm2d_train_backward, dy, arrays, {"eps": eps}


def _evaluation(given: Given, x: tuple[int, ...]) -> tuple[Any, ...]:
    """X, γ, β, μ and a formal σ², given by 1/√(σ² + ε)."""
    arrays = [given.array("x", *x), *(given.array(name, x[1], neutral=1) for name in ("γ", "β", "μ"))]
    var = variances(given.array("r", x[1], neutral=1, positive=True), EPS)
    return batch_norm2d, batch_norm2d_backward, given.array("dy", *x), [*arrays, var], {"eps": EPS}


def _cross_entropy(given: Given, x: tuple[int, int], reduction: str) -> tuple[Any, ...]:
    options = {"target": np.arange(x[0]) % x[1], "reduction": reduction}
    return softmax_cross_entropy, softmax_cross_entropy_backward, given.array("dy"), [given.image(*x)], options


def _gradient(forward: Forward, backward: Backward, *cases: Case, **fields: Any) -> Claim:
    defaults = {"arguments": _arguments(forward, backward), "law": _backward_is_the_derivative}
    function = forward.__name__.replace("_", r"\_")
    return Claim(
        name=forward.__name__.replace("_", "-") + "-gradient",
        statement=rf"\mathtt{{{function}\_backward}}(dY, X, \dots) ="
        rf" \partial\,\langle dY,\ \mathtt{{{function}}}(X, \dots)\rangle",
        source="the definition of a gradient",
        cases=cases,
        **defaults | fields,
    )


CONV = {"x": (2, 2, 3, 3), "weight": (2, 2, 2, 2), "bias": (2,)}
ROOT = r"$r = 1/\sqrt{\sigma^2+\varepsilon}$ enters only by $r^2(\sigma^2+\varepsilon) = 1$, which gives $r' = -r^3/2$"
POINTS = ({"x": (64,)}, {"x": (8, 10)})
TRAIN = ({"x": (1, 1, 1, 2)}, {"x": (2, 2, 1, 2)})

IMAGES = ("N", "C", "H", "W")
OPTIONS = {"stride": ("sh", "sw"), "dilation": ("dh", "dw"), "padding": symbols.PADDING}
CONV_SYMBOLS = symbols.with_where(
    {"x": ("N", "g*C", "H", "W"), "weight": ("g*K", "C", "kh", "kw"), "groups": "g", **OPTIONS}, *symbols.fits()
)
DEPTHWISE_SYMBOLS = symbols.with_where({"x": IMAGES, "weight": ("C*M", 1, "kh", "kw"), **OPTIONS}, *symbols.fits())
TRANSPOSED_SYMBOLS = symbols.with_where(
    {"x": ("N", "g*C", "H", "W"), "weight": ("g*C", "K", "kh", "kw"), "groups": "g", **OPTIONS},
    *symbols.transposed_fits(),
)
POOL_SYMBOLS = symbols.with_where(
    {"x": IMAGES, "kernel_size": ("kh", "kw"), "stride": ("sh", "sw"), "padding": symbols.PADDING},
    *symbols.fits(dilated=False),
)

conv2d_gradient = _gradient(
    conv2d,
    conv2d_backward,
    {"x": (1, 1, 1, 2), "weight": (1, 1, 1, 2), "bias": (1,)},
    CONV,
    {"x": (1, 2, 4, 3), "weight": (2, 2, 2, 2), "stride": (2, 1), "padding": ((1, 0), (0, 1)), "dilation": (2, 1)},
    {"x": (1, 4, 2, 2), "weight": (2, 2, 2, 1), "bias": (2,), "groups": 2, "padding": "same"},
    vary={
        "x": ((1, 2, 3, 3), (2, 2, 3, 4)),
        "weight": ((2, 1, 2, 2), (2, 1, 1, 3)),
        "groups": (2,),
        "stride": (1, (2, 1)),
        "padding": (0, 1, "same"),
    },
    every_shape=(CONV_SYMBOLS, CONV_SYMBOLS | {"bias": ("g*K",)}),
)

depthwise_conv2d_gradient = _gradient(
    depthwise_conv2d,
    depthwise_conv2d_backward,
    {"x": (2, 2, 2, 3), "weight": (4, 1, 2, 2), "bias": (4,), "stride": (1, 2), "padding": ((0, 1), (1, 0))},
    {"x": (1, 2, 3, 3), "weight": (2, 1, 2, 2), "dilation": 2},
    vary={"x": ((1, 2, 3, 3), (2, 2, 3, 4)), "weight": ((2, 1, 2, 2), (4, 1, 1, 3)), "padding": (0, 1, "same")},
    every_shape=(DEPTHWISE_SYMBOLS | {"bias": ("C*M",)},),
)

conv_transpose2d_gradient = _gradient(
    conv_transpose2d,
    conv_transpose2d_backward,
    {"x": (2, 2, 2, 2), "weight": (2, 1, 2, 2), "bias": (1,), "stride": 2, "output_padding": 1},
    {"x": (1, 4, 1, 2), "weight": (4, 1, 2, 2), "bias": (2,), "groups": 2, "padding": ((0, 1), (1, 0)), "dilation": 2},
    vary={"x": ((1, 2, 2, 2), (2, 2, 1, 3)), "weight": ((2, 1, 2, 2), (2, 2, 1, 3)), "stride": (1, 2)},
    every_shape=(TRANSPOSED_SYMBOLS | {"bias": ("g*K",)},),
)

linear_gradient = _gradient(
    linear,
    linear_backward,
    {"x": (2, 3), "weight": (2, 3), "bias": (2,)},
    {"x": (1, 2), "weight": (3, 2)},
    vary={"x": ((1, 2), (3, 2)), "weight": ((1, 2), (4, 2))},
    every_shape=({"x": ("N", "C"), "weight": ("K", "C"), "bias": ("K",)},),
)

flatten_gradient = _gradient(
    flatten,
    flatten_backward,
    {"x": (2, 2, 2, 3)},
    vary={"x": ((1, 1, 2, 2), (2, 3, 1, 2))},
    every_shape=({"x": IMAGES},),
)

zero_pad2d_gradient = _gradient(
    zero_pad2d,
    zero_pad2d_backward,
    {"x": (2, 1, 2, 2), "padding": ((1, 0), (2, 1))},
    vary={"x": ((1, 1, 2, 2), (2, 3, 1, 2)), "padding": (0, 1, ((0, 2), (1, 0)))},
    every_shape=({"x": IMAGES, "padding": symbols.PADDING},),
)

avg_pool2d_gradient = _gradient(
    avg_pool2d,
    avg_pool2d_backward,
    {"x": (1, 1, 2, 2), "kernel_size": 2},
    {"x": (2, 2, 3, 4), "kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 1), "count_include_pad": False},
    {"x": (1, 1, 4, 5), "kernel_size": 3, "stride": 2, "padding": ((0, 1), (1, 0)), "ceil_mode": True},
    vary={
        "x": ((1, 1, 3, 4), (2, 2, 4, 3)),
        "kernel_size": (2, 3),
        "stride": (1, 2, None),
        "padding": (0, 1),
        "ceil_mode": (False, True),
        "count_include_pad": (False, True),
    },
    every_shape=tuple(POOL_SYMBOLS | {"count_include_pad": counted} for counted in (True, False)),
)

global_avg_pool2d_gradient = _gradient(
    global_avg_pool2d,
    global_avg_pool2d_backward,
    {"x": (2, 2, 3, 2)},
    vary={"x": ((1, 1, 2, 2), (2, 3, 1, 2))},
    every_shape=({"x": IMAGES},),
)

normalize2d_gradient = _gradient(
    normalize2d,
    normalize2d_backward,
    {"x": (1, 1, 1, 1), "gamma": (1,), "beta": (1,), "mean": (1,), "inv_std": (1,)},
    {"x": (2, 2, 2, 2), "gamma": (2,), "beta": (2,), "mean": (2,), "inv_std": (2,)},
    vary=dict.fromkeys(ARRAYS[3:], ((2,),)) | {"x": ((1, 2, 1, 1), (2, 2, 2, 3))},
    every_shape=(dict.fromkeys(ARRAYS[3:], ("C",)) | {"x": IMAGES},),
)

batch_norm2d_gradient = _gradient(
    batch_norm2d,
    batch_norm2d_backward,
    {"x": (1, 1, 1, 1)},
    {"x": (2, 2, 2, 3)},
    arguments=_evaluation,
    conditions=ROOT,
    vary={"x": ((1, 1, 1, 2), (2, 3, 2, 2))},
    every_shape=({"x": IMAGES},),
)

batch_norm2d_train_gradient = _gradient(
    batch_norm2d_train,
    batch_norm2d_train_backward,
    *TRAIN,
    arguments=_train,
    conditions=ROOT,
    vary={"x": ((1, 1, 1, 3), (2, 1, 2, 2), (3, 2, 1, 1))},
)

relu_gradient = _gradient(
    relu,
    relu_backward,
    {"x": (1, 1)},
    {"x": (1, 3)},
    method="orders",
    conditions="off the kink",
    vary={"x": ((1, 1), (1, 2), (1, 3))},
)

max_pool2d_gradient = _gradient(
    max_pool2d,
    max_pool2d_backward,
    {"x": (1, 1, 1, 2), "kernel_size": (1, 2)},
    {"x": (1, 1, 2, 2), "kernel_size": 2, "stride": 1, "padding": 1},
    {"x": (1, 1, 1, 4), "kernel_size": (1, 2), "stride": (1, 1), "dilation": (1, 2)},
    method="orders",
    conditions="no ties; every window contains a pixel",
    vary={
        "x": ((1, 1, 2, 2), (1, 1, 1, 4)),
        "kernel_size": ((1, 2), (1, 3)),
        "stride": (1, None),
        "padding": (0, (0, 1)),
    },
)

sigmoid_gradient = _gradient(sigmoid, sigmoid_backward, *POINTS, method="exponentials", vary={"x": ((60,), (9, 8))})

tanh_gradient = _gradient(tanh, tanh_backward, *POINTS, method="exponentials", vary={"x": ((60,), (9, 8))})

softmax_cross_entropy_gradient = _gradient(
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
    {"x": (1, 2), "reduction": "sum"},
    {"x": (3, 4), "reduction": "mean"},
    arguments=_cross_entropy,
    method="50 digits",
    vary={"x": ((1, 2), (2, 5), (4, 3)), "reduction": ("mean", "sum")},
)


@claim(
    "batch-norm-train-orthogonal",
    source="Ioffe & Szegedy (arXiv:1502.03167)",
    arguments=_with_root,
    cases=TRAIN,
    conditions=ROOT,
    vary={"x": ((1, 1, 1, 3), (2, 1, 2, 2), (3, 2, 1, 1))},
)
def batch_norm_train_gradient_is_orthogonal(dy: Array, x: Array, gamma: Array, beta: Array, eps: Any) -> Sides:
    r"""
    \sum dX = 0,\quad \sum dX\,\hat x = \gamma\,r\,(1 - r^2\sigma^2) \sum dY\,\hat x
    = \varepsilon\,\gamma\,r^3 \sum dY\,\hat x, \text{ which is } 0 \text{ at } \varepsilon = 0
    """
    dx, dgamma, _ = batch_norm2d_train_backward(dy, x, gamma, beta, eps=eps)
    mean, var = batch_statistics(x)
    r = 1 / np.sqrt(var + constant(eps, var))
    x_hat = (x - mean[:, None, None]) * r[:, None, None]
    sums = plain(dx.sum(axis=(0, 2, 3))), plain((dx * x_hat).sum(axis=(0, 2, 3)))
    return sums, (plain(dgamma - dgamma), plain(gamma * r * (1 - r * r * var) * dgamma))


@claim(
    "batch-norm-train-ones",
    source="batch-norm-train-orthogonal",
    arguments=_with_root,
    cases=TRAIN,
    vary={"x": ((1, 1, 1, 3), (2, 1, 2, 2))},
)
def batch_norm_train_gradient_of_ones_is_zero(dy: Array, x: Array, gamma: Array, beta: Array, eps: Any) -> Sides:
    r"""dY = 1 \implies dX = 0: \text{ a cotangent of ones tests nothing}"""
    dx, *_ = batch_norm2d_train_backward(dy * 0 + 1, x, gamma, beta, eps=eps)
    return plain(dx), plain(dx - dx)
