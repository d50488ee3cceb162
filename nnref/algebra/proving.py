"""`prove` settles a claim; `verify` checks the outcome by doing the work again."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from ..arithmetic import Degree, Polynomial
from ..arithmetic.polynomial import assumptions
from ..errors import OptionError, refuse
from ..numeric import Array
from .claim import Case, Certificate, Claim, Refutation
from .claims import claims
from .given import Given
from .methods import METHODS
from .witness import Values, find_witness, flat, nested, shapes, smallest_witness

__all__ = ["find", "prove", "verify"]

EVERY_SHAPE = "every shape"
MOST_STATED = 6  # of the formulas that a certificate says must not be 0
SHORT = 200  # characters, the longest difference that is worth printing


def find(name: str) -> Claim:
    """The claim of that name.

    Raises
    ------
    OptionError : there is no such claim; the message suggests similar names.

    >>> find("conv-batch-norm").method
    'symbolic'
    """
    if name in claims:
        return claims[name]
    alike = difflib.get_close_matches(name, claims, n=3, cutoff=0.4) or sorted(c for c in claims if name in c)
    suggestion = f"; did you mean {', '.join(alike)}?" if alike else ""
    raise OptionError(f"prove: claim must be one of the registry's {len(claims)}, got {name!r}{suggestion}")


def prove(
    claim: Claim | str,
    *cases: Case,
    method: str | None = None,
    seed: int = 0,
    obligations: list[Any] | None = None,
) -> Certificate | Refutation:
    """Settle a claim at some shapes and options.

    Parameters
    ----------
    claim : Claim, or the name of a registered one
    cases : shapes and options in the form of the claim's own `cases`, which are the default
    method : name of a method, by default the claim's own
    seed : int, of the random elements
    obligations : list, to which the method "every shape" adds what its solver decided

    Returns
    -------
    Certificate if the claim holds in all cases, else a Refutation

    Raises
    ------
    OptionError : the claim or the method is unknown, the method does not fit the claim's law, or the seed is negative.
    ArithmeticError : the two sides differ, but no counterexample was found.
    Unproved : the method "every shape" neither proves nor refutes the claim; the reason is the message.

    >>> print(prove("conv-batch-norm", {"image": (1, 2), "kernel": (1, 2)}))
    conv-batch-norm: proved (symbolic, Polynomial)
      where batch norm in evaluation
      image 1×2, kernel 1×2: 1 identity of degree 4 in 9 variables
      covers all values of inputs and parameters, at these shapes and options
      does not cover other shapes and batches, rounding
    """
    if not isinstance(seed, int) or seed < 0:
        refuse(OptionError, "prove", "seed", "an int, at least 0", repr(seed))
    claim = find(claim) if isinstance(claim, str) else claim
    if method == EVERY_SHAPE:
        known = claim

        def at_numbers(case: Case) -> Certificate | Refutation:
            return prove(known, case)

        return _every_shape().prove_every_shape(claim, *cases, refute=at_numbers, obligations=obligations)
    kind = _method(method or claim.method)
    if kind.presumes and kind.method != claim.method:
        raise OptionError(
            f"prove: method must be one that fits the claim, such as its own {claim.method!r}, got {method!r}, "
            f"which presumes {kind.presumes}"
        )
    settled = []
    for case in cases or claim.cases:
        try:
            outcome = _settle(claim, kind, case, seed)
        except (TypeError, AttributeError) as error:  # the elements have no order, root or exponential
            if kind.method == claim.method:
                raise
            raise OptionError(f"prove: method must fit the claim's law, got {kind.method!r}: {error}") from error
        if isinstance(outcome, Refutation):
            return outcome
        settled.append((case, outcome))
    tried, evidence = zip(*settled, strict=True)
    return Certificate(
        claim=claim.name,
        method=kind.method,
        arithmetic=kind.arithmetic,
        cases=tried,
        evidence=evidence,
        covers=kind.covers,
        beyond=kind.beyond,
        proof=kind.proof,
        seed=seed,
        conditions=claim.conditions,
    )


def _every_shape() -> Any:
    """The package of that method, which needs z3."""
    try:
        from . import every_shape
    except ImportError as error:
        expected = f"one that is installed; {EVERY_SHAPE!r} needs z3: pip install 'nnref[proofs]'"
        raise OptionError(f"prove: method must be {expected}, got {EVERY_SHAPE!r}: {error}") from error
    return every_shape


def _method(name: str) -> type[Given]:
    if name not in METHODS:
        raise OptionError(f"prove: method must be one of {', '.join([*METHODS, EVERY_SHAPE])}, got {name!r}")
    return METHODS[name]


def verify(result: Certificate | Refutation | Mapping[str, Any], claim: Claim | None = None) -> bool:
    """Whether the proof of a certificate, or the counterexample of a refutation, is confirmed by a repetition.

    Parameters
    ----------
    result : what `prove` returned, or its JSON
    claim : the Claim that the result is about, if it is not a registered one

    Returns
    -------
    bool. For a certificate: whether the same method proves the same cases again, with the same evidence and the same
    other fields. For a refutation: whether both sides, evaluated on the witness alone, differ and are as stated.

    Raises
    ------
    OptionError : the claim or the method is unknown.

    >>> verify(prove("slide-fused-bias"))
    True
    """
    if isinstance(result, Mapping):
        stated = (Refutation if result["verdict"] == Refutation.verdict else Certificate).from_json(result)
        return stated.verdict == result["verdict"] and verify(stated, claim)
    claim = claim or find(result.claim)
    if result.method == EVERY_SHAPE:
        return isinstance(result, Certificate) and prove(claim, *result.cases, method=EVERY_SHAPE) == result
    kind = _method(result.method)
    if isinstance(result, Certificate):
        return prove(claim, *result.cases, method=kind.method, seed=result.seed) == result
    values = Values(result.witness, kind=kind)
    if values.differ(claim, result.case) is None:
        return False
    formulas = map(flat, claim.sides(kind(), result.case)) if kind.formulas else ()
    return refutation(claim, kind, result.case, values, *formulas) == result


def _settle(claim: Claim, kind: type[Given], case: Case, seed: int) -> str | Refutation:
    """How much was compared, if both sides agree; otherwise a refutation."""
    if kind.search_only:
        values = smallest_witness(claim, case)
        return "no counterexample found" if values is None else refutation(claim, kind, case, values)
    given = kind(seed)
    with assumptions() as assumed:
        sides = claim.sides(given, case)
    left, right = map(flat, sides)
    _expect_elements(claim, left, right)
    with given.context():
        if shapes(sides[0]) == shapes(sides[1]) and given.agree(left, right).all():
            given.expect_form((shapes(sides[0]), shapes(sides[1])))
            where = _agree_at_zero(claim, given, case)
            if where is not None:
                found = given.evidence(left, right) + _conclusion(claim, given, case)
                return found + where + _stated(assumed)
    values = find_witness(claim, case, kind)
    if values is None:
        raise ArithmeticError(f"prove: {claim.name}: the two sides differ as formulas, but no counterexample was found")
    return refutation(claim, kind, case, values, left, right)


def _expect_elements(claim: Claim, *sides: Array) -> None:
    """Refuse a law that compares nothing, or what is no exact element: floats, None, truth values."""
    if not all(side.size for side in sides):
        refuse(OptionError, "prove", "claim", "a law whose sides have elements", f"none of {claim.name}")
    for element in (e for side in sides for e in side):
        exact = hasattr(element, "constant") or isinstance(element, Fraction | Decimal | int | np.integer)
        if (not exact and not (type(element) is float and element == float("-inf"))) or isinstance(element, bool):
            refuse(OptionError, "prove", "claim", "a law with exact elements", f"{type(element).__name__} {element!r}")


def _agree_at_zero(claim: Claim, given: Given, case: Case) -> str | None:
    """What is to be said of 0, where the method tries it separately; None if the sides differ there."""
    if given.at_zero is None:
        return ""
    try:
        left, right = map(flat, claim.sides(given.at_zero(), case))
    except ArithmeticError:
        return "; not at 0 itself, where dual numbers have no derivative"
    return ", and at 0" if bool(np.all(left == right)) else None


def _stated(assumed: list[Polynomial]) -> str:
    """The formulas that must not be 0, because the law divides by them or compares them."""
    texts = list(dict.fromkeys(map(str, assumed)))
    if not texts:
        return ""
    some = ", ".join(texts[:MOST_STATED]) + (f" and {len(texts) - MOST_STATED} more" * (len(texts) > MOST_STATED))
    return f"; where these are not 0: {some}"


def _conclusion(claim: Claim, given: Given, case: Case) -> str:
    """What a method concludes from the degree of left − right; nothing if it does not ask for the degree."""
    if given.degrees is None:
        return ""
    try:
        left, right = map(flat, claim.sides(given.degrees(), case))
    except TypeError as error:  # the law compares or takes a root
        raise OptionError(f"prove: method must fit the law, got {given.method!r}: it has no degree, {error}") from None
    return given.conclusion(max((Degree() * a - b).above for a, b in zip(left, right, strict=True)))


def refutation(
    claim: Claim, kind: type[Given], case: Case, values: Values, left: Array | None = None, right: Array | None = None
) -> Refutation:
    """The refutation by the counterexample `values`, with the difference of both sides if they are formulas."""
    sides = values.differ(claim, case)
    assert sides is not None
    difference = ""
    if left is not None and right is not None and kind.formulas and left.shape == right.shape:
        difference = str(next((one - other for one, other in zip(left, right, strict=True) if one != other), ""))
    return Refutation(
        claim=claim.name,
        method=kind.method,
        arithmetic=kind.arithmetic,
        case=case,
        witness={name: nested(array) for name, array in values.given.items()},
        left=nested(sides[0]),
        right=nested(sides[1]),
        difference=difference if len(difference) <= SHORT else "",
        correction=claim.correction,
        conditions=claim.conditions,
    )
