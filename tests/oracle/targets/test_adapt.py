"""A kernel with fewer options, or with other names for them, is a target."""

import inspect
import pickle

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import nnref
from nnref import OptionError, oracle
from nnref.oracle import arrays_of, parse
from nnref.oracle.operations import OPERATIONS
from nnref.oracle.search.search import search
from nnref.oracle.targets.call import call
from nnref.oracle.targets.resolve import resolve
from tests.bugs.registry import run_script

RIGHT = resolve("nnref")
ROWS = [name for name, row in OPERATIONS.items() if row.assemble is None]
PLAIN = {"groups": "1", "stride": "1,1", "padding": "0,0,0,0", "dilation": "1,1", "bias": "0"}
LINE = "conv2d.{} float32 integers contiguous seed=1 N=1 groups={groups} Cg=1 Kg=1 H=5 W=4 kernel=2,2 "
LINE += "stride={stride} padding={padding} dilation={dilation} bias={bias}"


def answer(adapted, direction="forward", **fields):
    case = parse(LINE.format(direction, **PLAIN | fields))
    return call(adapted, case, *arrays_of(case))


def lacking(op, function, option):
    """nnref's function, without one of its options."""

    def kernel(*arrays, **options):
        assert option not in options
        geometry = {"kernel": options.get("kernel_size")}
        return function(*arrays, **options, **{option: OPERATIONS[op].neutral(geometry)[option]})

    names = [name for name in OPERATIONS[op].option_names if name != option]
    kernel.__signature__ = inspect.signature(eval(f"lambda {', '.join(['*arrays', *names])}: None"))
    return kernel


@given(st.data())
def test_an_option_that_a_kernel_lacks_is_left_out_where_it_is_neutral_and_else_refused(data):
    op = data.draw(st.sampled_from(ROWS))
    case = data.draw(oracle.cases(op, modes=("integers", "normal")))
    neutral = OPERATIONS[op].neutral(case.geometry)
    assume(neutral)
    option = data.draw(st.sampled_from(sorted(neutral)))
    arrays, options = arrays_of(case)
    function = getattr(RIGHT, case.function)
    got = call(oracle.adapt(lacking(op, function, option)), case, arrays, options)
    if options[option] != neutral[option]:
        assert got.unsupported == f"kernel takes no {option}"
        return
    outputs, right = got.outputs, call(function, case, arrays, options).outputs
    assert [a is None for a in outputs] == [a is None for a in right]
    assert all(a.tobytes() == b.tobytes() for a, b in zip(outputs, right, strict=True) if a is not None)


def ints(image, kernel, stride=1, padding=0):
    assert type(stride) is type(padding) is int
    return nnref.conv2d(image, kernel, stride=stride, padding=padding)


def pairs(w, x, *, padding=(0, 0), b=None, **options):
    assert type(padding[0]) is int
    return nnref.conv2d(x, w, b, padding=padding, **options)


def annotated(x, weight, bias, stride: "int", padding):
    assert type(stride) is int
    assert type(padding[0]) is tuple
    return nnref.conv2d(x, weight, bias, stride=stride, padding=padding)


NAMES = {"weight": "w", "bias": "b"}
CALLS = [  # a kernel, what adapt is told, fields of a case, and whether the kernel takes it
    (ints, {}, {}, True),
    (ints, {}, {"stride": "2,2", "padding": "1,1,1,1"}, True),
    (ints, {}, {"stride": "2,1"}, False),
    (ints, {}, {"padding": "1,1,0,0"}, False),
    (ints, {}, {"bias": "1"}, False),
    (ints, {}, {"groups": "2"}, False),
    (ints, {}, {"dilation": "2,2"}, False),
    (pairs, {"rename": NAMES}, {"stride": "2,1", "padding": "1,1,0,0", "bias": "1", "groups": "2"}, True),
    (pairs, {"rename": NAMES}, {"padding": "1,0,0,0"}, False),
    (pairs, {"rename": NAMES, "forms": {"stride": "int"}}, {"stride": "2,2"}, True),
    (pairs, {"rename": NAMES, "forms": {"stride": "int"}}, {"stride": "2,1"}, False),
    (annotated, {}, {"stride": "2,2", "padding": "1,0,0,2", "bias": "1"}, True),
    (annotated, {}, {"stride": "2,1"}, False),
]


@pytest.mark.parametrize(("kernel", "given", "fields", "taken"), CALLS)
def test_options_have_the_form_that_the_signature_suggests(kernel, given, fields, taken):
    got = answer(oracle.adapt(kernel, **given), **fields)
    assert got.finding is None
    assert (got.unsupported is None) == taken
    if taken:
        right = answer(nnref.conv2d, **fields)
        assert got.outputs[0].tobytes() == right.outputs[0].tobytes()


def gradients(dy, x, w, stride=(1, 1)):
    return nnref.conv2d_backward(dy, x, w, stride=stride)[:2]


def test_a_gradient_of_what_a_kernel_does_not_take_is_none():
    got = answer(oracle.adapt(gradients), "backward", stride="2,1")
    assert got.finding is None
    assert [a is None for a in got.outputs] == [False, False, True]
    assert answer(oracle.adapt(lambda dy, x, w: (dy,)), "backward").outputs[1:] == ()  # judged as it is


