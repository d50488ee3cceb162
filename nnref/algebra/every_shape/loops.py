"""Loops over a symbolic range: the body runs for one iteration that stands for all, and its writes are summed.

A body may add to arrays of before the loop, or fill zeros of them. Nothing else may outlive an iteration:

- The body runs twice, with variables of different names. Both runs must write the same, but for these names. An array
  that one run writes, the other may not read.
- A name that the body reads before it assigns it must stand for the same object after the body, and lists and dicts
  must have kept their members.
- What the code computes in the end must be free of the variables of loops, see `difference`.

A slice may have its own place in each iteration, a `Span`. A lemma says which elements lie in it, so place and length
vanish from the sum. A loop that breaks a rule is refused.
"""

from __future__ import annotations

import dis
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from ...arithmetic import Polynomial
from .integers import current
from .solver import Guard, Refused
from .terms import Term, Terms, limited, renamed, simplified, sole, substituted
from .values import Value

__all__ = ["Effect", "Loop", "Span", "repeated"]

BUILDS_A_LIST = {"LIST_APPEND", "SET_ADD", "MAP_ADD"}
ACCESS = re.compile(r"(LOAD|STORE)_(?:FAST|DEREF|NAME|GLOBAL)(?=_|$)")


@dataclass(frozen=True)
class Span:
    """A slice ``low … low + size − 1``. `meaning` gives the conditions under which an index lies in it."""

    low: str
    size: str
    meaning: Callable[[Polynomial], tuple[Guard, ...]]

    def eliminated(self, term: Term) -> Term:
        """The term with the meaning of the span in place of ``low ≤ index < low + size``."""
        low, size = Polynomial.variable(self.low), Polynomial.variable(self.size)
        last = [g for g in term.guard if self.size in g.polynomial.names]
        if len(last) != 1 or last[0].equal:
            raise Refused(f"a slice of which more matters than its elements: {last}")
        index = low + size - 1 - last[0].polynomial
        if self.low in index.names:  # the index counts from `low`; let it count from 0
            name = next((v for v in term.bound if sole(index, v) and sole(index, v)[0] == 1), None)  # type: ignore[index]
            if name is None or not (own := sole(index, self.low)) or own[0] != 1:
                raise Refused(f"a slice with the index {index}")
            shifted = substituted(term, {name: Polynomial.variable(name) - low})._replace(bound=term.bound)
            return self.eliminated(shifted)
        first = Guard(index - low)
        guard = tuple(g for g in term.guard if g not in (first, last[0])) + self.meaning(index)
        done = term._replace(guard=guard)
        if first not in term.guard or {self.low, self.size} & done.names:
            raise Refused("a loop in which more of a slice matters than its elements")
        return done


@dataclass(frozen=True)
class Effect:
    """One write to an array of before the loop: it fills zeros, or adds."""

    array: Any
    fills: bool
    delta: Value


@dataclass
class Loop:
    """One run of the body.

    Attributes
    ----------
    names, guard : the variables of the iteration and their ranges, which become those of the sum
    spans : the slices of the iteration
    known : what holds in every iteration besides
    effects : the writes to arrays of before the loop
    written : the ids of these arrays; also of those that the other run wrote
    """

    names: tuple[str, ...] = ()
    guard: tuple[Guard, ...] = ()
    spans: tuple[Span, ...] = ()
    known: tuple[Guard, ...] = ()
    effects: list[Effect] = field(default_factory=list)
    written: set[int] = field(default_factory=set)

    @property
    def own(self) -> tuple[str, ...]:
        """All variables of the iteration."""
        return (*self.names, *(name for span in self.spans for name in (span.low, span.size)))

    @property
    def low(self) -> dict[str, int]:
        """The variables that are known to be at least 0 or 1."""
        least = {name: 1 for span in self.spans for name in (span.size,)} | {span.low: 0 for span in self.spans}
        return least | {name: 0 for name in self.names if Guard(Polynomial.variable(name)) in self.guard}

    def total(self, delta: Value) -> Value:
        """The sum of what all iterations write."""

        def at(index: Any) -> Terms:
            sums: Terms = []
            for term in map(simplified, delta.at(index)):
                if term is not None:
                    for span in self.spans:
                        term = span.eliminated(term)
                    sums += limited([term], self.names, self.guard)
            return [renamed(term) for term in sums]

        return Value(delta.axes, at, delta.zero)


