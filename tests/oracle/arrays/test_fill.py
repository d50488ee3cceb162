"""Memory layouts, data that repeat, and special values in parameters."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref.oracle import OPERATIONS, arrays_of, cases, parse
from nnref.oracle.arrays.layout import laid_out
from nnref.oracle.cases.case import LAYOUTS, MODES, layout_of
from nnref.oracle.expectation.quantum import quantum_of

SHAPES = [(), (0, 2), (3,), (4, 3), (2, 3, 4, 5), (0, 3, 2, 2)]
BATCH_NORM = "batch_norm2d{}.{} float32 {} {} seed={} N=2 C=3 H=2 W=4 eps=0"
CONV = (
    "conv2d.{} float32 special contiguous seed={} N=2 groups=1 Cg=2 Kg=2 H=4 W=4 kernel=2,2 stride=1,1 "
    "padding={} dilation=1,1 bias={}"
)


def numbered(shape, dtype="float32"):
    return (np.arange(int(np.prod(shape)), dtype=dtype) + 1).reshape(shape)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_layout_changes_memory_and_not_values(layout, shape, dtype):
    array = numbered(shape, dtype)
    view = laid_out(array, layout)
    assert np.array_equal(view, array)
    assert view.dtype == array.dtype
    assert not np.may_share_memory(view, array)
    assert view.flags.writeable == (layout != "readonly")
    if array.size > 1:
        assert view.flags.aligned == (layout != "misaligned")


@pytest.mark.parametrize(
    ("layout", "strides"),
    [
        ("contiguous", (60, 20, 5, 1)),
        ("strided", (120, 40, 10, 2)),
        ("reversed", (60, 20, 5, -1)),
        ("readonly", (60, 20, 5, 1)),
        ("misaligned", (60, 20, 5, 1)),
        ("cropped", (5 * 6 * 7, 6 * 7, 7, 1)),
        ("transposed", (1, 2, 6, 24)),
        ("channels_last", (60, 1, 15, 3)),
        ("some_channels", (80, 1, 20, 4)),
        ("expanded", (60, 20, 5, 1)),  # nothing repeats
        ("broadcast", (60, 20, 5, 1)),
        ("mixed", (60, 20, 5, 1)),  # of an array without a case
    ],
)
def test_strides_are_those_of_the_layout(layout, strides):
    view = laid_out(numbered((2, 3, 4, 5)), layout)
    assert tuple(stride // view.itemsize for stride in view.strides) == strides


def test_every_layout_has_its_strides_tested():
    assert len(LAYOUTS) == len(set(LAYOUTS)) == 12


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_cropped_lies_in_the_middle_of_nan(shape):
    view = laid_out(numbered(shape), "cropped")
    whole = view.base
    assert whole.shape == tuple(extent + 2 for extent in shape)
    assert np.isnan(whole).sum() == whole.size - view.size


@pytest.mark.parametrize(
    ("shape", "repeated", "strides"),
    [((2, 3, 4, 5), (2, 3, 1, 1), (3, 1, 0, 0)), ((4, 3), (1, 3), (0, 1)), ((2, 3, 1, 1), (2, 3, 1, 1), (3, 1, 1, 1))],
)
def test_what_repeats_is_expanded(shape, repeated, strides):
    array = np.broadcast_to(numbered(repeated), shape)
    view = laid_out(array, "expanded")
    assert np.array_equal(view, array)
    assert view.flags.writeable
    wide = [axis for axis in range(len(shape)) if shape[axis] > 1]
    assert [view.strides[axis] // 4 for axis in wide] == [strides[axis] for axis in wide]


def test_nan_and_zeros_of_either_sign_are_told_apart_before_anything_is_expanded():
    assert 0 in laid_out(np.full((1, 1, 2, 2), np.nan, "f"), "expanded").strides
    zeros = np.array([[[[0.0, -0.0]]]], "f")
    view = laid_out(zeros, "expanded")
    assert view.tobytes() == zeros.tobytes()


@given(st.sampled_from(sorted(OPERATIONS)).flatmap(lambda op: cases(op, layouts=("expanded",))))
def test_the_cotangent_or_the_image_repeats_and_nothing_else_changes_shape(case):
    arrays, _ = arrays_of(case)
    assert {name: a if a is None else a.shape for name, a in arrays.items()} == case.shapes
    assert all(a is None or a.flags.c_contiguous for a in arrays.values())
    name = "dy" if case.direction == "backward" else "x"
    paired = case.function == "batch_norm2d_train" and case.mode in ("integers", "dyadic", "one_hot")
    if name in arrays and arrays[name].ndim > 1 and not paired:
        array = arrays[name]
        first = array[:1] if array.ndim == 2 else array[..., :1, :1]
        assert np.broadcast_to(first, array.shape).tobytes() == array.tobytes()


def test_a_batch_with_exact_roots_is_left_as_it_is():
    """μ ± s cannot be constant over a plane; the quantum holds for it."""
    line = BATCH_NORM.format("_train", "forward", "integers", "{}", 5)
    expanded, contiguous = (parse(line.format(layout)) for layout in ("expanded", "contiguous"))
    x = arrays_of(expanded)[0]["x"]
    assert x.tobytes() == arrays_of(contiguous)[0]["x"].tobytes()
    assert quantum_of(expanded) == quantum_of(contiguous) > 0
    assert set(np.unique(x.var(axis=(0, 2, 3)))) <= {1.0, 4.0, 9.0}


def digest(case):
    """Of a case's arrays, their places in memory, and its options."""
    arrays, options = arrays_of(case)
    found = hashlib.sha256()
    for name, a in arrays.items():
        found.update(repr((name, None if a is None else (a.shape, a.dtype.name, layout_of(case, name)))).encode())
        found.update(b"" if a is None else a.tobytes())
    for name, value in options.items():
        value = float(np.float32(value)) if name == "eps" else value  # as float32 has it, which lines now say
        found.update(repr((name, value.tolist() if isinstance(value, np.ndarray) else value)).encode())
    return found.hexdigest()[:16]


