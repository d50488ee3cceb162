"""A search goes on behind a failure that it has found, and behind what a target refuses."""

import numpy as np
import pytest

import nnref
from nnref.oracle import Unsupported, parse
from nnref.oracle.cases.enumerated import large_windows
from nnref.oracle.findings import Finding
from nnref.oracle.operations import OPERATIONS
from nnref.oracle.search.known import PLAIN, explored, rank
from nnref.oracle.search.refusals import FORMS, Refusals
from nnref.oracle.search.search import search

F = np.float32


def found(function, op, direction="forward", **given):
    return search(function, op, direction, max_examples=24, **given)


def empty_refused(function):
    """A convention in front of bugs."""

    def wrong(*arrays, **options):
        if not len(arrays[0]):
            raise ValueError("an empty batch")
        return function(*arrays, **options)

    return wrong


def bias_of_linear_twice_and_a_wide_row_cut(x, weight, bias):
    y = nnref.linear(x, weight, bias)
    y = y if bias is None else y + bias
    y[:, 16:] = 0
    return y


def gradients_of_linear_turned_and_averaged(dy, x, weight, bias):
    dx, dweight, dbias = nnref.linear_backward(dy, x, weight, bias)
    return -dx, dweight / F(max(1, len(x))), dbias


def relu_without_nan_and_a_long_row_cut(x):
    y = np.nan_to_num(np.maximum(x, 0), nan=0.0, posinf=np.inf)
    y[..., 32:] = 0
    return y


def mean_beyond_4096_pixels_and_many_samples_cut(x):
    y = nnref.global_avg_pool2d(x)
    y[8:] = 0
    return y if x.shape[3] < 64 else y * F(1.5)


def scale_and_shift_of_many_channels(x, gamma, beta, mean, var, *, eps):
    y = nnref.batch_norm2d(x, gamma, beta, mean, var, eps=eps)
    y[:, 32:] = 0
    return y if x.shape[2] < 9 else y + 1


COMBINED = [  # a function, its operation and direction, what its failures must show one by one
    (
        bias_of_linear_twice_and_a_wide_row_cut,
        "linear.forward",
        (lambda g: g["bias"] == (1,), lambda g: g["K"][0] > 16 and g["bias"] == (0,)),
    ),
    (relu_without_nan_and_a_long_row_cut, "relu.forward", (lambda g: g["W"][0] > 32, lambda g: g["W"][0] == 1)),
    (
        mean_beyond_4096_pixels_and_many_samples_cut,
        "global_avg_pool2d.forward",
        (lambda g: g["N"][0] > 8, lambda g: g["W"][0] >= 64),
    ),
    (scale_and_shift_of_many_channels, "batch_norm2d.forward", (lambda g: g["C"][0] > 32, lambda g: g["H"][0] >= 9)),
]


@pytest.mark.parametrize("convention", [False, True], ids=["alone", "behind a convention"])
@pytest.mark.parametrize(("function", "row", "shows"), COMBINED, ids=[row[1] for row in COMBINED])
def test_bugs_in_one_function_are_all_found_in_one_run(function, row, shows, convention):
    op, direction = row.split(".")
    result = found(empty_refused(function) if convention else function, op, direction)
    geometries = [failure.case.geometry for failure in result.failures if failure.case.geometry["N"] != (0,)]
    assert all(any(shown(g) for g in geometries) for shown in shows), [str(f.case) for f in result.failures]
    assert ("refused" in result.answers("empty_batch")[0]) == convention
    ranks = [rank(failure.case, failure.finding) for failure in result.failures]
    assert ranks == sorted(ranks)


def square_weight_turned_and_a_ninth_output_left_out(x, weight, bias):
    square = len(weight) == weight.shape[1]
    y = nnref.linear(x, np.ascontiguousarray(weight.T) if square else weight, bias)
    if weight.shape[1] > 1:
        y[:, 8:] = 0
    return y


def test_what_shows_on_equal_sizes_alone_hides_no_bug_of_others():
    result = found(square_weight_turned_and_a_ninth_output_left_out, "linear")
    sizes = [(f.case.geometry["C"][0], f.case.geometry["K"][0]) for f in result.failures]
    assert any(c == k for c, k in sizes)
    assert any(k > 8 and c != k for c, k in sizes)


