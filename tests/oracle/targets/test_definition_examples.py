"""The definition on examples small enough to check by hand, and on every kind of element."""

import ast
import inspect
import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import nnref
from nnref.bounds import format_of, gamma
from nnref.bounds.activations import EXP
from nnref.oracle import Declaration
from nnref.oracle.targets import definition

from .tolerance import assert_within, bounds_of, of_rounded_arguments

NAN, INF = np.nan, np.inf


def image(*rows):
    """One image with one channel: (1,1,H,W)."""
    return np.array([[rows]], dtype=np.float64)


def assert_same(got, expected):
    __tracebackhide__ = True
    np.testing.assert_array_equal(got, np.asarray(expected, dtype=np.float64), strict=True)


PLAIN = {"stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}
ROW = PLAIN | {"kernel_size": (1, 2)}  # pooling over two neighbours
MAX = ROW | {"ceil_mode": False}
AVG = {"kernel_size": (1, 2), "stride": (1, 1), "padding": ((0, 0), (0, 0)), "ceil_mode": False}
ONE = np.array([1.0])


# convolution: two taps 10, 1 on the row 1 2 3


def test_conv2d():
    x, weight, dy = image([1, 2, 3]), image([10, 1]), image([1, 100])
    y = definition.conv2d(x, weight, np.array([5.0]), groups=1, **PLAIN)
    assert_same(y, image([5 + 10 + 2, 5 + 20 + 3]))
    dx, dweight, dbias = definition.conv2d_backward(dy, x, weight, ONE, groups=1, **PLAIN)
    assert_same(dx, image([10, 1 + 1000, 100]))
    assert_same(dweight, image([1 + 200, 2 + 300]))
    assert_same(dbias, [101])


def test_conv2d_with_every_option():
    """Stride 2, dilation 2, one pixel of padding on the left: windows (-1, 1) and (1, 3)."""
    options = {"stride": (1, 2), "padding": ((0, 0), (1, 0)), "dilation": (1, 2), "groups": 2}
    x = np.concatenate([image([1, 2, 3, 4]), image([5, 6, 7, 8])], axis=1)
    weight = np.concatenate([image([10, 1]), image([100, 1])])
    y = definition.conv2d(x, weight, None, **options)
    assert_same(y, [[[[2, 20 + 4]], [[6, 600 + 8]]]])
    assert definition.conv2d_backward(y, x, weight, None, **options)[2] is None


def test_depthwise_conv2d_has_several_filters_per_channel():
    x = np.concatenate([image([2]), image([3])], axis=1)
    weight = np.array([1.0, 10.0, 100.0, 1000.0]).reshape(4, 1, 1, 1)
    assert_same(definition.depthwise_conv2d(x, weight, None, **PLAIN), [[[[2]], [[20]], [[300]], [[3000]]]])
    dy = np.ones((1, 4, 1, 1))
    dx, dweight, _ = definition.depthwise_conv2d_backward(dy, x, weight, None, **PLAIN)
    assert_same(dx, [[[[11]], [[1100]]]])
    assert_same(dweight.ravel(), [2, 2, 3, 3])


def test_conv_transpose2d():
    """Every pixel stamps the kernel 10 1; output_padding adds a last pixel that no stamp reaches."""
    options = PLAIN | {"stride": (1, 2), "output_padding": (0, 1), "groups": 1}
    x, weight, dy = image([1, 2]), image([10, 1]), image([1, 2, 3, 4, 5])
    y = definition.conv_transpose2d(x, weight, np.array([100.0]), **options)
    assert_same(y, image([110, 101, 120, 102, 100]))
    dx, dweight, dbias = definition.conv_transpose2d_backward(dy, x, weight, ONE, **options)
    assert_same(dx, image([10 + 2, 30 + 4]))
    assert_same(dweight, image([1 + 6, 2 + 8]))
    assert_same(dbias, [15])


# batch norm: x = 1 3, mean 2, variance 1, eps 3, so that the root is 2


def test_batch_norm2d():
    parameters = [np.array([v]) for v in (4.0, 7.0, 2.0, 1.0)]  # gamma, beta, mean, var
    x, dy = image([1, 3]), image([1, 10])
    assert_same(definition.batch_norm2d(x, *parameters, eps=3.0), image([7 - 2, 7 + 2]))
    got = definition.batch_norm2d_backward(dy, x, *parameters, eps=3.0)
    # dvar = -sum dy*gamma*(x - mean) / (2 * 2^3) = -(10 - 1)*4 / 16
    for part, expected in zip(got, (image([2, 20]), [4.5], [11], [-22], [-2.25]), strict=True):
        assert_same(part, expected)


def test_batch_norm2d_train():
    x, gamma, beta, dy = image([1, 3]), np.array([4.0]), np.array([7.0]), image([1, 10])
    assert_same(definition.batch_norm2d_train(x, gamma, beta, eps=3.0), image([5, 9]))
    dx, dgamma, dbeta = definition.batch_norm2d_train_backward(dy, x, gamma, beta, eps=3.0)
    # dxhat = 4 40, dsigma2 = -2.25, dmu = -22: dx = 2 + 2.25 - 11 and 20 - 2.25 - 11
    assert_same(dx, image([-6.75, 6.75]))
    assert_same(dgamma, [4.5])
    assert_same(dbeta, [11])


def test_normalize2d():
    parameters = [np.array([v]) for v in (4.0, 7.0, 2.0, 0.5)]  # gamma, beta, mean, inv_std
    x, dy = image([1, 3]), image([1, 10])
    assert_same(definition.normalize2d(x, *parameters), image([5, 9]))
    got = definition.normalize2d_backward(dy, x, *parameters)
    for part, expected in zip(got, (image([2, 20]), [4.5], [11], [-22], [36]), strict=True):
        assert_same(part, expected)


# pooling


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [3, 6]),
        ({"padding": ((0, 0), (1, 0)), "count_include_pad": True}, [1, 3, 6]),
        ({"padding": ((0, 0), (1, 0)), "count_include_pad": False}, [2, 3, 6]),
        ({"stride": (1, 2), "ceil_mode": True}, [3, 8]),  # the tap beyond the image does not count
        ({"stride": (1, 3), "ceil_mode": True}, [3]),  # a window that starts beyond it is dropped
        (
            {"padding": ((0, 0), (2, 0)), "count_include_pad": False},
            [0, 2, 3, 6],
        ),  # nothing counted
    ],
)
def test_avg_pool2d(options, expected):
    options = AVG | {"count_include_pad": True} | options
    assert_same(definition.avg_pool2d(image([2, 4, 8]), **options), image(expected))


