r"""Batch normalisation, NCHW, per channel.

    Z = γ · (X − μ) / √(σ² + ε) + β  =  G·X + g,     G = γ/√(σ² + ε),   g = β − γμ/√(σ² + ε)

In inference μ and σ² are given, and Z is affine in X: a 1×1 depthwise convolution. In training they are the statistics
of the batch, μ = mean(X) and σ² = mean((X − μ)²), and Z is not affine. With x̂ = (X − μ)·r and r = 1/√(σ² + ε), the
gradient in training is

    dX = γ·r · (dY − mean(dY) − x̂ · mean(dY·x̂))

Source: the lecture, "Batch normalisation as a linear operation"; Ioffe & Szegedy (arXiv:1502.03167). The variance is
computed in two passes because the one-pass form mean(X²) − μ² cancels: where the mean is large, it can be negative.
"""

from __future__ import annotations

import math
import numbers
from decimal import Decimal
from typing import Any

import numpy as np

from ..dtypes import floating_dtype, layer_function
from ..errors import DTypeError, OptionError, ShapeError, channels_last, expect_count, expect_shape, refuse
from ..layer import Layer
from ..numeric import Array, constant, sum_over

__all__ = [
    "BatchNorm2d",
    "batch_norm2d",
    "batch_norm2d_backward",
    "batch_norm2d_train",
    "batch_norm2d_train_backward",
    "batch_statistics",
    "normalize2d",
    "normalize2d_backward",
]

PER_SAMPLE_AND_PIXEL = (0, 2, 3)


@layer_function
def normalize2d(x: Array, gamma: Array, beta: Array, mean: Array, inv_std: Array) -> Array:
    """(x − mean) · (gamma · inv_std) + beta per channel: a batch norm without its square root.

    Parameters
    ----------
    x : (N, C, H, W) floats or exact elements
    gamma, beta, mean, inv_std : (C,), dtype of x

    Returns
    -------
    (N, C, H, W); dtype of x

    Raises
    ------
    ShapeError, DTypeError : an array has the wrong shape or dtype.

    >>> one = np.ones(1)
    >>> normalize2d(np.array([[[[4.0, 6.0]]]]), 3 * one, one, 5 * one, 2 * one)
    array([[[[-5.,  7.]]]])
    """
    _expect("normalize2d", x, gamma=gamma, beta=beta, mean=mean, inv_std=inv_std)
    y = x - _c(mean)
    y *= _c(gamma * inv_std)
    y += _c(beta)
    return y


@layer_function
def normalize2d_backward(
    dy: Array, x: Array, gamma: Array, beta: Array, mean: Array, inv_std: Array
) -> tuple[Array, Array, Array, Array, Array]:
    """Gradients of ⟨dy, normalize2d(…)⟩: (dx, dgamma, dbeta, dmean, dinv_std); dy has the shape of x.

    >>> one = np.ones(1)
    >>> x, dy = np.array([[[[4.0, 6.0]]]]), np.array([[[[1.0, 10.0]]]])
    >>> normalize2d_backward(dy, x, 3 * one, one, 5 * one, 2 * one)
    (array([[[[ 6., 60.]]]]), array([18.]), array([11.]), array([-66.]), array([27.]))
    """
    _expect("normalize2d_backward", x, dy=dy, gamma=gamma, beta=beta, mean=mean, inv_std=inv_std)
    scale = gamma * inv_std
    dbeta = sum_over(dy, PER_SAMPLE_AND_PIXEL, gamma)
    centred = sum_over(dy * (x - _c(mean)), PER_SAMPLE_AND_PIXEL, gamma)
    return dy * _c(scale), centred * inv_std, dbeta, -scale * dbeta, centred * gamma


@layer_function
def batch_norm2d(x: Array, gamma: Array, beta: Array, mean: Array, var: Array, *, eps: Any = 1e-5) -> Array:
    """Batch normalisation with given statistics, as in inference.

    Parameters
    ----------
    x : (N, C, H, W) floats or exact elements
    gamma, beta, mean, var : (C,), dtype of x; var is the variance, not its root
    eps : number, at least 0, added to var under the root; rounded to the dtype of x

    Returns
    -------
    (N, C, H, W); dtype of x

    Raises
    ------
    ShapeError, DTypeError : an array has the wrong shape or dtype.
    OptionError : eps is not a finite number of at least 0.

    >>> gamma, beta, mean, var = np.array([[2.0], [1.0], [5.0], [0.2]])
    >>> batch_norm2d(np.array([[[[4.0, 6.0]]]]), gamma, beta, mean, var, eps=0.05)
    array([[[[-3.,  5.]]]])
    """
    _expect("batch_norm2d", x, eps, gamma=gamma, beta=beta, mean=mean, var=var)
    return normalize2d(x, gamma, beta, mean, _inv_std(var, eps))