def repeated(draw: Callable[[], tuple[Any, Loop]]) -> Iterator[Any]:
    """Yield the item of an iteration that stands for all, twice; then write what the loop as a whole writes.

    `draw` makes an item and its `Loop`, with new names. Only a for statement may ask for the items.
    """
    path, around, runs = current(), sys._getframe(1), []  # type: ignore[var-annotated]
    carried = _read_before_assigned(around)
    for _ in range(2):
        item, loop = draw()
        loop.written |= {array for run in runs for array in run.written}
        path.loops.append(loop)
        path.loop_names |= {*loop.own}
        path.low |= loop.low
        before, ended = _held(around, carried), False
        try:
            yield item
            ended = True
        finally:
            path.loops.remove(loop)
            path.broken |= not ended
        if _held(around, carried) != before:
            raise Refused("a variable that is carried from one iteration of a loop to the next")
        runs.append(loop)
    _close(*runs)


def _read_before_assigned(around: FrameType) -> set[str]:
    """The names that the body of the running for statement reads before it assigns them; other loops are refused."""
    instructions = list(dis.get_instructions(around.f_code))
    here = next((i for i in instructions if i.offset == around.f_lasti), None)
    if here is None or here.opname != "FOR_ITER" or around.f_code.co_name.startswith("<"):
        raise Refused("a symbolic range outside of a for statement")
    body = [i for i in instructions if here.offset < i.offset < here.argval]
    if any(i.opname in BUILDS_A_LIST and i.arg != 1 for i in body):  # with 1 it unpacks, as in [*a, b]
        raise Refused("a list with one element for each value of a symbolic range")
    loaded: set[str] = set()
    stored: dict[str, bool] = {}  # name -> whether it was loaded before
    for instruction in body:
        operations = ACCESS.findall(instruction.opname)
        names = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
        for operation, name in zip(operations, names, strict=False):
            if operation == "STORE":
                stored.setdefault(name, name in loaded)
            loaded.add(name)
    return {name for name, before in stored.items() if before}


def _held(frame: FrameType, names: set[str]) -> dict[str, Any]:
    """What some names of a frame stand for, and the members of all lists and dicts."""
    held: dict[str, Any] = {}
    for name, value in frame.f_locals.items():
        if isinstance(value, list | set | dict):
            members = value.values() if isinstance(value, dict) else value
            held[name] = (id(value), *map(id, members))
        elif name in names:
            held[name] = id(value)
    return held


def _close(one: Loop, other: Loop) -> None:
    """Apply the writes of a loop, after a check that both runs write the same."""
    if len(one.effects) != len(other.effects):
        raise Refused("a loop whose iterations write different arrays")
    names = dict(zip(other.own, one.own, strict=True))
    for first, second in zip(one.effects, other.effects, strict=True):
        same = first.array is second.array and first.fills == second.fills
        if not same or _texts(first.delta, {}) != _texts(second.delta, names):
            raise Refused("a loop whose iterations differ in more than their variable")
    for effect in one.effects:
        effect.array.change(one.total(effect.delta), effect.fills)


def _texts(delta: Value, names: dict[str, str]) -> list[str]:
    """The terms of a write, with its bound variables numbered and those of the loop renamed."""
    index = tuple(tuple(Polynomial.variable(f"@{k}.{j}") for j, _ in enumerate(a)) for k, a in enumerate(delta.axes))
    texts = []
    for term in map(simplified, delta.at(index)):
        if term is not None:
            new = {v: f"bound {k}" for k, v in enumerate(term.bound)} | names
            texts.append(repr(substituted(term, {v: Polynomial.variable(n) for v, n in new.items()})))
    return [repr(delta.axes) if not names else repr(_renamed_axes(delta, names)), *texts]


def _renamed_axes(delta: Value, names: dict[str, str]) -> Any:
    term = Term(1, (("axes", tuple(p for axis in delta.axes for p in axis)),))  # type: ignore[arg-type]
    new = iter(substituted(term, {v: Polynomial.variable(n) for v, n in names.items()}).factors[0][1])
    return tuple(tuple(next(new) for _ in axis) for axis in delta.axes)
