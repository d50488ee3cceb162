"""The nearest case that a target accepts, in place of one that it refuses.

A kernel without groups, or with even padding only, refuses most cases. Each is tried again in a nearby form: one group,
even padding, no dilation, and so on. What the target refuses is learnt on the way, so that later cases need one try.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..cases.case import Case
from ..operations import Geometry

__all__ = ["Refusals"]

Form = Callable[[Geometry], Geometry]


def _set(name: str, *value: int) -> Form:
    return lambda g: g | {name: value} if name in g else g


def _even_padding(g: Geometry) -> Geometry:
    if "padding" not in g:
        return g
    top, bottom, left, right = g["padding"]
    return g | {"padding": (max(top, bottom),) * 2 + (max(left, right),) * 2}


def _one_padding(g: Geometry) -> Geometry:
    return g | {"padding": (max(g["padding"]),) * 4} if "padding" in g else g


def _narrow_padding(g: Geometry) -> Geometry:
    """At most half of the kernel."""
    if "padding" not in g or "kernel" not in g:
        return g
    most = [size // 2 for size in g["kernel"] for _ in range(2)]
    return g | {"padding": tuple(map(min, g["padding"], most))}


def _alike(name: str) -> Form:
    """The same on both axes."""
    return lambda g: g | {name: (max(g[name]),) * 2} if name in g else g


def _dense(g: Geometry) -> Geometry:
    """One group, with the channels of all."""
    if "groups" not in g or g["groups"] == (1,):
        return g
    return g | {"groups": (1,)} | {name: (g["groups"][0] * g[name][0],) for name in ("Cg", "Kg")}


FORMS: dict[str, Form] = {  # from what changes a case least
    "a sample": lambda g: g | {"N": (1,)} if g.get("N") == (0,) else g,
    "even padding": _even_padding,
    "one group": _dense,
    "no dilation": _set("dilation", 1, 1),
    "square stride": _alike("stride"),
    "no output padding": _set("output_padding", 0, 0),
    "no ceil_mode": _set("ceil_mode", 0),
    "padding counted": _set("count_include_pad", 1),
    "the mean": _set("sum", 0),
    "the usual eps": _set("eps", 0),
    "a bias": _set("bias", 1),
    "no bias": _set("bias", 0),
    "padding of half the kernel": _narrow_padding,
    "the same padding all around": _one_padding,
    "square kernel": _alike("kernel"),
    "one filter for each channel": _set("M", 1),
    "no padding": _set("padding", 0, 0, 0, 0),
    "stride 1": _set("stride", 1, 1),
    "the stride of a tiling": lambda g: g | {"stride": g["kernel"]} if "stride" in g else g,
    **{f"a kernel of {size}": _set("kernel", size, size) for size in (3, 2, 1)},
}


@dataclass
class Refusals:
    """What a target has refused so far.

    Attributes
    ----------
    needed : forms that turned a refused case into an accepted one
    learnt : forms that change a case -> those of them that made such a case acceptable, None if none did
    """

    needed: list[str] = field(default_factory=list)
    learnt: dict[frozenset[str], tuple[str, ...] | None] = field(default_factory=dict)

    def nearest(self, case: Case, refuses: Callable[[Case], bool]) -> Case | None:
        """The nearest form of a refused case that the target does not refuse, None if there is none."""
        changing = [name for name, form in FORMS.items() if form(case.geometry) != case.geometry]
        key = frozenset(changing)
        for names in self._tries(changing, key):
            nearby = _in_forms(case, names)
            if nearby is not None and not refuses(nearby):
                new = [name for name in names if name not in self.needed]
                if len(new) == 1:
                    self.needed += new
                self.learnt[key] = names
                return nearby
        self.learnt.setdefault(key, None)
        return None

    def _tries(self, changing: list[str], key: frozenset[str]) -> Iterator[tuple[str, ...]]:
        """Combinations of forms: what is learnt, then one form more, then all."""
        if key in self.learnt:
            if (known := self.learnt[key]) is not None:
                yield known
            return
        needed = [name for name in self.needed if name in changing]
        if needed:
            yield tuple(needed)
        yield from ((*needed, name) for name in changing if name not in needed)
        plain = [name for name in changing if name != "a bias" and name != "the same padding all around"]
        for count in range(2, len(plain) + 1):
            yield tuple(plain[:count])


def _in_forms(case: Case, names: tuple[str, ...]) -> Case | None:
    """A case in several forms, None where the operation does not accept that."""
    geometry = dict(case.geometry)
    for name in names:
        geometry = FORMS[name](geometry)
    for candidate in (geometry, _with_pixels_for_padding(geometry, case.geometry)):
        if candidate != case.geometry and case.operation.fits(candidate):
            return case.but(geometry=candidate)
    return None


def _with_pixels_for_padding(g: Geometry, before: Geometry) -> Geometry:
    """An image larger by the padding that it has lost."""
    if "padding" not in g or "H" not in g:
        return g
    lost = [max(0, sum(before["padding"][at : at + 2]) - sum(g["padding"][at : at + 2])) for at in (0, 2)]
    return g | {"H": (g["H"][0] + lost[0],), "W": (g["W"][0] + lost[1],)}