def test_a_wrong_gradient_does_not_hide_another_one():
    result = found(gradients_of_linear_turned_and_averaged, "linear", "backward")
    assert {failure.finding.subject for failure in result.failures} == {"dx", "dweight"}


@pytest.mark.parametrize("op", ["relu", "linear", "avg_pool2d", "sigmoid"])
def test_what_is_wrong_everywhere_is_one_failure(op):
    result = found(lambda *arrays, **options: getattr(nnref, op)(*arrays, **options) * F(1.25), op)
    (failure,) = [f for f in result.failures if rank(f.case, f.finding) == PLAIN]
    assert failure.case.geometry["N"] == (1,)


def test_a_known_failure_is_passed_over_up_to_an_exchange_of_axes_and_of_sides():
    line = "max_pool2d.forward float32 integers contiguous seed=1 N=1 C=1 H={} W={} kernel={} stride=1,1 padding={} "
    line += "dilation=1,1 ceil_mode=0"

    def wrong(case):
        g = case.geometry
        return [finding] if max(g["padding"]) > 0 and max(g["kernel"]) > 1 else []

    finding = Finding("value", "y", expected=1.0, got=0.0)
    known = explored(parse(line.format(2, 1, "2,1", "1,0,0,0")), [finding], ("integers",), wrong)
    for again in (("2", "3", "2,1", "0,1,0,0"), ("1", "2", "1,2", "0,0,0,1"), ("5", "5", "3,3", "1,1,1,1")):
        assert known.covers(parse(line.format(*again)), finding)
    for other in (("5", "5", "3,3", "0,0,0,0"), ("5", "5", "1,1", "0,0,0,0")):
        assert not known.covers(parse(line.format(*other)), finding)


def refusing(function, *refused):
    """A target that has no such options."""

    def partial(x, weight, bias, *, stride, padding, dilation, groups):
        uneven = padding[0][0] != padding[0][1] or padding[1][0] != padding[1][1]
        asked = {"groups": groups > 1, "dilation": max(dilation) > 1, "uneven": uneven, "empty": not len(x)}
        if why := [name for name in refused if asked[name]]:
            raise Unsupported(why[0])
        return function(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)

    return partial


def swapped_stride(x, weight, bias, *, stride, **options):
    return nnref.conv2d(x, weight, bias, stride=stride[::-1], **options)


def test_a_bug_behind_refusals_is_found_and_the_share_is_told():
    result = found(refusing(swapped_stride, "groups", "dilation", "uneven", "empty"), "conv2d")
    assert result.failures
    assert all("stride" in str(failure.hint) for failure in result.failures if failure.hint)
    assert result.replaced > 100
    assert result.share < 0.9


def test_a_row_of_which_little_was_judged_is_not_called_passed():
    def only_one_geometry(x):
        if x.shape != (1, 1, 2, 2):
            raise Unsupported("another size")
        return nnref.relu(x)

    def nothing_refused(x):
        return nnref.relu(x)

    assert found(nothing_refused, "relu").verdict == "passed"
    result = found(only_one_geometry, "relu")
    assert result.status == "partly" if result.judged else "unsupported"


@pytest.mark.parametrize("op", [name for name, operation in OPERATIONS.items() if operation.windowed])
def test_the_nearest_form_is_found_whatever_single_form_is_needed(op):

    cases = [
        c for c in large_windows(OPERATIONS[op], "forward", "float32", ("integers",)) if any(c.geometry["padding"])
    ]
    for needed in ("even padding", "no dilation", "square stride", "no padding"):
        refusals, form = Refusals(), FORMS[needed]
        refused = [case for case in cases if form(case.geometry) != case.geometry]
        for case in refused:
            nearby = refusals.nearest(case, lambda c, form=form: form(c.geometry) != c.geometry)
            assert nearby is not None
            assert form(nearby.geometry) == nearby.geometry
            assert OPERATIONS[op].fits(nearby.geometry)
