"""What a failure that has been found covers, so that the search can go on behind it.

A case contains a failure if it has all that the smallest failing case has: it is as large in every field, up to an
exchange of axes and of sides, and its data, its layout and its flags are among those with which the failure shows at
its smallest size. That is not guessed: every kind of data, every layout and every flag is tried there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product

from ..cases.case import KINDS, LAYOUTS, Case, kinds_of, layout_of
from ..findings import Finding
from ..operations import Geometry
from ..operations.operation import CHOICES

__all__ = ["FATAL", "PLAIN", "UNUSUAL", "Known", "Probe", "data_of", "explored", "rank", "signature"]

Probe = Callable[[Case], Sequence[Finding]]  # what is wrong with a target's answer to a case
Signature = tuple[str, str, bool, bool]

SEEDS = 6  # to see whether a failure shows with some data at all
FEW_SEEDS = 3
LARGEST_TRADED = 5  # pixels of padding
PLAIN, STRUCTURE, UNUSUAL = range(3)
FATAL = ("crash", "hang")  # kinds of findings


def rank(case: Case, finding: Finding) -> int:
    """What comes first: wrong values of plain data; then what is no value; then special values and empty batches."""
    if case.mode == "special" or case.geometry.get("N") == (0,):
        return UNUSUAL
    return PLAIN if finding.kind == "value" else STRUCTURE


@dataclass(frozen=True)
class Known:
    """A failure, and which cases contain it.

    Attributes
    ----------
    case : the smallest failing one
    signatures : of all that was seen to be wrong with it
    data : modes and kinds of data with which it shows, None for all
    layouts : with which it shows, None for all
    choices : field -> values with which it shows; all where a field is missing
    empty : whether it shows with an empty batch too
    alike : geometries of that size with which it shows too: pixels in place of padding
    equal : pairs of fields that must be equal, because it does not show if one of them alone is larger
    """

    case: Case
    signatures: frozenset[Signature]
    data: frozenset[tuple[str, str]] | None = None
    layouts: frozenset[str] | None = None
    choices: Mapping[str, frozenset[int]] = field(default_factory=dict)
    empty: bool = False
    alike: tuple[Geometry, ...] = ()
    equal: tuple[tuple[str, str], ...] = ()

    @property
    def is_fatal(self) -> bool:
        """Whether a case that contains it costs a process, or a wait."""
        return any(kind in FATAL for kind, *_ in self.signatures)

    def covers(self, case: Case, finding: Finding) -> bool:
        """Whether what is wrong with a case is this failure again."""
        return signature(finding) in self.signatures and self.is_in(case, finding)

    def is_in(self, case: Case, finding: Finding | None = None) -> bool:
        """Whether a case contains the failing one."""
        return (
            self._shows_with_data(case, finding)
            and (self.layouts is None or bool(self.layouts & _layouts(case)))
            and all(case.geometry[name][0] in values for name, values in self.choices.items())
            and self._shows_with_samples(case)
            and all(case.geometry[a] == case.geometry[b] for a, b in self.equal)
            and any(
                _is_as_large(case.geometry, turned) for g in (self.case.geometry, *self.alike) for turned in _turned(g)
            )
        )

    def _shows_with_samples(self, case: Case) -> bool:
        """What an empty batch shows is in no other, and the other way round only where that was seen."""
        none, own = (g.get("N") == (0,) for g in (case.geometry, self.case.geometry))
        return none == own or (none and self.empty)

    def _shows_with_data(self, case: Case, finding: Finding | None) -> bool:
        if self.data is None or (case.mode, case.kind) in self.data:
            return True
        plain = finding is not None and _is_finite(finding)  # beside special values all data are plain
        return plain and case.mode == "special" and any(mode != "special" for mode, _ in self.data)

    def with_data_of(self, case: Case) -> Known:
        """The same, showing with all data of a case's mode too, and with an empty batch if the case has one."""
        empty = self.empty or case.geometry.get("N") == (0,)
        return replace(self, data=(self.data or frozenset()) | data_of(case), empty=empty)


def data_of(case: Case) -> frozenset[tuple[str, str]]:
    """All kinds of data of a case's mode."""
    return frozenset((case.mode, kind) for kind in ("", *KINDS.get(case.mode, ())))


