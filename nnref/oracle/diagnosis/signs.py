"""Ways of computing that show by the errors they make, where no bound of a declaration fits them.

An argument that is rounded makes an error that grows with it. Products of split numbers lack the products of small
parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise, product

import numpy as np

from ...bounds import format_of
from ...numeric import Array
from ..arrays.fill import Arrays, arrays_of
from ..cases.case import Case
from ..expectation.exact import Expectation, expectation
from ..verdict.row import Hint
from .probe import Probe
from .suspects import Suspect, to_bits

__all__ = ["signs"]

KIND = "errors"
SEEDS = 8
FAR = 2.0**5  # times u: no rounding of a result is as large
ENOUGH = 16  # numbers, to tell anything of their errors
SMALL = 2.0**-12  # relative error
OCTAVES = range(-2, 6)  # beyond, e^−x is no normal number of float32
SPLITS = (("TF32", 11, 2), ("bfloat16", 8, 2), ("bfloat16", 8, 3))  # format of the parts, its bits, how many parts


def signs(probe: Probe, failing: Case, rich: Sequence[Case]) -> Hint | None:
    """What the errors of a target show, None if nothing."""
    operation = failing.operation
    if operation.assemble is not None or operation.selects or "N" not in failing.geometry:
        return None
    alone = list(operation.shapes(failing.geometry)) == ["x"]
    if alone and operation.output(failing.geometry) == failing.shapes["x"]:
        return _growing(probe, failing)
    if "weight" in failing.shapes and failing.dtype == "float32":
        whole = [case.but(mode="integers", kind="") for case in (failing, *rich)]
        return None if any(probe.agrees(case) is False for case in whole) else _split(probe, failing, rich)
    return None


def _growing(probe: Probe, failing: Case) -> Hint | None:
    """Whether the relative error of a function of x grows with |x|, from octave to octave, where there is any."""
    case = failing.but(mode="normal", kind="", layout="contiguous", geometry=failing.geometry | {"N": (1,), "W": (64,)})
    errors = [_worst(probe, case, 2.0**octave) for octave in OCTAVES]
    seen = [e for e in errors if e is not None and e > FAR * format_of(case.dtype).u]
    if len(seen) < 3 or not all(1.5 < b / a < 2.5 for a, b in pairwise(seen)):
        return None
    return Hint("as if its relative error grew with |x|", KIND, "growing with x")


def _worst(probe: Probe, case: Case, size: float) -> float | None:
    """The largest relative error for arguments from `size` to twice that, of either sign."""
    arrays, options = arrays_of(case)
    x = arrays["x"]
    assert x is not None
    steps = np.arange(x.size).reshape(x.shape)
    arrays["x"] = (size * (1 + steps / x.size) * (1 - 2 * (steps % 2))).astype(x.dtype)
    got, right = probe.result(case, arrays, options), expectation(case, arrays, options, probe.declares)[0]
    if not got or right is None or np.shape(got[0]) != right[0].shape:
        return None
    exact = np.abs(right[0].astype(float))
    usable = exact > 2 * format_of(case.dtype).normal
    error = np.abs(got[0].astype(float) - right[0].astype(float))
    return float((error[usable] / exact[usable]).max(initial=0)) if usable.sum() >= ENOUGH else None


def _split(probe: Probe, failing: Case, rich: Sequence[Case]) -> Hint | None:
    """Whether factors are split into parts of few bits, and products of small parts left out."""
    few = [case.but(mode="normal", kind="").with_seed(seed) for case in (failing, *rich[:2]) for seed in range(SEEDS)]
    got, exact = probe.values(few)
    if not len(got) or np.median(np.abs(got - exact) / (np.abs(exact) + (exact == 0))) > SMALL:
        return None
    fitting = []
    for name, bits, parts in SPLITS:
        _, instead = probe.values(few, Suspect("", answer=_of_parts(bits, parts)))
        if len(got) != len(instead) or len(got) < ENOUGH:
            continue
        size = np.abs(exact) + (exact == 0)
        error, missing = (got - exact) / size, (instead - exact) / size
        usual = np.abs(missing) < 2.0**-bits  # no cancellation
        explained = (missing * error)[usual].sum() / max(np.square(missing[usual]).sum(), 1e-300)
        rest = np.abs(error - missing)[usual].sum() / max(np.abs(error)[usual].sum(), 1e-300)
        if 0.8 < explained < 1.2 and rest < 0.6:
            words = f"as if factors were split into {parts} {name} parts, and products of small parts left out"
            fitting.append((rest, words, name))
    return Hint(min(fitting)[1], KIND, f"{min(fitting)[2]} parts") if fitting else None


def _of_parts(bits: int, parts: int) -> Callable[[Case, Arrays, Expectation], Expectation]:
    """Products of parts i and j of the two factors, with i + j less than the number of parts."""

    def answer(case: Case, arrays: Arrays, right: Expectation) -> Expectation:
        first = "dy" if case.direction == "backward" else "x"
        options = case.operation.options(case.geometry)
        wide = {name: None if a is None else a.astype(np.float64) for name, a in arrays.items()}
        of = {name: _parts(a, bits, parts) for name, a in wide.items() if a is not None and name != "bias"}
        results = []
        for i, j in product(range(parts), repeat=2):
            if i + j < parts:
                given = {name: of[name][i if name == first else j] if name in of else None for name in wide}
                results.append(case.operation.evaluate(case.function, case.shapes, list(given.values()), options))
        bare = wide | {first: np.zeros_like(wide[first])}
        (alone, *_) = case.operation.evaluate(case.function, case.shapes, list(bare.values()), options)
        sums = [None if each[0] is None else sum(each) for each in zip(*results, strict=True)]
        sums[0] = sums[0] + alone if case.direction == "forward" else sums[0]
        return tuple(
            pair if pair is None or total is None else (np.asarray(total), pair[1])
            for pair, total in zip(right, sums, strict=True)
        )

    return answer


def _parts(array: Array, bits: int, parts: int) -> list[Array]:
    """An array as a sum of arrays of so many bits, but for what is smaller than the last."""
    found = []
    for _ in range(parts):
        found.append(to_bits(array, bits))
        array = array - found[-1]
    return found
