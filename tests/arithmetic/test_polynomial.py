"""`Polynomial` is a commutative ring, and substitution a homomorphism out of it."""

from __future__ import annotations

import copy
import itertools
import operator
import pickle
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref.arithmetic import Polynomial, Rational, dual_variables, rational, rationals, variables

NAMES = ("a", "b", "x[0,10]")
X, Y = Polynomial.variable("x"), Polynomial.variable("y")
halves = st.integers(-8, 8).map(lambda n: Fraction(n, 2))
coefficients = st.integers(-4, 4) | halves
monomials = st.sampled_from([m for degree in range(4) for m in itertools.combinations_with_replacement(NAMES, degree)])


def from_terms(terms: list[tuple[tuple[str, ...], Any]]) -> Polynomial:
    total = Polynomial()
    for names, coefficient in terms:
        product = Polynomial(coefficient)
        for name in reversed(names):
            product = product * Polynomial.variable(name)
        total = total + product
    return total


polynomials = st.lists(st.tuples(monomials, coefficients), max_size=4).map(from_terms)
points = st.tuples(halves, halves, halves).map(lambda xs: dict(zip(NAMES, xs, strict=True)))


@given(polynomials, polynomials, polynomials)
def test_ring_laws(p: Polynomial, q: Polynomial, r: Polynomial) -> None:
    assert (p + q) + r == p + (q + r)
    assert (p * q) * r == p * (q * r)
    assert p + q == q + p
    assert p * q == q * p
    assert p * (q + r) == p * q + p * r
    assert p + p.zero() == p == 1 * p == p * p.constant(1)
    assert p - p == p.zero() == p * 0
    assert p - q == -(q - p)


@given(polynomials, polynomials)
def test_equal_polynomials_have_one_form(p: Polynomial, q: Polynomial) -> None:
    assert (p + q) * (p - q) == p * p - q * q  # the mixed terms cancel
    left, right = (p + q) ** 2, p * p + 2 * p * q + q * q
    assert left == right
    assert hash(left) == hash(right)
    assert repr(left) == repr(right)
    assert 0 not in left.terms.values()
    assert all(list(monomial) == sorted(monomial) for monomial in left.terms)
    assert pickle.loads(pickle.dumps(p)) == copy.deepcopy(p) == p


@given(polynomials, polynomials, points)
def test_substitution_is_a_homomorphism(p: Polynomial, q: Polynomial, point: dict[str, Fraction]) -> None:
    def at(r: Polynomial) -> Any:
        return r.substitute(point)

    assert at(p + q) == at(p) + at(q)
    assert at(p - q) == at(p) - at(q)
    assert at(p * q) == at(p) * at(q)
    assert at(p.constant(7)) == 7
    assert all(at(Polynomial.variable(name)) == value for name, value in point.items())


@given(polynomials, polynomials, points)
def test_substitution_of_a_polynomial_is_composition(p: Polynomial, q: Polynomial, point: dict[str, Fraction]) -> None:
    inner = {**point, "a": q.substitute(point)}
    assert p.substitute({"a": q}).substitute(point) == p.substitute(inner)


@given(polynomials, points)
def test_the_text_is_the_polynomial(p: Polynomial, point: dict[str, Fraction]) -> None:
    text = repr(p).replace("^", "**").replace("x[0,10]", "x").replace("/", " * one / ")
    scope = {**point, "x": point["x[0,10]"], "one": Fraction(1)}
    assert p.substitute(point) == eval(text, scope)


@given(polynomials, polynomials)
def test_derivative_obeys_the_rules(p: Polynomial, q: Polynomial) -> None:
    def d(r: Polynomial) -> Polynomial:
        return r.derivative("a")

    assert d(p + q) == d(p) + d(q)
    assert d(p * q) == d(p) * q + p * d(q)
    assert d(d(p).derivative("b")) == d(d(p)).derivative("b")
    chained = p.substitute({"b": q})
    assert d(chained) == d(p).substitute({"b": q}) + p.derivative("b").substitute({"b": q}) * d(q)


@given(polynomials, polynomials)
def test_degree_of_a_product_is_the_sum(p: Polynomial, q: Polynomial) -> None:
    if p and q:
        assert (p * q).degree == p.degree + q.degree
    assert (p * 0).degree == -1
    assert p.is_constant == (not p.names) == (p.degree <= 0)


@given(coefficients)
def test_constants_equal_their_numbers(c: Any) -> None:
    assert Polynomial(c) == c == rational(c)
    assert hash(Polynomial(c)) == hash(c)
    assert bool(Polynomial(c)) == bool(c)
    assert Polynomial(c) != X
    assert c != X


@given(polynomials, coefficients.filter(bool))
def test_division_by_a_number_undoes_the_product(p: Polynomial, c: Any) -> None:
    assert p / c * c == p == p * c / Polynomial(c)
    assert p / np.int64(3) == p * Fraction(1, 3)


