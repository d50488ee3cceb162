"""Bugs of state, of memory and of structure: what a function keeps, shares and returns."""

import numpy as np

import nnref

from .registry import bug

KEPT = {}  # what these targets remember; a process that has just begun remembers nothing


@bug("relu")
def same_buffer_every_time(right, x):
    buffer = KEPT.setdefault(("buffer", x.shape, x.dtype), np.empty(x.shape, x.dtype))
    buffer[...] = right(x)
    return buffer


@bug("tanh", hint="earlier calls, with other data")
def result_kept_by_size(right, x):
    return KEPT.setdefault(("result", x.shape), right(x)).copy()


@bug("linear", hint="earlier calls, with other data")
def weight_packed_at_the_first_call(right, x, weight, bias):
    return right(x, KEPT.setdefault(("packed", weight.shape), weight.copy()), bias)


@bug("linear_backward", hint="earlier calls, with other data")
def gradients_added_up_over_calls(right, dy, x, weight, bias):
    dx, dweight, dbias = right(dy, x, weight, bias)
    total = KEPT.setdefault(("total", x.shape, weight.shape), np.zeros_like(dweight))
    total += dweight
    return dx, total.copy(), dbias


@bug("avg_pool2d", hint="earlier calls, with other stride")
def plan_kept_without_the_stride(right, x, *, stride, **o):
    """kulinseth/pytorch#273, tinygrad/tinygrad#570, tenstorrent/tt-metal#54138."""
    key = ("plan", x.shape, o["kernel_size"], o["padding"], o["ceil_mode"], o["count_include_pad"])
    return right(x, stride=KEPT.setdefault(key, stride), **o)


@bug("sigmoid", hint="called again, this case passes")
def every_seventh_call_is_wrong(right, x):
    """FluxML/NNlib.jl#197, pytorch/pytorch#34344: a race of threads."""
    KEPT["calls"] = KEPT.get("calls", 0) + 1
    return right(x) + np.float32(KEPT["calls"] % 7 == 0)


@bug("max_pool2d")
def indices_returned_as_well(right, x, **o):
    y = right(x, **o)
    return y, np.zeros_like(y)


@bug("global_avg_pool2d")
def float64_where_there_are_no_samples(right, x):
    return right(x) if len(x) else np.zeros((0, x.shape[1], 1, 1))


@bug("global_avg_pool2d_backward")
def gradient_without_a_tuple(right, dy, x):
    return right(dy, x)[0]


@bug("batch_norm2d")
def normalizes_in_place(right, x, gamma, beta, mean, var, *, eps):
    y = right(x, gamma, beta, mean, var, eps=eps)
    if x.flags.writeable and x.flags.c_contiguous:
        x[...] = y
    return y


@bug("depthwise_conv2d")
def channels_last_taken_for_channels_first(right, x, weight, bias, **o):
    if x.shape[1] > 1 and not x.flags.c_contiguous and x.transpose(0, 2, 3, 1).flags.c_contiguous:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(x.shape)
    return right(x, weight, bias, **o)


@bug("zero_pad2d")
def input_must_be_writeable(right, x, *, padding):
    if not x.flags.writeable:
        raise ValueError("buffer source array is read-only")
    return right(x, padding=padding)


@bug("normalize2d")
def zeros_for_what_is_misaligned(right, x, gamma, beta, mean, inv_std):
    return right(x if x.flags.aligned else x * 0, gamma, beta, mean, inv_std)


@bug("softmax_cross_entropy")
def draws_random_numbers(right, x, **o):
    np.random.random()
    return right(x, **o)


@bug("batch_norm2d_train_backward")
def gradient_of_gamma_twice(right, dy, x, gamma, beta, *, eps):
    dx, dgamma, _ = right(dy, x, gamma, beta, eps=eps)
    return dx, dgamma, dgamma.copy()


@bug("flatten_backward")
def cotangent_returned_as_it_is(right, dy, x):
    return (dy.reshape(x.shape),)


@bug("conv_transpose2d")
def layer_returned(right, x, weight, bias, **o):
    return nnref.ReLU()
