"""A failing case as a script of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..numeric import Array
from .case import Case
from .data import arrays_of

__all__ = ["snippet"]


def snippet(case: Case, expected: dict[str, Array], bound: dict[str, Array]) -> str:
    """A script that needs NumPy and the target alone: arrays, options, the call, the expected values and their bounds.

    The target is called ``target``; its first lines say what to put there.
    """
    arrays, options = arrays_of(case)
    lines = [
        f"# {case}",
        "import numpy as np",
        *(["import ml_dtypes"] if case.dtype == "bfloat16" else []),
        f"from your_package import {case.function}  # the function under test",
        "",
        *(f"{name} = {_literal(array)}" for name, array in arrays.items()),
        *(f"expected_{name} = {_literal(array)}" for name, array in expected.items()),
        *(f"bound_{name} = {_literal(array)}" for name, array in bound.items()),
        "",
        f"got = {case.function}({', '.join([*arrays, *(f'{k}={_literal(v)}' for k, v in options.items())])})",
    ]
    several = case.direction == "backward" or case.op.startswith("fold_")
    for position, name in enumerate(expected):
        got = f"got[{position}]" if several else "got"
        lines.append(f"error = np.abs(np.asarray({got}, np.float64) - expected_{name})")
        lines.append(f"print({name!r}, {got}, 'must be', expected_{name}, 'within', bound_{name})")
        lines.append(f"assert (error <= bound_{name}).all(), {name!r}")
    return "\n".join(lines) + "\n"


def _literal(value: Any) -> str:
    """Source text that evaluates to the value exactly; a constant array as what fills it."""
    if not isinstance(value, np.ndarray):
        return repr(value)
    dtype = "ml_dtypes.bfloat16" if value.dtype.name == "bfloat16" else f"np.{value.dtype.name}"
    numbers = repr(value.astype(np.float64).tolist() if value.dtype.kind not in "iu" else value.tolist())
    numbers = numbers.replace("nan", "np.nan").replace("inf", "np.inf")
    shape = f".reshape({value.shape})" if value.size == 0 else ""
    return f"np.array({numbers}, {dtype}){shape}"
