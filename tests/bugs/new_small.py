"""Small geometries in which several things must come together: groups and a bias, both axes, equal extents."""

import numpy as np

from nnref.windows import Windows

from .new_registry import c, call, fitted, new_bug

GROUPED = call((2, 4, 4, 5), (6, 2, 3, 2), groups=2)


@new_bug("conv2d", GROUPED)
def bias_counted_anew_in_each_group(right, x, weight, bias, *, groups, **o):
    if bias is not None:
        bias = bias[np.arange(len(bias)) % (len(bias) // groups)]
    return right(x, weight, bias, groups=groups, **o)


@new_bug("conv2d", GROUPED)
def bias_of_groups_in_turn(right, x, weight, bias, *, groups, **o):
    y = right(x, weight, None, groups=groups, **o)
    return y if bias is None else y + c(bias.reshape(groups, -1).T.reshape(-1))


@new_bug("conv2d", call((1, 2, 4, 4), (3, 2, 2, 2), padding=((0, 1), (0, 1))))
def odd_pixel_of_same_in_front_on_both_axes(right, x, weight, bias, *, padding, **o):
    if all(after == before + 1 for before, after in padding):
        padding = tuple(side[::-1] for side in padding)
    return right(x, weight, bias, padding=padding, **o)


@new_bug("conv2d", call((1, 2, 3, 3), (3, 2, 1, 1), padding=((1, 1), (1, 1))))
def border_of_a_padded_1x1_without_its_bias(right, x, weight, bias, *, padding, **o):
    if weight.shape[2:] != (1, 1) or o["stride"] != (1, 1):
        return right(x, weight, bias, padding=padding, **o)
    inside = right(x, weight, bias, padding=((0, 0), (0, 0)), **o)
    return np.pad(inside, ((0, 0), (0, 0), *padding))


@new_bug("conv2d", call((1, 4, 6, 6), (4, 2, 2, 2), groups=2, dilation=(1, 2), padding=((0, 0), (0, 0))))
def dilation_of_the_first_axis_for_both_in_groups(right, x, weight, bias, *, dilation, groups, **o):
    y = right(x, weight, bias, dilation=dilation, groups=groups, **o)
    if groups == 1 or dilation[0] >= dilation[1]:
        return y
    return fitted(right(x, weight, bias, dilation=dilation[:1] * 2, groups=groups, **o), y.shape)


@new_bug("depthwise_conv2d", call((1, 3, 3, 3), (6, 1, 2, 2)))
def bias_of_a_channel_for_all_its_filters(right, x, weight, bias, **o):
    if bias is not None:
        bias = bias[np.arange(len(bias)) // (len(bias) // x.shape[1])]
    return right(x, weight, bias, **o)


@new_bug("depthwise_conv2d", call((1, 2, 7, 7), (2, 1, 2, 2), stride=(2, 2), dilation=(2, 2), padding=((1, 1), (1, 1))))
def image_thinned_out_where_dilation_is_the_stride(right, x, weight, bias, *, stride, dilation, padding):
    """Right if the stride divides the padding."""
    y = right(x, weight, bias, stride=stride, dilation=dilation, padding=padding)
    if stride != dilation or stride == (1, 1):
        return y
    small = tuple(tuple(-(-p // s) for p in side) for side, s in zip(padding, stride, strict=True))
    thin = np.ascontiguousarray(x[:, :, :: stride[0], :: stride[1]])
    return fitted(right(thin, weight, bias, stride=(1, 1), dilation=(1, 1), padding=small), y.shape)


@new_bug("conv_transpose2d", call((1, 2, 3, 3), (2, 3, 1, 2), stride=(2, 3)))
def bias_missing_where_no_tap_falls(right, x, weight, bias, **o):
    y = right(x, weight, bias, **o)
    return y if bias is None else np.where(right(x * 0 + 1, abs(weight) + 1, None, **o) == 0, np.zeros((), y.dtype), y)


@new_bug("conv_transpose2d", call((1, 4, 3, 3), (4, 3, 2, 2), groups=2, stride=(2, 1)))
def bias_of_transposed_groups_in_turn(right, x, weight, bias, *, groups, **o):
    if bias is not None:
        bias = bias.reshape(groups, -1).T.reshape(-1)
    return right(x, weight, bias, groups=groups, **o)


@new_bug("conv_transpose2d_backward", call((2, 4, 3, 3), (4, 3, 2, 2), groups=2))
def dbias_of_the_first_group_for_every_group(right, dy, x, weight, bias, *, groups, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, groups=groups, **o)
    return dx, dweight, None if dbias is None else np.tile(dbias[: len(dbias) // groups], groups)


@new_bug("conv2d_backward", GROUPED)
def filters_of_uneven_groups_regrouped_for_dx(right, dy, x, weight, bias, *, groups, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, groups=groups, **o)
    filters = len(weight) // groups
    if groups > 1 and filters != weight.shape[1]:
        turned = weight.reshape(filters, groups, *weight.shape[1:]).swapaxes(0, 1).reshape(weight.shape)
        dx = right(dy, x, turned, bias, groups=groups, **o)[0]
    return dx, dweight, dbias


@new_bug("conv2d_backward", call((1, 2, 6, 6), (3, 2, 3, 3), stride=(2, 2), padding=((1, 1), (1, 1))))
def last_row_of_a_dense_cotangent_left_out_of_dx(right, dy, x, weight, bias, **o):
    """The path for a cotangent that is nowhere 0, under a stride."""

    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    if dy.all() and max(o["stride"]) > 1 and dy.size:
        cut = dy.copy()
        cut[:, :, -1] = 0
        dx = right(cut, x, weight, bias, **o)[0]
    return dx, dweight, dbias


@new_bug(
    "conv_transpose2d_backward", call((2, 2, 3, 3), (2, 3, 2, 2), stride=(1, 1)), plain=call((2, 3, 4, 5), (3, 2, 1, 2))
)
def square_kernel_turned_for_a_dense_cotangent(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    if dy.all() and dweight.shape[2] == dweight.shape[3]:
        dweight = np.ascontiguousarray(dweight.swapaxes(2, 3))
    return dx, dweight, dbias


@new_bug(
    "avg_pool2d_backward",
    call((1, 2, 4, 4), kernel_size=(3, 2), stride=(2, 2), padding=((1, 1), (1, 1)), count_include_pad=False),
)
def whole_kernel_counted_for_a_dense_cotangent(right, dy, x, *, count_include_pad, **o):
    return right(dy, x, count_include_pad=count_include_pad or bool(dy.all()), **o)


@new_bug("avg_pool2d", call((1, 2, 3, 3), kernel_size=(2, 2), padding=((1, 1), (1, 1)), count_include_pad=False))
def corner_divided_by_one_axis_alone(right, x, *, count_include_pad, **o):
    """Windows that both axes cut: their pixels are counted along the rows, and the columns are taken for whole."""
    y = right(x, count_include_pad=count_include_pad, **o)
    if count_include_pad:
        return y
    plan = [o[name] for name in ("kernel_size", "stride", "padding")]
    counts = Windows.plan("bug", x.shape, *plan, 1, o["ceil_mode"]).count_taps(False)
    kh, kw = o["kernel_size"]
    rows, columns = counts.max(axis=1, keepdims=True) // kw, counts.max(axis=0, keepdims=True) // kh
    corner = (rows < kh) & (columns < kw) & (counts > 0)
    return np.where(corner, y * (counts / np.maximum(1, rows * kw)).astype(y.dtype), y)


@new_bug("max_pool2d_backward", call((1, 2, 4, 6)), plain=call((1, 2, 4, 4)))
def row_of_the_maximum_found_by_the_height(right, dy, x, **o):
    """An index that is divided by H, where W is meant."""
    (dx,) = right(dy, x, **o)
    height, width = x.shape[2:]
    index = np.arange(height * width)
    wrong = (index // height * width + index % height) % (height * width)
    moved = np.zeros((*x.shape[:2], height * width), dx.dtype)
    np.add.at(moved, (..., wrong), dx.reshape(moved.shape))
    return (moved.reshape(x.shape),)


@new_bug("linear_backward", call((3, 2), (3, 2)))
def cotangent_not_turned_where_it_is_square(right, dy, x, weight, bias):
    dx, dweight, dbias = right(dy, x, weight, bias)
    return dx, dy @ x if dy.shape[0] == dy.shape[1] else dweight, dbias


@new_bug("batch_norm2d", call((2, 3, 2, 3)))
def parameters_on_the_innermost_axis_where_they_fit(right, x, gamma, beta, mean, var, *, eps):
    if x.shape[3] != len(gamma) or len(gamma) == 1:
        return right(x, gamma, beta, mean, var, eps=eps)
    return (x - mean) * (gamma / np.sqrt(var + var.dtype.type(eps))) + beta


@new_bug("batch_norm2d_backward", call((3, 3, 2, 2)))
def scale_of_a_sample_where_there_are_as_many_samples(right, dy, x, gamma, beta, mean, var, *, eps):
    dx, *others = right(dy, x, gamma, beta, mean, var, eps=eps)
    if len(x) == len(gamma):
        dx = dy * (gamma / np.sqrt(var + var.dtype.type(eps)))[:, None, None, None]
    return dx, *others


@new_bug("batch_norm2d_train_backward", call((3, 3, 2, 2)))
def sums_over_channels_where_there_are_as_many_samples(right, dy, x, gamma, beta, *, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps=eps)
    return dx, dgamma, dy.sum((1, 2, 3)) if dy.shape[0] == dy.shape[1] else dbeta


@new_bug("zero_pad2d_backward", call((1, 2, 3, 3), padding=((1, 1), (2, 0))))
def leading_side_forgotten_where_the_trailing_one_is_0(right, dy, x, *, padding):
    """dy[left : -right or None] that became dy[: -right or W]."""
    starts = [before if after else 0 for before, after in padding]
    rows, columns = (slice(at, at + n) for at, n in zip(starts, x.shape[2:], strict=True))
    return (dy[:, :, rows, columns].copy(),)


@new_bug("softmax_cross_entropy_backward", call((3, 3), normal=True))
def rows_and_columns_of_a_square_of_logits_confused(right, dy, x, *, target, reduction):
    """Sums without their axis kept: they only broadcast over a square, and over the wrong axis."""
    if x.shape[0] != x.shape[1]:
        return right(dy, x, target=target, reduction=reduction)
    e = np.exp(x - x.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1) - np.eye(x.shape[1], dtype=x.dtype)[target]
    return ((p * (dy if reduction == "sum" else dy / len(x))).astype(x.dtype),)


@new_bug("flatten_backward", call((2, 3, 2, 3)), plain=call((2, 1, 1, 4)))
def height_and_width_exchanged(right, dy, x):
    n, channels, height, width = x.shape
    turned = dy.reshape(n, channels, width, height).swapaxes(2, 3)
    return (turned.copy() if channels > 1 else right(dy, x)[0],)


@new_bug("global_avg_pool2d_backward", call((2, 2, 2, 3)))
def samples_and_channels_exchanged_where_equal(right, dy, x):
    return right(dy.swapaxes(0, 1) if dy.shape[0] == dy.shape[1] else dy, x)


@new_bug("fold_conv_batch_norm", call((3, 3, 2, 2)))
def second_axis_of_a_square_weight_scaled(right, weight, bias, gamma, beta, mean, var, *, eps):
    folded, shift = right(weight, bias, gamma, beta, mean, var, eps=eps)
    if weight.shape[0] == weight.shape[1]:
        folded = weight * c(gamma / np.sqrt(var + var.dtype.type(eps)))
    return folded, shift


@new_bug("fold_conv_transpose_batch_norm", call((4, 2, 1, 2), groups=2))
def groups_of_the_scale_in_turn(right, weight, bias, gamma, beta, mean, var, *, eps, groups):
    """Row k of the weight belongs to group k // (K/g), not to k % g."""
    _, shift = right(weight, bias, gamma, beta, mean, var, eps=eps, groups=groups)
    scale = (gamma / np.sqrt(var + var.dtype.type(eps))).reshape(groups, -1)
    return weight * scale[np.arange(len(weight)) % groups][:, :, None, None], shift


@new_bug("tanh_backward", call((3, 3, 1, 1), normal=True))
def slope_read_across_a_square(right, dy, x):
    """The slope is kept as (C, N)."""
    (slope,) = right(np.ones_like(dy), x)
    return (dy * (slope.swapaxes(0, 1) if x.ndim == 4 and x.shape[0] == x.shape[1] else slope),)


@new_bug("max_pool2d", call((1, 2, 5, 5), ceil_mode=True, normal=True))
def corner_that_ceil_mode_adds_on_both_axes_repeated(right, x, *, ceil_mode, **o):
    y = right(x, ceil_mode=ceil_mode, **o)
    whole = right(x, ceil_mode=False, **o).shape if ceil_mode else y.shape
    if y.shape[2] > whole[2] and y.shape[3] > whole[3]:
        y[:, :, -1, -1] = y[:, :, -1, -2]
    return y


@new_bug("avg_pool2d_backward", call((1, 2, 4, 4), kernel_size=(2, 2), stride=(1, 1), padding=((0, 1), (0, 1))))
def windows_that_hang_over_both_ends_left_out(right, dy, x, *, padding, **o):
    """A padding at the end alone, on both axes: the last row and column of dy lie on pixels, too."""
    if all(after > before for before, after in padding):
        dy = dy.copy()
        dy[:, :, -1, -1] = 0
    return right(dy, x, padding=padding, **o)
