"""Every bound is sound, for kernels of ours in any precision, and tight: inputs exist that reach a stated share of it.

A bound that is too small fails right kernels, one that is too large passes wrong ones. The share is what a drawn case
reaches on nnref's layers or on the plain loops, whichever is further off; for sums, what the worst order reaches.
"""

import numpy as np
import pytest

import nnref
from nnref.bounds import activations, batch_norm, convolution, pooling
from nnref.oracle import OPERATIONS, Declaration
from nnref.oracle.cases.case import MODES
from nnref.oracle.targets import definition
from nnref.oracle.targets.resolve import resolve

from .judged import WITH_ROUNDING, largest_margins

NNREF = resolve("nnref")
PRECISION = Declaration().precision("float32")
EXACT = {"max_pool2d", "relu", "relu_backward", "flatten", "flatten_backward", "zero_pad2d", "zero_pad2d_backward"}
SHARES = {
    "conv2d": 0.3,
    "conv2d_backward": 0.3,
    "batch_norm2d": 0.3,
    "batch_norm2d_backward": 0.25,
    "batch_norm2d_train": 0.25,
    "batch_norm2d_train_backward": 0.15,
    "normalize2d": 0.5,
    "normalize2d_backward": 0.5,
    "global_avg_pool2d_backward": 0.3,
    "max_pool2d_backward": 0.2,
    "sigmoid": 0.25,
    "sigmoid_backward": 0.15,
    "tanh": 0.3,
    "tanh_backward": 0.12,
    "softmax_cross_entropy": 0.1,
    "softmax_cross_entropy_backward": 0.1,
}


def names():
    for operation in OPERATIONS.values():
        for direction in operation.directions:
            yield operation.name if direction == "forward" else f"{operation.name}_backward"


def margins(name, **drawing):
    op = name.removesuffix("_backward")
    functions = {"nnref": getattr(NNREF, name), "definition": getattr(definition, name)}
    largest, judged = largest_margins(op, "forward" if op == name else "backward", functions, **drawing)
    assert min(judged.values()) >= 10
    return largest


def test_every_function_has_a_bound():
    for name in names():
        assert hasattr(OPERATIONS[name.removesuffix("_backward")].bounds, name)


ON_ARRAYS = [name for name in names() if name != "network"]  # that has its own tests


@pytest.mark.parametrize("name", ON_ARRAYS)
def test_sound_and_tight_enough_to_mean_something(name):
    largest = margins(name, examples=60)
    assert SHARES.get(name, 0) <= max(largest.values()) < 1
    assert name not in EXACT or not any(largest.values())


@pytest.mark.parametrize("name", ON_ARRAYS)
def test_sound_where_rounding_is_rare_or_data_are_special(name):
    margins(name, examples=12, modes=[mode for mode in MODES if mode not in WITH_ROUNDING])


@pytest.mark.parametrize("name", [name for name in ON_ARRAYS if name not in EXACT])
def test_sound_in_float64(name):
    """Against 50 digits: fewer cases, and smaller ones."""
    margins(name, dtype="float64", examples=20, largest=60)


