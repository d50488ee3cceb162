"""Batch norm in training: every form of it, and of its statistics, is within the bound, and not far within."""

import functools
from collections import Counter
from types import MappingProxyType

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.bounds import batch_norm

from ..bugs.algorithms import in_threes, one_by_one, pairwise
from .judged import largest_margins

PRECISION = oracle.Declaration().precision("float32")
SINGLE, C = np.float32, 64
COUNTS = (1, 2, 3, 4, 8, 100)
MERGED = {
    "one by one": one_by_one,
    "pairwise": pairwise,
    "pairwise, means weighted": functools.partial(pairwise, weighted=True),
    "in threes": in_threes,
    "in threes, means weighted": functools.partial(in_threes, weighted=True),
}


def c(per_channel):
    return per_channel[:, None, None]


def values_of(x):
    return x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1])


def two_passes(values):
    """Values one by one, as a loop adds them."""
    n = SINGLE(max(1, len(values)))
    mean = functools.reduce(np.add, values) / n
    return len(values), mean, functools.reduce(np.add, (values - mean) ** 2)


def statistics(x, eps, gather=two_passes):
    n, mean, total = gather(values_of(x))
    return mean, total / SINGLE(n) + SINGLE(eps)


# forward: x, γ, β, μ, v = σ² + ε


def centred_one_by_one(x, g, b, m, v):
    return (x - c(m)) * c(1 / np.sqrt(v)) * c(g) + c(b)


def centred_by_a_scale(x, g, b, m, v):
    return (x - c(m)) * c(g * (1 / np.sqrt(v))) + c(b)


def centred_and_divided(x, g, b, m, v):
    return c(g) * (x - c(m)) / c(np.sqrt(v)) + c(b)


def folded(x, g, b, m, v):
    scale = g * (1 / np.sqrt(v))
    return x * c(scale) + c(b - m * scale)


def folded_apart(x, g, b, m, v):
    return x * c(g / np.sqrt(v)) + c(b - m * g * (1 / np.sqrt(v)))


def folded_before_gamma(x, g, b, m, v):
    r = 1 / np.sqrt(v)
    return (x * c(r) - c(m * r)) * c(g) + c(b)


def folded_with_one_rounding(x, g, b, m, v):
    """Fused multiply-add: products in float64 are exact."""
    scale = (g / np.sqrt(v)).astype(np.float64)
    offset = (b - m * scale).astype(SINGLE)
    return (x * c(scale) + c(offset)).astype(SINGLE)


FORWARD = (
    centred_one_by_one,
    centred_by_a_scale,
    centred_and_divided,
    folded,
    folded_apart,
    folded_before_gamma,
    folded_with_one_rounding,
)


# backward: dy, x, γ, μ, v, n -> dx, dγ


def centred_gradient(dy, x, g, m, v, n):
    r = 1 / np.sqrt(v)
    x_hat = (x - c(m)) * c(r)
    dgamma = (dy * x_hat).sum((0, 2, 3))
    return c(g * r) * (dy - c(dy.sum((0, 2, 3)) / n) - x_hat * c(dgamma / n)), dgamma


def centred_gradient_of_distances(dy, x, g, m, v, n):
    r, distance = 1 / np.sqrt(v), x - c(m)
    product = (dy * distance).sum((0, 2, 3))
    dx = (dy - c(dy.sum((0, 2, 3)) * (1 / n)) - distance * c(product * (1 / n) * r * r)) * c(r) * c(g)
    return dx, product * r


def centred_gradient_of_sums(dy, x, g, m, v, n):
    r = 1 / np.sqrt(v)
    x_hat = (x - c(m)) * c(r)
    dgamma = (dy * x_hat).sum((0, 2, 3))
    return c(g * r / n) * (n * dy - c(dy.sum((0, 2, 3))) - x_hat * c(dgamma)), dgamma


def affine_gradient(dy, x, g, m, v, n):
    """a·dy + b·x + c."""
    r = 1 / np.sqrt(v)
    dgamma = (dy * ((x - c(m)) * c(r))).sum((0, 2, 3))
    a = g * r
    b = -a * r * dgamma / n
    return c(a) * dy + c(b) * x + c(-b * m - a * dy.sum((0, 2, 3)) / n), dgamma


def affine_gradient_of_products(dy, x, g, m, v, n):
    r, total = 1 / np.sqrt(v), dy.sum((0, 2, 3))
    dgamma = ((dy * x).sum((0, 2, 3)) - m * total) * r
    a, b = g * r, (m * total - (dy * x).sum((0, 2, 3))) * g * r * r * r / n
    return c(a) * dy + (c(b) * x + c(-(b * m) - a * total / n)), dgamma


def chain_rule(dy, x, g, m, v, n):
    """Through y, then through σ² and μ, as automatic differentiation does."""
    r, distance, dx_hat = 1 / np.sqrt(v), x - c(m), dy * c(g)
    dvar = -(dx_hat * distance).sum((0, 2, 3)) * r * r * r / 2
    dmean = -(dx_hat * c(r)).sum((0, 2, 3)) - dvar * (2 * distance).sum((0, 2, 3)) / n
    return dx_hat * c(r) + c(dvar) * (2 * distance) / n + c(dmean / n), (dy * distance * c(r)).sum((0, 2, 3))


BACKWARD = (
    chain_rule,
    centred_gradient,
    centred_gradient_of_distances,
    centred_gradient_of_sums,
    affine_gradient,
    affine_gradient_of_products,
)


