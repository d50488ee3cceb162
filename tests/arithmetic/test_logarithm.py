"""Logarithms of rationals and degrees of formulas, compared with what they stand for."""

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref.arithmetic import Degree, Logarithm, Polynomial, decimal, fifty_digits, rational

numbers = st.builds(lambda q, negative: Logarithm(rational(q), negative), st.integers(2, 50), st.booleans())


def value(x: Logarithm) -> object:
    return decimal(x.q).ln() * x.sign


@given(numbers)
@pytest.mark.parametrize("relation", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
def test_the_sign_decides_every_comparison_with_zero(relation, x: Logarithm) -> None:  # type: ignore[no-untyped-def]
    for zero in (0, 0.0, x.zero()):
        assert relation(x, zero) == relation(x.sign, 0)
        assert relation(zero, x) == relation(0, x.sign)
        assert relation(x.zero(), zero) == relation(0, 0)
    assert hash(x.zero()) == hash(0)


@given(numbers, st.sampled_from([-3, -2, -1, 1, 2, 3]))
def test_multiples_have_the_powers_for_exponentials(x: Logarithm, times: int) -> None:
    exponential = x.q**times if x.sign > 0 else (1 / x.q) ** times
    assert (x * times).exp() == (times * x).exp() == exponential
    assert (x * times).expm1() == exponential - 1
    assert (-x).exp() * x.exp() == 1
    assert abs(x).exp() == x.q


@pytest.mark.parametrize("times", [-2, -1, 1, 2])
def test_every_multiple_of_zero_is_zero(times: int) -> None:
    zero = Logarithm(rational(3)).zero()
    assert (zero * times, -zero, abs(zero)) == (0, 0, 0)


def test_equal_ones_are_equal_and_others_are_not() -> None:
    with fifty_digits():
        three, again, less = Logarithm(rational(3)), Logarithm(rational(3)), Logarithm(rational(3), negative=True)
        assert three == again
        assert hash(three) == hash(again)
        assert three not in (less, Logarithm(rational(2)), value(three), 1, None)


@given(st.integers(0, 3), st.integers(0, 3))
def test_degrees_of_powers_and_products_are_those_of_polynomials(m: int, n: int) -> None:
    x, y = Polynomial.variable("x"), Polynomial.variable("y")
    formula, degree = x**m * y**n + 1, Degree(1) ** m * Degree(1) ** n + 1
    assert max(formula.degree, 0) == degree.above
    assert (Degree(1) ** -m).below == m
