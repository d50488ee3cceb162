"""Is a layer affine? The answer is its exact matrix and offset, or a counterexample.

The layer runs over polynomials, with a variable in every pixel. If all outputs have degree 1 at most, their
coefficients are the matrix. A layer that compares, divides or takes roots of pixels cannot run over polynomials. Then
two images are searched whose midpoint the layer does not map to the midpoint of their outputs: among small numbers, and
on rays ever farther from 0, because a bias can put the kink of a ReLU anywhere. The search uses rational numbers unless
the layer has an exponential or an irrational root; then it uses decimals.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arithmetic import Polynomial, decimal, decimals, fifty_digits, rational, rationals, variables
from ..dtypes import working
from ..errors import OptionError
from ..layer import Layer, Sequential, Sum
from ..layers.batch_norm2d import BatchNorm2d
from ..numeric import Array, constant
from .claim import Claim, Refutation, Sides
from .given import Given, variances
from .methods import Digits, SmallValues
from .proving import refutation
from .witness import Values, find_witness

__all__ = ["AffineMap", "as_matrix", "in_arithmetic", "is_affine"]


@dataclass(frozen=True, eq=False)
class AffineMap:
    """``y = matrix @ x + offset`` on flattened arrays.

    Attributes
    ----------
    matrix : (outputs, inputs) of Rational
    offset : (outputs,) of Rational
    input_shape, output_shape : the shapes before flattening
    """

    matrix: Array
    offset: Array
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    def __call__(self, x: Array) -> Array:
        """Apply the map to an array of exact elements, of shape `input_shape`."""
        return np.asarray(self.matrix @ x.reshape(-1) + self.offset).reshape(self.output_shape)


def is_affine(layer: Layer, shape: tuple[int, ...]) -> AffineMap | Refutation:
    """The affine map that a layer is on inputs of this shape, or a counterexample.

    Parameters
    ----------
    layer : Layer; its parameters count by their exact values. In a batch norm in evaluation mode, 1/√(σ² + ε) counts
        as rounded to the precision that the layer computes in. If they are exact and the root is irrational, it counts
        as rounded to fifty digits
    shape : the shape of the input, with the batch

    Raises
    ------
    ArithmeticError : the layer compares, divides or takes roots, but no counterexample was found.
    ShapeError, DTypeError, OptionError : the layer refuses the input.

    >>> from nnref import AvgPool2d, ReLU
    >>> is_affine(AvgPool2d((1, 2), stride=1), (1, 1, 1, 3)).matrix
    array([[Rational(1, 2), Rational(1, 2), Rational(0)],
           [Rational(0), Rational(1, 2), Rational(1, 2)]], dtype=object)
    >>> print(is_affine(ReLU(), (1, 1)))
    ReLU() is affine: refuted (small values, Rational)
      shape 1×1
      x = [[0]]
      y = [[1]]
      left side  = [1]
      right side = [0]
    """
    try:
        y = in_arithmetic(layer, rational)(variables("x", shape))
    except (TypeError, ArithmeticError) as error:  # polynomials have no order, few quotients and no roots
        return _counterexample(layer, shape, error)
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
    """The affine map of a layer that must be affine; parameters are those of `is_affine`.

    Raises
    ------
    OptionError : the layer is not affine; the message contains the counterexample.
    ArithmeticError, ShapeError, DTypeError : as in `is_affine`.

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
    """A copy of a layer whose arrays hold exact elements, which `element`, such as `rational`, makes from the layer's.

    >>> from nnref import Linear
    >>> in_arithmetic(Linear.from_arrays(weight=np.array([[0.5]])), rational).params["weight"]
    array([[Rational(1, 2)]], dtype=object)
    """
    if isinstance(layer, Sequential | Sum):
        copy = type(layer)(*(in_arithmetic(inner, element) for inner in layer))
        copy.training = layer.training
        return copy
    arrays = {name: _converted(array, element) for name, array in (layer.params | layer.buffers).items()}
    if isinstance(layer, BatchNorm2d) and not layer.training:
        inv_std = _inv_std(working(layer.buffers["running_var"]), layer.options["eps"])
        arrays["running_var"] = variances(_converted(inv_std, element), layer.options["eps"])
    return type(layer).from_arrays(options=layer.options, **arrays).train(layer.training)


