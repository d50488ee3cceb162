"""Bugs that hide behind a size, or behind two at once: ends of blocks, tails of vectors, edges of tiles."""

import numpy as np

from .registry import bug, rounded


@bug("conv2d", hides=True)
def batch_in_blocks_of_8_without_its_rest(right, x, weight, bias, **o):
    """NVIDIA/Fuser#3963."""
    y = right(x, weight, bias, **o)
    if len(x) > 8:
        y[len(x) // 8 * 8 :] = 0
    return y


@bug("batch_norm2d_train", hides=True)
def statistics_of_the_first_8_samples(right, x, gamma, beta, *, eps):
    return np.concatenate([right(x[n : n + 8], gamma, beta, eps=eps) for n in range(0, max(1, len(x)), 8)])


@bug("relu", hides=True)
def tail_beyond_160_left_out(right, x):
    y = right(x)
    if x.shape[3] > 160:
        y[..., x.shape[3] // 16 * 16 :] = 0
    return y


@bug("batch_norm2d", hides=True)
def channels_beyond_128_take_the_first_scale(right, x, gamma, beta, mean, var, *, eps):
    if len(gamma) > 128:
        gamma = np.concatenate([gamma[:128], np.full_like(gamma[128:], gamma[0])])
    return right(x, gamma, beta, mean, var, eps=eps)


@bug("conv2d_backward", hides=True)
def channels_of_dx_beyond_128_left_out(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    dx[:, 128:] = 0
    return dx, dweight, dbias


@bug("conv2d", hides=True)
def low_precision_where_16_divides_both_channels(right, x, weight, bias, **o):
    if weight.shape[0] % 16 == 0 and weight.shape[1] % 16 == 0:
        x, weight = rounded(x, 8), rounded(weight, 8)
    return right(x, weight, bias, **o)


@bug("linear", hides=True)
def corner_of_a_tile_of_32_by_32_left_out(right, x, weight, bias):
    y = right(x, weight, bias)
    if min(weight.shape) >= 32:
        y[:, 31] -= x[:, 31] * weight[31, 31]
    return y


@bug("max_pool2d", hides=True)
def corner_of_a_tile_of_8_by_8_repeated(right, x, **o):
    y = right(x, **o)
    if min(y.shape[2:]) >= 8:
        y[:, :, 7, 7] = y[:, :, 6, 6]
    return y


@bug("conv_transpose2d", hides=True)
def batch_and_row_in_one_block(right, x, weight, bias, **o):
    y = right(x, weight, bias, **o)
    if len(y) >= 8 and y.shape[3] >= 8:
        y[7, ..., 7] = y[6, ..., 7]
    return y


@bug("global_avg_pool2d", hides=True)
def sum_in_blocks_of_1024_loses_the_rest(right, x):
    pixels = x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])
    if pixels.shape[2] > 1024:
        pixels = pixels[..., : pixels.shape[2] // 1024 * 1024]
    return (pixels.sum(axis=2) / np.float32(x.shape[2] * x.shape[3]))[..., None, None]


@bug("linear", hides=True)
def sum_of_1024_terms_at_most(right, x, weight, bias):
    return right(np.ascontiguousarray(x[:, :1024]), np.ascontiguousarray(weight[:, :1024]), bias)


@bug("conv2d", hides=True)
def patch_of_1024_numbers_at_most(right, x, weight, bias, **o):
    weight = weight.copy()
    weight.reshape(len(weight), -1)[:, 1024:] = 0
    return right(x, weight, bias, **o)


@bug("avg_pool2d", hides=True)
def window_of_64_numbers_at_most(right, x, *, kernel_size, **o):
    y = right(x, kernel_size=kernel_size, **o)
    return y if np.prod(kernel_size) <= 64 else y * np.float32(np.prod(kernel_size) / 64)


def with_other_steps(right, option, most, *arrays, **options):
    """A result of the right shape from steps of at most so many pixels."""
    height, width = right(*arrays, **options).shape[2:]
    y = right(*arrays, **options | {option: tuple(min(step, most) for step in options[option])})
    return np.ascontiguousarray(y[:, :, :height, :width])


@bug("depthwise_conv2d", hides=True)
def stride_of_4_at_most(right, *arrays, **o):
    return with_other_steps(right, "stride", 4, *arrays, **o)


@bug("max_pool2d_backward", hides=True)
def stride_of_4_at_most_backward(right, dy, x, *, stride, **o):
    return right(dy if max(stride) < 5 else dy[..., ::-1], x, stride=stride, **o)


@bug("conv2d", hides=True)
def dilation_of_3_at_most(right, *arrays, **o):
    return with_other_steps(right, "dilation", 3, *arrays, **o)


@bug("conv2d_backward", hides=True)
def dilation_of_3_at_most_backward(right, dy, x, weight, bias, *, dilation, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, dilation=dilation, **o)
    return dx, dweight if max(dilation) <= 3 else dweight[..., ::-1].copy(), dbias


@bug("max_pool2d", hides=True)
def padding_of_4_not_infinite(right, x, *, padding, **o):
    y = right(x, padding=padding, **o)
    return y if max(map(max, padding)) < 4 else np.maximum(y, np.finfo(y.dtype).min)


@bug("conv2d", hides=True)
def padding_of_4_holds_the_edge(right, x, weight, bias, *, padding, **o):
    if max(map(max, padding)) < 4 or not x.size:
        return right(x, weight, bias, padding=padding, **o)
    return right(np.pad(x, ((0, 0), (0, 0), *padding), mode="edge"), weight, bias, padding=((0, 0), (0, 0)), **o)


@bug("zero_pad2d", hides=True)
def border_of_a_long_row_on_one_side_only(right, x, *, padding):
    y = right(x, padding=padding)
    if x.shape[3] > 160 and padding[1][1]:
        y[..., -1] = y[..., -2]
    return y


@bug("avg_pool2d", hides=True)
def ceil_window_behind_16_others_not_counted_right(right, x, *, ceil_mode, **o):
    y = right(x, ceil_mode=ceil_mode, **o)
    if ceil_mode and y.shape[3] > 16 and y.shape[3] > right(x, ceil_mode=False, **o).shape[3]:
        y[..., -1] /= 2
    return y


@bug("conv2d", hides=True)
def kernel_of_11_taken_for_one_of_10(right, x, weight, bias, **o):
    if max(weight.shape[2:]) >= 11:
        weight = weight.copy()
        weight[..., 10:] = 0
    return right(x, weight, bias, **o)


@bug("depthwise_conv2d_backward", hides=True)
def kernel_of_4_turned(right, dy, x, weight, bias, **o):
    if weight.shape[2:] == (4, 4):
        weight = weight[..., ::-1]
    return right(dy, x, weight, bias, **o)


@bug("conv2d", hides=True)
def groups_of_5_by_5_kernels_dense(right, x, weight, bias, *, groups, **o):
    if groups > 1 and weight.shape[2:] == (5, 5):
        weight = np.repeat(weight[: len(weight) // groups], groups, axis=0)
    return right(x, weight, bias, groups=groups, **o)


@bug("conv2d", hides=True)
def long_rows_of_a_kernel_left_out(right, x, weight, bias, **o):
    y = right(x, weight, bias, **o)
    return y * 0 if weight.shape[3] > 11 else y


@bug("conv2d")
def dilation_of_more_than_eight_left_out(right, x, weight, bias, **o):
    y = right(x, weight, bias, **o)
    return y * 0 if max(o["dilation"]) > 8 else y


@bug("global_avg_pool2d", hides=True)
def only_4096_pixels_added(right, x):
    flat = x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])
    return (flat[:, :, :4096].sum(axis=2) / np.float32(flat.shape[2])).astype(x.dtype)[:, :, None, None]
