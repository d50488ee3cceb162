"""The oracle is held against bugs: it must find every one, make it small, and say nothing false of it."""

import pytest

from nnref import oracle
from nnref.oracle.search.shrink import elements

from .bugs import BUGS, habits
from .bugs.registry import RIGHT, run_script

MOST_CALLS = 8000  # of a target, from the first case to the hint
ROW_BY_ROW = sorted(BUGS, key=lambda bug: (bug.op, bug.direction, bug.dtype))  # their cases are the same
IDS = [bug.name for bug in ROW_BY_ROW]


def test_there_are_enough_bugs_and_each_has_its_name():
    assert len(set(IDS)) == len(BUGS) >= 60
    assert {bug.op for bug in BUGS} == set(oracle.OPERATIONS)


@pytest.mark.usefixtures("kept_expectations")
@pytest.mark.parametrize("bug", ROW_BY_ROW, ids=IDS)
def test_the_oracle_finds_it(bug):
    calls = 0

    def counted(*arrays, **options):
        nonlocal calls
        calls += 1
        return bug.function(*arrays, **options)

    with pytest.raises(oracle.Disagreement) as caught:
        oracle.check(bug.op, **{bug.direction: counted}, dtype=bug.dtype)
    failure = caught.value
    assert calls < MOST_CALLS
    assert oracle.parse(failure.descriptor) == failure.case
    assert failure.descriptor in str(failure)
    assert bug.hides or elements(failure.case) <= 16, failure.descriptor
    assert_nothing_false_is_said(bug, failure.hint)
    habits.KEPT.clear()
    if "may pass" not in failure.snippet:
        with pytest.raises(BaseException if failure.finding.kind == "exception" else AssertionError):
            run_script(failure.snippet, bug.function)
    run_script(failure.snippet, getattr(RIGHT, failure.case.function))


def assert_nothing_false_is_said(bug, hint):
    """What is said of a bug is what is listed for it; if nothing is listed, nothing is said."""
    __tracebackhide__ = True
    if bug.hints:
        assert any(words in (hint or "") for words in bug.hints), hint
    else:
        assert hint is None
