"""The three products of a convolution: each is an adjoint of the others, also where they work in many blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref import im2col, windows
from nnref.arithmetic import variables
from nnref.windows import Windows


def integers(*shape, seed=0):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(float)


@given(st.integers(1, 2), st.integers(1, 2), st.integers(1, 2), st.integers(0, 1))
def test_all_three_are_one_trilinear_form(groups, samples, stride, padding):
    """⟨dY, F ∗ X⟩ = ⟨Fᵀ ∗ dY, X⟩ = ⟨dY ∗ X, F⟩ for all X, F, dY: one polynomial."""
    plan = Windows.plan("f", (3, 2), 2, stride, padding)
    x, weight = variables("x", (samples, 2, 3, 2)), variables("w", (2, 2 // groups, 2, 2))
    y = im2col.correlate(x, weight, plan, groups)
    dy = variables("dy", y.shape)
    form = (dy * y).sum()
    assert form == (im2col.correlate_transpose(dy, weight, plan, groups) * x).sum()
    assert form == (im2col.correlate_filters(dy, x, weight, plan, groups) * weight).sum()


@pytest.mark.parametrize("scratch", [1, 500, 5_000, 50_000])
@pytest.mark.parametrize("groups", [1, 2])
def test_blocks_of_any_size_give_the_same_exact_sums(monkeypatch, scratch, groups):
    x, weight = integers(3, 4, 7, 6), integers(6, 4 // groups, 3, 2)
    plan = Windows.plan("f", (7, 6), (3, 2), (2, 1), ((1, 0), (0, 2)), (1, 2))
    dy = integers(3, 6, *plan.out)
    calls = [
        lambda: im2col.correlate(x, weight, plan, groups),
        lambda: im2col.correlate_transpose(dy, weight, plan, groups),
        lambda: im2col.correlate_filters(dy, x, weight, plan, groups),
    ]
    whole = [call() for call in calls]
    monkeypatch.setattr(windows, "SCRATCH_BYTES", scratch)
    for call, expected in zip(calls, whole, strict=True):
        np.testing.assert_array_equal(call(), expected)
