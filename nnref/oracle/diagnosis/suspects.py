"""The bugs people write, as changes of the question, or of the right answer to it.

The reference with such a bug is the reference asked otherwise: a bias added twice is a right answer for twice the bias.
A target that has the bug agrees with that everywhere, and to the same bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ...bounds import Allowance
from ...numeric import Array
from ..arrays.fill import Arrays
from ..cases.case import Case
from ..expectation.declaration import Declaration
from ..expectation.exact import Expectation
from .windows import misplaced

__all__ = ["RIGHT", "Suspect", "rounded_inputs", "suspects", "to_bits"]

Question = tuple[Arrays, dict[str, Any]]


@dataclass(frozen=True)
class Suspect:
    """What a target seems to do, in words; `ask` changes the question, `answer` the right answer to it."""

    words: str
    ask: Callable[[Arrays, dict[str, Any]], Question] = lambda arrays, options: (arrays, options)
    answer: Callable[[Case, Arrays, Expectation], Expectation] = lambda case, arrays, right: right

    @property
    def subject(self) -> str:
        """What it is about: the words without their beginning."""
        return self.words.removeprefix("as if ")


RIGHT = Suspect("as it should")


def suspects(case: Case) -> Iterator[Suspect]:
    """What a target may do wrong. A change that changes nothing in this case is left out."""
    yield from _of_options(case)
    yield from (Suspect(words, ask, answer) for words, ask, answer in misplaced(case))
    shapes = case.operation.shapes(case.geometry)
    if shapes.get("bias") is not None:
        yield Suspect("as if the bias were ignored", _array("bias", np.zeros_like))
        if case.direction == "forward":
            yield Suspect("as if the bias were added twice", _array("bias", lambda b: 2 * b))
    if "kernel" in case.geometry and "weight" in shapes and max(case.geometry["kernel"]) > 1:
        what = "as if the kernel were flipped (a true convolution; layers compute cross-correlation)"
        yield Suspect(what, _array("weight", lambda w: np.ascontiguousarray(w[:, :, ::-1, ::-1])))
    if "gamma" in shapes:
        yield from _of_batch_norm(case)
    if case.direction == "backward":
        yield from _of_gradients(case)
    elif not case.returns_tuple:
        yield Suspect("as if the sign of the result were flipped", answer=_changed(0, lambda case, y: -y))
    yield from OF_ONE_OPERATION.get(case.function, ())


def _of_options(case: Case) -> Iterator[Suspect]:
    g = case.geometry
    for option, name in {"stride": "stride", "dilation": "dilation", "kernel_size": "kernel"}.items():
        if name in g and g[name][0] != g[name][1] and option in case.operation.options(g):
            swap = _option(option, lambda value: value[::-1])
            yield Suspect(f"as if vertical and horizontal {option} were swapped", swap)
    if g.get("stride") != g.get("dilation", g.get("stride")):
        yield Suspect("as if stride and dilation were exchanged", _exchanged("stride", "dilation"))
    for option in ("dilation", "stride"):
        if max(g.get(option, (1,))) > 1:
            yield Suspect(f"as if {option} were ignored", _option(option, lambda value: (1, 1)))
    if any(g.get("padding", ())):
        yield Suspect("as if padding were ignored", _option("padding", lambda value: ((0, 0), (0, 0))))
        mirrored = _option("padding", lambda value: tuple(side[::-1] for side in value))
        yield Suspect("as if the sides of the padding were swapped", mirrored)
        swapped = _option("padding", lambda value: value[::-1])
        yield Suspect("as if vertical and horizontal padding were swapped", swapped)
    if any(g.get("output_padding", ())):
        yield Suspect("as if output_padding were ignored", _option("output_padding", lambda value: (0, 0)))
    for flag in ("ceil_mode", "count_include_pad"):
        if flag in g:
            yield Suspect(f"as if {flag} were {not g[flag][0]}", _option(flag, lambda value: not value))
    if "eps" in g:
        for eps in ("1e-6", "1e-5", "1e-3"):
            yield Suspect(f"as if eps were {eps}", _option("eps", lambda value, eps=eps: float(eps)))
        if case.dtype == "float64" and (given := case.operation.options(g)["eps"]) != float(np.float32(given)):
            yield Suspect("as if eps were rounded to float32", _option("eps", lambda value: float(np.float32(value))))
        yield Suspect("as if eps were missing", _option("eps", lambda value: 0.0))
    if "sum" in g:
        other = "mean" if g["sum"][0] else "sum"
        yield Suspect(f"as if reduction were {other!r}", _option("reduction", lambda value: other))


def _of_batch_norm(case: Case) -> Iterator[Suspect]:
    shapes = case.operation.shapes(case.geometry)
    if "var" in shapes:
        yield Suspect("as if eps were added to the root", _eps_outside)
        yield Suspect("as if the variance were taken for the standard deviation", _array("var", np.square))
        yield Suspect("as if the mean were ignored", _array("mean", np.zeros_like))
    yield Suspect("as if gamma were ignored", _array("gamma", np.ones_like))
    yield Suspect("as if gamma were 1 + gamma", _array("gamma", lambda gamma: 1 + gamma))
    yield Suspect("as if beta were ignored", _array("beta", np.zeros_like))


def _of_gradients(case: Case) -> Iterator[Suspect]:
    samples = case.geometry["N"][0]
    yield Suspect("as if the sign of the gradients were flipped", _array("dy", np.negative))
    if samples > 1 and case.geometry.get("sum") != (0,):
        yield Suspect("as if the gradients were divided by the batch size", _array("dy", lambda dy: dy / len(dy)))
    shapes = case.operation.shapes(case.geometry)
    for position, (name, shape) in enumerate(shapes.items()):
        if shape is None or len(shapes) == 1:
            continue
        yield Suspect(
            f"as if the sign of d{name} were flipped", answer=_changed(position, lambda case, gradient: -gradient)
        )
        if name != "x" and samples > 1:
            mean = _changed(position, lambda case, gradient: gradient / max(1, case.geometry["N"][0]))
            yield Suspect(f"as if d{name} were averaged over the batch, not summed", answer=mean)


def _option(name: str, change: Callable[..., Any]) -> Callable[[Arrays, dict[str, Any]], Question]:
    return lambda arrays, options: (arrays, {**options, name: change(options[name])})


def _exchanged(a: str, b: str) -> Callable[[Arrays, dict[str, Any]], Question]:
    return lambda arrays, options: (arrays, {**options, a: options[b], b: options[a]})


def _array(name: str, change: Callable[[Array], Array]) -> Callable[[Arrays, dict[str, Any]], Question]:
    """An array changed, in float64."""

    def ask(arrays: Arrays, options: dict[str, Any]) -> Question:
        array = arrays[name]
        return arrays | {name: None if array is None else change(array.astype(np.float64))}, options

    return ask


def _changed(
    position: int, change: Callable[[Case, Array], Array]
) -> Callable[[Case, Arrays, Expectation], Expectation]:
    """One of the results times a factor."""

    def answer(case: Case, arrays: Arrays, right: Expectation) -> Expectation:
        if (pair := right[position]) is None:
            return right
        exact, allowance = pair
        scaled = np.asarray(change(case, exact)), allowance._replace(bound=abs(change(case, allowance.bound)))
        return *right[:position], scaled, *right[position + 1 :]

    return answer


def _eps_outside(arrays: Arrays, options: dict[str, Any]) -> Question:
    """1/(σ + ε) is 1/√((σ + ε)² + 0)."""
    change = _array("var", lambda var: (np.sqrt(var) + options["eps"]) ** 2)
    return change(arrays, {**options, "eps": 0.0})


def _unbiased(arrays: Arrays, options: dict[str, Any]) -> Question:
    """γ/√(σ²n/(n−1) + ε) is γ√((n−1)/n) / √(σ² + ε(n−1)/n)."""
    x = arrays["x"]
    assert x is not None
    n = x.shape[0] * prod(x.shape[2:])
    share = (n - 1) / n if n > 1 else 1.0
    return _array("gamma", lambda gamma: gamma * share**0.5)(arrays, {**options, "eps": options["eps"] * share})


def _padded_with_zeros(arrays: Arrays, options: dict[str, Any]) -> Question:
    pad = _array("x", lambda x: np.pad(x, ((0, 0), (0, 0), *options["padding"])))
    return pad(arrays, {**options, "padding": ((0, 0), (0, 0))})


def _not_divided(arrays: Arrays, options: dict[str, Any]) -> Question:
    """The sum is the mean of an image that many times as large, where padding counts."""
    taps = prod(options["kernel_size"])
    name = "dy" if "dy" in arrays else "x"
    return _array(name, lambda a: a * taps)(arrays, {**options, "count_include_pad": True})


def _not_divided_globally(arrays: Arrays, options: dict[str, Any]) -> Question:
    x = arrays["x"]
    assert x is not None
    return _array("dy", lambda dy: dy * prod(x.shape[2:]))(arrays, options)


def _divided_first(arrays: Arrays, options: dict[str, Any]) -> Question:
    """A mean of terms that are each divided, and rounded to the dtype, is that of so many times those."""
    x = arrays["x"]
    assert x is not None
    count = prod(options.get("kernel_size", x.shape[2:]))
    terms = (x.astype(np.float64) / count).astype(x.dtype).astype(np.float64)
    return arrays | {"x": terms * count}, options


def _unit(case: Case) -> float:
    return Declaration().precision(case.dtype).u


def _in_place_of(formula: Callable[[Array], Array]) -> Callable[[Case, Arrays, Expectation], Expectation]:
    """Another function of x, rounded a few times."""

    def answer(case: Case, arrays: Arrays, right: Expectation) -> Expectation:
        x = arrays["x"]
        assert x is not None
        exact = formula(x.astype(np.float64))
        few = 4 * _unit(case) * (1 + abs(exact) + abs(x.astype(np.float64)))
        return ((exact, Allowance(few, np.ones_like(exact))),)

    return answer


def _bias_not_scaled(case: Case, arrays: Arrays, right: Expectation) -> Expectation:
    """b + g in place of G·b + g."""
    bias, weight, shift = arrays["bias"], right[0], right[1]
    if bias is None or shift is None:
        return right
    exact, allowance = shift
    gamma, var = (np.asarray(arrays[name], np.float64) for name in ("gamma", "var"))
    eps = case.operation.options(case.geometry)["eps"]
    raised = allowance._replace(bound=allowance.bound + 4 * _unit(case) * abs(bias.astype(np.float64)))
    return weight, (exact + bias * (1 - gamma / np.sqrt(var + eps)), raised)


def rounded_inputs(bits: int) -> tuple[Suspect, ...]:
    """Factors rounded or cut to so many bits, or those of 11 bits to float16."""

    def rounded(rounding: Callable[[Array], Array]) -> Suspect:
        def ask(arrays: Arrays, options: dict[str, Any]) -> Question:
            factors = {
                n: rounding(a.astype(np.float64)) for n in ("dy", "x", "weight") if (a := arrays.get(n)) is not None
            }
            return arrays | factors, options

        return Suspect(f"as if inputs were rounded to {bits} bits", ask)

    half = (rounded(lambda a: a.astype(np.float16)),) if bits == 11 else ()
    return rounded(lambda a: to_bits(a, bits)), rounded(lambda a: to_bits(a, bits, np.trunc)), *half


def to_bits(array: Array, bits: int, rounding: Callable[[Array], Array] = np.rint) -> Array:
    """Numbers of so many bits of significand, whatever their exponent."""
    significand, exponent = np.frexp(array)
    return np.ldexp(rounding(np.ldexp(significand, bits)), exponent - bits)


NOT_DIVIDED = Suspect("as if the sum were not divided", _not_divided)
DIVIDED_FIRST = Suspect("as if every term were divided, and rounded, before it is summed", _divided_first)
GLOBALLY = "as if the sum were not divided"
OF_ONE_OPERATION: dict[str, tuple[Suspect, ...]] = {
    "relu": (
        Suspect("as if clipped at 6 (ReLU6)", _array("x", lambda x: np.minimum(x, 6))),
        Suspect("as if the slope below 0 were 0.01", answer=_in_place_of(lambda x: np.where(x < 0, x / 100, x))),
        Suspect("as if it were the absolute value", _array("x", np.abs)),
    ),
    "relu_backward": (
        Suspect("as if the gradient at 0 were passed on", _array("x", lambda x: np.where(x == 0, 1, x))),
        Suspect("as if the gradient were passed on everywhere", _array("x", np.ones_like)),
    ),
    "sigmoid": (
        Suspect("as if it were x/6 + 1/2, clipped", answer=_in_place_of(lambda x: np.clip(x / 6 + 0.5, 0, 1))),
        Suspect("as if it were x/5 + 1/2, clipped", answer=_in_place_of(lambda x: np.clip(x / 5 + 0.5, 0, 1))),
    ),
    "tanh": (Suspect("as if it were x, clipped", answer=_in_place_of(lambda x: np.clip(x, -1, 1))),),
    "avg_pool2d": (NOT_DIVIDED, DIVIDED_FIRST),
    "avg_pool2d_backward": (NOT_DIVIDED,),
    "global_avg_pool2d": (Suspect(GLOBALLY, _array("x", lambda x: x * prod(x.shape[2:]))), DIVIDED_FIRST),
    "global_avg_pool2d_backward": (Suspect(GLOBALLY, _not_divided_globally),),
    "max_pool2d": (Suspect("as if padded with 0, not −∞", _padded_with_zeros),),
    "batch_norm2d_train": (Suspect("as if the variance were unbiased (n − 1)", _unbiased),),
    "fold_conv_batch_norm": (Suspect("as if the bias were not scaled", answer=_bias_not_scaled),),
}
