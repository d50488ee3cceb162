"""The zeros, sums, constants and functions of every arithmetic."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from nnref.arithmetic import (
    Dual,
    MaxPlus,
    Polynomial,
    Rational,
    dual_variables,
    fifty_digits,
    max_plus,
    rationals,
    variables,
)
from nnref.numeric import constant, expm1, log, negative_infinity, sum_over, zeros

ELEMENTS = [
    (np.array([Fraction(1, 3)]), Fraction, Fraction(0)),
    (np.array([Decimal(3)]), Decimal, Decimal(0)),
    (rationals([1]), Rational, Rational(0)),
    (variables("x", 1), Polynomial, Polynomial(0)),
    (dual_variables("x", [3]), Dual, Dual(Rational(0))),
    (max_plus([3]), MaxPlus, MaxPlus(float("-inf"))),
]
NAN, INFINITY = float("nan"), float("inf")
every_element = pytest.mark.parametrize(("like", "kind", "zero"), ELEMENTS, ids=[e[1].__name__ for e in ELEMENTS])


@every_element
def test_zeros_are_of_the_arithmetic(like, kind, zero):
    made = zeros((2, 3), like)
    assert made.shape == (2, 3)
    assert made.dtype == object
    assert {type(element) for element in made.flat} == {kind}
    assert all(element == zero for element in made.flat)


@every_element
def test_an_empty_sum_is_the_zero_of_the_arithmetic(like, kind, zero):
    total = sum_over(like[:0], 0, like)
    assert type(total.item()) is kind
    assert total.item() == zero


@every_element
def test_zeros_ask_the_first_array_that_has_an_element(like, kind, zero):
    assert type(zeros((1,), like[:0], like)[0]) is kind


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.longdouble])
def test_zeros_and_constants_of_floats_keep_the_dtype(dtype):
    like = np.ones(1, dtype)
    assert zeros((2,), like).dtype == constant(1e-5, like).dtype == negative_infinity(like).dtype == dtype


@pytest.mark.parametrize(
    ("like", "expected"),
    [
        (np.array([Fraction(1, 3)]), Fraction(3, 4)),
        (rationals([1]), Rational(3, 4)),
        (np.array([Decimal(1)]), Decimal("0.75")),
        (variables("x", 1), Polynomial(Fraction(3, 4))),
        (dual_variables("x", [1]), Dual(Rational(3, 4))),
    ],
)
def test_a_constant_enters_exactly(like, expected):
    made = constant(0.75, like)
    assert type(made) is type(expected)
    assert made == expected


def test_minus_infinity_is_below_every_exact_element():
    assert negative_infinity(rationals([1])) < Rational(-(10**30))


@pytest.mark.parametrize("exponent", [0, -5, -20, -45])
def test_expm1_of_decimals_does_not_cancel(exponent):
    with fifty_digits():
        x = -(Decimal(10) ** exponent)
        series = sum(x**k / Decimal(np.prod(np.arange(1, k + 1).astype(object))) for k in range(1, 60))
        got = expm1(np.array([x]))[0]
        assert abs(got - series) <= abs(series) * Decimal("1e-48")  # sixty terms, each rounded at 50 digits


def test_log_is_ln_for_decimals_and_log_for_others():
    with fifty_digits():
        assert log(np.array([Decimal(1)]))[0] == 0
        derivative = log(dual_variables("x", np.array([Decimal(4)])))[0].partial(("x", (0,)))
    assert derivative == Decimal("0.25")
    assert log(np.array([1.0])) == 0
