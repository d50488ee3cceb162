"""What a function of arrays computes, as a formula that a person can read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...arithmetic import Polynomial
from .integers import current, explore
from .namespace import symbolic
from .parameters import conditions, least_values, names_of, with_symbols
from .solver import Guard, Refused, Solver
from .tensors import Tensor, leaf
from .terms import Term, simplified, substituted, written_factors
from .values import below

__all__ = ["formula"]

LETTERS = "cuvwabdefgmpqrtyz"


def formula(
    function: Callable[..., Any],
    index: str,
    options: Mapping[str, Any] | None = None,
    where: tuple[str, ...] = (),
    **shapes: tuple[str | int, ...],
) -> str:
    """The element of ``function(**arrays, **options)`` at an index, one term per line.

    Parameters
    ----------
    function : takes the arrays by name
    index : a letter for every axis of the result
    options : of the function, with symbols as texts
    where : comparisons of sizes that are assumed
    shapes : name -> the shape of an array, of ints and symbols

    Raises
    ------
    Refused : the engine does not model what the function does, or the conditions leave it more than one path.

    >>> from nnref import linear
    >>> print(formula(linear, "nk", x=("N", "C"), weight=("K", "C")))
    Σ_{c} x[n, c] · weight[k, c]  [0 ≤ c < C]
    """
    texts, given = [], {"shapes": shapes, "options": dict(options or {})}
    least = least_values([*names_of(given), *names_of(where)])

    def run() -> Any:
        arrays = {name: leaf(name, *with_symbols(shape)) for name, shape in shapes.items()}
        return function(**arrays, **with_symbols(given["options"]))

    with symbolic():
        for _, result in explore(run, Solver(), least, conditions(where)):
            if not isinstance(result, Tensor):
                raise Refused(str(result))
            texts.append(_text(result, index))
    if len(texts) != 1:
        raise Refused(f"{len(texts)} paths: the conditions do not decide all comparisons")
    return texts[0]


def _text(result: Tensor, index: str) -> str:
    axes = result.value.axes
    if len(axes) != len(index) or any(len(axis) != 1 for axis in axes):
        raise Refused(f"an index {index!r} for an array of shape {result.shape}")
    places = tuple((Polynomial.variable(letter),) for letter in index)
    inside = [g for (i,), (size,) in zip(places, axes, strict=True) for g in below(i, size)]
    terms = [term for term in map(simplified, result.value.at(places)) if term is not None]
    return "\n+ ".join(_readable(_shortened(term, inside), index) for term in terms) or "0"


def _shortened(term: Term, inside: list[Guard]) -> Term:
    """The term without conditions that follow from the others."""
    kept = sorted(term.guard, key=lambda g: -len(g.polynomial.names))
    for guard in list(kept):
        others = [g for g in kept if g is not guard]
        if current().entails_under([*inside, *others], guard):
            kept = others
    return term._replace(guard=tuple(kept))


def _readable(term: Term, taken: str) -> str:
    """The term with letters for its bound variables, and with ranges in place of pairs of conditions."""
    order = [n for _, place in term.factors for p in place for n in sorted(p.names) if n in term.bound]
    free = (letter for letter in LETTERS if letter not in taken)
    letters = {name: next(free) for name in dict.fromkeys([*order, *term.bound])}
    named = substituted(term, {name: Polynomial.variable(letter) for name, letter in letters.items()})
    sums = f"Σ_{{{' '.join(letters.values())}}} " if letters else ""
    ranges, left = [], list(named.guard)
    for letter in letters.values():
        own = Polynomial.variable(letter)
        high = next((g for g in left if (g.polynomial + own).names.isdisjoint({letter})), None)
        if Guard(own) in left and high is not None:
            ranges.append(f"0 ≤ {letter} < {high.polynomial + own + 1}")
            left = [g for g in left if g not in (Guard(own), high)]
    limits = ", ".join([*ranges, *map(str, left)])
    return sums + written_factors(named) + (f"  [{limits}]" if limits else "")
