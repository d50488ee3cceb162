"""Integers that stand for all integers: polynomials in parameters. Code that computes with them runs path by path.

A comparison of two such integers is decided if the facts of the path decide it. Otherwise `explore` runs the code
again for the other outcome, so all paths together cover all values of the parameters. A quotient is exact where the
polynomials divide one another, and otherwise a new integer q with q·b ≤ a < (q + 1)·b.
"""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ...arithmetic import Polynomial, rational
from ...errors import OptionError, ShapeError
from .solver import Fact, Guard, Refused, Solver, as_fact, one_of, ordered_products

__all__ = [
    "Condition",
    "Int",
    "Path",
    "current",
    "defined_extreme",
    "explore",
    "extreme",
    "number",
    "polynomial",
    "quotient",
    "replaced",
]
__all__ += ["symbol"]

MOST_PATHS = 64
BRANCH = 1_000_000  # the effort for a branch: if it is not enough, both outcomes are explored
_running: list[Path] = []


def current() -> Path:
    """The path that is being run."""
    if not _running:
        raise Refused("a symbolic integer outside of a proof")
    return _running[-1]


def polynomial(value: Any) -> Polynomial:
    """An int or `Int` as a polynomial."""
    if isinstance(value, Int):
        return value.polynomial
    if isinstance(value, Condition):
        return Polynomial(int(bool(value)))  # a truth value counts as 0 or 1
    return value if isinstance(value, Polynomial) else Polynomial(int(value))


def number(value: Polynomial) -> Any:
    """A constant polynomial as an int, any other as an `Int`."""
    return value.terms.get((), 0) if value.is_constant else Int(value)


def symbol(name: str) -> Any:
    """The parameter of that name."""
    return Int(Polynomial.variable(name))


class Int:
    """An integer that is a polynomial in parameters. Its comparisons decide which path is run.

    >>> (symbol("n") + 1) * 2 - symbol("n")
    n + 2
    """

    __slots__ = ("polynomial",)

    def __init__(self, value: Polynomial) -> None:
        self.polynomial = value

    def __add__(self, other: Any) -> Any:
        return number(self.polynomial + polynomial(other)) if _is_integer(other) else NotImplemented

    def __mul__(self, other: Any) -> Any:
        return number(self.polynomial * polynomial(other)) if _is_integer(other) else NotImplemented

    __radd__ = __add__
    __rmul__ = __mul__

    def __sub__(self, other: Any) -> Any:
        return number(self.polynomial - polynomial(other)) if _is_integer(other) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return number(polynomial(other) - self.polynomial) if _is_integer(other) else NotImplemented

    def __neg__(self) -> Any:
        return number(-self.polynomial)

    def __floordiv__(self, other: Any) -> Any:
        return current().quotient(self, other) if _is_integer(other) else NotImplemented

    def __rfloordiv__(self, other: Any) -> Any:
        return current().quotient(other, self) if _is_integer(other) else NotImplemented

    def __mod__(self, other: Any) -> Any:
        return self - current().quotient(self, other) * other

    def __rmod__(self, other: Any) -> Any:
        return other - current().quotient(other, self) * self

    def __ge__(self, other: Any) -> Any:
        return other <= self if isinstance(other, Extreme) else Condition(Guard(self.polynomial - polynomial(other)))

    def __gt__(self, other: Any) -> Any:
        return self >= other + 1 if not isinstance(other, Extreme) else other < self

    def __le__(self, other: Any) -> Any:
        return other >= self if isinstance(other, Extreme) else Condition(Guard(polynomial(other) - self.polynomial))

    def __lt__(self, other: Any) -> Any:
        return self <= other - 1 if not isinstance(other, Extreme) else other > self

    def __eq__(self, other: object) -> bool:
        return _is_integer(other) and bool(Condition(Guard(self.polynomial - polynomial(other), equal=True)))

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __bool__(self) -> bool:
        return self != 0

    def __hash__(self) -> int:
        return 0  # two polynomials may be the same integer on this path

    def __repr__(self) -> str:
        return repr(self.polynomial)


class Extreme(Int):
    """The least or the greatest of some integers. A comparison with it compares each, so their order may stay open."""

    __slots__ = ("_chosen", "greatest", "members")

    def __init__(self, members: tuple[Any, ...], greatest: bool) -> None:
        self.members, self.greatest = members, greatest
        self._chosen: Polynomial | None = None

    @property
    def polynomial(self) -> Polynomial:  # type: ignore[override]
        """The member that it is, on this path."""
        if self._chosen is None:
            best = self.members[0]
            for member in self.members[1:]:
                best = member if (member > best if self.greatest else member < best) else best
            self._chosen = polynomial(best)
        return self._chosen

    def __ge__(self, other: Any) -> Any:
        return (any if self.greatest else all)(bool(polynomial_of(m) >= other) for m in self.members)

    def __gt__(self, other: Any) -> Any:
        return self >= other + 1

    def __lt__(self, other: Any) -> Any:
        return not self >= other

    def __le__(self, other: Any) -> Any:
        return not self >= other + 1


