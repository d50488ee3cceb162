"""Whether a target computes in another way than it declares: then every failure disappears under another declaration.

A weaker declaration also excuses what has nothing to do with it. So each must be seen at work in a way of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
from .suspects import rounded_inputs, to_bits

__all__ = ["seen", "weaker", "written"]

SEEDS = 8
FAR = 2.0**12  # times u: beyond what rounding to half as many bits does
NOISE = 8  # errors at least, to tell whether they go either way
ROUNDED_TO = (24, 11, 8)  # bits
EVERYWHERE = {"accumulate", "inputs", "subnormals", "nan", "square_root"}  # what is declared for all operations alike
SCALE = 2.0**20  # of numbers below the least normal one
REACH = {"winograd": "tile", "fft": "image"}
TILE = 8  # pixels, with what a kernel adds

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
    ({"algorithm": "winograd"}, "as if convolution went by Winograd's algorithm"),
    ({"algorithm": "fft"}, "as if convolution went by way of a Fourier transform"),
    ({"variance": "one-pass"}, "as if the variance were mean(x²) − mean(x)²"),
    ({"exp": "base-2"}, "as if exp were computed as 2^(x·log₂e), the product rounded"),
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
    probe: Probe, rich: Sequence[Case], probes: Sequence[Case], declared: Hint, change: tuple[str, str]
) -> Hint | None:
    """The hint, if a target that is less precise than declared is so in the way it says; its bound fits many."""
    name, value = change
    cases = [case.but(mode="normal", kind="").with_seed(seed) for case in rich for seed in range(SEEDS)]
    if name == "inputs":
        kinds = rounded_inputs(format_of(value).bits)
        return declared if any(probe.fits(cases, suspect=kind) for kind in kinds) else None
    if name == "algorithm":
        return declared if reach_of_a_spike(probe, rich) == REACH[value] else None
    if name == "subnormals":
        found = list(probe.findings(probes))
        alone = all(_is_subnormal(case, finding) for case, finding in found)
        return declared if alone and all(_is_right_when_scaled(probe, case) for case, _ in found[:SEEDS]) else None
    if name in ("sigmoid", "tanh") and rich[0].direction == "forward":
        return declared if _in_steps_of(format_of(rich[0].dtype).u / 2, *probe.values(cases)) else None
    return _accumulated(probe, cases, declared, value) if name == "accumulate" else declared


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


def reach_of_a_spike(probe: Probe, rich: Sequence[Case]) -> str:
    """How far one huge number spoils results that it has no part in: "" not at all, over a "tile", or the "image".

    The middle of the kernel is 0. A sum of products has the same bits whatever stands under it. A transform of a tile
    or of the image mixes all of it, and its rounding errors are as large as its largest number.
    """
    usual: Geometry = {"H": (8,), "W": (24,), "kernel": (3, 3), "stride": (1, 1), "dilation": (1, 1)}
    wide = [case.but(mode="normal", kind="", geometry=case.geometry | usual, layout="contiguous") for case in rich]
    farthest = max((_spoilt(probe, case, name) for case in wide for name in ("x", "dy")), default=-1)
    return "image" if farthest > TILE else "tile" if farthest >= 0 else ""


def _spoilt(probe: Probe, case: Case, name: str) -> int:
    """How many columns away a spike in one array spoils a result, −1 if it spoils none."""
    arrays, options = probe.arrays(case.with_seed(0))
    calm, weight = arrays.get(name), arrays["weight"]
    if calm is None or weight is None or not calm.size:
        return -1
    kernel = weight.copy()
    kernel[..., 1, 1] = 0
    column, half = calm.shape[3] // 2, format_of(case.dtype).bits < 24
    spiked = calm.copy()
    spiked[0, 0, calm.shape[2] // 2, column] = 2.0 ** (8 if half else 20)
    given = [arrays | {name: a, "weight": kernel} for a in (calm, spiked)]
    before, after = (probe.result(case, each, options) for each in given)
    exact = [expectation(case, each, options, probe.declares) for each in given]
    least = 0.0 if half else FAR * format_of(case.dtype).u  # rounding to half precision hides the rest
    farthest = -1
    for a, b, right, again in zip(before, after, *exact, strict=False):
        if right is None or again is None or np.shape(a) != right[0].shape or np.shape(a) != np.shape(b):
            continue
        if right[0].ndim == 4 and right[0].shape[3] > 3:  # a result, or dx
            alike = np.abs((right[0] - again[0]).astype(np.float64)) <= 2.0**-40 * right[1].magnitude
            off = np.abs(b.astype(np.float64) - a.astype(np.float64)) > least * right[1].magnitude
            columns = np.nonzero(alike & off)[3] + calm.shape[3] // 2 - right[0].shape[3] // 2
            farthest = max(farthest, int(np.abs(columns - column).max(initial=-1)))
    return farthest


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
