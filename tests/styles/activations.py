"""Activations, the loss, and networks."""

import numpy as np

from nnref import algebra

from .pooling import flushed
from .registry import in_double, style

F = np.float32


@style("sigmoid", dtypes=("float32", "float16", "float64"))
def by_definition(x):
    return 1 / (1 + np.exp(-x))


@style("sigmoid")
def by_the_sign(x):
    """No exp overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


@style("sigmoid")
def exp_over_one_plus_exp(x):
    with np.errstate(over="ignore"):
        small = np.exp(np.minimum(x, 0))
        return np.where(x < 0, small / (1 + small), 1 / (1 + np.exp(-np.abs(x))))


@style("sigmoid", sigmoid="tanh")
def half_of_one_plus_tanh(x):
    return F(0.5) + F(0.5) * np.tanh(F(0.5) * x)


@style("sigmoid", sigmoid="log")
def exp_of_log_sigmoid(x):
    return np.exp(-np.logaddexp(F(0), -x))


@style("sigmoid", exp="base-2")
def power_of_two(x):
    return 1 / (1 + np.exp2(-x * F(np.log2(np.e))))


style("sigmoid")(in_double(by_definition))


@style("sigmoid", subnormals="flushed")
def flushed_twice(x):
    e = flushed(np.exp(-np.abs(x)))
    return flushed(np.where(x >= 0, 1, e) / (1 + e))


@style("sigmoid_backward", dtypes=("float32", "float16"))
def y_times_one_minus_y(dy, x):
    y = by_the_sign(x)
    return (dy * y * (1 - y),)


@style("sigmoid_backward")
def both_sides(dy, x):
    return (dy * (by_the_sign(x) * by_the_sign(-x)),)


@style("sigmoid_backward")
def y_minus_y_squared(dy, x):
    y = by_the_sign(x)
    return (dy * (y - y * y),)


@style("sigmoid_backward")
def of_one_exp(dy, x):
    e = np.exp(-np.abs(x))
    return (dy * (e / ((1 + e) * (1 + e))),)


@style("tanh", dtypes=("float32", "float16", "float64"))
def library(x):
    return np.tanh(x)


@style("tanh")
def by_expm1(x):
    e = np.expm1(-2 * np.abs(x))
    return np.copysign(-e / (e + 2), x)


@style("tanh", tanh="sigmoid")
def two_sigmoids_minus_one(x):
    return 2 * by_the_sign(2 * x) - 1


@style("tanh", tanh="sigmoid")
def one_minus_e_over_one_plus_e(x):
    e = np.exp(-2 * np.abs(x))
    return np.copysign((1 - e) / (1 + e), x)


style("tanh")(in_double(np.tanh))


@style("tanh_backward", dtypes=("float32", "float16"))
def one_minus_square(dy, x):
    t = np.tanh(x)
    return (dy * (1 - t * t),)


@style("tanh_backward")
def two_factors(dy, x):
    t = np.tanh(x)
    return (dy * ((1 - t) * (1 + t)),)


@style("tanh_backward")
def square_subtracted(dy, x):
    t = np.tanh(x)
    return (dy - dy * (t * t),)


@style("tanh_backward")
def of_one_exponential(dy, x):
    e = np.exp(-2 * np.abs(x))
    return (dy * (4 * e / ((1 + e) * (1 + e))),)


@style("relu", dtypes=("float32", "float16", "float64"))
def maximum(x):
    return np.maximum(x, 0)


@style("relu")
def where_negative(x):
    return np.where(x < 0, F(0), x)


@style("relu")
def clipped(x):
    return np.clip(x, 0, None)


@style("relu")
def written_over(x):
    y = x.copy()
    y[y < 0] = 0
    return y


@style("relu", nan="spreads")
def times_a_mask(x):
    return x * (x > 0)


@style("relu_backward", dtypes=("float32", "float16"))
def where_positive(dy, x):
    return (np.where(x > 0, dy, x.dtype.type(0)),)


@style("relu_backward")
def where_not_negative(dy, x):
    return (np.where(x <= 0, F(0), dy),)


@style("relu_backward")
def zero_written(dy, x):
    dx = dy.copy()
    dx[x <= 0] = 0
    return (dx,)


@style("relu_backward", nan="spreads")
def gradient_times_a_mask(dy, x):
    return (dy * (x > 0),)


@style("relu_backward", nan="spreads")
def gradient_times_a_step(dy, x):
    return (dy * np.heaviside(x, F(0)),)


# the loss


def shifted(x):
    return x - x.max(axis=1, keepdims=True)


def of_target(x, target):
    return x[np.arange(len(x)), target]


def reduced(losses, reduction):
    return losses.sum() if reduction == "sum" else losses.sum() / losses.dtype.type(len(losses))


@style("softmax_cross_entropy", dtypes=("float32", "float16"))
def log_of_sum_minus_target(x, *, target, reduction):
    z = shifted(x)
    return np.asarray(reduced(np.log(np.exp(z).sum(axis=1)) - of_target(z, target), reduction))


@style("softmax_cross_entropy")
def log_softmax_picked(x, *, target, reduction):
    z = shifted(x)
    log_softmax = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return np.asarray(reduced(-of_target(log_softmax, target), reduction))


@style("softmax_cross_entropy")
def largest_left_out_of_the_sum(x, *, target, reduction):
    """log1p of all but the largest: small losses keep their digits."""
    z = shifted(x)
    e = np.exp(z)
    e[np.arange(len(x)), x.argmax(axis=1)] -= 1
    return np.asarray(reduced(np.log1p(e.sum(axis=1)) - of_target(z, target), reduction))


@style("softmax_cross_entropy", loss="difference")
def log_sum_exp_minus_logit(x, *, target, reduction):
    largest = x.max(axis=1)
    l = np.log(np.exp(x - largest[:, None]).sum(axis=1)) + largest
    return np.asarray(reduced(l - of_target(x, target), reduction))


@style("softmax_cross_entropy")
def sample_after_sample(x, *, target, reduction):
    total = x.dtype.type(0)
    for row, t in zip(x, target, strict=True):
        z = row - row.max()
        total += np.log(np.exp(z).sum()) - z[t]
    return np.asarray(total if reduction == "sum" else total / x.dtype.type(len(x)))


style("softmax_cross_entropy")(in_double(log_of_sum_minus_target))


@style("softmax_cross_entropy", exp="base-2")
def sum_of_powers_of_two(x, *, target, reduction):
    z = shifted(x)
    total = np.exp2(z * F(np.log2(np.e))).sum(axis=1)
    return np.asarray(reduced(np.log(total) - of_target(z, target), reduction))


def less_one(p, target):
    p[np.arange(len(p)), target] -= 1
    return p


def share(dy, x, reduction):
    return dy if reduction == "sum" else dy / x.dtype.type(len(x))


@style("softmax_cross_entropy_backward", dtypes=("float32", "float16"))
def softmax_less_one_hot(dy, x, *, target, reduction):
    e = np.exp(shifted(x))
    return (less_one(e / e.sum(axis=1, keepdims=True), target) * share(dy, x, reduction),)


@style("softmax_cross_entropy_backward")
def exp_of_log_softmax(dy, x, *, target, reduction):
    z = shifted(x)
    p = np.exp(z - np.log(np.exp(z).sum(axis=1, keepdims=True)))
    return ((p - np.eye(x.shape[1], dtype=x.dtype)[target]) * share(dy, x, reduction),)


@style("softmax_cross_entropy_backward")
def reciprocal_of_the_sum(dy, x, *, target, reduction):
    e = np.exp(shifted(x))
    return (share(dy, x, reduction) * less_one(e * (1 / e.sum(axis=1, keepdims=True)), target),)


@style("softmax_cross_entropy_backward", loss="difference")
def exp_of_a_difference(dy, x, *, target, reduction):
    largest = x.max(axis=1, keepdims=True)
    p = np.exp(x - (np.log(np.exp(x - largest).sum(axis=1, keepdims=True)) + largest))
    return (less_one(p, target) * share(dy, x, reduction),)


@style("softmax_cross_entropy_backward")
def gradient_of_log_softmax(dy, x, *, target, reduction):
    """Two steps, as an engine of automatic gradients takes them."""
    picked, z = np.zeros_like(x), shifted(x)
    picked[np.arange(len(x)), target] = -share(dy, x, reduction)
    log_softmax = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    return (picked - np.exp(log_softmax) * picked.sum(axis=1, keepdims=True),)


# networks


@style("network")
def layer_by_layer(net, x):
    return net(x)


@style("network")
def merged(net, x):
    return algebra.simplify(net).network(x)
