"""Proofs that a backward is the derivative of its forward. Each returns None, or says where the two differ.

With L = ⟨dy, f(arrays)⟩ for a free cotangent dy, the gradients must be the partial derivatives of L:

- symbolically: arrays and dy are variables and L is a polynomial, so equal coefficients prove equality for all values;
- with dual numbers: L carries its whole gradient at one point, exactly over Rational and to 50 digits over Decimal.

Finite differences are not used, so there is no step size, and no tolerance except for the digits of Decimal.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np

from nnref.arithmetic import dual_variables, fifty_digits, gradient, variables

from .registry import Arrays, Case, Options, Row, draw_dy

# five digits allow for the roundings, about a hundred, of a few dozen operations on operands of moderate size
FORTY_FIVE_DIGITS = Decimal("1e-45")
Function = Callable[..., Any]


def disproof(row: Row, case: Case, backward: Function | None = None) -> str | None:
    """Where `backward` (by default the row's own) differs from the derivative of the row's forward."""
    backward = backward or row.backward
    if row.proof == "symbolic":
        return symbolic_disproof(row.forward, backward, case)
    with fifty_digits():
        arrays, options = row.exact_values(case)
        dy = draw_dy(case, row.forward(*arrays.values(), **options))
        return dual_disproof(row.forward, backward, dy, arrays, options)


def symbolic_disproof(forward: Function, backward: Function, case: Case) -> str | None:
    """For all values of arrays and dy at the shapes and options of `case`."""
    arrays = {name: None if shape is None else variables(name, shape) for name, shape in case.shapes.items()}
    y = forward(*arrays.values(), **case.options)
    dy = variables("dy", y.shape)
    loss = (dy * y).sum()

    def derivative_by(name: str) -> Any:
        partials = [loss.derivative(str(variable)) for variable in arrays[name].flat]
        return as_array(partials, arrays[name].shape)

    return difference(backward(dy, *arrays.values(), **case.options), arrays, derivative_by)


def dual_disproof(forward: Function, backward: Function, dy: Any, arrays: Arrays, options: Options) -> str | None:
    """At the values of `arrays`, of Rational or of Decimal, and at dy."""
    duals = {name: None if array is None else dual_variables(name, array) for name, array in arrays.items()}
    y = forward(*duals.values(), **options)
    of_a_pixel = y != float("-inf")  # the maximum of no pixel is a constant
    loss = (dy[of_a_pixel] * y[of_a_pixel]).sum() if of_a_pixel.any() else next(iter(duals["x"].flat)).zero()
    gradients = backward(dy, *arrays.values(), **options)
    return difference(gradients, arrays, lambda name: gradient(loss, name, arrays[name].shape))


def difference(gradients: Any, arrays: Arrays, derivative_by: Callable[[str], Any]) -> str | None:
    for (name, array), got in zip(arrays.items(), gradients, strict=True):
        if array is None or got is None:
            if not (array is None and got is None):
                return f"d{name} is {got}, although {name} is {array}"
            continue
        if got.shape != array.shape:
            return f"d{name} has shape {got.shape}, {name} has shape {array.shape}"
        expected = derivative_by(name)
        for index in np.ndindex(array.shape):
            if not agree(got[index], expected[index]):
                return f"d{name}{list(index)} is {got[index]}, the derivative {expected[index]}"
    return None


def agree(got: Any, exact: Any) -> bool:
    """Whether both are equal; Decimals are compared to 45 digits."""
    if isinstance(exact, Decimal):
        return abs(got - exact) <= FORTY_FIVE_DIGITS * max(1, abs(exact))
    return bool(got == exact)


def assert_agree(row: Row, case: Case, got: Any, expected: Any) -> None:
    """Compare array by array and element by element; on failure print the call and hide this frame."""
    __tracebackhide__ = True
    assert len(got) == len(expected), f"{row.name} returned {len(got)} arrays, expected {len(expected)}"
    for position, (ours, theirs) in enumerate(zip(got, expected, strict=True)):
        call = f"result {position} of {row.name} on {case}"
        if ours is None or theirs is None:
            assert ours is theirs, f"{call}: {ours}, expected {theirs}"
            continue
        assert ours.shape == theirs.shape, f"{call}: shape {ours.shape}, expected {theirs.shape}"
        for index in np.ndindex(ours.shape):
            assert agree(ours[index], theirs[index]), f"{call} at {index}: {ours[index]}, expected {theirs[index]}"


def as_array(elements: list[Any], shape: tuple[int, ...]) -> Any:
    array = np.empty(len(elements), object)
    array[:] = elements
    return array.reshape(shape)
