"""Batch norms, and their folds."""

import numpy as np

from ..bugs.algorithms import in_threes, one_by_one, pairwise
from .registry import c, in_double, style

AXES = (0, 2, 3)


def inverse_root(var, eps):
    return 1 / np.sqrt(var + var.dtype.type(eps))


@style("batch_norm2d", dtypes=("float32", "float16", "float64"))
def centred(x, gamma, beta, mean, var, *, eps):
    return (x - c(mean)) * c(inverse_root(var, eps)) * c(gamma) + c(beta)


def scale_and_shift(x, gamma, beta, mean, var, *, eps):
    scale = gamma * inverse_root(var, eps)
    return x * c(scale) + c(beta - mean * scale)


style("batch_norm2d")(scale_and_shift)
style("batch_norm2d")(in_double(scale_and_shift))


@style("batch_norm2d")
def divided_by_the_root(x, gamma, beta, mean, var, *, eps):
    return c(gamma) * ((x - c(mean)) / c(np.sqrt(var + np.float32(eps)))) + c(beta)


@style("batch_norm2d", square_root="approximate")
def power_of_minus_a_half(x, gamma, beta, mean, var, *, eps):
    root = (var + np.float32(eps)) ** np.float32(-0.5)
    refined = root * (np.float32(1.5) - np.float32(0.5) * (var + np.float32(eps)) * root * root)  # Newton's step
    return (x - c(mean)) * c(gamma * refined) + c(beta)


@style("batch_norm2d")
def one_by_one_convolution(x, gamma, beta, mean, var, *, eps):
    scale = gamma / np.sqrt(var + np.float32(eps))
    return np.einsum("nchw,c->nchw", x, scale) + c(beta - mean * scale)


@style("batch_norm2d")
def channels_last(x, gamma, beta, mean, var, *, eps):
    y = (x.transpose(0, 2, 3, 1) - mean) * (gamma * inverse_root(var, eps)) + beta
    return np.ascontiguousarray(y.transpose(0, 3, 1, 2))


@style("batch_norm2d_backward", dtypes=("float32", "float16"))
def centred_gradients(dy, x, gamma, beta, mean, var, *, eps):
    r = inverse_root(var, eps)
    distance = x - c(mean)
    dgamma, dbeta = (dy * distance * c(r)).sum(AXES), dy.sum(AXES)
    dvar = -(dy * distance).sum(AXES) * gamma * r**3 / 2
    return dy * c(gamma * r), dgamma, dbeta, -gamma * r * dbeta, dvar


@style("batch_norm2d_backward")
def gradients_of_two_sums(dy, x, gamma, beta, mean, var, *, eps):
    """Σ dy and Σ dy·x."""
    r, d, t = inverse_root(var, eps), dy.sum(AXES), (dy * x).sum(AXES)
    t = t - mean * d
    return dy * c(gamma * r), t * r, d, -gamma * r * d, -gamma * t * r * r * r / 2


@style("batch_norm2d_backward")
def gradients_by_einsum(dy, x, gamma, beta, mean, var, *, eps):
    r = inverse_root(var, eps)
    d, t = np.einsum("nchw->c", dy), np.einsum("nchw,nchw->c", dy, x - c(mean))
    return np.einsum("nchw,c->nchw", dy, gamma * r), t * r, d, -gamma * r * d, -gamma * t * r**3 / 2


@style("batch_norm2d_backward")
def gradients_through_x_hat(dy, x, gamma, beta, mean, var, *, eps):
    """The chain rule, step by step: dx̂, then its factors."""
    r = inverse_root(var, eps)
    dx_hat = dy * c(gamma)
    dx = dx_hat * c(r)
    dr = (dx_hat * (x - c(mean))).sum(AXES)
    return dx, (dy * ((x - c(mean)) * c(r))).sum(AXES), dy.sum(AXES), -dx.sum(AXES), dr * (-r * r * r / 2)


