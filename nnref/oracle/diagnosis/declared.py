"""Whether a target computes in another way than it declares: then every failure disappears under another declaration.

A weaker declaration also excuses what has nothing to do with it. So each must be seen at work in a way of its own.
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
from ..expectation.exact import asked_of, expectation
from ..findings import Finding
from ..operations import Geometry
from ..verdict.judge import judge
from ..verdict.row import Hint
from .probe import Probe
from .spikes import TILE, WHOLE, reach_of_a_spike, runs_on
from .suspects import rounded_inputs, to_bits

__all__ = ["seen", "weaker", "written"]

SEEDS = 8
NOISE = 8  # errors at least, to tell whether they go either way
ROUNDED_TO = (24, 11, 8)  # bits
EVERYWHERE = {"accumulate", "inputs", "subnormals", "nan", "square_root"}  # what is declared for all operations alike
SCALE = 2.0**20  # of numbers below the least normal one
REACH = {"winograd-4": TILE, "winograd": TILE, "fft": WHOLE}
LAST_SUBTRACTION = (("sigmoid", "tanh"), ("tanh", "sigmoid"))
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


def weaker(declares: Declaration, case: Case) -> Iterator[tuple[Declaration, str, dict[str, str]]]:
    """Declarations that promise less than the given one, for cases like this."""
    asked = set(asked_of(case)) - ({"algorithm"} if case.operation.assemble else set())  # no network has a bound there
    for changes, words in _in_order(case.dtype):
        if set(changes) - EVERYWHERE - asked:
            continue
        relaxed = replace(declares, **changes)
        same_precision = relaxed.precision(case.dtype) == declares.precision(case.dtype)
        if relaxed != declares and not (same_precision and set(changes) & {"inputs", "accumulate"}):
            yield relaxed, words, changes


def _in_order(dtype: str) -> Iterator[tuple[dict[str, str], str]]:
    """What may be declared; a target of bfloat16 rather accumulates in bfloat16 than in float16."""
    half = [row for row in DECLARATIONS if row[0].get("accumulate") in ("float16", "bfloat16")]
    turned = iter(half[::-1] if dtype == "bfloat16" else half)
    yield from (next(turned) if row in half else row for row in DECLARATIONS)


def written(changes: dict[str, str]) -> str:
    """Attributes of a declaration, as the subject of a hint."""
    return ", ".join(f"{name}={value}" for name, value in changes.items())


def seen(
    probe: Probe,
    rich: Sequence[Case],
    probes: Sequence[Case],
    declared: Hint,
    relaxed: Declaration,
    change: tuple[str, str],
) -> Hint | None:
    """The hint, if a target that is less precise than declared is so in the way it says; its bound fits many."""
    name, value = change
    cases = [case.but(mode="normal", kind="").with_seed(seed) for case in rich for seed in range(SEEDS)]
    if name == "accumulate":
        return _accumulated(probe, cases, declared, value)
    if name == "inputs":
        is_seen = any(probe.fits(cases, suspect=kind) for kind in rounded_inputs(format_of(value).bits))
    elif name == "algorithm":
        kernel = probes[0].geometry["kernel"]
        fits = all(probe.agrees(case, relaxed) is not False for case in _with_one_huge(cases, kernel))
        is_seen = fits and reach_of_a_spike(probe, rich, kernel) == REACH[value]
    elif name == "sums":
        is_seen = runs_on(probe, rich)
    elif name == "subnormals":
        is_seen = _are_subnormals(probe, probes)
    elif (name, value) in ROUNDED_ON_THE_WAY and rich[0].function == "sigmoid":
        is_seen = _errors_of(probe, cases, ROUNDED_ON_THE_WAY[name, value])
    elif (name, value) in LAST_SUBTRACTION and rich[0].direction == "forward":
        is_seen = _in_steps_of(format_of(rich[0].dtype).u / 2, *probe.values(cases))
    else:
        is_seen = True
    return declared if is_seen else None


def _accumulated(probe: Probe, cases: Sequence[Case], declared: Hint, name: str) -> Hint | None:
    """The hint, or another one where it is the results that are rounded."""
    storage = format_of(cases[0].dtype).bits
    bare = [case.with_field("bias", (0,)) if "bias" in case.geometry else case for case in cases]
    got, exact = probe.values(bare)
    if len(got) < NOISE:
        got, exact = probe.values(cases)
    stored = to_bits(exact, storage)
    for bits in ROUNDED_TO:
        if bits < storage and _once(got, stored, to_bits(stored, bits)):
            return Hint(f"as if results were rounded to {bits} bits", "rounding", f"results, {bits} bits")
    with np.errstate(over="ignore"):
        half = stored.astype(np.float16).astype(np.float64)
    if storage > 11 and _once(got, stored, half):
        return Hint("as if results were rounded to 11 bits, as float16", "rounding", "results, float16")
    return declared if _on_the_way(got, exact, min(format_of(name).bits, storage)) else None


def _are_subnormals(probe: Probe, probes: Sequence[Case]) -> bool:
    """Whether all that is wrong depends on subnormal numbers, and is right where those are larger."""
    found = list(probe.findings(probes))
    return all(_is_subnormal(case, finding) for case, finding in found) and all(
        _is_right_when_scaled(probe, case) for case, _ in found[:SEEDS]
    )


def _is_subnormal(case: Case, finding: Finding) -> bool:
    """Whether a wrong value has to do with subnormal numbers: it should be one, or depends on one among the arrays."""
    least = format_of(case.dtype).normal
    if finding.expected is not None and 0 < abs(finding.expected) < least:
        return True
    arrays, options = arrays_of(case)
    wide = {name: None if a is None else a.astype(np.float64) for name, a in arrays.items()}
    flushed = {name: None if a is None else np.where(np.abs(a) < least, 0.0, a) for name, a in wide.items()}
    with np.errstate(all="ignore"):
        pairs = [
            case.operation.evaluate(case.function, case.shapes, list(a.values()), options) for a in (wide, flushed)
        ]
    of_subject = dict(zip(case.result_shapes, zip(*pairs, strict=True), strict=True))[finding.subject]
    kept, lost = (np.asarray(result)[finding.index] for result in of_subject)
    return bool(kept != lost)


def _is_right_when_scaled(probe: Probe, case: Case) -> bool:
    """Whether a case passes where its subnormal numbers are larger, but still far below all others."""
    least = format_of(case.dtype).normal
    arrays, options = probe.arrays(case)
    for name, a in arrays.items():
        if a is not None and a.size and np.abs(a.astype(np.float64)).max() < least:
            arrays[name] = a * a.dtype.type(SCALE)
    outputs = probe.result(case, arrays, options)
    with np.errstate(all="ignore"):
        expected = expectation(case, arrays, options, probe.declares)
    return not outputs or not judge(case, outputs, arrays, expected, probe.declares).findings


def _errors_of(probe: Probe, cases: Sequence[Case], argument: Callable[[Array], tuple[Array, Array]]) -> bool:
    """Whether the errors of a sigmoid are those of a rounded argument of its exp."""
    answered = [case for case in cases if probe.answer(case).outputs]
    x = [np.asarray(probe.arrays(case)[0]["x"], np.float64).ravel() for case in answered]
    got = [probe.answer(case).outputs[0].astype(np.float64).ravel() for case in answered]
    exact = [pair[0].astype(np.float64).ravel() for case in answered if (pair := probe.expected(case)[0]) is not None]
    if not answered or [a.size for a in got] != [a.size for a in exact]:
        return False
    x_all, normal, bits = np.concatenate(x), format_of(cases[0].dtype).normal, format_of(cases[0].dtype).bits
    with np.errstate(all="ignore"):
        true, before = argument(x_all)
        moved, off = true - to_bits(before, bits), np.concatenate(got) / np.concatenate(exact) - 1
        large = (x_all < -LARGE) & (np.concatenate(exact) > normal) & np.isfinite(off)
    if large.sum() < NOISE or not moved[large].any() or not off[large].any():
        return False
    return bool(np.abs(np.corrcoef(off[large], moved[large])[0, 1]) > ALIKE)


def _with_one_huge(cases: Sequence[Case], kernel: tuple[int, ...]) -> list[Case]:
    """The same with one huge number, under a usual kernel and under the one that fails."""
    usual: Geometry = {"H": (8,), "W": (9,), "kernel": (3, 3), "stride": (1, 1), "dilation": (1, 1)}
    own = usual | {"H": (kernel[0] + 5,), "W": (kernel[1] + 6,), "kernel": kernel}
    usual, own = ({**g, "groups": (1,)} if "groups" in cases[0].geometry else g for g in (usual, own))
    geometries = [usual, own] if kernel not in ((1, 1), (3, 3)) else [usual]
    huge = (case.but(mode="adversarial", kind="one_huge") for case in cases)
    return [case.but(geometry=case.geometry | geometry) for case in huge for geometry in geometries]


def _in_steps_of(step: float, got: Array, exact: Array) -> bool:
    """Whether results that should be small are multiples of a step, which a last subtraction leaves of them."""
    small = (np.abs(exact) < 2.0**-6) & (exact != 0)  # other results have finer steps there
    return int(small.sum()) >= NOISE and bool((got[small] % step == 0).all())


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
