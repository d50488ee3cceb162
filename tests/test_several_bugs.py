"""Two and three bugs at once in one function are all reported by one run, also behind a convention.

A failure shows a bug if the function without it answers that case otherwise. Each bug of a combination must have a
failure of its own. Combinations are left out in which one bug rightly covers another: what shows the second is wrong
in the same way for the first. So it is with two bugs that are wrong for every value ("gamma ignored" and "beta added
before scaling": whatever fails for one, fails for the other).
"""

import itertools

import numpy as np
import pytest

from nnref.oracle.arrays.fill import arrays_of
from nnref.oracle.search.search import search
from nnref.oracle.targets.call import call

from .bugs import BUGS
from .bugs.registry import RIGHT

BY_NAME = {bug.name: bug for bug in BUGS}


def empty_refused(right, *arrays, **options):
    """A convention."""
    if not len(arrays[0]):
        raise ValueError("an empty batch")
    return right(*arrays, **options)


def nan_of_no_pixel(right, x, *, count_include_pad, **options):
    """A convention: the mean of a window without a pixel is 0/0, where padding does not count."""
    y = right(x, count_include_pad=count_include_pad, **options)
    if not count_include_pad:
        pixels = right(np.ones_like(x), count_include_pad=True, **options)
        y[pixels == 0] = np.nan
    return y


CONVENTIONS = {"empty_batch": empty_refused, "mean_of_no_pixel": nan_of_no_pixel}
COMBINATIONS = [  # of a function: bugs, and a convention in front of them or none
    ("linear", "square weight transposed", "sum of 1024 terms at most"),
    ("linear", "square weight transposed", "nan in a weight skipped as sparse"),
    ("linear", "transposed view taken for its base", "corner of a tile of 32 by 32 left out", "empty_batch"),
    ("linear", "corner of a tile of 32 by 32 left out", "nan in a weight skipped as sparse"),
    ("linear", "sum of 1024 terms at most", "nan in a weight skipped as sparse", "empty_batch"),
    ("linear", "corner of a tile of 32 by 32 left out", "sum of 1024 terms at most"),
    ("linear", "rest of a second tile left out", "nan in a weight skipped as sparse"),
    (
        "linear",
        "corner of a tile of 32 by 32 left out",
        "sum of 1024 terms at most",
        "nan in a weight skipped as sparse",
    ),
    ("relu", "clipped at six", "tail beyond 160 left out"),
    ("relu", "clipped at six", "a pixel beyond the view added with weight 0"),
    ("relu", "product with the mask", "tail beyond 160 left out"),
    ("relu", "relu of nan is zero", "clipped at six"),
    ("relu", "relu of nan is zero", "tail beyond 160 left out", "empty_batch"),
    ("relu", "relu of nan is zero", "clipped at six", "tail beyond 160 left out"),
    ("relu_backward", "relu slope of one at zero", "expanded cotangent taken for one number"),
    ("relu_backward", "relu slope of one at zero", "expanded cotangent taken for one number", "empty_batch"),
    ("tanh", "tanh of exponentials", "whole array in place of the view"),
    ("sigmoid", "exp overflows", "fortran order taken for c order"),
    ("sigmoid", "hard sigmoid", "fortran order taken for c order", "empty_batch"),
    ("softmax_cross_entropy_backward", "undeclared difference in the softmax", "batch size forgotten"),
    ("zero_pad2d", "top and bottom exchanged", "negative stride read forwards"),
    ("zero_pad2d", "top and bottom exchanged", "border of a long row on one side only"),
    ("zero_pad2d", "negative stride read forwards", "border of a long row on one side only", "empty_batch"),
    ("normalize2d", "scale on the shift", "zeros for what is misaligned"),
    ("normalize2d", "scale on the shift", "zeros for what is misaligned", "empty_batch"),
    ("batch_norm2d", "eps outside the root", "nan in gamma taken for one"),
    ("batch_norm2d", "eps missing", "nan in gamma taken for one"),
    ("batch_norm2d", "eps missing", "channels beyond 128 take the first scale"),
    ("batch_norm2d", "gamma ignored", "nan in the variance clipped at zero"),
    ("batch_norm2d", "channels beyond 128 take the first scale", "nan in gamma taken for one", "empty_batch"),
    ("batch_norm2d_backward", "dgamma not centred", "gradient of training"),
    ("batch_norm2d_train", "nan in beta dropped by a maximum", "statistics of the first 8 samples"),
    ("avg_pool2d", "ceil mode ignored", "uneven padding counted", "mean_of_no_pixel"),
    ("conv2d", "swapped stride", "edge of a tile of 64 filters repeated"),
]


def around(right, wrongs):
    """The right function with bugs around it, one around the other."""
    for wrong in wrongs:
        right = wrapped(right, wrong)
    return right


def wrapped(right, wrong):
    return lambda *arrays, **options: wrong(right, *arrays, **options)


def answers(function, case):
    answer = call(function, case, *arrays_of(case))
    return [str(answer.finding), *(a.tobytes() if hasattr(a, "tobytes") else a for a in answer.outputs)]


def each_has_its_own(shows):
    """Whether every bug can be given a failure that shows it, and no two the same one."""
    failures = range(len(shows[0]))
    given = itertools.permutations(failures, len(shows))
    return any(all(shows[bug][failure] for bug, failure in enumerate(each)) for each in given)


def test_there_are_enough_of_many_operations():
    assert len(COMBINATIONS) >= 30
    assert len({target.removesuffix("_backward") for target, *_ in COMBINATIONS}) >= 10
    assert sum(names[-1] in CONVENTIONS for _, *names in COMBINATIONS) >= 8


@pytest.mark.usefixtures("kept_expectations")
@pytest.mark.parametrize("combination", COMBINATIONS, ids=[", ".join(each) for each in COMBINATIONS])
def test_all_are_reported_by_one_run(combination):
    target, *names = combination
    bugs = [BY_NAME[f"{target}: {name}"].around for name in names if name not in CONVENTIONS]
    front = [CONVENTIONS[name] for name in names if name in CONVENTIONS]
    op = target.removesuffix("_backward")
    right, together = getattr(RIGHT, target), [*bugs, *front]
    direction = "forward" if target == op else "backward"
    row = search(around(right, together), op, direction, max_examples=0)
    cases = [failure.case for failure in row.failures]
    shows = [
        [answers(around(right, together), case) != answers(around(right, without), case) for case in cases]
        for bug in bugs
        for without in [[each for each in together if each is not bug]]
    ]
    assert cases
    assert each_has_its_own(shows), [str(case) for case in cases]
    assert {name for name in names if name in CONVENTIONS} <= row.conventions.keys()
