"""What a failing target behaves like, in words.

Wrong values often have a plain cause. The target remembers earlier calls; or it has one of the bugs people write: then
the reference with that bug agrees with the target where the right one does not; or it computes in another way than it
declares: then every failure disappears under the declaration that says so. What is said fits every probe; where two
bugs do, nothing is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ...bounds import format_of
from ...numeric import Array
from ..arrays.fill import arrays_of
from ..cases.case import Case
from ..expectation.declaration import Declaration
from ..expectation.exact import Expectation, asked_of, expectation
from ..findings import Finding
from ..operations import Geometry
from ..operations.operation import CHOICES
from ..targets.call import Answer, Function, call
from ..verdict.judge import judge
from ..verdict.row import Hint
from .earlier_calls import remembered
from .suspects import RIGHT, Suspect, rounded_inputs, suspects, to_bits

__all__ = ["SUSPECT", "behaves_as", "explains"]

SUSPECT = "suspect"  # the kind of a hint that names a bug

PROBES, MORE_PROBES = 8, 64  # seeds
FAR = 2.0**12  # times u: beyond what rounding to half as many bits does
LEAST_PROBES = 8  # that must have been judged, for a hint to stand on them
NOISE = 8  # errors at least, to tell whether they go either way
ROUNDED_TO = (24, 11, 8)  # bits
EVERYWHERE = {"accumulate", "inputs", "subnormals", "nan", "square_root"}  # what is declared for all operations alike

LARGE, ALIKE = 8.0, 0.5  # arguments beyond which a rounding of them shows; least correlation
# a declaration about sigmoid -> the argument of its exp (up to a factor), and what it is before it is rounded
ROUNDED_ON_THE_WAY: dict[tuple[str, str], Callable[[Array], tuple[Array, Array]]] = {
    ("sigmoid", "log"): lambda x: (np.logaddexp(0.0, -x), np.logaddexp(0.0, -x)),
    ("exp", "base-2"): lambda x: (x * np.log2(np.e), x * float(np.float32(np.log2(np.e)))),
}

DECLARATIONS = (
    ({"accumulate": "float32"}, "as if it accumulated in float32"),
    ({"inputs": "tf32"}, "as if inputs were rounded to 11 bits (TF32 or float16)"),
    ({"inputs": "bfloat16"}, "as if inputs were rounded to 8 bits (bfloat16)"),
    ({"accumulate": "float16"}, "as if it accumulated in float16"),
    ({"accumulate": "bfloat16"}, "as if it accumulated in bfloat16"),
    ({"subnormals": "flushed"}, "as if subnormal numbers were zero"),
    ({"nan": "spreads"}, "as if zeros were multiplied with NaN or ±∞"),
    ({"nan": "any"}, "as if NaN did not propagate"),
    ({"ties": "any"}, "as if the gradient of a tie went elsewhere than to the first maximum"),
    ({"variance": "welford"}, "as if the variance were Welford's, of a running mean"),
    ({"square_root": "approximate"}, "as if its square root were approximate"),
    ({"algorithm": "winograd-4"}, "as if convolution went by Winograd's algorithm on tiles of 4×4 pixels"),
    ({"algorithm": "winograd"}, "as if convolution went by Winograd's algorithm"),
    ({"algorithm": "fft"}, "as if convolution went by way of a Fourier transform"),
    ({"variance": "one-pass"}, "as if the variance were mean(x²) − mean(x)²"),
    ({"exp": "base-2"}, "as if exp were computed as 2^(x·log₂e), the product rounded"),
    ({"sums": "running"}, "as if sums were running, or differences of sums over larger parts of the image"),
    ({"sigmoid": "log"}, "as if sigmoid were computed as exp(−log(1 + exp(−x)))"),
    ({"sigmoid": "tanh"}, "as if sigmoid were computed as ½(1 + tanh(x/2))"),
    ({"loss": "difference"}, "as if the loss were the difference log Σ exp x − x_t"),
    ({"tanh": "sigmoid"}, "as if tanh were computed as 2σ(2x) − 1"),
)


def behaves_as(function: Function, cases: Sequence[Case], declares: Declaration, finding: Finding) -> Hint | None:
    """What the target seems to do at failing cases, None if no known bug or declaration fits all of them.

    Beside the cases themselves, with other seeds too, large cases with many options in use are looked at: at a small
    one, different bugs look alike. Whole numbers, too: there, only what is wrong altogether is wrong. A probe that the
    target refuses says nothing. Where several results are wrong, a bug may explain the one that the finding is about.
    """
    if finding.kind == "aliasing":
        return None
    if hint := remembered(_Probe(function, declares).agrees, cases[0]):
        return hint
    if finding.kind not in ("value", "shape"):
        return None
    kept: dict[str, Answer] = {}
    for subject in ("", finding.subject):
        if hint := _explained(_Probe(function, declares, kept, subject), cases):
            return hint
        if not cases[0].returns_tuple:
            break
    return None


def _explained(probe: _Probe, cases: Sequence[Case]) -> Hint | None:
    rich = [case for case in _rich(cases[0]) if probe.agrees(case) is not None] or list(cases)
    probes = [case.with_seed(seed) for case in (*cases, *rich) for seed in (case.seed, *range(PROBES))]
    whole, normal = ([case.but(mode=mode, kind="") for case in probes] for mode in ("integers", "normal"))
    rootless = normal if "eps" in cases[0].geometry else [*probes, *whole, *normal]
    wrong = any(probe.agrees(case) is False for case in rootless)
    suspected = _suspected(probe, [cases[0], *rich], rootless)
    if wrong and suspected:
        return suspected
    for relaxed, words, changes in () if probe.subject else _weaker(probe.declares, cases[0]):
        hint = Hint(words, "declaration", _written(changes))
        fits = probe.fits((*probes, *whole, *normal), relaxed)
        if fits and (seen := _seen(probe, rich, probes, hint, relaxed, *changes.items())):
            return seen
    return None if wrong else suspected


def explains(hint: Hint, function: Function, case: Case, declares: Declaration, subject: str) -> bool:
    """Whether a target with the bug that a hint names gives the same wrong result, `subject`, of a case."""
    probe = _Probe(function, declares, subject=subject)
    return any(probe.agrees(case, suspect=s) for s in suspects(case) if s.subject == hint.subject)


class _Probe:
    """A target under a declaration. It keeps answers in `kept`. With a `subject`, only that result counts."""

    def __init__(
        self, function: Function, declares: Declaration, kept: dict[str, Answer] | None = None, subject: str = ""
    ) -> None:
        self.function, self.declares, self._kept, self.subject = function, declares, kept, subject

    def answer(self, case: Case) -> Answer:
        """What the target returns."""
        if self._kept is None:
            return call(self.function, case, *arrays_of(case))
        if str(case) not in self._kept:
            self._kept[str(case)] = call(self.function, case, *arrays_of(case))
        return self._kept[str(case)]

    def agrees(self, case: Case, declares: Declaration | None = None, suspect: Suspect = RIGHT) -> bool | None:
        """Whether the answer is right under a declaration, for the question and the answer of a suspect.

        None says that there is nothing to judge: the target refuses the case, or nothing of it was judged.
        """
        answer = self.answer(case)
        if answer.unsupported is not None:
            return None
        if answer.finding:
            return False
        try:
            expected = self.expected(case, declares, suspect)
            verdict = judge(case, answer.outputs, arrays_of(case)[0], expected, declares or self.declares)
        except (ValueError, TypeError):  # the altered question has no answer
            return False
        findings = [f for f in verdict.findings if not self.subject or f.subject == self.subject]
        return not findings if findings or verdict.judged else None

    def fits(self, cases: Sequence[Case], declares: Declaration | None = None, suspect: Suspect = RIGHT) -> bool:
        """Whether all probes agree that were judged, and enough of them were."""
        judged = 0
        for case in cases:
            answer = self.agrees(case, declares, suspect)
            if answer is False:
                return False
            judged += answer is True
        return judged >= LEAST_PROBES

    def findings(self, cases: Sequence[Case]) -> Iterator[tuple[Case, Finding]]:
        """What is wrong under the target's own declaration, with the cases."""
        for case in cases:
            answer = self.answer(case)
            if answer.unsupported is None and not answer.finding:
                verdict = judge(case, answer.outputs, arrays_of(case)[0], self.expected(case), self.declares)
                yield from ((case, f) for f in verdict.findings if not self.subject or f.subject == self.subject)

    def changes(self, case: Case, suspect: Suspect) -> bool:
        """Whether a suspect's answer to a case differs from the right one."""
        try:
            pairs = zip(self.expected(case), self.expected(case, suspect=suspect), strict=True)
            return not all(
                a is None or b is None or np.array_equal(a[0].astype(float), b[0].astype(float), equal_nan=True)
                for a, b in pairs
            )
        except (ValueError, TypeError):
            return False

    def expected(self, case: Case, declares: Declaration | None = None, suspect: Suspect = RIGHT) -> Expectation:
        """The answer of a target that has the suspected bug."""
        arrays, options = suspect.ask(*arrays_of(case))
        if suspect is not RIGHT and case.mode != "special":
            case = case.but(mode="normal", kind="")  # whole numbers are whole no more
        with np.errstate(all="ignore"):
            return suspect.answer(case, arrays, expectation(case, arrays, options, declares or self.declares))

    def values(self, cases: Sequence[Case]) -> tuple[Array, Array]:
        """All results that are finite, and what they should be."""
        got, right = [np.zeros(0)], [np.zeros(0)]
        for case in cases:
            for value, pair in zip(self.answer(case).outputs, self.expected(case), strict=False):
                if pair is not None and isinstance(value, np.ndarray) and value.shape == pair[0].shape:
                    got.append(value.astype(np.float64).ravel())
                    right.append(pair[0].astype(np.float64).ravel())
        values, exact = np.concatenate(got), np.concatenate(right)
        finite = np.isfinite(values) & np.isfinite(exact)
        return values[finite], exact[finite]


