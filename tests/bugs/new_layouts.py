"""Layouts in memory: steps, directions and orders of axes, and arguments that are one array."""

import numpy as np

from .layouts import as_if_contiguous
from .new_registry import call, fitted, new_bug
from .reported import as_it_lies


def same(first, second):
    return first.size > 0 and np.shares_memory(first, second)


def dy_is_x(dy, x, *others):
    return x, x, *others


def stepped(array, axis, step=2):
    """The same numbers, with `step` of them in memory for each along an axis."""
    wide = np.repeat(array, step, axis)
    wide[(slice(None),) * (axis % array.ndim) + (slice(1, None, step),)] += 1
    return wide[(slice(None),) * (axis % array.ndim) + (slice(None, None, step),)]


def turned(array, *order):
    """The same numbers, the axes in memory in this order."""
    return np.ascontiguousarray(array.transpose(order)).transpose(np.argsort(order))


def backwards(array, axis):
    return np.flip(np.flip(array, axis).copy(), axis)


@new_bug("sigmoid_backward", call((1, 2, 3, 3), normal=True, change=dy_is_x))
def x_taken_for_the_result_where_it_is_dy(right, dy, x):
    """An activation in place: what stands there is y already."""
    return (dy * x * (1 - x),) if same(dy, x) else right(dy, x)


@new_bug("tanh_backward", call((1, 2, 3, 3), normal=True, change=dy_is_x))
def slope_written_over_the_cotangent(right, dy, x):
    (slope,) = right(np.ones_like(dy), x)
    return (slope * slope,) if same(dy, x) else right(dy, x)


@new_bug("relu_backward", call((1, 2, 3, 3), change=lambda dy, x: (dy, dy[..., ::-1])))
def mask_made_in_place_of_a_view_of_dy(right, dy, x):
    """One buffer, x a view of dy: the mask is read from what has been masked already."""
    if not same(dy, x) or not dy.ndim:
        return right(dy, x)
    first = right(dy, x)[0]
    return (first * (first[..., ::-1] > 0),)


@new_bug("batch_norm2d", call((1, 3, 2, 2), change=lambda x, g, b, m, v: (x, g, g, m, v)))
def beta_scaled_where_it_is_gamma(right, x, gamma, beta, mean, var, *, eps):
    if same(gamma, beta):
        beta = gamma / np.sqrt(var + var.dtype.type(eps))
    return right(x, gamma, beta, mean, var, eps=eps)


@new_bug("batch_norm2d_backward", call((1, 3, 2, 2), change=lambda dy, x, g, b, m, v: (dy, x, g, b, v, v)))
def mean_overwritten_by_the_root_where_it_is_var(right, dy, x, gamma, beta, mean, var, *, eps):
    if same(mean, var):
        mean = 1 / np.sqrt(var + var.dtype.type(eps))
    return right(dy, x, gamma, beta, mean, var, eps=eps)


@new_bug("linear", call((3, 4), (3, 4), change=lambda x, weight, bias: (x, x, bias)))
def one_triangle_of_a_symmetric_product(right, x, weight, bias):
    y = right(x, weight, None)
    y = np.tril(y) if same(x, weight) and x.shape == weight.shape else y
    return y if bias is None else y + bias


@new_bug("batch_norm2d_train", call((2, 3, 2, 2), change=lambda x, g, b: (x, backwards(g, 0), b)))
def gamma_read_forwards(right, x, gamma, beta, *, eps):
    return right(x, gamma[::-1] if gamma.strides[0] < 0 else gamma, beta, eps=eps)


@new_bug("conv2d", call((1, 2, 3, 3), (3, 2, 2, 2), change=lambda x, w, b: (x, w, stepped(b, 0))))
def bias_read_without_its_step(right, x, weight, bias, **o):
    return right(x, weight, None if bias is None else as_if_contiguous(bias), **o)


@new_bug("depthwise_conv2d", call((1, 2, 4, 4), (2, 1, 2, 2), change=lambda x, w, b: (x, turned(w, 0, 1, 3, 2), b)))
def columns_of_a_kernel_taken_for_rows(right, x, weight, bias, **o):
    kh, kw = weight.shape[2:]
    if kh == kw > 1 and weight.strides[2] < weight.strides[3]:
        weight = weight.swapaxes(2, 3)
    return right(x, weight, bias, **o)


@new_bug("max_pool2d", call((1, 1, 4, 6), kernel_size=(1, 3), stride=(1, 3), change=lambda x: (turned(x, 0, 1, 3, 2),)))
def turned_image_under_a_kernel_that_is_not(right, x, **o):
    """The image is read with its axes exchanged, as it lies, and the options are not."""
    y = right(x, **o)
    try:
        exchanged = right(x.swapaxes(2, 3), **o).swapaxes(2, 3)
    except ValueError:
        return y
    return fitted(exchanged, y.shape) if 1 not in x.shape[2:] and x.strides[2] < x.strides[3] else y


