"""Winograd's algorithm and the Fourier transform stay within the bounds that are declared for them."""

from fractions import Fraction

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.bounds import fast_convolution, format_of
from nnref.bounds.rounding import Precision

from ..bugs.algorithms import WINOGRAD, by_fourier_transform, winograd
from .judged import drawn, largest_margins, verdicts_of

SINGLE = Precision(format_of("float32"), format_of("float32"))
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
    return Fraction(coefficient).limit_denominator(24)


def test_the_matrices_are_winograds():
    rng = np.random.default_rng(0)
    for m, (at, g, bt) in WINOGRAD.items():
        x, f = rng.integers(-3, 4, m + 2), rng.integers(-3, 4, 3)
        at, g, bt = (np.vectorize(fraction, otypes=[object])(matrix) for matrix in (at, g, bt))
        direct = [sum(x[i + u] * f[u] for u in range(3)) for i in range(m)]
        np.testing.assert_array_equal(at @ ((g @ f) * (bt @ x)), direct)
        norms = [np.abs(matrix).sum(axis=1).max() for matrix in (at, g, bt)]
        assert np.prod(norms) <= fast_convolution.KAPPA


def test_it_applies_where_the_algorithm_does():
    x, weight = np.ones((1, 1, 4, 4)), np.ones((1, 1, 2, 3))
    options = {"stride": (1, 1), "dilation": (1, 1), "padding": ((0, 0), (0, 0)), "groups": 1, "precision": SINGLE}
    assert fast_convolution.conv2d(x, weight, algorithm="winograd", **options) == 0
    assert fast_convolution.conv2d(x, weight, algorithm="fft", **options).shape == (1, 1, 1, 1)
