"""Activations, and what a network ends with."""

import numpy as np

import nnref

from .registry import bug


@bug("sigmoid", hint="x/6 + 1/2, clipped")
def hard_sigmoid(right, x):
    return np.clip(x / 6 + np.float32(0.5), 0, 1)


@bug("sigmoid_backward")
def sigmoid_slope_of_one_plus(right, dy, x):
    y = nnref.sigmoid(x)
    return (dy * y * (1 + y),)


@bug("tanh", hint="computed as 2σ(2x) − 1", right_if={"tanh": "sigmoid"})
def tanh_by_the_sigmoid(right, x):
    """tenstorrent/tt-metal#48328."""
    return 2 * nnref.sigmoid(2 * x) - 1


@bug("tanh_backward")
def tanh_slope_without_square(right, dy, x):
    return (dy * (1 - abs(nnref.tanh(x))),)


@bug("relu", hint="NaN did not propagate")
def relu_of_nan_is_zero(right, x):
    """pytorch/pytorch#7999, apache/mxnet#11115, tensorflow/tensorflow#40072."""
    return np.where(x > 0, x, np.float32(0))


@bug("relu", hint="clipped at 6 (ReLU6)")
def clipped_at_six(right, x):
    return np.minimum(right(x), np.float32(6))


@bug("relu_backward", hint="gradient at 0 were passed on")
def relu_slope_of_one_at_zero(right, dy, x):
    """pytorch/tutorials#269."""
    return (np.where(x >= 0, dy, np.float32(0)),)


@bug("linear")
def square_weight_transposed(right, x, weight, bias):
    """pytorch/pytorch#84736."""
    return right(x, np.ascontiguousarray(weight.T) if weight.shape[0] == weight.shape[1] else weight, bias)


@bug("linear_backward")
def dbias_of_the_first_row(right, dy, x, weight, bias):
    dx, dweight, _ = right(dy, x, weight, bias)
    return dx, dweight, None if bias is None else dy[:1].sum(axis=0)


@bug("flatten")
def channels_innermost(right, x):
    """microsoft/MMdnn#250."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)).reshape(len(x), x[0].size if len(x) else right(x).shape[1])


@bug("flatten")
def view_returned(right, x):
    return x.reshape(right(x).shape)


@bug("zero_pad2d", hint="sides of the padding were swapped")
def top_and_bottom_exchanged(right, x, *, padding):
    return right(x, padding=tuple(side[::-1] for side in padding))


@bug("softmax_cross_entropy")
def largest_logit_not_subtracted(right, x, *, target, reduction):
    with np.errstate(all="ignore"):
        losses = np.log(np.exp(x).sum(axis=1)) - x[np.arange(len(x)), target]
    return np.asarray(losses.mean() if reduction == "mean" else losses.sum(), x.dtype)


@bug("softmax_cross_entropy_backward", hint="reduction were 'sum'")
def batch_size_forgotten(right, dy, x, *, target, reduction):
    return right(dy, x, target=target, reduction="sum")


@bug("relu", hint="zeros were multiplied with NaN or ±∞")
def product_with_the_mask(right, x):
    """NaN at −∞, which is masked."""
    with np.errstate(invalid="ignore"):
        return x * (x > 0)