def test_avg_pool2d_backward():
    options = AVG | {"padding": ((0, 0), (2, 0)), "count_include_pad": False}
    (dx,) = definition.avg_pool2d_backward(image([100, 1, 2, 4]), image([2, 4, 8]), **options)
    assert_same(dx, image([1 + 1, 1 + 2, 2]))  # the 100 of the empty window goes nowhere


@pytest.mark.parametrize(
    ("row", "y", "dx"),
    [
        ([1, 3, 2], [3, 3], [0, 11, 0]),
        ([3, 3, 3], [3, 3], [1, 10, 0]),  # ties: the first
        ([NAN, NAN, 1], [NAN, NAN], [0, 11, 0]),  # the last NaN
        ([NAN, 5, 1], [NAN, 5], [1, 10, 0]),
        ([-INF, -INF, -INF], [-INF, -INF], [1, 10, 0]),
        ([INF, NAN, INF], [NAN, NAN], [0, 11, 0]),
    ],
)
def test_max_pool2d(row, y, dx):
    assert_same(definition.max_pool2d(image(row), **MAX), image(y))
    assert_same(definition.max_pool2d_backward(image([1, 10]), image(row), **MAX)[0], image(dx))


def test_max_pool2d_pads_with_minus_infinity():
    options = MAX | {"padding": ((0, 0), (2, 1))}
    x, dy = image([-5, -INF]), image([1, 10, 100, 1000])
    assert_same(definition.max_pool2d(x, **options), image([-INF, -5, -5, -INF]))
    (dx,) = definition.max_pool2d_backward(dy, x, **options)
    assert_same(dx, image([110, 1000]))  # the 1 goes nowhere, the 1000 to the pixel, not the padding


def test_max_pool2d_with_dilation_and_ceil_mode():
    options = MAX | {"dilation": (1, 2), "stride": (1, 2), "ceil_mode": True}
    x = image([4, 9, 1, 9, 2, 9, 3])
    assert_same(definition.max_pool2d(x[..., :6], **options), image([4, 2, 2]))
    assert_same(definition.max_pool2d(x, **options), image([4, 2, 3]))


