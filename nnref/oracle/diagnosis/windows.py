"""Windows that lie in wrong places, although the result has the right shape.

A kernel may take the shape of its result from the right formula and the places of its windows from a wrong one: with
the strides of the other axis, without dilation. The reference does the same on an image of another extent, padded
before: then its result has that shape under the wrong options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ...bounds import Allowance
from ...numeric import Array
from ...windows import count_windows
from ..arrays.fill import Arrays
from ..cases.case import Case
from ..expectation.exact import Expectation

__all__ = ["misplaced"]

Pads = tuple[tuple[int, int], tuple[int, int]]
SHAPE = ", but for the shape of the result"


def misplaced(case: Case) -> Iterator[tuple[str, Any, Any]]:
    """Words, question and answer of each such bug that may show in cases like this."""
    g = case.geometry
    if "kernel" not in g or "H" not in g or "output_padding" in g:
        return
    if g.get("ceil_mode") == (1,) or g.get("count_include_pad") == (0,):  # there, the extent of the image counts
        return
    wrongs: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {}
    if max(g.get("dilation", (1,))) > 1:
        wrongs["dilation were ignored"] = lambda options: {"dilation": (1, 1)}
    if g["stride"][0] != g["stride"][1]:
        wrongs["vertical and horizontal stride were swapped"] = lambda options: {"stride": options["stride"][::-1]}
    if g["padding"][:2] != g["padding"][2:]:
        wrongs["vertical and horizontal padding were swapped"] = lambda options: {"padding": options["padding"][::-1]}
    for words, change in wrongs.items():
        yield f"as if {words}{SHAPE}", _asked(case, change), _answered(case, change)


def _asked(case: Case, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[..., Any]:
    def ask(arrays: Arrays, options: dict[str, Any]) -> tuple[Arrays, dict[str, Any]]:
        x, weight, wrong = arrays["x"], arrays.get("weight"), options | change(options)
        assert x is not None
        kernel = options["kernel_size"] if weight is None else weight.shape[2:]
        outside = -np.inf if case.op == "max_pool2d" else 0.0
        for axis in (0, 1):
            size, stride, pads = x.shape[2 + axis], options["stride"][axis], options["padding"][axis]
            reach = options.get("dilation", (1, 1))[axis] * (kernel[axis] - 1) + 1
            windows = count_windows(size, reach, stride, pads, False)
            wrong_reach = wrong.get("dilation", (1, 1))[axis] * (kernel[axis] - 1) + 1
            extent = (windows - 1) * wrong["stride"][axis] + wrong_reach
            x = _extended(x.astype(np.float64), 2 + axis, wrong["padding"][axis][0], extent, outside)
        return arrays | {"x": x}, wrong | {"padding": ((0, 0), (0, 0))}

    return ask


def _answered(case: Case, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[..., Any]:
    def answer(_: Case, arrays: Arrays, right: Expectation) -> Expectation:
        if case.direction == "forward" or right[0] is None:
            return right
        options = case.operation.options(case.geometry)
        before = [pads[0] for pads in (options | change(options))["padding"]]
        exact, allowance = right[0]
        sizes = case.geometry["H"][0], case.geometry["W"][0]
        cut = [_cut(np.asarray(a), before, sizes) for a in (exact, allowance.bound, allowance.magnitude)]
        return (cut[0], Allowance(cut[1], cut[2], allowance.sums)), *right[1:]

    return answer


def _extended(x: Array, axis: int, before: int, extent: int, outside: float) -> Array:
    """Pixels of value `outside` before it, and behind it up to an extent; what is beyond that is cut off."""
    around = [(0, 0)] * x.ndim
    around[axis] = (before, max(0, extent - before - x.shape[axis]))
    padded = np.pad(x, around, constant_values=outside)
    return padded[(slice(None),) * axis + (slice(0, extent),)]


def _cut(array: Array, before: list[int], sizes: tuple[int, int]) -> Array:
    """The gradient of the pixels of the image, 0 for those that were cut off."""
    found = array[:, :, before[0] :, before[1] :][:, :, : sizes[0], : sizes[1]]
    around = [(0, 0), (0, 0), *((0, size - extent) for size, extent in zip(sizes, found.shape[2:], strict=True))]
    return np.pad(found, around)
