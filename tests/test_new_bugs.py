"""Every new bug is one: its witness shows it by far more than rounding, and a plain call is right."""

from collections import Counter

import numpy as np
import pytest

from .bugs import BUGS, habits
from .bugs.new import NEW, NEW_BUGS
from .bugs.new_registry import made
from .bugs.registry import RIGHT

IDS = [new.bug.name for new in NEW]


@pytest.fixture(autouse=True)
def _nothing_kept():
    habits.KEPT.clear()
    yield
    habits.KEPT.clear()


def test_there_are_enough_in_each_family_and_none_has_the_name_of_another():
    assert len(set(IDS) | {bug.name for bug in BUGS}) == len(NEW_BUGS) + len(BUGS)
    assert len(NEW_BUGS) >= 100
    families = Counter(new.family for new in NEW)
    assert len(families) == 6
    assert min(families.values()) >= 16


@pytest.mark.parametrize("new", NEW, ids=IDS)
def test_the_witness_shows_it(new):
    results, shown = [], ""
    for arrays, options in new.calls():
        shown = what_is_wrong(new, arrays, options, results)
    assert shown


@pytest.mark.parametrize("new", NEW, ids=IDS)
def test_a_plain_call_and_those_before_the_last_are_right(new):
    assert what_is_wrong(new, *made(new.target, new.plain), []) == ""
    habits.KEPT.clear()
    results = []
    for arrays, options in list(new.calls())[:-1]:
        assert what_is_wrong(new, arrays, options, results) == ""


def what_is_wrong(new, arrays, options, results):
    """What a call of the bug does wrong, "" if nothing; `results` are those of earlier calls, and copies of them."""
    right = getattr(RIGHT, new.target) if new.target != "network" else lambda net, x: net(x)
    given = [array.copy() if isinstance(array, np.ndarray) else array for array in arrays]
    with np.errstate(all="ignore"):
        expected = as_tuple(right(*arrays, **options))
        exact = expected if new.target == "network" else as_tuple(right(*map(doubled, arrays), **options))
        got = as_tuple(new.bug.function(*arrays, **options))
    if len(got) != len(expected):
        return "structure"
    for wrong, single, double in zip(got, expected, exact, strict=True):
        if (wrong is None) != (single is None):
            return "structure"
        if wrong is None:
            continue
        if wrong.shape != single.shape or wrong.dtype != single.dtype:
            return "shape or dtype"
        if far(wrong, single, double):
            return "values"
    if not all(same(a, b) for a, b in zip(arrays, given, strict=True)):
        return "inputs"
    if not all(same(a, b) for a, b in results):
        return "an earlier result"
    whole = [array for array in got if array is not None]
    others = [*(array for array in arrays if isinstance(array, np.ndarray)), *(array for array, _ in results)]
    if any(np.may_share_memory(a, b) for a in whole for b in others):
        return "shared memory"
    results += [(array, array.copy()) for array in whole]
    return ""


def far(got, single, double):
    """Whether an element is wrong in its fourth digit, where float32's is right to five."""
    with np.errstate(all="ignore"):
        got, single = got.astype(np.float64), single.astype(np.float64)
        special = np.isnan(got) != np.isnan(single)
        special |= (np.isinf(got) | np.isinf(single)) & (got != single) & ~np.isnan(got) & ~np.isnan(single)
        near = abs(single - double) <= 1e-5 * abs(double)
        off = np.isfinite(got) & np.isfinite(double) & near & (abs(got - double) > 1e-4 * abs(double))
    return bool((special | off).any())


def same(a, b):
    return not isinstance(a, np.ndarray) or np.array_equal(a, b, equal_nan=True)


def as_tuple(result):
    return result if isinstance(result, tuple) else (result,)


def doubled(array):
    return array.astype(np.float64) if isinstance(array, np.ndarray) and array.dtype.kind == "f" else array