@layer_function
def batch_norm2d_backward(
    dy: Array, x: Array, gamma: Array, beta: Array, mean: Array, var: Array, *, eps: Any = 1e-5
) -> tuple[Array, Array, Array, Array, Array]:
    """Gradients of ⟨dy, batch_norm2d(…)⟩: (dx, dgamma, dbeta, dmean, dvar); dy has the shape of x.

    >>> gamma, beta, mean, var = np.array([[2.0], [1.0], [5.0], [0.25]])
    >>> x, dy = np.array([[[[4.0, 6.0]]]]), np.array([[[[1.0, 10.0]]]])
    >>> batch_norm2d_backward(dy, x, gamma, beta, mean, var, eps=0)
    (array([[[[ 4., 40.]]]]), array([18.]), array([11.]), array([-44.]), array([-72.]))
    """
    _expect("batch_norm2d_backward", x, eps, dy=dy, gamma=gamma, beta=beta, mean=mean, var=var)
    r = _inv_std(var, eps)
    dx, dgamma, dbeta, dmean, dr = normalize2d_backward(dy, x, gamma, beta, mean, r)
    return dx, dgamma, dbeta, dmean, -dr * r * r * r / 2  # dr/dvar = −r³/2


@layer_function
def batch_norm2d_train(x: Array, gamma: Array, beta: Array, *, eps: Any = 1e-5) -> Array:
    """Batch normalisation with the statistics of the batch (biased variance), as in training.

    Parameters
    ----------
    x : (N, C, H, W) floats or exact elements
    gamma, beta : (C,), dtype of x
    eps : number, at least 0, added to the variance under the root; rounded to the dtype of x

    Returns
    -------
    (N, C, H, W); dtype of x

    Raises
    ------
    ShapeError, DTypeError, OptionError : as in `batch_norm2d`.

    >>> x, gamma, beta = np.array([[[[1.0, 3.0]]]]), np.array([2.0]), np.array([10.0])
    >>> batch_norm2d_train(x, gamma, beta, eps=3)
    array([[[[ 9., 11.]]]])
    """
    _expect("batch_norm2d_train", x, eps, gamma=gamma, beta=beta)
    return batch_norm2d(x, gamma, beta, *_statistics(x, gamma), eps=eps)


@layer_function
def batch_norm2d_train_backward(
    dy: Array, x: Array, gamma: Array, beta: Array, *, eps: Any = 1e-5
) -> tuple[Array, Array, Array]:
    """Gradients of ⟨dy, batch_norm2d_train(…)⟩, also through the statistics: (dx, dgamma, dbeta).

    dx is orthogonal to constants, and at eps = 0 also to x̂. A constant dy gives dx = 0, so it tests nothing.

    >>> x, gamma, beta = np.array([[[[1.0, 3.0]]]]), np.array([2.0]), np.array([10.0])
    >>> dx, dgamma, dbeta = batch_norm2d_train_backward(np.array([[[[4.0, 0.0]]]]), x, gamma, beta, eps=3)
    >>> dx, dgamma, dbeta
    (array([[[[ 1.5, -1.5]]]]), array([-2.]), array([4.]))
    """
    _expect("batch_norm2d_train_backward", x, eps, dy=dy, gamma=gamma, beta=beta)
    mean, var = _statistics(x, gamma)
    r = _inv_std(var, eps)
    x_hat = (x - _c(mean)) * _c(r)
    dbeta = sum_over(dy, PER_SAMPLE_AND_PIXEL, gamma)
    dgamma = sum_over(dy * x_hat, PER_SAMPLE_AND_PIXEL, gamma)
    dx = _c(gamma * r) * (dy - _c(dbeta / _count(x)) - x_hat * _c(dgamma / _count(x)))
    return dx, dgamma, dbeta


@layer_function
def batch_statistics(x: Array) -> tuple[Array, Array]:
    """Mean and biased variance of every channel over samples and pixels: ((C,), (C,)).

    >>> batch_statistics(np.array([[[[1.0, 3.0]]]]))
    (array([2.]), array([1.]))
    """
    expect_shape("batch_statistics", "x", x, ("N", "C", "H", "W"))
    return _statistics(x, x)


def _statistics(x: Array, like: Array) -> tuple[Array, Array]:
    mean = sum_over(x, PER_SAMPLE_AND_PIXEL, like) / _count(x)
    centred = x - _c(mean)
    return mean, sum_over(centred * centred, PER_SAMPLE_AND_PIXEL, like) / _count(x)


@layer_function
def _moved(x: Array, mean: Array, var: Array, *, momentum: Any) -> tuple[Array, Array]:
    """The running statistics after a batch."""
    step, (batch_mean, batch_var) = constant(momentum, x), _statistics(x, x)
    unbiased = batch_var + batch_var / (_count(x) - 1)
    return mean * (1 - step) + batch_mean * step, var * (1 - step) + unbiased * step


