"""Claims at drawn shapes and options: hypothesis draws what a claim says may vary, and shrinks where it fails."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, Verbosity, assume, given, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st

from ...algebra import Certificate, Claim, Refutation, prove
from ...algebra.claim import Case
from ...errors import OptionError, ShapeError

__all__ = ["prove_drawn"]


class _Refuted(Exception):
    """Carries a refutation out of a run of hypothesis."""

    def __init__(self, refutation: Refutation) -> None:
        self.refutation = refutation


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
    drawn: dict[str, Case] = {repr(case): case for case in claim.cases}

    @seeded(seed)
    @settings(
        max_examples=max_examples,
        database=None,
        deadline=None,
        verbosity=Verbosity.quiet,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.fixed_dictionaries({name: st.sampled_from(values) for name, values in claim.vary.items()}))
    def holds(case: Case) -> None:
        try:
            outcome = prove(claim, case, seed=seed)
        except (OptionError, ShapeError):  # no such layer, or not within the claim's conditions
            assume(False)
        if isinstance(outcome, Refutation):
            raise _Refuted(outcome)
        drawn[repr(case)] = case

    try:
        if claim.vary:
            holds()
    except _Refuted as found:
        return found.refutation
    return prove(claim, *drawn.values(), seed=seed)
