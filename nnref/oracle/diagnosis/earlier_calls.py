"""Whether a target remembers earlier calls: a result kept under too small a key, a counter, a buffer.

At a size that it has not seen, a target that keeps results by size is right the first time and wrong the second,
whichever of two calls comes first. One that is wrong for its arguments is wrong in either place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..cases.case import MODES, Case
from ..operations.operation import CHOICES
from ..verdict.row import Hint

__all__ = ["remembered"]

KIND = "earlier calls"
BY_CHANCE = "as if it remembered earlier calls, or by chance: called again, this case passes"
SIZES = 6  # a target that errs by chance does as one that remembers once in 4⁶ times
# another value of a field, and one for where it has that already
OTHER_VALUES = {"stride": (2, 1), "padding": (1, 0), "dilation": (2, 1)} | dict.fromkeys(CHOICES, (1, 0))


def remembered(passes: Callable[[Case], bool | None], case: Case) -> Hint | None:
    """How earlier calls show in a failing case, None if they do not. `passes` gives None for a refused case."""
    if any(passes(case) for _ in range(3)):
        return Hint(BY_CHANCE, KIND, "by chance", certain=False)
    for position, (what, other) in enumerate(_others(case)):
        pairs = list(_pairs(case, other, position))
        if len(pairs) == SIZES and all(passes(first) is True and passes(second) is False for first, second in pairs):
            words = f"as if it remembered earlier calls, with other {what}: alone, this case passes"
            return Hint(words, KIND, what, before=other)
    return None


def _others(case: Case) -> Iterator[tuple[str, Case]]:
    """Calls that a careless key confuses with this one, each with the name of what differs."""
    yield "data", case.but(mode="normal", kind="", seed=case.seed + 1)
    for name, (value, or_else) in OTHER_VALUES.items():
        if name in case.geometry and name != "bias":
            now = case.geometry[name]
            other = case.with_field(name, tuple(value if v != value else or_else for v in now))
            if case.operation.fits(other.geometry):
                yield name, other


def _pairs(case: Case, other: Case, position: int) -> Iterator[tuple[Case, Case]]:
    """Both calls at sizes that no search draws, in either order."""
    first = 5 + SIZES * (MODES.index(case.mode) * (1 + len(OTHER_VALUES)) + position)
    for i in range(SIZES):
        size = {"N": (7 + i,), **dict.fromkeys(("K", "Kg", "C"), (first + i,))}
        if "H" not in case.geometry or "layers" in case.geometry:  # C is no number of channels there
            del size["C"]
        pair = [c.but(geometry=c.geometry | {k: v for k, v in size.items() if k in c.geometry}) for c in (case, other)]
        if all(c.operation.fits(c.geometry) for c in pair):
            yield (pair[0], pair[1]) if i % 2 else (pair[1], pair[0])
