"""Time limits: of a call, of a row, of a campaign."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

from ..errors import OptionError, refuse

__all__ = ["Clock", "expect_time_limit", "patience"]

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


@dataclass(frozen=True)
class Clock:
    """When a row must end, and the campaign that it is part of, in seconds as `time.time` counts them.

    >>> Clock().is_over, Clock(row=0.0).is_over
    (False, True)
    >>> clock = Clock.of(60)  # seconds
    >>> round(clock.campaign - clock.for_row(rows=30).row)  # the row gets two of them
    58
    """

    row: float = math.inf
    campaign: float = math.inf

    @classmethod
    def of(cls, seconds: float | None) -> Clock:
        """A clock that starts now; None is without end."""
        end = math.inf if seconds is None else time.time() + seconds
        return cls(end, end)

    @property
    def runs_out(self) -> bool:
        """Whether there is an end."""
        return math.isfinite(self.campaign)

    @property
    def is_over(self) -> bool:
        """Whether the row must end."""
        return time.time() >= self.row

    @property
    def seconds_left(self) -> float:
        """Seconds that are left of the campaign."""
        return max(0.0, self.campaign - time.time())

    def for_row(self, rows: int, workers: int = 1) -> Clock:
        """The clock of the next of so many rows that are left: it gets its fair share of what is left."""
        share = self.seconds_left * min(1.0, workers / rows)
        return replace(self, row=min(self.campaign, time.time() + share))

    def part(self, share: float) -> Clock:
        """A clock that is over after a share of what is left of the row."""
        now = time.time()
        return replace(self, row=now + share * max(0.0, self.row - now))
