"""Bugs of the kinds in public reports of wrong results. Every one names its report, and the condition it shows on."""

from dataclasses import replace

import numpy as np

import nnref
from nnref import algebra
from nnref.windows import Windows

from .networks import rewritten
from .registry import BF16, bug


def as_it_lies(array):
    """The numbers in the order of memory, taken for those of a contiguous array."""
    return np.ravel(array, order="K").reshape(array.shape)


def count(x):
    """Values of a channel."""
    return x.shape[0] * x.shape[2] * x.shape[3]


def windows_of(x, *, kernel_size, stride, padding, dilation=1, ceil_mode, **_):
    return Windows.plan("bug", x.shape, kernel_size, stride, padding, dilation, ceil_mode)


@bug("conv2d")
def even_kernel_loses_the_last_column(right, x, weight, bias, **o):
    """ARM-software/ComputeLibrary#78: kernels of even width."""
    y = right(x, weight, bias, **o)
    if weight.shape[3] % 2 == 0:
        y[..., -1] = 0
    return y


@bug("conv2d")
def strided_1x1_as_a_matrix_product(right, x, weight, bias, *, stride, padding, **o):
    """tensorflow/tfjs#1270: a kernel of one pixel, taken for a product with the first pixels, whatever the stride."""
    y = right(x, weight, bias, stride=stride, padding=padding, **o)
    if weight.shape[2:] != (1, 1) or np.any(padding):
        return y
    return right(np.ascontiguousarray(x[:, :, : y.shape[2], : y.shape[3]]), weight, bias, stride=1, padding=0, **o)


@bug("conv2d")
def winograd_path_without_a_bias(right, x, weight, bias, **o):
    """leela-zero/leela-zero#812: kernels of 3×3, stride 1."""
    fast = weight.shape[2:] == (3, 3) and o["stride"] == (1, 1)
    return right(x, weight, None if fast else bias, **o)


@bug("conv2d")
def leading_padding_used_at_the_end(right, x, weight, bias, *, padding, **o):
    """llvm/torch-mlir#4740: padding at the end alone."""
    return right(x, weight, bias, padding=tuple((before, before) for before, _ in padding), **o)


