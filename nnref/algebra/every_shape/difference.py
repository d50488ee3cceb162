"""Whether two tensors are equal for all values of their leaves: term by term, with the solver for the conditions.

Terms of both sides are sorted into groups. In a group all factors are the same, after a change of bound variables that
maps the integers one to one: v → ±v + shift, or any other with determinant ±1. The two sides are equal if in each group
the coefficients of the terms whose conditions hold sum to 0, whatever the parameters, the index and the bound variables
are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import z3

from ...arithmetic import Polynomial, Rational
from .integers import Path, current, replaced
from .normal import normal
from .solver import Fact, Guard, Refused, as_fact
from .tensors import Tensor
from .terms import Factor, Term, simplified, sole, substituted, unrolled, written
from .values import Value, below, joined

__all__ = ["Difference", "difference"]

MOST_ORDERS = 720


@dataclass
class Difference:
    """What a comparison found.

    Attributes
    ----------
    equal : bool, whether the two sides are proved to be equal
    terms : numbers of terms of both sides
    questions : how many groups the solver decided; the others cancel term by term
    reason : why the sides may differ
    facts : under which they may differ, for a search for a counterexample
    """

    equal: bool
    terms: tuple[int, int] = (0, 0)
    questions: int = 0
    reason: str = ""
    facts: tuple[Any, ...] = ()


@dataclass
class _Group:
    reference: Term
    members: list[tuple[int, Term]] = field(default_factory=list)


def difference(left: Tensor, right: Tensor) -> Difference:
    """Compare two tensors on the path that is run."""
    path = current()
    one, other = left.value, right.value
    if len(one.axes) != len(other.axes) or not path.entails(*_same_shape(left, right)):
        return Difference(
            False, reason=f"shapes {left.shape} and {right.shape}", facts=tuple(fact.formula for fact in path.facts)
        )
    axes = tuple(joined(one.axes, other.axes)[0])
    index = tuple(tuple(Polynomial.variable(path.fresh("i")) for _ in axis) for axis in axes)
    inside = [
        g for ds, axis in zip(index, axes, strict=True) for i, n in zip(ds, axis, strict=True) for g in below(i, n)
    ]
    sides = [_terms(side.with_axes(axes), index, inside) for side in (one, other)]
    _expect_closed(itertools.chain(*sides), path, index)
    groups: list[_Group] = []
    for sign, terms in zip((1, -1), sides, strict=True):
        for term in terms:
            _place(groups, sign, term, inside)
    counts, questions = (len(sides[0]), len(sides[1])), 0
    for group in groups:
        rest = _left_over(group)
        questions += bool(rest)
        if rest and not _same_conditions(rest, inside) and not _sums_to_zero(rest, inside):
            reason = f"the terms like {written([group.reference])}"
            return Difference(False, counts, questions, reason, (*_formulas(path, inside), _total(rest) != 0))
    return Difference(True, counts, questions)


def _same_shape(left: Tensor, right: Tensor) -> Iterator[Guard]:
    for one, other in zip(left.value.axes, right.value.axes, strict=True):
        yield Guard(_product(one) - _product(other), equal=True)


def _product(axis: Iterable[Polynomial]) -> Polynomial:
    total = Polynomial(1)
    for digit in axis:
        total = total * digit
    return total


def _terms(value: Value, index: Any, inside: list[Guard]) -> list[Term]:
    return [normal(t, inside) for term in value.at(index) for t in unrolled(term)]


def _expect_closed(terms: Iterable[Term], path: Path, index: Any) -> None:
    """Refuse terms with variables of loops that have ended: something was carried out of a loop."""
    known = {*path.least, *path.quotient_names, *(n for digits in index for i in digits for n in i.names)}
    for term in terms:
        if free := term.names - known - {*term.bound}:
            raise Refused(f"a variable {', '.join(sorted(free))} that is carried out of a loop")


def _place(groups: list[_Group], sign: int, term: Term, inside: list[Guard]) -> None:
    """Put a term into the group whose factors it has, or into a new one."""
    for group in groups:
        if (same := _aligned(term, group.reference, inside)) is not None:
            group.members.append((sign, same))
            return
    groups.append(_Group(term, [(sign, term)]))


Conditions = frozenset[Guard]


def _left_over(group: _Group) -> dict[Conditions, Rational]:
    """The coefficients by condition, without those that cancel."""
    by_conditions: dict[Conditions, Rational] = {}
    for sign, term in group.members:
        key = frozenset(term.guard)
        by_conditions[key] = by_conditions.get(key, 0) + sign * term.coefficient
    return {key: c for key, c in by_conditions.items() if c}


def _same_conditions(left: dict[Conditions, Rational], inside: list[Guard]) -> bool:
    """Whether two terms with opposite coefficients are left, whose conditions entail one another."""
    if len(left) != 2 or sum(left.values()) != 0:
        return False
    one, other = left
    entails = current().entails_under
    return entails([*inside, *one], *(other - one)) and entails([*inside, *other], *(one - other))


def _sums_to_zero(left: dict[Conditions, Rational], inside: list[Guard]) -> bool:
    """Whether the coefficients of the terms whose conditions hold sum to 0."""
    names = frozenset().union(*(g.polynomial.names for key in left for g in key))
    facts = current().facts + list(map(as_fact, inside))
    return current().solver.entails("coefficients sum to 0", facts, Fact(_total(left) == 0, names))


def _total(left: dict[Conditions, Rational]) -> Any:
    parts = [
        z3.If(z3.And(*(as_fact(g).formula for g in key)), z3.RealVal(str(c)), z3.RealVal(0)) for key, c in left.items()
    ]
    return z3.Sum(parts)


def _formulas(path: Path, inside: list[Guard]) -> list[Any]:
    return [fact.formula for fact in (*path.facts, *map(as_fact, inside))]


def _aligned(term: Term, reference: Term, inside: list[Guard]) -> Term | None:
    """The term with the bound variables of the reference, such that all factors are the same; None if none is found."""
    if len(term.bound) != len(reference.bound) or [n for n, _ in term.factors] != [n for n, _ in reference.factors]:
        return None
    for factors in _orders(term.factors):
        pairs = [
            (p, q) for (_, i), (_, j) in zip(factors, reference.factors, strict=True) for p, q in zip(i, j, strict=True)
        ]
        for values in _unified(term, reference, pairs):
            moved = substituted(term, values)
            if _is_one_to_one(values, reference.bound) and _equal(pairs, values, moved, inside):
                return _normal(moved._replace(bound=reference.bound))
    return None


def _normal(term: Term) -> Term:
    kept = simplified(term._replace(bound=()))
    return term if kept is None else kept._replace(bound=term.bound)


def _orders(factors: tuple[Factor, ...]) -> Iterator[tuple[Factor, ...]]:
    """All orders of the factors that keep the order of their names."""
    runs = [list(run) for _, run in itertools.groupby(factors, key=lambda f: f[0])]
    orders = itertools.product(*(itertools.permutations(run) for run in runs))
    for order in itertools.islice(orders, MOST_ORDERS):
        yield tuple(itertools.chain.from_iterable(order))


Pairs = list[tuple[Polynomial, Polynomial]]


def _unified(term: Term, reference: Term, pairs: Pairs) -> Iterator[dict[str, Polynomial]]:
    """Values for the bound variables of the term that make the indices equal, as far as equations determine them."""
    values: dict[str, Polynomial] = {}
    progress = True
    while progress:
        progress = False
        for p, q in pairs:
            rest = replaced(p, values)
            open_ = [v for v in term.bound if v not in values and v in rest.names]
            if len(open_) == 1 and (parts := sole(rest, open_[0])) is not None:
                values[open_[0]] = (q - parts[1]) * parts[0]
                progress = True
    left = [v for v in term.bound if v not in values]
    free = [v for v in reference.bound if Polynomial.variable(v) not in values.values()] if left else []
    if len(left) > len(free):
        return
    for order in itertools.islice(itertools.permutations(free, len(left)), MOST_ORDERS):
        yield values | {v: Polynomial.variable(n) for v, n in zip(left, order, strict=True)}


def _is_one_to_one(values: dict[str, Polynomial], bound: tuple[str, ...]) -> bool:
    """Whether the bound variables of the reference determine those of the term one to one, over the integers.

    The values must be linear in them. The coefficients may contain parameters; the determinant must be 1 or −1.
    """
    rows = []
    for value in values.values():
        row = {name: Polynomial(0) for name in bound}
        for monomial, coefficient in value.terms.items():
            own = [name for name in monomial if name in row]
            if len(own) > 1:
                return False
            if own:
                rest = math.prod(
                    (Polynomial.variable(n) for n in monomial if n != own[0]), start=Polynomial(coefficient)
                )
                row[own[0]] = row[own[0]] + rest
        rows.append(list(row.values()))
    return _determinant(rows) in (1, -1)


def _determinant(rows: list[list[Polynomial]]) -> Polynomial:
    """The determinant of a square matrix, by expansion along the row with most zeros."""
    if not rows:
        return Polynomial(1)
    at = min(range(len(rows)), key=lambda i: sum(bool(p.terms) for p in rows[i]))
    others, total = rows[:at] + rows[at + 1 :], Polynomial(0)
    for k, entry in enumerate(rows[at]):
        if entry.terms:
            minor = _determinant([row[:k] + row[k + 1 :] for row in others])
            total = total + entry * minor * (-1) ** (at + k)
    return total


def _equal(pairs: Pairs, values: dict[str, Polynomial], moved: Term, inside: list[Guard]) -> bool:
    """Whether all indices are equal, at least wherever the conditions of the moved term hold."""
    rests = [Guard(replaced(p, values) - q, equal=True) for p, q in pairs]
    if any(rest.polynomial.is_constant and rest.polynomial.terms for rest in rests):
        return False
    return current().entails_under([*inside, *moved.guard], *rests)