def test_global_avg_pool2d():
    x = image([1, 2], [3, 10])
    assert_same(definition.global_avg_pool2d(x), image([4]))
    assert_same(definition.global_avg_pool2d_backward(image([4]), x)[0], image([1, 1], [1, 1]))


# activations


def test_relu():
    x = np.array([-2.0, -0.0, 0.0, 3.0, NAN, -INF, INF])
    dy = np.arange(1.0, 8.0)
    assert_same(definition.relu(x), [0, 0, 0, 3, NAN, 0, INF])
    assert_same(definition.relu_backward(dy, x)[0], [0, 0, 0, 4, 5, 0, 7])


def test_sigmoid():
    x = np.array([0.0, math.log(3), -math.log(3), INF, -INF, NAN, 800.0, -800.0])
    y = [0.5, 0.75, 0.25, 1, 0, NAN, 1, 0]
    slope = [0.25, 0.1875, 0.1875, 0, 0, NAN, 0, 0]
    dy = np.full(8, 2.0)
    (dx,) = definition.sigmoid_backward(dy, x)
    bound, slope_bound = bounds_of("sigmoid", dy, [x], of_rounded_arguments())
    assert_within(definition.sigmoid(x), y, bound)
    assert_within(dx, 2 * np.array(slope), slope_bound)


def test_tanh():
    x = np.array([0.0, math.log(2), -math.log(2), 1e-300, INF, -INF, NAN])
    y = [0, 0.6, -0.6, 1e-300, 1, -1, NAN]
    dy = np.full(7, 2.0)
    (dx,) = definition.tanh_backward(dy, x)
    bound, slope_bound = bounds_of("tanh", dy, [x], of_rounded_arguments())
    assert_within(definition.tanh(x), y, bound)
    assert_within(dx, [2, 1.28, 1.28, 2, 0, 0, NAN], slope_bound)


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_slopes_are_relatively_exact_far_out(name):
    """Where 1 - y rounds to 0 the slope does not: two exp, two sums of 1 + exp, two quotients, two products."""
    x = np.array([3.0, -20.0, 40.0, -300.0])
    exact = np.array([Decimal(v) for v in x])
    backward = getattr(definition, name + "_backward")
    (got,), (expected,) = backward(np.ones(4), x), backward(np.array([Decimal(1)] * 4), exact)
    expected = expected.astype(np.float64)
    assert_within(got, expected, gamma(2 * EXP + 6, 2.0**-53) * expected)
    assert (got > 0).all()


# head


def test_linear():
    x, weight, dy = (
        np.array([[1.0, 2.0]]),
        np.array([[10.0, 1.0], [3.0, 4.0]]),
        np.array([[1.0, 10.0]]),
    )
    bias = np.array([100.0, 200.0])
    assert_same(definition.linear(x, weight, bias), [[112, 211]])
    dx, dweight, dbias = definition.linear_backward(dy, x, weight, bias)
    assert_same(dx, [[40, 41]])
    assert_same(dweight, [[1, 2], [10, 20]])
    assert_same(dbias, [1, 10])
    assert definition.linear_backward(dy, x, weight, None)[2] is None


def test_flatten():
    x = np.arange(8.0).reshape(1, 2, 2, 2)
    assert_same(definition.flatten(x), [[0, 1, 2, 3, 4, 5, 6, 7]])
    assert_same(definition.flatten_backward(definition.flatten(x), x)[0], x)


def test_zero_pad2d():
    options = {"padding": ((1, 0), (0, 2))}
    y = definition.zero_pad2d(image([5]), **options)
    assert_same(y, image([0, 0, 0], [5, 0, 0]))
    dy = image([1, 2, 3], [4, 5, 6])
    assert_same(definition.zero_pad2d_backward(dy, image([5]), **options)[0], image([4]))


