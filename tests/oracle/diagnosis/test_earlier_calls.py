"""A target that remembers earlier calls is told from one that is wrong for its arguments."""

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.oracle import search
from nnref.oracle.diagnosis.earlier_calls import BY_CHANCE, KIND, remembered
from nnref.oracle.report.script import snippet
from nnref.oracle.report.side_by_side import side_by_side
from nnref.oracle.verdict.row import Hint
from tests.bugs.registry import run_script


def test_a_target_that_remembers_is_told_from_one_that_is_wrong():
    case = oracle.parse("tanh.forward float32 normal contiguous seed=0 N=1 C=1 H=1 W=2")
    kept = {}

    def remembers(x):
        return kept.setdefault(x.shape, nnref.tanh(x)).copy()

    def errs_for_half_of_the_data(x):
        return nnref.tanh(x) + np.float32(int(abs(x).sum() * 1024) % 2)

    def passes(function):
        return lambda case: search.tester.Tester(function).verdict(case).finding is None

    remembers(np.zeros((1, 1, 1, 2), np.float32))
    hint = remembered(passes(remembers), case)
    assert (hint.kind, hint.subject) == (KIND, "data")
    assert "with other data" in hint.words
    for seed in range(20):
        if not passes(errs_for_half_of_the_data)(case.with_seed(seed)):
            assert remembered(passes(errs_for_half_of_the_data), case.with_seed(seed)) is None
    by_chance = remembered(passes(nnref.tanh), case)
    assert (by_chance.words, by_chance.certain, by_chance.before) == (BY_CHANCE, False, None)


def test_the_script_makes_the_earlier_call_first():
    case, kept = oracle.parse("tanh.forward float32 normal contiguous seed=0 N=1 C=1 H=1 W=2"), {}

    def remembers(x):
        return kept.setdefault(x.shape, nnref.tanh(x)).copy()

    hint = Hint("as if it remembered earlier calls", KIND, "data", before=case.with_seed(1))
    source = snippet(case, side_by_side(case, remembers), None, hint)
    kept.clear()
    with pytest.raises(AssertionError):
        run_script(source, remembers)
    run_script(source, nnref.tanh)
    kept.clear()
    run_script(snippet(case, side_by_side(case, nnref.tanh)), remembers)  # alone, it passes


def test_an_option_that_a_key_lacks_is_named():
    case = oracle.parse("batch_norm2d.forward float32 normal contiguous seed=0 N=1 C=1 H=1 W=2 eps=0")
    kept = {}

    def keeps_eps(x, *parameters, eps):
        return nnref.batch_norm2d(x, *parameters, eps=kept.setdefault(x.shape, eps))

    kept[1, 1, 1, 2] = 0.5
    hint = remembered(lambda case: search.tester.Tester(keeps_eps).verdict(case).finding is None, case)
    assert hint.words == "as if it remembered earlier calls, with other eps: alone, this case passes"
    assert hint.before == case.with_field("eps", (1,))
