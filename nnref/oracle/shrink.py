"""From a failing case to the smallest one at which the failure shows.

Every field of the geometry is lowered in turn, towards the operation's least, as far as a failure of the same kind
remains for the seed of the case or one of a few others; then again, until nothing changes. Among seeds the one with the
largest margin is kept. What `check` reports can be worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod

from .case import Case
from .judge import Finding

__all__ = ["Failing", "elements", "shrink"]

Failing = Callable[[Case], Finding | None]
SEEDS = 8
BUDGET = 4000  # calls


def elements(case: Case) -> int:
    """How many numbers the arrays of a case hold."""
    return sum(prod(shape) for shape in case.operation.shapes(case.geometry).values() if shape is not None)


def shrink(
    case: Case, finding: Finding, failing: Failing, seeds: int = SEEDS, budget: int = BUDGET
) -> tuple[Case, Finding]:
    """The smallest failing case reachable from `case`, and its finding, within a `budget` of calls."""
    calls = 0

    def attempt(candidate: Case, seeds: range | list[int]) -> tuple[Case, Finding] | None:
        nonlocal calls
        for seed in seeds:
            calls += 1
            tried = candidate.but(seed=seed)
            found = failing(tried)
            if found is not None and found.kind == finding.kind:
                return tried, found
        return None

    best, changed = (case, finding), True
    while changed and calls < budget:
        changed = False
        for candidate in _smaller(best[0]):
            if calls >= budget:
                break
            if better := attempt(candidate, [best[0].seed, *range(seeds)]):
                best, changed = better, True
                break
    if finding.kind != "value":
        return best
    return max((best, *_with_other_seeds(best[0], attempt)), key=lambda pair: _margin(pair[1]))


def _with_other_seeds(
    case: Case, attempt: Callable[[Case, range | list[int]], tuple[Case, Finding] | None]
) -> Iterator[tuple[Case, Finding]]:
    for seed in range(SEEDS):
        if found := attempt(case, [seed]):
            yield found


def _margin(finding: Finding) -> float:
    return finding.margin or 0.0


def _smaller(case: Case) -> Iterator[Case]:
    """Cases with one field lowered, the largest step first; images and kernels also together."""
    if case.layout != "contiguous":
        yield case.but(layout="contiguous")
    operation = case.operation
    for name, least in operation.least.items():
        for position, low in enumerate(least):
            value = case.geometry[name][position]
            for lower in dict.fromkeys((low, (low + value) // 2, value - 1)):
                if low <= lower < value:
                    yield from _fitting(_lowered(case, name, position, lower))
    for axis, image in enumerate(("H", "W")):
        if "kernel" in operation.least and image in operation.least and case.geometry["kernel"][axis] > 1:
            smaller = _lowered(case, "kernel", axis, case.geometry["kernel"][axis] - 1)
            if case.geometry[image][0] > 1:
                yield from _fitting(_lowered(smaller, image, 0, case.geometry[image][0] - 1))
            for side in (2 * axis, 2 * axis + 1):
                if case.geometry["padding"][side]:
                    yield from _fitting(_lowered(smaller, "padding", side, case.geometry["padding"][side] - 1))


def _lowered(case: Case, name: str, position: int, value: int) -> Case:
    values = list(case.geometry[name])
    values[position] = value
    return case.with_field(name, tuple(values))


def _fitting(case: Case) -> Iterator[Case]:
    if case.operation.fits(case.geometry):
        yield case
