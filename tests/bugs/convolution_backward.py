"""Convolutions, backward; and the depthwise and transposed ones."""

import numpy as np

from nnref.windows import Windows

from .registry import bug, rounded


@bug("conv2d_backward", hint="kernel were flipped")
def kernel_not_turned_for_dx(right, dy, x, weight, bias, **o):
    _, dweight, dbias = right(dy, x, weight, bias, **o)
    return right(dy, x, weight[:, :, ::-1, ::-1], bias, **o)[0], dweight, dbias


@bug("conv2d_backward")
def dweight_of_the_first_sample(right, dy, x, weight, bias, **o):
    dx, _, dbias = right(dy, x, weight, bias, **o)
    return dx, right(dy[:1], x[:1], weight, bias, **o)[1], dbias


@bug("conv2d_backward", hint="dbias were averaged over the batch")
def dbias_as_a_mean(right, dy, x, weight, bias, **o):
    """heyxhh/nnet-numpy#1."""
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


@bug("conv2d_backward", hint="inputs were rounded to 11 bits")
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


@bug("depthwise_conv2d", hint="vertical and horizontal dilation were swapped")
def swapped_dilation(right, x, weight, bias, *, dilation, **o):
    return right(x, weight, bias, dilation=dilation[::-1], **o)


@bug("depthwise_conv2d_backward")
def first_multiplier_only_in_dx(right, dy, x, weight, bias, **o):
    _, dweight, dbias = right(dy, x, weight, bias, **o)
    m = len(weight) // x.shape[1]
    return right(dy[:, ::m], x, weight[::m], None, **o)[0], dweight, dbias


@bug("conv_transpose2d", hint="kernel were flipped")
def transposed_kernel_flipped(right, x, weight, bias, **o):
    return right(x, weight[:, :, ::-1, ::-1], bias, **o)


@bug("conv_transpose2d", hint="output_padding were ignored")
def output_padding_ignored(right, x, weight, bias, *, output_padding, **o):
    """apache/tvm#18601."""
    return right(x, weight, bias, **o)


@bug("conv_transpose2d")
def output_padding_of_zeros(right, x, weight, bias, *, output_padding, **o):
    y = right(x, weight, bias, output_padding=output_padding, **o)
    height, width = (n - more for n, more in zip(y.shape[2:], output_padding, strict=True))
    y[:, :, height:], y[:, :, :, width:] = 0, 0
    return y


@bug("conv_transpose2d_backward")
def transposed_dweight_with_stride_ignored(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    return dx, dweight / (o["stride"][0] ** 2), dbias
