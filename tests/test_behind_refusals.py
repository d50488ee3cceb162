"""Behind what a target refuses, the oracle finds every bug but those that live in what is refused.

Of a row, the cases are listed that a search judges where the target refuses much: a refused case in its nearest form.
Every bug of the row must show on one of them. Those that have just shown another bug are looked at first, because bugs
of one row show on few of them.

By default one target refuses all at once. In the profiles ci and thorough, others refuse one thing alone; and where a
bug is out of reach, it is found as soon as the target does not refuse what it lives in.
"""

import os
from functools import cache, partial
from itertools import chain
from random import Random

import pytest

from nnref import oracle
from nnref.oracle.cases.case import MODES
from nnref.oracle.cases.enumerated import enumerated
from nnref.oracle.search import search, tester
from nnref.oracle.search.refusals import Refusals

from .bugs import BUGS, habits

BRIEFLY = os.environ.get("NNREF_HYPOTHESIS_PROFILE", "dev") == "dev"
DRAWN = 200

REFUSED = {  # what a target refuses -> the field of a case, and whether it is asked for
    "groups": ("groups", lambda g: g["groups"] != (1,)),
    "uneven padding": ("padding", lambda g: g["padding"][0] != g["padding"][1] or g["padding"][2] != g["padding"][3]),
    "dilation": ("dilation", lambda g: max(g["dilation"]) > 1),
    "an empty batch": ("N", lambda g: g["N"] == (0,)),
}
OUT_OF_REACH = {
    "groups": (
        "conv2d: output channels interleaved over groups",
        "conv2d: input channels interleaved over groups",
        "conv2d: undeclared zeros between the groups",
        "conv2d: groups of 5 by 5 kernels dense",
        "conv2d_backward: dweight of groups in turn",
        "fold_conv_transpose_batch_norm: groups forgotten",
    ),
    "uneven padding": (
        "conv2d: mirrored padding",
        "conv2d: leading padding used at the end",
        "avg_pool2d: uneven padding counted",
        "zero_pad2d: top and bottom exchanged",
    ),
    "dilation": (
        "conv2d: ignored dilation",
        "conv2d: dilation of 3 at most",
        "conv2d: dilation of more than eight left out",
        "conv2d: undeclared zeros between the taps",
        "conv2d_backward: dilation of 3 at most backward",
        "conv_transpose2d: dilation left out where strided",
        "conv_transpose2d: rows beyond the stride empty",  # no output padding is as large as the stride without it
        "depthwise_conv2d: swapped dilation",
        "depthwise_conv2d: dilated result left as it began",
        "max_pool2d: pool dilation ignored",
        "max_pool2d: dilated window begins on the image",
        "max_pool2d_backward: first dilation for both axes",
    ),
    "an empty batch": ("global_avg_pool2d: float64 where there are no samples",),
}
LIVES_IN = {name: {refused} for refused, names in OUT_OF_REACH.items() for name in names}
LIVES_IN["conv_transpose2d: groups and dilation exchanged"] = {"groups", "dilation"}  # one of both is enough


def refusable(op):
    """What a target can refuse of an operation; an empty batch alone is no case of its own."""
    operation = oracle.OPERATIONS[op]
    return () if operation.assemble else tuple(r for r, (name, _) in REFUSED.items() if name in operation.least)


def refuses(refused, case):
    return any(REFUSED[each][1](case.geometry) for each in refused)


def judged(op, direction, dtype, refused):
    """The cases of a row that are judged where these are refused: first what every run visits, then drawn ones."""
    seen, nearest = set(), Refusals().nearest
    every_run = list(enumerated(oracle.OPERATIONS[op], direction, dtype, MODES))
    Random(0).shuffle(every_run)  # what shows a bug is found sooner
    for case in chain(every_run, drawn(op, direction, dtype)):
        accepted = nearest(case, partial(refuses, refused)) if refuses(refused, case) else case
        if accepted is not None and str(accepted) not in seen:
            seen.add(str(accepted))
            yield accepted


def drawn(op, direction, dtype):
    cases = []
    search.drawn(oracle.cases(op, direction=direction, dtype=dtype), lambda case: cases.append(case) or 0.0, DRAWN, 0)
    yield from cases


@cache
def row(*key):
    """The cases of a row so far, the others, and those that have shown a bug, the last one first."""
    return [], judged(*key), []


def shows(bug, refused):
    """Whether a bug shows on a case that is judged where these are refused."""
    cases, others, telling = row(bug.op, bug.direction, bug.dtype, refused)
    verdict = tester.Tester(bug.function).verdict
    habits.KEPT.clear()
    for case in chain(telling, cases, kept_in(cases, others)):
        if verdict(case).findings:
            telling.insert(0, case)
            return True
    return False


def kept_in(cases, others):
    for case in others:
        cases.append(case)
        yield case


ROW_BY_ROW = sorted(BUGS, key=lambda bug: (bug.op, bug.direction, bug.dtype))
AT_ONCE = [(bug, r) for bug in ROW_BY_ROW if (r := refusable(bug.op)) and (len(r) > 1 or not BRIEFLY)]
if BRIEFLY:
    AT_ONCE = [(bug, refused) for bug, refused in AT_ONCE if bug.dtype == "float32"]
ALONE = [(bug, (refused,)) for bug, all_of_them in AT_ONCE for refused in all_of_them if not BRIEFLY]
BEHIND = [*AT_ONCE, *ALONE]


@pytest.mark.usefixtures("kept_expectations")
@pytest.mark.parametrize(("bug", "refused"), BEHIND, ids=[f"{bug.name}, no {', '.join(r)}" for bug, r in BEHIND])
def test_it_is_found_behind_what_is_refused(bug, refused):
    lives_in = LIVES_IN.get(bug.name, {"what is never refused"})
    if not lives_in <= set(refused):
        assert shows(bug, refused)
    elif not BRIEFLY:
        assert not shows(bug, refused), "it is in reach"
        for accepted in lives_in:
            assert shows(bug, tuple(each for each in refused if each != accepted))


def test_what_is_out_of_reach_is_a_bug():
    assert LIVES_IN.keys() <= {bug.name for bug in BUGS}
