"""Special values in parameters: zeros beside NaN and infinities, subnormals, no variance, scales far from 1."""

import numpy as np

import nnref

from .new_registry import c, call, new_bug

TINY = np.finfo(np.float32).tiny


def put(position, *where, value):
    """A change: the array at `position` is `value` at every index of `where`."""

    def change(*arrays):
        arrays = [None if array is None else np.array(array) for array in arrays]
        for index in where:
            arrays[position][index] = value
        return tuple(arrays)

    return change


def both(*changes):
    def change(*arrays):
        for one in changes:
            arrays = one(*arrays)
        return arrays

    return change


def scaled(**factors):
    """A change: the arrays at these positions, such as _0, are multiplied."""

    def change(*arrays):
        arrays = list(arrays)
        for name, factor in factors.items():
            arrays[int(name[1:])] = arrays[int(name[1:])] * np.asarray(factor, np.float32)
        return tuple(arrays)

    return change


def without_subnormals(array):
    return np.where(abs(array) < TINY, np.zeros((), array.dtype), array)


NAN, INF = np.float32(np.nan), np.float32(np.inf)
HIT = np.array([0, 2])
NO_EPS = call((3, 2, 2, 2), eps=0)


@new_bug(
    "conv2d",
    call((1, 3, 3, 3), (2, 3, 2, 2), change=both(put(1, np.s_[:, 1], value=0), put(0, np.s_[0, 1, 1, 1], value=NAN))),
)
def channel_of_zero_weights_pruned(right, x, weight, bias, *, groups, **o):
    if groups == 1 and weight.size:
        x = np.where((weight == 0).all(axis=(0, 2, 3))[:, None, None], np.zeros((), x.dtype), x)
    return right(x, weight, bias, groups=groups, **o)


@new_bug(
    "depthwise_conv2d",
    call((1, 2, 3, 3), (2, 1, 2, 2), change=both(put(1, np.s_[0], value=0), put(0, np.s_[0, 0, 1, 1], value=INF))),
)
def filter_of_zeros_skipped(right, x, weight, bias, **o):
    with np.errstate(invalid="ignore"):
        y = right(x, weight, None, **o)
    y = np.where((weight == 0).all(axis=(1, 2, 3))[:, None, None], np.zeros((), y.dtype), y)
    return y if bias is None else y + c(bias)


@new_bug(
    "conv_transpose2d",
    call((1, 2, 3, 3), (2, 2, 2, 2), change=both(put(0, np.s_[:, 0], value=0), put(1, np.s_[0, 0, 0, 0], value=NAN))),
)
def channel_that_a_relu_emptied_skipped(right, x, weight, bias, **o):
    empty = (x == 0).all(axis=(0, 2, 3)) if x.size else np.zeros(x.shape[1], bool)
    return right(x, np.where(empty[:, None, None, None], np.zeros((), x.dtype), weight), bias, **o)


@new_bug("batch_norm2d", call((1, 3, 2, 2), change=both(put(1, 1, value=0), put(0, np.s_[0, 1, 0, 0], value=NAN))))
def gamma_of_zero_gives_beta(right, x, gamma, beta, mean, var, *, eps):
    return np.where(c(gamma) == 0, c(beta), right(x, gamma, beta, mean, var, eps=eps))


@new_bug("batch_norm2d", call((1, 3, 2, 2), change=put(4, 1, value=0)))
def variance_of_zero_taken_for_one(right, x, gamma, beta, mean, var, *, eps):
    """A guard against a division by zero that eps already is."""
    return right(x, gamma, beta, mean, np.where(var == 0, var.dtype.type(1 - eps), var), eps=eps)


@new_bug("batch_norm2d", call((1, 3, 2, 2), change=put(2, 1, value=1e18)))
def beta_clamped_to_the_range_of_float16(right, x, gamma, beta, mean, var, *, eps):
    return right(x, gamma, np.clip(beta, -65504, 65504), mean, var, eps=eps)


@new_bug("batch_norm2d", call((1, 3, 2, 2), change=both(put(1, 2, value=1e-18), put(0, np.s_[:, 2], value=3e18))))
def scale_below_1e_minus_12_is_zero(right, x, gamma, beta, mean, var, *, eps):
    scale = gamma / np.sqrt(var + var.dtype.type(eps))
    return right(x, np.where(abs(scale) < 1e-12, np.zeros((), gamma.dtype), gamma), beta, mean, var, eps=eps)


