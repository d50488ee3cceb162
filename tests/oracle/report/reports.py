"""Reports with everything in them that a report can hold."""

import functools
from collections import Counter
from math import inf, nan

import numpy as np

import nnref
from nnref import oracle
from nnref.oracle import Declaration, Deviation, Failure, Finding, Report, Result, parse
from nnref.oracle.findings import Frame

CASE = parse("relu.forward float32 special contiguous seed=3 N=1 C=1 H=1 W=2")
POOL = parse(
    "max_pool2d.backward float16 normal strided seed=12 N=1 C=1 H=5 W=4 kernel=3,1 stride=1,2 padding=1,0,0,2 "
    "dilation=1,1 ceil_mode=1"
)
HOSTILE = "</script><script>alert('x')</script> & \x1b[31m \ud800 \u202e \x00 ]]> --> \"quoted\"\nsecond line"


def value(expected=1.0, got=2.0, bound=0.25, margin=4.0):
    return Finding("value", "y", "relu", index=(0, 1), expected=expected, got=got, bound=bound, margin=margin)


def failed(*findings):
    failures = [Failure(CASE, finding, None, "import numpy\n") for finding in findings]
    return Result("relu", "forward", "float32", 7, failures=failures)


FRAME = Frame("/kernels.py", 12, "relu", "return table['a']")
PASSED = Result("conv2d", "forward", "float32", 40, margins=[i / 50 for i in range(1, 41)], seconds=1.23456)
EXACT = Result("relu", "backward", "float32", 30)
POOLED = Result("max_pool2d", "backward", "float16", 20)
KNOWN = Result(
    "max_pool2d", "backward", "float16", 20, known={"https://example.org/issues/1": [3, 17], HOSTILE: [0, 20]}
)
UNSUPPORTED = Result("tanh", "forward", "bfloat16", unsupported=Counter({HOSTILE: 28, "no bfloat16": 2}))
NOT_IMPLEMENTED = Result("fold_conv_transpose_batch_norm", "forward", "float64", implemented=False)
LOST = Result("sigmoid", "forward", "float32", lost=f"BrokenProcessPool: {HOSTILE}")
CRASHED = Result("max_pool2d", "forward", "float16", 5, lost="the process of the target died (SIGSEGV)")
CRASHED.failures = [Failure(POOL, Finding("crash", said="the process of the target died (SIGSEGV)"))]
NOTED = Result("linear", "forward", "float64", 9, margins=[0.5], notes={f"different bits {HOSTILE}", "another"})
CUT = Result("avg_pool2d", "forward", "float32", 300, margins=[0.25], asked=2202, left_out=998)
CUT.unsupported["no ceil_mode"] = 600
NOT_RUN = Result("avg_pool2d", "backward", "float32", asked=2202, left_out=2202)
RAISED = failed(Finding("exception", "KeyError", "relu", said="'a'", causes=("ValueError: b",), frames=(FRAME,)))
SHAPED = failed(Finding("shape", "y", wanted="(1, 2)", found="(1,)"))

FOR_KNOWN = Deviation("max_pool2d", "https://example.org/issues/1", "backward", where="max(padding) > 0")
OUTLIVED = Deviation("relu", HOSTILE)

REPORTS = {
    "cut": Report(
        "mine", results=[PASSED, CUT, NOT_RUN, RAISED], seconds=60.0, modes=("integers", "normal"), planned=4
    ),
    "passing": Report("mine", 5, 30, results=[PASSED, EXACT, NOTED]),
    "empty": Report("mine"),
    "failing": Report("mine", results=[PASSED, failed(value())]),
    "exactly": Report("mine", results=[failed(value(bound=0.0, margin=inf))]),
    "not a number": Report("mine", results=[failed(value(nan, -inf, 0.0, nan), value(inf, nan, 0.0, inf))]),
    "shape": Report("mine", results=[SHAPED]),
    "lost": Report("mine", results=[LOST, CRASHED]),
    "known": Report("mine", results=[PASSED, KNOWN], deviations=(FOR_KNOWN,)),
    "outlived": Report("mine", results=[PASSED, EXACT, POOLED], deviations=(FOR_KNOWN, OUTLIVED)),
    "interrupted": Report("mine", results=[PASSED], deviations=(FOR_KNOWN, OUTLIVED), planned=3),
    "unsupported": Report("mine", results=[UNSUPPORTED, NOT_IMPLEMENTED]),
    "margins": Report("mine", results=[Result("tanh", "forward", "float32", 3, margins=[nan, inf, 5e-324])]),
    "everything": Report(
        HOSTILE,
        -3,
        10**6,
        Declaration(inputs="tf32", nan="any"),
        [PASSED, EXACT, KNOWN, UNSUPPORTED, NOT_IMPLEMENTED, LOST, CRASHED, NOTED, SHAPED],
        (FOR_KNOWN, OUTLIVED),
    ),
}


class Buggy:
    """A target with bugs of four kinds, and one operation that is right."""

    __name__ = "buggy <b>kernels</b>"
    relu, relu_backward = staticmethod(nnref.relu), staticmethod(nnref.relu_backward)

    @staticmethod
    def conv2d(x, weight, bias, **options):
        return nnref.conv2d(x, np.ascontiguousarray(weight[:, :, ::-1, ::-1]), bias, **options)

    @staticmethod
    def batch_norm2d(x, gamma, beta, mean, var, *, eps):
        return nnref.batch_norm2d(x, gamma, beta, mean, var, eps=0)

    @staticmethod
    def avg_pool2d(x, **options):
        if options["ceil_mode"]:
            raise oracle.Unsupported("no ceil_mode")
        return nnref.avg_pool2d(x, **options)[:, :, :1]

    @staticmethod
    def sigmoid(x):
        if x.shape[-1] > 2:
            raise ValueError("<script>alert('x')</script> and no wider than two pixels")
        return nnref.sigmoid(x)


BUGGY_OPS = ("conv2d", "batch_norm2d", "avg_pool2d", "sigmoid", "relu")


@functools.cache
def buggy():
    """The report of a real campaign against `Buggy`."""
    return oracle.conform(Buggy(), ops=BUGGY_OPS, max_examples=20)
