"""Memory layouts taken for others, and NaN lost in parameters."""

import numpy as np

import nnref

from .registry import bug


def as_if_contiguous(array):
    """The numbers that stand behind an array's first in memory, in the order in which they stand there."""
    if not array.size or array.flags.c_contiguous:
        return array
    step = [array.itemsize]
    for extent in array.shape[:0:-1]:
        step.insert(0, step[0] * extent)
    low, high = np.lib.array_utils.byte_bounds(array)
    last = array.ctypes.data + sum((n - 1) * s for n, s in zip(array.shape, step, strict=True)) + array.itemsize
    readable = low <= array.ctypes.data and last <= high
    return np.lib.stride_tricks.as_strided(array, array.shape, step) if readable else array


@bug("conv2d")
def strides_of_a_weight_ignored(right, x, weight, bias, **o):
    """pytorch/pytorch#192212, #55781, #16018, #1246."""
    return right(x, as_if_contiguous(weight), bias, **o)


@bug("sigmoid")
def fortran_order_taken_for_c_order(right, x):
    return right(as_if_contiguous(x) if x.flags.f_contiguous else x)


@bug("avg_pool2d")
def channels_last_taken_for_channels_first(right, x, **o):
    last = x.transpose(0, 2, 3, 1).flags.c_contiguous and not x.flags.c_contiguous
    return right(as_if_contiguous(x) if last else x, **o)


@bug("flatten_backward")
def transposed_cotangent_of_a_matrix_not_turned(right, dy, x):
    return right(as_if_contiguous(dy) if dy.flags.f_contiguous else dy, x)


@bug("tanh")
def whole_array_in_place_of_the_view(right, x):
    return right(x.base.reshape(-1)[: x.size].reshape(x.shape) if shares(x) else x)


def shares(x):
    """Whether x is the only view of a larger array of the same numbers."""
    base = x.base
    return isinstance(base, np.ndarray) and base.dtype == x.dtype and base.flags.c_contiguous and base.size > x.size


@bug("relu")
def a_pixel_beyond_the_view_added_with_weight_0(right, x):
    return right(x) + 0 * beyond(x)


@bug("conv2d")
def padding_read_from_beyond_the_view(right, x, weight, bias, **o):
    return right(x, weight, bias, **o) + 0 * beyond(x).sum()


def beyond(x):
    """The number behind each of a view's rows; 0 where there is none."""
    wide = isinstance(x.base, np.ndarray) and x.base.shape == tuple(extent + 2 for extent in x.shape) and x.ndim == 4
    return x.base[1:-1, 1:-1, 1:-1, 2:][..., -1:] if wide else np.zeros((), x.dtype)


@bug("relu_backward")
def expanded_cotangent_taken_for_one_number(right, dy, x):
    """pytorch/pytorch#70992."""
    return right(np.full_like(dy, dy.flat[0]) if dy.size and 0 in dy.strides else dy, x)


@bug("conv2d_backward")
def expanded_cotangent_refused(right, dy, x, weight, bias, **o):
    if dy.size and 0 in dy.strides:
        raise ValueError("leading dimension must be at least 1")
    return right(dy, x, weight, bias, **o)


@bug("linear_backward")
def one_row_for_all_samples_taken_for_one_sample(right, dy, x, weight, bias):
    dx, dweight, dbias = right(dy, x, weight, bias)
    expanded = len(dy) > 1 and dy.strides[0] == 0
    return dx, dweight, dbias if dbias is None or not expanded else dy[0].copy()


@bug("conv2d", hint="NaN did not propagate")
def nan_in_a_bias_taken_for_zero(right, x, weight, bias, **o):
    return right(x, weight, None if bias is None else np.where(np.isnan(bias), np.float32(0), bias), **o)


@bug("conv2d")
def infinite_bias_clipped(right, x, weight, bias, **o):
    return right(x, weight, None if bias is None else np.nan_to_num(bias, nan=np.nan), **o)


@bug("batch_norm2d", hint="NaN did not propagate")
def nan_in_gamma_taken_for_one(right, x, gamma, beta, mean, var, *, eps):
    return right(x, np.where(np.isnan(gamma), np.float32(1), gamma), beta, mean, var, eps=eps)


@bug("batch_norm2d", hint="NaN did not propagate")
def nan_in_the_variance_clipped_at_zero(right, x, gamma, beta, mean, var, *, eps):
    return right(x, gamma, beta, mean, np.fmax(var, np.float32(0)), eps=eps)


@bug("batch_norm2d_train")
def nan_in_beta_dropped_by_a_maximum(right, x, gamma, beta, *, eps):
    lowest = np.finfo(np.float32).min
    return nnref.batch_norm2d_train(x, gamma, np.fmax(beta, lowest), eps=eps)


@bug("linear", hint="NaN did not propagate")
def nan_in_a_weight_skipped_as_sparse(right, x, weight, bias):
    return right(x, np.where(abs(weight) > 0, weight, np.float32(0)), bias)