@new_bug("batch_norm2d_train", call((2, 3, 2, 2), change=put(0, np.s_[:, 1], value=3)))
def constant_channel_loses_beta(right, x, gamma, beta, *, eps):
    y = right(x, gamma, beta, eps=eps)
    return np.where(c(nnref.batch_statistics(x)[1]) == 0, np.zeros((), y.dtype), y)


@new_bug("batch_norm2d_train_backward", call((2, 3, 2, 2), change=put(1, np.s_[:, 1], value=3)))
def constant_channel_has_no_gradient(right, dy, x, gamma, beta, *, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps=eps)
    return np.where(c(nnref.batch_statistics(x)[1]) == 0, np.zeros((), dx.dtype), dx), dgamma, dbeta


@new_bug(
    "batch_norm2d_train",
    call((2, 2, 3, 3), normal=True, eps=1e-20, change=scaled(_0=1e-9)),
)
def variance_of_at_least_1e_minus_12(right, x, gamma, beta, *, eps):
    mean, var = nnref.batch_statistics(x)
    return nnref.batch_norm2d(x, gamma, beta, mean, np.maximum(var, var.dtype.type(1e-12)), eps=eps)


@new_bug("batch_norm2d_backward", call((2, 3, 2, 2), change=put(2, 1, value=0)))
def dgamma_recovered_from_the_result(right, dy, x, gamma, beta, mean, var, *, eps):
    """The normalised image as (y − β)/γ, which γ = 0 has lost."""
    dx, dgamma, *others = right(dy, x, gamma, beta, mean, var, eps=eps)
    return dx, np.where(gamma == 0, np.zeros((), dgamma.dtype), dgamma), *others


@new_bug("batch_norm2d_backward", call((2, 3, 2, 2), change=put(5, 1, value=0)))
def no_dvar_where_the_variance_is_zero(right, dy, x, gamma, beta, mean, var, *, eps):
    *others, dvar = right(dy, x, gamma, beta, mean, var, eps=eps)
    return *others, np.where(var == 0, np.zeros((), dvar.dtype), dvar)


@new_bug("fold_conv_batch_norm", call((3, 2, 2, 2), change=put(2, 1, value=0)))
def pruned_filter_loses_beta(right, weight, bias, gamma, beta, mean, var, *, eps):
    folded, shift = right(weight, bias, gamma, beta, mean, var, eps=eps)
    return folded, np.where(gamma == 0, np.zeros((), shift.dtype), shift)


@new_bug("fold_conv_batch_norm", call((3, 2, 2, 2), change=put(0, np.s_[1], value=1e-18)))
def filter_of_small_weights_taken_for_pruned(right, weight, bias, gamma, beta, mean, var, *, eps):
    small = abs(weight).max(axis=(1, 2, 3), initial=0) < 1e-12
    folded, shift = right(weight, bias, gamma, beta, mean, var, eps=eps)
    return np.where(small[:, None, None, None], np.zeros((), folded.dtype), folded), shift


@new_bug(
    "fold_conv_transpose_batch_norm",
    call((3, 2, 2, 2), change=put(5, 1, value=0.5)),
    plain=call((3, 2, 2, 2), eps=1e-7),
)
def eps_as_a_floor_of_the_variance(right, weight, bias, gamma, beta, mean, var, *, eps, groups):
    floor = np.maximum(var, var.dtype.type(eps))
    return right(weight, bias, gamma, beta, mean, floor, eps=0, groups=groups)


