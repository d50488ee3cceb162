"""The names under which the sources of nnref find NumPy, `len`, `range` and the like, for the time of a proof.

`symbolic` puts functions in their place that know symbolic tensors and integers; everything else they pass on. So the
sources run as they are, on both. What they ask of NumPy beyond this is refused.
"""

from __future__ import annotations

import builtins
import math
import operator
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np

from ... import dtypes, errors, options
from ...arithmetic import gradients, rational
from ...windows import Windows
from .. import given, radical
from ..claims import gradients as gradient_claims
from . import derivatives, windows
from .counts import Variances, arange, at_least
from .integers import Int, current, defined_extreme, extreme, polynomial, quotient, symbol
from .loops import Loop, repeated
from .solver import Refused
from .tensors import Ratio, Tensor, einsum, filled, leaf, outer
from .values import below

__all__ = ["symbolic"]

_one_at_a_time = threading.RLock()


class Namespace:
    """A module with some functions replaced."""

    def __init__(self, module: Any, functions: Mapping[str, Any]) -> None:
        self._module, self._functions = module, functions

    def __getattr__(self, name: str) -> Any:
        known = self._functions.get(name)
        return getattr(self._module, name) if known is None else known


def _passes(value: Any) -> bool:
    return isinstance(value, Tensor | Variances)


def _asarray(array: Any, *args: Any, **kwargs: Any) -> Any:
    return array if _passes(array) else np.asarray(array, *args, **kwargs)


def _symbolic_shape(shape: Any) -> bool:
    return any(isinstance(n, Int) for n in (shape if isinstance(shape, tuple | list) else (shape,)))


