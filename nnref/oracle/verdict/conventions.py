"""Which answers a result gives where conventions leave several open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...numeric import Array
from ..expectation.declaration import Declaration
from ..findings import Observed
from ..operations import Open, OpenShape

__all__ = ["Answered", "Resized", "answered", "resized"]


@dataclass
class Answered:
    """What came of the open elements of a result.

    Attributes
    ----------
    where : which elements are open
    wrong : which of these have none of the right answers
    wanted, bound : what an open element must be, and how far off; the reference's answer, or the declared one
    observed : the answers given
    """

    where: Array
    wrong: Array
    wanted: Array
    bound: Array
    observed: list[Observed] = field(default_factory=list)

    @property
    def judged(self) -> int:
        """How many elements were judged here."""
        return int(self.where.sum())


def answered(
    got: Array, exact: Array, places: Sequence[Open | OpenShape], declares: Declaration, nan_anywhere: bool
) -> Answered:
    """Compare open elements with the right answers. A later place does not look at the elements of an earlier one."""
    none = np.zeros(got.shape, bool)
    if not places:
        return Answered(none, none, exact, none)
    found = Answered(none, none, exact.astype(np.float64), np.zeros(got.shape))
    values = got.astype(np.float64)
    for place in places:
        if isinstance(place, OpenShape):
            continue
        where = np.broadcast_to(place.where, got.shape) & ~found.where
        if not where.any():
            continue
        fits, reference = _fits(values, place), _fits(found.wanted, place)
        pinned = getattr(declares, place.name) if place.name else None
        right = fits[pinned] if pinned else np.any(list(fits.values()), axis=0)
        if nan_anywhere:
            right = right | np.isnan(values)
        found.where, found.wrong = found.where | where, found.wrong | (where & ~right)
        if pinned:
            value, bound = (np.broadcast_to(part, got.shape) for part in place.answers[pinned])
            found.wanted, found.bound = np.where(where, value, found.wanted), np.where(where, bound, found.bound)
        if place.name:
            own = tuple(name for way in _given(reference, where) for name in way)
            found.observed += [Observed(place.name, way, own) for way in _given(fits, where)]
    return found


def _fits(values: Array, place: Open) -> dict[str, Array]:
    """Answer -> which elements have it."""
    with np.errstate(invalid="ignore"):
        return {
            name: (np.abs(values - value) <= bound) | (values == value) | (np.isnan(values) & np.isnan(value))
            for name, (value, bound) in place.answers.items()
        }


def _given(fits: dict[str, Array], where: Array) -> list[tuple[str, ...]]:
    """The answer that all elements have, several where they agree; or else each answer that some element alone has."""
    of_all = tuple(name for name, fit in fits.items() if (fit | ~where).all())
    if of_all:
        return [of_all] if len(of_all) < len(fits) else []
    ways = np.sum(list(fits.values()), axis=0)
    return [(name,) for name, fit in fits.items() if (fit & where & (ways == 1)).any()]


@dataclass
class Resized:
    """A result and its bound in the shape of an answer, if that shape is right.

    Attributes
    ----------
    wanted : the shape that the answer must have
    exact, bound : of the elements; beyond the reference's shape the bound is NaN
    open : what is open of them
    observed : which shape was given
    """

    wanted: tuple[int, ...]
    exact: Array
    bound: Array
    open: tuple[Any, ...]
    observed: tuple[Observed, ...] = ()


def resized(
    shape: tuple[int, ...], exact: Array, bound: Array, places: tuple[Open | OpenShape, ...], declares: Declaration
) -> Resized:
    """The expected result in the shape of an answer, where a convention leaves the shape open."""
    place = next((place for place in places if isinstance(place, OpenShape)), None)
    if place is None:
        return Resized(exact.shape, exact, bound, places)
    pinned = getattr(declares, place.name)
    right = [place.shapes[pinned]] if pinned else list(place.shapes.values())
    if shape not in right:
        return Resized(right[0], exact, bound, places)
    given, own = (tuple(name for name, s in place.shapes.items() if s == each) for each in (shape, exact.shape))
    observed = (Observed(place.name, given, own),)
    elements = tuple(_fitted(p, shape, exact.shape, place.beyond) for p in places if isinstance(p, Open))
    return Resized(shape, _cut(exact, shape, 0), _cut(bound, shape, np.nan), elements, observed)


def _fitted(place: Open, shape: tuple[int, ...], before: tuple[int, ...], beyond: str) -> Open:
    """The open elements within a shape, and where the place is about windows without a pixel, those beyond too."""
    return place._replace(where=_cut(np.broadcast_to(place.where, before), shape, place.name == beyond))


def _cut(array: Array, shape: tuple[int, ...], fill: Any) -> Array:
    """The part of an array that lies within a shape, with `fill` beyond it."""
    whole = np.full(shape, fill, array.dtype)
    common = tuple(slice(0, min(pair)) for pair in zip(shape, array.shape, strict=True))
    whole[common] = array[common]
    return whole