def draws(n, seeds=24):
    """Means up to 10⁵ deviations away, one value far from the others, cancelling pairs; β is mostly 0."""
    for seed in range(seeds):
        rng = np.random.default_rng((n, seed))
        x = rng.standard_normal((1, C, 1, n)) + 10 ** rng.uniform(-3, 5, (1, C, 1, 1))
        if seed % 4 == 1:
            x[..., -1] *= 1000
        if seed % 4 == 2:
            x *= rng.choice([-1, 1], x.shape)
        if seed % 4 == 3:  # just below powers of two, where a rounding is largest beside the value
            x = np.sign(x) * 2.0 ** np.ceil(np.log2(abs(x))) * (1 - 2.0 ** -rng.integers(2, 24, x.shape))
        dy, scale = rng.standard_normal(x.shape), 10 ** rng.uniform(-3, 3)
        g, b = rng.standard_normal((2, C))
        yield tuple(a.astype(SINGLE) for a in (dy, x * scale, g, b * (seed == 0)))


def margins_of(n, forward, backward, variance="two-pass", gathers=MappingProxyType({"": two_passes})):
    """The largest error in bounds of every form by its name, each under every way to gather the statistics.

    Exact results and bounds are computed once for a draw.
    """
    __tracebackhide__ = True
    eps, reached = float(SINGLE(1e-5)), Counter()
    for dy, x, g, b in draws(n):
        wide_dy, *wide = [a.astype(np.float64) for a in (dy, x, g, b)]
        how = {"eps": eps, "precision": PRECISION, "variance": variance}
        y = nnref.batch_norm2d_train(*wide, eps=eps)
        of_y = batch_norm.batch_norm2d_train(*wide, **how).bound
        gradients = nnref.batch_norm2d_train_backward(wide_dy, *wide, eps=eps)[:2]
        allowances = batch_norm.batch_norm2d_train_backward(wide_dy, *wide, **how)[:2]
        for gathered, gather in gathers.items():
            found = statistics(x, eps, gather)
            for form in forward:
                name = f"{form.__name__} {gathered}".strip()
                reached[name] = max(reached[name], margin(name, form(x, g, b, *found), y, of_y))
            for form in backward:
                name = f"{form.__name__} {gathered}".strip()
                for got, exact, allowance in zip(form(dy, x, g, *found, SINGLE(n)), gradients, allowances, strict=True):
                    reached[name] = max(reached[name], margin(name, got, exact, allowance.bound))
    return reached


def margin(name, got, exact, bound):
    """No verdict where the bound is NaN."""
    __tracebackhide__ = True
    largest = float(np.nanmax(abs(got - exact) / bound, initial=0))
    assert largest <= 1, f"{name} exceeds the bound {largest:.3f}-fold"
    return largest


@pytest.mark.parametrize(
    ("n", "of_y", "of_gradients"),
    [(1, 0.4, 0), (2, 0.4, 0.2), (3, 0.4, 0.25), (4, 0.35, 0.22), (8, 0.4, 0.18), (100, 0.12, 0.05)],
)
def test_every_form_is_within_the_bound_and_some_reach_a_share_of_it(n, of_y, of_gradients):
    reached = margins_of(n, FORWARD, BACKWARD)
    assert max(reached[form.__name__] for form in FORWARD) > of_y
    assert max(reached[form.__name__] for form in BACKWARD) >= of_gradients


@pytest.mark.parametrize("n", COUNTS)
def test_merged_statistics_are_within_their_bound(n):
    margins_of(n, (folded,), (affine_gradient,), "welford", MERGED)


def of_arrays(form, dtype):
    """A form as a target."""

    def forward(x, g, b, *, eps):
        if not x.size:
            return x.copy()
        x, g, b = (a.astype(SINGLE) for a in (x, g, b))
        return form(x, g, b, *statistics(x, eps)).astype(dtype)

    return forward


@pytest.mark.parametrize(("dtype", "examples"), [("float16", 40), ("float32", 25)])
def test_every_form_passes_the_oracle(dtype, examples):
    """Storage in half precision included, and whole numbers, where nothing may be off."""
    forms = {form.__name__: of_arrays(form, dtype) for form in FORWARD}
    drawing = {"dtype": dtype, "modes": ("normal", "adversarial", "integers", "dyadic")}
    _, judged = largest_margins("batch_norm2d_train", "forward", forms, examples=examples, **drawing)
    assert min(judged.values()) > examples


def test_the_worst_order_reaches_nine_tenths():
    """1, then values that each vanish behind it."""
    x = np.array([1.0, *[2.0**-24 * (1 - 2.0**-20)] * 399], SINGLE).reshape(1, 1, 1, 400)
    assert worst_margin(x, "two-pass", two_passes) > 0.9


def test_a_running_mean_that_loses_every_step_reaches_four_tenths():
    """Values that grow by just too little to move the mean."""
    k = np.arange(400)
    x = (1 + np.floor(k * 0.49) * 2.0**-23).astype(SINGLE).reshape(1, 1, 1, 400)
    assert one_by_one(values_of(x))[1] == 1
    assert worst_margin(x, "welford", one_by_one) > 0.4


def worst_margin(x, variance, gather):
    g, b, eps = np.ones(1, SINGLE), np.zeros(1, SINGLE), 1.0
    wide = [a.astype(np.float64) for a in (x, g, b)]
    allowed = batch_norm.batch_norm2d_train(*wide, eps=eps, precision=PRECISION, variance=variance)
    got = centred_one_by_one(x, g, b, *statistics(x, eps, gather))
    return margin("the worst order", got, nnref.batch_norm2d_train(*wide, eps=eps), allowed.bound)