@pytest.mark.parametrize(
    ("polynomial", "text"),
    [
        (Polynomial(), "0"),
        (Polynomial(Fraction(-1, 2)), "-1/2"),
        (1 - X, "-x + 1"),
        (3 * X * Y - Y**2 / 2 + 1, "3*x*y - 1/2*y^2 + 1"),
        (sum(variables("x", 11)[8:]), "x[8] + x[9] + x[10]"),
        (X**3 - X * Y * X, "x^3 - x^2*y"),
    ],
)
def test_text(polynomial: Polynomial, text: str) -> None:
    assert repr(polynomial) == text


def test_equality_with_floats_is_exact() -> None:
    assert Polynomial(Fraction(1, 2)) == 0.5
    assert Polynomial(Fraction(1, 10)) != 0.1
    assert Polynomial(0.75) == X.constant(0.75) == Fraction(3, 4)


@pytest.mark.parametrize("operation", [operator.add, operator.sub, operator.mul, operator.truediv])
@pytest.mark.parametrize("number", [0.5, np.float64(0.5), np.float32(0.5), Decimal("0.5")])
def test_arithmetic_with_a_float_is_refused(operation, number) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError):
        operation(X, number)
    with pytest.raises(TypeError):
        operation(number, Polynomial(3))


def test_what_has_no_meaning_is_refused() -> None:
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, np.maximum):
        with pytest.raises(TypeError, match="polynomials have no order"):
            compare(X, 0)
    with pytest.raises(ArithmeticError, match="division by x"):
        1 / X
    with pytest.raises(ZeroDivisionError):
        X / 0
    for power in (-1, 0.5, Fraction(1, 2)):
        with pytest.raises(TypeError):
            X**power
    with pytest.raises(TypeError):
        abs(X)


def test_terms_are_read_only() -> None:
    with pytest.raises(TypeError):
        X.terms[("x",)] = 2  # type: ignore[index]


def test_substitution_takes_every_arithmetic_that_divides() -> None:
    p = (X**2 + Y) / 2 + 1
    assert p.substitute({}) is p
    assert p.substitute({"x": 3}) == Y / 2 + Fraction(11, 2)
    assert type(p.substitute({"x": 3, "y": np.int64(4)})) is Rational
    assert p.substitute({"x": 3.0, "y": 4.0}) == 7.5
    assert p.substitute({"x": Decimal(3), "y": Decimal(4)}) == Decimal("7.5")
    u = dual_variables("u", [3, 4])
    q = p.substitute({"x": u[0], "y": u[1]})
    assert q == Fraction(15, 2)
    assert q.gradient == {("u", (0,)): 3, ("u", (1,)): Fraction(1, 2)}


@pytest.mark.parametrize(("shape", "first"), [((), "w"), (2, "w[0]"), ((2, 3), "w[0,0]"), ((1,) * 4, "w[0,0,0,0]")])
def test_variables_are_named_by_index(shape: Any, first: str) -> None:
    w = variables("w", shape)
    assert w.shape == np.empty(shape).shape
    assert w.flat[0] == Polynomial.variable(first)
    assert len(set(w.flat)) == w.size


def test_numpy_keeps_polynomials() -> None:
    x, w = variables("x", (2, 3)), variables("w", (3, 2))
    by_hand = [[sum(x[i, k] * w[k, j] for k in range(3)) for j in range(2)] for i in range(2)]
    assert (x @ w).tolist() == np.einsum("ik,kj->ij", x, w).tolist() == by_hand
    assert (x.mean(axis=1) * 3).tolist() == x.sum(axis=1).tolist()
    exact = rationals(np.arange(6.0).reshape(3, 2)) / 7
    assert (x @ exact)[0, 0] == (2 * x[0, 1] + 4 * x[0, 2]) / 7
    for result in (x * np.arange(3), exact.T * x, 1 - x, x / 9, -x, x**2, x - x):
        assert all(type(p) is Polynomial for p in result.flat)


def test_a_constant_equals_its_decimal_too() -> None:
    assert Polynomial(Fraction(1, 2)) == Decimal("0.5") == Polynomial(Fraction(1, 2))
    assert hash(Polynomial(Fraction(1, 2))) == hash(Decimal("0.5"))
    assert Polynomial(Fraction(1, 2)) != Decimal("NaN")


@given(polynomials, st.lists(st.sampled_from("xyz"), max_size=3))
def test_a_product_of_variables_divides_what_it_was_multiplied_with(p: Polynomial, names: list[str]) -> None:
    monomial = Polynomial(3)
    for name in names:
        monomial = monomial * Polynomial.variable(name)
    assert p * monomial / monomial == p


def test_a_quotient_that_is_not_a_polynomial_is_refused() -> None:
    x, y = Polynomial.variable("x"), Polynomial.variable("y")
    for above, below in ((x + 1, x), (x, x * x), (x * y, x + y), (Polynomial(1), x)):
        with pytest.raises(ArithmeticError, match="the quotient is not a polynomial"):
            above / below
    with pytest.raises(ZeroDivisionError):
        x / (x - x)