@pytest.mark.parametrize(("reduction", "rows"), [("mean", 2), ("sum", 1)])
def test_softmax_cross_entropy(reduction, rows):
    """softmax of 0, ln 3 is 1/4, 3/4; a shift by 1000 changes nothing."""
    x = np.array([[0.0, math.log(3)], [1000.0, 1000.0 + math.log(3)]])
    options = {"target": np.array([0, 1]), "reduction": reduction}
    loss = definition.softmax_cross_entropy(x, **options)
    assert loss.shape == ()
    (dx,) = definition.softmax_cross_entropy_backward(np.float64(2), x, **options)
    bound, slope_bound = bounds_of("softmax_cross_entropy", np.float64(2), [x], of_rounded_arguments(), **options)
    assert_within(loss, (math.log(4) + math.log(4 / 3)) / rows, bound)
    assert_within(dx, np.array([[-1.5, 1.5], [0.5, -0.5]]) / rows, slope_bound)


# folds: scales 4 / sqrt(1 + 3) = 2 and 9 / sqrt(6 + 3) = 3


def test_fold_conv_batch_norm():
    gamma, beta, mean, var = np.array([[4.0, 9.0], [7.0, 8.0], [2.0, 1.0], [1.0, 6.0]])
    weight = np.array([1.0, 10.0]).reshape(2, 1, 1, 1)
    options = {"eps": 3.0}
    folded, bias = definition.fold_conv_batch_norm(weight, np.array([5.0, 6.0]), gamma, beta, mean, var, **options)
    assert_same(folded.ravel(), [2, 30])
    assert_same(bias, [2 * (5 - 2) + 7, 3 * (6 - 1) + 8])
    _, bias = definition.fold_conv_batch_norm(weight, None, gamma, beta, mean, var, **options)
    assert_same(bias, [7 - 4, 8 - 3])


def test_fold_conv_transpose_batch_norm_scales_the_second_axis_group_by_group():
    """Two groups of one filter and two channels: scales 1 2 | 3 4."""
    gamma, zero, one = np.arange(1.0, 5.0), np.zeros(4), np.ones(4)
    weight = np.array([1.0, 1.0, 10.0, 10.0]).reshape(2, 2, 1, 1)
    folded, bias = definition.fold_conv_transpose_batch_norm(weight, None, gamma, one, zero, one, eps=0.0, groups=2)
    assert_same(folded.ravel(), [1, 2, 30, 40])
    assert_same(bias, one)


# every operation on every kind of element: one row each


def statistics(channels):
    gamma, beta, mean = np.array([[3.0, -2.0], [1.0, 5.0], [-1.0, 2.0]])[:, :channels]
    return gamma, beta, mean, np.array([1.0, 13.0])[:channels]  # with eps = 3: roots 2 and 4


X = np.array([1.0, -2, 3, 0, 2, -1, 4, 4, 5, -3, 2, 2]).reshape(1, 2, 2, 3)
KERNEL = np.array([1.0, 2, -1, 3, 0, 1, 2, -2]).reshape(2, 1, 2, 2)
POOL = {"kernel_size": (2, 2), "stride": (1, 1), "padding": ((1, 0), (0, 1)), "ceil_mode": True}
PADDED = {"stride": (2, 1), "padding": ((1, 0), (1, 2)), "dilation": (1, 2)}
ROWS = {
    "conv2d": ((X, KERNEL, np.array([1.0, 2.0])), PADDED | {"groups": 2}),
    "depthwise_conv2d": ((X, KERNEL, None), PADDED),
    "conv_transpose2d": (
        (X, KERNEL, np.array([1.0, 2.0])),
        PADDED | {"output_padding": (1, 0), "groups": 2},
    ),
    "batch_norm2d": ((X, *statistics(2)), {"eps": 3.0}),
    "normalize2d": ((X, *statistics(2)), {}),
    "avg_pool2d": ((12 * X,), POOL | {"count_include_pad": False}),
    "max_pool2d": ((X,), POOL | {"dilation": (1, 1)}),
    "global_avg_pool2d": ((6 * X,), {}),
    "relu": ((X,), {}),
    "linear": ((X[0, 0], X[0, 1], None), {}),
    "flatten": ((X,), {}),
    "zero_pad2d": ((X,), {"padding": ((1, 0), (2, 0))}),
}
TRANSCENDENTAL = {
    "batch_norm2d_train": ((X, *statistics(2)[:2]), {"eps": 3.0}),
    "sigmoid": ((X,), {}),
    "tanh": ((X,), {}),
    "softmax_cross_entropy": (
        (X[0, 0],),
        {"target": np.array([2, 0]), "reduction": "mean"},
    ),
}
EVERY = {**ROWS, **TRANSCENDENTAL}


