"""The registry: every claim is settled as expected, can be verified, and belongs to a reduction or to the lecture."""

import contextlib
import dataclasses
import itertools
import json
import re
from collections.abc import Iterable
from typing import Any

import pytest

import nnref
from nnref import OptionError, sigmoid, sigmoid_backward
from nnref import algebra as a
from nnref.algebra import Certificate, Refutation, claim, claims, prove, verify
from nnref.algebra.claim import Case
from nnref.algebra.claims.lecture import FORMULAS
from nnref.algebra.given import Given
from nnref.algebra.methods import METHODS
from nnref.numeric import Array
from nnref.oracle.search.claims import prove_drawn

NAMES = sorted(claims)
LAYERS = {name.removesuffix("_backward") for name in nnref.__all__ if name.endswith("_backward")}
FALSE = {
    "slide-fused-bias",
    "max-pool-affine",
    "relu-affine",
    "sigmoid-affine",
    "tanh-affine",
    "batch-norm-train-affine",
    "batch-norm-padded-conv",
    "pad-max-pool",
    "pad-avg-pool-uncounted",
    "conv-transpose-batch-norm-as-conv",
    "avg-pool-uncounted-conv",
    "convs-compose-padded-second",
    "sigmoid-centred",
}


@pytest.mark.parametrize("name", NAMES)
def test_is_settled_as_expected_and_verified_from_its_json(name: str) -> None:
    outcome = prove(name)
    assert isinstance(outcome, Certificate if claims[name].holds else Refutation), str(outcome)
    assert verify(json.loads(json.dumps(outcome.to_json())))
    assert str(outcome).startswith(f"{name}: {outcome.verdict} ({outcome.method}, ")


def distinct(cases: Iterable[Case]) -> set[str]:
    return {repr(sorted(case.items())) for case in cases}


@pytest.mark.parametrize("name", [name for name in NAMES if claims[name].holds])
def test_holds_at_drawn_shapes(name: str) -> None:
    """Every claim holds at four cases that are not its own, or at all of them if there are fewer."""
    own, vary = distinct(claims[name].cases), claims[name].vary
    every = distinct(dict(zip(vary, values, strict=True)) for values in itertools.product(*vary.values()))
    outcome = prove_drawn(claims[name], max_examples=10)
    assert isinstance(outcome, Certificate), str(outcome)
    assert every - own
    assert len(distinct(outcome.cases) - own) >= min(4, len(every - own))


def test_the_false_ones_are_those_of_the_list() -> None:
    assert {name for name in NAMES if not claims[name].holds} == FALSE


def test_every_layer_has_a_gradient_claim() -> None:
    claimed = {f"{layer.replace('_', '-')}-gradient" for layer in LAYERS}
    assert claimed == {name for name in NAMES if name.endswith("-gradient")}


def test_every_reduction_has_a_claim_and_the_other_way_round() -> None:
    named = {reduction for claim in claims.values() for reduction in claim.reductions}
    assert named == set(a.reductions.__all__)


def test_every_formula_of_the_lecture_has_a_claim_and_the_other_way_round() -> None:
    settled = {number for claim in claims.values() for number in claim.lecture}
    assert settled == set(FORMULAS)
    from_lecture = {name for name, claim in claims.items() if claim.source.startswith("lecture")}
    assert {name for name, claim in claims.items() if claim.lecture} <= from_lecture
    assert from_lecture - {name for name, claim in claims.items() if claim.lecture} <= FALSE


@pytest.mark.parametrize("name", NAMES)
def test_is_fully_described(name: str) -> None:
    claim = claims[name]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert claim.statement
    assert claim.source
    assert claim.method in METHODS
    assert bool(claim.vary) == claim.holds
    assert claim.statement.count("{") == claim.statement.count("}")


def test_the_slide_is_refuted_by_what_a_person_can_check() -> None:
    outcome = prove("slide-fused-bias")
    assert isinstance(outcome, Refutation)
    # x = 0, F = 1, b = 1, G = γ·r = 2, g = 0: the layer gives G·(F·x + b) + g = 2, the slide G·F·x + b + g = 1
    witness = {"x": [[[["0"]]]], "F": [[[["1"]]]], "b": ["1"], "r": ["2"], "γ": ["1"], "β": ["0"], "μ": ["0"]}
    assert outcome.witness == witness
    assert (outcome.left, outcome.right) == (["2"], ["1"])
    assert outcome.difference == "b[0]*r[0]*γ[0] - b[0]"
    assert outcome.correction.startswith("G b + g")


