"""Drawn cases, each with its exact results and bounds computed once, on which several functions are judged."""

from collections import Counter
from math import prod

import hypothesis
from hypothesis import HealthCheck, Phase

from nnref.oracle import Declaration, arrays_of, cases
from nnref.oracle.expectation.exact import expectation
from nnref.oracle.targets.call import call
from nnref.oracle.verdict.judge import judge_settled, settle

STRICT = Declaration()
WITH_ROUNDING = ("normal", "adversarial")


def drawn(op, direction, visit, *, examples, dtype="float32", modes=WITH_ROUNDING, largest=600, **fields):
    """Let hypothesis draw cases of at most so many numbers; `visit` returns a margin, towards which it steers.

    `fields` are put into the geometry of every case; where that does not fit, the case is left out.
    """
    for mode in modes:

        @hypothesis.seed(f"{op} {direction} {dtype} {mode}")
        @hypothesis.settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.target),
            suppress_health_check=list(HealthCheck),
        )
        @hypothesis.given(cases(op, direction=direction, dtype=dtype, modes=(mode,), layouts=("contiguous",)))
        def run(case):
            case = case.but(geometry=case.geometry | fields)
            if not case.operation.fits(case.geometry):
                return
            shapes = (*case.shapes.values(), *case.result_shapes.values())
            if sum(prod(shape) for shape in shapes if shape is not None) <= largest:
                margin = visit(case)
                if margin > 0:
                    hypothesis.target(margin)

        run()


def verdicts_of(case, functions, declares=STRICT):
    """By name the verdict on each function, or None where it does not support the case."""
    arrays, options = arrays_of(case)
    settled = settle(case, arrays, expectation(case, arrays, options, declares), declares)
    answers = {name: call(function, case, arrays, options) for name, function in functions.items()}
    for name, answer in answers.items():
        assert answer.finding is None, f"{name} on {case}: {answer.finding}"
    return {
        name: None if answer.unsupported else judge_settled(case, answer.outputs, settled, declares)
        for name, answer in answers.items()
    }


def largest_margins(op, direction, functions, *, declares=STRICT, examples=50, **drawing):
    """Of each function the largest error in bounds, none of which may exceed 1, and how many cases were judged."""
    largest, judged = dict.fromkeys(functions, 0.0), Counter()

    def visit(case):
        verdicts = verdicts_of(case, functions, declares)
        for name, verdict in verdicts.items():
            if verdict is not None:
                assert verdict.finding is None, f"{name} on {case}: {verdict.finding}"
                largest[name] = max(largest[name], verdict.margin)
                judged[name] += verdict.judged > 0
        return max((verdict.margin for verdict in verdicts.values() if verdict is not None), default=0.0)

    drawn(op, direction, visit, examples=examples, **drawing)
    return largest, judged
