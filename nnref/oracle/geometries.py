"""All small geometries of a windowed operation along one axis: where most bugs of pooling and padding live.

Image 1 to 6, kernel 1 to 3, stride 1 to 3, each padding 0 to 2, dilation 1 or 2, every flag; the other axis trivial.
Whether the vertical or the horizontal axis is taken alternates, and so do data and layout, by position.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from .case import LAYOUTS, Case
from .operations import Geometry, Operation

__all__ = ["small_geometries"]

FLAGS = ("ceil_mode", "count_include_pad")


def small_geometries(operation: Operation, direction: str, dtype: str) -> Iterator[Case]:
    """Cases of integer data on every small geometry; none for an operation without windows.

    >>> from nnref.oracle.operations import OPERATIONS
    >>> sum(1 for case in small_geometries(OPERATIONS["conv2d"], "forward", "float32"))
    837
    """
    if not operation.windowed:
        return
    least = operation.least
    dilations = (1, 2) if "dilation" in least else (1,)
    extras = (0, 1, 2) if "output_padding" in least else (0,)
    flags = [(0, 1) if name in least else (0,) for name in FLAGS]
    grid = product(range(1, 7), (1, 2, 3), (1, 2, 3), (0, 1, 2), (0, 1, 2), dilations, extras, *flags)
    for number, (size, kernel, stride, before, after, dilation, extra, *on) in enumerate(grid):
        axis = number % 2
        geometry: Geometry = {name: tuple(max(1, v) if name == "N" else v for v in low) for name, low in least.items()}
        geometry["W" if axis else "H"] = (size,)
        geometry["padding"] = (0, 0, before, after) if axis else (before, after, 0, 0)
        steps = {"kernel": kernel, "stride": stride, "dilation": dilation}
        geometry |= {n: (1, v) if axis else (v, 1) for n, v in steps.items() if n in least}
        if "output_padding" in least:
            geometry["output_padding"] = (0, extra) if axis else (extra, 0)
        geometry |= {name: (value,) for name, value in zip(FLAGS, on, strict=True) if name in least}
        if operation.fits(geometry):
            layout = LAYOUTS[number % len(LAYOUTS)]
            yield Case(operation.name, direction, dtype, "integers", layout, number, geometry)
