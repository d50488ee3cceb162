"""Where windows lie, compared with a naive enumeration of pixels over all small geometries of one axis."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref.errors import ShapeError
from nnref.im2col import gather
from nnref.windows import SCRATCH_BYTES, Windows, count_windows

SMALL_AXES = [
    axis
    for axis in itertools.product(range(1, 6), (1, 2, 3), (1, 2, 3), range(3), range(3), (1, 2), (False, True))
    if axis[0] + axis[3] + axis[4] >= axis[5] * (axis[1] - 1) + 1
]


def naive_axis(size, kernel, stride, before, after, dilation, ceil_mode):
    """The pixel of every tap of every window, by walking along the axis."""
    windows, start = [], -before
    reach = dilation * (kernel - 1)
    while start + reach < size + after:
        windows.append([start + tap * dilation for tap in range(kernel)])
        start += stride
    if ceil_mode and windows[-1][-1] < size + after - 1 and start < size:  # pixels are left over
        windows.append([start + tap * dilation for tap in range(kernel)])
    return windows


def plan_axis(size, kernel, stride, before, after, dilation, ceil_mode):
    """The same geometry along the columns of an image of one row."""
    padding = ((0, 0), (before, after))
    return Windows.plan("f", (1, size), (1, kernel), (1, stride), padding, (1, dilation), ceil_mode)


def test_all_small_axes_have_the_windows_that_a_walk_finds():
    assert len(SMALL_AXES) > 1000
    for axis in SMALL_AXES:
        windows, expected = plan_axis(*axis), naive_axis(*axis)
        assert windows.out == (1, len(expected)), axis
        seen = [[None] * axis[1] for _ in expected]
        for (_, tap), (_, _, out), (_, _, image) in windows.taps():
            pixels = range(axis[0])[image]
            for window, pixel in zip(range(len(expected))[out], pixels, strict=True):
                seen[window][tap] = pixel
        assert seen == [[p if 0 <= p < axis[0] else None for p in taps] for taps in expected], axis


def test_all_small_axes_count_their_taps():
    for axis in SMALL_AXES:
        size, _, _, _, after, _, _ = axis
        windows, expected = plan_axis(*axis), naive_axis(*axis)
        on_image = [sum(0 <= pixel < size for pixel in taps) for taps in expected]
        on_padded = [sum(pixel < size + after for pixel in taps) for taps in expected]
        assert windows.count_taps(include_pad=False)[0].tolist() == on_image, axis
        assert windows.count_taps(include_pad=True)[0].tolist() == on_padded, axis


@st.composite
def plans(draw):
    """Windows on an image, with at least one that fits."""
    numbers = st.tuples(st.integers(1, 3), st.integers(1, 3))
    kernel, stride, dilation = draw(st.tuples(numbers, numbers, st.tuples(*[st.integers(1, 2)] * 2)))
    padding = draw(st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2))
    extent = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    image = tuple(max(1, e - sum(p)) + draw(st.integers(0, 4)) for e, p in zip(extent, padding, strict=True))
    return Windows.plan("f", image, kernel, stride, padding, dilation, draw(st.booleans()))


@given(plans(), st.integers(0, 4), st.integers(1, 3 * SCRATCH_BYTES))
def test_blocks_tile_the_batch_of_windows_and_keep_to_the_scratch_memory(windows, samples, bytes_per_window):
    visits = np.zeros((samples, *windows.out), int)
    x = np.random.default_rng(0).normal(size=(samples, 1, *windows.image))
    whole = gather(x, windows)
    for part, rows, columns, block in windows.blocks(samples, bytes_per_window):
        visits[part, rows, columns] += 1
        count = visits[part, rows, columns].size
        assert count == 1 or count * bytes_per_window <= SCRATCH_BYTES
        np.testing.assert_array_equal(gather(x[part], block), whole[part, ..., rows, columns])
    assert (visits == 1).all()


@pytest.mark.parametrize(
    ("image", "kernel", "stride", "expected"),
    [
        ((5, 5), 3, 1, ((1, 1), (1, 1))),
        ((5, 5), 2, 1, ((0, 1), (0, 1))),  # the odd pixel goes to the end
        ((5, 6), 3, 2, ((1, 1), (0, 1))),
        ((4, 4), 1, 3, ((0, 0), (0, 0))),  # never negative
    ],
)
def test_same_pads(image, kernel, stride, expected):
    windows = Windows.plan("f", image, kernel, stride, "same")
    (top, bottom), (left, right) = expected
    assert windows.origin == (-top, -left)
    assert windows.end == (image[0] + bottom, image[1] + right)
    assert windows.out == tuple(-(-size // stride) for size in image)


def test_ceil_mode_drops_a_window_that_would_start_beyond_the_image():
    assert count_windows(3, 2, 2, (0, 0), ceil_mode=True) == 2
    assert count_windows(3, 2, 2, (1, 1), ceil_mode=True) == 2
    assert count_windows(1, 1, 2, (0, 1), ceil_mode=True) == 1


def test_a_kernel_larger_than_the_padded_image_is_refused():
    with pytest.raises(ShapeError, match=r"f: x must be at least \(5, 3\) pixels .* got \(4, 3\) with padding"):
        Windows.plan("f", (2, 3), 3, 1, ((1, 1), (0, 0)), (2, 1))
