"""A search with a clock: it ends between two cases, keeps what it found, and says what it left out.

The clock of these tests goes on by itself at every call of the target, so that they do not depend on the machine.
"""

import dataclasses

import pytest

import nnref
from nnref.oracle import limits
from nnref.oracle.limits import Clock
from nnref.oracle.search.search import SHARE, search

TICK = 0.01  # seconds of a call
ASKED = 475  # cases of flatten, forward, with 20 drawn ones


class Ticking:
    """A time that goes on only at the calls of the function that it wraps, which it notes."""

    def __init__(self, function=nnref.flatten):
        self.now, self.function, self.calls = 1e9, function, []

    def time(self):
        return self.now

    def __call__(self, x):
        self.now += TICK
        self.calls.append((x.shape, x.tobytes()))
        return self.function(x)


def searched(ticking, seconds):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "time", ticking)
        return search(ticking, "flatten", "forward", max_examples=20, clock=Clock.of(seconds))


@pytest.fixture(scope="module")
def endless():
    ticking = Ticking()
    return ticking.calls, searched(ticking, None)


@pytest.mark.parametrize("seconds", [0, 0.05, 0.77, 2.3, 4.5, 5.2, 6])
def test_a_search_that_is_cut_is_the_beginning_of_one_that_is_not(endless, seconds):
    calls, whole = endless
    ticking = Ticking()
    cut = searched(ticking, seconds)
    assert ticking.calls == calls[: len(ticking.calls)]
    assert ticking.now <= 1e9 + seconds + 3 * TICK
    assert cut.asked == whole.asked == ASKED
    assert cut.cases == cut.asked - cut.left_out or not cut.left_out
    if cut.left_out:
        assert cut.in_time == f"{cut.cases} of {ASKED} cases in time"
        assert cut.status == ("not run" if not cut.cases else "passed" if cut.cases >= ASKED / 2 else "partly")


def test_without_an_end_the_time_changes_nothing(endless):
    def as_data(result):
        return dataclasses.replace(result, seconds=0.0)

    assert as_data(endless[1]) == as_data(search(nnref.flatten, "flatten", "forward", max_examples=20))
    assert not endless[1].left_out


def wrong(x):
    return nnref.flatten(x) + (x.shape[0] > 1)


def test_a_failure_gets_its_share_of_what_is_left():
    """It is kept, and the search goes on behind it."""
    small = searched(Ticking(wrong), None).failures[0].case
    for seconds in (0.5, 2.0, 30.0):
        ticking = Ticking(wrong)
        cut = searched(ticking, seconds)
        (failure,) = (f for f in cut.failures[:1])
        assert cut.status == "failed"
        assert ticking.now <= 1e9 + seconds + 5 * TICK
        assert cut.cases * TICK > (1 - 3 * SHARE) / 2 * min(seconds, 4.0) or seconds < 1
    assert failure.case == small


def test_the_unfinished_row_is_shown_at_the_start_and_at_every_failure():
    seen = []
    result = search(
        wrong, "flatten", "forward", max_examples=20, watch=lambda row: seen.append((row.left_out, len(row.failures)))
    )
    assert seen[0] == (ASKED, 0)
    assert max(count for _, count in seen) == len(result.failures) > 0
    assert all(left > 0 for left, _ in seen)
