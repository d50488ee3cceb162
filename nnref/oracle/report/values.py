"""The numbers of a case, where they are few: as data, and as lines that a person reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..arrays.fill import arrays_of
from ..cases.case import Case
from ..dtypes import dtype_of
from ..findings import Finding
from ..operations.operation import choice
from ..verdict.row import Values
from .side_by_side import SideBySide

__all__ = ["lines_of", "text_of", "value_lines", "values_of"]

FEW = 40  # numbers of an array that are shown


def values_of(case: Case, side: SideBySide | None, finding: Finding) -> Values:
    """The arrays of a case, and of the result that the finding is about; what has too many numbers is left out."""
    arrays, options = arrays_of(case)
    given = {n: a for n, a in {**arrays, **options}.items() if isinstance(a, np.ndarray) and a.size <= FEW}
    if side is None:
        return Values({name: _listed(array) for name, array in given.items()})
    expected, bound, got = (results.get(finding.subject) for results in (side.expected, side.bound, side.got))
    if expected is None or expected.size > FEW or not _is_like(got, expected):
        return Values({name: _listed(array) for name, array in given.items()})
    exact = bound is None or not np.any(bound)
    return Values(
        {name: _listed(array) for name, array in given.items()},
        _listed(expected),
        _listed(got),
        None if exact else _listed(bound),
    )


def _is_like(got: Any, expected: Any) -> bool:
    return isinstance(got, np.ndarray) and got.shape == expected.shape and got.dtype.kind in "fV"


def _listed(array: Any) -> Any:
    return np.asarray(array).astype(np.float64).tolist()


def lines_of(case: Case, values: Values, subject: str, width: int) -> Iterator[str]:
    """The values as lines, each array on the line of its name if it fits, and otherwise below."""
    for name, shape in case.shapes.items():
        if name in values.inputs:
            array = np.array(values.inputs[name], dtype_of(case.dtype)).reshape(shape or ())
            yield from value_lines(f"{name} =", array, width)
        elif shape is not None:
            yield f"{name} has shape {shape}"
    eps = arrays_of(case)[1].get("eps")
    if eps is not None and eps != choice(case.geometry, "eps"):
        yield f"eps = {eps!r}, so that roots are exact"
    for name in values.inputs.keys() - case.shapes.keys():
        yield from value_lines(f"{name} =", np.array(values.inputs[name]).astype(int), width)
    if values.expected is None:
        return
    yield from value_lines(f"{subject} expected", np.array(values.expected), width)
    yield from value_lines(f"{' ' * len(subject)} got     ", np.array(values.got, dtype_of(case.dtype)), width)
    if values.bound is not None:
        with np.printoptions(precision=2):
            yield from value_lines(f"{' ' * len(subject)} bound   ", np.array(values.bound), width)


def value_lines(label: str, value: Any, width: int) -> Iterator[str]:
    """A value on the line of its label if it fits, and otherwise on the lines below."""
    text = text_of(value, width - 4)
    line = f"{label} {' '.join(text.split())}"
    if len(line) <= width or not isinstance(value, np.ndarray):
        yield line
        return
    yield label.rstrip()
    yield from (f"    {row}" for row in text.split("\n") if row)


def text_of(value: Any, width: int) -> str:
    """A value as NumPy shows it."""
    if not isinstance(value, np.ndarray):
        return repr(value)
    if value.dtype.kind == "V" or value.dtype.name == "bfloat16":
        value = value.astype(np.float32)
    return np.array2string(value, max_line_width=width) if value.size else f"empty, of shape {value.shape}"
