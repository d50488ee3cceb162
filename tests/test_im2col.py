"""Gather, scatter and the three products of a convolution: adjoints of one another, in blocks of any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref import im2col, windows
from nnref.arithmetic import rationals, variables
from nnref.im2col import gather, scatter
from nnref.windows import Windows

from .test_windows import plans


def integers(*shape, seed=0):
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(float)


@given(plans())
def test_scatter_is_the_transpose_of_gather(windows):
    """⟨D, gather X⟩ = ⟨scatter D, X⟩ for all X and D: one polynomial."""
    x = variables("x", (1, 2, *windows.image))
    columns = variables("d", (1, 2, *windows.kernel, *windows.out))
    scattered = x * 0
    scatter(columns, windows, into=scattered)
    assert (columns * gather(x, windows)).sum() == (scattered * x).sum()


@given(plans())
def test_gather_reads_the_padded_image(windows):
    x = np.random.default_rng(0).normal(size=(2, 3, *windows.image))
    room = 20
    padded = np.pad(x, ((0, 0), (0, 0), (room, room), (room, room)))
    got = gather(x, windows)
    for u, v, i, j in np.ndindex(*windows.kernel, *windows.out):
        row = windows.origin[0] + i * windows.stride[0] + u * windows.dilation[0]
        column = windows.origin[1] + j * windows.stride[1] + v * windows.dilation[1]
        np.testing.assert_array_equal(got[:, :, u, v, i, j], padded[:, :, row + room, column + room])


@given(plans())
def test_gather_of_exact_elements_puts_in_no_int(windows):
    x = rationals(np.ones((1, 1, *windows.image), int))
    assert {type(element) for element in gather(x, windows).flat} == {type(x.flat[0])}


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