def _suspected(probe: _Probe, cases: Sequence[Case], probes: Sequence[Case]) -> Hint | None:
    """The one bug that fits, and changes something at the failing case, the first; data with exact roots hide eps."""
    known = {suspect.words: suspect for case in cases for suspect in suspects(case)}
    about = [s for s in known.values() if not probe.subject or probe.subject in s.subject.split()]
    fitting = [s for s in about if probe.changes(cases[0], s) and probe.fits(probes, suspect=s)]
    if len(fitting) > 1:
        more = [probes[0].with_seed(seed) for seed in range(PROBES, MORE_PROBES)]
        fitting = [suspect for suspect in fitting if probe.fits(more, suspect=suspect)]
    return Hint(fitting[0].words, SUSPECT, fitting[0].subject) if len(fitting) == 1 else None


def _weaker(declares: Declaration, case: Case) -> Iterator[tuple[Declaration, str, dict[str, str]]]:
    """Declarations that promise less than the given one, for cases like this."""
    asked = set(asked_of(case)) - ({"algorithm"} if case.operation.assemble else set())  # no network has a bound there
    for changes, words in DECLARATIONS:
        if set(changes) - EVERYWHERE - asked:
            continue
        relaxed = replace(declares, **changes)
        same_precision = relaxed.precision(case.dtype) == declares.precision(case.dtype)
        if relaxed != declares and not (same_precision and set(changes) & {"inputs", "accumulate"}):
            yield relaxed, words, changes


