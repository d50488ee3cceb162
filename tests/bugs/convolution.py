"""Convolutions, forward."""

import numpy as np

from .registry import BF16, bug, rounded


@bug("conv2d", hint="kernel were flipped")
def flipped_kernel(right, x, weight, bias, **o):
    return right(x, weight[:, :, ::-1, ::-1], bias, **o)


@bug("conv2d", hint="vertical and horizontal stride were swapped")
def swapped_stride(right, x, weight, bias, *, stride, **o):
    return right(x, weight, bias, stride=stride[::-1], **o)


@bug("conv2d", hint="dilation were ignored")
def ignored_dilation(right, x, weight, bias, *, dilation, **o):
    return right(x, weight, bias, **o)


@bug("conv2d", hint="sides of the padding were swapped")
def mirrored_padding(right, x, weight, bias, *, padding, **o):
    (top, bottom), (left, right_) = padding
    return right(x, weight, bias, padding=((bottom, top), (right_, left)), **o)


@bug("conv2d", hint="vertical and horizontal padding were swapped")
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


@bug("conv2d", hint="inputs were rounded to 11 bits")
def tf32_inputs(right, x, weight, bias, **o):
    return right(rounded(x, 11), rounded(weight, 11), bias, **o)


@bug("conv2d", hint="inputs were rounded to 8 bits")
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
    """ml-explore/mlx#4242."""
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


@bug("conv2d", hint="NaN did not propagate")
def nan_taken_for_zero(right, x, weight, bias, **o):
    return right(np.nan_to_num(x, posinf=np.inf, neginf=-np.inf), weight, bias, **o)


@bug("conv2d", hint="zeros were multiplied with NaN or ±∞")
def nan_spread_over_the_image(right, x, weight, bias, **o):
    y = right(x, weight, bias, **o)
    return y + 0 * y.sum()


@bug("conv2d", hint="subnormal numbers were zero")
def subnormals_flushed(right, x, weight, bias, **o):
    return right(np.where(abs(x) < 2.0**-126, np.float32(0), x), weight, bias, **o)


@bug("conv2d")
def strides_in_memory_ignored(right, x, weight, bias, **o):
    return right(x if x.flags.c_contiguous else x[..., ::-1], weight, bias, **o)


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


@bug("conv2d", dtype="float64", hint="accumulated in float32")
def float32_arithmetic_for_float64(right, x, weight, bias, **o):
    y = right(x.astype("f"), weight.astype("f"), None if bias is None else bias.astype("f"), **o)
    return y.astype(np.float64)


@bug("conv2d", dtype="bfloat16")
def bfloat16_bias_added_after_rounding(right, x, weight, bias, **o):
    y = right(x, weight, None, **o)
    return y if bias is None else (y + bias[:, None, None]).astype(BF16)