def test_exact_operations_have_no_allowance():
    x, dy = np.array([[[[-1.0, 2.0]]]]), np.ones((1, 1, 1, 2))
    pool = {"kernel_size": (1, 1), "stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
    assert not activations.relu(x, precision=PRECISION).bound.any()
    assert not activations.relu_backward(dy, x, precision=PRECISION)[0].bound.any()
    assert not pooling.max_pool2d(x, **pool, ceil_mode=False, precision=PRECISION).bound.any()
    assert not pooling.flatten(x, precision=PRECISION).bound.any()
    assert not pooling.zero_pad2d(x, padding=((0, 0), (0, 0)), precision=PRECISION).bound.any()


def off_by_eight(function, x, sign):
    """A function of exps in float32 that uses up the stated assumption, all but the rounding of its result."""
    return (function(x.astype(np.float64)) * (1 + sign * 7.4 * 2.0**-24)).astype(np.float32)


def sigmoid_of_twice(x):
    return nnref.sigmoid(2 * x)


SLOPES = {  # layer, what is computed of x and of −x, and the slope from these
    "σ̂(1 − σ̂)": ("sigmoid", nnref.sigmoid, lambda y, other: y * (1 - y)),
    "σ̂ − σ̂²": ("sigmoid", nnref.sigmoid, lambda y, other: y - y * y),
    "σ(x)σ(−x)": ("sigmoid", nnref.sigmoid, lambda y, other: y * other),
    "1 − t̂²": ("tanh", nnref.tanh, lambda y, other: 1 - y * y),
    "(1 − t̂)(1 + t̂)": ("tanh", nnref.tanh, lambda y, other: (1 - y) * (1 + y)),
    "4σ(2x)σ(−2x)": ("tanh", sigmoid_of_twice, lambda y, other: 4 * y * other),
}


@pytest.mark.parametrize("form", SLOPES)
def test_slopes_that_use_up_the_assumption_reach_half_of_their_bound(form):
    layer, function, slope = SLOPES[form]
    x, dy, reached = np.linspace(-12, 12, 4001, dtype=np.float32), np.float32(0.7), 0.0
    name = f"{layer}_backward"
    x4 = x.astype(np.float64).reshape(1, 1, 1, -1)
    dy4 = np.full_like(x4, dy)
    (exact,), (allowance,) = getattr(nnref, name)(dy4, x4), getattr(activations, name)(dy4, x4, precision=PRECISION)
    for sign in (-1, 1):
        got = dy * slope(off_by_eight(function, x, sign), off_by_eight(function, -x, sign))
        reached = max(reached, share(got, exact, allowance))
    assert 0.5 < reached < 1


# One large value, then values that vanish behind it one by one: the plain loops lose them all.
N = 61
VANISHING = np.array([1.0, *[2.0**-24 * (1 - 2.0**-20)] * (N - 1)], np.float32)


def share(got, exact, allowance):
    return float((np.abs(got.astype(np.float64) - exact) / allowance.bound).max())


def wide(*arrays):
    return [array.astype(np.float64) for array in arrays]


def test_the_worst_order_of_linear_reaches_nine_tenths():
    x, weight = VANISHING[None], np.ones((1, N), np.float32)
    got, exact = definition.linear(x, weight, None), nnref.linear(*wide(x, weight))
    assert 0.9 < share(got, exact, convolution.linear(*wide(x, weight), None, precision=PRECISION)) < 1


def test_the_worst_order_of_a_convolution_reaches_nine_tenths():
    x, weight = VANISHING[None, :, None, None], np.ones((1, N, 1, 1), np.float32)
    options = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1), "groups": 1}
    got, exact = definition.conv2d(x, weight, None, **options), nnref.conv2d(*wide(x, weight))
    bound = convolution.conv2d(*wide(x, weight), None, **options, precision=PRECISION)
    assert 0.9 < share(got, exact, bound) < 1


def test_the_worst_order_of_a_global_average_reaches_nine_tenths():
    x = VANISHING[None, None, None]
    got, exact = definition.global_avg_pool2d(x), nnref.global_avg_pool2d(*wide(x))
    assert 0.9 < share(got, exact, pooling.global_avg_pool2d(*wide(x), precision=PRECISION)) < 1


@pytest.mark.parametrize(("mean", "least", "most"), [(3000, 100, 0.1), (100, 10, 1)])
def test_a_single_pass_variance_breaks_the_bound_of_two_and_keeps_its_own(mean, least, most):
    x = (mean + np.random.default_rng(0).standard_normal((1, 1, 2, 4))).astype(np.float32)
    gamma, beta, eps = np.ones(1), np.zeros(1), np.float32(1e-5)
    first, square = np.add.accumulate([x, x * x], axis=-1)[..., -1].sum(axis=(1, 2, 3)) / np.float32(8)
    got = (x - first) / np.sqrt(np.maximum(square - first * first, 0) + eps)
    given = (x.astype(np.float64), gamma, beta)
    exact = nnref.batch_norm2d_train(*given, eps=1e-5)
    two, one = (
        batch_norm.batch_norm2d_train(*given, eps=1e-5, precision=PRECISION, variance=variance)
        for variance in ("two-pass", "one-pass")
    )
    assert share(got, exact, two) > least
    assert share(got, exact, one) < most  # where the mean is large, the bound is that of any variance
