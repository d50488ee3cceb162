"""Index notation: sums of terms  coefficient · Π factor[index] · [guard],  each summed over bound variables.

A bound variable runs over all integers, and the guard keeps it within its range. So Σ_v [v = e] f(v) is f(e) (the
one-point rule, `simplified`), and a shift v → v + c changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ...arithmetic import Polynomial, Rational, rational
from .integers import current, replaced
from .solver import Guard

__all__ = ["Factor", "Term", "Terms", "constant", "divided", "limited", "product", "renamed", "simplified", "sole"]
__all__ += ["substituted", "unrolled", "written", "written_factors"]

INVERSE = "1/"  # the factor 1/p, with the integer p as its only index
Index = tuple[Polynomial, ...]
Factor = tuple[str, Index]


class Term(NamedTuple):
    """One term of a sum."""

    coefficient: Rational
    factors: tuple[Factor, ...] = ()
    bound: tuple[str, ...] = ()
    guard: tuple[Guard, ...] = ()

    @property
    def names(self) -> set[str]:
        """All variables, bound and free."""
        indices = [p for _, index in self.factors for p in index]
        return {name for p in (*indices, *(g.polynomial for g in self.guard)) for name in p.names}


Terms = list[Term]


def constant(value: Any) -> Terms:
    """A rational number as a sum of terms."""
    exact = rational(value)
    return [Term(exact)] if exact else []


def divided(terms: Terms, by: Polynomial) -> Terms:
    """The terms, divided by a positive integer."""
    if by.is_constant:
        return [t._replace(coefficient=t.coefficient / rational(by.terms[()])) for t in terms]
    return [t._replace(factors=(*t.factors, (INVERSE, (by,)))) for t in terms]


def product(left: Terms, right: Terms) -> Terms:
    """The product of two sums, term by term."""
    return [
        Term(a.coefficient * b.coefficient, a.factors + b.factors, a.bound + b.bound, a.guard + b.guard)
        for a in left
        for b in map(renamed, right)
    ]


def limited(terms: Terms, bound: Iterable[str], guard: Iterable[Guard]) -> Terms:
    """The terms, summed over further variables and under further conditions."""
    names, conditions = tuple(bound), tuple(guard)
    if not names and not conditions:
        return terms
    return [t._replace(bound=t.bound + names, guard=t.guard + conditions) for t in terms]


def renamed(term: Term) -> Term:
    """The same term with new names for its bound variables."""
    new = {v: current().fresh(v) for v in term.bound}
    if not new:
        return term
    return substituted(term, {v: Polynomial.variable(n) for v, n in new.items()})._replace(bound=tuple(new.values()))


def substituted(term: Term, values: Mapping[str, Polynomial]) -> Term:
    """The term with variables replaced; those that are replaced are no longer bound."""
    if not values:
        return term
    return Term(
        term.coefficient,
        tuple((name, tuple(replaced(p, values) for p in index)) for name, index in term.factors),
        tuple(v for v in term.bound if v not in values),
        tuple(Guard(replaced(g.polynomial, values), g.equal) for g in term.guard),
    )


def sole(p: Polynomial, name: str) -> tuple[int, Polynomial] | None:
    """(c, rest) with p = c·name + rest, c = ±1 and no `name` in the rest; None if p has another form."""
    c = p.terms.get((name,), 0)
    if c not in (1, -1) or sum(name in monomial for monomial in p.terms) != 1:
        return None
    sign = 1 if c == 1 else -1
    return sign, p - sign * Polynomial.variable(name)


def simplified(term: Term) -> Term | None:
    """The term after the one-point rule, without conditions that always hold; None if one never holds."""
    while (solved := _solved(term)) is not None:
        at, name, value = solved
        term = substituted(term._replace(guard=term.guard[:at] + term.guard[at + 1 :]), {name: value})
    kept: dict[Guard, None] = {}
    for guard in map(_normal, term.guard):
        if guard.polynomial.is_constant:
            value_ = guard.polynomial.terms.get((), 0)
            if value_ != 0 if guard.equal else value_ < 0:
                return None
        else:
            kept[guard] = None
    return term._replace(guard=tuple(kept))


def _solved(term: Term) -> tuple[int, str, Polynomial] | None:
    """The place of an equality that determines a bound variable, the variable, and its value."""
    for at, guard in enumerate(term.guard):
        if guard.equal:
            for name in term.bound:
                if (parts := sole(guard.polynomial, name)) is not None:
                    return at, name, parts[1] * -parts[0]
    return None


def _normal(guard: Guard) -> Guard:
    """An equality with a positive coefficient first, so that p = 0 and −p = 0 are one."""
    if guard.equal and guard.polynomial.terms and guard.polynomial.terms[min(guard.polynomial.terms)] < 0:
        return Guard(-guard.polynomial, equal=True)
    return guard


def unrolled(term: Term) -> Iterator[Term]:
    """The terms of which it is the sum, where the range of a bound variable is given in numbers."""
    one = simplified(term)
    if one is None:
        return
    for name in one.bound:
        own = [g.polynomial for g in one.guard if g.polynomial.names == {name} and g.polynomial.degree == 1]
        low = [-p.terms.get((), 0) for p in own if p.terms[name,] == 1]
        high = [p.terms.get((), 0) for p in own if p.terms[name,] == -1]
        if low and high:
            for value in range(max(low).numerator, min(high).numerator + 1):
                yield from unrolled(substituted(one, {name: Polynomial(value)}))
            return
    yield one


def written(terms: Iterable[Term]) -> str:
    """A sum in index notation, one term per line."""
    return "\n".join(map(_written, terms)) or "0"


def written_factors(term: Term) -> str:
    """The coefficient and the factors."""
    factors = [f"1/({i[0]})" if n == INVERSE else f"{n}[{', '.join(map(str, i))}]" if i else n for n, i in term.factors]
    head = [] if term.coefficient == 1 and factors else [str(term.coefficient)]
    return " · ".join(head + factors)


def _written(term: Term) -> str:
    sums = f"Σ_{{{' '.join(term.bound)}}} " if term.bound else ""
    guard = f"  [{', '.join(map(str, term.guard))}]" if term.guard else ""
    return sums + written_factors(term) + guard
