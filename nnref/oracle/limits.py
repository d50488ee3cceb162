"""Time limits of calls."""

from __future__ import annotations

import math

from ..errors import OptionError, refuse

__all__ = ["expect_time_limit", "patience"]

LONGEST = 86400.0  # seconds
# a call that hangs again is stopped after so many seconds, or so many times the slowest call that ended
LEAST, TIMES_SLOWEST = 2.0, 100


def expect_time_limit(function: str, argument: str, seconds: float) -> float:
    """Return `seconds`; raise `OptionError` unless it is a valid time limit.

    >>> expect_time_limit("conform", "time_limit", float("nan"))
    Traceback (most recent call last):
    nnref.errors.OptionError: conform: time_limit must be more than 0 and at most 86400 seconds, got nan
    """
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not (math.isfinite(seconds) and 0 < seconds <= LONGEST):
        refuse(OptionError, function, argument, f"more than 0 and at most {LONGEST:g} seconds", seconds)
    return seconds


def patience(limit: float, slowest: float) -> float:
    """Seconds to wait for a target that has hung before. They are few, so that shrinking a hang does not take hours."""
    return min(limit, max(LEAST, TIMES_SLOWEST * slowest))
