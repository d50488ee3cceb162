from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref.errors import OptionError
from nnref.oracle import OPERATIONS, arrays_of, cases, parse
from nnref.oracle.cases.case import DTYPES, MODES
from nnref.oracle.cases.enumerated import enumerated
from nnref.oracle.dtypes import dtype_of

LINE = (
    "conv2d.backward float32 normal strided seed=7 "
    "N=1 groups=2 Cg=1 Kg=1 H=5 W=4 kernel=3,1 stride=1,1 padding=0,1,0,0 dilation=1,1 bias=1"
)
NETWORK = "network.forward float32 normal contiguous seed=0 layers=3,0,0,0,0,0,0,0 N=1 C=2 H=1 W=1 eps=1e-05"
any_case = st.sampled_from(sorted(OPERATIONS)).flatmap(cases)


@given(any_case)
def test_a_descriptor_is_one_line_and_is_read_back_exactly(case):
    assert "\n" not in str(case)
    assert parse(str(case)) == case


@given(any_case, st.sampled_from(DTYPES))
def test_arrays_follow_from_the_line(case, dtype):
    case = case.but(dtype=dtype)
    first, options = arrays_of(case)
    second, _ = arrays_of(parse(str(case)))
    shapes = case.operation.shapes(case.geometry)
    for name, array in first.items():
        if array is None:
            assert shapes[name] is None
            continue
        assert array.tobytes() == second[name].tobytes()
        assert array.dtype == dtype_of(dtype)
        assert name == "dy" or array.shape == shapes[name]
    assert all(isinstance(name, str) for name in options)


def test_a_line_keeps_its_meaning():
    """The data of a line are part of the format: these numbers must never change."""
    arrays, options = arrays_of(parse(LINE))
    assert options == {"stride": (1, 1), "padding": ((0, 1), (0, 0)), "dilation": (1, 1), "groups": 2}
    assert float(arrays["weight"][0, 0, 0, 0]).hex() == "-0x1.bd8b300000000p-2"
    assert float(arrays["dy"].sum(dtype=np.float64)).hex() == "-0x1.d5ef0e3800000p+7"


BAD_LINES = [
    ("", "line"),
    ("conv2d", "line"),
    (LINE.replace("conv2d", "conv3d"), "operation"),
    (LINE.replace("backward", "sideways"), "direction"),
    (LINE.replace("float32", "float8"), "dtype"),
    (LINE.replace("normal", "odd"), "mode"),
    (LINE.replace("strided", "twisted"), "layout"),
    (LINE.replace("H=5", "H=five"), "H"),
    (LINE.replace("H=5 ", ""), "fields"),
    (LINE.replace("kernel=3,1", "kernel=3"), "fields"),
    (LINE.replace("stride=1,1", "stride=0,1"), "fields"),
    (LINE.replace("H=5", "H=1"), "fields"),
    (LINE + " extra=1", "fields"),
    (LINE.replace("seed=7 ", ""), "line"),
    (LINE.replace("seed=7", "seed=7 seed=7"), "line"),
    (LINE.replace("seed=7", "seed=7,8"), "seed"),
    (LINE.replace("seed=7", "seed=-7"), "seed"),
    (LINE.replace("seed=7", f"seed={1 << 63}"), "seed"),
    (LINE.replace("seed=7", "seed=" + 5000 * "9"), "seed"),
    (LINE.replace("H=5", "H=5 H=5"), "line"),
    (LINE.replace("H=5", "H=6 H=5"), "line"),
    (LINE.replace("H=5", "H=٥"), "line"),
    (LINE.replace("H=5", "H=0_5"), "line"),
    (LINE.replace("H=5", "H=+5"), "line"),
    (LINE.replace("H=5", "H=05"), "line"),
    (LINE.replace("H=5", "H=1000000000000"), "fields"),
    (LINE.replace("H=5", "H=60000").replace("W=4", "W=60000"), "fields"),
    (LINE.replace("padding=0,1", "padding=0,60000000"), "fields"),
    (LINE.replace("padding=0,1", "padding=0,60000000").replace("stride=1", "stride=60000000"), "fields"),
    (NETWORK.replace("C=2", "C=100000"), "fields"),
    (NETWORK.replace("C=2", "C=10000"), "fields"),
]


@pytest.mark.parametrize(("line", "what"), BAD_LINES)
def test_a_bad_line_is_refused(line, what):
    with pytest.raises(OptionError, match=f"^parse: {what} must be .*, got "):
        parse(line)


def test_space_does_not_matter():
    assert str(parse(f"  {LINE.replace(' ', '   ')}\n")) == LINE
    assert str(parse(NETWORK)) == NETWORK


@pytest.mark.parametrize("op", OPERATIONS)
def test_what_every_run_visits_can_be_read(op):
    for direction in OPERATIONS[op].directions:
        for case in islice(enumerated(OPERATIONS[op], direction, "float32", MODES), 0, None, 50):
            assert parse(str(case)) == case


def test_modes_are_refused_by_name():
    with pytest.raises(OptionError, match="cases: modes must be among integers"):
        cases("conv2d", modes=("strange",))
    with pytest.raises(OptionError, match="cases: op must be one of"):
        cases("conv3d")
    with pytest.raises(OptionError, match="cases: direction must be among forward"):
        cases("fold_conv_batch_norm", direction="backward")


def test_eps_is_written_as_its_value_and_read_as_its_position_too():
    line = "batch_norm2d.forward float32 normal contiguous seed=3 N=1 C=1 H=1 W=2 eps={}"
    written = ("1e-05", "0.001", "0.01", "0.0001", "1e-07", "1e-05:float64")
    for position, text in enumerate(written):
        case = parse(line.format(position))
        assert str(case) == line.format(text)
        assert parse(str(case)) == case == parse(line.format(position + len(written)))
        number, _, exactly = text.partition(":")
        assert arrays_of(case)[1] == {"eps": float(number) if exactly else float(np.float32(number))}
    for text in ("0.5", "1e-5", "-1", "0_0", "nan", "1e-05,0.001", ""):
        with pytest.raises(OptionError, match="parse: eps must be"):
            parse(line.format(text))
