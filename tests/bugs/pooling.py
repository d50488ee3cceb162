"""Pooling."""

import numpy as np

from nnref.errors import ShapeError
from nnref.windows import Windows

from .registry import bug


@bug("avg_pool2d", hint="count_include_pad were False")
def padding_never_counted(right, x, *, count_include_pad, **o):
    return right(x, count_include_pad=False, **o)


@bug("avg_pool2d")
def overhang_of_ceil_mode_counted(right, x, *, kernel_size, count_include_pad, **o):
    """apple/coremltools#2772, sonos/tract#2851, robertknight/rten#1456."""
    y = right(x, kernel_size=kernel_size, count_include_pad=count_include_pad, **o)
    if not (count_include_pad and o["ceil_mode"]):
        return y
    windows = Windows.plan("bug", x.shape, kernel_size, o["stride"], o["padding"], 1, True)
    return y * (windows.count_taps(True) / np.prod(kernel_size)).astype(np.float32)


@bug("avg_pool2d", hint="ceil_mode were False")
def ceil_mode_ignored(right, x, *, ceil_mode, **o):
    try:
        return right(x, ceil_mode=False, **o)
    except ShapeError:  # no window fits
        return right(x, ceil_mode=ceil_mode, **o)


@bug("avg_pool2d_backward", hint="count_include_pad were True")
def count_include_pad_ignored_backward(right, dy, x, *, count_include_pad, **o):
    return right(dy, x, count_include_pad=True, **o)


@bug("max_pool2d", hint="padded with 0, not −∞")
def padded_with_zeros(right, x, *, padding, ceil_mode, **o):
    if ceil_mode:
        return right(x, padding=padding, ceil_mode=True, **o)
    return right(np.pad(x, ((0, 0), (0, 0), *padding)), padding=0, ceil_mode=False, **o)


@bug("max_pool2d", hint="NaN did not propagate")
def nan_dropped(right, x, **o):
    """pytorch/pytorch#7645, keras-team/keras#16158."""
    return right(np.where(np.isnan(x), -np.inf, x).astype(x.dtype), **o)


@bug("max_pool2d")
def starts_at_the_least_float(right, x, **o):
    """pytorch/pytorch#23161, tensorflow/tensorflow#2501."""
    return np.maximum(right(x, **o), np.finfo(np.float32).min)


@bug("max_pool2d", hint="dilation were ignored")
def pool_dilation_ignored(right, x, *, dilation, **o):
    """sonos/tract#2847."""
    return right(x, **o)


@bug("max_pool2d_backward", hint="tie went elsewhere than to the first maximum")
def tie_to_the_last(right, dy, x, *, padding, ceil_mode, **o):
    if ceil_mode or not np.isfinite(x).all():
        return right(dy, x, padding=padding, ceil_mode=True, **o)
    reach = [d * (k - 1) + 1 for d, k in zip(o["dilation"], o["kernel_size"], strict=True)]
    used = [(n - 1) * s + r for n, s, r in zip(dy.shape[2:], o["stride"], reach, strict=True)]
    (t, b), (l, r) = padding
    padded = np.pad(x, ((0, 0), (0, 0), (t, b), (l, r)), constant_values=-np.inf)[:, :, : used[0], : used[1]]
    (dx,) = right(dy[..., ::-1, ::-1], padded[..., ::-1, ::-1], padding=0, ceil_mode=False, **o)
    full = np.zeros((*x.shape[:2], x.shape[2] + t + b, x.shape[3] + l + r), x.dtype)
    full[:, :, : used[0], : used[1]] = dx[..., ::-1, ::-1]
    return (np.ascontiguousarray(full[:, :, t : t + x.shape[2], l : l + x.shape[3]]),)


@bug("max_pool2d_backward")
def overlapping_windows_overwrite(right, dy, x, **o):
    """FluxML/NNlib.jl#205, ahrefs/ocannl#512."""
    (count,) = right(np.ones_like(dy), x, **o)
    (dx,) = right(dy, x, **o)
    return (dx / np.maximum(count, 1),)


@bug("global_avg_pool2d")
def divided_by_the_square_of_the_height(right, x):
    return right(x) * np.float32(x.shape[3]) / np.float32(x.shape[2])


@bug("global_avg_pool2d_backward", hint="sum were not divided")
def not_divided(right, dy, x):
    return (np.broadcast_to(dy, x.shape).copy(),)
