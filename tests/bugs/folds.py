"""Folding a batch norm into a convolution."""

import numpy as np

from .registry import bug


@bug("fold_conv_batch_norm", hint="bias were not scaled")
def bias_not_scaled(right, weight, bias, gamma, beta, mean, var, *, eps):
    """Tencent/ncnn#1339."""
    folded, shift = right(weight, None, gamma, beta, mean, var, eps=eps)
    return folded, shift if bias is None else shift + bias


@bug("fold_conv_batch_norm")
def absent_bias_loses_the_mean(right, weight, bias, gamma, beta, mean, var, *, eps):
    """tenstorrent/tt-metal#5317."""
    folded, shift = right(weight, bias, gamma, beta, mean, var, eps=eps)
    return folded, beta.copy() if bias is None else shift


@bug("fold_conv_batch_norm", hint="eps were 1e-3")
def eps_of_another_framework(right, weight, bias, gamma, beta, mean, var, *, eps):
    return right(weight, bias, gamma, beta, mean, var, eps=1e-3)


@bug("fold_conv_transpose_batch_norm")
def scale_on_the_first_axis(right, weight, bias, gamma, beta, mean, var, *, eps, groups):
    """ultralytics/ultralytics#25364."""
    _, shift = right(weight, bias, gamma, beta, mean, var, eps=eps, groups=groups)
    k = len(weight)
    scale = (gamma / np.sqrt(var + np.float32(eps)))[np.arange(k) % len(gamma)]
    return weight * scale[:, None, None, None], shift


@bug("fold_conv_transpose_batch_norm")
def groups_forgotten(right, weight, bias, gamma, beta, mean, var, *, eps, groups):
    """pytorch/pytorch#180995."""
    _, shift = right(weight, bias, gamma, beta, mean, var, eps=eps, groups=groups)
    scale = (gamma / np.sqrt(var + np.float32(eps)))[: weight.shape[1]]
    return weight * scale[None, :, None, None], shift
