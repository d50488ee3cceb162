"""Decimal helpers: contexts, exact conversion, and no cancellation."""

from __future__ import annotations

import decimal as stdlib
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref.arithmetic import decimal, decimals, expm1, fifty_digits, log1p, rationals
from nnref.errors import DTypeError, OptionError

numbers = st.builds(
    lambda digits, exponent: Decimal(f"{digits}e{exponent - 10}"),
    st.integers(-(10**10), 10**10),
    st.integers(-60, 2) | st.just(-200),
)


def expm1_by_series(x: Decimal) -> Decimal:
    """x + x^2 / 2! + x^3 / 3! + ..., in the current context."""
    total, term = Decimal(0), Decimal(1)
    for n in range(1, 700):
        term = term * x / n
        total += term
    return total


@given(numbers)
def test_expm1_has_every_digit(x: Decimal) -> None:
    with fifty_digits(400):
        exact = expm1_by_series(x)
    with fifty_digits():
        assert abs(expm1(x) - exact) <= abs(exact) * Decimal("1e-49")


@given(numbers.filter(lambda x: abs(x) < 50))
def test_log1p_undoes_expm1(x: Decimal) -> None:
    with fifty_digits(120):
        y = expm1(x)
    with fifty_digits():
        assert abs(log1p(y) - x) <= abs(x) * Decimal("1e-49")


@pytest.mark.parametrize("exponent", [*range(-60, -29), -200, -2000, -(10**12)])
def test_small_arguments_follow_the_series(exponent: int) -> None:
    with fifty_digits():
        x = Decimal(f"3e{exponent}")  # the term in x^3 is below the last digit
        assert expm1(x) == x + x * x / 2
        assert log1p(x) == x - x * x / 2


@pytest.mark.parametrize("function", [expm1, log1p])
def test_zero_is_a_fixed_point(function) -> None:  # type: ignore[no-untyped-def]
    assert function(Decimal(0)) == 0


def test_the_ends_of_the_line() -> None:
    with fifty_digits():
        assert expm1(Decimal("-inf")) == -1
        assert expm1(Decimal("inf")) == Decimal("inf")
        assert expm1(Decimal("-1e30")) == -1
        assert 0 < Decimal("-1e6").exp() < Decimal("1e-400000")


def test_fifty_digits_is_local() -> None:
    before = stdlib.getcontext().prec
    with fifty_digits():
        assert len(str(Decimal(1) / 3)) == 52  # "0." and the digits
        with fifty_digits(5):
            assert str(Decimal(1) / 3) == "0.33333"
        assert len(str(Decimal(1) / 3)) == 52
    assert stdlib.getcontext().prec == before


def test_no_value_is_an_error_not_a_nan() -> None:
    with fifty_digits():
        with pytest.raises(stdlib.InvalidOperation):
            Decimal("inf") - Decimal("inf")
        with pytest.raises(stdlib.DivisionByZero):
            Decimal(1) / 0
        assert Decimal(3) > float("-inf")  # max pooling compares with it


@pytest.mark.parametrize("digits", [0, -1, 1.5, "50", True])
def test_digits_are_a_count(digits: Any) -> None:
    with (
        pytest.raises(OptionError, match="fifty_digits: digits must be an int, at least 1, got"),
        fifty_digits(digits),
    ):
        pass


@given(st.floats(allow_nan=False))
def test_a_float_enters_by_its_exact_value(x: float) -> None:
    assert decimal(x) == x
    if math.isfinite(x):
        assert Fraction(decimal(x)) == Fraction(x)


def test_fractions_are_rounded_to_the_context() -> None:
    with fifty_digits(5):
        expected = [Decimal("0.33333")] * 3
        thirds = [*rationals(["1/3"]), Fraction(1, 3), "0.33333"]
        assert decimals(np.array(thirds, object)).tolist() == expected


def test_a_longdouble_enters_by_its_exact_value() -> None:
    x = np.longdouble(1) / 3
    with fifty_digits(100):
        assert Fraction(decimal(x)) == Fraction(*x.as_integer_ratio())


def test_arrays_keep_shape_and_are_decimal() -> None:
    for array in (np.ones((2, 0)), np.ones((2, 1), np.float32), np.float64(0.5), np.arange(3)):
        result = decimals(array)
        assert result.shape == array.shape
        assert result.dtype == object
        assert all(type(x) is Decimal for x in result.flat)
        assert result.tolist() == array.tolist()


@pytest.mark.parametrize(("value", "error"), [("one", OptionError), (None, DTypeError), (1j, DTypeError)])
def test_what_is_no_number_is_refused(value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="decimal: value must be"):
        decimal(value)
    assert decimal("nan").is_nan()


def test_numpy_calls_the_methods() -> None:
    with fifty_digits():
        assert str(np.exp(decimals([1]))[0]).startswith("2.71828182845904523536028747135266249")
        assert (np.sqrt(decimals([4, 9])) == [2, 3]).all()


@pytest.mark.parametrize("kind", [float, np.float16, np.float32, np.longdouble])
@pytest.mark.parametrize("special", ["inf", "-inf", "nan"])
def test_special_floats_of_every_width_are_special(kind: Any, special: str) -> None:
    assert str(decimal(kind(special))) == str(Decimal(special))
