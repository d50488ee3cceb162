"""Bugs that need a size: hundreds of pixels, ten thousand terms, 2^15 values, usual layers at usual widths."""

import numpy as np

import nnref

from .new_registry import call, new_bug

STEM = call((1, 3, 17, 17), (4, 3, 7, 7), stride=(2, 2), padding=((3, 3), (3, 3)))
SHORT, LONG = 2**15, 2**16


@new_bug("relu", call((1, 1, 257, 257)))
def index_of_16_bits(right, x):
    y = right(x)
    y.reshape(-1)[LONG:] = 0
    return y


@new_bug("batch_norm2d", call((257, 256, 1, 1)))
def more_planes_than_a_grid_has_rows(right, x, gamma, beta, mean, var, *, eps):
    """A grid of at most 65535 blocks, one for each sample and channel."""
    y = right(x, gamma, beta, mean, var, eps=eps)
    planes = y.reshape(-1, *x.shape[2:]) if y.size else y
    planes[LONG - 1 :] = 0
    return y


@new_bug("max_pool2d_backward", call((1, 1, 190, 190)))
def index_of_the_maximum_in_16_bits(right, dy, x, **o):
    (dx,) = right(dy, x, **o)
    pixels = x.shape[2] * x.shape[3]
    moved = np.zeros((*x.shape[:2], pixels), dx.dtype)
    np.add.at(moved, (..., np.arange(pixels) % SHORT), dx.reshape(moved.shape))
    return (moved.reshape(x.shape),)


