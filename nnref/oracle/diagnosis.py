"""What a failing target behaves like, in words.

Wrong values often have a plain cause. Either the target computes in another way than it declares: then every failure
disappears under the declaration that says so. Or it has one of the bugs people write: then the reference with that bug
agrees with the target where the right one does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .call import call
from .case import Case
from .data import Arrays, arrays_of
from .declaration import Declaration
from .judge import judge
from .reference import expectation

__all__ = ["behaves_as"]

PROBES = 8

DECLARATIONS = (
    ({"subnormals": "flushed"}, "as if subnormal numbers were zero"),
    ({"nan": "any"}, "as if NaN did not propagate"),
    ({"ties": "any"}, "as if the gradient of a tie went elsewhere than to the first maximum"),
    ({"square_root": "approximate"}, "as if its square root were approximate"),
    ({"algorithm": "winograd"}, "as if convolution went by Winograd's algorithm"),
    ({"algorithm": "fft"}, "as if convolution went by way of a Fourier transform"),
    ({"variance": "one-pass"}, "as if the variance were mean(x²) − mean(x)²"),
    ({"tanh": "sigmoid"}, "as if tanh were computed as 2σ(2x) − 1"),
    ({"accumulate": "float32"}, "as if it accumulated in float32"),
    ({"inputs": "tf32"}, "as if inputs were rounded to 11 bits (TF32 or float16)"),
    ({"inputs": "bfloat16"}, "as if inputs were rounded to 8 bits (bfloat16)"),
    ({"accumulate": "float16"}, "as if it accumulated in float16"),
    ({"accumulate": "bfloat16"}, "as if it accumulated in bfloat16"),
)


def behaves_as(function: Callable[..., Any], cases: Sequence[Case], declares: Declaration) -> str | None:
    """A sentence on what the target seems to do at failing cases, None if nothing known fits all of them.

    Beside the cases themselves, with other seeds too, large cases with many options in use are looked at: at a small
    one, different bugs look alike.
    """
    rich = list(_rich(cases[0])) or cases
    probes = [probe for case in (*cases, *rich) for probe in (case, *map(case.with_seed, range(PROBES)))]
    rootless = [probe.but(mode="normal") for probe in probes] if "eps" in cases[0].geometry else probes
    wrong = any(not _agrees(function, probe, declares, _unaltered) for probe in rootless)
    if wrong and (words := _as_altered(function, rich[0], rootless, declares)):
        return words
    for relaxed, words in _weaker(declares, cases[0]):
        if all(_agrees(function, probe, relaxed, _unaltered) for probe in probes):
            return words
    return None if wrong else _as_altered(function, rich[0], rootless, declares)


def _as_altered(function: Callable[..., Any], rich: Case, probes: Sequence[Case], declares: Declaration) -> str | None:
    """As if it had been given other arrays or options; data with an exact root have none for another eps."""
    for words, altered in _altered(rich):
        if all(_agrees(function, probe, declares, altered) for probe in probes):
            return words
    return None


def _weaker(declares: Declaration, case: Case) -> Iterator[tuple[Declaration, str]]:
    """Declarations that promise less than the given one, for cases like this."""
    for changes, words in DECLARATIONS:
        if "algorithm" in changes and case.op != "conv2d":
            continue
        relaxed = replace(declares, **changes)
        same_precision = relaxed.precision(case.dtype) == declares.precision(case.dtype)
        if relaxed != declares and not (same_precision and set(changes) & {"inputs", "accumulate"}):
            yield relaxed, words


def _rich(case: Case) -> Iterator[Case]:
    """The operation with several of everything, where it accepts that."""
    lively = {"kernel": (2, 3), "stride": (2, 1), "dilation": (1, 2), "padding": (1, 0, 0, 2), "output_padding": (0, 1)}
    geometry = {name: lively.get(name, tuple(max(2, v) for v in least)) for name, least in case.operation.least.items()}
    geometry |= {name: (value,) for name, value in {"H": 5, "W": 8, "N": 2, "bias": 1}.items() if name in geometry}
    flags = ("ceil_mode", "count_include_pad", "eps", "sum", "layers")
    geometry |= {name: case.geometry[name] for name in flags if name in geometry}
    ones = {name: (1, 1) for name in ("stride", "dilation") if name in geometry}
    for rich in (geometry, geometry | ones):
        if case.operation.fits(rich):
            yield case.but(geometry=rich)


Altered = Callable[[Arrays, dict[str, Any]], tuple[Arrays, dict[str, Any]]]


def _unaltered(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    return arrays, options


def _agrees(function: Callable[..., Any], case: Case, declares: Declaration, altered: Altered) -> bool:
    """Whether the target's answer is right under a declaration, for other arrays or options than it was given."""
    arrays, options = arrays_of(case)
    answer = call(function, case, arrays, options)
    if answer.finding or answer.unsupported:
        return answer.finding is None
    try:
        expected = expectation(case, *altered(dict(arrays), dict(options)), declares)
        return judge(case, answer.outputs, expected, declares).finding is None
    except (ValueError, TypeError):  # the altered question has no answer
        return False


def _altered(case: Case) -> Iterator[tuple[str, Altered]]:
    """The bugs people write, as changes of the question. A change that changes nothing here is left out."""
    g = case.geometry
    pairs = {"stride": "stride", "dilation": "dilation", "kernel_size": "kernel"}
    for option, name in pairs.items():
        if name in g and g[name][0] != g[name][1] and (option != "kernel_size" or "pool" in case.op):
            yield f"as if vertical and horizontal {option} were swapped", _swap(option)
    if any(value > 1 for value in g.get("dilation", ())):
        yield "as if dilation were ignored", _set("dilation", (1, 1))
    if any(value > 1 for value in g.get("stride", ())):
        yield "as if stride were ignored", _set("stride", (1, 1))
    if any(g.get("padding", ())):
        yield "as if padding were ignored", _set("padding", ((0, 0), (0, 0)))
        yield "as if the sides of the padding were swapped", _mirror_padding
    if any(value > 1 for value in g.get("kernel", ())) and "pool" not in case.op:
        yield "as if the kernel were flipped (a true convolution; layers compute cross-correlation)", _flip
    if g.get("bias", (0,))[0]:
        yield "as if the bias were ignored", _zero("bias")
    if "eps" in g:
        for eps in ("1e-6", "1e-5", "1e-3"):
            yield f"as if eps were {eps}", _set("eps", float(eps))
        yield "as if eps were missing", _set("eps", 0.0)
    for flag in ("ceil_mode", "count_include_pad"):
        if flag in g:
            yield f"as if {flag} were {not g[flag][0]}", _set(flag, not g[flag][0])


def _set(option: str, value: Any) -> Altered:
    return lambda arrays, options: (arrays, {**options, option: value})


def _swap(option: str) -> Altered:
    return lambda arrays, options: (arrays, {**options, option: options[option][::-1]})


def _mirror_padding(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    (top, bottom), (left, right) = options["padding"]
    return arrays, {**options, "padding": ((bottom, top), (right, left))}


def _flip(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
    weight = arrays["weight"]
    assert weight is not None
    return {**arrays, "weight": np.ascontiguousarray(weight[:, :, ::-1, ::-1])}, options


def _zero(name: str) -> Altered:
    def altered(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
        array = arrays[name]
        return {**arrays, name: None if array is None else np.zeros_like(array)}, options

    return altered
