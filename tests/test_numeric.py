"""dtype rules and the zeros and constants of every arithmetic."""

from decimal import Decimal
from fractions import Fraction

import ml_dtypes
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
from nnref.errors import DTypeError
from nnref.numeric import constant, expm1, layer_function, log, negative_infinity, sum_over, zeros

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


# layer_function


@layer_function
def twice(x, bias=None, *, option=1):
    """Doc."""
    return x + x if bias is None else (x + x, bias)


def test_it_keeps_name_and_docstring():
    assert twice.__name__ == "twice"
    assert twice.__doc__ == "Doc."


def test_zero_dimensional_results_are_arrays():
    assert isinstance(twice(np.float64(2)), np.ndarray)
    assert twice(np.float64(2)).shape == ()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_computes_in_float32(dtype):
    seen = []

    @layer_function
    def third(x):
        seen.append(x.dtype)
        return x / 3

    assert third(np.ones(1, dtype)).dtype == dtype
    assert seen == [np.float32]


def test_functions_get_contiguous_arrays():
    strides = []

    @layer_function
    def look(x):
        strides.append(x.strides)
        return x + 0

    look(np.ones((2, 3)).T)
    look(np.ones((6, 4))[::-2, ::2])
    assert strides == [(16, 8), (16, 8)]


@pytest.mark.parametrize(
    ("x", "got"),
    [
        ([1.0], "list"),
        (1.0, "float"),
        (None, "NoneType"),
        (np.array([1]), "int64"),
        (np.array([True]), "bool"),
        (np.array([1j]), "complex128"),
        (np.array(["a"]), "<U1"),
        (np.array(["2000-01-01"], "M8[D]"), r"datetime64\[D\]"),
        (np.ones(1, ml_dtypes.float8_e5m2), "float8_e5m2"),  # whose kind NumPy says is that of float16
        (np.ones(1, ml_dtypes.float8_e4m3fn), "float8_e4m3fn"),
    ],
)
def test_what_is_no_array_of_floats_is_refused(x, got):
    with pytest.raises(DTypeError, match=f"^twice: x must be an array of float16.*, got {got}$"):
        twice(x)


@pytest.mark.parametrize("bias", [np.ones(1, np.float32), np.ones(1, object), np.ones(1, np.float16)])
def test_mixed_dtypes_are_refused(bias):
    with pytest.raises(DTypeError, match=r"^twice: bias must be of the dtype of x, float64, got "):
        twice(np.ones(1), bias)


@pytest.mark.parametrize("element", [1, True, np.int64(1), 1.5, np.float32(1), NAN, INFINITY, 1j, "one", None])
def test_elements_that_leak_exactness_are_refused_wherever_they_are(element):
    mixed = np.array([Rational(1), element, float("-inf")], object)
    with pytest.raises(DTypeError, match=f"x must be an object array of exact elements.*got {type(element).__name__}$"):
        twice(mixed)


@every_element
def test_exact_elements_of_every_type_pass_and_so_does_a_maximum_of_no_pixel(like, kind, zero):
    assert twice(like).dtype == object
    assert twice(np.array([float("-inf")], object)) == float("-inf")
    assert zeros((), np.array([float("-inf"), *like])) == zero


def test_the_order_of_bytes_is_layout_and_no_dtype():
    foreign, native = np.array([1.5], ">f8"), np.array([1.5], "<f8")
    doubled, bias = twice(foreign, native)
    assert doubled.dtype == bias.dtype == np.float64
    assert doubled == 3
    with pytest.raises(DTypeError, match="bias must be of the dtype of x, float64, got float32"):
        twice(foreign, np.ones(1, ">f4"))


def test_an_unknown_argument_is_python_s_own_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        twice(np.ones(1), colour=3)
