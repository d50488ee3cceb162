import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref.errors import OptionError
from nnref.oracle import OPERATIONS, arrays_of, cases, parse
from nnref.oracle.case import DTYPES, LAYOUTS, MODES
from nnref.oracle.data import dtype_of, laid_out

LINE = (
    "conv2d.backward float32 normal strided seed=7 "
    "N=1 groups=2 Cg=1 Kg=1 H=5 W=4 kernel=3,1 stride=1,1 padding=0,1,0,0 dilation=1,1 bias=1"
)
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
]


@pytest.mark.parametrize(("line", "what"), BAD_LINES)
def test_a_bad_line_is_refused(line, what):
    with pytest.raises(OptionError, match=f"^parse: {what} must be .*, got "):
        parse(line)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(), (0, 2), (3,), (2, 3, 4, 5)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_layout_changes_memory_and_not_values(layout, shape, dtype):
    array = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    view = laid_out(array, layout)
    assert np.array_equal(view, array)
    assert view.dtype == array.dtype
    assert not np.may_share_memory(view, array)
    assert view.flags.writeable == (layout != "readonly")
    if array.size > 1:
        assert view.flags.aligned == (layout != "misaligned")
        assert view.flags.c_contiguous == (layout not in ("strided", "reversed"))


def test_modes_are_refused_by_name():
    with pytest.raises(OptionError, match="cases: modes must be among integers"):
        cases("conv2d", modes=("strange",))
    with pytest.raises(OptionError, match="cases: op must be one of"):
        cases("conv3d")
    with pytest.raises(OptionError, match="cases: direction must be among forward"):
        cases("fold_conv_batch_norm", direction="backward")


@pytest.mark.parametrize("op", ["conv2d", "max_pool2d", "batch_norm2d_train", "softmax_cross_entropy"])
@pytest.mark.parametrize("mode", MODES)
@given(data=st.data())
def test_special_values_are_in_one_array_and_others_nowhere(op, mode, data):
    case = data.draw(cases(op, modes=(mode,)))
    arrays, _ = arrays_of(case)
    strange = [name for name, a in arrays.items() if a is not None and not np.isfinite(a).all()]
    assert len(strange) <= (1 if mode == "special" else 0)