@style("normalize2d", dtypes=("float32", "float16"))
def normalised_centred(x, gamma, beta, mean, inv_std):
    return (x - c(mean)) * c(inv_std) * c(gamma) + c(beta)


@style("normalize2d")
def normalised_by_scale_and_shift(x, gamma, beta, mean, inv_std):
    return x * c(gamma * inv_std) + c(beta - mean * (gamma * inv_std))


@style("normalize2d_backward")
def normalised_gradients(dy, x, gamma, beta, mean, inv_std):
    d, t = dy.sum(AXES), (dy * (x - c(mean))).sum(AXES)
    return dy * c(gamma) * c(inv_std), t * inv_std, d, -(gamma * inv_std) * d, t * gamma


# training


def moments(x):
    """Mean and biased variance in two passes."""
    n = x.dtype.type(max(1, x[:, 0].size))
    mean = x.sum(AXES) / n
    return mean, ((x - c(mean)) ** 2).sum(AXES) / n


@style("batch_norm2d_train", dtypes=("float32", "float16"))
def two_passes(x, gamma, beta, *, eps):
    mean, var = moments(x)
    return (x - c(mean)) * c(inverse_root(var, eps)) * c(gamma) + c(beta)


@style("batch_norm2d_train")
def two_passes_folded(x, gamma, beta, *, eps):
    return scale_and_shift(x, gamma, beta, *moments(x), eps=eps)


def one_pass(x, gamma, beta, *, eps):
    n = x.dtype.type(max(1, x[:, 0].size))
    mean = x.sum(AXES) / n
    var = np.maximum((x * x).sum(AXES) / n - mean * mean, 0)
    return (x - c(mean)) * c(gamma * inverse_root(var, eps)) + c(beta)


style("batch_norm2d_train", variance="one-pass")(one_pass)


@style("batch_norm2d_train")
def statistics_in_double(x, gamma, beta, *, eps):
    mean, var = (a.astype(x.dtype) for a in moments(x.astype(np.float64)))
    return (x - c(mean)) * c(gamma * inverse_root(var, eps)) + c(beta)


def of_merged_statistics(gather):
    def batch_norm2d_train(x, gamma, beta, *, eps):
        if not len(x):
            return x.copy()
        n, mean, total = gather(x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1]))
        return (x - c(mean)) * c(gamma * inverse_root(total / np.float32(n), eps)) + c(beta)

    batch_norm2d_train.__name__ = gather.__name__
    return batch_norm2d_train


for how in (one_by_one, pairwise, in_threes):
    style("batch_norm2d_train", variance="welford")(of_merged_statistics(how))


@style("batch_norm2d_train")
def variance_as_a_dot_product(x, gamma, beta, *, eps):
    flat = x.transpose(1, 0, 2, 3).reshape(x.shape[1], -1)
    n = np.float32(max(1, flat.shape[1]))
    mean = flat @ np.ones(flat.shape[1], np.float32) / n
    centred = flat - mean[:, None]
    var = np.einsum("cn,cn->c", centred, centred) / n
    return (x - c(mean)) * c(gamma / np.sqrt(var + np.float32(eps))) + c(beta)


@style("batch_norm2d_train_backward", dtypes=("float32", "float16"))
def means_and_x_hat(dy, x, gamma, beta, *, eps):
    mean, var = moments(x)
    r, n = inverse_root(var, eps), x.dtype.type(max(1, x[:, 0].size))
    x_hat = (x - c(mean)) * c(r)
    dgamma, dbeta = (dy * x_hat).sum(AXES), dy.sum(AXES)
    return c(gamma * r) * (dy - c(dbeta / n) - x_hat * c(dgamma / n)), dgamma, dbeta


@style("batch_norm2d_train_backward")
def affine_in_dy_and_x(dy, x, gamma, beta, *, eps):
    """dx = a·dy + b·x + c."""
    mean, var = moments(x)
    r, n = inverse_root(var, eps), np.float32(max(1, x[:, 0].size))
    d, t = dy.sum(AXES), (dy * x).sum(AXES)
    dgamma = (t - mean * d) * r
    a, b = gamma * r, -gamma * r * r * dgamma / n
    return c(a) * dy + c(b) * x + c(-b * mean - a * d / n), dgamma, d


