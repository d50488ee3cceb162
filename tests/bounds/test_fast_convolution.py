"""Winograd's algorithm and the Fourier transform stay within the bounds that are declared for them."""

from fractions import Fraction

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.bounds import fast_convolution, format_of
from nnref.bounds.rounding import Precision

from ..bugs.algorithms import WINOGRAD, by_fourier_transform, winograd

SINGLE = Precision(format_of("float32"), format_of("float32"))
TARGETS = {
    "winograd": [lambda *a, m=m, **o: winograd(m, nnref.conv2d, *a, **o) for m in WINOGRAD],
    "fft": [lambda *a, **o: by_fourier_transform(nnref.conv2d, *a, **o)],
}


@pytest.mark.parametrize("algorithm", TARGETS)
def test_right_where_declared_and_a_finding_where_not(algorithm):
    for target in TARGETS[algorithm]:
        with pytest.raises(oracle.Disagreement):
            oracle.check("conv2d", forward=target)
        declares = oracle.Declaration(algorithm=algorithm)
        (result,) = oracle.check("conv2d", forward=target, declares=declares, max_examples=600)
        assert result.status == "passed"


@pytest.mark.parametrize("algorithm", ["winograd", "fft"])
def test_the_gradient_of_any_algorithm_passes_where_one_is_declared(algorithm):
    oracle.check(
        "conv2d", backward=nnref.conv2d_backward, declares=oracle.Declaration(algorithm=algorithm), max_examples=20
    )


def test_a_declared_algorithm_does_not_hide_a_bug():
    def swapped(x, weight, bias, *, stride, **o):
        return nnref.conv2d(x, weight, bias, stride=stride[::-1], **o)

    for algorithm in TARGETS:
        with pytest.raises(oracle.Disagreement):
            oracle.check("conv2d", forward=swapped, declares=oracle.Declaration(algorithm=algorithm))


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
