"""Is a layer affine? Its matrix and offset, exactly, or a counterexample.

The layer runs over polynomials, a variable in every pixel: if all outputs have degree 1 at most, their coefficients
are the matrix. If it cannot, because it compares, divides or takes roots of pixels, two images are looked for whose
midpoint it does not map to the midpoint of their outputs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arithmetic import Polynomial, decimal, fifty_digits, rational, rationals, variables
from ..errors import OptionError
from ..layer import Layer, Sequential, Sum
from ..layers.batch_norm2d import BatchNorm2d
from ..numeric import Array, constant
from .claim import Claim, Refutation, Sides
from .given import Given, variances
from .methods import Digits
from .proving import refutation
from .witness import find_witness

__all__ = ["AffineMap", "as_matrix", "in_arithmetic", "is_affine"]


@dataclass(frozen=True, eq=False)
class AffineMap:
    """``y = matrix @ x + offset`` on flattened arrays.

    Attributes
    ----------
    matrix : (outputs, inputs) of Rational
    offset : (outputs,) of Rational
    input_shape, output_shape : of the arrays before they are flattened
    """

    matrix: Array
    offset: Array
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    def __call__(self, x: Array) -> Array:
        """Apply the map to exact elements of `input_shape`."""
        return np.asarray(self.matrix @ x.reshape(-1) + self.offset).reshape(self.output_shape)


def is_affine(layer: Layer, shape: tuple[int, ...]) -> AffineMap | Refutation:
    """The affine map that a layer is on inputs of this shape, or a counterexample.

    Parameters
    ----------
    layer : Layer, whose parameters count by their exact values; 1/√(σ² + ε) of a batch norm in evaluation counts as
        the dtype of its parameters rounds it
    shape : of the input, with the batch

    Raises
    ------
    ArithmeticError : the layer compares, divides or takes roots, but no counterexample was found.
    ShapeError, DTypeError, OptionError : as the layer's own.

    >>> from nnref import AvgPool2d, ReLU
    >>> is_affine(AvgPool2d((1, 2), stride=1), (1, 1, 1, 3)).matrix
    array([[Rational(1, 2), Rational(1, 2), Rational(0)],
           [Rational(0), Rational(1, 2), Rational(1, 2)]], dtype=object)
    >>> print(is_affine(ReLU(), (1, 1)))
    ReLU() is affine: refuted (50 digits, Decimal)
      shape 1×1
      x = [[0]]
      y = [[1]]
      left side  = [1]
      right side = [0]
    """
    try:
        y = in_arithmetic(layer, rational)(variables("x", shape))
    except (TypeError, ArithmeticError):  # no order, no division, no root of polynomials
        return _counterexample(layer, shape)
    outputs = [p if isinstance(p, Polynomial) else Polynomial(p) for p in y.flat]
    if max((p.degree for p in outputs), default=0) > 1:
        return _counterexample(layer, shape)
    column = {next(iter(x.names)): i for i, x in enumerate(variables("x", shape).flat)}
    matrix, offset = (rationals(np.zeros(size, int)) for size in ((y.size, math.prod(shape)), (y.size,)))
    for row, output in enumerate(outputs):
        for monomial, coefficient in output.terms.items():
            if monomial:
                matrix[row, column[monomial[0]]] = rational(coefficient)
            else:
                offset[row] = rational(coefficient)
    return AffineMap(matrix, offset, shape, y.shape)


def as_matrix(layer: Layer, shape: tuple[int, ...]) -> AffineMap:
    """The affine map of a layer, as `is_affine`, which must be one.

    Raises
    ------
    OptionError : it is not affine; the message has the counterexample.

    >>> from nnref import Flatten
    >>> as_matrix(Flatten(), (1, 2, 1, 1)).matrix
    array([[Rational(1), Rational(0)],
           [Rational(0), Rational(1)]], dtype=object)
    """
    found = is_affine(layer, shape)
    if isinstance(found, Refutation):
        raise OptionError(f"as_matrix: layer must be affine, got {type(layer).__name__}, which is not:\n{found}")
    return found


def in_arithmetic(layer: Layer, element: Callable[[Any], Any]) -> Layer:
    """A copy of a layer whose arrays hold exact elements, made from its own by `element`, such as `rational`.

    >>> from nnref import Linear
    >>> in_arithmetic(Linear.from_arrays(weight=np.array([[0.5]])), rational).params["weight"]
    array([[Rational(1, 2)]], dtype=object)
    """
    if isinstance(layer, Sequential | Sum):
        copy = type(layer)(*(in_arithmetic(part, element) for part in layer))
        copy.training = layer.training
        return copy
    arrays = {name: _converted(array, element) for name, array in (layer.params | layer.buffers).items()}
    if isinstance(layer, BatchNorm2d) and not layer.training:
        var = layer.buffers["running_var"]
        inv_std = 1 / np.sqrt(var + constant(layer.options["eps"], var))
        arrays["running_var"] = variances(_converted(inv_std, element), layer.options["eps"])
    return type(layer).from_arrays(options=layer.options, **arrays).train(layer.training)


def _converted(array: Array, element: Callable[[Any], Any]) -> Array:
    return np.asarray(np.frompyfunc(element, 1, 1)(array), object)


def _midpoint_to_midpoint(layer: Layer, x: Array, y: Array) -> Sides:
    with fifty_digits():
        copy = in_arithmetic(layer, decimal)
    return copy(x + y) + copy(x - y), 2 * copy(x)


def _counterexample(layer: Layer, shape: tuple[int, ...]) -> Refutation:
    def two_inputs(given: Given, shape: tuple[int, ...]) -> tuple[Layer, Array, Array]:
        return layer, given.image(*shape, name="x"), given.image(*shape, name="y")

    name = f"{layer!r} is affine"
    claim = Claim(name, "f(X+Y) + f(X-Y) = 2 f(X)", "", _midpoint_to_midpoint, two_inputs, ({"shape": shape},))
    values = find_witness(claim, {"shape": shape}, Digits)
    if values is None:
        raise ArithmeticError(
            f"is_affine: undecided for {layer!r} on {shape}: no polynomial, yet no counterexample found"
        )
    return refutation(claim, Digits, {"shape": shape}, values)
