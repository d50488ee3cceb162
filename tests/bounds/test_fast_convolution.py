"""Winograd's algorithm and the Fourier transform stay within the bounds that are declared for them."""

from fractions import Fraction

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.bounds import fast_convolution, format_of
from nnref.bounds.rounding import Precision
from nnref.oracle.diagnosis.suspects import to_bits
from nnref.oracle.search.search import search

from ..bugs.algorithms import WINOGRAD, by_fourier_transform, winograd
from .judged import drawn, largest_margins, verdicts_of

SINGLE = Precision(format_of("float32"), format_of("float32"))
WINOGRAD_DECLARED = ("winograd", "winograd-4")
TARGETS = {
    "winograd": [lambda *a, m=m, **o: winograd(m, nnref.conv2d, *a, **o) for m in WINOGRAD],
    "fft": [lambda *a, **o: by_fourier_transform(nnref.conv2d, *a, **o)],
}


WHERE_BOTH_APPLY = {"kernel": (3, 3), "stride": (1, 1), "dilation": (1, 1)}


@pytest.mark.parametrize("algorithm", TARGETS)
def test_right_where_declared_and_a_finding_where_not(algorithm):
    functions = dict(enumerate(TARGETS[algorithm]))
    declares = oracle.Declaration(algorithm=algorithm)
    found = dict.fromkeys(functions, 0)

    def visit(case):
        strict = verdicts_of(case, functions)
        allowed = verdicts_of(case, functions, declares)
        for name in functions:
            assert allowed[name].finding is None, f"{name} on {case}: {allowed[name].finding}"
            found[name] += strict[name].finding is not None
        return max(verdict.margin for verdict in allowed.values())

    drawn("conv2d", "forward", visit, examples=60, **WHERE_BOTH_APPLY)
    drawn("conv2d", "forward", visit, examples=30)
    assert min(found.values()) >= 1


@pytest.mark.parametrize("algorithm", TARGETS)
@pytest.mark.parametrize("name", ["conv2d", "depthwise_conv2d"])
def test_the_gradient_of_any_algorithm_passes_where_one_is_declared(algorithm, name):
    functions, declares = {"nnref": getattr(nnref, f"{name}_backward")}, oracle.Declaration(algorithm=algorithm)
    largest_margins(name, "backward", functions, declares=declares, examples=15)


def strides_swapped(x, weight, bias, *, stride, **o):
    return nnref.conv2d(x, weight, bias, stride=stride[::-1], **o)


def kernel_turned(x, weight, bias, **o):
    return nnref.conv2d(x, np.ascontiguousarray(weight[:, :, ::-1, ::-1]), bias, **o)


@pytest.mark.parametrize("algorithm", TARGETS)
@pytest.mark.parametrize(
    ("bug", "fields"), [(strides_swapped, {"stride": (1, 2), "H": (7,)}), (kernel_turned, WHERE_BOTH_APPLY)]
)
def test_a_declared_algorithm_does_not_hide_a_bug(algorithm, bug, fields):
    declares, found = oracle.Declaration(algorithm=algorithm), []

    def visit(case):
        found.append(verdicts_of(case, {"bug": bug}, declares)["bug"].finding is not None)
        return 0.0

    drawn("conv2d", "forward", visit, examples=12, modes=("normal",), **fields)
    assert sum(found) > len(found) / 2


def fraction(coefficient):
    """The rational number that a coefficient is rounded from, once."""
    found = Fraction(coefficient).limit_denominator(10**7)
    assert float(found) == coefficient
    return found


def in_fractions(matrix):
    return np.vectorize(fraction, otypes=[object])(np.array(matrix, float))


def test_the_matrices_are_winograds():
    rng = np.random.default_rng(0)
    for m, (at, g, bt) in WINOGRAD.items():
        x, f = rng.integers(-3, 4, m + 2), rng.integers(-3, 4, 3)
        at, g, bt = map(in_fractions, (at, g, bt))
        direct = [sum(x[i + u] * f[u] for u in range(3)) for i in range(m)]
        np.testing.assert_array_equal(at @ ((g @ f) * (bt @ x)), direct)


@pytest.mark.parametrize(("tile", "kernel"), [(4, 2), (4, 3), (6, 3), (6, 5), (8, 7), (12, 11)])
def test_the_matrices_of_the_bound_are_those_of_an_algorithm(tile, kernel):
    rng = np.random.default_rng(0)
    at, g, bt = map(in_fractions, fast_convolution.transforms(tile, kernel))
    x, f = rng.integers(-3, 4, tile), rng.integers(-3, 4, kernel)
    direct = [x[i : i + kernel] @ f for i in range(tile - kernel + 1)]
    np.testing.assert_array_equal(at @ ((g @ f) * (bt @ x)), direct)


def test_the_bound_is_the_same_for_the_usual_matrices():
    """Rows of G and B are scaled against each other, which changes no product of the two in absolute value."""
    for m, (at, g, bt) in WINOGRAD.items():
        own = fast_convolution.transforms(m + 2, 3)
        products = []
        for three in ((at, g, bt), own):
            a, b, c = map(in_fractions, three)
            products.append(np.abs(a[:, :, None, None] * b[None, :, :, None] * c[None, :, None, :]))
        np.testing.assert_array_equal(*products)


def bfloat16(array):
    return to_bits(array.astype(np.float64), 8).astype(array.dtype)


def with_inputs_rounded(x, weight, bias, **o):
    return nnref.conv2d(bfloat16(x), bfloat16(weight), bias, **o)


@pytest.mark.parametrize("algorithm", WINOGRAD_DECLARED)
def test_inputs_that_are_rounded_are_found_under_a_declared_winograd(algorithm):
    row = search(
        with_inputs_rounded, "conv2d", "forward", declares=oracle.Declaration(algorithm=algorithm), only_first=True
    )
    assert row.failures


def test_tiles_of_4_leave_whole_numbers_exact():
    declares, found = oracle.Declaration(algorithm="winograd-4"), []
    functions = dict(zip(("2", "4"), TARGETS["winograd"], strict=True))

    def visit(case):
        verdicts = verdicts_of(case, functions, declares)
        assert verdicts["2"].finding is None, case
        found.append(verdicts["4"].finding is not None)
        return 0.0

    drawn("conv2d", "forward", visit, examples=20, modes=("integers", "dyadic", "normal"), **WHERE_BOTH_APPLY)
    assert any(found)


def test_it_applies_where_the_algorithm_does():
    x, weight = np.ones((1, 1, 4, 4)), np.ones((1, 1, 2, 3))
    options = {"stride": (1, 2), "dilation": (1, 1), "padding": ((0, 0), (0, 0)), "groups": 1, "precision": SINGLE}
    assert fast_convolution.conv2d(x, weight, algorithm="winograd", **options) is None
    assert fast_convolution.conv2d(x, weight, algorithm="fft", **options).bound.shape == (1, 1, 1, 1)
    plain = options | {"stride": (1, 1)}
    assert fast_convolution.conv2d(x, weight, algorithm="winograd", **plain).bound.shape == (1, 1, 3, 2)
    assert fast_convolution.conv2d(x, weight[:, :, :1, :1], algorithm="winograd", **plain) is None
