"""The exact result of a case, and how far a correct result may be from it.

The exact result comes from nnref's own layer, run in a wider arithmetic: float64 for targets of float32 and below, and
Decimal with 50 digits for float64. The bounds have no term for the error of the reference. They grow at least linearly
in u, so the error in float64 is less than 2⁻²⁹ of the bound for float32, and the judge widens every bound by 2⁻²⁸.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...arithmetic import decimals, fifty_digits
from ...bounds import Allowance
from ...numeric import Array
from ..arrays.fill import Arrays
from ..cases.case import Case
from ..float_state import undisturbed
from ..operations import Open, OpenShape, Question
from .declaration import CHOICES, Declaration
from .forms import forms_of
from .quantum import exact_where_small, quantum_of

__all__ = ["Expectation", "asked_of", "expectation", "open_places"]

# (exact result, allowance) for each result; None for the gradient of an absent bias
Expectation = tuple["tuple[Array, Allowance] | None", ...]


@undisturbed
def expectation(case: Case, arrays: Arrays, options: dict[str, Any], declares: Declaration) -> Expectation:
    """The exact results of a case, in float64 or Decimal, each with its `Allowance` under the declaration."""
    wide = [None if a is None else a.astype(np.float64) for a in arrays.values()]
    allowances = _allowances(case, wide, options, declares)
    if case.dtype != "float64" or all(a is None or not a.bound.any() for a in allowances):
        results = _results(case, wide, options)
    elif case.mode == "special":  # Decimal lacks these values; two correct results differ by at most two bounds
        allowances = tuple(None if a is None else a._replace(bound=2 * a.bound) for a in allowances)
        results = _results(case, wide, options)
    else:
        with fifty_digits():
            results = _results(case, [None if a is None else decimals(a) for a in wide], options)
    pairs = tuple(None if r is None or a is None else (r, a) for r, a in zip(results, allowances, strict=True))
    places = open_places(case, arrays, options, declares, results)
    return tuple(
        None if pair is None else (pair[0], pair[1]._replace(open=is_open)) if is_open else pair
        for pair, is_open in zip(pairs, places, strict=True)
    )


@undisturbed
def open_places(
    case: Case, arrays: Arrays, options: dict[str, Any], declares: Declaration, results: Sequence[Array | None]
) -> tuple[tuple[Open | OpenShape, ...], ...]:
    """For each of nnref's results, where more than one answer is right."""
    given = {name: None if a is None else a.astype(np.float64) for name, a in arrays.items()}
    question = Question(case.geometry, case.direction, given, options, declares.precision(case.dtype))
    conventions = case.operation.open_places(question)
    forms = forms_of(case, question, results, lambda tamed: _results(case, tamed, options))
    return tuple((*conventions.get(i, ()), *forms.get(i, ())) for i in range(len(results)))


def _results(case: Case, arrays: list[Any], options: dict[str, Any]) -> tuple[Array | None, ...]:
    results: tuple[Array | None, ...] = case.operation.evaluate(case.function, case.shapes, arrays, options)
    return results


def _allowances(
    case: Case, arrays: list[Any], options: dict[str, Any], declares: Declaration
) -> tuple[Allowance | None, ...]:
    bound = getattr(case.operation.bounds, case.function)
    precision = declares.precision(case.dtype)
    asked = {name: getattr(declares, name) for name in asked_of(case)}
    by_position, by_keyword = case.operation.arguments(case.shapes, arrays, options)
    found = bound(*by_position, **by_keyword, **asked, precision=precision)
    found = (found,) if isinstance(found, Allowance) else found
    quantum = quantum_of(case)
    if quantum is None or (declares.square_root != "rounded" and "eps" in options):
        return found
    return tuple(None if a is None else exact_where_small(a, quantum, precision) for a in found)


def asked_of(case: Case) -> tuple[str, ...]:
    """The attributes of a declaration that the bound of a case depends on, beside the precision."""
    return _asked(getattr(case.operation.bounds, case.function))


@functools.cache
def _asked(bound: Callable[..., Any]) -> tuple[str, ...]:
    """The attributes of a declaration that a bound depends on: its parameters with the same names."""
    return tuple(name for name in inspect.signature(bound).parameters if name in CHOICES)
