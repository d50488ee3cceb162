"""Questions about integers, put to z3. All that a proof rests on passes through `Solver.entails`, and can be written.

A question is whether facts entail a goal. The answer "unknown", which a time-out gives, counts as no. So no proof rests
on a question that was not decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import z3

from ...arithmetic import Polynomial

__all__ = ["Fact", "Guard", "Obligation", "Refused", "Solver", "as_fact", "as_integer"]
__all__ += ["one_of", "ordered_products", "version"]

EFFORT = 20_000_000  # some seconds


class Refused(Exception):
    """The engine does not model what the source does, so nothing is proved."""


class Guard(NamedTuple):
    """A condition on integers: ``polynomial >= 0``, or ``polynomial == 0`` if `equal`."""

    polynomial: Polynomial
    equal: bool = False

    def __repr__(self) -> str:
        return f"{self.polynomial} {'=' if self.equal else '≥'} 0"


def version() -> str:
    """The solver with its version.

    >>> version().split()[0]
    'z3'
    """
    return f"z3 {z3.get_version_string()}"


def as_integer(polynomial: Polynomial) -> Any:
    """The z3 term of a polynomial with integer coefficients; a variable is a z3 integer of the same name."""
    total = z3.IntVal(0)
    for monomial, coefficient in polynomial.terms.items():
        if coefficient.denominator != 1:
            raise Refused(f"{polynomial} is not an integer")
        factor = z3.IntVal(coefficient.numerator)
        for name in monomial:
            factor = factor * z3.Int(name)
        total = total + factor
    return total


class Fact(NamedTuple):
    """A formula with the names of its variables."""

    formula: Any  # z3.BoolRef
    names: frozenset[str]


def as_fact(guard: Guard, holds: bool = True) -> Fact:
    """A guard, or its negation, as a fact."""
    integer = as_integer(guard.polynomial)
    formula = integer == 0 if guard.equal else integer >= 0
    return Fact(formula if holds else z3.Not(formula), guard.polynomial.names)


def one_of(own: Polynomial, values: list[Polynomial]) -> Fact:
    """The first integer is one of the others."""
    names = frozenset().union(own.names, *(v.names for v in values))
    return Fact(z3.Or(*(as_integer(own) == as_integer(v) for v in values)), names)


def ordered_products(one: Polynomial, other: Polynomial, positive: Polynomial) -> Fact:
    """``one > other`` implies ``one·p ≥ other·p + p``: true for p ≥ 0, and hard to find for a solver."""
    more = as_integer(one * positive) >= as_integer(other * positive + positive)
    return Fact(z3.Or(as_integer(one) <= as_integer(other), more), one.names | other.names | positive.names)


@dataclass(frozen=True)
class Obligation:
    """Something that was decided and that a proof rests on: `facts` entail `goal`."""

    name: str
    facts: tuple[Any, ...]
    goal: Any

    def to_smt(self) -> str:
        """SMT-LIB 2.6, whose ``check-sat`` is ``unsat`` if the facts entail the goal."""
        solver = z3.Solver()
        solver.add(*self.facts, z3.Not(self.goal))
        commands = [line for line in solver.sexpr().splitlines() if not line.startswith(";")]
        head = f"; {self.name}\n(set-logic ALL)\n(set-info :status unsat)"
        return "\n".join([head, *commands, "(check-sat)"]) + "\n"


@dataclass
class Solver:
    """Decides questions, and keeps those that were answered with yes as `obligations`.

    `effort` limits each question, in z3's own unit and not in seconds, so that the answer is the same on every machine.
    """

    effort: int = EFFORT
    obligations: list[Obligation] = field(default_factory=list)

    def entails(self, name: str, facts: Iterable[Fact], goal: Fact, effort: int = 0) -> bool:
        """Whether the facts entail the goal; False if the solver does not know.

        Only facts that share variables with the goal, directly or by way of other facts, are used.
        """
        connected = _connected(list(facts), goal.names)
        about = [fact for fact in connected if fact.names <= goal.names]  # often enough, and easier
        most = effort or self.effort
        attempts = ((about, most // 10 + 1), (connected, most))
        for chosen, effort in attempts if len(about) < len(connected) else attempts[1:]:
            known = tuple(fact.formula for fact in chosen)
            if self._solver(*known, z3.Not(goal.formula), effort=effort).check() == z3.unsat:
                self.obligations.append(Obligation(name, known, goal.formula))
                return True
        return False

    def model(self, facts: Iterable[Any]) -> dict[str, int] | None:
        """Values of all variables for which the formulas hold; None if there are none, or if the solver knows none."""
        solver = self._solver(*facts)
        if solver.check() != z3.sat:
            return None
        found = solver.model()
        return {str(d.name()): found[d].as_long() for d in found.decls() if z3.is_int_value(found[d])}

    def _solver(self, *formulas: Any, effort: int = 0) -> Any:
        solver = z3.Solver()
        solver.set("rlimit", effort or self.effort)
        solver.add(*formulas)
        return solver


def _connected(facts: list[Fact], names: frozenset[str]) -> list[Fact]:
    reached, left, grows = {*names}, facts, True
    chosen: list[Fact] = []
    while grows:
        near = [fact for fact in left if fact.names & reached]
        left = [fact for fact in left if not fact.names & reached]
        reached |= {name for fact in near for name in fact.names}
        chosen += near
        grows = bool(near)
    return chosen