def _converted(array: Array, element: Callable[[Any], Any]) -> Array:
    return np.asarray(np.frompyfunc(element, 1, 1)(array), object)


def _inv_std(var: Array, eps: Any) -> Array:
    """1/√(σ² + ε); to fifty digits if the arithmetic of σ² does not contain it."""
    shifted = var + constant(eps, var)
    try:
        return np.asarray(1 / np.sqrt(shifted))
    except ArithmeticError:  # the root is irrational
        with fifty_digits():
            return np.asarray(1 / np.sqrt(decimals(shifted)))


def _counterexample(layer: Layer, shape: tuple[int, ...], error: Exception | None = None) -> Refutation:
    """Two images whose midpoint is not mapped to the midpoint; `error` says why the layer has no formula."""
    kind: type[Given] = SmallValues
    claim, farthest = _affinity(layer, shape, kind, rational), 84
    if not _is_defined(claim, shape):
        kind = Digits
        claim, farthest = _affinity(layer, shape, kind, decimal), 3
    values = find_witness(claim, claim.cases[0], kind) or _on_a_ray(claim, kind, shape, farthest)
    if values is None:
        reason = error or "its formula is not of degree 1"
        raise ArithmeticError(f"is_affine: undecided for {layer!r} on {shape}: {reason}; no counterexample was found")
    return refutation(claim, kind, claim.cases[0], values)


def _is_defined(claim: Claim, shape: tuple[int, ...]) -> bool:
    """Whether the layer maps rationals to rationals, tried at a random point: it has neither exponential nor root."""
    x, y = np.random.default_rng(0).integers(-99, 100, (2, *shape)).astype(object)
    try:
        claim.sides(Values({"x": x, "y": y}), claim.cases[0])
    except (TypeError, AttributeError, ArithmeticError):
        return False
    return True


def _affinity(layer: Layer, shape: tuple[int, ...], kind: type[Given], element: Callable[[Any], Any]) -> Claim:
    """The claim that the layer is affine, in the arithmetic of `element`."""

    def midpoint_to_midpoint(layer: Layer, x: Array, y: Array) -> Sides:
        return layer(x + y) + layer(x - y), 2 * layer(x)

    def two_inputs(given: Given, shape: tuple[int, ...]) -> tuple[Layer, Array, Array]:
        return in_arithmetic(layer, element), given.image(*shape, name="x"), given.image(*shape, name="y")

    name, statement = f"{layer!r} is affine", "f(X+Y) + f(X-Y) = 2 f(X)"
    return Claim(name, statement, "", midpoint_to_midpoint, two_inputs, ({"shape": shape},), kind.method)


def _on_a_ray(claim: Claim, kind: type[Given], shape: tuple[int, ...], farthest: int) -> Values | None:
    """A counterexample at 10, 100, … times a few small directions, up to 10 to the power `farthest`.

    The midpoint is 0 or one step out, because an odd function maps the midpoints about 0 correctly. `farthest` is 84 in
    exact arithmetic, because a kink can lie at the quotient of two 32-bit floats, which is below 10⁸⁴. It is small in
    decimals, because a rounding error must not count as a difference.
    """
    random = np.random.default_rng(0)
    directions = [np.ones(shape, int), *random.integers(-9, 10, (8, *shape))]
    for exponent in range(1, farthest + 1):
        for direction in directions:
            y = direction.astype(object) * 10**exponent
            for x in (0 * y, y):
                values = Values({"x": x, "y": y}, kind)
                if values.differ(claim, claim.cases[0]) is not None:
                    return values
    return None
