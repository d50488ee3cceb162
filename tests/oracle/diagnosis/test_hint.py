"""A hint is right or absent: bugs that are in no catalogue, with what may be said of them."""

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.oracle import search
from nnref.oracle.cases.enumerated import critical_sizes, small_geometries, usual_layers
from nnref.oracle.diagnosis.hint import behaves_as
from nnref.oracle.search.shrink import shrink
from nnref.oracle.targets.resolve import resolve
from tests.bugs.registry import rounded

RIGHT = resolve("nnref")
F = np.float32


def after(change):
    """The right function with its result changed."""
    return lambda right, *arrays, **options: change(right(*arrays, **options))


def before(change, position=0):
    """The right function with one of its arrays changed."""

    def wrong(right, *arrays, **options):
        given = list(arrays)
        given[position] = None if given[position] is None else change(given[position])
        return right(*given, **options)

    return wrong


def gradient(position, change):
    """The right gradients but for one."""

    def wrong(right, *arrays, **options):
        gradients = list(right(*arrays, **options))
        gradients[position] = None if gradients[position] is None else change(gradients[position])
        return tuple(gradients)

    return wrong


def options(**changes):
    """The right function with options changed."""
    return lambda right, *arrays, **o: right(*arrays, **o | {name: change(o) for name, change in changes.items()})


def last_row_missing(y):
    y = y.copy()
    y[:, :, -1:] = 0
    return y


def groups_reversed(right, x, weight, bias, *, groups, **o):
    k = len(weight) // groups
    order = np.arange(len(weight)).reshape(groups, k)[::-1].reshape(-1)
    return right(x, weight[order], None if bias is None else bias[order], groups=groups, **o)


def unbiased(right, x, gamma, beta, *, eps):
    n = x.size // max(1, x.shape[1])
    mean, var = nnref.batch_statistics(x)
    return nnref.batch_norm2d(x, gamma, beta, mean, var * F(n / max(1, n - 1)), eps=eps)


def root_of_variance_alone(right, x, gamma, beta, mean, var, *, eps):
    scale = gamma / (np.sqrt(var) + F(eps))
    return (x - mean[:, None, None]) * scale[:, None, None] + beta[:, None, None]


def max_of_zero_padding(right, x, *, padding, ceil_mode, **o):
    if ceil_mode:
        return right(x, padding=padding, ceil_mode=True, **o)
    return right(np.pad(x, ((0, 0), (0, 0), *padding)), padding=0, ceil_mode=False, **o)


def average_of_sums(right, x, *, kernel_size, count_include_pad, **o):
    return right(x * F(np.prod(kernel_size)), kernel_size=kernel_size, count_include_pad=True, **o)


def kept_elements_alone(right, x):
    kept = x != 0
    return (x.sum((2, 3), keepdims=True) / np.maximum(kept.sum((2, 3), keepdims=True), 1)).astype(x.dtype)


def stream(op, direction, dtype):
    """Enough cases for a plain bug to show, in a few modes."""
    operation = oracle.OPERATIONS[op]
    yield from list(small_geometries(operation, direction, dtype))[::29]
    for family in (usual_layers, critical_sizes):
        yield from list(family(operation, direction, dtype, ("integers", "normal", "one_hot", "special")))[::7]


