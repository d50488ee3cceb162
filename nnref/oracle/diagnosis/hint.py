"""What a failing target behaves like, in words.

Wrong values often have a plain cause. The target remembers earlier calls; or it has one of the bugs people write: then
the reference with that bug agrees with the target where the right one does not; or it computes in another way than it
declares: then every failure disappears under the declaration that says so.

What is said fits every probe: the failing case, with other data too; its neighbours, of which some must have been
judged; and large cases with many options in use, because at a small one different bugs look alike. Whole numbers, too:
there, only what is wrong altogether is wrong. A probe that the target refuses says nothing. Where two bugs fit, nothing
is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..cases.case import Case
from ..expectation.declaration import Declaration
from ..findings import Finding
from ..targets.call import Function
from ..verdict.row import Hint
from .declared import seen, weaker, written
from .earlier_calls import remembered
from .probe import Accept, Probe, lively, neighbours
from .signs import signs
from .suspects import suspects

__all__ = ["SUSPECT", "behaves_as", "explains"]

SUSPECT = "suspect"  # the kind of a hint that names a bug

SEEDS, MORE_SEEDS = 8, 64
LEAST_NEIGHBOURS = 2  # that must have been judged, for a hint to stand on them


def behaves_as(
    function: Function,
    cases: Sequence[Case],
    declares: Declaration,
    finding: Finding,
    nearest: Accept = lambda case: None,
) -> Hint | None:
    """What the target seems to do at failing cases, None if no known bug or declaration fits all of them.

    `nearest` gives the nearest case that the target accepts to one that it refuses. Where several results are wrong, a
    bug may explain the one that the finding is about.
    """
    if finding.kind == "aliasing":
        return None
    if hint := remembered(Probe(function, declares).agrees, cases[0]):
        return hint
    if finding.kind not in ("value", "shape"):
        return None
    kept: dict[Any, Any] = {}
    for subject in ("", finding.subject):
        if hint := _explained(Probe(function, declares, kept, subject), cases, nearest):
            return hint
        if not cases[0].returns_tuple:
            break
    return None


def _explained(probe: Probe, cases: Sequence[Case], nearest: Accept) -> Hint | None:
    near = [case for case in neighbours(cases[0]) if probe.agrees(case) is not None]
    if len(near) < LEAST_NEIGHBOURS:
        return None
    rich = _accepted(probe, cases[0], nearest)
    with_seeds = [case.with_seed(seed) for case in (*cases, *rich) for seed in (case.seed, *range(SEEDS))]
    probes = [*with_seeds, *near]
    whole = [case.but(mode="integers", kind="") for case in with_seeds]
    normal = [case.but(mode="normal", kind="") for case in with_seeds]
    rootless = normal if "eps" in cases[0].geometry else [*probes, *whole, *normal]
    wrong = any(probe.agrees(case) is False for case in rootless)
    suspected = _suspected(probe, [cases[0], *rich], rootless)
    if wrong and suspected:
        return suspected
    for relaxed, words, changes in () if probe.subject else weaker(probe.declares, cases[0]):
        hint = Hint(words, "declaration", written(changes))
        fits = probe.fits((*probes, *whole, *normal), relaxed)
        if fits and (found := seen(probe, rich or cases, probes, hint, relaxed, *changes.items())):
            return found
    return signs(probe, cases[0], rich or cases) if wrong else suspected


def _accepted(probe: Probe, case: Case, nearest: Accept) -> list[Case]:
    """Large cases with many options in use, or the nearest to them that the target accepts."""
    known = {}
    for rich in lively(case):
        accepted = rich if probe.answer(rich).unsupported is None else nearest(rich)
        if accepted is not None and probe.agrees(accepted) is not None:
            known[str(accepted)] = accepted
    return list(known.values())


def explains(hint: Hint, function: Function, case: Case, declares: Declaration, subject: str) -> bool:
    """Whether a target with the bug that a hint names gives the same wrong result, `subject`, of a case."""
    probe = Probe(function, declares, subject=subject)
    return any(probe.agrees(case, suspect=s) for s in suspects(case) if s.subject == hint.subject)


def _suspected(probe: Probe, cases: Sequence[Case], probes: Sequence[Case]) -> Hint | None:
    """The one bug that fits, and changes something at the failing case, the first; data with exact roots hide eps."""
    known = {suspect.words: suspect for case in cases for suspect in suspects(case)}
    about = [s for s in known.values() if not probe.subject or probe.subject in s.subject.split()]
    rootless = cases[0].but(mode="normal", kind="") if "eps" in cases[0].geometry else cases[0]
    changing = [s for s in about if probe.changes(cases[0], s) and probe.agrees(rootless, suspect=s)]
    fitting = [s for s in changing if probe.fits(probes, suspect=s)]
    if len(fitting) > 1:
        more = [probes[0].with_seed(seed) for seed in range(SEEDS, MORE_SEEDS)]
        fitting = [suspect for suspect in fitting if probe.fits(more, suspect=suspect)]
    return Hint(fitting[0].words, SUSPECT, fitting[0].subject) if len(fitting) == 1 else None