def test_old_lines_keep_their_bits():
    """Lines from before kinds of data and mixed layouts were written out, each behind the digest that it had then.

    In six of them ceil_mode meets padding as large as the kernel, and their cotangent has the windows that it has now.
    """
    lines = (Path(__file__).parent / "old_lines.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 300
    assert [line for line in lines if digest(parse(line[17:])) != line[:16]] == []


def strange(line):
    """Where a case holds what is not finite, as (name, kind)."""
    arrays, _ = arrays_of(parse(line))
    found = {(name, str(v)) for name, a in arrays.items() if a is not None for v in a.ravel() if not np.isfinite(v)}
    return {kind for kind in found if kind[0] not in ("x", "dy")}


PARAMETERS = [
    ("batch_norm2d.forward", {("gamma", "nan"), ("mean", "nan"), ("var", "nan")}, ("beta",)),
    ("batch_norm2d_train.backward", {("gamma", "nan")}, ("beta",)),
    ("linear.forward", {("weight", "nan")}, ("bias",)),
]


def only_added(*names):
    return {(name, kind) for name in names for kind in ("nan", "inf", "-inf")}


def test_parameters_hold_nan_and_what_is_only_added_infinities():
    for head, others, added in PARAMETERS:
        operation = OPERATIONS[head.split(".")[0]]
        fields = " ".join(f"{name}={','.join('2' for _ in least)}" for name, least in operation.least.items())
        fields = fields.replace("bias=2", "bias=1").replace("eps=2", "eps=0")
        seen = set().union(*(strange(f"{head} float32 special contiguous seed={seed} {fields}") for seed in range(64)))
        assert seen == others | only_added(*added), head


def test_a_weight_holds_nan_where_every_window_takes_all_of_it_and_none_is_padded():
    def seen(direction, padding, bias=1):
        return set().union(*(strange(CONV.format(direction, seed, padding, bias)) for seed in range(64)))

    assert seen("forward", "0,0,0,0") == {("weight", "nan")} | only_added("bias")
    assert seen("forward", "0,0,1,0") == only_added("bias")
    assert seen("backward", "0,0,0,0") == only_added("bias")
    assert seen("backward", "0,0,1,0", bias=0) == set()


@pytest.mark.parametrize("op", ["conv2d", "max_pool2d", "batch_norm2d", "batch_norm2d_train", "softmax_cross_entropy"])
@pytest.mark.parametrize("mode", MODES)
@given(data=st.data())
def test_special_values_are_in_one_array_and_others_nowhere(op, mode, data):
    case = data.draw(cases(op, modes=(mode,)))
    arrays, _ = arrays_of(case)
    holding = [name for name, a in arrays.items() if a is not None and not np.isfinite(a).all()]
    assert len(holding) <= (1 if mode == "special" else 0)