def _written(changes: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in changes.items())


def _seen(
    probe: _Probe,
    rich: Sequence[Case],
    probes: Sequence[Case],
    declared: Hint,
    relaxed: Declaration,
    change: tuple[str, str],
) -> Hint | None:
    """The hint, if a target that is less precise than declared is so in the way it says; its bound fits many."""
    name, value = change
    cases = [case.but(mode="normal", kind="").with_seed(seed) for case in rich for seed in range(PROBES)]
    if name == "inputs":
        kinds = rounded_inputs(format_of(value).bits)
        return declared if any(all(probe.agrees(case, suspect=kind) for case in cases) for kind in kinds) else None
    if name == "algorithm":
        huge = _with_one_huge(cases, probes[0].geometry["kernel"])
        fits = all(probe.agrees(case, relaxed) is not False for case in huge)
        return declared if fits and _spreads(probe, huge) else None
    if rich[0].function == "sigmoid" and (name, value) in ROUNDED_ON_THE_WAY:
        return declared if _errors_of(probe, cases, ROUNDED_ON_THE_WAY[name, value]) else None
    if name == "subnormals":
        return declared if all(_is_subnormal(case, finding) for case, finding in probe.findings(probes)) else None
    if name != "accumulate":
        return declared
    storage = format_of(rich[0].dtype).bits
    got, exact = probe.values([case.with_field("bias", (0,)) if "bias" in case.geometry else case for case in cases])
    stored = to_bits(exact, storage)
    for bits in ROUNDED_TO:
        if bits < storage and _once(got, stored, to_bits(stored, bits)):
            return Hint(f"as if results were rounded to {bits} bits", "rounding", f"results, {bits} bits")
    with np.errstate(over="ignore"):
        half = stored.astype(np.float16).astype(np.float64)
    if storage > 11 and _once(got, stored, half):
        return Hint("as if results were rounded to 11 bits, as float16", "rounding", "results, float16")
    return declared if _on_the_way(got, exact, min(format_of(value).bits, storage)) else None


def _is_subnormal(case: Case, finding: Finding) -> bool:
    """Whether a wrong value has to do with subnormal numbers: it should be one, or one is among the arrays."""
    least = format_of(case.dtype).normal
    if finding.expected is not None and 0 < abs(finding.expected) < least:
        return True
    arrays = (a.astype(np.float64) for a in arrays_of(case)[0].values() if a is not None)
    return any(bool(((a != 0) & (np.abs(a) < least)).any()) for a in arrays)


