"""Claims for every shape: the true are proved, the false are refuted at a small shape, and the rest are neither."""

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from nnref import OptionError, ShapeError, avg_pool2d, conv2d, zero_pad2d
from nnref.algebra import Certificate, Claim, Refutation, Unproved, claims, prove, verify
from nnref.algebra.claims import symbols
from nnref.layers.conv_transpose2d import conv_transpose2d

pytest.importorskip("z3")
from nnref.algebra.every_shape import LEMMAS, Refused, prove_lemma, settled
from nnref.algebra.every_shape.method import counterexamples
from nnref.algebra.every_shape.parameters import at_numbers

WITH_SYMBOLS = sorted(name for name, claim in claims.items() if claim.every_shape)
SLOW = {"convs-compose", "pointwise-then-padded-conv", "conv-avg-pool"}  # seconds each
FALSE = [name for name in WITH_SYMBOLS if not claims[name].holds]
MADE_OF_PRODUCTS = [name for name in WITH_SYMBOLS if claims[name].holds and name not in SLOW]


@pytest.mark.parametrize("name", MADE_OF_PRODUCTS)
def test_is_proved(name: str) -> None:
    """Without the lemmas, which have a test of their own."""
    for case in claims[name].every_shape:
        outcome = settled(claims[name], case)
        assert outcome.found
        assert all(difference.equal for difference in outcome.found), outcome.found


@pytest.mark.parametrize("name", FALSE)
def test_is_refuted_at_a_small_shape(name: str) -> None:
    outcome = prove(name, method="every shape")
    assert isinstance(outcome, Refutation)
    assert verify(outcome)
    assert outcome.left != outcome.right


def test_at_least_forty_claims_have_symbols() -> None:
    assert len(WITH_SYMBOLS) >= 40
    polynomial = (
        "conv2d",
        "depthwise-conv2d",
        "conv-transpose2d",
        "linear",
        "avg-pool2d",
        "batch-norm2d",
        "normalize2d",
    )
    assert {f"{layer}-gradient" for layer in polynomial} <= {*WITH_SYMBOLS}


@pytest.mark.parametrize("name", LEMMAS)
def test_lemma_holds(name: str) -> None:
    assert prove_lemma(name).goals > 0


def test_a_certificate_says_what_it_covers_and_rests_on() -> None:
    outcome = prove("conv-batch-norm", method="every shape")
    assert isinstance(outcome, Certificate)
    symbols_ = {"N", "H", "W", "g", "C", "K", "kh", "kw", "sh", "sw", "dh", "dw", "top", "bottom", "left", "right"}
    assert symbols_ <= set(outcome.covers.replace(",", "").split())
    assert outcome.beyond == "rounding"
    assert all(f"{name} (" in outcome.rests_on for name in LEMMAS)
    assert "z3 " in outcome.rests_on
    assert len(outcome.evidence) == len(outcome.cases)


def test_a_certificate_is_verified_and_a_forged_one_is_not() -> None:
    outcome = prove("linear-conv", method="every shape")
    assert isinstance(outcome, Certificate)
    assert verify(outcome)
    assert not verify(dataclasses.replace(outcome, covers="all"))


# laws of one's own, most of them false


def own(law: Any, arguments: Any) -> Claim:
    return dataclasses.replace(claims["linear-conv"], name="own", law=law, arguments=arguments, every_shape=())


def image(given: Any, image: Any, channels: Any = 1) -> Any:
    return (given.image(1, channels, *image),)


def filtered(given: Any, image: Any, kernel: Any, **options: Any) -> Any:
    return given.image(1, 1, *image), given.array("F", 1, 1, *kernel, neutral=1), options


IMAGE: dict[str, Any] = {"image": ("H", "W"), "channels": "C"}
KERNEL: dict[str, Any] = {"image": ("H", "W"), "kernel": ("kh", "kw"), "where": ("H >= kh", "W >= kw")}
STRIDED = KERNEL | {"stride": ("sh", "sw")}
PADDED = KERNEL | {"padding": symbols.PADDING, "where": ("H + top + bottom >= kh", "W + left + right >= kw")}

DILATED = KERNEL | {"dilation": ("dh", "dw"), "where": ("H >= dh*(kh - 1) + 1", "W >= dw*(kw - 1) + 1")}


Law = tuple[Any, Any, dict[str, Any]]
TWO, THREE = IMAGE | {"where": ("W >= 2",)}, IMAGE | {"where": ("W >= 3",)}
SQUARE = {"image": ("H", "H"), "kernel": ("k", "k"), "where": ("H >= k",)}

