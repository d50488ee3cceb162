"""The terms of a polynomial: a dict from monomials to nonzero coefficients.

A monomial is the sorted tuple of its variables, each repeated as often as its exponent says:
``a*b^2`` is ``("a", "b", "b")``. A coefficient is an int, which is fast, until a division makes it a
Rational.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import groupby

from .rational import Rational

__all__ = ["Coefficient", "Monomial", "Terms", "product_of_terms", "quotient_of_terms", "sum_of_terms", "written"]

Monomial = tuple[str, ...]
Coefficient = int | Rational
Terms = dict[Monomial, Coefficient]


def sum_of_terms(left: Terms, right: Terms) -> Terms:
    """The terms of the sum, without those that cancel.

    >>> sum_of_terms({("a",): 1, (): 2}, {("a",): -1})
    {(): 2}
    """
    few, many = (left, right) if len(left) < len(right) else (right, left)
    result = many.copy()
    for monomial, coefficient in few.items():
        total = result.get(monomial, 0) + coefficient
        if total:
            result[monomial] = total
        else:
            del result[monomial]
    return result


def product_of_terms(left: Terms, right: Terms) -> Terms:
    """The terms of the product, without those that cancel.

    >>> product_of_terms({("b",): 2}, {("a",): 3, ("c",): 5})
    {('a', 'b'): 6, ('b', 'c'): 10}
    """
    few, many = (left, right) if len(left) < len(right) else (right, left)
    if len(few) == 1:  # the usual case, in which nothing can cancel
        ((a, factor),) = few.items()
        return {tuple(sorted(a + b)): factor * coefficient for b, coefficient in many.items()}
    result: Terms = {}
    for a, factor in few.items():
        for b, coefficient in many.items():
            monomial = tuple(sorted(a + b))
            result[monomial] = result.get(monomial, 0) + factor * coefficient
    return {monomial: coefficient for monomial, coefficient in result.items() if coefficient}


def quotient_of_terms(terms: Terms, monomial: Monomial) -> Terms | None:
    """The terms divided by a monomial, or None if it does not divide all of them.

    >>> quotient_of_terms({("a", "b"): 6, ("a", "a"): 1}, ("a",))
    {('b',): 6, ('a',): 1}
    """
    result: Terms = {}
    for whole, coefficient in terms.items():
        rest = list(whole)
        for name in monomial:
            if name not in rest:
                return None
            rest.remove(name)
        result[tuple(rest)] = coefficient
    return result


def written(terms: Mapping[Monomial, Coefficient]) -> str:
    """The polynomial with these terms, highest degree first; their order in the dict does not matter.

    >>> written({(): 1, ("b", "b"): Rational(-1, 2), ("x[10]",): 3, ("x[9]",): -1})
    '-1/2*b^2 - x[9] + 3*x[10] + 1'
    """
    text = ""
    for monomial in sorted(terms, key=lambda m: (-len(m), sorted(map(_natural, m)))):
        coefficient = terms[monomial]
        minus = coefficient < 0
        size = "*".join(_factors(-coefficient if minus else coefficient, monomial))
        if text:
            text += f" - {size}" if minus else f" + {size}"
        else:
            text = f"-{size}" if minus else size
    return text or "0"


def _factors(size: Coefficient, monomial: Monomial) -> list[str]:
    number = [str(size)] if size != 1 or not monomial else []
    counted = [(name, len(list(same))) for name, same in groupby(sorted(monomial, key=_natural))]
    return number + [f"{name}^{power}" if power > 1 else name for name, power in counted]


def _natural(name: str) -> list[str | int]:
    """A sort key that puts x[9] before x[10]: text and numbers alternate."""
    return [int(piece) if piece.isdecimal() else piece for piece in re.split(r"(\d+)", name)]