def run(name, arrays, options, kind=np.asarray):
    """y and the gradients for dy = 12, 24, ..., all arrays taken to one kind of element first."""
    arrays = [None if a is None else kind(a) for a in arrays]
    y = getattr(definition, name)(*arrays, **options)
    dy = kind(12 * np.arange(1.0, y.size + 1).reshape(y.shape))
    gradients = getattr(definition, name + "_backward")(dy, *arrays, **options)
    return [part for part in (y, *gradients) if part is not None]


def bounds_at(name, dtype="float64"):
    """How far each result of `run` may be off, in arithmetic for a dtype."""
    arrays, options = EVERY[name]
    y, *_ = run(name, arrays, options)
    dy, precision = 12 * np.arange(1.0, y.size + 1).reshape(y.shape), Declaration().precision(dtype)
    return [bound for bound in bounds_of(name, dy, arrays, precision, **options) if bound is not None]


def objects(number):
    def kind(array):
        result = np.empty(array.shape, object)
        for at in np.ndindex(array.shape):
            result[at] = number(array[at])
        return result

    return kind


@pytest.mark.parametrize("number", [Fraction, Decimal])
@pytest.mark.parametrize("name", ROWS)
def test_exact_elements_stay_exact(name, number):
    for exact, floats in zip(run(name, *ROWS[name], objects(number)), run(name, *ROWS[name]), strict=True):
        assert {type(e) for e in exact.flat} == {number}
        assert_same(exact.astype(np.float64), floats)


@pytest.mark.parametrize("name", TRANSCENDENTAL)
def test_decimal_elements_agree_with_floats(name):
    arguments, bounds = TRANSCENDENTAL[name], bounds_at(name)
    results = run(name, *arguments, objects(Decimal)), run(name, *arguments)
    for exact, floats, bound in zip(*results, bounds, strict=True):
        assert {type(e) for e in exact.flat} == {Decimal}
        assert_within(floats, exact.astype(np.float64), bound)


class Counted:
    """An element that only knows + - * / and how to make its zero and constants."""

    def __init__(self, value):
        self.value = value

    def zero(self):
        return Counted(Fraction(0))

    def constant(self, value):
        return Counted(Fraction(value))

    def __add__(self, other):
        return Counted(self.value + other.value)

    def __mul__(self, other):
        return Counted(self.value * other.value)

    def __truediv__(self, other):
        return Counted(self.value / other.value)


def test_elements_are_asked_for_their_zero_and_constants():
    for name in ("conv2d", "conv_transpose2d", "avg_pool2d", "global_avg_pool2d", "linear"):
        got = run(name, *ROWS[name], objects(lambda v: Counted(Fraction(v))))
        for part, floats in zip(got, run(name, *ROWS[name]), strict=True):
            assert {type(e) for e in part.flat} == {Counted}
            assert_same([float(e.value) for e in part.flat], floats.ravel())


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "longdouble"])
@pytest.mark.parametrize("name", EVERY)
def test_results_have_the_dtype_of_the_inputs(name, dtype):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    dtype = np.dtype(dtype)
    with np.errstate(all="raise"):
        got = run(name, *EVERY[name], lambda a: a.astype(dtype))
    stored = "float64" if dtype == np.longdouble else dtype.name
    results = got, run(name, *EVERY[name]), bounds_at(name, stored), bounds_at(name)
    for part, floats, bound, of_floats in zip(*results, strict=True):
        assert part.dtype == dtype
        rounding = format_of(stored).u * (abs(floats) + bound)
        assert_within(part.astype(np.float64), floats, bound + of_floats + rounding)


def test_float32_rounds_every_operation_and_float16_only_the_result():
    big = 2.0**24
    row = np.array([[big, 1.0, 1.0]])
    ones = np.ones((1, 3))
    assert definition.linear(row.astype("f4"), ones.astype("f4"), None) == big
    assert definition.linear(row, ones, None) == big + 2
    half = np.array([[2048.0, 1.0, 1.0]], dtype="f2")
    assert definition.linear(half, ones.astype("f2"), None) == 2050  # one by one it stays at 2048
    row, weight = np.array([[[4096.0, 1.0, 4096.0]], [[4096.0, 1.0, -4096.0]]])
    assert definition.linear(row, weight, None) == 1
    assert definition.linear(row.astype("f2"), weight.astype("f2"), None) == 0  # 2^24 + 1 in float32


