"""One row per layer function; every cross-cutting test runs over all rows.

As soon as a new layer has a row here, its adjoint, dtypes, aliasing, layout, empty batch, threads, gradient, … are
tested. Cases draw shapes and every option in the oracle's canonical form: pairs, and padding as a pair of pairs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
from hypothesis import strategies as st

import nnref
from nnref.arithmetic import decimals, rational, rationals

Shapes = dict[str, tuple[int, ...] | None]
Arrays = dict[str, Any]
Options = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """Shapes of the arrays (None for an absent bias), options, and the seed of the values."""

    shapes: Shapes
    options: Options
    seed: int

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.seed)

    def with_batch(self, n: int) -> Case:
        """The same case with n samples."""
        options = dict(self.options)
        if "target" in options:
            options["target"] = np.resize(options["target"], n)
        return replace(self, shapes={**self.shapes, "x": (n, *self.shapes["x"][1:])}, options=options)


def floats(case: Case) -> tuple[Arrays, Options]:
    """Normal float64 values, with positive variances and an ordinary eps."""
    rng = case.rng()
    arrays = {name: None if shape is None else rng.normal(size=shape) for name, shape in case.shapes.items()}
    if "var" in arrays:
        arrays["var"] = abs(arrays["var"]) + 0.5
    return arrays, {**case.options, **({"eps": 1e-3} if "eps" in case.options else {})}


def fractions(case: Case) -> tuple[Arrays, Options]:
    """Small nonzero fractions, all different within an array."""
    rng = case.rng()
    return {n: None if s is None else fraction_array(rng, s) for n, s in case.shapes.items()}, case.options


def fraction_array(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    size = math.prod(shape)
    numerators = rng.choice([*range(-size - 8, 0), *range(1, size + 9)], size, replace=False).astype(int)
    return (rationals(numerators) / int(rng.integers(2, 8))).reshape(shape)


def with_rational_root(case: Case) -> tuple[Arrays, Options]:
    """As `fractions`, where var + eps is the square of a rational in every channel."""
    arrays, options = fractions(case)
    eps = rational("1/100")
    arrays["var"] = (abs(arrays["var"]) + eps) ** 2 - eps
    return arrays, {**options, "eps": eps}


def with_rational_batch_root(case: Case) -> tuple[Arrays, Options]:
    """As `fractions`, where the batch's variance + eps is the square of a rational, the same one in every channel.

    Channels are shuffled copies of one another, shifted and perhaps negated, so their means differ but their variances
    do not. A free eps makes training mode reachable: eps = s² − variance for any rational s that is large enough.
    """
    arrays, options = fractions(case)
    rng = case.rng()
    n, c, height, width = case.shapes["x"]
    if n:
        first = arrays["x"][:, 0].ravel()
        channels = [rng.permutation(first) * int(rng.choice([-1, 1])) + channel for channel in range(c)]
        arrays["x"] = np.stack(channels, axis=1).reshape(n, height, width, c).transpose(0, 3, 1, 2)
        mean = sum(first) / first.size
        variance = sum((first - mean) ** 2) / first.size
        root = rational(math.isqrt(math.ceil(float(variance))) + 1) + rational("1/3")
        options = {**options, "eps": root * root - variance}
    return arrays, options


def fifty_digit_values(case: Case) -> tuple[Arrays, Options]:
    """Fractions as Decimals. Call this, and compute with the result, inside `fifty_digits`."""
    arrays, options = fractions(case)
    return {name: None if array is None else decimals(array) for name, array in arrays.items()}, options


@dataclass(frozen=True)
class Row:
    """What the cross-cutting tests need to know about a layer function.

    proof : how its gradient is proved, "symbolic" (polynomials: for all values), "rational" (exactly, at a point off
        the kinks) or "fifty digits"
    multilinear_in : the arrays in which the function is affine while the other arrays are fixed
    """

    name: str
    cases: st.SearchStrategy[Case]
    proof: str
    multilinear_in: tuple[str, ...] = ()
    layer: type[nnref.Layer] | None = None
    training: bool = True
    batch_independent: bool = True
    exact_values: Callable[[Case], tuple[Arrays, Options]] = fractions

    @property
    def forward(self) -> Callable[..., Any]:
        return getattr(nnref, self.name)

    @property
    def backward(self) -> Callable[..., Any]:
        return getattr(nnref, f"{self.name}_backward")

    @property
    def rational(self) -> bool:
        """Whether the layer maps rationals to rationals."""
        return self.proof != "fifty digits"

    def bind(self, arrays: Arrays, options: Options) -> nnref.Layer:
        """The layer class with all arrays but x as its parameters and buffers."""
        assert self.layer is not None
        names = [*self.layer.parameter_names, *self.layer.buffer_names]
        given = dict(zip(names, list(arrays.values())[1:], strict=False))
        if self.name == "batch_norm2d_train":
            given |= {"running_mean": arrays["beta"] * 0, "running_var": arrays["beta"] * 0 + 1}
        return self.layer.from_arrays(**given, options=options).train(self.training)


def draw_dy(case: Case, y: Any) -> Any:
    """A random cotangent of y, in the dtype of y or as small fractions in its arithmetic."""
    rng = np.random.default_rng(case.seed + 1)
    if y.dtype != object:
        return rng.normal(size=y.shape).astype(y.dtype)
    dy = fraction_array(rng, y.shape)
    return decimals(dy) if isinstance(y.flat[0], Decimal) else dy


# strategies

SEEDS = st.integers(0, 2**32 - 1)
ONE_TO_TWO, ONE_TO_THREE, UP_TO_TWO = st.integers(1, 2), st.integers(1, 3), st.integers(0, 2)


@st.composite
def axis_geometry(draw: st.DrawFn, dilations: st.SearchStrategy[int]) -> tuple[Any, ...]:
    """(size, kernel, stride, (before, after), dilation) along one axis, where at least one window fits."""
    kernel, stride, dilation = draw(ONE_TO_THREE), draw(ONE_TO_THREE), draw(dilations)
    pad = draw(st.tuples(UP_TO_TWO, UP_TO_TWO))
    size = max(1, dilation * (kernel - 1) + 1 - sum(pad)) + draw(UP_TO_TWO)
    return size, kernel, stride, pad, dilation


@st.composite
def geometry(draw: st.DrawFn, dilations: st.SearchStrategy[int] = ONE_TO_TWO) -> tuple[Any, Any, Options]:
    """((H, W), (kh, kw), stride, padding and dilation)."""
    axes = [draw(axis_geometry(dilations)) for _ in range(2)]
    sizes, kernels, strides, pads, spreads = zip(*axes, strict=True)
    return sizes, kernels, {"stride": strides, "padding": pads, "dilation": spreads}


@st.composite
def conv2d_cases(draw: st.DrawFn) -> Case:
    image, kernel, options = draw(geometry())
    groups = draw(ONE_TO_TWO)
    per_group, filters = draw(ONE_TO_TWO), groups * draw(ONE_TO_TWO)
    shapes = {
        "x": (draw(ONE_TO_TWO), groups * per_group, *image),
        "weight": (filters, per_group, *kernel),
        "bias": draw(st.sampled_from([None, (filters,)])),
    }
    return Case(shapes, {**options, "groups": groups}, draw(SEEDS))


@st.composite
def depthwise_conv2d_cases(draw: st.DrawFn) -> Case:
    image, kernel, options = draw(geometry())
    channels = draw(ONE_TO_TWO)
    filters = channels * draw(ONE_TO_TWO)
    shapes = {
        "x": (draw(ONE_TO_TWO), channels, *image),
        "weight": (filters, 1, *kernel),
        "bias": draw(st.sampled_from([None, (filters,)])),
    }
    return Case(shapes, options, draw(SEEDS))


@st.composite
def conv_transpose2d_cases(draw: st.DrawFn) -> Case:
    kernel, stride, dilation = (draw(st.tuples(each, each)) for each in (ONE_TO_THREE, ONE_TO_THREE, ONE_TO_TWO))
    extra = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    padding, image = [], []
    for k, s, d, more in zip(kernel, stride, dilation, extra, strict=True):
        size = draw(ONE_TO_THREE)
        room = (size - 1) * s + d * (k - 1) + more  # pixels that may be cut, so that at least one is left
        before = draw(st.integers(0, min(2, room)))
        padding.append((before, draw(st.integers(0, min(2, room - before)))))
        image.append(size)
    groups = draw(ONE_TO_TWO)
    channels, per_group = groups * draw(ONE_TO_TWO), draw(ONE_TO_TWO)
    shapes = {
        "x": (draw(ONE_TO_TWO), channels, *image),
        "weight": (channels, per_group, *kernel),
        "bias": draw(st.sampled_from([None, (groups * per_group,)])),
    }
    options = {"stride": stride, "padding": tuple(padding), "output_padding": extra}
    return Case(shapes, {**options, "dilation": dilation, "groups": groups}, draw(SEEDS))


IMAGES = st.tuples(ONE_TO_TWO, ONE_TO_TWO, ONE_TO_THREE, ONE_TO_THREE)


@st.composite
def image_cases(draw: st.DrawFn, per_channel: tuple[str, ...] = (), **options: st.SearchStrategy[Any]) -> Case:
    """An image, arrays with one number per channel, and options."""
    x = draw(IMAGES)
    shapes = {"x": x, **dict.fromkeys(per_channel, (x[1],))}
    return Case(shapes, {name: draw(values) for name, values in options.items()}, draw(SEEDS))


@st.composite
def avg_pool2d_cases(draw: st.DrawFn) -> Case:
    image, kernel, options = draw(geometry(dilations=st.just(1)))
    del options["dilation"]
    options |= {"kernel_size": kernel, "ceil_mode": draw(st.booleans()), "count_include_pad": draw(st.booleans())}
    return Case({"x": (draw(ONE_TO_TWO), draw(ONE_TO_TWO), *image)}, options, draw(SEEDS))


@st.composite
def max_pool2d_cases(draw: st.DrawFn) -> Case:
    image, kernel, options = draw(geometry())
    options |= {"kernel_size": kernel, "ceil_mode": draw(st.booleans())}
    return Case({"x": (draw(ONE_TO_TWO), draw(ONE_TO_TWO), *image)}, options, draw(SEEDS))


@st.composite
def any_shape_cases(draw: st.DrawFn, **options: st.SearchStrategy[Any]) -> Case:
    shape = draw(st.lists(ONE_TO_THREE, min_size=1, max_size=4).map(tuple))
    return Case({"x": shape}, {name: draw(values) for name, values in options.items()}, draw(SEEDS))


@st.composite
def linear_cases(draw: st.DrawFn) -> Case:
    n, inputs, outputs = draw(st.tuples(ONE_TO_THREE, ONE_TO_THREE, ONE_TO_THREE))
    bias = draw(st.sampled_from([None, (outputs,)]))
    return Case({"x": (n, inputs), "weight": (outputs, inputs), "bias": bias}, {}, draw(SEEDS))


@st.composite
def softmax_cross_entropy_cases(draw: st.DrawFn) -> Case:
    n, classes = draw(ONE_TO_THREE), draw(ONE_TO_THREE)
    target = np.array(draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n)))
    return Case(
        {"x": (n, classes)}, {"target": target, "reduction": draw(st.sampled_from(["mean", "sum"]))}, draw(SEEDS)
    )


WITH_BIAS = ("x", "weight", "bias")
PADDINGS = st.tuples(*[st.tuples(UP_TO_TWO, UP_TO_TWO)] * 2)

ROWS = [
    Row("conv2d", conv2d_cases(), "symbolic", WITH_BIAS, nnref.Conv2d),
    Row("depthwise_conv2d", depthwise_conv2d_cases(), "symbolic", WITH_BIAS, nnref.DepthwiseConv2d),
    Row("conv_transpose2d", conv_transpose2d_cases(), "symbolic", WITH_BIAS, nnref.ConvTranspose2d),
    Row(
        "normalize2d",
        image_cases(("gamma", "beta", "mean", "inv_std")),
        "symbolic",
        ("x", "gamma", "beta", "mean", "inv_std"),
    ),
    Row(
        "batch_norm2d",
        image_cases(("gamma", "beta", "mean", "var"), eps=st.just(0)),
        "rational",
        ("x", "gamma", "beta", "mean"),
        nnref.BatchNorm2d,
        training=False,
        exact_values=with_rational_root,
    ),
    Row(
        "batch_norm2d_train",
        image_cases(("gamma", "beta"), eps=st.just(1)),
        "rational",
        ("gamma", "beta"),
        nnref.BatchNorm2d,
        batch_independent=False,
        exact_values=with_rational_batch_root,
    ),
    Row("avg_pool2d", avg_pool2d_cases(), "symbolic", ("x",), nnref.AvgPool2d),
    Row("max_pool2d", max_pool2d_cases(), "rational", (), nnref.MaxPool2d),
    Row("global_avg_pool2d", image_cases(), "symbolic", ("x",), nnref.GlobalAvgPool2d),
    Row("sigmoid", any_shape_cases(), "fifty digits", (), nnref.Sigmoid, exact_values=fifty_digit_values),
    Row("tanh", any_shape_cases(), "fifty digits", (), nnref.Tanh, exact_values=fifty_digit_values),
    Row("relu", any_shape_cases(), "rational", (), nnref.ReLU),
    Row("linear", linear_cases(), "symbolic", WITH_BIAS, nnref.Linear),
    Row("flatten", image_cases(), "symbolic", ("x",), nnref.Flatten),
    Row("zero_pad2d", image_cases(padding=PADDINGS), "symbolic", ("x",), nnref.ZeroPad2d),
    Row(
        "softmax_cross_entropy",
        softmax_cross_entropy_cases(),
        "fifty digits",
        (),
        nnref.SoftmaxCrossEntropy,
        batch_independent=False,
        exact_values=fifty_digit_values,
    ),
]
BY_NAME = {row.name: row for row in ROWS}
