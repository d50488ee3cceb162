"""From a failing case to the smallest one at which the failure shows.

Every field of the geometry is lowered in turn, towards the operation's least, as far as a failure of the same kind
remains for the seed of the case or one of a few others; then again, until nothing changes. Among seeds the one with the
largest margin is kept. What `check` reports can be worked out by hand.

It ends after so many calls; and after a minute, with the smallest case until then, where a call takes 50 ms or more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import starmap
from math import prod

from ..cases.case import Case
from ..findings import Finding
from ..limits import Clock

__all__ = ["BUDGET", "Failing", "elements", "shrink"]

Failing = Callable[[Case], Finding | None]
SEEDS = (8, 40)
BY_HAND, MANY_SEEDS = 16, 320  # numbers that a person can follow; where it is nearly that, one more round
BUDGET = 8000  # calls
SECONDS = 60.0
ENDLESS = Clock()
SLOW = 0.05  # seconds for a call; what is faster ends by its calls alone, and alike every time


def elements(case: Case) -> int:
    """How many numbers the arrays of a case hold."""
    return sum(prod(shape) for shape in case.operation.shapes(case.geometry).values() if shape is not None)


def shrink(
    case: Case,
    finding: Finding,
    failing: Failing,
    rounds: Sequence[int] = SEEDS,
    budget: int = BUDGET,
    clock: Clock = ENDLESS,
) -> tuple[Case, Finding]:
    """The smallest failing case reachable from `case`, and its finding, within a `budget` of calls and
    the time of the `clock`.

    A smaller case is tried with as many seeds as the round says: few at first, to get down fast, then many, for a
    failure that few data show; and once more where it is nearly small enough to be worked out by hand.
    """
    calls, start = 0, time.monotonic()

    def may_go_on() -> bool:
        if calls >= budget or clock.is_over:
            return False
        return time.monotonic() - start < max(SECONDS, SLOW * (calls + 1))

    def attempt(candidate: Case, seed: int) -> tuple[Case, Finding] | None:
        nonlocal calls
        if not may_go_on():
            return None
        calls += 1
        found = failing(candidate.with_seed(seed))
        return (candidate.with_seed(seed), found) if found and found.kind == finding.kind else None

    def step(current: Case, seeds: int) -> tuple[Case, Finding] | None:
        tries = ((smaller, seed) for smaller in _smaller(current) for seed in (current.seed, *range(seeds)))
        return next(filter(None, starmap(attempt, tries)), None)

    best = case, finding
    for seeds in rounds:
        while may_go_on() and (better := step(best[0], seeds)):
            best = better
    while len(rounds) > 1 and BY_HAND < elements(best[0]) <= 2 * BY_HAND and (better := step(best[0], MANY_SEEDS)):
        best = better
    if finding.kind != "value":
        return best
    others = (attempt(best[0], seed) for seed in range(rounds[0]))
    return max((best, *filter(None, others)), key=lambda pair: _margin(pair[1]))


def _margin(finding: Finding) -> float:
    return finding.margin or 0.0


def _smaller(case: Case) -> Iterator[Case]:
    """Cases with one field lowered, the largest step first; images and kernels also together."""
    yield from _simpler_layouts(case)
    operation = case.operation
    for name, least in operation.least.items():
        for position, low in enumerate(least):
            value = case.geometry[name][position]
            if name == "N":
                low = 1  # an empty batch shows something else
            for lower in dict.fromkeys((low, (low + value) // 2, value - 1)):
                if low <= lower < value:
                    yield from _fitting(_lowered(case, name, position, lower))
    yield from _equal_ones(case)
    if "kernel" in operation.least and "H" in operation.least:
        yield from _kernel_and_image(case)


def _simpler_layouts(case: Case) -> Iterator[Case]:
    """All arrays contiguous; or one of them, where each lies in a layout of its own."""
    if case.layout != "contiguous":
        yield case.but(layout="contiguous")
    _, _, digits = case.layout.partition(":")
    for position, digit in enumerate(digits):
        if digit != "0":
            yield case.but(layout=f"mixed:{digits[:position]}0{digits[position + 1 :]}")


def _kernel_and_image(case: Case) -> Iterator[Case]:
    """A kernel lowered with its image or padding; and padding in place of a pixel, where the kernel has to stay."""
    for axis, image in enumerate(("H", "W")):
        kernel, size = case.geometry["kernel"][axis], case.geometry[image][0]
        sides = [(side, case.geometry["padding"][side]) for side in (2 * axis, 2 * axis + 1)]
        if kernel > 1:
            smaller = _lowered(case, "kernel", axis, kernel - 1)
            if size > 1:
                yield from _fitting(_lowered(smaller, image, 0, size - 1))
            for side, pad in sides:
                if pad:
                    yield from _fitting(_lowered(smaller, "padding", side, pad - 1))
        if 1 < size <= kernel:
            for side, pad in sides:
                yield from _fitting(_lowered(_lowered(case, image, 0, size - 1), "padding", side, pad + 1))


def _equal_ones(case: Case) -> Iterator[Case]:
    """Cases with all fields of one value lowered together: some bugs show on squares only."""
    single = {name: value[0] for name, value in case.geometry.items() if len(value) == 1}
    for value in sorted({v for v in single.values() if v > 2}):
        same = [name for name, v in single.items() if v == value]
        if len(same) > 1:
            for lower in (2, value - 1):
                yield from _fitting(case.but(geometry={**case.geometry, **dict.fromkeys(same, (lower,))}))


def _lowered(case: Case, name: str, position: int, value: int) -> Case:
    values = list(case.geometry[name])
    values[position] = value
    return case.with_field(name, tuple(values))


def _fitting(case: Case) -> Iterator[Case]:
    if case.operation.fits(case.geometry):
        yield case