def polynomial_of(value: Any) -> Int:
    """An integer as an `Int`, whose comparisons are conditions."""
    return value if isinstance(value, Int) else Int(Polynomial(value))


def extreme(members: tuple[Any, ...], greatest: bool) -> Any:
    """The least or the greatest; that member itself, where the path decides which one it is."""
    for one in members:
        others = [polynomial(one) - polynomial(m) if greatest else polynomial(m) - polynomial(one) for m in members]
        if all(map(current().is_plain, map(Guard, others))):
            return one
    return Extreme(members, greatest)


def defined_extreme(members: tuple[Any, ...], greatest: bool) -> Any:
    """The least or the greatest as a variable of its own with its definition, so that no path has to decide it."""
    path = current()
    own = Polynomial.variable(path.fresh("max" if greatest else "min"))
    values = [polynomial(m) for m in members]
    bounds = [Guard(own - v if greatest else v - own) for v in values]
    path.guards += bounds
    path.facts += [*map(as_fact, bounds), one_of(own, values)]
    return number(own)


numbers.Integral.register(Int)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int | Int | Condition)


class Condition:
    """A comparison whose truth the path decides."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard

    def __bool__(self) -> bool:
        return current().decide(self.guard)


class Path:
    """One way through the code: the outcomes of its comparisons, and the facts that follow.

    `script` has the outcomes to repeat. `loops` are the loops that run now; a comparison of their variables is refused,
    because it may come out otherwise in the next iteration.
    """

    def __init__(
        self, solver: Solver, least: Mapping[str, int], facts: Iterable[Guard], script: tuple[bool, ...] = ()
    ) -> None:
        self.solver, self.least, self.script = solver, dict(least), script
        self.low = dict(least)  # the least values of loop variables too
        self.guards = list(facts)
        at_least = [Guard(Polynomial.variable(name) - value) for name, value in least.items()]
        self.facts = list(map(as_fact, [*at_least, *facts]))
        self.taken: list[tuple[bool, bool]] = []  # outcome, and whether the other one is possible too
        self.loops: list[Any] = []
        self.loop_names: set[str] = set()
        self.closed = False  # whether the code has ended
        self.not_zero: list[str] = []  # products of unknowns that are taken to be other than 0
        self.leaves: dict[str, Any] = {}  # what derivatives are taken by, see `derivatives`
        self.broken = False  # whether a loop was left early
        self._quotients: dict[tuple[Polynomial, Polynomial], Polynomial] = {}
        self._fresh = 0

    def fresh(self, stem: str) -> str:
        """A new name, such as ``u'3``."""
        self._fresh += 1
        return f"{stem.split(chr(39))[0]}'{self._fresh}"

    def assumed(self) -> list[Fact]:
        """The facts, and the ranges of the variables of the loops that run."""
        return self.facts + [as_fact(guard) for loop in self.loops for guard in (*loop.guard, *loop.known)]

    def entails(self, *goals: Guard) -> bool:
        """Whether all goals hold on this path."""
        return self.entails_under((), *goals)

    def entails_under(self, more: Iterable[Guard], *goals: Guard) -> bool:
        """Whether all goals hold on this path where further conditions hold."""
        known = [*self.guards, *(g for loop in self.loops for g in (*loop.guard, *loop.known)), *more]
        open_goals = [g for g in goals if not self._plainly(g) and not self._follows(g, known)]
        facts = self.assumed() + list(map(as_fact, more)) if open_goals else []
        return all(self.solver.entails("entailment", facts, as_fact(goal)) for goal in open_goals)

    @property
    def quotients(self) -> list[Polynomial]:
        """The variables that stand for quotients."""
        return list(self._quotients.values())

    @property
    def quotient_names(self) -> set[str]:
        """The variables that stand for quotients of parameters."""
        return {name for q in self._quotients.values() for name in q.names}

    def decide(self, guard: Guard) -> bool:
        """The truth of a condition, which becomes a fact."""
        if guard.polynomial.is_constant:
            return _holds(guard)
        if self.is_plain(guard):
            return True
        p = guard.polynomial
        opposite = [Guard(q) for q in ([p - 1, -p - 1] if guard.equal else [-p - 1])]
        if any(map(self.is_plain, opposite)):
            return False
        if guard.polynomial.names & self.loop_names:
            if self.entails(guard):
                return True
            if self.solver.entails("a branch is taken in no iteration", self.assumed(), as_fact(guard, False)):
                return False
            raise Refused(f"a branch within a loop depends on its variable: {guard}")
        position = len(self.taken)
        if position < len(self.script):
            outcome, both = self.script[position], False
        else:
            never = self.solver.entails("a branch is never taken", self.facts, as_fact(guard, False), BRANCH)
            always = not never and self.solver.entails("a branch is always taken", self.facts, as_fact(guard), BRANCH)
            outcome, both = not never, not never and not always
        if both and self.closed:
            raise Refused(f"a branch that no path explores: {guard}")
        self.taken.append((outcome, both))
        self.facts.append(as_fact(guard, outcome))
        if outcome or not guard.equal:
            self.guards.append(guard if outcome else Guard(-guard.polynomial - 1))
        return outcome

    def is_plain(self, guard: Guard) -> bool:
        """Whether a condition holds for reasons that need no solver."""
        return self._plainly(guard) or self._follows(guard, self.guards)

    def _plainly(self, guard: Guard) -> bool:
        """Whether a condition holds by the least values of the parameters alone: p(least + n) has no negative sign."""
        if guard.equal:
            return not guard.polynomial.terms
        p = guard.polynomial
        if any(name not in self.low for name in p.names):
            return False
        low = {name: Polynomial.variable(name) + self.low[name] for name in p.names if self.low[name]}
        return all(c >= 0 for c in replaced(p, low).terms.values())

    def _follows(self, goal: Guard, known: list[Guard]) -> bool:
        """Whether a condition follows from another one, because the difference has no negative sign."""
        if goal.equal:
            return goal in known
        parts = (Guard(goal.polynomial - guard.polynomial) for guard in known if not guard.equal)
        return any(self._plainly(part) for part in parts)

    def quotient(self, above: Any, below: Any) -> Any:
        """⌊above / below⌋ for a positive `below`."""
        if not below > 0:
            raise Refused(f"a division by {below}, which may be 0 or negative")
        a, b = polynomial(above), polynomial(below)
        exact = quotient(a, b)
        if exact is not None:
            return number(exact)
        if (a.names | b.names) & self.loop_names:
            raise Refused(f"a quotient within a loop depends on its variable: {a} // {b}")
        if (a, b) not in self._quotients:
            q = Polynomial.variable(self.fresh("q"))
            for (_, divisor), other in self._quotients.items():
                if divisor == b:
                    self.facts += [ordered_products(q, other, b), ordered_products(other, q, b)]
            self._quotients[a, b] = q
            within = [Guard(a - q * b), Guard((q + 1) * b - a - 1)]
            self.guards += within
            self.facts += map(as_fact, within)
        return number(self._quotients[a, b])