def _full(shape: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
    if _symbolic_shape(shape) or isinstance(value, Ratio | Tensor):
        return filled(shape, value)
    return np.full(shape, value, *args, **kwargs)


def _zeros(shape: Any, *args: Any, **kwargs: Any) -> Any:
    return filled(shape, 0) if _symbolic_shape(shape) else np.zeros(shape, *args, **kwargs)


def _empty(shape: Any, *args: Any, **kwargs: Any) -> Any:
    if not _symbolic_shape(shape):
        return np.empty(shape, *args, **kwargs)
    return leaf(current().fresh("uninitialised"), *shape)


def _arange(stop: Any, *args: Any, **kwargs: Any) -> Any:
    return arange(stop) if isinstance(stop, Int) and not args else np.arange(stop, *args, **kwargs)


def _sqrt(x: Any) -> Any:
    return x.sqrt() if _passes(x) else np.sqrt(x)


def _any(array: Any) -> Any:
    return array.any() if hasattr(array, "any") and not isinstance(array, np.ndarray) else np.any(array)


def _sum(array: Any, *args: Any, **kwargs: Any) -> Any:
    return array.sum(*args, **kwargs) if isinstance(array, Tensor) else np.sum(array, *args, **kwargs)


def _einsum(spec: str, *arrays: Any) -> Any:
    return einsum(spec, *arrays) if any(isinstance(a, Tensor) for a in arrays) else np.einsum(spec, *arrays)


def _broadcast_to(array: Any, shape: Any) -> Any:
    return array + filled(shape, 0) if isinstance(array, Tensor) else np.broadcast_to(array, shape)


def _outer(a: Any, b: Any) -> Any:
    return a.outer(b) if hasattr(a, "outer") else outer(a, b) if isinstance(a, Tensor) else np.multiply.outer(a, b)


def _maximum(a: Any, b: Any, **kwargs: Any) -> Any:
    if _passes(a) or _passes(b):
        return at_least(a, b, **kwargs)
    return np.maximum(a, b, **kwargs)


def _matmul(a: Any, b: Any, out: Any = None) -> Any:
    if not _passes(a) and not _passes(b):
        return np.matmul(a, b, out=out)
    if out is None:
        return a @ b
    out[...] = a @ b
    return out


def _ndindex(*shape: Any) -> Any:
    if not _symbolic_shape(shape):
        return np.ndindex(*shape)
    return repeated(lambda: _index(shape))


def _index(shape: tuple[Any, ...]) -> tuple[tuple[Any, ...], Loop]:
    index: list[Any] = []
    names: list[str] = []
    guard: list[Any] = []
    for n in shape:
        u = symbol(current().fresh("u"))
        index.append(u)
        names.append(str(u))
        guard += below(u.polynomial, polynomial(n))
    return tuple(index), Loop(tuple(names), tuple(guard))


NUMPY = Namespace(
    np,
    {
        "asarray": _asarray,
        "full": _full,
        "zeros": _zeros,
        "empty": _empty,
        "arange": _arange,
        "sqrt": _sqrt,
        "any": _any,
        "sum": _sum,
        "einsum": _einsum,
        "broadcast_to": _broadcast_to,
        "maximum": _maximum,
        "matmul": _matmul,
        "ndindex": _ndindex,
        "multiply": Namespace(np.multiply, {"outer": _outer}),
    },
)


def _len(value: Any) -> Any:
    return value.shape[0] if _passes(value) else builtins.len(value)


def _extreme(usual: Any, greatest: bool, symbolic_: Any) -> Any:
    def apply(*values: Any, **kwargs: Any) -> Any:
        members = tuple(values[0]) if builtins.len(values) == 1 else values
        if kwargs or not any(isinstance(m, Int) for m in members):
            return usual(members, **kwargs)
        return symbolic_(members, greatest)

    return apply


def _range(*bounds: Any) -> Any:
    if not any(isinstance(bound, Int) for bound in bounds):
        return builtins.range(*bounds)
    if builtins.len(bounds) > 2:
        raise Refused("a symbolic range with a step")
    low, high = (0, bounds[0]) if builtins.len(bounds) == 1 else bounds

    def draw() -> tuple[Any, Loop]:
        u = symbol(current().fresh("u"))
        return u, Loop((str(u),), below(u.polynomial - polynomial(low), polynomial(high - low)))

    return repeated(draw)


def _gcd(*numbers: Any) -> Any:
    if not any(isinstance(n, Int) for n in numbers):
        return math.gcd(*numbers)
    some = [n for n in numbers if not (isinstance(n, int) and n == 0)]
    if any(isinstance(n, int) and abs(n) == 1 for n in some):
        return 1
    for candidate in some:
        if all(quotient(polynomial(n), polynomial(candidate)) is not None for n in some):
            return candidate
    raise Refused(f"the greatest common divisor of {some}")


def _int(value: Any) -> Any:
    return value if isinstance(value, Int) else builtins.int(value)


def _index_of(value: Any) -> Any:
    return value if isinstance(value, Int) else operator.index(value)


def _fraction(*numbers: Any) -> Any:
    return Ratio(*numbers) if any(isinstance(n, Int) for n in numbers) else Fraction(*numbers)


def _rational(*values: Any) -> Any:
    return values[0] if isinstance(values[0], Ratio) else rational(*values)


def _common_dtype(function: str, arrays: Mapping[str, Any]) -> Any:
    if not any(map(_passes, arrays.values())):
        return dtypes.common_dtype(function, arrays)
    if not all(map(_passes, arrays.values())):
        raise Refused(f"{function}: tensors beside arrays")
    return np.dtype(object)


def _no_guess(*_: Any) -> str:
    """The end of an error's message, on which no result depends."""
    return ""


def _variances(inv_std: Any, eps: float) -> Any:
    return Variances(inv_std, eps) if isinstance(inv_std, Tensor) else given.variances(inv_std, eps)


def _if_tensor(usual: Any) -> Any:
    """A function that leaves tensors as they are."""
    return lambda array: array if _passes(array) else usual(array)


BY_IDENTITY: dict[int, Any] = {
    id(np): NUMPY,
    id(math): Namespace(math, {"gcd": _gcd}),
    id(Fraction): _fraction,
    id(rational): _rational,
    id(dtypes.common_dtype): _common_dtype,
    id(errors.channels_last): _no_guess,
    id(given.variances): _variances,
    id(gradients.dual_variables): derivatives.variables,
    id(gradients.gradient): derivatives.gradient,
    id(radical.radicals): _if_tensor(radical.radicals),
    id(radical.plain): _if_tensor(radical.plain),
    id(gradient_claims.as_constants): _if_tensor(gradient_claims.as_constants),
}


@contextmanager
def symbolic(lemmas: bool = False) -> Iterator[None]:
    """The sources of nnref find these names; for the lemmas, the loops of `Windows` stay as they are."""
    by_identity, choose = BY_IDENTITY, defined_extreme if lemmas else extreme
    builtin = {"len": _len, "range": _range}
    builtin |= {"min": _extreme(builtins.min, False, choose), "max": _extreme(builtins.max, True, choose)}
    own = __name__.rpartition(".")[0]
    with _one_at_a_time:
        saved: list[tuple[Any, str, Any]] = []
        for name, module in list(sys.modules.items()):
            if not (name + ".").startswith("nnref.") or (name + ".").startswith(own + ".") or module is None:
                continue
            present = vars(module)
            new = {key: by_identity[id(value)] for key, value in present.items() if id(value) in by_identity}
            for key, value in (new | builtin).items():
                saved.append((module, key, present.get(key, saved)))
                setattr(module, key, value)
        for place, key, value in _single(lemmas):
            saved.append((place, key, vars(place).get(key, saved)))
            setattr(place, key, value)
        try:
            yield
        finally:
            for place, key, value in reversed(saved):
                if value is saved:
                    delattr(place, key)
                else:
                    setattr(place, key, value)


def _single(lemmas: bool) -> list[tuple[Any, str, Any]]:
    names: list[tuple[Any, str, Any]] = [
        (options, "operator", Namespace(operator, {"index": _index_of})),
        (errors, "int", _int),
    ]
    return names if lemmas else [*names, (Windows, "taps", windows.taps), (Windows, "blocks", windows.blocks)]