@bug("conv2d", hides=True)
def rest_of_a_sum_read_from_the_wrong_place(right, x, weight, bias, *, groups, **o):
    """halide/Halide#656: sums whose length is no multiple of 8, the rest taken from term n // 8 on."""
    c = weight.shape[1]
    if c > 8 and c % 8:
        order = [*range(c // 8 * 8), *range(c // 8, c // 8 + c % 8)]
        x = np.concatenate([image[:, order] for image in np.split(x, groups, axis=1)], axis=1)
    return right(x, weight, bias, groups=groups, **o)


@bug("conv2d_backward")
def pixels_between_strides_not_zeroed(right, dy, x, weight, bias, **o):
    """ROCm/composable_kernel#105: a kernel of one pixel, stride 2."""
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    if weight.shape[2:] == (1, 1) and o["stride"] != (1, 1):
        dx[..., 1::2] = x[..., 1::2]
    return dx, dweight, dbias


@bug("conv2d_backward")
def dweight_of_groups_in_turn(right, dy, x, weight, bias, *, groups, **o):
    """pytorch/pytorch#51430: more than one group."""
    dx, dweight, dbias = right(dy, x, weight, bias, groups=groups, **o)
    turned = dweight.reshape(groups, -1, *dweight.shape[1:]).swapaxes(0, 1)
    return dx, np.ascontiguousarray(turned).reshape(dweight.shape), dbias


@bug("conv2d_backward")
def dweight_wrong_for_even_channels(right, dy, x, weight, bias, **o):
    """ROCm/composable_kernel#2478: a kernel of one pixel, stride 1, no padding, an even number of channels."""
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    plain = weight.shape[2:] == (1, 1) and o["stride"] == (1, 1) and not np.any(o["padding"])
    if plain and weight.shape[1] % 2 == 0:
        dweight = np.ascontiguousarray(dweight[:, ::-1])
    return dx, dweight, dbias


@bug("conv2d_backward")
def dx_ends_with_the_last_window(right, dy, x, weight, bias, **o):
    """torch/DEPRECEATED-torch7-distro#20: a stride that leaves pixels over."""
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    windows = Windows.plan("bug", x.shape, weight.shape[2:], o["stride"], o["padding"], o["dilation"])
    reach = [t.image[1].stop for t in windows.taps()], [t.image[2].stop for t in windows.taps()]
    rows, columns = (max(ends, default=0) for ends in reach)
    return dx[:, :, :rows, :columns].copy(), dweight, dbias


@bug("conv2d_backward")
def dweight_as_a_mean(right, dy, x, weight, bias, **o):
    """sebgao/cTensor#3: divided by samples and pixels."""
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    return dx, dweight / np.float32(max(1, count(dy))), dbias


@bug("depthwise_conv2d", hides=True)  # two filters of 3×3 are 18 numbers
def as_many_filters_as_channels(right, x, weight, bias, **o):
    """pytorch/pytorch#60176: 3×3 and more than one filter of a channel; the others are left as they were."""
    y = right(x, weight, bias, **o)
    if weight.shape[2:] == (3, 3):
        y[:, x.shape[1] :] = 0
    return y


@bug("depthwise_conv2d")
def dilated_result_left_as_it_began(right, x, weight, bias, **o):
    """Tencent/ncnn#315: dilation other than 1."""
    y = right(x, weight, bias, **o)
    if o["dilation"] != (1, 1):
        y[...] = 0 if bias is None else bias[:, None, None]
    return y


@bug("conv_transpose2d")
def groups_and_dilation_exchanged(right, x, weight, bias, *, groups, dilation, **o):
    """IntelLabs/bayesian-torch#34: arguments by position."""
    if dilation == (groups, groups) or x.shape[1] % dilation[0] or len(set(dilation)) > 1:
        return right(x, weight, bias, groups=groups, dilation=dilation, **o)
    return right(x, weight, None, groups=dilation[0], dilation=groups, **o)


@bug("conv_transpose2d")
def padding_added_to_the_input(right, x, weight, bias, *, padding, **o):
    """Samsung/TICO#420: padding put around the image, where it is cut from the result."""
    return right(np.pad(x, ((0, 0), (0, 0), *padding)), weight, bias, padding=padding, **o)


@bug("conv_transpose2d")
def dilation_left_out_where_strided(right, x, weight, bias, *, dilation, **o):
    """apache/mxnet#11203, microsoft/onnxruntime#2518: stride and dilation together."""
    return right(x, weight, bias, dilation=1 if max(o["stride"]) > 1 else dilation, **o)


@bug("conv_transpose2d")
def rows_beyond_the_stride_empty(right, x, weight, bias, *, output_padding, **o):
    """microsoft/onnxruntime#14208: output padding as large as the stride, which a dilation allows."""
    y = right(x, weight, bias, output_padding=output_padding, **o)
    rows, columns = (p - s + 1 if p >= s else 0 for p, s in zip(output_padding, o["stride"], strict=True))
    y[:, :, y.shape[2] - rows :], y[:, :, :, y.shape[3] - columns :] = 0, 0
    return y


@bug("conv_transpose2d_backward")
def pixels_of_dy_in_turn(right, dy, x, weight, bias, *, stride, **o):
    """pytorch/pytorch#63314: a kernel of one pixel under a stride; dy is read without it."""
    dx, dweight, dbias = right(dy, x, weight, bias, stride=stride, **o)
    if weight.shape[2:] == (1, 1) and not np.any(o["padding"]) and not np.any(o["output_padding"]):
        close = np.ascontiguousarray(dy[:, :, : x.shape[2], : x.shape[3]])
        dx = right(close, x, weight, bias, stride=1, **o)[0]
    return dx, dweight, dbias


@bug("conv_transpose2d_backward")
def dweight_of_the_last_sample(right, dy, x, weight, bias, **o):
    """chelsea0x3b/dfdx#657: batches of more than one."""
    dx, _, dbias = right(dy, x, weight, bias, **o)
    return dx, right(dy[-1:], x[-1:], weight, bias, **o)[1], dbias


@bug("batch_norm2d_backward")
def gradient_of_training(right, dy, x, gamma, beta, mean, var, *, eps):
    """pytorch/xla#913, pytorch/pytorch#586, apache/mxnet#9580: given statistics taken for those of the batch."""
    _, *others = right(dy, x, gamma, beta, mean, var, eps=eps)
    return nnref.batch_norm2d_train_backward(dy, x, gamma, beta, eps=eps)[0], *others


@bug("batch_norm2d_backward")
def image_read_as_if_contiguous(right, dy, x, *arrays, eps):
    """pytorch/pytorch#175189: channels innermost; the gradient of γ is wrong, that of β is not."""
    return right(dy, as_it_lies(x), *arrays, eps=eps)


@bug("batch_norm2d_train")
def one_value_is_divided_by_zero(right, x, gamma, beta, *, eps):
    """pytorch/pytorch#1381: one sample of one pixel, a variance over n − 1."""
    y = right(x, gamma, beta, eps=eps)
    return y * np.float32(np.nan) if count(x) == 1 else y


@bug("avg_pool2d")
def divisor_ends_with_the_padding_of_the_other_axis(right, x, *, count_include_pad, **o):
    """microsoft/onnxruntime#27375: rows are counted up to height + left padding."""
    y = right(x, count_include_pad=count_include_pad, **o)
    windows = windows_of(x, **o)
    wrong = replace(windows, end=(x.shape[2] + o["padding"][1][0], windows.end[1]))
    if count_include_pad:
        y *= (windows.count_taps(True) / np.maximum(1, wrong.count_taps(True))).astype(np.float32)
    return y


@bug("avg_pool2d")
def uneven_padding_counted(right, x, *, count_include_pad, padding, **o):
    """ROCm/AMDMIGraphX#492: padding of unequal sides is put around the image, and then it counts."""
    uneven = any(before != after for before, after in padding)
    return right(x, count_include_pad=count_include_pad or uneven, padding=padding, **o)


@bug("avg_pool2d")
def windows_of_padding_alone_are_nan(right, x, **o):
    """CanReader/FastNN#5: a window without a pixel, 0/0."""
    y = right(x, **o)
    y[:, :, windows_of(x, **o).count_taps(False) == 0] = np.nan
    return y


@bug("max_pool2d")
def starts_at_zero(right, x, **o):
    """tensorflow/tfjs#4854: windows of negative numbers alone."""
    return np.maximum(right(x, **o), np.float32(0))


@bug("max_pool2d")
def one_more_window_beyond_the_image(right, x, *, padding, ceil_mode, **o):
    """pytorch/pytorch#45357, pytorch/xla#2578: with ceil_mode, a window that begins behind the image."""
    y = right(x, padding=padding, ceil_mode=ceil_mode, **o)
    reach = [d * (k - 1) + 1 for d, k in zip(o["dilation"], o["kernel_size"], strict=True)]
    room = [n + sum(p) - r for n, p, r in zip(x.shape[2:], padding, reach, strict=True)]
    wanted = [-(-r // s) + 1 for r, s in zip(room, o["stride"], strict=True)]
    more = [max(0, w - n) if ceil_mode else 0 for w, n in zip(wanted, y.shape[2:], strict=True)]
    return np.pad(y, ((0, 0), (0, 0), (0, more[0]), (0, more[1])), constant_values=-np.inf)


@bug("max_pool2d")
def dilated_window_begins_on_the_image(right, x, *, padding, **o):
    """microsoft/onnxruntime#1320: padding and dilation; a window that begins in the padding is moved to pixel 0."""
    y = right(x, padding=padding, **o)
    if max(o["dilation"]) == 1 or o["ceil_mode"]:
        return y
    for i, j in np.ndindex(*y.shape[2:]):
        at = [max(0, a * s - p[0]) for a, s, p in zip((i, j), o["stride"], padding, strict=True)]
        taken = [slice(a, a + d * k, d) for a, d, k in zip(at, o["dilation"], o["kernel_size"], strict=True)]
        y[:, :, i, j] = x[:, :, taken[0], taken[1]].max(axis=(2, 3), initial=-np.inf)
    return y


@bug("max_pool2d", hint="NaN did not propagate")
def nan_dropped_unless_it_comes_first(right, x, **o):
    """Theano/Theano#3060: a NaN behind the first pixel of its window."""
    windows = windows_of(x, **o)
    y = np.full((*x.shape[:2], *windows.out), np.nan, x.dtype)
    seen = np.zeros(windows.out, bool)
    for tap in windows.taps():
        pixels, best = x[tap.image], y[tap.out]
        y[tap.out] = np.where(~seen[tap.out[1:]] | (pixels > best), pixels, best)
        seen[tap.out[1:]] = True
    y[:, :, ~seen] = -np.inf
    return y


@bug("max_pool2d", hint="NaN did not propagate")
def nan_dropped_in_the_last_channel(right, x, **o):
    """tensorflow/tensorflow#125965: in the rest of a vector of channels, where packets of two propagate it."""
    y = right(x, **o)
    if x.shape[1] % 2:
        y[:, -1:] = right(np.where(np.isnan(x[:, -1:]), -np.inf, x[:, -1:]).astype(x.dtype), **o)
    return y


@bug("max_pool2d_backward")
def first_dilation_for_both_axes(right, dy, x, *, dilation, **o):
    """tracel-ai/burn#4466: unequal dilations."""
    both = (dilation[0], dilation[0])
    try:
        same_size = windows_of(x, dilation=both, **o).out == dy.shape[2:]
    except ValueError:
        same_size = False
    return right(dy, x, dilation=both if same_size else dilation, **o)


@bug("max_pool2d_backward", hint="tie went elsewhere than to the first maximum")
def tie_to_the_first_of_a_column(right, dy, x, **o):
    """FluxML/NNlib.jl#205: the first maximum by columns, as memory has it there."""
    turned = {name: o[name][::-1] for name in ("kernel_size", "stride", "padding", "dilation")}
    (dx,) = right(dy.swapaxes(2, 3), x.swapaxes(2, 3), **o | turned)
    return (np.ascontiguousarray(dx.swapaxes(2, 3)),)


@bug("max_pool2d_backward")
def nothing_beats_the_start(right, dy, x, **o):
    """pytorch/pytorch#20465: a window of −∞ alone has no maximum, and its gradient is lost."""
    y = nnref.max_pool2d(x, **o)
    return right(np.where(y == -np.inf, np.float32(0), dy), x, **o)


@bug("global_avg_pool2d", dtype="float16", hint="accumulated in float16")
def summed_in_float16(right, x):
    """huggingface/candle#3719, ROCm/MIOpen#2109, Tencent/ncnn#3561: the sum stands still at 2048."""
    total = np.zeros(x.shape[:2], np.float16)
    for pixel in np.ndindex(*x.shape[2:]):
        total += x[:, :, pixel[0], pixel[1]]
    return (total / np.float16(max(1, x[0, 0].size if len(x) else 1)))[..., None, None]


@bug("global_avg_pool2d", dtype="float16", hint="divided, and rounded, before it is summed")
def divided_before_it_is_summed(right, x):
    """PaddlePaddle/Paddle-Lite#9770: every term rounded to float16."""
    pixels = np.float16(x.shape[2] * x.shape[3])
    return (x / pixels).astype(np.float32).sum(axis=(2, 3), keepdims=True).astype(np.float16)


@bug("global_avg_pool2d_backward", dtype="float16")
def reciprocal_in_float16(right, dy, x):
    """ROCm/MIOpen#2344: 1/n rounded, and 0 for a large image."""
    return ((dy * np.float16(1 / (x.shape[2] * x.shape[3])) * np.ones_like(x)).astype(np.float16),)


@bug("sigmoid")
def exp_overflows(right, x):
    """clab/dynet#1525: eˣ/(1 + eˣ) from x = 89 on."""
    with np.errstate(all="ignore"):
        return np.exp(x) / (1 + np.exp(x))


@bug("sigmoid", dtype="float64")
def rational_sigmoid(right, x):
    """tphakala/simd#33: ½ + ½x/(1 + |x|) for float64 alone."""
    with np.errstate(all="ignore"):
        return 0.5 + 0.5 * np.where(np.isinf(x), np.sign(x), x / (1 + abs(x)))


@bug("sigmoid", dtype="bfloat16")
def tanh_rounded_on_the_way(right, x):
    """open-lm-engine/accelerated-model-architectures#328: ½tanh(½x) + ½, with the tanh in bfloat16."""
    half = BF16.type(0.5)
    return (np.tanh((x * half).astype(np.float32)).astype(BF16) * half + half).astype(BF16)


@bug("sigmoid_backward")
def quotient_of_infinities(right, dy, x):
    """huggingface/candle#1722, jeshraghian/snntorch#433: e⁻ˣ/(1 + e⁻ˣ)² below x = −88."""
    with np.errstate(all="ignore"):
        return (dy * np.exp(-x) / (1 + np.exp(-x)) ** 2,)


@bug("tanh")
def tanh_of_exponentials(right, x):
    """pytorch/glow#99, BVLC/caffe#1455: (e²ˣ − 1)/(e²ˣ + 1) for large x."""
    with np.errstate(all="ignore"):
        return (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)


@bug("relu_backward")
def slope_without_dy(right, dy, x):
    """haifengl/smile#528: what comes from above is overwritten."""
    return ((x > 0).astype(x.dtype),)


@bug("relu", hides=True)
def tail_of_a_tile_not_written(right, x):
    """amd/IRON#198: a tile of 32 and a rest."""
    y = right(x)
    if y.size > 32:
        y.reshape(-1)[y.size // 32 * 32 :] = 0
    return y


@bug("linear")
def transposed_view_taken_for_its_base(right, x, weight, bias):
    """pytorch/pytorch#161640, #78511: a weight that is a transposed view."""
    return right(x, as_it_lies(weight), bias)


@bug("linear", hides=True)
def rest_of_a_second_tile_left_out(right, x, weight, bias):
    """tile-ai/tilelang-ascend#1341: a sum of more than one tile of 128, the last no multiple of 16."""
    terms = x.shape[1] // 16 * 16 if x.shape[1] > 128 else x.shape[1]
    return right(x[:, :terms], weight[:, :terms], bias)


@bug("softmax_cross_entropy", hint="difference log Σ exp x − x_t")
def gap_added_to_the_largest_logit(right, x, *, target, reduction):
    """ml-explore/mlx#4188, pytorch/pytorch#11752: log Σ eˣ less the logit, which large logits round away."""
    top = x.max(axis=1)
    losses = top + np.log(np.exp(x - top[:, None]).sum(axis=1)) - x[np.arange(len(x)), target]
    return np.asarray(losses.mean() if reduction == "mean" else losses.sum(), x.dtype)


@bug("softmax_cross_entropy")
def largest_logit_of_the_batch(right, x, *, target, reduction):
    """manassharma07/crysx_nn#7: one maximum for all samples; e to the others underflows."""
    with np.errstate(all="ignore"):
        x = x - x.max()
        losses = np.log(np.exp(x).sum(axis=1)) - x[np.arange(len(x)), target]
    return np.asarray(losses.mean() if reduction == "mean" else losses.sum(), x.dtype)


@bug("flatten")
def flattened_as_it_lies(right, x):
    """ROCm/AMDMIGraphX#1544: channels innermost, and the copy taken for needless."""
    return as_it_lies(x).reshape(right(x).shape).copy()


@bug("zero_pad2d")
def negative_stride_read_forwards(right, x, *, padding):
    """pytorch/pytorch#39224: rows that run backwards in memory."""
    return right(x[..., ::-1] if x.strides[3] < 0 else x, padding=padding)


@bug("fold_conv_batch_norm")
def sign_of_gamma_lost(right, weight, bias, gamma, beta, mean, var, *, eps):
    """LeelaChessZero/lc0#779: negative γ."""
    return right(weight, bias, abs(gamma), beta, mean, var, eps=eps)


@bug("network", hides=True)  # two groups under a dilated kernel: 34 numbers
def batch_norm_of_the_first_group_merged_into_all(right, net, x):
    """intel/ipex-llm#2826: a convolution of several groups."""

    def pair(conv, bn):
        if isinstance(conv, nnref.Conv2d) and isinstance(bn, nnref.BatchNorm2d) and conv.options["groups"] > 1:
            filters = np.arange(len(conv.params["weight"])) % (len(conv.params["weight"]) // conv.options["groups"])
            arrays = {name: array[filters] for name, array in (bn.params | bn.buffers).items() if array.ndim}
            return algebra.fuse_conv_batch_norm(
                conv, nnref.BatchNorm2d.from_arrays(**arrays, options=bn.options).eval()
            )

    return right(rewritten(net, pair), x)


@bug("network")
def channels_innermost_behind_a_1x1_convolution(right, net, x):
    """openvinotoolkit/openvino#37181: made a matrix product, whose result a flatten takes as it lies."""

    def pair(conv, flatten):
        is_1x1 = isinstance(conv, nnref.Conv2d) and conv.params["weight"].shape[2:] == (1, 1)
        if is_1x1 and isinstance(flatten, nnref.Flatten):
            return nnref.Sequential(conv, ChannelsInnermost()).eval()

    return right(rewritten(net, pair), x)


class ChannelsInnermost(nnref.Flatten):
    def forward(self, x):
        return super().forward(np.ascontiguousarray(x.transpose(0, 2, 3, 1)))


@bug("conv2d")
def weight_alone_is_a_view(right, x, weight, bias, **o):
    """pytorch/pytorch#192212: an image as NumPy makes it, a permuted weight."""
    return right(x, as_it_lies(weight) if x.flags.c_contiguous else weight, bias, **o)


@bug("conv2d_backward")
def cotangent_alone_is_a_view(right, dy, x, weight, bias, **o):
    """pytorch/pytorch#175969: only one of dy and x has channels last."""
    return right(as_it_lies(dy) if x.flags.c_contiguous else dy, x, weight, bias, **o)


@bug("conv2d")
def channels_cut_from_more_channels(right, x, weight, bias, **o):
    """pytorch/pytorch#180984: a slice of the channels of an image that has them last."""
    row, column = x.strides[2] // x.itemsize, x.strides[3] // x.itemsize
    cut = x.size and x.strides[1] == x.itemsize and x.shape[1] < column < row
    return right(as_it_lies(x) if cut else x, weight, bias, **o)


@bug("conv2d")
def one_sample_for_the_whole_batch(right, x, weight, bias, **o):
    """pytorch/pytorch#2993: a batch with a stride of 0."""
    y = right(x, weight, bias, **o)
    return y * 0 if len(x) > 1 and x.strides[0] == 0 != x.strides[3] else y


@bug("depthwise_conv2d")
def image_smaller_than_the_kernel(right, x, weight, bias, **o):
    """alibaba/MNN#2291: two rows of one pixel under 3×3."""
    y = right(x, weight, bias, **o)
    return y * 0 if x.shape[2:] == (2, 1) and weight.shape[2:] == (3, 3) else y


@bug("linear", hides=True)
def last_tile_of_all_three_axes(right, x, weight, bias):
    """eth-cscs/Tiled-MM#17: tiles that are not full in rows, columns and terms at once."""
    y = right(x, weight, bias)
    if min(*x.shape, len(weight)) > 32:
        y[32:, 32:] = 0
    return y


@bug("batch_norm2d_train", hides=True)
def many_values_in_many_channels(right, x, gamma, beta, *, eps):
    """ROCm/MIOpen#1109: sizes that are large together."""
    y = right(x, gamma, beta, eps=eps)
    return y * 0 if count(x) > 1024 and x.shape[1] > 16 else y


@bug("conv2d_backward", hides=True)
def many_samples_of_two_channels(right, dy, x, weight, bias, **o):
    """pytorch/pytorch#96225: the gradient of the weight, from so many samples on (there, 65536)."""
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    return dx, dweight * 0 if len(x) > 1024 and x.shape[1] > 1 else dweight, dbias


@bug("depthwise_conv2d", hides=True)
def one_row_of_many_channels(right, x, weight, bias, **o):
    """tenstorrent/tt-mlir#9276: one row, a kernel of one row, 32 channels and pixels."""
    y = right(x, weight, bias, **o)
    return y * 0 if x.shape[2] == 1 and weight.shape[2:] == (1, 3) and min(x.shape[1], x.shape[3]) >= 32 else y


@bug("softmax_cross_entropy", hint="zeros were multiplied with NaN or ±∞", right_if={"nan": "spreads"})
def zero_times_an_infinite_logarithm(right, x, *, target, reduction):
    """google-deepmind/optax#896: the loss as a product with one-hot labels, where a class is masked by −∞."""
    with np.errstate(all="ignore"):
        z = x - x.max(axis=1, keepdims=True)
        of_class = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        losses = -(np.eye(x.shape[1], dtype=x.dtype)[target] * of_class).sum(axis=1)
        return np.asarray(losses.mean() if reduction == "mean" else losses.sum(), x.dtype)