@pytest.mark.parametrize("name", EVERY)
def test_inputs_stay_as_they_are_and_are_not_shared(name):
    arrays, options = EVERY[name]
    frozen = [None if a is None else np.asfortranarray(a[::-1])[::-1] for a in arrays]
    for array in frozen:
        if array is not None:
            array.flags.writeable = False
    got = run(name, frozen, options)
    for part, expected in zip(got, run(name, arrays, options), strict=True):
        assert_same(part, expected)
        assert not any(a is not None and np.may_share_memory(part, a) for a in frozen)


@pytest.mark.parametrize("name", EVERY)
def test_an_empty_batch(name):
    (x, *rest), options = EVERY[name]
    if "target" in options:
        options = options | {"target": options["target"][:0]}
    y, dx, *gradients = run(name, (x[:0], *rest), options)
    assert dx.shape == (0, *x.shape[1:])
    for gradient in gradients:
        assert_same(gradient, np.zeros(gradient.shape))
    if name == "softmax_cross_entropy":
        assert np.isnan(y)
        assert definition.softmax_cross_entropy(x[:0], target=[], reduction="sum") == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", EVERY)
def test_special_values_raise_no_warning(name, dtype):
    (x, *rest), options = EVERY[name]
    special = np.resize(np.array([NAN, INF, -INF, 1e38, -1e38, 1e-45, -0.0]), x.shape)
    with np.errstate(all="raise", under="ignore"):
        run(name, (special, *rest), options, lambda a: np.asarray(a).astype(dtype))


def test_a_spread_of_nothing_divides_by_zero_as_ieee_does():
    x, one = image([2, 2]), ONE
    assert_same(definition.batch_norm2d_train(x, one, one, eps=0.0), image([NAN, NAN]))
    got = definition.batch_norm2d(image([1, 2]), one, one, 2 * one, 0 * one, eps=0.0)
    assert_same(got, image([-INF, NAN]))


def test_plain_fractions_have_a_root_only_where_it_is_rational():
    kind = objects(Fraction)
    x, one = kind(image([0, 2])), kind(ONE)
    y = definition.batch_norm2d_train(x, one, one, eps=Fraction(5, 4))  # 1 + 5/4 = (3/2)^2
    assert y.tolist() == [[[[Fraction(1, 3), Fraction(5, 3)]]]]
    with pytest.raises(ValueError, match="no rational square root"):
        definition.batch_norm2d_train(x, one, one, eps=1)


def test_a_network_is_its_layers_one_after_the_other():
    """(x − 1)·2/2 + 3 = x + 2; then relu(x + 2) + avg(relu(x + 2)) of a pixel, twice itself."""
    one, three = np.ones(1), np.array([3.0])
    bn = nnref.BatchNorm2d.from_arrays(
        weight=2 * one, bias=three, running_mean=one, running_var=three, options={"eps": 1.0}
    )
    branches = nnref.Sum(nnref.Sequential(), nnref.Sequential(nnref.GlobalAvgPool2d()))
    net = nnref.Sequential(bn, nnref.ReLU(), branches, nnref.Flatten()).eval()
    assert definition.network(net, np.array([[[[5.0]]], [[[-7.0]]]])).tolist() == [[14.0], [0.0]]
    assert_same(definition.network(nnref.Sequential(), ONE), ONE)


# the package itself


def test_public_names_are_documented_functions_with_a_backward():
    names = definition.__all__
    assert names == sorted(names)
    without_backward = {name for name in names if name.startswith("fold_")} | {"network"}
    assert set(EVERY) | without_backward == {n for n in names if not n.endswith("_backward")}
    for name in names:
        function = getattr(definition, name)
        assert function.__doc__, name
        if not name.endswith("_backward") and name not in without_backward:
            backward = inspect.signature(getattr(definition, name + "_backward"))
            assert list(backward.parameters)[1:] == list(inspect.signature(function).parameters), name


def test_the_witness_is_independent():
    """Only NumPy, the standard library and the package itself are imported."""
    allowed = {
        "__future__",
        "collections",
        "dataclasses",
        "fractions",
        "functools",
        "itertools",
        "math",
        "numpy",
        "typing",
    }
    files = sorted(Path(definition.__file__).parent.glob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, file
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 1 or (node.module or "").split(".")[0] in allowed, file
