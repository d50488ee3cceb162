r"""Fully connected layer.

    Y[n,k] = Σ_c X[n,c] · F[k,c] + b[k]

It is a 1×1 convolution of a 1×1 image. Source: torch.nn.functional.linear, whose weight has the same layout.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import layer_function
from ..errors import expect_count, expect_shape
from ..layer import Layer, initial_weight
from ..numeric import Array, sum_over, zeros

__all__ = ["Linear", "linear", "linear_backward"]


@layer_function
def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """The matrix product of x and the transposed weight, plus a bias.

    Parameters
    ----------
    x : (N, C) floats or exact elements
    weight : (K, C), dtype of x
    bias : (K,), dtype of x, or None

    Returns
    -------
    (N, K); dtype of x

    Raises
    ------
    ShapeError, DTypeError : an array has the wrong shape or dtype.

    >>> linear(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([100.0]))
    array([[111.]])
    """
    _expect("linear", x, weight, bias)
    return x @ weight.T if bias is None else x @ weight.T + bias


@layer_function
def linear_backward(dy: Array, x: Array, weight: Array, bias: Array | None = None) -> tuple[Array, Array, Array | None]:
    """Gradients of ⟨dy, linear(x, weight, bias)⟩: (dx, dweight, dbias); dy is (N, K), and dbias is None without a bias.

    >>> linear_backward(np.array([[10.0]]), np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]), np.array([100.0]))
    (array([[30., 40.]]), array([[10., 20.]]), array([10.]))
    """
    _expect("linear_backward", x, weight, bias)
    expect_shape("linear_backward", "dy", dy, (len(x), len(weight)))
    dweight = dy.T @ x if len(x) else zeros(weight.shape, weight)
    return dy @ weight, dweight, None if bias is None else sum_over(dy, 0, bias)


def _expect(function: str, x: Array, weight: Array, bias: Array | None) -> None:
    expect_shape(function, "x", x, ("N", "C"))
    expect_shape(function, "weight", weight, ("K", x.shape[1]))
    if bias is not None:
        expect_shape(function, "bias", bias, (len(weight),))


class Linear(Layer):
    """Layer form of `linear`, with torch's parameters, initial values and state names.

    Parameters
    ----------
    in_features, out_features : int, C and K
    bias, dtype, rng : as in `Conv2d`

    >>> Linear(3, 2)(np.zeros((5, 3), np.float32)).shape
    (5, 2)
    """

    forward_fn, backward_fn = staticmethod(linear), staticmethod(linear_backward)
    parameter_names, optional_names = ("weight", "bias"), ("bias",)

    def __init__(
        self, in_features: int, out_features: int, *, bias: bool = True, dtype: Any = np.float32, rng: Any = None
    ) -> None:
        inputs = expect_count("Linear", "in_features", in_features)
        outputs = expect_count("Linear", "out_features", out_features)
        super().__init__(initial_weight("Linear", (outputs, inputs), bias, dtype, rng))
