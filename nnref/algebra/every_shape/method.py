"""The method "every shape": a claim's law runs once on tensors of symbolic shape, and both sides are compared."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...numeric import Array
from ..claim import Case, Certificate, Claim, Refutation, Unproved
from ..given import Given, counted
from .difference import Difference, difference
from .integers import explore, symbol
from .lemmas import LEMMAS, Proved, prove_lemma, sources
from .namespace import symbolic
from .parameters import at_numbers, conditions, holds, least_values, names_of, with_symbols
from .solver import Obligation, Refused, Solver, version
from .tensors import Tensor, leaf

__all__ = ["EveryShape", "counterexamples", "prove_every_shape", "settled"]

MOST_TOTAL, MOST_TRIES = 4, 400  # of the search for a small counterexample
PRESUMES = "NumPy's indexing as nnref.algebra.every_shape models it"


Refute = Callable[[Case], Certificate | Refutation]


class EveryShape(Given):
    """Every element is an unknown named by its index; the batch, where a law has one sample, is N."""

    method = "every shape"
    arithmetic = "index notation"
    beyond = "rounding"

    def array(self, name: str, *shape: Any, neutral: int = 0, positive: bool = False) -> Array:
        """An array of unknowns."""
        self.expect_new(name)
        return leaf(name, *shape)  # type: ignore[return-value]

    def image(self, *shape: Any, name: str = "x") -> Array:
        """(1, …) -> (N, …)."""
        self.expect_new(name)
        batch = symbol("N") if isinstance(shape[0], int) and shape[0] == 1 else shape[0]
        return leaf(name, batch, *shape[1:])  # type: ignore[return-value]


@dataclass(frozen=True)
class Settled:
    """What a case came to: the differences of all paths, and the solver with its obligations."""

    paths: int
    found: tuple[Difference, ...]
    solver: Solver
    not_zero: tuple[str, ...] = ()

    @property
    def evidence(self) -> str:
        """How much was compared."""
        terms = sum(d.terms[0] for d in self.found), sum(d.terms[1] for d in self.found)
        asked = sum(d.questions for d in self.found)
        decided = "equal one by one" if not asked else f"conditions of {counted(asked, 'sum', 'sums')} decided"
        sides = f"{terms[0]} terms a side" if terms[0] == terms[1] else f"{terms[0]} and {terms[1]} terms"
        where = f"; where {', '.join(self.not_zero)} is not 0" if self.not_zero else ""
        return f"{counted(self.paths, 'path', 'paths')}; {sides}, {decided}{where}"


def settled(claim: Claim, case: Case, effort: int = 0) -> Settled:
    """Run a claim's law at a case with symbols, and compare its sides on every path.

    Raises
    ------
    Refused : the engine does not model what the law does, or the law is refused for some values of the parameters.
    """
    solver = Solver(effort) if effort else Solver()
    texts, options = case.get("where", ()), {name: value for name, value in case.items() if name != "where"}
    least = least_values(dict.fromkeys(["N", *names_of(options), *names_of(texts)]))
    paths, found, not_zero = 0, [], {}  # type: tuple[int, list[Difference], dict[str, None]]
    with symbolic():
        for path, sides in explore(_law(claim, options), solver, least, conditions(texts)):
            if isinstance(sides, Exception):
                raise Refused(f"the law is refused where {path.guards[len(texts) :]}: {sides}")
            paths += 1
            left, right = map(_arrays, sides)
            found += [difference(one, other) for one, other in _pairs(left, right)]
            not_zero |= dict.fromkeys(path.not_zero)
    return Settled(paths, tuple(found), solver, tuple(not_zero))


def _law(claim: Claim, options: Case) -> Any:
    def run() -> Any:
        try:
            return claim.sides(EveryShape(), with_symbols(options))
        except (TypeError, AttributeError, IndexError, KeyError, NotImplementedError) as error:
            raise Refused(f"{type(error).__name__}: {error}") from error

    return run


def _arrays(side: Any) -> tuple[Any, ...]:
    return side if isinstance(side, tuple) else (side,)


def _pairs(left: Any, right: Any) -> Iterator[tuple[Tensor, Tensor]]:
    if not left or len(left) != len(right):
        raise Refused("sides that are not equally many arrays")
    for one, other in zip(left, right, strict=True):
        if not isinstance(one, Tensor) or not isinstance(other, Tensor):
            raise Refused(f"a side that is no array: {type(one).__name__}, {type(other).__name__}")
        if any(isinstance(n, int) and n == 0 for n in (*one.shape, *other.shape)):
            raise Refused("a side without elements")
        yield one, other


def prove_every_shape(
    claim: Claim, *cases: Case, refute: Refute | None = None, obligations: list[Obligation] | None = None
) -> Certificate | Refutation:
    """Settle a claim at cases with symbols, by default the claim's own.

    `refute` settles the claim at a case of numbers; without it a claim that fails is `Unproved`. What the solver
    decided is added to `obligations`.

    Raises
    ------
    Unproved : the engine cannot show that the claim holds, and no small counterexample was found.

    >>> from nnref.algebra import claims
    >>> print(prove_every_shape(claims["linear-conv"]))  # doctest: +ELLIPSIS
    linear-conv: proved (every shape, index notation)
      features C, outputs K: 1 path; 2 terms a side, conditions of 1 sum decided
      covers all values, and all N, C, K
      does not cover rounding
      rests on the lemmas axis (5 goals), taps (19 goals), ...
    """
    chosen = cases or claim.every_shape
    if not chosen:
        raise Unproved(f"{claim.name}: the claim has no case with symbols")
    evidence, names = [], {}  # type: tuple[list[str], dict[str, None]]
    for case in chosen:
        try:
            outcome = settled(claim, case)
        except Refused as error:
            return _refute_or(claim, case, None, str(error), refute)
        wrong = next((d for d in outcome.found if not d.equal), None)
        if wrong is not None or not outcome.found:
            reason = "the two sides may differ" if wrong is None else wrong.reason
            return _refute_or(claim, case, wrong, reason, refute)
        evidence.append(outcome.evidence)
        names |= dict.fromkeys(["N", *names_of({k: v for k, v in case.items() if k != "where"})])
        if obligations is not None:
            obligations += outcome.solver.obligations
    return Certificate(
        claim=claim.name,
        method=EveryShape.method,
        arithmetic=EveryShape.arithmetic,
        cases=tuple(chosen),
        evidence=tuple(evidence),
        covers=f"all values, and all {', '.join(names)}",
        beyond=EveryShape.beyond,
        conditions=claim.conditions,
        rests_on=_rests_on(obligations),
    )


def _rests_on(obligations: list[Obligation] | None) -> str:
    """The lemmas, the solver, and what is presumed."""
    try:
        proved, decided = _lemmas(sources())
    except Refused as error:
        raise Unproved(str(error)) from error
    if obligations is not None:
        obligations += decided
    lemmas = ", ".join(f"{one.name} ({counted(one.goals, 'goal', 'goals')})" for one in proved)
    return f"the lemmas {lemmas}; {version()}; {PRESUMES}"


@functools.lru_cache(maxsize=4)
def _lemmas(code: Any) -> tuple[tuple[Proved, ...], tuple[Obligation, ...]]:
    """All lemmas, proved of the present code."""
    solver = Solver()
    return tuple(prove_lemma(name, solver) for name in LEMMAS), tuple(solver.obligations)


def _refute_or(claim: Claim, case: Case, wrong: Difference | None, reason: str, refute: Refute | None) -> Refutation:
    """A refutation at small numbers; else `Unproved`."""
    for numbers in counterexamples(case, wrong) if refute is not None else ():
        concrete = at_numbers({name: value for name, value in case.items() if name != "where"}, numbers)
        try:
            outcome = refute(concrete)  # type: ignore[misc]
        except Exception:
            continue
        if isinstance(outcome, Refutation):
            return outcome
    raise Unproved(f"{claim.name}: not proved for every shape: {reason}")


def counterexamples(case: Case, wrong: Difference | None = None) -> Iterator[Mapping[str, int]]:
    """Small values of the parameters of a case that meet its conditions, smallest first; then those of the solver."""
    names = list(dict.fromkeys([*names_of(case)]))
    least, texts, tried = least_values(names), case.get("where", ()), 0
    for total in range(MOST_TOTAL + 1):
        for added in itertools.combinations_with_replacement(names, total):
            numbers = {name: value + added.count(name) for name, value in least.items()}
            if holds(texts, numbers):
                tried += 1
                if tried > MOST_TRIES:
                    return
                yield numbers
    model = Solver().model(wrong.facts) if wrong is not None else None
    if model is not None:
        yield {name: model.get(name, value) for name, value in least.items()}
