"""Where right forms of one formula differ, because infinities cancel in one and not in the other.

A sum of products Σ d·w of a factor d that repeats is d·Σ w: with d = ∞, one is NaN where w has both signs, the other is
±∞. numpy.einsum takes the factor out where an array has a stride of 0.

The gradient of a batch norm has T = Σ dy·(x − μ) = Σ dy·x − μ·Σ dy. With an infinite dy, the second form is ∞ − ∞ where
the first is ±∞. Neither has the wrong sign: in the second form, an infinity remains only if all terms have its sign. In
training, dx is a sum of three such terms, and where these cancel in one form, they may not in another. The gradient of
tanh may be dy·(1 − t²) or dy − dy·t², and that of σ and of the loss likewise. There is no freedom elsewhere: what is
NaN because of a NaN is NaN in every form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, nan
from typing import Any

import numpy as np

from ...numeric import Array
from ..cases.case import Case
from ..operations import Open, Question

__all__ = ["forms_of"]

REPEATING = ("expanded", "broadcast")  # layouts


def forms_of(
    case: Case,
    question: Question,
    results: Sequence[Array | None],
    evaluate: Callable[[list[Any]], tuple[Array | None, ...]],
) -> dict[int, tuple[Open, ...]]:
    """Position of a result -> the elements that are not the same in all forms, with what they may be."""
    if case.mode != "special":
        return {}
    operation, arrays = case.operation, question.arrays
    dy = arrays.get("dy")
    of_cotangent = bool(operation.cancels) and dy is not None and bool(np.isinf(dy).any())
    repeated = arrays.get("x") if dy is None else dy
    factored = operation.contracts and case.layout in REPEATING and repeated is not None and np.isinf(repeated).any()
    if not of_cotangent and not factored:
        return {}
    tamed = evaluate([None if a is None else np.where(np.isinf(a), 1.0, a) for a in arrays.values()])
    found: dict[int, tuple[Open, ...]] = {}
    for position, (result, finite) in enumerate(zip(results, tamed, strict=True)):
        if result is None or finite is None:
            continue
        value = result.astype(np.float64)
        cancelled = np.isnan(value) & ~np.isnan(finite)
        where = cancelled & np.array(factored or operation.cancels == "all")
        if of_cotangent:
            where = where | np.isinf(value)
        answers = {"nan": nan, "inf": np.where(cancelled, inf, value), "-inf": np.where(cancelled, -inf, value)}
        found[position] = (Open("", where, {name: (answer, 0.0) for name, answer in answers.items()}),)
    return found
