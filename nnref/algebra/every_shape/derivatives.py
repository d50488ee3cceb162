"""Derivatives of sums in index notation, for the claims that a backward is the derivative of its forward.

The laws ask `nnref.arithmetic` for dual numbers. On tensors no dual number is needed: what a law differentiates by are
unknowns, in which a sum of terms is a polynomial. ∂/∂x[m] of a term takes each factor x[e] out and adds [e = m].
"""

from __future__ import annotations

from typing import Any

from ...arithmetic import Polynomial, gradients
from ...arithmetic.rational import rational
from .counts import Variances
from .integers import current
from .solver import Guard, Refused
from .tensors import Tensor
from .terms import INVERSE, Term, Terms
from .values import Digits, Value

__all__ = ["gradient", "variables"]


def variables(name: str, array: Any) -> Any:
    """`nnref.arithmetic.dual_variables` for tensors: the unknowns of the array, by which `gradient` differentiates."""
    if not isinstance(array, Tensor | Variances):
        return gradients.dual_variables(name, array)
    current().leaves[name] = array
    return array


def gradient(loss: Any, name: str, shape: Any) -> Any:
    """`nnref.arithmetic.gradient` for tensors; by a variance σ², the derivative of r = 1/√(σ² + ε) is −r³/2."""
    if not isinstance(loss, Tensor):
        return gradients.gradient(loss, name, shape)
    by = current().leaves[name]
    if isinstance(by, Variances):
        r = by.inv_std
        return _derivative(loss, r) * r * r * r * rational("-1/2")
    return _derivative(loss, by)


def _derivative(loss: Tensor, by: Tensor) -> Tensor:
    axes, scalar = by.value.axes, loss.value
    if scalar.axes or any(len(axis) > 1 for axis in axes):
        raise Refused("a derivative of more than one number")
    name = _name(by)

    def at(index: tuple[Digits, ...]) -> Terms:
        place = [digits[0] if digits else Polynomial(0) for digits in index]
        return [part for term in scalar.at(()) for part in _parts(term, name, place)]

    return Tensor(Value(axes, at))


def _name(leaf: Tensor) -> str:
    """The name of the unknowns of an array that consists of nothing else."""
    index = tuple(tuple(Polynomial.variable(f"place {k}") for _ in axis) for k, axis in enumerate(leaf.value.axes))
    plain = tuple(digits[0] if digits else Polynomial(0) for digits in index)
    (term,) = leaf.value.at(index)
    if term.coefficient != 1 or term.bound or term.guard or len(term.factors) != 1 or term.factors[0][1] != plain:
        raise Refused("a derivative by what is no unknown")
    return term.factors[0][0]


def _parts(term: Term, name: str, place: list[Polynomial]) -> Terms:
    """The derivative of one term, by the rule of the product."""
    parts = []
    for at, (own, index) in enumerate(term.factors):
        if own == name:
            same = tuple(Guard(e - m, equal=True) for e, m in zip(index, place, strict=True))
            others = term.factors[:at] + term.factors[at + 1 :]
            parts.append(term._replace(factors=others, guard=term.guard + same))
        elif own == INVERSE + name:
            raise Refused(f"the derivative of {own} by {name}")
    return parts
