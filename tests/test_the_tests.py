"""The oracle is held against bugs: it must find every one, and make it small."""

import time

import pytest

from nnref import oracle
from nnref.oracle.search.shrink import elements

from .bugs import BUGS, habits
from .bugs.registry import RIGHT, run_script

HINTS = {bug.hint for bug in BUGS} - {""}
IDS = [bug.name for bug in BUGS]


def test_there_are_enough_bugs_and_each_has_its_name():
    assert len(set(IDS)) == len(BUGS) >= 60
    assert {bug.op for bug in BUGS} == set(oracle.OPERATIONS)


@pytest.mark.parametrize("bug", BUGS, ids=IDS)
def test_the_oracle_finds_it(bug):
    started = time.process_time()
    with pytest.raises(oracle.Disagreement) as caught:
        oracle.check(bug.op, **{bug.direction: bug.function}, dtype=bug.dtype)
    failure = caught.value
    assert time.process_time() - started < 10
    assert oracle.parse(failure.descriptor) == failure.case
    assert failure.descriptor in str(failure)
    assert bug.hides or elements(failure.case) <= 16, failure.descriptor
    assert bug.hint in (failure.hint or ""), failure.hint
    habits.KEPT.clear()
    if "may pass" not in failure.snippet:
        with pytest.raises(BaseException if failure.finding.kind == "exception" else AssertionError):
            run_script(failure.snippet, bug.function)
    run_script(failure.snippet, getattr(RIGHT, failure.case.function))
    others = {hint for hint in HINTS if hint in (failure.hint or "")} - {bug.hint}
    assert not (bug.hint and others), failure.hint
