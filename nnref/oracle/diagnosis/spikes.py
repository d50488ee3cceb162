"""Where one huge number spoils results that it has no part in.

A direct sum has the same bits whatever stands outside its window, or under a weight of 0. A transform of a tile or of
an image mixes all of it, and a running sum carries what it has lost on to later windows: their rounding errors are as
large as the largest number that went in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...bounds import format_of
from ...numeric import Array
from ..arrays.fill import Arrays
from ..cases.case import Case
from ..expectation.exact import expectation
from ..operations import Geometry
from .probe import Probe

__all__ = ["TILE", "WHOLE", "reach_of_a_spike", "runs_on"]

NOWHERE, TILE, WHOLE = "", "tile", "image"
FAR = 2.0**12  # times u: beyond what rounding to half as many bits does
COLUMNS = 8  # that a tile has at most, with those that a kernel adds


def reach_of_a_spike(probe: Probe, rich: Sequence[Case], kernel: tuple[int, ...]) -> str:
    """How far a convolution spreads what one huge number does: nowhere, over a tile, or over the whole image.

    The middle of the kernel is 0, and so the number has no part in the results around it. A usual kernel is tried, and
    the one of the failing case.
    """
    farthest = -1
    for size in dict.fromkeys(((3, 3), (kernel[0], kernel[1]))):
        usual: Geometry = {"H": (8 + size[0],), "W": (24 + size[1],), "kernel": size}
        usual |= {"stride": (1, 1), "dilation": (1, 1)}
        for case in rich if max(size) > 1 else ():
            wide = case.but(mode="normal", kind="", geometry=case.geometry | usual, layout="contiguous").with_seed(0)
            arrays, options = probe.arrays(wide)
            weight = arrays["weight"]
            assert weight is not None
            arrays["weight"] = hollow = weight.copy()
            hollow[..., size[0] // 2, size[1] // 2] = 0
            for name in ("dy", "x"):
                for spoilt, shape in _spoilt(probe, wide, arrays, options, name):
                    if len(shape) == 4 and shape[3] > size[1]:  # an image, and no gradient of the weight
                        columns = np.unravel_index(spoilt, shape)[3] - shape[3] // 2
                        farthest = max(farthest, int(np.abs(columns).max(initial=-1)))
    return WHOLE if farthest > COLUMNS else TILE if farthest >= 0 else NOWHERE


def runs_on(probe: Probe, rich: Sequence[Case]) -> bool:
    """Whether the sums of a pool keep something of a huge number that has left the window."""
    for case in rich:
        usual: Geometry = {"H": (9,), "W": (24,), "kernel": (2, 3), "stride": (1, 1), "padding": (0, 0, 0, 0)}
        for geometry in (case.geometry | usual, case.geometry | {"H": (9,), "W": (24,)}):
            wide = case.but(mode="normal", kind="", geometry=geometry, layout="contiguous").with_seed(0)
            if wide.operation.fits(geometry):
                arrays, options = probe.arrays(wide)
                name = "dy" if case.direction == "backward" else "x"
                if any(len(spoilt) for spoilt, _ in _spoilt(probe, wide, arrays, options, name)):
                    return True
    return False


def _spoilt(
    probe: Probe, case: Case, arrays: Arrays, options: dict[str, Any], name: str
) -> Iterator[tuple[Array, tuple[int, ...]]]:
    """Of each result, the places that a spike in the middle of an array changes though it has no part in them."""
    calm = arrays.get(name)
    if calm is None or not calm.size:
        return
    half, spiked = format_of(case.dtype).bits < 24, calm.copy()
    huge = float(np.abs(calm.astype(np.float64)).max()) * 2.0 ** (8 if half else 20)
    spiked[0, 0, calm.shape[2] // 2, calm.shape[3] // 2] = huge
    given = [arrays | {name: each} for each in (calm, spiked)]
    before, after = (probe.result(case, each, options) for each in given)
    exact = [expectation(case, each, options, probe.declares) for each in given]
    least = 0.0 if half else FAR * format_of(case.dtype).u  # rounding to half precision hides the rest
    for a, b, right, again in zip(before, after, *exact, strict=False):
        if right is None or again is None or not np.shape(a) == np.shape(b) == right[0].shape:
            continue
        alike = np.abs((right[0] - again[0]).astype(np.float64)) <= 2.0**-40 * right[1].magnitude
        off = np.abs(b.astype(np.float64) - a.astype(np.float64)) > least * right[1].magnitude
        yield np.flatnonzero(alike & off), right[0].shape
