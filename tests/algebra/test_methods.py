"""What each method puts into a law's arrays."""

import math
from fractions import Fraction

import numpy as np
import pytest

from nnref import OptionError, normalize2d, sigmoid
from nnref.algebra import prove
from nnref.algebra.given import Variance, variances
from nnref.algebra.methods import METHODS, Digits, Exponentials, IdentityTest, Orders, Symbolic, ZeroOne
from nnref.arithmetic import Degree, decimals, rational, variables


def test_zero_one_has_all_images_of_two_values() -> None:
    images = ZeroOne().image(1, 1, 2, 2)
    assert images.shape == (32, 1, 2, 2)
    assert len({tuple(image.flat) for image in images}) == 31  # the zero image occurs twice
    assert {int(value.numerator) for value in images.flat} == {-1, 0, 1}


def test_orders_has_all_orders_of_pixels_and_zero() -> None:
    images = Orders().image(1, 1, 1, 3)
    signed_orders = {(tuple(np.argsort(image.ravel().astype(float))), int((image < 0).sum())) for image in images}
    assert len(signed_orders) == math.factorial(3) * 4
    assert not np.any(images == 0)


def test_exponentials_are_exact_and_of_both_signs() -> None:
    x = Exponentials().image(1, 4)
    assert [str(element) for element in x[0]] == ["ln(2)", "-ln(2)", "ln(3)", "-ln(3)"]
    assert np.exp(x)[0].tolist() == [2, rational("1/2"), 3, rational("1/3")]
    assert sigmoid(x)[0].tolist() == [rational(value) for value in ("2/3", "1/3", "3/4", "1/4")]
    assert (x > 0).tolist() == [[True, False, True, False]]
    assert [str(-x[0, 0]), str(abs(x[0, 1])), str(-2 * x[0, 0])] == ["-ln(2)", "ln(2)", "-ln(4)"]
    with pytest.raises(TypeError):
        assert x[0, 0] < 1  # only its sign is known
    with pytest.raises(TypeError):
        x[0, 0] * 0.5


def test_too_few_points_for_the_degree_are_refused() -> None:
    assert prove("sigmoid-slope", {"points": 14}).verdict == "proved"
    with pytest.raises(OptionError, match=r"more than 13 points, because the law has degree 6 in .*, got 12"):
        prove("sigmoid-slope", {"points": 12})


@pytest.mark.parametrize("name", ["sigmoid-formula", "tanh-sigmoid", "sigmoid-slope", "tanh-slope-vanishes"])
def test_fifty_digits_agree_with_the_proofs_by_exponentials(name: str) -> None:
    assert prove(name, {"points": 40}, method="50 digits").verdict == "tested"


@pytest.mark.parametrize("layer", ["sigmoid", "tanh"])
def test_derivatives_agree_at_random_decimals_too(layer: str) -> None:
    assert prove(f"{layer}-gradient", {"x": (3, 5)}, method="50 digits").verdict == "tested"


def test_symbolic_names_its_variables() -> None:
    assert str(Symbolic().array("x", 1, 2)[0, 1]) == "x[0,1]"


def test_random_elements_are_repeated_by_their_seed() -> None:
    assert np.all(IdentityTest(3).array("x", 5) == IdentityTest(3).array("x", 5))
    assert np.any(IdentityTest(3).array("x", 5) != IdentityTest(4).array("x", 5))


def test_fifty_digits_agree_up_to_the_last_five() -> None:
    digits = Digits()
    one = decimals(["1", "1", "1e-60"])
    with digits.context():
        other = one + decimals(["1e-46", "1e-44", "1e-46"])
        assert digits.agree(one, other).tolist() == [True, False, True]


def test_every_method_says_what_it_covers() -> None:
    assert all(kind.covers and kind.beyond and kind.arithmetic for kind in METHODS.values())


def test_formal_variance_has_only_what_a_batch_norm_uses() -> None:
    var = variances(variables("r", 1), eps=0.5)
    assert (1 / np.sqrt(var + 0.5))[0] == variables("r", 1)[0]
    for wrong in (
        lambda: 1 / np.sqrt(var),
        lambda: 1 / (var + 0.5),
        lambda: 1 / np.sqrt(var + 0.25),
        lambda: 1 / np.sqrt(var + 0.5 + 0.5),
        lambda: 1 / np.sqrt(np.sqrt(var + 0.5)),
        lambda: 2 / np.sqrt(var + 0.5),
        lambda: 1 / Variance(rational(1), eps=0.5),
        lambda: var * var,
    ):
        with pytest.raises(TypeError):
            wrong()


@pytest.mark.parametrize(
    ("law", "degrees"),
    [
        (lambda x: x * x * x - x, (3, 0)),
        (lambda x: (x + 1) / x, (1, 1)),
        (lambda x: 1 / x + x, (2, 1)),
        (lambda x: -x / 3, (1, 0)),
        (lambda x: x.constant(7) * Fraction(1, 2), (0, 0)),
    ],
)
def test_degrees_of_rational_functions(law: object, degrees: tuple[int, int]) -> None:
    degree = law(Degree(1))  # type: ignore[operator]
    assert (degree.above, degree.below) == degrees


def test_degree_of_a_layer() -> None:
    x, gamma = np.full((1, 1, 1, 1), Degree(1), object), np.full(1, Degree(1), object)
    assert str(normalize2d(x, gamma, gamma, gamma, gamma)[0, 0, 0, 0]) == "Degree(3, 0)"
