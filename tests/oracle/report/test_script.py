"""The script of a failure fails where the target fails, for what was found, and a right function passes it."""

import sys

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.cli import main
from nnref.oracle import search
from nnref.oracle.arrays.layout import laid_out
from nnref.oracle.cases.case import LAYOUTS, layout_of
from nnref.oracle.report.script import snippet
from nnref.oracle.report.side_by_side import side_by_side
from nnref.oracle.targets.call import _global_state
from nnref.oracle.verdict.judge import Finding
from tests.bugs import BUGS, habits
from tests.bugs.registry import run_script

LINE = (
    "conv2d.forward {} {} {} seed=5 N=2 groups=1 Cg=2 Kg=2 H=3 W=4 kernel=2,1 stride=1,1 padding=0,1,0,0 "
    "dilation=1,1 bias=1"
)


def script(case, function):
    """As a campaign makes it."""
    finding = search.tester.Tester(function).verdict(case).finding
    return snippet(case, side_by_side(case, function), finding)


def seen_in_memory(a):
    """What a function sees of an array besides its values."""
    memory = a
    while isinstance(memory.base, np.ndarray):
        memory = memory.base
    low, _ = np.lib.array_utils.byte_bounds(memory)
    return a.strides, a.ctypes.data - low, a.flags.aligned, a.flags.writeable, memory.nbytes


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float64"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_script_makes_the_arrays_in_the_layout_of_the_case(layout, dtype):
    case, seen = oracle.parse(LINE.format(dtype, "normal", layout)), []

    def records(x, weight, bias, **options):
        seen.append([(a.tobytes(), a.dtype, *seen_in_memory(a)) for a in (x, weight, bias)])
        return nnref.conv2d(x, weight, bias, **options)

    source = script(case, records)
    seen.clear()
    run_script(source, records)
    arrays, _ = oracle.arrays_of(case)
    expected = [laid_out(a, layout_of(case, name)) for name, a in arrays.items()]
    assert seen == [[(a.tobytes(), a.dtype, *seen_in_memory(a)) for a in expected]]


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "contiguous"])
def test_a_script_fails_where_only_a_layout_shows_the_bug(layout):
    case, plain = (oracle.parse(LINE.format("float32", "integers", name)) for name in (layout, "contiguous"))
    if layout == "expanded":  # where the data repeat, such as the one pixel of an image
        case, plain = (case.but(geometry=case.geometry | {"H": (1,), "W": (1,)}) for case in (case, plain))
    usual = seen_in_memory(laid_out(oracle.arrays_of(plain)[0]["x"], "contiguous"))

    def wrong(x, *arrays, **options):
        return nnref.conv2d(x, *arrays, **options) + np.float32(seen_in_memory(x) != usual)

    if search.tester.Tester(wrong).verdict(case).finding is None:
        pytest.fail("the layout does not show")
    source = script(case, wrong)
    with pytest.raises(AssertionError):
        run_script(source, wrong)
    run_script(source, nnref.conv2d)
    run_script(script(plain, wrong), wrong)


def test_a_script_asserts_what_was_found_and_no_more():
    case = oracle.parse(
        "conv2d.backward" + LINE.format("float32", "integers", "contiguous").removeprefix("conv2d.forward")
    )

    def wrong(dy, x, weight, bias, **options):
        dx, dweight, dbias = nnref.conv2d_backward(dy, x, weight, bias, **options)
        return dx, dweight + 1, dbias

    source = script(case, wrong)
    assert source.count("assert") == 1
    assert source.count("expected = ") == 1
    assert "# dweight" in source
    assert "bound" not in source  # whole numbers are exact
    assert source.splitlines()[1].startswith("# dweight[")  # what was found


def test_where_nothing_is_promised_a_script_asserts_nothing():
    case = oracle.parse("relu.forward float32 special contiguous seed=0 N=1 C=1 H=2 W=2")
    case = next(c for c in map(case.with_seed, range(50)) if np.isnan(oracle.arrays_of(c)[0]["x"]).any())

    def drops_nan(x):
        return np.where(x > 0, x, np.float32(0))

    with pytest.raises(AssertionError):
        run_script(script(case, drops_nan), drops_nan)
    run_script(snippet(case, side_by_side(case, drops_nan, oracle.Declaration(nan="any"))), drops_nan)


def test_every_finding_of_state_is_asserted():
    case = oracle.parse("relu.forward float32 integers contiguous seed=0 N=1 C=1 H=1 W=1")
    side = side_by_side(case, nnref.relu)
    for what in _global_state():
        source = snippet(case, side, Finding("global state", what, "relu"))
        assert "np." in next(line for line in source.splitlines() if line.startswith("state ="))
        run_script(source, nnref.relu)


def test_a_script_that_may_pass_says_so():
    habits.KEPT.clear()
    (bug,) = [bug for bug in BUGS if "seventh" in bug.name]
    with pytest.raises(oracle.Disagreement, match="called again, this case passes") as caught:
        oracle.check(bug.op, forward=bug.function, max_examples=10)
    assert "this script may pass" in caught.value.snippet


TARGET = """
import numpy as np
import nnref
kept = np.zeros((1, 1, 1, 1), np.float32)
def relu(x):
    kept[...] = nnref.relu(x)
    return kept
def tanh(x):
    return nnref.tanh(x).astype(np.float64)
def max_pool2d(x, **options):
    return None
def linear(x, weight, bias):
    raise KeyError("no such kernel")
def conv2d(x, weight, bias, **options):
    return nnref.conv2d(x, weight, bias, **options) + 1
"""
ONE_PIXEL = "float32 integers contiguous seed=0 N=1 C=1 H=1 W=1"
SHOWN = [
    (f"relu.forward {ONE_PIXEL}", ["relu returned memory of an earlier result"]),
    (f"tanh.forward {ONE_PIXEL}", ["y must have dtype float32, got float64", "float64 of shape (1, 1, 1, 1)"]),
    (
        "max_pool2d.forward float32 integers contiguous seed=0 N=0 C=1 H=1 W=1 kernel=1,1 stride=1,1 padding=0,0,0,0 "
        "dilation=1,1 ceil_mode=0",
        ["y must be an array, got None", "x = empty, of shape (0, 1, 1, 1)", "got      None"],
    ),
    ("linear.forward float32 integers transposed seed=0 N=1 C=1 K=1 bias=0", ["raised KeyError", "got      nothing"]),
    (LINE.format("float32", "normal", "cropped"), ["must be", "expected\n    [[[["]),
]


@pytest.mark.parametrize(("line", "texts"), SHOWN, ids=[line.split(".")[0] for line, _ in SHOWN])
def test_repro_shows_what_was_found_in_eighty_columns(line, texts, tmp_path, monkeypatch, capsys):
    (tmp_path / "mine.py").write_text(TARGET, encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["repro", line, str(tmp_path / "mine.py")]) == 1
    out = capsys.readouterr().out
    assert out.startswith(line)
    assert all(text in out for text in texts), out
    assert all(len(row) <= 80 for row in out.splitlines()[1:] if not row.startswith("at "))  # a path may be long
    assert main(["repro", line, "nnref"]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "passed"
    assert "your_package" not in sys.modules