@new_bug("avg_pool2d_backward", call((3, 2, 4, 4), change=lambda dy, x: (turned(dy, 1, 2, 3, 0), x)))
def cotangent_with_samples_innermost(right, dy, x, **o):
    innermost = dy.shape[0] > 1 and dy.strides[0] == dy.itemsize
    return right(as_it_lies(dy) if innermost else dy, x, **o)


@new_bug(
    "conv_transpose2d",
    call((1, 3, 3, 3), (3, 2, 2, 2), change=lambda x, w, b: (np.broadcast_to(x[:, :1], x.shape), w, b)),
)
def channels_that_are_one_in_memory_counted_once(right, x, weight, bias, **o):
    if o["groups"] == 1 and x.shape[1] > 1 and x.strides[1] == 0:
        x, weight = x[:, :1], weight[:1]
    return right(x, weight, bias, **o)


@new_bug(
    "conv2d_backward",
    call((1, 2, 4, 4), (3, 2, 2, 2), change=lambda dy, *a: (np.broadcast_to(dy[:, :, :1, :1], dy.shape), *a)),
)
def dbias_of_one_pixel_where_all_are_one(right, dy, x, weight, bias, **o):
    """The cotangent of a global average, expanded over the image."""
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    expanded = dy[0:1, 0:1].size > 1 and dy.strides[2:] == (0, 0)
    return dx, dweight, dy[:, :, 0, 0].sum(axis=0) if expanded and dbias is not None else dbias


def in_wider_rows(x):
    return (np.pad(x, ((0, 0), (0, 3)), mode="edge")[:, : x.shape[1]],)


@new_bug("softmax_cross_entropy", call((3, 4), normal=True, change=in_wider_rows))
def pitch_of_the_rows_ignored(right, x, **o):
    close = x.shape[1] > 1 and x.strides[1] == x.itemsize
    return right(as_if_contiguous(x) if close else x, **o)


@new_bug("linear_backward", call((2, 3), (3, 3), change=lambda dy, x, w, b: (dy, x, np.asfortranarray(w), b)))
def square_weight_in_columns_turned_for_dx(right, dy, x, weight, bias):
    dx, dweight, dbias = right(dy, x, weight, bias)
    if weight.shape[0] == weight.shape[1] > 1 and weight.flags.f_contiguous:
        dx = dy @ weight.T
    return dx, dweight, dbias


@new_bug("global_avg_pool2d", call((1, 3, 2, 2), change=lambda x: (backwards(x, 1),)))
def channels_that_run_backwards_read_forwards(right, x):
    return right(x[:, ::-1] if x.shape[1] > 1 and x.strides[1] < 0 else x)


@new_bug("flatten", call((3, 1, 2, 2), change=lambda x: (backwards(x, 0),)))
def samples_that_run_backwards_read_forwards(right, x):
    return right(x[::-1] if len(x) > 1 and x.strides[0] < 0 else x)


@new_bug("zero_pad2d_backward", call((1, 2, 3, 3), padding=((0, 0), (0, 0))))
def cotangent_returned_where_nothing_is_cut(right, dy, x, *, padding):
    return right(dy, x, padding=padding) if np.any(padding) else (dy,)


@new_bug("sigmoid", call((1, 2, 3, 4), normal=True, change=lambda x: (stepped(x, 3),)))
def every_second_number_taken_for_every_number(right, x):
    every_second = x.ndim > 1 and x.shape[-1] > 1 and x.strides[-1] == 2 * x.itemsize
    return right(as_if_contiguous(x) if every_second else x)


@new_bug("fold_conv_batch_norm", call((3, 2, 2, 2), change=lambda w, b, g, beta, m, v: (w, b, v, beta, m, v)))
def gamma_overwritten_by_the_root_where_it_is_var(right, weight, bias, gamma, beta, mean, var, *, eps):
    if same(gamma, var):
        gamma = 1 / np.sqrt(var + var.dtype.type(eps))
    return right(weight, bias, gamma, beta, mean, var, eps=eps)


@new_bug("batch_norm2d_train_backward", call((2, 2, 3, 3), change=dy_is_x))
def cotangent_centred_with_the_image(right, dy, x, gamma, beta, *, eps):
    """Right for dx, which sees no constant, and for dγ."""
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps=eps)
    return dx, dgamma, dbeta * 0 if same(dy, x) else dbeta


@new_bug(
    "max_pool2d_backward",
    call((1, 2, 3, 3), kernel_size=(1, 1), stride=(1, 1), change=dy_is_x),
    plain=call((1, 2, 4, 4)),
)
def gradient_begins_with_what_stands_in_dy(right, dy, x, **o):
    (dx,) = right(dy, x, **o)
    return (dx + dy,) if same(dy, x) and dy.shape == x.shape else (dx,)