HOLD_AT_SMALL_SHAPES: dict[str, Law] = {  # true at some shapes, and false at others
    "columns are rows": (lambda x: (x.sum(axis=2)[..., 0], x.sum(axis=3)[..., 0]), image, IMAGE),
    "one pixel": (lambda x: (x.sum(axis=(2, 3)), x[:, :, 0, 0]), image, IMAGE),
    "two pixels": (lambda x: (x.sum(axis=3), x[..., 0] + x[..., -1]), image, TWO),
    "three pixels": (lambda x: (x.sum(axis=3), x[..., 0] + x[..., 1] + x[..., 2]), image, THREE),
    "one channel": (lambda x: (x.sum(axis=1), x[:, 0]), image, IMAGE),
    "one row": (lambda x: (x, x.swapaxes(2, 3)), image, {"image": ("H", "H"), "channels": "C"}),
    "the last is the first": (lambda x: (zero_pad2d(x, padding=1)[:, :, 1, 1], x[:, :, -1, -1]), image, IMAGE),
    "an average of one": (lambda x: (avg_pool2d(x, kernel_size=x.shape[2:])[:, :, 0, 0], x[:, :, 0, 0]), image, IMAGE),
    "a kernel of one": (lambda x, f, o: (conv2d(x, f), conv2d(x, f[..., :1, :1]) * 1), filtered, KERNEL),
    "the corner of a kernel": (
        lambda x, f, o: (conv2d(x, f)[..., 0, 0], x[:, :, 0, 0] * f[0, :, 0, 0]),
        filtered,
        KERNEL,
    ),
    "one window": (lambda x, f, o: (conv2d(x, f, **o)[:, :, 0, 0], conv2d(x, f)[:, :, -1, -1]), filtered, STRIDED),
    "stride 1": (lambda x, f, o: (conv2d(x, f, **o).sum(), conv2d(x, f).sum()), filtered, STRIDED),
    "sums multiply": (lambda x, f, o: (conv2d(x, f).sum(), x.sum() * f.sum()), filtered, KERNEL),
    "full padding": (lambda x, f, o: (conv2d(x, f, **o).sum(), x.sum() * f.sum()), filtered, PADDED),
    "transposed": (lambda x, f, o: (conv_transpose2d(x, f).sum(), conv2d(x, f).sum()), filtered, KERNEL),
    "a flipped kernel": (lambda x, f, o: (conv2d(x, f), conv2d(x, f.swapaxes(2, 3))), filtered, SQUARE),
    "dilation 1": (lambda x, f, o: (conv2d(x, f, **o).sum(), conv2d(x, f).sum()), filtered, DILATED),
}


def verdicts(claim: Claim, case: dict[str, Any]) -> Iterator[str]:
    """The outcomes at small numbers."""
    sizes = {name: value for name, value in case.items() if name != "where"}
    for numbers in itertools.islice(counterexamples(case), 60):
        with contextlib.suppress(OptionError, ShapeError, ArithmeticError, ValueError):
            yield prove(claim, at_numbers(sizes, numbers), method="identity test").verdict


@pytest.mark.parametrize("name", HOLD_AT_SMALL_SHAPES)
def test_a_law_that_holds_at_small_shapes_is_not_proved(name: str) -> None:
    law, arguments, case = HOLD_AT_SMALL_SHAPES[name]
    outcome = settled(own(law, arguments), case)
    assert not all(difference.equal for difference in outcome.found)
    missing = {"tested", "refuted"}
    for verdict in verdicts(own(law, arguments), case):
        missing.discard(verdict)
        if not missing:
            return
    pytest.fail(f"this law is never {missing}")


def test_there_are_fifteen_such_laws() -> None:
    assert len(HOLD_AT_SMALL_SHAPES) >= 15


def test_a_law_that_is_refused_somewhere_is_not_proved() -> None:
    def law(x: Any, f: Any, o: Any) -> Any:
        return conv2d(x, f), conv2d(x, f)

    without = {name: value for name, value in KERNEL.items() if name != "where"}
    with pytest.raises(Unproved, match="the law is refused where"):
        prove(own(law, filtered), without, method="every shape")
    assert prove(own(law, filtered), KERNEL, method="every shape").verdict == "proved"


@pytest.mark.parametrize(
    "law",
    [
        lambda x: (None, None),
        lambda x: (1, 1),
        lambda x: ((), ()),
        lambda x: (x[:, :, :0], x[:, :, :0]),
        lambda x: ((x, x), (x,)),
        lambda x: (np.ones(3), np.ones(3)),
        lambda x: (x.sum(axis=0), x[0]),  # there may be no sample
    ],
)
def test_a_law_that_compares_nothing_is_not_proved(law: Any) -> None:
    try:
        outcome = prove(own(law, image), IMAGE, method="every shape")
    except Unproved:
        return
    assert isinstance(outcome, Refutation)


def test_two_arrays_of_one_name_are_not_taken_for_one() -> None:
    def twice(given: Any, image: Any, channels: Any) -> Any:
        return given.image(1, channels, *image), given.image(1, channels, *image)

    with pytest.raises(Unproved, match="two arrays 'x'"):
        prove(own(lambda x, y: (x, y), twice), IMAGE, method="every shape")


def test_a_question_without_an_answer_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    import z3

    class Undecided(z3.Solver):
        def check(self, *_: Any) -> Any:
            return z3.unknown

    monkeypatch.setattr(z3, "Solver", Undecided)
    with pytest.raises(Unproved):
        prove("avg-pool-depthwise", method="every shape")
    with pytest.raises(Refused):
        prove_lemma("axis")


def test_a_claim_without_symbols_is_unproved() -> None:
    with pytest.raises(Unproved, match="no case with symbols"):
        prove("max-pool-max-plus", method="every shape")


def test_the_method_is_named_where_it_is_not_known() -> None:
    with pytest.raises(OptionError, match="every shape"):
        prove("linear-conv", method="belief")


@pytest.mark.parametrize("name", ["conv-batch-norm", "avg-pool-depthwise"])
def test_numpy_is_as_it_was_afterwards(name: str) -> None:
    before = conv2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 1)))
    settled(claims[name], claims[name].every_shape[0])
    assert "len" not in vars(__import__("nnref.im2col", fromlist=["x"]))
    assert np.array_equal(conv2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 1, 1))), before)
