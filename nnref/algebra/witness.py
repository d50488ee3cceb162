"""The search for a smallest counterexample: neutral values, except for as few and as small others as possible."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from decimal import Decimal
from typing import Any

import numpy as np

from ..arithmetic import decimal, fifty_digits, rational
from ..numeric import Array
from .claim import Case, Claim
from .given import Given
from .methods import SmallValues

__all__ = ["Values", "find_witness", "flat", "nested", "shapes", "smallest_witness"]

TRIES = 4000
LARGEST_COST = 8
CANDIDATES = {0: ((1, 1), (2, -1), (2, 2)), 1: ((1, 2), (2, 0), (2, -1))}  # by neutral value: (cost, value)
Slot = tuple[str, tuple[int, ...]]


class Values(SmallValues):
    """The values of a counterexample, and neutral values elsewhere.

    Parameters
    ----------
    values : name -> nested lists, or (name, index) -> number; elements that are not listed are neutral
    kind : the method whose claims the values refute; it says whether they are decimals, and whether pixels are distinct

    Attributes
    ----------
    given : name -> array, for every array that the law has asked for
    candidates : slot -> the values that may replace the neutral one, each with its cost
    """

    def __init__(self, values: Mapping[Any, Any] | None = None, kind: type[Given] = SmallValues) -> None:
        super().__init__()
        self.values, self.kind = values or {}, kind
        self.given: dict[str, Array] = {}
        self.candidates: dict[Slot, tuple[tuple[int, int], ...]] = {}

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """The given values, or neutral ones in which single elements are replaced."""
        candidates = tuple(c for c in CANDIDATES[neutral] if c[1] > 0 or not positive)
        return self._filled(name, np.full(shape, neutral), candidates)

    def image(self, *shape: int, name: str = "x") -> Array:
        """As `array`; if pixels must be distinct, the neutral values are 1, 2, 3, …"""
        if not self.kind.distinct:
            return self.array(name, *shape)
        return self._filled(name, 1 + np.arange(math.prod(shape)).reshape(shape), ((1, -1), (2, -2)))

    def _filled(self, name: str, neutral: Array, candidates: tuple[tuple[int, int], ...]) -> Array:
        self.expect_new(name)
        element = decimal if self.kind.digits else rational
        array = np.empty(neutral.shape, object)
        whole = np.asarray(self.values[name]) if name in self.values else None
        for index in np.ndindex(neutral.shape):
            value = self.values.get((name, index), neutral[index]) if whole is None else whole[index]
            array[index] = element(value)
            self.candidates[name, index] = candidates
        self.given[name] = array
        return array

    def context(self) -> AbstractContextManager[Any]:
        """Decimal arithmetic of fifty digits, if the values are decimals."""
        return fifty_digits() if self.kind.digits else nullcontext()

    def differ(self, claim: Claim, case: Case) -> tuple[Array, Array] | None:
        """Both sides if the law fails on these values; None if it holds, or if a number in it does not exist."""
        try:
            left, right = claim.sides(self, case)
            if self.kind.digits and not self._differ_at_more_digits(claim, case, flat(left), flat(right)):
                return None
        except ArithmeticError:
            return None
        if self.kind.distinct and len({0, *self.given["x"].flat}) <= self.given["x"].size:
            return None
        one, other = flat(left), flat(right)
        if shapes(left) != shapes(right):
            return one, other
        return None if all(map(self._same, one, other)) else (one, other)

    def _differ_at_more_digits(self, claim: Claim, case: Case, left: Array, right: Array) -> bool:
        """Whether a difference is no rounding error: it is the same, to a few digits, with twice the precision."""
        if left.shape != right.shape:
            return True
        given, digits = self.given, type(self)(self.values, self.kind)
        digits.context = lambda: fifty_digits(100)  # type: ignore[method-assign]
        one, other = map(flat, claim.sides(digits, case))
        self.given = given
        with fifty_digits(100):
            pairs = zip(left - right, one - other, strict=True)
            return any(d != 0 and abs(coarse - d) * 1000 <= abs(d) for coarse, d in pairs)

    def _same(self, one: Any, other: Any) -> bool:
        if self.kind.digits:
            return abs(one - other) <= Decimal("1e-40") * max(abs(one), abs(other), 1)
        return bool(one == other)


def smallest_witness(claim: Claim, case: Case, kind: type[Given] = SmallValues) -> Values | None:
    """Values of least total cost on which the sides of the claim differ, or None after `TRIES` attempts."""
    recorder = Values(kind=kind)
    recorder.differ(claim, case)
    slots = tuple(recorder.candidates.items())
    by_cost = (_assignments(slots, cost) for cost in range(LARGEST_COST))
    for values in itertools.islice(itertools.chain.from_iterable(by_cost), TRIES):
        attempt = Values(values, kind)
        if attempt.differ(claim, case) is not None:
            return attempt
    return None


def find_witness(claim: Claim, case: Case, kind: type[Given] = SmallValues) -> Values | None:
    """A smallest counterexample; else one of random small numbers; else None."""
    return smallest_witness(claim, case, kind) or _random_witness(claim, case, kind)


def _random_witness(claim: Claim, case: Case, kind: type[Given]) -> Values | None:
    """A counterexample of random small numbers, for laws that need many nonneutral values."""
    random = np.random.default_rng(0)
    recorder = Values(kind=kind)
    recorder.differ(claim, case)
    least = {slot: 1 if all(value > 0 for _, value in c) else -9 for slot, c in recorder.candidates.items()}
    for _ in range(TRIES // 10):
        attempt = Values({slot: int(random.integers(low, 10)) for slot, low in least.items()}, kind)
        if attempt.differ(claim, case) is not None:
            return attempt
    return None


def _assignments(slots: tuple[tuple[Slot, Any], ...], cost: int) -> Iterator[dict[Any, int]]:
    """All ways to replace neutral values at exactly this total cost."""
    if cost == 0:
        yield {}
    for position, (slot, candidates) in enumerate(slots):
        for price, value in candidates:
            if price <= cost:
                for others in _assignments(slots[position + 1 :], cost - price):
                    yield {slot: value, **others}


def shapes(side: Any) -> list[tuple[int, ...]]:
    """The shapes of the arrays of a side."""
    return [np.shape(array) for array in (side if isinstance(side, tuple) else (side,))]


def flat(side: Any) -> Array:
    """All elements of a side, which is one array or a tuple of arrays."""
    arrays = side if isinstance(side, tuple) else (side,)
    return np.concatenate([np.asarray(array, object).reshape(-1) for array in arrays])


def nested(array: Array) -> Any:
    """Nested lists of the elements as str, with twelve digits of a decimal."""
    return np.asarray(np.frompyfunc(_as_text, 1, 1)(array), object).tolist()


def _as_text(element: Any) -> str:
    if isinstance(element, Decimal):
        return f"{element:.12g}"
    return str(element)