# name of the function, bug, dtype, what may be said: one of these texts, or nothing if that is None
TABLE = [
    ("conv2d", after(lambda y: np.clip(y, -65504, 65504)), "float32", None),
    ("conv2d", after(lambda y: rounded(y, 11)), "float32", "results were rounded to 11 bits"),
    ("conv2d", after(lambda y: rounded(y, 8)), "float32", "results were rounded to 8 bits"),
    ("conv2d", after(lambda y: rounded(y, 16)), "float32", None),
    ("conv2d", after(lambda y: y * F(1.0001)), "float32", None),
    ("conv2d", after(lambda y: y * F(1 + 2**-9)), "float32", None),
    ("conv2d", after(lambda y: y + F(1e-3)), "float32", None),
    ("conv2d", before(lambda w: rounded(w, 11), 1), "float32", None),
    ("conv2d", before(lambda w: rounded(w, 8), 1), "float32", None),
    ("conv2d", before(lambda b: 2 * b, 2), "float32", "bias were added twice"),
    ("conv2d", groups_reversed, "float32", None),
    ("conv2d", before(lambda x: x[:, ::-1]), "float32", None),
    ("conv2d", after(last_row_missing), "float32", None),
    ("conv2d", after(abs), "float32", None),
    ("conv2d", after(np.negative), "float32", "sign of the result"),
    ("conv2d", options(stride=lambda o: o["dilation"]), "float32", None),
    ("conv2d", options(stride=lambda o: o["dilation"], dilation=lambda o: o["stride"]), "float32", "exchanged"),
    ("conv2d", options(padding=lambda o: tuple((max(p), max(p)) for p in o["padding"])), "float32", None),
    ("conv2d", before(lambda w: w[:, :, ::-1], 1), "float32", None),
    ("conv2d", after(lambda y: y * (1 + F(2**-10) * np.sign(y))), "float32", None),
    ("conv2d", after(lambda y: np.nextafter(y, np.inf, dtype=y.dtype)), "float16", None),
    ("conv2d", after(lambda y: (y.astype(F) * F(1.002)).astype(y.dtype)), "float16", None),
    ("conv2d", after(lambda y: np.clip(y, -100, 100)), "float16", None),
    ("conv2d", after(lambda y: rounded(y, 8)), "float16", "results were rounded to 8 bits"),
    ("conv2d_backward", gradient(0, np.negative), "float32", "sign of dx"),
    ("conv2d_backward", gradient(1, lambda dw: dw / 2), "float32", None),
    ("depthwise_conv2d", after(lambda y: y[:, ::-1].copy()), "float32", None),
    ("linear", after(lambda y: y.astype(np.float16).astype(F)), "float32", "results were rounded to 11 bits"),
    ("linear", after(lambda y: np.maximum(y, 0)), "float32", None),
    ("linear_backward", gradient(2, lambda db: db * 2), "float32", None),
    ("batch_norm2d", root_of_variance_alone, "float32", "eps were added to the root"),
    ("batch_norm2d", before(lambda gamma: gamma + 1, 1), "float32", "gamma were 1 + gamma"),
    ("batch_norm2d", before(lambda beta: -beta, 2), "float32", None),
    ("batch_norm2d", options(eps=lambda o: 2 * o["eps"]), "float32", None),
    ("batch_norm2d_train", unbiased, "float32", "variance were unbiased"),
    ("batch_norm2d_train", after(lambda y: F(0.9) * y), "float32", None),
    ("max_pool2d", max_of_zero_padding, "float32", "padded with 0"),
    ("max_pool2d", after(abs), "float32", None),
    ("avg_pool2d", average_of_sums, "float32", "sum were not divided"),
    ("avg_pool2d", after(last_row_missing), "float32", None),
    ("global_avg_pool2d", kept_elements_alone, "float32", None),
    ("global_avg_pool2d", after(lambda y: y * F(1.01)), "float32", None),
    ("relu", before(lambda x: np.minimum(x, F(6))), "float32", "ReLU6"),
    ("relu", lambda right, x: np.where(x < 0, F(0.01) * x, x), "float32", "slope below 0 were 0.01"),
    ("relu", lambda right, x: np.where(x < 0, F(0.2) * x, x), "float32", None),
    ("relu_backward", gradient(0, np.negative), "float32", "sign of the gradients"),
    ("sigmoid", lambda right, x: np.clip(F(0.2) * x + F(0.5), 0, 1), "float32", "x/5 + 1/2"),
    ("sigmoid", after(lambda y: np.maximum(y, F(1e-3))), "float32", None),
    ("tanh", lambda right, x: np.clip(x, -1, 1), "float32", "x, clipped"),
    ("tanh", after(lambda y: np.clip(y, F(-0.999), F(0.999))), "float32", None),
    ("softmax_cross_entropy", after(lambda y: y + F(1e-3)), "float32", None),
]


@pytest.mark.parametrize(("name", "bug", "dtype", "words"), TABLE, ids=[f"{i}-{row[0]}" for i, row in enumerate(TABLE)])
def test_a_hint_is_right_or_absent(name, bug, dtype, words):
    right, said = getattr(RIGHT, name), False

    def wrong(*arrays, **o):
        with np.errstate(all="ignore"):
            return bug(right, *arrays, **o)

    op = name.removesuffix("_backward")
    direction = "forward" if name == op else "backward"
    tester, found = search.tester.Tester(wrong), {}
    for case in stream(op, direction, dtype):
        if case.mode not in found and (finding := tester.verdict(case).finding):
            found[case.mode] = case, finding
    assert found
    for case, finding in found.values():
        smallest, _ = shrink(case, finding, lambda case: tester.verdict(case).finding, rounds=(2,), budget=100)
        hint = behaves_as(wrong, (smallest, case), tester.declares, finding)
        assert hint is None or (words and words in hint.words), hint
        said = said or hint is not None
    assert said or not words


def test_an_eps_that_is_kept_in_float32_is_told_and_harmless_elsewhere():
    """ONNX has eps as a float32 attribute."""

    def batch_norm2d(x, gamma, beta, mean, var, *, eps):
        return nnref.batch_norm2d(x, gamma, beta, mean, var, eps=float(np.float32(eps)))

    with pytest.raises(oracle.Disagreement) as caught:
        oracle.check("batch_norm2d", forward=batch_norm2d, dtype="float64", max_examples=12)
    assert caught.value.hint == "as if eps were rounded to float32"
    assert caught.value.case.geometry["eps"] == (5,)