@pytest.mark.parametrize("name", sorted(FALSE))
def test_counterexamples_are_small(name: str) -> None:
    outcome = prove(name)
    assert isinstance(outcome, Refutation)
    numbers = re.findall(r"'([^']*)'", str(list(outcome.witness.values())))
    assert len(numbers) <= 16
    assert set(numbers) <= {"-1", "0", "1", "2"}
    assert outcome.left != outcome.right


def test_a_forged_result_is_not_verified() -> None:
    refutation = prove("slide-fused-bias").to_json()
    assert not verify(refutation | {"witness": refutation["witness"] | {"b": ["0"]}})
    assert not verify(refutation | {"left": ["3"]})
    certificate = prove("conv-batch-norm").to_json()
    assert not verify(certificate | {"evidence": ["9 identities"] * len(certificate["cases"])})
    assert not verify(certificate | {"claim": "slide-fused-bias"})
    tested = prove("conv-batch-norm", method="identity test").to_json()
    assert verify(tested)
    for forged in ({"proof": True, "verdict": "proved"}, {"verdict": "proved"}, {"covers": "all"}, {"beyond": "none"}):
        assert not verify(tested | forged)
    assert not verify(refutation | {"correction": "none"})
    assert not verify(refutation | {"difference": "1"})
    with pytest.raises(OptionError, match="method must be one of"):
        verify(certificate | {"method": "belief"})


def test_a_result_about_ones_own_claim_is_verified() -> None:
    mine = dataclasses.replace(claims["slide-fused-bias"], name="mine")
    assert verify(prove(mine), mine)
    with pytest.raises(OptionError, match="claim must be one of"):
        verify(prove(mine))


def test_identity_test_states_its_chance_of_error() -> None:
    case = {"image": (6, 6), "channels": 8, "filters": 8, "kernel": (3, 3), "padding": 1}
    outcome = prove("conv-batch-norm", case, method="identity test")
    assert isinstance(outcome, Certificate)
    assert outcome.verdict == "tested"
    assert outcome.evidence == ("288 outputs of degree 4, false with probability at most 10^-18",)
    assert isinstance(prove("slide-fused-bias", method="identity test"), Refutation)


def test_drawn_shapes_refute_at_the_smallest() -> None:
    images, filters = ((1, 1), (2, 2), (3, 1)), (1, 2, 3)
    claim = dataclasses.replace(claims["slide-fused-bias"], vary={"image": images, "filters": filters})
    outcome = prove_drawn(claim)
    assert isinstance(outcome, Refutation)
    assert outcome.case == {"image": (1, 1), "filters": 1}


@pytest.mark.parametrize("method", ["symbolic", "identity test", "small values"])
def test_any_method_that_fits_refutes_the_slide(method: str) -> None:
    assert isinstance(prove("slide-fused-bias", method=method), Refutation)


@pytest.mark.parametrize("name", sorted(FALSE))
def test_no_method_proves_a_false_claim(name: str) -> None:
    verdicts = {}
    for method in METHODS:
        with contextlib.suppress(OptionError):  # the method does not fit the claim
            verdicts[method] = prove(name, method=method).verdict
    assert verdicts[claims[name].method] == "refuted"
    assert "proved" not in verdicts.values()


def _two_images(given: Given, pixels: int) -> tuple[Array, Array]:
    return given.image(1, pixels, name="x"), given.image(1, pixels, name="y")


@pytest.mark.parametrize("method", ["zero-one", "orders"])
def test_two_images_are_not_taken_for_one(method: str) -> None:
    @claim("two-images", source="none", arguments=_two_images, cases=({"pixels": 2},), method=method)
    def two_images_are_equal(x: Array, y: Array) -> tuple[Array, Array]:
        """x = y."""
        return x, y

    with pytest.raises(OptionError, match="two images"):
        prove(two_images_are_equal)


WRONG_FOR_COTANGENTS = {
    "ignored": lambda dy, x: sigmoid_backward(dy * 0 + 1, x),
    "reversed": lambda dy, x: sigmoid_backward(dy[..., ::-1], x),
    "squared": lambda dy, x: sigmoid_backward(dy * dy, x),
}


@pytest.mark.parametrize("wrong", WRONG_FOR_COTANGENTS)
def test_a_gradient_that_is_right_for_a_cotangent_of_ones_alone_is_refuted(wrong: str) -> None:
    own, backward = claims["sigmoid-gradient"], WRONG_FOR_COTANGENTS[wrong]

    def arguments(given: Given, **case: Any) -> tuple[Any, ...]:
        return sigmoid, backward, *own.arguments(given, **case)[2:]

    assert isinstance(prove(dataclasses.replace(own, arguments=arguments)), Refutation)
