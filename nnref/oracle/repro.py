"""A failing case in full: its values side by side, and as a script of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..numeric import Array
from .call import call
from .case import Case
from .data import Arrays, arrays_of
from .declaration import Declaration
from .judge import output_names, settle
from .reference import expectation

__all__ = ["SideBySide", "side_by_side", "snippet"]


@dataclass(frozen=True)
class SideBySide:
    """Results by name: what is expected, how far off it may be, and what the target returns (empty if it raised)."""

    expected: dict[str, Array]
    bound: dict[str, Array]
    got: dict[str, Any]


def side_by_side(case: Case, function: Callable[..., Any], declares: Declaration | None = None) -> SideBySide:
    """Call the target once more and put its results beside the expected ones."""
    arrays, options = arrays_of(case)
    declares = declares or Declaration()
    settled = settle(case, expectation(case, arrays, options, declares), declares)
    known = {name: pair for name, pair in zip(output_names(case), settled, strict=True) if pair is not None}
    outputs = call(function, case, arrays, options).outputs
    return SideBySide(
        {name: np.asarray(exact).astype(np.float64) for name, (exact, _) in known.items()},
        {name: bound for name, (_, bound) in known.items()},
        dict(zip(output_names(case), outputs, strict=False)),
    )


def snippet(case: Case, side: SideBySide) -> str:
    """A script that needs NumPy and the target alone: arrays, the call, the expected values and their bounds."""
    arrays, options = arrays_of(case)
    lines = [
        f"# {case}",
        "import numpy as np",
        *(["import ml_dtypes"] if case.dtype == "bfloat16" else []),
        f"from your_package import {case.function}  # the function under test",
        "",
        *_call(case, arrays, options),
        "",
    ]
    several = case.direction == "backward" or case.op.startswith("fold_")
    for position, (name, expected) in enumerate(side.expected.items()):
        got = f"got[{position}]" if several else "got"
        lines += [
            f"expected = {_literal(expected)}  # {name}",
            f"bound = {_literal(side.bound[name])}",
            f"got_{name} = np.asarray({got}).astype(np.float64)",
            f"print({name!r}, got_{name}, 'expected', expected, 'within', bound)",
            f"same = (got_{name} == expected) | (np.isnan(got_{name}) & np.isnan(expected))",
            f"assert (same | (abs(got_{name} - expected) <= bound) | np.isnan(bound)).all()  # NaN: no verdict",
        ]
    return "\n".join(lines) + "\n"


def _call(case: Case, arrays: Arrays, options: dict[str, Any]) -> Iterator[str]:
    """Lines that make the arrays and call the function."""
    if case.operation.assemble is None:
        yield from (f"{name} = {_literal(array)}" for name, array in arrays.items())
        arguments = [*arrays, *(f"{name}={_literal(value)}" for name, value in options.items())]
        yield f"got = {case.function}({', '.join(arguments)})"
    else:  # the arrays are those of an nnref network
        yield "from nnref.oracle.networks import assembled"
        yield from ("arrays = {", *(f"    {name!r}: {_literal(array)}," for name, array in arrays.items()), "}")
        yield from (f"{name} = {_literal(value)}" for name, value in options.items())
        yield f"got = {case.function}(*assembled(arrays, {', '.join(f'{name}={name}' for name in options)}))"


def _literal(value: Any) -> str:
    """Source text that evaluates to the value, exactly."""
    if not isinstance(value, np.ndarray):
        return repr(value)
    dtype = "ml_dtypes.bfloat16" if value.dtype.name == "bfloat16" else f"np.{value.dtype.name}"
    numbers = repr((value if value.dtype.kind in "iu" else value.astype(np.float64)).tolist())
    numbers = numbers.replace("nan", "np.nan").replace("inf", "np.inf")
    return f"np.array({numbers}, {dtype})" + (f".reshape({value.shape})" if value.size == 0 else "")
