"""A style: a right implementation, as somebody may write it; and the list of all of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["STYLES", "Style", "style"]

HALF = ("float16", "bfloat16")


@dataclass(frozen=True)
class Style:
    name: str
    op: str
    direction: str
    function: Callable[..., Any]
    dtype: str = "float32"
    declares: Mapping[str, str] = field(default_factory=dict)


STYLES: list[Style] = []


def style(*targets: str, dtypes: tuple[str, ...] = ("float32",), **declares: str) -> Callable[[Any], Any]:
    """Register a right implementation of "op" or "op_backward". `declares` is what it must declare to be right."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for target in targets:
            op = target.removesuffix("_backward")
            direction = "backward" if target != op else "forward"
            for dtype in dtypes:
                name = f"{target} {dtype}: {function.__name__.strip('_').replace('_', ' ')}"
                run = in_single(function) if dtype in HALF else function
                STYLES.append(Style(name, op, direction, run, dtype, declares))
        return function

    return register


def in_single(function):
    """Half precision, computed in single and rounded once."""

    def run(*arrays, **options):
        results = function(*(None if a is None else a.astype(np.float32) for a in arrays), **options)
        if not isinstance(results, tuple):
            return np.asarray(results).astype(arrays[0].dtype)
        return tuple(None if r is None else np.asarray(r).astype(arrays[0].dtype) for r in results)

    return run


def in_double(function):
    """The same in float64, rounded once."""

    def run(*arrays, **options):
        results = function(*(None if a is None else a.astype(np.float64) for a in arrays), **options)
        if not isinstance(results, tuple):
            return np.asarray(results).astype(arrays[0].dtype)
        return tuple(None if r is None else np.asarray(r).astype(arrays[0].dtype) for r in results)

    run.__name__ = f"{function.__name__}_in_double"
    return run


def c(per_channel):
    """(C,) -> (C,1,1)."""
    return per_channel[:, None, None]