def explored(case: Case, findings: Sequence[Finding], modes: Sequence[str], probe: Probe) -> Known:
    """Try the smallest failing case, whose first finding is looked for, with other data, layouts and flags."""
    sought = findings[0].kind
    signatures = {signature(finding) for finding in findings if finding.kind == sought}

    def shows(candidate: Case, seeds: int) -> bool:
        shown = False
        for seed in (case.seed, *range(seeds)):
            wrong = [finding for finding in probe(candidate.with_seed(seed)) if finding.kind == sought]
            signatures.update(map(signature, wrong))
            shown |= bool(wrong)
        return shown

    data = {(case.mode, case.kind)}
    for mode in modes:
        for kind in kinds_of(mode, case.operation, case.direction):
            if shows(case.but(mode=mode, kind=kind), SEEDS):
                data.add((mode, kind))
    layouts = None
    if case.layout != "contiguous":
        tried = [layout for layout in LAYOUTS if layout not in ("contiguous", "mixed")]
        layouts = _layouts(case) | {layout for layout in tried if shows(case.but(layout=layout), FEW_SEEDS)}
    choices = {}
    for name, values in CHOICES.items():
        if name in case.geometry:
            others = [case.with_field(name, (v,)) for v in range(len(values)) if (v,) != case.geometry[name]]
            fitting = [other for other in others if case.operation.fits(other.geometry)]
            showing = [other.geometry[name][0] for other in fitting if shows(other, FEW_SEEDS)]
            choices[name] = frozenset((case.geometry[name][0], *showing))
    own = None if layouts is None else frozenset(layouts)
    none = case.operation.least.get("N") == (0,) and shows(case.with_field("N", (0,)), FEW_SEEDS)
    others = [case.but(geometry=g) for g in _with_other_padding(case.geometry) if case.operation.fits(g)]
    alike = tuple(other.geometry for other in others if shows(other, FEW_SEEDS))
    equal = tuple(_equal_fields(case, lambda other: shows(other, FEW_SEEDS)))
    return Known(case, frozenset(signatures), frozenset(data), own, choices, none, alike, equal)


def _equal_fields(case: Case, shows: Callable[[Case], bool]) -> Iterator[tuple[str, str]]:
    """Pairs of fields of one value with which a failure goes away if one is raised, and stays if both are."""
    sizes = [name for name, value in case.geometry.items() if len(value) == 1 and name not in CHOICES]
    for a, b in combinations([name for name in sizes if case.geometry[name] > (1,)], 2):
        value = case.geometry[a]
        if case.geometry[b] == value:
            larger = dict.fromkeys((a, b), (value[0] + 1,))
            one, other, both = (
                case.but(geometry=case.geometry | {n: larger[n] for n in names}) for names in ((a,), (b,), (a, b))
            )
            fitting = all(each.operation.fits(each.geometry) for each in (one, other, both))
            if fitting and not shows(one) and not shows(other) and shows(both):
                yield a, b


def _with_other_padding(g: Geometry) -> Iterator[Geometry]:
    """Geometries of the same padded image, with other shares of padding and pixels on each axis."""
    if "padding" not in g or "H" not in g:
        return
    for name, at in (("H", 0), ("W", 2)):
        before, after = g["padding"][at : at + 2]
        total = before + g[name][0] + after
        for pads in range(min(before + after + 1, LARGEST_TRADED)):
            for first in range((pads + 1) // 2, pads + 1):
                padding = list(g["padding"])
                padding[at : at + 2] = first, pads - first
                if (traded := g | {name: (total - pads,), "padding": tuple(padding)}) != g:
                    yield traded


def signature(finding: Finding) -> Signature:
    """What tells findings apart: the kind, the subject, and for a value whether it should be finite, and is."""
    return finding.kind, finding.subject, _finite(finding.expected), _finite(finding.got)


def _is_finite(finding: Finding) -> bool:
    return finding.kind == "value" and _finite(finding.expected) and _finite(finding.got)


def _finite(number: float | None) -> bool:
    return number is None or math.isfinite(number)


def _layouts(case: Case) -> set[str]:
    """The layouts of its arrays, but for contiguous ones."""
    if not case.layout.startswith("mixed"):
        return {case.layout}
    return {layout_of(case, name) for name in case.shapes} - {"contiguous"}


def _is_as_large(g: Geometry, least: Geometry) -> bool:
    if not _is_part(least.get("layers", ()), g.get("layers", ())):
        return False
    sizes = [name for name in least if name not in CHOICES and name != "layers" and g[name] != (0,)]
    return all(v >= m for name in sizes for v, m in zip(g[name], least[name], strict=True))


def _is_part(few: Sequence[int], many: Sequence[int]) -> bool:
    """Whether layers stand in a network in this order, maybe with others between them."""
    rest = iter(many)
    return all(any(code == other for other in rest) for code in few if code)


def _turned(g: Geometry) -> Iterator[Geometry]:
    """A geometry, with its sides exchanged, and with its axes exchanged."""
    for axes, vertical, horizontal in product((1, -1), repeat=3):
        turned = dict(g)
        if "padding" in g:
            rows, columns = g["padding"][:2][::vertical], g["padding"][2:][::horizontal]
            turned["padding"] = rows + columns if axes > 0 else columns + rows
        turned |= {n: g[n][::axes] for n in ("kernel", "stride", "dilation", "output_padding") if n in g}
        if axes < 0 and "H" in g:
            turned["H"], turned["W"] = g["W"], g["H"]
        yield turned