@new_bug("depthwise_conv2d_backward", call((2, 2, 3, 3), (2, 1, 2, 2), change=lambda dy, *a: (backwards(dy, 2), *a)))
def rows_of_a_reversed_cotangent_read_forwards(right, dy, x, weight, bias, **o):
    """For dweight alone: a pointer to the first number in memory."""
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    reversed_rows = dy.size > 0 and dy.shape[2] > 1 and dy.strides[2] < 0
    return dx, right(dy[:, :, ::-1], x, weight, bias, **o)[1] if reversed_rows else dweight, dbias


@new_bug("conv2d", call((1, 4, 3, 3), (4, 4, 1, 1), change=lambda x, w, b: (x, turned(w, 1, 0, 2, 3), b)))
def pointwise_weight_in_columns_not_turned(right, x, weight, bias, **o):
    """A square 1×1 weight with filters innermost, given to a matrix product as it lies."""
    square = weight.shape[2:] == (1, 1) and weight.shape[0] == weight.shape[1] > 1
    return right(x, weight.swapaxes(0, 1) if square and weight.strides[0] < weight.strides[1] else weight, bias, **o)


@new_bug(
    "batch_norm2d_backward",
    call((1, 3, 2, 2), change=lambda dy, x, g, *others: (dy, x, np.broadcast_to(g[:1], g.shape), *others)),
)
def dgamma_added_up_where_gamma_is_one_number(right, dy, x, gamma, beta, mean, var, *, eps):
    """One number in memory for all channels gets one gradient, which is then expanded."""
    dx, dgamma, *others = right(dy, x, gamma, beta, mean, var, eps=eps)
    if len(gamma) > 1 and gamma.strides[0] == 0:
        dgamma = np.full_like(dgamma, dgamma.sum())
    return dx, dgamma, *others


@new_bug("tanh", call((2, 3, 4, 5), normal=True, change=lambda x: (turned(x, 0, 2, 1, 3),)))
def rows_between_samples_and_channels_read_as_they_lie(right, x):
    """The order (N, H, C, W) alone: not that of NHWC, which is looked for."""
    between = x.ndim == 4 and min(x.shape[1:3]) > 1 and x.transpose(0, 2, 1, 3).flags.c_contiguous
    return right(as_it_lies(x) if between else x)


@new_bug("conv_transpose2d_backward", call((1, 2, 3, 3), (2, 2, 1, 1), change=lambda dy, x, w, b: (x, x, w, b)))
def dweight_of_one_array_made_symmetric(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    if same(dy, x) and dweight.shape[0] == dweight.shape[1]:
        dweight = np.tril(dweight.transpose(2, 3, 0, 1)).transpose(2, 3, 0, 1).copy()
    return dx, dweight, dbias


def from_the_second(x):
    """Channels last, behind a sample that is not part of it."""
    return (turned(np.concatenate([x[:1] + 1, x]), 0, 2, 3, 1)[1:],)


@new_bug("avg_pool2d", call((2, 3, 4, 4), change=from_the_second))
def offset_of_a_view_with_channels_last_forgotten(right, x, **o):
    """pytorch/pytorch#174345: channels last, and a view that does not begin where its memory does."""
    base = x.base
    while isinstance(base, np.ndarray) and isinstance(base.base, np.ndarray):
        base = base.base
    last = x.size and min(x.shape[1:]) > 1 and x.transpose(0, 2, 3, 1).flags.c_contiguous
    if last and isinstance(base, np.ndarray) and base.flags.c_contiguous and base.dtype == x.dtype:
        memory = base.reshape(-1)[: x.size]
        x = memory.reshape(x.transpose(0, 2, 3, 1).shape).transpose(0, 3, 1, 2)
    return right(x, **o)


@new_bug(
    "batch_norm2d_train",
    call((1, 3, 4, 4), change=lambda x, g, b: (turned(np.repeat(x, 2, 1), 0, 2, 3, 1)[:, :3], g, b)),
)
def statistics_of_cut_channels_over_all_of_them(right, x, gamma, beta, *, eps):
    """A slice of channels of an image that has them last: pixels lie more than C numbers apart."""
    pitch = x.strides[3]
    rising = x.strides[2] >= x.shape[3] * pitch and x.strides[0] >= x.shape[2] * x.strides[2]
    cut = x.size and min(x.shape[1:]) > 1 and x.strides[1] == x.itemsize and pitch > x.shape[1] * x.itemsize
    return right(as_if_channels_last(x) if cut and rising else x, gamma, beta, eps=eps)


def as_if_channels_last(x):
    """The numbers behind the first one, read as (N, H, W, C)."""
    _, channels, height, width = x.shape
    step = [height * width * channels, 1, width * channels, channels]
    return np.lib.stride_tricks.as_strided(x, x.shape, [x.itemsize * s for s in step])