@new_bug(
    "fold_conv_transpose_batch_norm",
    call((3, 2, 2, 2), change=both(put(2, 1, value=0), put(0, np.s_[0, 1], value=NAN))),
)
def zero_times_nan_is_zero_in_a_fold(right, weight, bias, gamma, beta, mean, var, *, eps, groups):
    dead = np.where((gamma == 0).reshape(groups, 1, -1), np.zeros((), weight.dtype), np.ones((), weight.dtype))
    kept = np.repeat(dead, len(weight) // groups, axis=1).reshape(*weight.shape[:2], 1, 1)
    return right(np.where(kept == 0, kept, weight), bias, gamma, beta, mean, var, eps=eps, groups=groups)


@new_bug(
    "conv2d",
    call((1, 2, 3, 3), (2, 2, 2, 2), bias=False, change=scaled(_0=1e18, _1=1e-40)),
)
def subnormal_weights_flushed(right, x, weight, bias, **o):
    return right(x, without_subnormals(weight), bias, **o)


@new_bug("linear", call((2, 2), (3, 2), change=scaled(_0=0, _2=1e-40)))
def subnormal_bias_flushed(right, x, weight, bias):
    return right(x, weight, None if bias is None else without_subnormals(bias))


@new_bug(
    "depthwise_conv2d",
    call((1, 2, 3, 3), (2, 1, 2, 2), bias=False, change=scaled(_1=[[[[1e18]]], [[[1]]]])),
)
def weights_with_one_exponent_for_all(right, x, weight, bias, **o):
    """Block floating point: what is 2^40 times smaller than the largest weight is lost."""
    top = np.max(np.where(np.isfinite(weight), abs(weight), 0), initial=0)
    return right(x, np.where(abs(weight) < top * x.dtype.type(2.0**-40), np.zeros((), x.dtype), weight), bias, **o)


@new_bug("linear", call((2, 3), (3, 3), change=both(put(0, np.s_[:, 1], value=0), put(1, np.s_[2, 1], value=INF))))
def activations_of_zero_skipped(right, x, weight, bias):
    with np.errstate(invalid="ignore"):
        terms = np.where(x[:, None] == 0, np.zeros((), x.dtype), x[:, None] * weight)
    return terms.sum(axis=2) if bias is None else terms.sum(axis=2) + bias


@new_bug(
    "linear_backward", call((2, 3), (3, 3), change=both(put(0, np.s_[:, 1], value=0), put(2, np.s_[1, 0], value=NAN)))
)
def outputs_without_a_cotangent_skipped_in_dx(right, dy, x, weight, bias):
    _, dweight, dbias = right(dy, x, weight, bias)
    used = (dy != 0).any(axis=0)
    return dy[:, used] @ weight[used], dweight, dbias


@new_bug(
    "conv2d_backward",
    call((1, 2, 3, 3), (3, 2, 2, 2), change=both(put(0, np.s_[:, 1], value=0), put(2, np.s_[1, 0, 0, 0], value=INF))),
)
def filters_without_a_cotangent_skipped_in_dx(right, dy, x, weight, bias, **o):
    _, dweight, dbias = right(dy, x, weight, bias, **o)
    unused = (dy == 0).all(axis=(0, 2, 3)) if dy.size else np.zeros(len(weight), bool)
    finite = np.where(unused[:, None, None, None], np.zeros((), weight.dtype), weight)
    return right(dy, x, finite, bias, **o)[0], dweight, dbias


@new_bug(
    "conv_transpose2d_backward",
    call((1, 2, 3, 3), (2, 2, 2, 2), change=scaled(_0=1e18, _2=1e-40)),
)
def subnormal_weights_flushed_in_dx(right, dy, x, weight, bias, **o):
    return right(dy, x, without_subnormals(weight), bias, **o)


@new_bug("softmax_cross_entropy", call((2, 4), change=scaled(_0=40), target=np.array([0, 0])))
def probability_of_at_least_1e_minus_7(right, x, *, target, reduction):
    most = x.dtype.type(-np.log(1e-7))
    rows = [right(x[n : n + 1], target=target[n : n + 1], reduction="sum") for n in range(len(x))]
    if not any(loss > most for loss in rows):
        return right(x, target=target, reduction=reduction)
    losses = np.minimum(rows, most)
    return np.asarray(losses.sum() if reduction == "sum" else losses.mean(), x.dtype)


@new_bug("softmax_cross_entropy_backward", call((2, 4), change=put(1, np.s_[:, 1], value=-np.inf), target=HIT))
def minus_infinity_made_zero(right, dy, x, *, target, reduction):
    """Logits cleaned of what is not finite, although −∞ masks a class."""
    return right(dy, np.where(np.isneginf(x), np.zeros((), x.dtype), x), target=target, reduction=reduction)


@new_bug("depthwise_conv2d_backward", call((1, 2, 3, 3), (2, 1, 2, 2), change=put(2, np.s_[1], value=0)))
def pruned_filter_has_no_gradient(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    pruned = (weight == 0).all(axis=(1, 2, 3), keepdims=True)
    return dx, np.where(pruned, np.zeros((), dweight.dtype), dweight), dbias