def _count(x: Array) -> int:
    """Values per channel; 1 for an empty batch, whose sums are 0."""
    return max(1, x.shape[0] * x.shape[2] * x.shape[3])


def _inv_std(var: Array, eps: Any) -> Array:
    try:
        return 1 / np.sqrt(var + constant(eps, var))
    except TypeError:
        got = f"{type(var.flat[0]).__name__}; normalize2d takes 1/√(var + eps) in place of var and eps"
        refuse(DTypeError, "batch_norm2d", "var", "of elements that have a square root", got)


def _c(per_channel: Array) -> Array:
    """(C,) -> (C,1,1)."""
    return per_channel[:, None, None]


def _expect(function: str, x: Array, eps: Any = 0, **arrays: Array) -> None:
    expect_shape(function, "x", x, ("N", "C", "H", "W"))
    for name, array in arrays.items():
        guess = channels_last(x, array.size) if array.ndim == 1 else ""
        expect_shape(function, name, array, x.shape if name == "dy" else (x.shape[1],), guess)
    _expect_number(function, "eps", eps, math.inf)


def _expect_number(function: str, argument: str, value: Any, most: float) -> None:
    number = isinstance(value, numbers.Real | Decimal) and not isinstance(value, bool)
    nan = isinstance(value, Decimal) and value.is_nan()  # comparing it would raise
    if not number or nan or not 0 <= value <= most or value == math.inf:
        within = "a finite number, at least 0" if most == math.inf else f"a number in [0, {most}]"
        refuse(OptionError, function, argument, within, repr(value))


class BatchNorm2d(Layer):
    """Batch normalisation as a layer: statistics of the batch in training, running statistics in evaluation.

    A forward pass in training moves the running statistics by `momentum` towards those of the batch. The running
    variance is unbiased, as in torch, although the layer normalises by the biased one.

    Parameters
    ----------
    num_features : int, C
    eps : number, at least 0, added to the variance under the root
    momentum : number in [0, 1], the weight of the new batch in the running statistics
    dtype : of parameters and buffers

    Raises
    ------
    ShapeError : in training, if a channel has only one value and therefore no unbiased variance.

    >>> layer = BatchNorm2d(1)
    >>> y = layer(np.array([[[[1.0, 3.0]]]], np.float32))
    >>> layer.buffers["running_mean"], layer.buffers["running_var"]
    (array([0.2], dtype=float32), array([1.1], dtype=float32))
    """

    parameter_names = ("weight", "bias")
    buffer_names = ("running_mean", "running_var", "num_batches_tracked")
    optional_names = ("num_batches_tracked",)
    defaults = {"eps": 1e-5, "momentum": 0.1}

    def __init__(self, num_features: int, eps: Any = 1e-5, momentum: Any = 0.1, *, dtype: Any = np.float32) -> None:
        num_features = expect_count("BatchNorm2d", "num_features", num_features)
        dtype = floating_dtype("BatchNorm2d", dtype)
        ones, none = np.ones(num_features, dtype), np.zeros(num_features, dtype)
        buffers = {"running_mean": none.copy(), "running_var": ones.copy(), "num_batches_tracked": np.array(0)}
        super().__init__({"weight": ones, "bias": none}, buffers, eps=eps, momentum=momentum)

    def forward_fn(self, x: Array, gamma: Array, beta: Array, *, eps: Any, momentum: Any) -> Array:
        """Normalise by the statistics of the mode; the running statistics stay as they are."""
        if not self.training:
            return batch_norm2d(x, gamma, beta, *self._running(), eps=eps)
        _expect_number("BatchNorm2d", "momentum", momentum, 1)
        y = batch_norm2d_train(x, gamma, beta, eps=eps)
        if len(x) and _count(x) == 1:
            refuse(ShapeError, "BatchNorm2d", "x", "more than one value per channel in training", f"shape {x.shape}")
        return y

    def backward_fn(
        self, dy: Array, x: Array, gamma: Array, beta: Array, *, eps: Any, momentum: Any
    ) -> tuple[Array, ...]:
        """The gradients in the mode of the last `forward`: in training also through the statistics."""
        if self.recorded_training:
            return batch_norm2d_train_backward(dy, x, gamma, beta, eps=eps)
        return batch_norm2d_backward(dy, x, gamma, beta, *self._running(), eps=eps)[:3]

    def _running(self) -> tuple[Array, Array]:
        return self.buffers["running_mean"], self.buffers["running_var"]

    def _remember(self, x: Array) -> None:
        """In training also move the running statistics, unless the batch is empty."""
        if self.training and len(x):
            self._move_running_statistics(x, self.options["momentum"])
        super()._remember(x)

    def _move_running_statistics(self, x: Array, momentum: Any) -> None:
        moved = _moved(x, *self._running(), momentum=momentum)
        self.buffers["running_mean"], self.buffers["running_var"] = moved
        self.buffers["num_batches_tracked"] = np.asarray(self.buffers.get("num_batches_tracked", 0) + 1)