def test_a_single_gradient_needs_no_tuple():
    (result,) = oracle.check("relu", backward=oracle.adapt(lambda dy, x: nnref.relu_backward(dy, x)[0]), max_examples=6)
    assert result.status == "passed"


def of_2(x):
    return nnref.max_pool2d(x, kernel_size=2)


def test_what_is_built_in_is_told_by_fixed():
    row = search(oracle.adapt(of_2, fixed={"kernel_size": 2}), "max_pool2d", "forward", max_examples=6)
    assert row.judged > 100
    assert not row.failures
    row = search(oracle.adapt(of_2, fixed={"kernel_size": 2, "stride": 1}), "max_pool2d", "forward", only_first=True)
    assert row.failures


def statistics_first(x, mean, var, weight, bias):
    return nnref.batch_norm2d(x, weight, bias, mean, var)


def entropy(logits, labels):
    return nnref.softmax_cross_entropy(logits, target=labels)


@pytest.mark.parametrize(
    ("op", "adapted"),
    [
        ("batch_norm2d", oracle.adapt(statistics_first)),  # arrays of their names first, then the others in order
        ("softmax_cross_entropy", oracle.adapt(entropy, rename={"target": "labels"})),
        ("relu", oracle.adapt(nnref.relu)),
    ],
)
def test_other_kernels(op, adapted):
    row = search(adapted, op, "forward", max_examples=6)
    assert row.judged > 50
    assert not row.failures


def turned(image, kernel, stride=1):
    return nnref.conv2d(image, kernel[..., ::-1], stride=stride)


def test_the_script_calls_the_kernel_itself():
    with pytest.raises(oracle.Disagreement) as caught:
        oracle.check("conv2d", oracle.adapt(turned), max_examples=0)
    assert "got = turned(x, weight, stride=1)\n" in caught.value.snippet
    with pytest.raises(AssertionError):
        run_script(caught.value.snippet, turned)
    run_script(caught.value.snippet, ints)


def passed_on(dy, x):
    return dy + 0


def test_the_script_of_a_wrong_gradient_alone():
    with pytest.raises(oracle.Disagreement) as caught:
        oracle.check("relu", backward=oracle.adapt(passed_on), max_examples=0)
    with pytest.raises(AssertionError):
        run_script(caught.value.snippet, passed_on)
    run_script(caught.value.snippet, nnref.relu_backward)


def test_a_file_is_a_target_with_adapted_kernels(tmp_path):
    file = tmp_path / "kernels.py"
    file.write_text(
        "import numpy as np\n"
        "from nnref import oracle\n"
        "@oracle.adapt\n"
        "def linear(inputs, matrix):\n"
        "    return np.ascontiguousarray(inputs @ matrix.T[:, ::-1])\n"
        "relu = oracle.adapt(lambda image: np.maximum(image, 0))\n"
    )
    report = oracle.conform(str(file), ["linear", "relu"], max_examples=6)
    by_name = {result.name: result for result in report.results}
    assert by_name["linear.forward"].status == "failed"
    assert "linear(x, weight)" in by_name["linear.forward"].failures[0].snippet
    assert by_name["relu.forward"].status == "passed"
    assert by_name["relu.backward"].status == "not implemented"


def test_an_adapted_kernel_can_be_sent_to_another_process():
    again = pickle.loads(pickle.dumps(oracle.adapt(ints, forms={"stride": "int"})))
    assert answer(again, stride="2,2").outputs[0].shape == (1, 1, 2, 2)


def padded(x, weight, pads, stride=1):
    return nnref.conv2d(x, weight, stride=stride, padding=pads)


BAD = [
    ("conv2d", lambda: oracle.adapt(3), "adapt: function must be a callable, got int"),
    ("conv2d", lambda: oracle.adapt(dict), "adapt: function must be a callable with a signature that Python can read"),
    ("conv2d", lambda: oracle.adapt(ints, rename={"strides": "stride"}), "adapt: rename must be of .*, got 'strides'"),
    ("conv2d", lambda: oracle.adapt(ints, rename={"stride": "s"}), "adapt: the name of stride must be one of the para"),
    ("conv2d", lambda: oracle.adapt(ints, forms={"x": "int"}), "adapt: forms must be of .*, got 'x'"),
    ("conv2d", lambda: oracle.adapt(ints, forms={"stride": "list"}), "adapt: the form of stride must be one of int, "),
    ("conv2d", lambda: oracle.adapt(ints, fixed={"size": 1}), "adapt: fixed must be of .*, got 'size'"),
    ("conv2d", lambda: oracle.adapt(ints, fixed={"stride": 1}), "adapt: fixed must be of options that ints does not t"),
    ("conv2d", lambda: oracle.adapt(padded), "adapt: the parameter pads of padded must be one of x, weight, bias, str"),
    ("conv2d", lambda: oracle.adapt(nnref.relu), "adapt: the signature of relu must be parameters for the arrays x, w"),
    (
        "max_pool2d",
        lambda: oracle.adapt(of_2),
        "adapt: kernel_size of max_pool2d must be a parameter of of_2, ",
    ),
]


@pytest.mark.parametrize(("op", "adapt", "message"), BAD)
def test_what_cannot_be_called_is_refused_before_the_search(op, adapt, message):
    with pytest.raises(OptionError, match=message):
        oracle.check(op, adapt())
