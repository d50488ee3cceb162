"""Variables in, derivatives out, compared with the formulas of linear maps."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref.arithmetic import Dual, Rational, derivative, dual_variables, gradient, rationals
from nnref.errors import DTypeError

small = st.lists(st.integers(-5, 5), min_size=12, max_size=12)


@given(small, small, st.lists(st.integers(-5, 5), min_size=9, max_size=9))
def test_gradients_of_a_matrix_product(a: list[int], b: list[int], c: list[int]) -> None:
    x, w = np.array(a, float).reshape(3, 4), np.array(b, float).reshape(4, 3)
    dy = rationals(np.array(c, float).reshape(3, 3))  # a random cotangent, not all ones
    xs, ws = dual_variables("x", rationals(x)), dual_variables("w", rationals(w))
    for y in (xs @ ws, np.einsum("ik,kj->ij", xs, ws)):
        loss = (dy * y).sum()
        assert gradient(loss, "x", x.shape).tolist() == (dy @ rationals(w).T).tolist()
        assert gradient(loss, "w", w.shape).tolist() == (rationals(x).T @ dy).tolist()


def test_derivative_of_an_array_is_a_column_of_the_jacobian() -> None:
    x = dual_variables("x", [3, 5])
    column = derivative(np.array([x[0] * x[1], x[1] ** 2, x[0]]), ("x", (1,)))
    assert column.tolist() == [3, 10, 0]
    assert derivative(x[0] * x[1], ("x", (1,))) == 3
    assert derivative(np.empty((0, 2), object), ("x", (1,))).shape == (0, 2)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], Rational),
        (np.arange(2), Rational),
        ([Fraction(1, 3)], Rational),
        (rationals([0.5]), Rational),
        ([Decimal("0.5")], Decimal),
        ([0.5], float),
    ],
)
def test_the_arithmetic_of_the_values(values: Any, kind: type) -> None:
    x = dual_variables("x", values)
    for index, element in np.ndenumerate(x):
        assert type(element.value) is kind
        assert element.value == values[index[0]]
        assert element.gradient == {("x", index): 1}
        assert type(element.partial(("x", index))) is kind
    assert type(gradient(x[0], "other", (1, 1))[0, 0]) is kind
    assert gradient(x[0], "other", (1, 1))[0, 0] == 0


def test_shapes() -> None:
    assert dual_variables("x", np.zeros((0, 3))).shape == (0, 3)
    scalar = dual_variables("x", np.float64(2.0))
    assert scalar.shape == ()
    assert gradient(scalar * scalar, "x", ()).item() == 4.0
    assert gradient(np.array([scalar.item()]), "x", ()).item() == 1.0


def test_what_is_no_dual_is_refused() -> None:
    with pytest.raises(DTypeError, match="gradient: y must be of Dual elements, got int"):
        gradient(3, "x", 2)
    with pytest.raises(DTypeError, match="gradient: y must be of Dual elements, got ndarray"):
        gradient(np.array([Dual(1.0), Dual(2.0)]), "x", 2)
    with pytest.raises(DTypeError, match="derivative: y must be of Dual elements, got float"):
        derivative(np.array([1.0]), ("x", (0,)))
