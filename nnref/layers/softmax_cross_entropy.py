r"""Softmax and cross-entropy in one step: the loss of a classifier.

    L_n = log Σ_k exp(X[n,k]) − X[n,t_n],     dL_n/dX[n,k] = softmax(X)[n,k] − [k = t_n]

The largest logit of each row is subtracted first, so that exp cannot overflow. Source:
torch.nn.functional.cross_entropy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import layer_function
from ..errors import DTypeError, OptionError, expect_shape, refuse
from ..layer import Layer
from ..numeric import Array, log, sum_over

__all__ = ["SoftmaxCrossEntropy", "softmax_cross_entropy", "softmax_cross_entropy_backward"]


@layer_function
def softmax_cross_entropy(x: Array, *, target: Array, reduction: str = "mean") -> Array:
    """The mean or the sum of −log softmax(x)[target] over the batch.

    Parameters
    ----------
    x : (N, K) logits, floats or exact elements that have exp and log (Decimal, Dual over Decimal)
    target : (N,) integers in [0, K), the correct classes
    reduction : "mean" (NaN for an empty batch) or "sum"

    Returns
    -------
    0-d; dtype of x, in nats

    Raises
    ------
    ShapeError : x is not 2-D, or target is not (N,).
    DTypeError : x is not an array of floats or exact elements, or target is not an array of integers.
    OptionError : a target is not a class, or reduction is unknown.

    >>> softmax_cross_entropy(np.array([[0.0, 0.0], [1000.0, 0.0]]), target=np.array([1, 0]), reduction="sum")
    array(0.69314718)
    """
    _expect("softmax_cross_entropy", x, target, reduction)
    shifted = _shifted(x)
    losses = log(sum_over(np.exp(shifted), 1)) - shifted[np.arange(len(x)), target]
    total = sum_over(losses, 0, x)
    with np.errstate(invalid="ignore"):  # 0/0: the mean of an empty batch
        return total if reduction == "sum" else np.asarray(total / len(x), x.dtype)


@layer_function
def softmax_cross_entropy_backward(dy: Array, x: Array, *, target: Array, reduction: str = "mean") -> tuple[Array]:
    """(dx,) = (dy · (softmax(x) − one-hot target),), divided by N for a mean; dy is 0-d.

    >>> softmax_cross_entropy_backward(np.array(4.0), np.zeros((1, 2)), target=np.array([1]))
    (array([[ 2., -2.]]),)
    """
    _expect("softmax_cross_entropy_backward", x, target, reduction)
    expect_shape("softmax_cross_entropy_backward", "dy", dy, ())
    e = np.exp(_shifted(x))
    residual = e / sum_over(e, 1)[:, None]
    residual[np.arange(len(x)), target] -= 1
    return (residual * (dy if reduction == "sum" else dy / max(1, len(x))),)


def _shifted(x: Array) -> Array:
    """x minus the largest logit of its row: at most 0."""
    with np.errstate(over="ignore"):  # −∞ is the correct result for a logit so far below
        return x - x.max(axis=1, keepdims=True)


def _expect(function: str, x: Array, target: Any, reduction: str) -> None:
    expect_shape(function, "x", x, ("N", "K"))
    if not isinstance(target, np.ndarray) or target.dtype.kind not in "iu":
        got = target.dtype if isinstance(target, np.ndarray) else type(target).__name__
        refuse(DTypeError, function, "target", "an array of integers", got)
    expect_shape(function, "target", target, (len(x),))
    if target.size and not 0 <= target.min() <= target.max() < x.shape[1]:
        refuse(OptionError, function, "target", f"in [0, {x.shape[1]})", f"{target.min()} to {target.max()}")
    if reduction not in ("mean", "sum"):
        refuse(OptionError, function, "reduction", '"mean" or "sum"', repr(reduction))


class SoftmaxCrossEntropy(Layer):
    """Layer form of `softmax_cross_entropy`, called with logits and targets; its `backward` starts the chain rule.

    >>> loss = SoftmaxCrossEntropy()
    >>> loss(np.zeros((1, 2)), np.array([1])), loss.backward()
    (array(0.69314718), array([[ 0.5, -0.5]]))
    """

    forward_fn, backward_fn = staticmethod(softmax_cross_entropy), staticmethod(softmax_cross_entropy_backward)
    defaults = {"reduction": "mean"}

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)

    def forward(self, x: Array, target: Array) -> Array:  # type: ignore[override]
        """The loss, 0-d."""
        y = softmax_cross_entropy(x, target=target, **self.options)
        self._target = target
        self._remember(x)
        return y

    __call__ = forward  # type: ignore[assignment]

    def backward(self, dy: Array | None = None) -> Array:
        """The gradient with respect to the logits; dy is 1 by default."""
        x = self._seen()
        dy = np.ones((), x.dtype) if dy is None else dy
        return softmax_cross_entropy_backward(dy, x, target=self._target, **self.options)[0]
