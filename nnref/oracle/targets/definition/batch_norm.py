r"""Batch normalisation, channel by channel, after Ioffe and Szegedy (2015), arXiv:1502.03167.

    y = gamma * xhat + beta,    xhat = (x - mu) / sqrt(sigma2 + eps)

In training mu = (1/m) sum x and sigma2 = (1/m) sum (x - mu)^2 over the m = N*H*W pixels of a
channel, and the gradient follows the chain rule of the paper, one partial derivative after the other:

    dxhat   = dy * gamma
    dsigma2 = sum dxhat * (x - mu) * (-1/2) (sigma2 + eps)^(-3/2)
    dmu     = sum dxhat * (-1) / sqrt(sigma2 + eps)  +  dsigma2 * (1/m) sum -2 (x - mu)
    dx      = dxhat / sqrt(sigma2 + eps)  +  dsigma2 * 2 (x - mu) / m  +  dmu / m

The last sum in dmu is 0 apart from rounding. It stays, because the chain rule has it.
"""

from __future__ import annotations

from itertools import product
from typing import Any

from numpy.typing import NDArray

from .elements import constant, divide, over_elements, sqrt, zero, zeros

Array = NDArray[Any]
Gradients = tuple[Array, Array, Array, Array, Array]
Position = tuple[int, int, int, int]


def _pixels(x: Array, c: int) -> list[Position]:
    """Every position (n, c, i, j) of channel c."""
    batch, _, height, width = x.shape
    return [(n, c, i, j) for n, i, j in product(range(batch), range(height), range(width))]


def _std(var: Any, eps: Any) -> Any:
    """sqrt(sigma2 + eps)"""
    return sqrt(var + constant(var, eps))


def _moments(x: Array, pixels: list[Position]) -> tuple[Any, Any]:
    """mu and the biased sigma2 of these pixels, in two passes."""
    m = constant(x[pixels[0]], len(pixels))
    total = zero(x)
    for at in pixels:
        total += x[at]
    mu = total / m
    total = zero(x)
    for at in pixels:
        total += (x[at] - mu) * (x[at] - mu)
    return mu, total / m


@over_elements
def batch_norm2d(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, *, eps: Any) -> Array:
    """y = gamma * (x - mean) / sqrt(var + eps) + beta, with given statistics."""
    y = zeros(x.shape, x)
    for c in range(x.shape[1]):
        std = _std(var[c], eps)
        for at in _pixels(x, c):
            y[at] = gamma[c] * divide(x[at] - mean[c], std) + beta[c]
    return y


@over_elements
def batch_norm2d_backward(
    dy: Array, x: Array, gamma: Array, beta: Array, mean: Array, var: Array, *, eps: Any
) -> Gradients:
    """(dx, dgamma, dbeta, dmean, dvar); the statistics are inputs like any other.

    dx = dxhat / std, dgamma = sum dy*xhat, dbeta = sum dy, dmean = -sum dxhat / std,
    dvar = -sum dxhat * (x - mean) / (2 * std * (var + eps)), with dxhat = dy * gamma.
    """
    dx = zeros(x.shape, x)
    dgamma, dbeta, dmean, dvar = (zeros(gamma.shape, gamma) for _ in range(4))
    for c in range(x.shape[1]):
        std = _std(var[c], eps)
        twice_std3 = constant(std, 2) * std * (var[c] + constant(var[c], eps))
        for at in _pixels(x, c):
            centred, dxhat = x[at] - mean[c], dy[at] * gamma[c]
            dx[at] = divide(dxhat, std)
            dgamma[c] += dy[at] * divide(centred, std)
            dbeta[c] += dy[at]
            dmean[c] -= divide(dxhat, std)
            dvar[c] -= divide(dxhat * centred, twice_std3)
    return dx, dgamma, dbeta, dmean, dvar


@over_elements
def batch_norm2d_train(x: Array, gamma: Array, beta: Array, *, eps: Any) -> Array:
    """y = gamma * (x - mu) / sqrt(sigma2 + eps) + beta, with the mean and biased variance of x."""
    y = zeros(x.shape, x)
    for c in range(x.shape[1]):
        pixels = _pixels(x, c)
        if not pixels:
            continue
        mu, sigma2 = _moments(x, pixels)
        std = _std(sigma2, eps)
        for at in pixels:
            y[at] = gamma[c] * divide(x[at] - mu, std) + beta[c]
    return y


@over_elements
def batch_norm2d_train_backward(
    dy: Array, x: Array, gamma: Array, beta: Array, *, eps: Any
) -> tuple[Array, Array, Array]:
    """(dx, dgamma, dbeta) by the chain rule through mu and sigma2, with the formulas at the top."""
    dx = zeros(x.shape, x)
    dgamma, dbeta = zeros(gamma.shape, gamma), zeros(gamma.shape, gamma)
    for c in range(x.shape[1]):
        pixels = _pixels(x, c)
        if not pixels:
            continue
        mu, sigma2 = _moments(x, pixels)
        std, two, m = _std(sigma2, eps), constant(mu, 2), constant(mu, len(pixels))
        twice_std3 = two * std * (sigma2 + constant(sigma2, eps))

        dsigma2, dmu, centred_sum = zero(x), zero(x), zero(x)
        for at in pixels:
            centred, dxhat = x[at] - mu, dy[at] * gamma[c]
            dgamma[c] += dy[at] * divide(centred, std)
            dbeta[c] += dy[at]
            dsigma2 -= divide(dxhat * centred, twice_std3)
            dmu -= divide(dxhat, std)
            centred_sum += centred
        dmu -= dsigma2 * two * centred_sum / m

        for at in pixels:
            dxhat = dy[at] * gamma[c]
            dx[at] = divide(dxhat, std) + dsigma2 * two * (x[at] - mu) / m + dmu / m
    return dx, dgamma, dbeta


@over_elements
def normalize2d(x: Array, gamma: Array, beta: Array, mean: Array, inv_std: Array) -> Array:
    """y = gamma * (x - mean) * inv_std + beta"""
    y = zeros(x.shape, x)
    for c in range(x.shape[1]):
        for at in _pixels(x, c):
            y[at] = gamma[c] * ((x[at] - mean[c]) * inv_std[c]) + beta[c]
    return y


@over_elements
def normalize2d_backward(dy: Array, x: Array, gamma: Array, beta: Array, mean: Array, inv_std: Array) -> Gradients:
    """(dx, dgamma, dbeta, dmean, dinv_std), with dxhat = dy * gamma.

    dx = dxhat * inv_std, dgamma = sum dy * (x - mean) * inv_std, dbeta = sum dy,
    dmean = -sum dxhat * inv_std, dinv_std = sum dxhat * (x - mean).
    """
    dx = zeros(x.shape, x)
    dgamma, dbeta, dmean, dinv_std = (zeros(gamma.shape, gamma) for _ in range(4))
    for c in range(x.shape[1]):
        for at in _pixels(x, c):
            centred, dxhat = x[at] - mean[c], dy[at] * gamma[c]
            dx[at] = dxhat * inv_std[c]
            dgamma[c] += dy[at] * (centred * inv_std[c])
            dbeta[c] += dy[at]
            dmean[c] -= dxhat * inv_std[c]
            dinv_std[c] += dxhat * centred
    return dx, dgamma, dbeta, dmean, dinv_std
