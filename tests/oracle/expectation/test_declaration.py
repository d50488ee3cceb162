import json
from importlib.resources import files

import numpy as np
import pytest

from nnref.errors import OptionError
from nnref.oracle import OPERATIONS, Declaration, Disagreement, arrays_of, cases, check, parse
from nnref.oracle.cases.case import MODES
from nnref.oracle.cases.enumerated import enumerated
from nnref.oracle.diagnosis.declared import DECLARATIONS
from nnref.oracle.expectation.declaration import CHOICES
from nnref.oracle.expectation.exact import expectation
from nnref.oracle.operations import CONVENTIONS
from nnref.oracle.search.search import drawn
from nnref.oracle.targets.call import call
from nnref.oracle.verdict.judge import judge

from ...bugs import BUGS
from ...bugs.registry import RIGHT

ALGORITHMS = [bug for bug in BUGS if bug.right_if]


def test_the_default_is_the_strictest():
    strict = Declaration()
    assert strict.said() == {}
    assert strict.precision("float32").u == 2**-24
    assert strict.precision("float16").u == strict.precision("bfloat16").u == 2**-24  # computed in float32
    assert strict.precision("float64").u == 2**-53
    assert strict.precision("float32").u_in == 0


def test_what_is_declared_is_what_is_allowed():
    assert Declaration(accumulate="float16").precision("float32").u == 2**-11
    assert Declaration(inputs="tf32").precision("float32").u_in == 2**-11
    assert Declaration(inputs="tf32").precision("float16").u_in == 0  # no rounding at all
    flushed = Declaration(subnormals="flushed").precision("float32")
    assert flushed.eta == 2.0**-126
    assert Declaration(tanh="sigmoid", ties="any").said() == {"tanh": "sigmoid", "ties": "any"}


def flushing(function):
    """The function with subnormal numbers taken for zero, in and out."""

    def flushed(value):
        if value is None or not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            return value
        return np.where(np.abs(value) < np.finfo(value.dtype).tiny, value * 0, value)

    def on_flush(*arrays, **options):
        result = function(*map(flushed, arrays), **options)
        return tuple(map(flushed, result)) if isinstance(result, tuple) else flushed(result)

    return on_flush


def assert_right_where_declared(function, op, direction, dtype="float32", modes=MODES, **declared):
    """There is no finding in any case, of those that every run visits and 200 drawn, where it answers its own way.

    In the other cases its answer is that of the right function, bit by bit. Subnormal numbers get more seeds and no
    bias: other numbers in a sum hide them.
    """
    __tracebackhide__ = True
    declares, own_way = Declaration(**declared), []

    def visit(case):
        arrays, options = arrays_of(case)
        outputs, right = (answer(f, case, arrays, options) for f in (function, getattr(RIGHT, case.function)))
        if any(its is not None and its.tobytes() != ours.tobytes() for its, ours in zip(outputs, right, strict=True)):
            own_way.append(case)
            finding = judge(case, outputs, arrays, expectation(case, arrays, options, declares), declares).finding
            assert finding is None, f"{case}: {finding.message}"
        return 0.0

    for case in enumerated(OPERATIONS[op], direction, dtype, modes):
        visit(case)
        if case.kind == "subnormal":
            bare = case.with_field("bias", (0,)) if "bias" in case.geometry else case
            for seed in range(8):
                visit(bare.with_seed(seed))
    drawn(cases(op, direction=direction, dtype=dtype, modes=modes), visit, 200, 0)
    assert own_way


def answer(function, case, arrays, options):
    given, options = case.operation.arguments(arrays, list(arrays.values()), options)
    with np.errstate(all="ignore"):
        outputs = function(*given, **options)
    return outputs if case.returns_tuple else (outputs,)


# a number as small vanishes beside β, or in a sum of exponentials
UNMOVED = {"batch_norm2d", "batch_norm2d_train", "normalize2d", "softmax_cross_entropy"}
FLUSHED = [
    (op.name, direction)
    for op in OPERATIONS.values()
    for direction in op.directions
    if op.name != "network" and not (op.name in UNMOVED and direction == "forward")
]


