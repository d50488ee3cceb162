"""Medians and ratios of functions that take turns, so that other work on the machine affects all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Timing", "take_turns"]

Contenders = Mapping[str, Callable[[], object]]


@dataclass(frozen=True)
class Timing:
    """Median seconds of a call, by name; and for all but the first function, the median of first time / own time."""

    seconds: dict[str, float]
    ratios: dict[str, float]


def take_turns(contenders: Contenders, rounds: int, at_least: float = 0.002) -> Timing:
    """Time the contenders round by round; one faster than `at_least` seconds is called several times per turn."""
    calls = {name: max(1, round(at_least / _warm(call))) for name, call in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(rounds):
        order = list(contenders)[:: 1 if turn % 2 else -1]
        for name in order:
            times[name].append(_seconds(contenders[name], calls[name]))
    first = next(iter(contenders))
    ratios = {n: [f / t for f, t in zip(times[first], own, strict=True)] for n, own in times.items() if n != first}
    return Timing(_medians(times), _medians(ratios))


def _medians(lists: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(values) for name, values in lists.items()}


def _warm(call: Callable[[], object]) -> float:
    """Seconds of a second call, after caches are filled and threads have started."""
    call()
    return _seconds(call, 1)


def _seconds(call: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls
