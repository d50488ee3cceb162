"""Pooling, flatten and padding."""

import functools
from math import inf, prod

import numpy as np

from .geometry import canvas, counts, cropped, tap, windows
from .registry import in_double, style

ONE = (1, 1)


def average_options(x, kernel_size, stride, padding, ceil_mode, count_include_pad):
    """Extents of the result, and how many taps of each window count: (Ho, Wo)."""
    out = counts(x.shape[2:], kernel_size, stride, padding, ONE, ceil_mode)
    inside = []
    for size, k, s, (before, after), n in zip(x.shape[2:], kernel_size, stride, padding, out, strict=True):
        start = np.arange(n) * s - before
        low, high = (-before, size + after) if count_include_pad else (0, size)
        inside.append(np.maximum(np.minimum(start + k, high) - np.maximum(start, low), 0))
    return out, np.multiply.outer(*inside)


def means(total, taken):
    """0 where nothing counts."""
    return np.where(taken > 0, total / np.maximum(taken, 1).astype(total.dtype), total.dtype.type(0))


@style("avg_pool2d", dtypes=("float32", "float16"))
def mean_of_views(x, *, kernel_size, stride, padding, ceil_mode, count_include_pad):
    out, taken = average_options(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    image = canvas(x, kernel_size, stride, padding, ONE, out)
    return means(windows(image, kernel_size, stride, ONE, out).sum(axis=(-2, -1)), taken)


def taps_added(x, *, kernel_size, stride, padding, ceil_mode, count_include_pad):
    out, taken = average_options(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    image = canvas(x, kernel_size, stride, padding, ONE, out)
    y = sum(image[tap(u, v, stride, ONE, out)] for u, v in np.ndindex(*kernel_size))
    return y * (1 / np.maximum(taken, 1)).astype(x.dtype)


style("avg_pool2d")(taps_added)
style("avg_pool2d")(in_double(taps_added))


@style("avg_pool2d")
def rows_then_columns(x, *, kernel_size, stride, padding, ceil_mode, count_include_pad):
    out, taken = average_options(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    image = canvas(x, kernel_size, stride, padding, ONE, out)
    rows = sum(image[:, :, u : u + (out[0] - 1) * stride[0] + 1 : stride[0]] for u in range(kernel_size[0]))
    return means(sum(rows[..., v : v + (out[1] - 1) * stride[1] + 1 : stride[1]] for v in range(kernel_size[1])), taken)


@style("avg_pool2d")
def blocks_by_reshape(x, **options):
    """Where windows tile the image; elsewhere as above."""
    (kh, kw), plain = options["kernel_size"], not any(map(any, options["padding"])) and not options["ceil_mode"]
    if options["stride"] != (kh, kw) or not plain or x.shape[2] % kh or x.shape[3] % kw:
        return taps_added(x, **options)
    blocks = x.reshape(*x.shape[:2], x.shape[2] // kh, kh, x.shape[3] // kw, kw)
    return blocks.sum(axis=(3, 5)) / x.dtype.type(kh * kw)


@style("avg_pool2d")
def pixel_after_pixel(x, *, kernel_size, stride, padding, ceil_mode, count_include_pad):
    """Only what lies on the image is read."""
    out, taken = average_options(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    y = np.zeros((*x.shape[:2], *out), x.dtype)
    for i, j in np.ndindex(*out):
        top, left = i * stride[0] - padding[0][0], j * stride[1] - padding[1][0]
        rows = slice(max(0, top), max(0, top + kernel_size[0]))
        columns = slice(max(0, left), max(0, left + kernel_size[1]))
        if taken[i, j]:
            y[:, :, i, j] = x[:, :, rows, columns].sum(axis=(2, 3)) / x.dtype.type(taken[i, j])
    return y


@style("avg_pool2d", sums="running")
def sliding_sums(x, *, kernel_size, stride, padding, ceil_mode, count_include_pad):
    """A pixel enters, another leaves."""
    out, taken = average_options(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    image = canvas(x, kernel_size, stride, padding, ONE, out)
    for axis, (k, n, s) in enumerate(zip(kernel_size, out, stride, strict=True), start=2):
        line = np.moveaxis(image, axis, 0)
        total, found = line[:k].sum(axis=0), []
        for i in range((n - 1) * s + 1):
            if i:
                total = total + line[i + k - 1] - line[i - 1]
            found.append(total)
        image = np.moveaxis(np.stack(found[::s]), 0, axis)
    return means(image, taken)


@style("avg_pool2d", sums="running")
def summed_area_table(x, *, kernel_size, stride, padding, ceil_mode, count_include_pad):
    out, taken = average_options(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    image = canvas(x, kernel_size, stride, padding, ONE, out)
    table = np.zeros((*image.shape[:2], image.shape[2] + 1, image.shape[3] + 1), x.dtype)
    table[:, :, 1:, 1:] = image.cumsum(axis=2).cumsum(axis=3)
    kh, kw = kernel_size
    corner = [table[tap(u, v, stride, ONE, out)] for u, v in ((kh, kw), (0, kw), (kh, 0), (0, 0))]
    return means(corner[0] - corner[1] - corner[2] + corner[3], taken)


@style("avg_pool2d_backward", dtypes=("float32", "float16"))
def shares_scattered(dy, x, *, kernel_size, stride, padding, ceil_mode, count_include_pad):
    out, taken = average_options(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    image, share = np.zeros_like(canvas(x, kernel_size, stride, padding, ONE, out)), means(dy, taken)
    for u, v in np.ndindex(*kernel_size):
        image[tap(u, v, stride, ONE, out)] += share
    return (cropped(image, padding, x.shape),)


@style("avg_pool2d_backward")
def window_after_window(dy, x, *, kernel_size, stride, padding, ceil_mode, count_include_pad):
    out, taken = average_options(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    dx = np.zeros_like(x)
    for i, j in np.ndindex(*out):
        top, left = i * stride[0] - padding[0][0], j * stride[1] - padding[1][0]
        rows = slice(max(0, top), max(0, top + kernel_size[0]))
        columns = slice(max(0, left), max(0, left + kernel_size[1]))
        if taken[i, j]:
            dx[:, :, rows, columns] += (dy[:, :, i, j] / x.dtype.type(taken[i, j]))[:, :, None, None]
    return (dx,)


@style("avg_pool2d_backward")
def pixel_gathers_its_windows(dy, x, *, kernel_size, stride, padding, ceil_mode, count_include_pad):
    """Without a scatter, as a GPU kernel does it."""
    out, taken = average_options(x, kernel_size, stride, padding, ceil_mode, count_include_pad)
    share, dx = means(dy, taken), np.zeros_like(x)
    for h, w in np.ndindex(*x.shape[2:]):
        row, column = h + padding[0][0], w + padding[1][0]
        rows = [i for i in range(out[0]) if i * stride[0] <= row < i * stride[0] + kernel_size[0]]
        columns = [j for j in range(out[1]) if j * stride[1] <= column < j * stride[1] + kernel_size[1]]
        for i in rows:
            for j in columns:
                dx[:, :, h, w] += share[:, :, i, j]
    return (dx,)


def flushed(x):
    """Subnormal numbers taken for 0."""
    return np.where(np.abs(x) < np.finfo(x.dtype).tiny, x.dtype.type(0), x)


@style("avg_pool2d", subnormals="flushed")
def subnormals_flushed(x, **options):
    return flushed(taps_added(flushed(x), **options))


# maxima


def maximum_windows(x, *, kernel_size, stride, padding, dilation, ceil_mode):
    out = counts(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    return windows(canvas(x, kernel_size, stride, padding, dilation, out, -inf), kernel_size, stride, dilation, out)


@style("max_pool2d", dtypes=("float32", "float16"))
def maximum_of_views(x, **options):
    return maximum_windows(x, **options).max(axis=(-2, -1))


@style("max_pool2d")
def last_after_sorting(x, **options):
    """NaN is sorted to the end."""
    seen = maximum_windows(x, **options)
    return np.sort(seen.reshape(*seen.shape[:4], -1), axis=-1)[..., -1]


@style("max_pool2d")
def maximum_of_two_at_a_time(x, *, kernel_size, stride, padding, dilation, ceil_mode):
    out = counts(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    image = canvas(x, kernel_size, stride, padding, dilation, out, -inf)
    return functools.reduce(
        np.maximum, (image[tap(u, v, stride, dilation, out)] for u, v in np.ndindex(*kernel_size))
    ).copy()


@style("max_pool2d")
def maximum_of_rows_then_columns(x, *, kernel_size, stride, padding, dilation, ceil_mode):
    out = counts(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    image = canvas(x, kernel_size, stride, padding, dilation, out, -inf)
    for axis, (k, n, s, d) in enumerate(zip(kernel_size, out, stride, dilation, strict=True), start=2):
        lines = [np.moveaxis(image, axis, 0)[u * d : u * d + (n - 1) * s + 1 : s] for u in range(k)]
        image = np.moveaxis(functools.reduce(np.maximum, lines), 0, axis)
    return np.ascontiguousarray(image)


@style("max_pool2d")
def greater_or_nan(x, **options):
    """One comparison after another, as a loop in C has it."""
    seen = maximum_windows(x, **options)
    best = seen[..., 0, 0].copy()
    for u, v in np.ndindex(*seen.shape[4:]):
        value = seen[..., u, v]
        best = np.where((value > best) | np.isnan(value), value, best)
    return best


@style("max_pool2d", nan="any")
def nan_ignored(x, **options):
    """fmax, which IEEE 754-2008 calls maxNum."""
    return np.fmax.reduce(maximum_windows(x, **options), axis=(-2, -1))


@style("max_pool2d", subnormals="flushed")
def flushed_on_the_way(x, **options):
    return flushed(maximum_of_views(flushed(x), **options))


@style("max_pool2d", maximum_of_no_pixel="lowest")
def starts_at_the_lowest_number_without_a_pixel(x, **options):
    seen, inside = (maximum_windows(a, **options) for a in (x, np.zeros((1, 1, *x.shape[2:]), x.dtype)))
    without = np.isneginf(inside).all(axis=(-2, -1))
    return np.where(without, np.finfo(x.dtype).min, seen.max(axis=(-2, -1)))


def winner_takes_all(dy, x, *, kernel_size, stride, padding, dilation, ceil_mode):
    """np.argmax takes the first; of several NaN too, so the last is looked for."""
    seen = maximum_windows(
        x, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    )
    out, taps = seen.shape[2:4], prod(kernel_size)
    flat = seen.reshape(*seen.shape[:4], taps)
    last = taps - 1 - np.isnan(flat)[..., ::-1].argmax(axis=-1)
    numbers = np.arange(x[0, 0].size, dtype=np.float64).reshape(1, 1, *x.shape[2:])
    where = maximum_windows(
        numbers, kernel_size=kernel_size, stride=stride, padding=padding, dilation=dilation, ceil_mode=ceil_mode
    ).reshape(*out, taps)
    first = np.where(np.isfinite(where), flat, -inf)
    at_infinity = np.where(np.isneginf(flat), np.where(np.isfinite(where), 0, -1), 1).argmax(axis=-1)
    winner = np.where(np.isneginf(first).all(axis=-1), at_infinity, first.argmax(axis=-1))
    winner = np.where(np.isnan(flat).any(axis=-1), last, winner)
    dx = np.zeros((*x.shape[:2], x[0, 0].size), x.dtype)
    for n, k, i, j in np.ndindex(*winner.shape):
        pixel = where[i, j, winner[n, k, i, j]]
        if np.isfinite(pixel):
            dx[n, k, int(pixel)] += dy[n, k, i, j]
    return (dx.reshape(x.shape),)


style("max_pool2d_backward")(winner_takes_all)


@style("max_pool2d_backward")
def loop_over_pixels_of_a_window(dy, x, *, kernel_size, stride, padding, dilation, ceil_mode):
    dx = np.zeros_like(x)
    for n, k, i, j in np.ndindex(*dy.shape):
        best, at = -inf, None
        for u, v in np.ndindex(*kernel_size):
            h, w = i * stride[0] + u * dilation[0] - padding[0][0], j * stride[1] + v * dilation[1] - padding[1][0]
            if 0 <= h < x.shape[2] and 0 <= w < x.shape[3]:
                value = x[n, k, h, w]
                if at is None or value > best or np.isnan(value):
                    best, at = value, (h, w)
        if at is not None:
            dx[n, k, at[0], at[1]] += dy[n, k, i, j]
    return (dx,)


@style("max_pool2d_backward", ties="any")
def every_maximum_gets_it(dy, x, **options):
    """Where there are no ties this is the same; a NaN equals nothing."""
    kernel, stride, padding, dilation = (options[n] for n in ("kernel_size", "stride", "padding", "dilation"))
    if np.isnan(x).any():
        return winner_takes_all(dy, x, **options)
    seen, out = maximum_windows(x, **options), dy.shape[2:]
    y, image = seen.max(axis=(-2, -1)), np.zeros_like(canvas(x, kernel, stride, padding, dilation, out))
    for u, v in np.ndindex(*kernel):
        image[tap(u, v, stride, dilation, out)] += np.where(seen[..., u, v] == y, dy, 0)
    return (cropped(image, padding, x.shape),)


# global


@style("global_avg_pool2d", dtypes=("float32", "float16", "float64"))
def mean_over_axes(x):
    return x.mean(axis=(2, 3), keepdims=True)


@style("global_avg_pool2d")
def sum_times_reciprocal(x):
    return x.sum(axis=(2, 3), keepdims=True) * x.dtype.type(1 / prod(x.shape[2:]))


@style("global_avg_pool2d")
def product_with_ones(x):
    flat = x.reshape(*x.shape[:2], prod(x.shape[2:]))
    return (flat @ np.ones(flat.shape[2], x.dtype) / x.dtype.type(flat.shape[2]))[..., None, None]


@style("global_avg_pool2d")
def sum_of_rows_first(x):
    return (x.sum(axis=3).sum(axis=2) / x.dtype.type(prod(x.shape[2:])))[..., None, None]


@style("global_avg_pool2d")
def running_total(x):
    total = np.zeros(x.shape[:2], x.dtype)
    for i, j in np.ndindex(*x.shape[2:]):
        total += x[:, :, i, j]
    return (total / x.dtype.type(prod(x.shape[2:])))[..., None, None]


@style("global_avg_pool2d_backward", dtypes=("float32", "float16"))
def a_share_for_everyone(dy, x):
    return (np.broadcast_to(dy / dy.dtype.type(prod(x.shape[2:])), x.shape).copy(),)


@style("global_avg_pool2d_backward")
def reciprocal_times_ones(dy, x):
    return (np.ones_like(x) * (dy * dy.dtype.type(1 / prod(x.shape[2:]))),)


# moving numbers


@style("flatten", dtypes=("float32", "float16"))
def reshaped(x):
    return x.reshape(len(x), prod(x.shape[1:])).copy()


@style("flatten")
def channel_beside_channel(x):
    return np.concatenate([x[:, k].reshape(len(x), prod(x.shape[2:])) for k in range(x.shape[1])], axis=1)


@style("flatten_backward")
def reshaped_back(dy, x):
    return (np.array(dy).reshape(x.shape),)


@style("zero_pad2d")
def numpy_pad(x, *, padding):
    return np.pad(x, ((0, 0), (0, 0), *padding))


@style("zero_pad2d")
def written_into_zeros(x, *, padding):
    (top, bottom), (left, right) = padding
    y = np.zeros((*x.shape[:2], x.shape[2] + top + bottom, x.shape[3] + left + right), x.dtype)
    y[:, :, top : top + x.shape[2], left : left + x.shape[3]] = x
    return y


@style("zero_pad2d")
def joined_with_zeros(x, *, padding):
    for axis, ends in enumerate(padding, start=2):
        before, after = (np.zeros((*x.shape[:axis], n, *x.shape[axis + 1 :]), x.dtype) for n in ends)
        x = np.concatenate([before, x, after], axis=axis)
    return x


@style("zero_pad2d_backward")
def cut_out(dy, x, *, padding):
    return (cropped(dy, padding, x.shape).copy(),)