@pytest.mark.parametrize(("op", "direction"), FLUSHED)
def test_a_target_that_flushes_everywhere_is_right_where_that_is_declared(op, direction):
    """Whole numbers have nothing to flush."""
    function = flushing(getattr(RIGHT, op if direction == "forward" else f"{op}_backward"))
    assert_right_where_declared(
        function, op, direction, modes=("normal", "adversarial", "special"), subnormals="flushed"
    )


@pytest.mark.parametrize("name", CHOICES)
def test_what_is_no_choice_is_refused(name):
    with pytest.raises(OptionError, match=f"Declaration: {name} must be one of .*, got 'odd'"):
        Declaration(**{name: "odd"})


@pytest.mark.parametrize("bug", ALGORITHMS, ids=[bug.name for bug in ALGORITHMS])
def test_what_is_right_in_its_way_passes_where_that_is_declared(bug):
    """That each is found where it is not, and named, is `test_the_tests`."""
    assert_right_where_declared(bug.function, bug.op, bug.direction, bug.dtype, **bug.right_if)


def test_every_choice_has_a_sentence_for_who_did_not_declare_it():
    told = {(name, value) for changes, _ in DECLARATIONS for name, value in changes.items()}
    for name in set(CHOICES) - {"accumulate", "inputs"} - set(CONVENTIONS):
        assert {(name, value) for value in CHOICES[name][1:]} <= told


def test_the_schema_of_reports_has_every_choice():
    schema = json.loads((files("nnref") / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
    known = schema["properties"]["declares"]["properties"]
    assert set(known) == set(CHOICES)
    for name in set(CHOICES) - {"accumulate"}:
        given = known[name].get("enum", [known[name].get("const")])
        assert given == [value for value in CHOICES[name] if value != getattr(Declaration(), name)]


def verdict(line, function, **declared):
    case, declares = parse(line), Declaration(**declared)
    arrays, options = arrays_of(case)
    outputs = call(function, case, arrays, options).outputs
    return judge(case, outputs, arrays, expectation(case, arrays, options, declares), declares)


SPECIAL = "global_avg_pool2d.forward float32 special contiguous seed=3 N=1 C=2 H=1 W=1"


def test_nan_spreads_in_calls_that_have_some_and_nowhere_else():
    def all_nan(x):
        return np.full((*x.shape[:2], 1, 1), np.float32("nan"))

    assert not np.isfinite(arrays_of(parse(SPECIAL))[0]["x"]).all()
    assert verdict(SPECIAL, all_nan).finding
    assert not verdict(SPECIAL, all_nan, nan="spreads").finding
    assert verdict(SPECIAL.replace("special", "normal"), all_nan, nan="spreads").finding
    assert verdict(SPECIAL, lambda x: np.nan_to_num(all_nan(x)) + 7, nan="spreads").finding


@pytest.mark.parametrize("declared", [{"exp": "base-2"}, {"sigmoid": "tanh"}, {"loss": "difference"}])
def test_a_declaration_does_not_hide_a_bug(declared):
    def hard_sigmoid(x):
        return np.clip(x / 6 + np.float32(0.5), 0, 1)

    def forgotten_maximum(x, *, target, reduction):
        losses = x.max(axis=1) - x[np.arange(len(x)), target]
        return np.asarray(losses.mean() if reduction == "mean" else losses.sum(), x.dtype)

    for op, function in (("sigmoid", hard_sigmoid), ("softmax_cross_entropy", forgotten_maximum)):
        with pytest.raises(Disagreement):
            check(op, forward=function, declares=Declaration(**declared))


def test_whole_numbers_stay_exact_where_a_running_mean_divides_by_two_alone():
    line = "batch_norm2d_train.forward float32 integers contiguous seed=14 N=1 C=1 H=1 W={} eps=0"
    for width, exact in ((2, True), (4, False)):
        case = parse(line.format(width))
        ((_, allowance),) = expectation(case, *arrays_of(case), Declaration(variance="welford"))
        assert (not allowance.bound.any()) == exact