def _holds(guard: Guard) -> bool:
    """Whether a condition holds whatever the parameters are, seen without a solver."""
    value = guard.polynomial.terms.get((), 0)
    return guard.polynomial.is_constant and (value == 0 if guard.equal else value >= 0)


def quotient(a: Polynomial, b: Polynomial) -> Polynomial | None:
    """The polynomial c with integer coefficients and a = b·c; None if there is none.

    >>> n, m = Polynomial.variable("n"), Polynomial.variable("m")
    >>> quotient(n * m + n - 2 * m - 2, m + 1)
    n - 2
    """
    total, lead = Polynomial(0), _lead(b)
    if lead is None:
        return None
    while (first := _lead(a)) is not None:
        rest = list(first)
        for name in lead:
            if name not in rest:
                return None
            rest.remove(name)
        coefficient = rational(a.terms[first]) / rational(b.terms[lead])
        if coefficient.denominator != 1:
            return None
        step = Polynomial(coefficient)
        for name in rest:
            step = step * Polynomial.variable(name)
        total, a = total + step, a - step * b
    return total


def replaced(p: Polynomial, values: Mapping[str, Polynomial]) -> Polynomial:
    """A polynomial with variables replaced."""
    if not any(name in values for monomial in p.terms for name in monomial):
        return p
    total = Polynomial(0)
    for monomial, coefficient in p.terms.items():
        part = Polynomial(coefficient)
        for name in monomial:
            part = part * (values[name] if name in values else Polynomial.variable(name))
        total = total + part
    return total


def _lead(p: Polynomial) -> tuple[str, ...] | None:
    """The greatest monomial, by degree and then by names: an order that products keep, so that the division ends."""
    return max(p.terms, key=lambda monomial: (len(monomial), monomial), default=None)


def explore(
    run: Callable[[], Any], solver: Solver, least: Mapping[str, int], facts: Iterable[Guard] = ()
) -> Iterator[tuple[Path, Any]]:
    """Run code once for every path; yield the path with the result, or with the error by which a layer refuses.

    `least` has the parameters with their least values, and `facts` what is assumed besides. The caller must deal with a
    path before it asks for the next one.

    Raises
    ------
    Refused : the engine does not model what the code does, or there are too many paths.
    """
    known, count = list(facts), 0
    pending: list[tuple[bool, ...]] = [()]
    while pending:
        script = pending.pop()
        path, count = Path(solver, least, known, script), count + 1
        if count > MOST_PATHS:
            raise Refused(f"more than {MOST_PATHS} paths")
        _running.append(path)
        try:
            try:
                result = run()
            except (ShapeError, OptionError) as error:
                result = error
            path.closed = True
            if path.broken and not isinstance(result, Exception):
                raise Refused("a loop that is left early")
            for position in range(len(script), len(path.taken)):
                if path.taken[position][1]:
                    pending.append((*(o for o, _ in path.taken[:position]), not path.taken[position][0]))
            yield path, result
        finally:
            _running.pop()
