"""Claims at drawn shapes and options: hypothesis draws what a claim says may vary, and shrinks where it fails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from random import Random

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from ...algebra import Certificate, Claim, Refutation, prove
from ...algebra.claim import Case
from ...errors import OptionError, ShapeError

__all__ = ["prove_drawn"]


def prove_drawn(claim: Claim, max_examples: int = 50, seed: int = 0) -> Certificate | Refutation:
    """Settle a claim at its own cases and at drawn ones.

    Parameters
    ----------
    claim : Claim; one that varies nothing is settled at its own cases
    max_examples : int, how many cases to draw
    seed : int

    Returns
    -------
    Certificate for all distinct cases, or the Refutation at the smallest case at which it fails

    >>> from nnref.algebra import claims
    >>> len(prove_drawn(claims["linear-conv"], max_examples=5).cases) > 1
    True
    """
    own = prove(claim, seed=seed)
    if isinstance(own, Refutation) and not claim.vary:
        return own
    settled: dict[str, Certificate | Refutation | None] = {}

    def is_refuted(case: Case) -> bool:
        key = _key(case)
        if key not in settled:
            try:
                settled[key] = prove(claim, case, seed=seed)
            except (OptionError, ShapeError):  # no such layer, or not within the claim's conditions
                settled[key] = None
        hypothesis.assume(settled[key] is not None)
        return isinstance(settled[key], Refutation)

    drawn = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in claim.vary.items()})
    settings = hypothesis.settings(
        max_examples=max_examples,
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    try:
        smallest = hypothesis.find(drawn, is_refuted, settings=settings, random=Random(seed))
    except NoSuchExample:
        return own if isinstance(own, Refutation) else _joined(own, settled.values())
    found = settled[_key(smallest)]
    assert isinstance(found, Refutation)
    return found


def _key(case: Case) -> str:
    return repr(sorted(case.items()))


def _joined(own: Certificate, others: Iterable[Certificate | Refutation | None]) -> Certificate:
    """One certificate for the cases of all, each case once."""
    known = {_key(case) for case in own.cases}
    new = [c for c in others if isinstance(c, Certificate) and _key(c.cases[0]) not in known]
    return replace(
        own,
        cases=(*own.cases, *chain.from_iterable(c.cases for c in new)),
        evidence=(*own.evidence, *chain.from_iterable(c.evidence for c in new)),
    )
