"""Whether a target remembers earlier calls: a result kept under too small a key, a counter, a buffer.

At a size that it has not seen, a target that keeps results by size is right the first time and wrong the second,
whichever of two calls comes first. One that is wrong for its arguments is wrong in either place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..cases.case import MODES, Case

__all__ = ["BY_CHANCE", "call_before", "remembered"]

BY_CHANCE = "as if it remembered earlier calls, or by chance: called again, this case passes"
SIZES = 6  # a target that errs by chance does as one that remembers once in 4⁶ times
OPTIONS = {"stride": (2, 1), "padding": (1, 0), "dilation": (2, 1), "eps": (1, 0), "ceil_mode": (1, 0), "sum": (1, 0)}


def remembered(passes: Callable[[Case], bool], case: Case) -> str | None:
    """A sentence on what of earlier calls shows in a failing case, None if nothing does."""
    if any(passes(case) for _ in range(3)):
        return BY_CHANCE
    for position, (words, other) in enumerate(_others(case)):
        pairs = list(_pairs(case, other, position))
        if len(pairs) == SIZES and all(passes(first) and not passes(second) for first, second in pairs):
            return words
    return None


def call_before(case: Case, hint: str | None) -> Case | None:
    """The call that must come first for a case to fail, where `remembered` says so."""
    return dict(_others(case)).get(hint or "")


def _others(case: Case) -> Iterator[tuple[str, Case]]:
    """Calls that a key may take for the same, with what to say then."""
    yield _words("data"), case.but(mode="normal", seed=case.seed + 1)
    for name, (value, or_else) in OPTIONS.items():
        if name in case.geometry:
            now = case.geometry[name]
            other = case.with_field(name, tuple(value if v != value else or_else for v in now))
            if case.operation.fits(other.geometry):
                yield _words(name), other


def _words(what: str) -> str:
    return f"as if it remembered earlier calls, with other {what}: alone, this case passes"


def _pairs(case: Case, other: Case, position: int) -> Iterator[tuple[Case, Case]]:
    """Both calls at sizes that no search draws, in either order."""
    first = 5 + SIZES * (MODES.index(case.mode) * (1 + len(OPTIONS)) + position)
    for i in range(SIZES):
        size = {"N": (7 + i,), **dict.fromkeys(("K", "Kg", "C"), (first + i,))}
        if case.op in ("network", "linear", "softmax_cross_entropy"):
            del size["C"]
        pair = [c.but(geometry=c.geometry | {k: v for k, v in size.items() if k in c.geometry}) for c in (case, other)]
        if all(c.operation.fits(c.geometry) for c in pair):
            yield (pair[0], pair[1]) if i % 2 else (pair[1], pair[0])
