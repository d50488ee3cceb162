"""The results of a target beside the expected ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...numeric import Array
from ..arrays.fill import arrays_of
from ..cases.case import Case
from ..expectation.declaration import Declaration
from ..expectation.exact import expectation
from ..targets.call import Function, call
from ..verdict.judge import settle

__all__ = ["SideBySide", "side_by_side"]


@dataclass(frozen=True)
class SideBySide:
    """Results by name: what is expected, how far off it may be, and what the target returns (empty if it raised)."""

    expected: dict[str, Array]
    bound: dict[str, Array]
    got: dict[str, Any]


def side_by_side(case: Case, function: Function, declares: Declaration | None = None) -> SideBySide:
    """Call the target once more and put its results beside the expected ones."""
    arrays, options = arrays_of(case)
    declares = declares or Declaration()
    settled = settle(case, arrays, expectation(case, arrays, options, declares), declares)
    known = {n: pair for n, pair in zip(case.result_shapes, settled.results, strict=True) if pair is not None}
    outputs = call(function, case, arrays, options).outputs
    expected = {name: np.asarray(exact).astype(np.float64) for name, (exact, _) in known.items()}
    promised = declares.nan != "any"  # else there is no verdict where NaN is expected
    bound = {n: b if promised else np.where(np.isnan(expected[n]), np.nan, b) for n, (_, b) in known.items()}
    return SideBySide(expected, bound, dict(zip(case.result_shapes, outputs, strict=False)))
