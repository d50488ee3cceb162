"""The proofs find a bug that is seeded into the backward of any layer: a test of the proofs."""

import numpy as np
import pytest
from hypothesis import Phase, find, settings

import nnref
from nnref.numeric import expm1

from .proofs import disproof
from .registry import BY_NAME, ROWS


def conv2d_filters_not_transposed_in_dx(dy, x, weight, bias=None, **options):
    _, dweight, dbias = nnref.conv2d_backward(dy, x, weight, bias, **options)
    return nnref.conv2d_backward(dy, x, weight[..., ::-1, ::-1], bias, **options)[0], dweight, dbias


def conv2d_bias_gradient_of_first_sample(dy, x, weight, bias=None, **options):
    dx, dweight, dbias = nnref.conv2d_backward(dy, x, weight, bias, **options)
    return dx, dweight, dbias if dbias is None else dy[:1].sum(axis=(0, 2, 3))


def depthwise_conv2d_weight_gradient_of_other_multiplier(dy, x, weight, bias=None, **options):
    dx, dweight, dbias = nnref.depthwise_conv2d_backward(dy, x, weight, bias, **options)
    return dx, dweight[::-1], dbias


def conv_transpose2d_axes_of_dweight_swapped(dy, x, weight, bias=None, **options):
    dx, dweight, dbias = nnref.conv_transpose2d_backward(dy, x, weight, bias, **options)
    return dx, dweight.swapaxes(2, 3).reshape(weight.shape), dbias


def normalize2d_dmean_without_sign(dy, x, gamma, beta, mean, inv_std):
    dx, dgamma, dbeta, dmean, dinv_std = nnref.normalize2d_backward(dy, x, gamma, beta, mean, inv_std)
    return dx, dgamma, dbeta, -dmean, dinv_std


def batch_norm2d_dvar_with_wrong_power(dy, x, gamma, beta, mean, var, *, eps):
    *others, dvar = nnref.batch_norm2d_backward(dy, x, gamma, beta, mean, var, eps=eps)
    return *others, dvar * np.sqrt(var + eps)


def batch_norm2d_train_statistics_held_constant(dy, x, gamma, beta, *, eps):
    mean, var = nnref.batch_statistics(x)
    return nnref.batch_norm2d_backward(dy, x, gamma, beta, mean, var, eps=eps)[:3]


def batch_norm2d_train_without_the_variance_term(dy, x, gamma, beta, *, eps):
    _, dgamma, dbeta = nnref.batch_norm2d_train_backward(dy, x, gamma, beta, eps=eps)
    scale = gamma / np.sqrt(nnref.batch_statistics(x)[1] + eps)
    centred = dy - nnref.batch_statistics(dy)[0][:, None, None]
    return centred * scale[:, None, None], dgamma, dbeta


def avg_pool2d_share_of_the_whole_kernel(dy, x, *, kernel_size, **options):
    options["count_include_pad"] = True
    return nnref.avg_pool2d_backward(dy, x, kernel_size=kernel_size, **options)


def max_pool2d_windows_overwrite(dy, x, **options):
    (dx,) = nnref.max_pool2d_backward(dy, x, **options)
    (count,) = nnref.max_pool2d_backward(dy * 0 + 1, x, **options)
    return (np.where(count > 1, dx / np.maximum(count, 1), dx),)


def max_pool2d_minimum(dy, x, **options):
    return nnref.max_pool2d_backward(dy, -x, **options)


def global_avg_pool2d_sum(dy, x):
    return (nnref.global_avg_pool2d_backward(dy, x)[0] * (x.shape[2] * x.shape[3]),)


def sigmoid_first_power(dy, x):
    return (dy * nnref.sigmoid(x),)


def tanh_of_half_the_argument(dy, x):
    return nnref.tanh_backward(dy, x / 2)


def tanh_slope_off_by_a_part_in_a_million(dy, x):
    return (nnref.tanh_backward(dy, x)[0] + dy * expm1(x * 0 + x / x / 10**6),)


def relu_on_the_wrong_side(dy, x):
    return nnref.relu_backward(dy, -x)


def relu_leaks(dy, x):
    return (nnref.relu_backward(dy, x)[0] + dy / 100,)


def linear_dweight_uses_dy_reversed(dy, x, weight, bias=None):
    dx, _, dbias = nnref.linear_backward(dy, x, weight, bias)
    return dx, dy[:, ::-1].T @ x, dbias


def linear_forgets_the_bias(dy, x, weight, bias=None):
    dx, dweight, _ = nnref.linear_backward(dy, x, weight, bias)
    return dx, dweight, None


def flatten_channels_innermost(dy, x):
    n, c, height, width = x.shape
    return (dy.reshape(n, height, width, c).transpose(0, 3, 1, 2),)


def zero_pad2d_top_and_bottom_swapped(dy, x, *, padding):
    (top, bottom), columns = padding
    return nnref.zero_pad2d_backward(dy, x, padding=((bottom, top), columns))


def softmax_cross_entropy_without_the_target(dy, x, *, target, reduction):
    (dx,) = nnref.softmax_cross_entropy_backward(dy, x, target=target, reduction=reduction)
    share = dy if reduction == "sum" else dy / len(x)
    dx[np.arange(len(x)), target] += share
    return (dx,)


def softmax_cross_entropy_mean_forgotten(dy, x, *, target, reduction):
    return nnref.softmax_cross_entropy_backward(dy, x, target=target, reduction="sum")


UNSHRUNK = settings(max_examples=200, phases=[Phase.generate])
BUGS = [value for value in list(globals().values()) if getattr(value, "__module__", None) == __name__]


def layer_of(bug):
    """The layer whose name is the longest that begins the name of the bug."""
    return max((name for name in BY_NAME if bug.__name__.startswith(name)), key=len)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_seeded_bug_is_found(bug):
    row = BY_NAME[layer_of(bug)]
    find(row.cases, lambda case: disproof(row, case, bug) is not None, settings=UNSHRUNK)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_doubled_gradient_is_found(row):
    """Of every layer: whatever else its backward may do wrong, the proofs look at its result."""

    def doubled(*arrays, **options):
        dx, *others = row.backward(*arrays, **options)
        return 2 * dx, *others

    find(row.cases, lambda case: disproof(row, case, doubled) is not None, settings=UNSHRUNK)
