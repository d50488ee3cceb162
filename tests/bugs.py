"""Bugs of the kinds that real projects have shipped, each a few lines around a right layer.

A row says where the bug is, and whether it hides behind a size (a vector's tail, a tile's edge), in which case no small
input shows it. The oracle has to find every one: `test_the_tests.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import nnref
from nnref import algebra
from nnref.oracle.data import dtype_of
from nnref.oracle.targets import resolve
from nnref.windows import Windows

BF16 = dtype_of("bfloat16")
RIGHT = resolve("nnref")


@dataclass(frozen=True)
class Bug:
    name: str
    op: str
    direction: str
    function: Callable[..., Any]
    dtype: str = "float32"
    hides: bool = False
    hint: str = ""


BUGS: list[Bug] = []


def bug(target: str, *, dtype: str = "float32", hides: bool = False, hint: str = "") -> Callable[[Any], Any]:
    """Register a wrong implementation of "op" or "op_backward"; its first argument is the right one."""
    op = target.removesuffix("_backward")
    direction = "backward" if target != op else "forward"
    right = getattr(RIGHT, target)

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(*arrays: Any, **options: Any) -> Any:
            return function(right, *arrays, **options)

        name = f"{target}: {function.__name__.replace('_', ' ')}"
        BUGS.append(Bug(name, op, direction, wrong, dtype, hides, hint))
        return function

    return register


def rounded(array, bits):
    """To so many bits of significand."""
    mantissa, exponent = np.frexp(array)
    return np.ldexp(np.round(mantissa * 2**bits) / 2**bits, exponent).astype(array.dtype)


# -- convolution, forward --


@bug("conv2d", hint="flipped")
def flipped_kernel(right, x, weight, bias, **o):
    return right(x, weight[:, :, ::-1, ::-1], bias, **o)


@bug("conv2d", hint="stride were swapped")
def swapped_stride(right, x, weight, bias, *, stride, **o):
    return right(x, weight, bias, stride=stride[::-1], **o)


@bug("conv2d", hint="dilation were ignored")
def ignored_dilation(right, x, weight, bias, *, dilation, **o):
    return right(x, weight, bias, **o)


@bug("conv2d", hint="sides of the padding")
def mirrored_padding(right, x, weight, bias, *, padding, **o):
    (top, bottom), (left, right_) = padding
    return right(x, weight, bias, padding=((bottom, top), (right_, left)), **o)


@bug("conv2d")
def padding_of_the_other_axis(right, x, weight, bias, *, padding, **o):
    return right(x, weight, bias, padding=padding[::-1], **o)


@bug("conv2d")
def edge_in_place_of_zero_padding(right, x, weight, bias, *, padding, **o):
    mode = "edge" if x.size else "constant"
    return right(np.pad(x, ((0, 0), (0, 0), *padding), mode=mode), weight, bias, padding=0, **o)


@bug("conv2d")
def output_channels_interleaved_over_groups(right, x, weight, bias, *, groups, **o):
    y = right(x, weight, None, groups=groups, **o)
    n, k, height, width = y.shape
    y = y.reshape(n, groups, k // groups, height, width).swapaxes(1, 2).reshape(y.shape)
    return y if bias is None else y + bias[:, None, None]


@bug("conv2d")
def input_channels_interleaved_over_groups(right, x, weight, bias, *, groups, **o):
    n, c, height, width = x.shape
    x = x.reshape(n, c // groups, groups, height, width).swapaxes(1, 2).reshape(x.shape)
    return right(x, weight, bias, groups=groups, **o)


@bug("conv2d", hint="bias were ignored")
def ignored_bias(right, x, weight, bias, **o):
    return right(x, weight, None, **o)


@bug("conv2d")
def bias_of_the_first_filter_for_all(right, x, weight, bias, **o):
    return right(x, weight, None if bias is None else np.full_like(bias, bias[0]), **o)


@bug("conv2d", hint="11 bits")
def tf32_inputs(right, x, weight, bias, **o):
    return right(rounded(x, 11), rounded(weight, 11), bias, **o)


@bug("conv2d", hint="8 bits")
def bfloat16_inputs(right, x, weight, bias, **o):
    return right(rounded(x, 8), rounded(weight, 8), bias, **o)


@bug("conv2d")
def input_modified(right, x, weight, bias, **o):
    y = right(x, weight, bias, **o)
    if x.flags.writeable:
        x *= 0
    return y


@bug("conv2d")
def float64_result(right, x, weight, bias, **o):
    return right(x, weight, bias, **o).astype(np.float64)


@bug("conv2d", hides=True)
def tail_of_a_row_of_vectors_left_out(right, x, weight, bias, **o):
    y = right(x, weight, bias, **o)
    if y.shape[3] > 8 and y.shape[3] % 8:
        y[..., y.shape[3] // 8 * 8 :] = 0
    return y


@bug("conv2d", hides=True)
def low_precision_path_for_32_channels(right, x, weight, bias, **o):
    if x.shape[1] % 32 == 0:
        x, weight = rounded(x, 8), rounded(weight, 8)
    return right(x, weight, bias, **o)


@bug("conv2d", hides=True)
def edge_of_a_tile_of_64_filters_repeated(right, x, weight, bias, **o):
    y = right(x, weight, bias, **o)
    if y.shape[1] >= 64:
        y[:, 63] = y[:, 62]
    return y


@bug("conv2d")
def last_channel_of_a_pair_left_out(right, x, weight, bias, **o):
    if weight.shape[1] == 2:
        weight = weight.copy()
        weight[:, 1] = 0
    return right(x, weight, bias, **o)


@bug("conv2d")
def nan_taken_for_zero(right, x, weight, bias, **o):
    return right(np.nan_to_num(x, posinf=np.inf, neginf=-np.inf), weight, bias, **o)


@bug("conv2d")
def nan_spread_over_the_image(right, x, weight, bias, **o):
    y = right(x, weight, bias, **o)
    return y + 0 * y.sum()


@bug("conv2d")
def subnormals_flushed(right, x, weight, bias, **o):
    return right(np.where(abs(x) < 2.0**-126, np.float32(0), x), weight, bias, **o)


@bug("conv2d")
def strides_in_memory_ignored(right, x, weight, bias, **o):
    return right(x if x.flags.c_contiguous else x[..., ::-1], weight, bias, **o)


@bug("conv2d")
def empty_batch_refused(right, x, weight, bias, **o):
    if not len(x):
        raise ZeroDivisionError("division by zero")
    return right(x, weight, bias, **o)


@bug("conv2d")
def exits(right, x, weight, bias, **o):
    raise SystemExit(3)


@bug("conv2d")
def returns_none(right, x, weight, bias, **o):
    return None


@bug("conv2d")
def returns_objects(right, x, weight, bias, **o):
    return right(x, weight, bias, **o).astype(object)


@bug("conv2d")
def returns_complex_numbers(right, x, weight, bias, **o):
    return right(x, weight, bias, **o).astype(np.complex64)


@bug("conv2d")
def changes_the_error_state(right, x, weight, bias, **o):
    np.seterr(under="raise" if np.geterr()["under"] != "raise" else "ignore")
    return right(x, weight, bias, **o)


@bug("conv2d", dtype="float64", hint="float32")
def float32_arithmetic_for_float64(right, x, weight, bias, **o):
    y = right(x.astype("f"), weight.astype("f"), None if bias is None else bias.astype("f"), **o)
    return y.astype(np.float64)


@bug("conv2d", dtype="bfloat16")
def bfloat16_bias_added_after_rounding(right, x, weight, bias, **o):
    y = right(x, weight, None, **o)
    return y if bias is None else (y + bias[:, None, None]).astype(BF16)


# -- convolution, backward --


@bug("conv2d_backward")
def kernel_not_turned_for_dx(right, dy, x, weight, bias, **o):
    _, dweight, dbias = right(dy, x, weight, bias, **o)
    return right(dy, x, weight[:, :, ::-1, ::-1], bias, **o)[0], dweight, dbias


@bug("conv2d_backward")
def dweight_of_the_first_sample(right, dy, x, weight, bias, **o):
    dx, _, dbias = right(dy, x, weight, bias, **o)
    return dx, right(dy[:1], x[:1], weight, bias, **o)[1], dbias


@bug("conv2d_backward")
def dbias_as_a_mean(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    return dx, dweight, None if dbias is None else dbias / max(1, len(x))


@bug("conv2d_backward")
def dweight_and_dx_exchanged(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    return dweight, dx, dbias


@bug("conv2d_backward")
def two_results_in_place_of_three(right, dy, x, weight, bias, **o):
    return right(dy, x, weight, bias, **o)[:2]


@bug("conv2d_backward")
def array_for_an_absent_bias(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    return dx, dweight, dy.sum(axis=(0, 2, 3)) if dbias is None else dbias


@bug("conv2d_backward")
def cotangent_modified(right, dy, x, weight, bias, **o):
    gradients = right(dy, x, weight, bias, **o)
    if dy.flags.writeable:
        dy[...] = 1
    return gradients


@bug("conv2d_backward", hint="11 bits")
def tf32_backward(right, dy, x, weight, bias, **o):
    return right(rounded(dy, 11), rounded(x, 11), rounded(weight, 11), bias, **o)


@bug("depthwise_conv2d")
def multiplier_outermost(right, x, weight, bias, **o):
    c = x.shape[1]
    order = np.arange(len(weight)).reshape(-1, c).T.reshape(-1)
    return right(x, weight[order], None if bias is None else bias[order], **o)


@bug("depthwise_conv2d", hint="accumulated in float16")
def float16_accumulation(right, x, weight, bias, **o):
    windows = Windows.plan("bug", x.shape, weight.shape[2:], o["stride"], o["padding"], o["dilation"])
    y = np.zeros((len(x), len(weight), *windows.out), np.float16)
    each = np.repeat(x, len(weight) // x.shape[1], axis=1)
    for tap in windows.taps():
        y[tap.out] += (each[tap.image] * weight[:, 0, *tap.offset, None, None]).astype(np.float16)
    return y.astype(np.float32) if bias is None else y + bias[:, None, None]


@bug("depthwise_conv2d", hint="dilation were swapped")
def swapped_dilation(right, x, weight, bias, *, dilation, **o):
    return right(x, weight, bias, dilation=dilation[::-1], **o)


@bug("depthwise_conv2d_backward")
def first_multiplier_only_in_dx(right, dy, x, weight, bias, **o):
    _, dweight, dbias = right(dy, x, weight, bias, **o)
    m = len(weight) // x.shape[1]
    return right(dy[:, ::m], x, weight[::m], None, **o)[0], dweight, dbias


@bug("conv_transpose2d")
def transposed_kernel_flipped(right, x, weight, bias, **o):
    return right(x, weight[:, :, ::-1, ::-1], bias, **o)


@bug("conv_transpose2d")
def output_padding_ignored(right, x, weight, bias, *, output_padding, **o):
    return right(x, weight, bias, **o)


@bug("conv_transpose2d")
def output_padding_of_zeros(right, x, weight, bias, *, output_padding, **o):
    y = right(x, weight, bias, output_padding=output_padding, **o)
    height, width = right(x, weight, bias, **o).shape[2:]
    y[:, :, height:], y[:, :, :, width:] = 0, 0
    return y


@bug("conv_transpose2d_backward")
def transposed_dweight_with_stride_ignored(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    return dx, dweight / (o["stride"][0] ** 2), dbias


# -- batch norm --


@bug("batch_norm2d")
def eps_outside_the_root(right, x, gamma, beta, mean, var, *, eps):
    return (x - mean[:, None, None]) / (np.sqrt(var) + np.float32(eps))[:, None, None] * gamma[:, None, None] + beta[
        :, None, None
    ]


@bug("batch_norm2d")
def eps_of_1e_minus_6(right, x, gamma, beta, mean, var, *, eps):
    return right(x, gamma, beta, mean, var, eps=1e-6 if eps == 1e-5 else eps)


@bug("batch_norm2d", hint="eps were missing")
def eps_missing(right, x, gamma, beta, mean, var, *, eps):
    with np.errstate(all="ignore"):
        return right(x, gamma, beta, mean, var, eps=0)


@bug("batch_norm2d")
def variance_taken_for_deviation(right, x, gamma, beta, mean, var, *, eps):
    return right(x, gamma, beta, mean, var * var, eps=eps)


@bug("batch_norm2d")
def gamma_ignored(right, x, gamma, beta, mean, var, *, eps):
    return right(x, np.ones_like(gamma), beta, mean, var, eps=eps)


@bug("batch_norm2d")
def beta_added_before_scaling(right, x, gamma, beta, mean, var, *, eps):
    return right(x + beta[:, None, None], gamma, np.zeros_like(beta), mean, var, eps=eps)


@bug("batch_norm2d")
def folded_in_float16(right, x, gamma, beta, mean, var, *, eps):
    with np.errstate(all="ignore"):
        scale = (gamma / np.sqrt(var + np.float32(eps))).astype(np.float16).astype(np.float32)
        return (x - mean[:, None, None]) * scale[:, None, None] + beta[:, None, None]


@bug("batch_norm2d_backward")
def dgamma_not_centred(right, dy, x, gamma, beta, mean, var, *, eps):
    dx, _, *rest = right(dy, x, gamma, beta, mean, var, eps=eps)
    return dx, right(dy, x, gamma, beta, np.zeros_like(mean), var, eps=eps)[1], *rest


@bug("batch_norm2d_backward")
def dvar_of_the_wrong_sign(right, dy, x, gamma, beta, mean, var, *, eps):
    *rest, dvar = right(dy, x, gamma, beta, mean, var, eps=eps)
    return *rest, -dvar


@bug("batch_norm2d_train")
def unbiased_variance(right, x, gamma, beta, *, eps):
    mean, var = nnref.batch_statistics(x)
    n = x.shape[0] * x.shape[2] * x.shape[3]
    return nnref.batch_norm2d(x, gamma, beta, mean, var * np.float32(n / max(1, n - 1)), eps=eps)


@bug("batch_norm2d_train", hint="mean(x²)")
def one_pass_variance(right, x, gamma, beta, *, eps):
    n = np.float32(max(1, x.shape[0] * x.shape[2] * x.shape[3]))
    mean, square = x.sum((0, 2, 3)) / n, (x * x).sum((0, 2, 3)) / n
    return nnref.batch_norm2d(x, gamma, beta, mean, np.maximum(square - mean * mean, 0), eps=eps)


@bug("batch_norm2d_train")
def statistics_of_each_sample(right, x, gamma, beta, *, eps):
    return np.concatenate([right(x[n : n + 1], gamma, beta, eps=eps) for n in range(len(x))] or [x.copy()])


@bug("batch_norm2d_train_backward")
def mean_of_dy_missing(right, dy, x, gamma, beta, *, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps=eps)
    n = np.float32(max(1, x.shape[0] * x.shape[2] * x.shape[3]))
    r = 1 / np.sqrt(nnref.batch_statistics(x)[1] + np.float32(eps))
    return dx + (gamma * r * dbeta / n)[:, None, None], dgamma, dbeta


@bug("batch_norm2d_train_backward")
def statistics_taken_for_constants(right, dy, x, gamma, beta, *, eps):
    _, dgamma, dbeta = right(dy, x, gamma, beta, eps=eps)
    return nnref.batch_norm2d_backward(dy, x, gamma, beta, *nnref.batch_statistics(x), eps=eps)[0], dgamma, dbeta


@bug("batch_norm2d_train_backward")
def dgamma_of_the_centred_image(right, dy, x, gamma, beta, *, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps=eps)
    return dx, dgamma * np.sqrt(nnref.batch_statistics(x)[1] + np.float32(eps)), dbeta


@bug("normalize2d")
def scale_on_the_shift(right, x, gamma, beta, mean, inv_std):
    return right(x, gamma, beta * gamma, mean, inv_std)


# -- pooling --


@bug("avg_pool2d", hint="count_include_pad")
def padding_never_counted(right, x, *, count_include_pad, **o):
    return right(x, count_include_pad=False, **o)


@bug("avg_pool2d")
def overhang_of_ceil_mode_counted(right, x, *, kernel_size, count_include_pad, **o):
    y = right(x, kernel_size=kernel_size, count_include_pad=count_include_pad, **o)
    if not (count_include_pad and o["ceil_mode"]):
        return y
    windows = Windows.plan("bug", x.shape, kernel_size, o["stride"], o["padding"], 1, True)
    return y * (windows.count_taps(True) / np.prod(kernel_size)).astype(np.float32)


@bug("avg_pool2d")
def ceil_mode_ignored(right, x, *, ceil_mode, **o):
    return right(x, ceil_mode=False, **o)


@bug("avg_pool2d_backward")
def count_include_pad_ignored_backward(right, dy, x, *, count_include_pad, **o):
    return right(dy, x, count_include_pad=True, **o)


@bug("max_pool2d")
def padded_with_zeros(right, x, *, padding, ceil_mode, **o):
    if ceil_mode:
        return right(x, padding=padding, ceil_mode=True, **o)
    return right(np.pad(x, ((0, 0), (0, 0), *padding)), padding=0, ceil_mode=False, **o)


@bug("max_pool2d")
def nan_dropped(right, x, **o):
    return right(np.where(np.isnan(x), -np.inf, x).astype(x.dtype), **o)


@bug("max_pool2d")
def starts_at_the_least_float(right, x, **o):
    return np.maximum(right(x, **o), np.finfo(np.float32).min)


@bug("max_pool2d", hint="dilation were ignored")
def pool_dilation_ignored(right, x, *, dilation, **o):
    return right(x, **o)


@bug("max_pool2d_backward", hint="tie")
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
    (count,) = right(np.ones_like(dy), x, **o)
    (dx,) = right(dy, x, **o)
    return (dx / np.maximum(count, 1),)


@bug("global_avg_pool2d")
def divided_by_the_square_of_the_height(right, x):
    return right(x) * np.float32(x.shape[3]) / np.float32(x.shape[2])


@bug("global_avg_pool2d_backward")
def not_divided(right, dy, x):
    return (np.broadcast_to(dy, x.shape).copy(),)


# -- activations, head --


@bug("sigmoid")
def hard_sigmoid(right, x):
    return np.clip(x / 6 + np.float32(0.5), 0, 1)


@bug("sigmoid_backward")
def sigmoid_slope_of_one_plus(right, dy, x):
    y = nnref.sigmoid(x)
    return (dy * y * (1 + y),)


@bug("tanh", hint="2σ(2x)")
def tanh_by_the_sigmoid(right, x):
    return 2 * nnref.sigmoid(2 * x) - 1


@bug("tanh_backward")
def tanh_slope_without_square(right, dy, x):
    return (dy * (1 - abs(nnref.tanh(x))),)


@bug("relu")
def relu_of_nan_is_zero(right, x):
    return np.where(x > 0, x, np.float32(0))


@bug("relu")
def clipped_at_six(right, x):
    return np.minimum(right(x), np.float32(6))


@bug("relu_backward")
def relu_slope_of_one_at_zero(right, dy, x):
    return (np.where(x >= 0, dy, np.float32(0)),)


@bug("linear")
def square_weight_transposed(right, x, weight, bias):
    return right(x, np.ascontiguousarray(weight.T) if weight.shape[0] == weight.shape[1] else weight, bias)


@bug("linear_backward")
def dbias_of_the_first_row(right, dy, x, weight, bias):
    dx, dweight, _ = right(dy, x, weight, bias)
    return dx, dweight, None if bias is None else dy[:1].sum(axis=0)


@bug("flatten")
def channels_innermost(right, x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(len(x), x[0].size if len(x) else right(x).shape[1])


@bug("flatten")
def view_returned(right, x):
    return x.reshape(right(x).shape)


@bug("zero_pad2d", hint="sides of the padding")
def top_and_bottom_exchanged(right, x, *, padding):
    return right(x, padding=tuple(side[::-1] for side in padding))


@bug("softmax_cross_entropy")
def largest_logit_not_subtracted(right, x, *, target, reduction):
    with np.errstate(all="ignore"):
        losses = np.log(np.exp(x).sum(axis=1)) - x[np.arange(len(x)), target]
    return np.asarray(losses.mean() if reduction == "mean" else losses.sum(), x.dtype)


@bug("softmax_cross_entropy_backward")
def batch_size_forgotten(right, dy, x, *, target, reduction):
    return right(dy, x, target=target, reduction="sum")


# -- folds --


@bug("fold_conv_batch_norm")
def bias_not_scaled(right, weight, bias, gamma, beta, mean, var, *, eps):
    folded, shift = right(weight, None, gamma, beta, mean, var, eps=eps)
    return folded, shift if bias is None else shift + bias


@bug("fold_conv_batch_norm")
def absent_bias_loses_the_mean(right, weight, bias, gamma, beta, mean, var, *, eps):
    folded, shift = right(weight, bias, gamma, beta, mean, var, eps=eps)
    return folded, beta.copy() if bias is None else shift


@bug("fold_conv_batch_norm", hint="eps were 1e-3")
def eps_of_another_framework(right, weight, bias, gamma, beta, mean, var, *, eps):
    return right(weight, bias, gamma, beta, mean, var, eps=1e-3)


@bug("fold_conv_transpose_batch_norm")
def scale_on_the_first_axis(right, weight, bias, gamma, beta, mean, var, *, eps, groups):
    _, shift = right(weight, bias, gamma, beta, mean, var, eps=eps, groups=groups)
    k = len(weight)
    scale = (gamma / np.sqrt(var + np.float32(eps)))[np.arange(k) % len(gamma)]
    return weight * scale[:, None, None, None], shift


@bug("fold_conv_transpose_batch_norm")
def groups_forgotten(right, weight, bias, gamma, beta, mean, var, *, eps, groups):
    _, shift = right(weight, bias, gamma, beta, mean, var, eps=eps, groups=groups)
    scale = (gamma / np.sqrt(var + np.float32(eps)))[: weight.shape[1]]
    return weight * scale[None, :, None, None], shift


# -- algorithms that are no bugs where they are declared --

WINOGRAD = {  # F(2,3) and F(4,3): Aᵀ, G, Bᵀ
    2: (
        [[1, 1, 1, 0], [0, 1, -1, -1]],
        [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]],
        [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
    ),
    4: (
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ],
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
    ),
}


def winograd(m, right, x, weight, bias, *, groups, **o):
    """Winograd's F(m×m, 3×3) in float32 where it applies."""
    if weight.shape[2:] != (3, 3) or o["stride"] != (1, 1) or o["dilation"] != (1, 1):
        return right(x, weight, bias, groups=groups, **o)
    y = right(x, weight, None, groups=groups, **o) * 0
    height, width = y.shape[2:]
    at, g, bt = (np.array(matrix, np.float32) for matrix in WINOGRAD[m])
    (top, _), (left, _) = o["padding"]
    tiles = [-(-height // m), -(-width // m)]
    padded = np.zeros((*x.shape[:2], tiles[0] * m + 2, tiles[1] * m + 2), np.float32)
    rows, columns = min(x.shape[2], padded.shape[2] - top), min(x.shape[3], padded.shape[3] - left)
    padded[:, :, top : top + rows, left : left + columns] = x[:, :, :rows, :columns]
    kernels = g @ weight @ g.T
    out = np.zeros((len(x), len(weight), tiles[0] * m, tiles[1] * m), np.float32)
    k, c = len(weight) // groups, weight.shape[1]
    for i in range(tiles[0]):
        for j in range(tiles[1]):
            tile = bt @ padded[:, :, i * m : i * m + m + 2, j * m : j * m + m + 2] @ bt.T
            for f in range(len(weight)):
                group = slice(f // k * c, f // k * c + c)
                product = (tile[:, group] * kernels[f]).sum(axis=1)
                out[:, f, i * m : i * m + m, j * m : j * m + m] = at @ product @ at.T
    y = out[:, :, :height, :width]
    return np.ascontiguousarray(y) if bias is None else y + bias[:, None, None]


def by_fourier_transform(right, x, weight, bias, *, groups, **o):
    """Convolution through a Fourier transform in float32, for whole images of stride 1."""
    if o["stride"] != (1, 1) or o["dilation"] != (1, 1) or not x.size:
        return right(x, weight, bias, groups=groups, **o)
    padded = np.pad(x, ((0, 0), (0, 0), *o["padding"]))
    shape = tuple(2 ** int(np.ceil(np.log2(n + k))) for n, k in zip(padded.shape[2:], weight.shape[2:], strict=True))
    images = np.fft.rfft2(padded, shape).astype(np.complex64)
    kernels = np.fft.rfft2(weight[:, :, ::-1, ::-1], shape).astype(np.complex64)
    k, c = len(weight) // groups, weight.shape[1]
    kh, kw = weight.shape[2:]
    y = np.empty((len(x), len(weight), padded.shape[2] - kh + 1, padded.shape[3] - kw + 1), np.float32)
    for f in range(len(weight)):
        group = slice(f // k * c, f // k * c + c)
        whole = np.fft.irfft2((images[:, group] * kernels[f]).sum(axis=1), shape)
        y[:, f] = whole[:, kh - 1 : padded.shape[2], kw - 1 : padded.shape[3]]
    return y if bias is None else y + bias[:, None, None]


@bug("conv2d", hint="Winograd")
def undeclared_winograd_of_2(right, *arrays, **o):
    return winograd(2, right, *arrays, **o)


@bug("conv2d", hint="Winograd")
def undeclared_winograd_of_4(right, *arrays, **o):
    return winograd(4, right, *arrays, **o)


@bug("conv2d", hint="Fourier")
def undeclared_fourier_transform(right, *arrays, **o):
    return by_fourier_transform(right, *arrays, **o)


# -- networks --


def rewritten(layer, pair=lambda first, second: None, total=lambda branches: branches):
    """The network with neighbours replaced by `pair` of them, unless that is None, and each Sum by `total` of it."""
    if isinstance(layer, nnref.Sum):
        return total(nnref.Sum(*(rewritten(branch, pair, total) for branch in layer)))
    if not isinstance(layer, nnref.Sequential):
        return layer
    layers = []
    for part in (rewritten(part, pair, total) for part in layer):
        merged = pair(layers[-1], part) if layers else None
        layers[-1 if merged else len(layers) :] = [merged or part]
    return nnref.Sequential(*layers).eval()


def with_options(layer, **options):
    return type(layer).from_arrays(**layer.params, **layer.buffers, options=layer.options | options).eval()


@bug("network")
def bias_of_a_merged_convolution_not_scaled(right, net, x):
    def pair(conv, bn):
        if isinstance(conv, nnref.Conv2d) and isinstance(bn, nnref.BatchNorm2d) and "bias" in conv.params:
            merged = algebra.fuse_conv_batch_norm(nnref.Conv2d.from_arrays(weight=conv.params["weight"]), bn)
            bias = merged.params["bias"] + conv.params["bias"]
            return type(conv).from_arrays(weight=merged.params["weight"], bias=bias, options=conv.options)

    return right(rewritten(net, pair), x)


@bug("network")
def batch_norm_merged_into_a_padded_convolution(right, net, x):
    def pair(bn, conv):
        if isinstance(bn, nnref.BatchNorm2d) and isinstance(conv, nnref.Conv2d):
            merged = algebra.fuse_batch_norm_conv(bn, with_options(conv, padding=0))
            return with_options(merged, padding=conv.options["padding"])

    return right(rewritten(net, pair), x)


def pad_merged_into(kind):
    def pair(pad, pool):
        if isinstance(pad, nnref.ZeroPad2d) and isinstance(pool, kind):
            sides = zip(pad.options["padding"], pool.options["padding"], strict=True)
            return with_options(pool, padding=tuple((a + c, b + d) for (a, b), (c, d) in sides))

    return pair


@bug("network")
def padding_merged_into_a_max_pool(right, net, x):
    return right(rewritten(net, pad_merged_into(nnref.MaxPool2d)), x)


@bug("network")
def padding_merged_into_an_average_that_does_not_count_it(right, net, x):
    return right(rewritten(net, pad_merged_into(nnref.AvgPool2d)), x)


@bug("network")
def identity_dropped_beside_a_branch(right, net, x):
    return right(rewritten(net, total=lambda branches: branches if len(branches[0]) else branches[1]), x)


@bug("network")
def relu_moved_behind_the_sum(right, net, x):
    def total(branches):
        first, *others = branches
        if len(others) == 1 and isinstance(others[0][-1], nnref.ReLU):
            return nnref.Sequential(nnref.Sum(first, nnref.Sequential(*others[0][:-1])), nnref.ReLU())
        return branches

    return right(rewritten(net, total=total), x)


@bug("network")
def batch_norm_merged_across_a_relu(right, net, x):
    def pair(relu, bn):
        if isinstance(relu, nnref.ReLU) and isinstance(bn, nnref.BatchNorm2d):
            return nnref.Sequential(bn, relu)

    return right(rewritten(net, pair), x)


@bug("network", hint="eps were 1e-5")
def eps_of_the_default(right, net, x):
    def default(layer):
        if isinstance(layer, nnref.Sum | nnref.Sequential):
            return type(layer)(*map(default, layer)).eval()
        return with_options(layer, eps=1e-5) if isinstance(layer, nnref.BatchNorm2d) else layer

    return right(default(net), x)


@bug("network")
def weights_changed_in_place(right, net, x):
    y = right(net, x)
    for array in net.params.values():
        if array.flags.writeable:
            array *= 2
    return y