@new_bug("max_pool2d", call((1, 1, 1, SHORT + 8), kernel_size=(1, 2), stride=(1, 2)))
def column_of_16_bits(right, x, **o):
    y = right(x, **o)
    if x.shape[3] > SHORT:
        y[..., SHORT // o["stride"][1] :] = -np.inf
    return y


@new_bug("softmax_cross_entropy", call((3, 1500), normal=True))
def classes_beyond_a_block_of_1024_threads(right, x, *, target, reduction):
    if x.shape[1] <= 1024:
        return right(x, target=target, reduction=reduction)
    top = x.max(axis=1, keepdims=True)
    losses = np.log(np.exp(x - top)[:, :1024].sum(axis=1)) - (x - top)[np.arange(len(x)), target]
    return np.asarray(losses.mean() if reduction == "mean" else losses.sum(), x.dtype)


@new_bug("softmax_cross_entropy_backward", call((8, 1000), normal=True))
def target_of_8_bits(right, dy, x, *, target, reduction):
    return right(dy, x, target=target % 256, reduction=reduction)


@new_bug("linear", call((2, 10000), (3, 10000)))
def rest_of_a_sum_split_at_4096(right, x, weight, bias):
    terms = x.shape[1] // 4096 * 4096 if x.shape[1] > 8192 else x.shape[1]
    return right(x[:, :terms], weight[:, :terms], bias)


@new_bug("linear_backward", call((SHORT + 500, 2), (3, 2)))
def samples_beyond_16_bits_left_out_of_dweight(right, dy, x, weight, bias):
    dx, dweight, dbias = right(dy, x, weight, bias)
    return dx, dweight if len(x) <= SHORT else right(dy[:SHORT], x[:SHORT], weight, bias)[1], dbias


@new_bug("conv2d", call((1, 1, 256, 20), (1, 1, 3, 3), padding=((1, 1), (1, 1))))
def tile_of_128_rows_without_its_halo(right, x, weight, bias, **o):
    y = right(x, weight, bias, **o)
    if x.shape[2] >= 256 and y.shape[2] > 128 and o["stride"] == (1, 1) and weight.shape[2] > 1:
        below = x.copy()
        below[:, :, :128] = 0
        y[:, :, 128] = right(below, weight, bias, **o)[:, :, 128]
    return y


@new_bug("conv2d", STEM)
def last_column_of_a_stem_on_an_odd_image(right, x, weight, bias, **o):
    """7×7, stride 2, three channels: pairs of columns make one, and the last column has no partner."""
    y = right(x, weight, bias, **o)
    if weight.shape[1:] == (3, 7, 7) and o["stride"] == (2, 2) and x.shape[3] % 2:
        cut = x.copy()
        cut[..., -1] = 0
        y = right(cut, weight, bias, **o)
    return y


@new_bug("conv2d_backward", STEM)
def eighth_column_of_a_stem_lies_over_the_next_channel(right, dy, x, weight, bias, **o):
    """Rows of dweight written as if of 8 numbers."""
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    if weight.shape[1] == 3 and weight.shape[3] == 7:
        dweight[:, 1:, :, -1] = 0
    return dx, dweight, dbias


@new_bug("conv2d_backward", call((1, 64, 8, 8), (4, 64, 3, 3), stride=(2, 2), padding=((1, 1), (1, 1))))
def last_column_of_a_wide_strided_3x3_left_out(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    if weight.shape[1] >= 64 and weight.shape[2:] == (3, 3) and o["stride"] == (2, 2):
        cut = dy.copy()
        cut[..., -1] = 0
        dweight = right(cut, x, weight, bias, **o)[1]
    return dx, dweight, dbias


@new_bug("conv2d", call((1, 32, 9, 11), (4, 32, 1, 1), stride=(2, 2)))
def tail_of_a_row_of_a_wide_1x1_not_strided(right, x, weight, bias, **o):
    """Four outputs at a time; the rest reads pixels side by side."""
    y = right(x, weight, bias, **o)
    if weight.shape[2:] == (1, 1) and weight.shape[1] >= 32 and o["stride"][1] == 2 and not np.any(o["padding"]):
        whole = y.shape[3] // 4 * 4
        close = right(np.ascontiguousarray(x[..., 2 * whole :]), weight, bias, **o | {"stride": (o["stride"][0], 1)})
        y[..., whole:] = close[..., : y.shape[3] - whole]
    return y


@new_bug("depthwise_conv2d", call((1, 12, 7, 7), (12, 1, 5, 5), padding=((2, 2), (2, 2))))
def fifth_row_lost_behind_vectors_of_8_channels(right, x, weight, bias, **o):
    if weight.shape[2:] == (5, 5) and x.shape[1] > 8:
        weight = weight.copy()
        weight[len(weight) // 8 * 8 :, :, 4] = 0
    return right(x, weight, bias, **o)


@new_bug("conv_transpose2d", call((1, 3, 5, 5), (3, 8, 4, 4), stride=(2, 2), padding=((1, 1), (1, 1))))
def phases_of_a_4x4_under_stride_2_exchanged(right, x, weight, bias, **o):
    """Four kernels of 2×2, one for each place between the pixels; eight channels at a time."""
    y = right(x, weight, bias, **o)
    if weight.shape[2:] == (4, 4) and o["stride"] == (2, 2) and weight.shape[1] % 8 == 0:
        rows, columns = (n // 2 * 2 for n in y.shape[2:])
        even = y[:, :, :rows, :columns].copy()
        y[:, :, 0:rows:2, 1:columns:2], y[:, :, 1:rows:2, 0:columns:2] = even[:, :, 1::2, ::2], even[:, :, ::2, 1::2]
    return y


@new_bug("avg_pool2d", call((1, 1, 140, 140)))
def every_4096th_output_left_out(right, x, **o):
    y = right(x, **o)
    y.reshape(-1)[4096::4096] = 0
    return y


@new_bug("global_avg_pool2d_backward", call((1, 2, 190, 190)))
def pixels_counted_in_16_bits(right, dy, x):
    pixels = x.shape[2] * x.shape[3]
    (dx,) = right(dy, x)
    wrapped = (pixels + SHORT) % LONG - SHORT or 1
    return (dx if wrapped == pixels else (dx * pixels / wrapped).astype(dx.dtype),)


@new_bug("batch_norm2d_train", call((2, 2, 72, 72)))
def eight_blocks_of_1024_values_at_most(right, x, gamma, beta, *, eps):
    values = x.transpose(1, 0, 2, 3).reshape(1, x.shape[1], 1, -1) if x.size else x
    mean, var = nnref.batch_statistics(values[..., :8192])
    return nnref.batch_norm2d(x, gamma, beta, mean, var, eps=eps)


@new_bug("batch_norm2d_train_backward", call((2, 2, 100, 51)))
def rest_behind_blocks_of_4096_left_out_of_dbeta(right, dy, x, gamma, beta, *, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps=eps)
    values = dy.shape[0] * dy.shape[2] * dy.shape[3]
    if values > 4096:
        whole = dy.transpose(1, 0, 2, 3).reshape(len(gamma), -1)[:, : values // 4096 * 4096]
        dbeta = whole.sum(axis=1)
    return dx, dgamma, dbeta


@new_bug("sigmoid", call((1, 3, 105, 105), normal=True))
def rest_of_four_equal_parts(right, x):
    """Four threads from 2^15 elements on."""
    y = right(x)
    if x.size >= SHORT:
        y.reshape(-1)[x.size // 4 * 4 :] = 0
    return y


@new_bug("zero_pad2d", call((1, 1, 260, 300)))
def last_columns_of_a_large_image(right, x, *, padding):
    """Blocks of 256 by 256 pixels."""
    y = right(x, padding=padding)
    if min(x.shape[2:]) >= 256:
        (top, _), (left, _) = padding
        y[:, :, top + 256 :, left + x.shape[3] // 256 * 256 :] = 0
    return y


@new_bug("conv2d", call((2, 16, 44, 44), (4, 16, 3, 3), padding=((1, 1), (1, 1))))
def columns_of_the_sample_before(right, x, weight, bias, **o):
    """From 2^18 numbers on, one workspace serves two samples."""
    y = right(x, weight, bias, **o)
    if weight[0].size * y.shape[2] * y.shape[3] > 2**18:
        y[1::2] = y[0 : len(y) // 2 * 2 : 2]
    return y


@new_bug("flatten", call((2, 8, 66, 66)))
def feature_of_16_bits(right, x):
    y = right(x)
    if y.shape[1] > SHORT:
        y[:, SHORT:] = y[:, : y.shape[1] - SHORT]
    return y


@new_bug("relu_backward", call((1, 3, 41, 45)))
def last_byte_of_a_mask_of_bits(right, dy, x):
    (dx,) = right(dy, x)
    if dx.size > 4096:
        dx.reshape(-1)[dx.size // 8 * 8 :] = 0
    return (dx,)


@new_bug("tanh_backward", call((1, 5, 100, 100), normal=True))
def second_half_of_a_large_array_again(right, dy, x):
    """Two streams from 2^15 elements on, and both read the first half of dy."""
    if dy.size > SHORT:
        half = dy.size // 2
        dy = np.concatenate([dy.reshape(-1)[: dy.size - half], dy.reshape(-1)[:half]]).reshape(dy.shape)
    return right(dy, x)


@new_bug("batch_norm2d_backward", call((3, 70, 12, 12)))
def channels_beyond_64_summed_over_one_sample(right, dy, x, gamma, beta, mean, var, *, eps):
    dx, dgamma, dbeta, *others = right(dy, x, gamma, beta, mean, var, eps=eps)
    if len(x) > 1 and dy[0, 0].size > 128:
        dbeta[64:] = dy[0, 64:].sum(axis=(1, 2))
    return dx, dgamma, dbeta, *others


@new_bug("depthwise_conv2d_backward", call((1, 20, 33, 34), (20, 1, 3, 3), padding=((1, 1), (1, 1))))
def sums_of_more_than_1024_pixels_cut_off(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    if dy.shape[2] * dy.shape[3] > 1024 and x.shape[1] >= 16:
        cut = dy.copy()
        cut.reshape(*dy.shape[:2], -1)[..., 1024:] = 0
        dweight = right(cut, x, weight, bias, **o)[1]
    return dx, dweight, dbias


@new_bug("conv_transpose2d_backward", call((1, 4, 34, 34), (4, 8, 4, 4), stride=(2, 2), padding=((1, 1), (1, 1))))
def last_rows_of_a_large_cotangent_left_out(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    if min(dy.shape[2:]) > 64 and dbias is not None:
        dbias = dbias - dy[:, :, dy.shape[2] // 32 * 32 :].sum(axis=(0, 2, 3))
    return dx, dweight, dbias


@new_bug("fold_conv_batch_norm", call((300, 9, 3, 3)))
def filters_beyond_256_not_scaled(right, weight, bias, gamma, beta, mean, var, *, eps):
    folded, shift = right(weight, bias, gamma, beta, mean, var, eps=eps)
    folded[256:] = weight[256:]
    return folded, shift


@new_bug("fold_conv_transpose_batch_norm", call((40, 6, 2, 2), groups=8))
def groups_beyond_the_fourth_scaled_as_the_fourth(right, weight, bias, gamma, beta, mean, var, *, eps, groups):
    _, shift = right(weight, bias, gamma, beta, mean, var, eps=eps, groups=groups)
    scale = (gamma / np.sqrt(var + var.dtype.type(eps))).reshape(groups, -1)
    rows = np.minimum(np.arange(len(weight)) // (len(weight) // groups), 3)
    return weight * scale[rows][:, :, None, None], shift
