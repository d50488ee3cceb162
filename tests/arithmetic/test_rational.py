"""`Rational` agrees with `fractions.Fraction`, and never becomes a float."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref.arithmetic import Rational, rational, rationals
from nnref.errors import DTypeError, OptionError

fractions = st.fractions(max_denominator=60) | st.fractions() | st.integers().map(Fraction)
floats = st.floats(allow_nan=False, allow_infinity=False)
RING = [operator.add, operator.sub, operator.mul]
ORDER = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


def is_in_lowest_terms(q: Rational) -> bool:
    return q.denominator > 0 and math.gcd(q.numerator, q.denominator) == 1


@given(fractions, fractions)
def test_ring_operations_are_those_of_fraction(a: Fraction, b: Fraction) -> None:
    for operation in RING:
        for left, right in (rational(a), rational(b)), (rational(a), b), (a, rational(b)):
            result = operation(left, right)
            assert type(result) is Rational
            assert is_in_lowest_terms(result)
            assert result == operation(a, b)


@given(fractions, fractions.filter(bool))
def test_division_is_that_of_fraction(a: Fraction, b: Fraction) -> None:
    for left, right in (rational(a), rational(b)), (rational(a), b), (a, rational(b)):
        assert type(left / right) is Rational
        assert is_in_lowest_terms(left / right)
        assert left / right == a / b


@given(fractions.filter(bool), st.integers(-6, 6))
def test_powers_and_signs_are_those_of_fraction(a: Fraction, n: int) -> None:
    q = rational(a)
    for result, expected in (q**n, a**n), (-q, -a), (abs(q), abs(a)), (q ** np.int64(n), a**n):
        assert type(result) is Rational
        assert is_in_lowest_terms(result)
        assert result == expected


@given(fractions, fractions | floats | st.sampled_from([math.inf, -math.inf, math.nan]))
def test_comparisons_are_exact_with_floats_too(a: Fraction, b: Fraction | float) -> None:
    for compare in ORDER:
        assert compare(rational(a), b) == compare(a, b)
        assert compare(b, rational(a)) == compare(b, a)
        if isinstance(b, Fraction):
            assert compare(rational(a), rational(b)) == compare(a, b)


@given(fractions)
def test_equal_numbers_have_equal_hashes(a: Fraction) -> None:
    assert hash(rational(a)) == hash(a)
    assert {rational(a): "same"}[a] == "same"
    assert Fraction(rational(a)) == a
    assert float(rational(a)) == float(a)
    assert bool(rational(a)) == bool(a)


@given(fractions)
def test_sqrt_undoes_the_square(a: Fraction) -> None:
    assert (rational(a) ** 2).sqrt() == abs(a)


@pytest.mark.parametrize("value", ["2", "1/2", "-4", "4/3", "3/4"])
def test_sqrt_refuses_what_is_no_square(value: str) -> None:
    with pytest.raises(ArithmeticError, match=f"Rational.sqrt: {value} is not the square"):
        rational(value).sqrt()


@given(fractions)
def test_text_can_be_read_back(a: Fraction) -> None:
    assert eval(repr(rational(a))) == a
    assert rational(str(rational(a))) == a
    assert str(rational(a)) == str(a)


@given(fractions)
def test_copies_are_equal(a: Fraction) -> None:
    assert pickle.loads(pickle.dumps(rational(a))) == copy.deepcopy(rational(a)) == a


@given(floats)
def test_a_float_enters_by_its_exact_value(x: float) -> None:
    assert rational(x) == rational(0).constant(x) == Fraction(x)
    assert rational(Decimal(x)) == Fraction(x)


@pytest.mark.parametrize("operation", [*RING, operator.truediv, operator.pow])
@pytest.mark.parametrize("number", [0.5, np.float64(0.5), np.float32(0.5), Decimal("0.5"), "1/2"])
def test_arithmetic_with_a_float_is_refused(operation, number) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError):
        operation(Rational(1, 2), number)
    with pytest.raises(TypeError):
        operation(number, Rational(1, 2))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (math.inf, OptionError),
        (-math.inf, OptionError),
        (math.nan, OptionError),
        (np.float32("inf"), OptionError),
        ("one", OptionError),
        ("1/0", OptionError),
        (None, DTypeError),
        (1j, DTypeError),
    ],
)
def test_what_is_no_rational_number_is_refused(value: object, error: type[Exception]) -> None:
    with pytest.raises(error, match="rational: value must be"):
        rational(value)


def test_division_by_zero_is_refused() -> None:
    for attempt in (lambda: Rational(1) / 0, lambda: Rational(1, 0), lambda: Rational(0) ** -1):
        with pytest.raises(ZeroDivisionError):
            attempt()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble", "int64", "uint8"])
def test_arrays_of_every_dtype_enter_exactly(dtype: str) -> None:
    array = (np.arange(1, 7).reshape(2, 3) / 3).astype(dtype)
    exact = rationals(array)
    assert exact.dtype == object
    assert exact.shape == (2, 3)
    for q, x in zip(exact.flat, array.flat, strict=True):
        assert type(q) is Rational
        assert q == x
        is_int = isinstance(x, np.integer)
        assert q == (Fraction(int(x)) if is_int else Fraction(*x.as_integer_ratio()))


def test_arrays_without_elements_or_axes() -> None:
    assert rationals(np.zeros((0, 3))).shape == (0, 3)
    assert rationals(0.5).shape == ()
    assert rationals(0.5).dtype == object


def test_numpy_keeps_elements_exact() -> None:
    x = rationals(np.arange(-3.0, 3.0).reshape(2, 3)) / 7
    w = rationals(np.arange(6.0).reshape(3, 2)) / 3
    by_hand = [[sum(x[i, k] * w[k, j] for k in range(3)) for j in range(2)] for i in range(2)]
    assert (x @ w).tolist() == np.einsum("ik,kj->ij", x, w).tolist() == by_hand
    assert x.mean() == Fraction(-1, 14)
    assert np.sqrt(x * x).tolist() == abs(x).tolist()
    assert np.maximum(x, float("-inf")).tolist() == x.tolist()
    for result in (x @ w, x / np.int64(9), np.int64(2) * x, x**2, x.sum(axis=0), 1 - x, -x):
        assert all(type(q) is Rational for q in result.flat)


def test_numpy_has_no_exponential_of_a_rational() -> None:
    with pytest.raises(TypeError, match="exp"):
        np.exp(rationals([1]))


@pytest.mark.parametrize("sign", [1, -1])
def test_floor_and_ceiling_are_exact(sign: int) -> None:
    """Beyond 2⁵³, where a float would round."""
    large = sign * Fraction(2**60 * 3 + 1, 3)
    assert math.floor(rational(large)) == math.floor(large)
    assert math.ceil(rational(large)) == math.ceil(large)
