"""Batch norm, with given and with batch statistics."""

import numpy as np

import nnref

from .registry import bug


@bug("batch_norm2d", hint="eps were added to the root")
def eps_outside_the_root(right, x, gamma, beta, mean, var, *, eps):
    return (x - mean[:, None, None]) / (np.sqrt(var) + np.float32(eps))[:, None, None] * gamma[:, None, None] + beta[
        :, None, None
    ]


@bug("batch_norm2d", hint="eps were 1e-6")
def eps_of_1e_minus_6(right, x, gamma, beta, mean, var, *, eps):
    return right(x, gamma, beta, mean, var, eps=1e-6 if eps == 1e-5 else eps)


@bug("batch_norm2d", hint="eps were missing")
def eps_missing(right, x, gamma, beta, mean, var, *, eps):
    with np.errstate(all="ignore"):
        return right(x, gamma, beta, mean, var, eps=0)


@bug("batch_norm2d", hint="variance were taken for the standard deviation")
def variance_taken_for_deviation(right, x, gamma, beta, mean, var, *, eps):
    return right(x, gamma, beta, mean, var * var, eps=eps)


@bug("batch_norm2d", hint="gamma were ignored")
def gamma_ignored(right, x, gamma, beta, mean, var, *, eps):
    return right(x, np.ones_like(gamma), beta, mean, var, eps=eps)


@bug("batch_norm2d")
def beta_added_before_scaling(right, x, gamma, beta, mean, var, *, eps):
    return right(x + beta[:, None, None], gamma, np.zeros_like(beta), mean, var, eps=eps)


@bug("batch_norm2d")
def folded_in_float16(right, x, gamma, beta, mean, var, *, eps):
    with np.errstate(all="ignore"):
        scale = (gamma / np.sqrt(var + np.float32(eps))).astype(np.float16).astype(np.float32)
        return (x - mean[:, None, None]) * scale[:, None, None] + beta[:, None, None]


@bug("batch_norm2d_backward")
def dgamma_not_centred(right, dy, x, gamma, beta, mean, var, *, eps):
    dx, _, *rest = right(dy, x, gamma, beta, mean, var, eps=eps)
    return dx, right(dy, x, gamma, beta, np.zeros_like(mean), var, eps=eps)[1], *rest


@bug("batch_norm2d_backward", hint="sign of dvar were flipped")
def dvar_of_the_wrong_sign(right, dy, x, gamma, beta, mean, var, *, eps):
    *rest, dvar = right(dy, x, gamma, beta, mean, var, eps=eps)
    return *rest, -dvar


@bug("batch_norm2d_train", hint="variance were unbiased")
def unbiased_variance(right, x, gamma, beta, *, eps):
    mean, var = nnref.batch_statistics(x)
    n = x.shape[0] * x.shape[2] * x.shape[3]
    return nnref.batch_norm2d(x, gamma, beta, mean, var * np.float32(n / max(1, n - 1)), eps=eps)


@bug("batch_norm2d_train", hint="variance were mean(x²) − mean(x)²", right_if={"variance": "one-pass"})
def one_pass_variance(right, x, gamma, beta, *, eps):
    """google/flax#1491, tensorflow/tensorflow#25115, tenstorrent/tt-metal#45968."""
    n = np.float32(max(1, x.shape[0] * x.shape[2] * x.shape[3]))
    mean, square = x.sum((0, 2, 3)) / n, (x * x).sum((0, 2, 3)) / n
    return nnref.batch_norm2d(x, gamma, beta, mean, np.maximum(square - mean * mean, 0), eps=eps)


@bug("batch_norm2d_train")
def statistics_of_each_sample(right, x, gamma, beta, *, eps):
    return np.concatenate([right(x[n : n + 1], gamma, beta, eps=eps) for n in range(len(x))] or [x.copy()])


@bug("batch_norm2d_train_backward")
def mean_of_dy_missing(right, dy, x, gamma, beta, *, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps=eps)
    n = np.float32(max(1, x.shape[0] * x.shape[2] * x.shape[3]))
    r = 1 / np.sqrt(nnref.batch_statistics(x)[1] + np.float32(eps))
    return dx + (gamma * r * dbeta / n)[:, None, None], dgamma, dbeta


@bug("batch_norm2d_train_backward")
def statistics_taken_for_constants(right, dy, x, gamma, beta, *, eps):
    _, dgamma, dbeta = right(dy, x, gamma, beta, eps=eps)
    return nnref.batch_norm2d_backward(dy, x, gamma, beta, *nnref.batch_statistics(x), eps=eps)[0], dgamma, dbeta


@bug("batch_norm2d_train_backward")
def dgamma_of_the_centred_image(right, dy, x, gamma, beta, *, eps):
    dx, dgamma, dbeta = right(dy, x, gamma, beta, eps=eps)
    return dx, dgamma * np.sqrt(nnref.batch_statistics(x)[1] + np.float32(eps)), dbeta


@bug("normalize2d")
def scale_on_the_shift(right, x, gamma, beta, mean, inv_std):
    return right(x, gamma, beta * gamma, mean, inv_std)
