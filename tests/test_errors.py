"""All refusals have the same wording."""

import numpy as np
import pytest

from nnref import errors
from nnref.errors import (
    DTypeError,
    OptionError,
    ShapeError,
    StateError,
    expect_count,
    expect_divisor,
    expect_shape,
    is_int,
    refuse,
)


@pytest.mark.parametrize(
    ("error", "base"),
    [(ShapeError, ValueError), (DTypeError, TypeError), (OptionError, ValueError), (StateError, RuntimeError)],
)
def test_every_error_is_one_of_python_s_own(error, base):
    assert issubclass(error, base)
    with pytest.raises(base, match=r"^f: x must be small, got 3$"):
        refuse(error, "f", "x", "small", 3)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((3,), ("N",)), ((0,), ("N",)), ((2, 3), ("N", 3)), ((2, 1, 5), (2, "C", 5)), ((), ())],
)
def test_fitting_shapes_pass(shape, expected):
    expect_shape("f", "x", np.zeros(shape), expected)


@pytest.mark.parametrize(
    ("shape", "expected", "message"),
    [
        ((3,), ("N", "C"), "f: x must be (N, C), got shape (3,)"),
        ((3, 2), ("C",), "f: x must be (C,), got shape (3, 2)"),
        ((3, 2), ("N", 4), "f: x must be (N, 4), got shape (3, 2)"),
        ((3, 0), ("N", "C"), "f: x must be (N, C), where only N may be 0, got shape (3, 0)"),
        ((1,), (), "f: x must be (), got shape (1,)"),
    ],
)
def test_others_are_refused(shape, expected, message):
    with pytest.raises(ShapeError) as caught:
        expect_shape("f", "x", np.zeros(shape), expected)
    assert str(caught.value) == message


def test_the_public_errors_are_the_four():
    classes = {name for name in errors.__all__ if name.endswith("Error")}
    assert classes == {"ShapeError", "DTypeError", "OptionError", "StateError"}


@pytest.mark.parametrize("one", [1, np.int8(1), np.uint64(1)])
def test_counts_come_out_as_ints_of_python(one):
    assert is_int(one)
    assert type(expect_count("f", "n", one)) is int
    assert type(expect_divisor("f", "n", one, "4 channels", 4)) is int


@pytest.mark.parametrize("other", [0, -1, True, np.True_, 1.0, np.float64(1), "1", None, np.array(1), [1]])
def test_what_is_no_count_is_refused(other):
    with pytest.raises(OptionError, match="f: n must be an int, at least 1, got "):
        expect_count("f", "n", other)
    with pytest.raises(OptionError, match="f: n must be a divisor of the 4 channels, got "):
        expect_divisor("f", "n", other, "4 channels", 4)
