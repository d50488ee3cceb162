"""Sums in a normal form, so that equal sums look alike: counts are numbers, and split indices are joined.

- A bound variable that no factor depends on only counts: Σ_{0≤v<n} 1 = n, and n/n = 1.
- A bound variable that is the quotient of two numbers, and that no factor depends on, is one number.
- Two bound variables that occur only as W·a + b, with 0 ≤ b < W, are the digits of one.
- C·a + b = 0 with −C < b < C is a = 0 and b = 0: two numbers are equal if their digits are. In the same way
  0 ≤ C·a + b < C with 0 ≤ b < C is a = 0.
- Factors 1/p are one, and what stands above and below cancels.
"""

from __future__ import annotations

from typing import Any

from ...arithmetic import Polynomial
from .integers import current, quotient
from .solver import Guard
from .terms import INVERSE, Term, simplified, sole, substituted

__all__ = ["normal"]


def normal(term: Term, inside: list[Guard]) -> Term:
    """The term in normal form; `inside` are the conditions on the index."""
    while (split := _split(term, inside)) is not None:
        term = split
    above = Polynomial(1)
    changed = True
    while changed:
        changed = False
        for name in term.bound:
            found = _counted(term, name, inside) or _quotient(term, name)
            if found is not None:
                term, count = found
                above, changed = above * count, True
                break
    while (joined := _joined(term)) is not None:
        term = joined
    return _cancelled(term, above)


def _split(term: Term, inside: list[Guard]) -> Term | None:
    """The term with a condition on each digit in place of one on the number that they form; None if there is none."""
    for guard in term.guard:
        p = guard.polynomial
        for name in sorted(p.names & current().least.keys()) if p.degree > 1 else ():
            size, (high, low) = Polynomial.variable(name), _digits(p, name)
            partner = Guard(size - 1 - p)
            others = [g for g in term.guard if g not in ((guard,) if guard.equal else (guard, partner))]
            least = Guard(size - 1 + low) if guard.equal else Guard(low)
            if not high.terms or not (guard.equal or partner in term.guard):
                continue
            if current().entails_under([*inside, *others], Guard(size - 1 - low), least):
                digits = [Guard(high, equal=True), *([Guard(low, equal=True)] if guard.equal else [])]
                return simplified(term._replace(guard=(*others, *digits)))
    return None


def _digits(p: Polynomial, name: str) -> tuple[Polynomial, Polynomial]:
    """The quotient and the remainder of a polynomial by one of its variables."""
    high, low = Polynomial(0), Polynomial(0)
    for monomial, coefficient in p.terms.items():
        rest = list(monomial)
        if name in rest:
            rest.remove(name)
            high = high + _monomial(rest, coefficient)
        else:
            low = low + _monomial(rest, coefficient)
    return high, low


def _monomial(names: list[str], coefficient: Any) -> Polynomial:
    total = Polynomial(coefficient)
    for name in names:
        total = total * Polynomial.variable(name)
    return total


def _range(term: Term, name: str) -> tuple[Guard, Guard, Polynomial] | None:
    """0 ≤ name, name < size, and the size, into which parameters alone enter."""
    low, parameters = Guard(Polynomial.variable(name)), {*current().least, *current().quotient_names}
    for guard in term.guard:
        parts = sole(guard.polynomial, name)
        if not guard.equal and parts is not None and parts[0] == -1 and parts[1].names <= parameters:
            return (low, guard, parts[1] + 1) if low in term.guard else None
    return None


def _counted(term: Term, name: str, inside: list[Guard]) -> tuple[Term, Polynomial] | None:
    """The term without a bound variable that only counts, and the count."""
    limits = _range(term, name)
    if limits is None or any(name in p.names for _, index in term.factors for p in index):
        return None
    low, high, size = limits
    about = [g for g in term.guard if name in g.polynomial.names and g not in (low, high)]
    rest = tuple(g for g in term.guard if name not in g.polynomial.names)
    if not current().entails_under([*inside, *rest, low, high], Guard(size - 1), *about):
        return None
    return term._replace(bound=tuple(v for v in term.bound if v != name), guard=rest), size


def _quotient(term: Term, name: str) -> tuple[Term, Polynomial] | None:
    """The term without a bound variable that is the quotient ⌊e/S⌋ and enters nothing else: there is one of them."""
    limits = _range(term, name)
    if limits is None or any(name in p.names for _, index in term.factors for p in index):
        return None
    low, high, size = limits
    about = [g for g in term.guard if name in g.polynomial.names and g not in (low, high)]
    if len(about) != 2 or any(g.equal for g in about):
        return None
    for first, last in (about, reversed(about)):
        width = first.polynomial + last.polynomial + 1  # S, of 0 ≤ e − S·v and e − S·v ≤ S − 1
        whole = first.polynomial + width * Polynomial.variable(name)
        if width.names <= current().least.keys() and name not in whole.names and current().entails(Guard(width - 1)):
            rest = tuple(g for g in term.guard if name not in g.polynomial.names)
            within = (Guard(whole), Guard(size * width - whole - 1))
            bound = tuple(v for v in term.bound if v != name)
            return term._replace(bound=bound, guard=rest + within), Polynomial(1)
    return None


def _joined(term: Term) -> Term | None:
    """The term with one bound variable in place of two digits of it."""
    for fine in term.bound:
        limits = _range(term, fine)
        if limits is None:
            continue
        low, high, width = limits
        for coarse in term.bound:
            others = _range(term, coarse) if coarse != fine else None
            if others is None:
                continue
            own = {low, high, others[0], others[1]}
            rest = term._replace(guard=tuple(g for g in term.guard if g not in own), bound=())
            whole = Polynomial.variable(fine) - width * Polynomial.variable(coarse)
            moved = substituted(rest, {fine: whole})
            if coarse not in moved.names and current().entails(Guard(width), Guard(others[2])):
                range_ = (low, Guard(width * others[2] - Polynomial.variable(fine) - 1))
                return moved._replace(bound=tuple(v for v in term.bound if v != coarse), guard=moved.guard + range_)
    return None


def _cancelled(term: Term, above: Polynomial) -> Term:
    """The term times a count, with its factors in the order of their names and at most one factor 1/p."""
    below = Polynomial(1)
    others: list[tuple[str, tuple[Polynomial, ...]]] = []
    for name, index in term.factors:
        if name == INVERSE:
            below = below * index[0]
        else:
            others.append((name, index))
    for factor in [f for f in others if f[0].startswith(INVERSE)]:
        if (same := (factor[0].removeprefix(INVERSE), factor[1])) in others:
            others.remove(factor)
            others.remove(same)
    if (less := quotient(below, above)) is not None:
        below, above = less, Polynomial(1)
    elif (less := quotient(above, below)) is not None:
        below, above = Polynomial(1), less
    factors = sorted(others, key=lambda f: f[0])
    coefficient = term.coefficient
    if above.is_constant:
        coefficient, above = coefficient * above.terms[()], Polynomial(1)
    if below.is_constant:
        coefficient, below = coefficient / below.terms[()], Polynomial(1)
    factors += [(INVERSE, (below,))] if not below.is_constant else []
    factors += [("count", (above,))] if not above.is_constant else []
    return term._replace(coefficient=coefficient, factors=tuple(factors))