@style("batch_norm2d_train_backward")
def everything_times_n(dy, x, gamma, beta, *, eps):
    mean, var = moments(x)
    r, n = inverse_root(var, eps), np.float32(max(1, x[:, 0].size))
    x_hat = (x - c(mean)) * c(r)
    dgamma, dbeta = (dy * x_hat).sum(AXES), dy.sum(AXES)
    return c(gamma * r / n) * (n * dy - c(dbeta) - x_hat * c(dgamma)), dgamma, dbeta


@style("batch_norm2d_train_backward")
def through_variance_and_mean(dy, x, gamma, beta, *, eps):
    """The chain rule of the paper (Ioffe & Szegedy), with the term of the mean of x − μ."""
    mean, var = moments(x)
    r, n = inverse_root(var, eps), np.float32(max(1, x[:, 0].size))
    distance, dx_hat = x - c(mean), dy * c(gamma)
    dvar = (dx_hat * distance).sum(AXES) * (r * r * r) / -2
    dmean = -(dx_hat * c(r)).sum(AXES) - 2 * dvar * distance.sum(AXES) / n
    dx = dx_hat * c(r) + c(dvar) * 2 * distance / n + c(dmean / n)
    return dx, (dy * distance * c(r)).sum(AXES), dy.sum(AXES)


style("batch_norm2d_train_backward")(in_double(means_and_x_hat))


# folds


def scaled(weight, scale):
    return weight * scale[:, None, None, None]


@style("fold_conv_batch_norm", dtypes=("float32", "float16"))
def bias_centred(weight, bias, gamma, beta, mean, var, *, eps):
    scale = gamma * inverse_root(var, eps)
    return scaled(weight, scale), ((0 if bias is None else bias) - mean) * scale + beta


@style("fold_conv_batch_norm")
def bias_scaled_and_shifted(weight, bias, gamma, beta, mean, var, *, eps):
    scale = gamma / np.sqrt(var + np.float32(eps))
    shift = beta - mean * scale
    return scaled(weight, scale), shift if bias is None else bias * scale + shift


style("fold_conv_batch_norm")(in_double(bias_centred))


@style("fold_conv_batch_norm")
def diagonal_matrix(weight, bias, gamma, beta, mean, var, *, eps):
    """W_bn·W for W_bn = diag(γ/√(σ² + ε)); the zeros of the diagonal are not multiplied."""
    scale = gamma * inverse_root(var, eps)
    folded = np.stack([row * s for row, s in zip(weight.reshape(len(weight), -1), scale, strict=True)])
    return folded.reshape(weight.shape), beta + ((0 if bias is None else bias) - mean) * scale


def per_output(weight, scale, groups):
    """(K, C/g, kh, kw) times the scale of its output channel, group by group."""
    by_group = weight.reshape(groups, -1, *weight.shape[1:])
    return (by_group * scale.reshape(groups, 1, -1, 1, 1)).reshape(weight.shape)


@style("fold_conv_transpose_batch_norm", dtypes=("float32", "float16"))
def groups_reshaped(weight, bias, gamma, beta, mean, var, *, eps, groups):
    scale = gamma * inverse_root(var, eps)
    return per_output(weight, scale, groups), ((0 if bias is None else bias) - mean) * scale + beta


@style("fold_conv_transpose_batch_norm")
def group_after_group(weight, bias, gamma, beta, mean, var, *, eps, groups):
    scale, k, outputs = gamma / np.sqrt(var + np.float32(eps)), len(weight) // groups, weight.shape[1]
    parts = [
        weight[g * k : g * k + k] * scale[g * outputs : g * outputs + outputs][:, None, None] for g in range(groups)
    ]
    shift = beta - mean * scale
    return np.concatenate(parts), shift if bias is None else shift + bias * scale


style("fold_conv_transpose_batch_norm")(in_double(groups_reshaped))