def _errors_of(probe: _Probe, cases: Sequence[Case], argument: Callable[[Array], tuple[Array, Array]]) -> bool:
    """Whether the errors of a sigmoid are those of a rounded argument of its exp."""
    x = np.concatenate([np.asarray(arrays_of(case)[0]["x"], np.float64).ravel() for case in cases])
    pairs = zip(*_pairs(probe, cases), strict=True)
    got, exact = (np.concatenate([values.ravel() for values in parts]) for parts in pairs)
    normal, bits = format_of(cases[0].dtype).normal, format_of(cases[0].dtype).bits
    with np.errstate(all="ignore"):
        true, before = argument(x)
        moved, off = true - to_bits(before, bits), got / exact - 1
        large = (x < -LARGE) & (exact > normal) & np.isfinite(off)
    if large.sum() < NOISE or not moved[large].any() or not off[large].any():
        return False
    return bool(np.abs(np.corrcoef(off[large], moved[large])[0, 1]) > ALIKE)


def _pairs(probe: _Probe, cases: Sequence[Case]) -> Iterator[tuple[Array, Array]]:
    """First results and what they should be."""
    for case in cases:
        pair = probe.expected(case)[0]
        assert pair is not None
        yield probe.answer(case).outputs[0].astype(np.float64), pair[0].astype(np.float64)


def _with_one_huge(cases: Sequence[Case], kernel: tuple[int, ...]) -> list[Case]:
    """The same with one huge number, under a usual kernel and under the one that fails."""
    usual: Geometry = {"H": (8,), "W": (9,), "kernel": (3, 3), "stride": (1, 1), "dilation": (1, 1)}
    own = usual | {"H": (kernel[0] + 5,), "W": (kernel[1] + 6,), "kernel": kernel}
    usual, own = ({**g, "groups": (1,)} if "groups" in cases[0].geometry else g for g in (usual, own))
    geometries = [usual, own] if kernel not in ((1, 1), (3, 3)) else [usual]
    huge = (case.but(mode="adversarial", kind="one_huge") for case in cases)
    return [case.but(geometry=case.geometry | geometry) for case in huge for geometry in geometries]


def _spreads(probe: _Probe, huge: Sequence[Case]) -> bool:
    """Whether one huge number spoils results that it has no part in, as a transform of the whole image or tile does.

    No rounding of a result, of its terms or of their sum is as large beside the magnitude of its terms.
    """
    u = Declaration().precision(huge[0].dtype).u
    for case in huge:
        for value, pair in zip(probe.answer(case).outputs, probe.expected(case), strict=False):
            if pair is not None and isinstance(value, np.ndarray) and value.shape == pair[0].shape:
                off = np.abs(value.astype(np.float64) - pair[0].astype(np.float64))
                if np.any(off > FAR * u * pair[1].magnitude):
                    return True
    return False


def _once(got: Array, stored: Array, rounded: Array) -> bool:
    """Whether results are the right ones rounded, but for a few that lie near the middle of two."""
    changed = np.isfinite(rounded) & (rounded != stored)
    return len(got) >= NOISE and bool(np.mean(got == rounded) > 0.9 and np.mean(changed) > 0.5)


def _on_the_way(got: Array, exact: Array, bits: int) -> bool:
    """Whether results have so many bits and no fewer, and are off by other than a last rounding, up and down alike."""
    if (got != to_bits(got, bits)).any() or (got == to_bits(got, bits - 1)).all():
        return False
    error = got - to_bits(exact, bits)
    off = error != 0
    outward = error[off] * np.sign(exact[off])
    return bool(off.sum() >= NOISE) and all(0.2 < np.mean(e > 0) < 0.8 for e in (error[off], outward))


def _rich(case: Case) -> Iterator[Case]:
    """The operation with several of everything, where it accepts that; and with less, for targets that refuse much."""
    lively = {"kernel": (2, 3), "stride": (3, 1), "dilation": (1, 2), "padding": (1, 0, 0, 2), "output_padding": (0, 1)}
    geometry = {name: lively.get(name, tuple(max(2, v) for v in least)) for name, least in case.operation.least.items()}
    sizes = {"H": (7,), "W": (8,), "N": (3,), "K": (3,), "Kg": (3,), "bias": (1,)}
    geometry |= {name: value for name, value in sizes.items() if name in geometry}
    flags = (*CHOICES, "layers")
    geometry |= {name: case.geometry[name] for name in flags if name in geometry and name != "bias"}
    ones = {name: (1, 1) for name in ("stride", "dilation") if name in geometry}
    even = {"padding": (1, 1, 1, 1)} if "padding" in geometry else ones
    less = {n: v for n, v in {"groups": (1,), "dilation": (1, 1), "output_padding": (0, 0)}.items() if n in geometry}
    bare = ones | less | {n: v for n, v in {"padding": (0, 0, 0, 0), "kernel": (2, 2)}.items() if n in geometry}
    for rich in (geometry, geometry | ones, geometry | even, geometry | even | less, geometry | bare):
        if case.operation.fits(rich):
            yield case.but(geometry=rich)
