"""Cases that every run visits, because bugs live there.

`small_geometries`: all of a windowed operation along one axis. Image 1 to 6, kernel 1 to 3, stride 1 to 3, each padding
0 to 2, dilation 1 or 2, every flag; the other axis trivial. Which axis is taken alternates, and so does the layout.

`critical_sizes`: widths around the lengths of vector registers, numbers of channels around the edges of tiles.

`usual_layers`: the kernels, strides and paddings of networks, for which frameworks have kernels of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from .case import LAYOUTS, Case
from .networks import CODES
from .operations import Geometry, Operation

__all__ = ["critical_sizes", "small_geometries", "usual_layers"]

WIDTHS = (*range(2, 36), 63, 64, 65, 127, 128, 129)
CHANNELS = (4, 8, 15, 16, 17, 31, 32, 33, 63, 64, 65)
CHANNEL_FIELDS = ("C", "Cg", "Kg", "K", "M", "groups")
USUAL = [(k, s, p) for k in (1, 2, 3, 5, 7) for s in (1, 2) for p in dict.fromkeys((0, k // 2))]
MIXED = ("conv-causal", "batch-norm", "relu", "depthwise", "batch-norm", "conv1x1")  # a network of these
FLAGS = ("ceil_mode", "count_include_pad")


def small_geometries(operation: Operation, direction: str, dtype: str) -> Iterator[Case]:
    """Cases of integer data on every small geometry; none for an operation without windows.

    >>> from nnref.oracle.operations import OPERATIONS
    >>> sum(1 for case in small_geometries(OPERATIONS["conv2d"], "forward", "float32"))
    891
    """
    if "layers" in operation.least:
        yield from _pairs_of_layers(operation, direction, dtype)
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


def _pairs_of_layers(operation: Operation, direction: str, dtype: str) -> Iterator[Case]:
    """Every layer of a network behind every other, which is where they are merged."""
    for number, pair in enumerate(product(CODES.values(), repeat=2)):
        geometry: Geometry = {**operation.least, "N": (1,), "C": (2,), "H": (3,), "W": (4,)}
        geometry["layers"] = (*pair, *operation.least["layers"][2:])
        if operation.fits(geometry):
            yield Case(operation.name, direction, dtype, "integers", LAYOUTS[number % len(LAYOUTS)], number, geometry)


def critical_sizes(operation: Operation, direction: str, dtype: str, modes: Sequence[str]) -> Iterator[Case]:
    """Cases with one size large and all else small, each in two of the `modes`.

    >>> from nnref.oracle.operations import OPERATIONS
    >>> len(list(critical_sizes(OPERATIONS["linear"], "forward", "float32", ("integers", "normal"))))
    44
    """
    base: Geometry = {
        name: tuple(max(1, v) if name == "N" else v for v in low) for name, low in operation.least.items()
    }
    if "kernel" in base:
        base |= {"kernel": (1, 3), "padding": (0, 0, 1, 1)} if "padding" in base else {"kernel": (1, 3)}
    if "layers" in base:
        base["layers"] = (*(CODES[name] for name in MIXED), *base["layers"][len(MIXED) :])
    sizes = [("W", width) for width in WIDTHS] + [(name, count) for name in CHANNEL_FIELDS for count in CHANNELS]
    for number, (name, size) in enumerate(sizes):
        geometry = base | {name: (size,)}
        if name in base and operation.fits(geometry):
            for mode in [mode for mode in ("integers", "normal") if mode in modes]:
                yield Case(operation.name, direction, dtype, mode, "contiguous", number, geometry)


def usual_layers(operation: Operation, direction: str, dtype: str, modes: Sequence[str]) -> Iterator[Case]:
    """Cases as networks have them: square kernels, stride 1 or 2, padding none or half, in every one of the `modes`.

    >>> from nnref.oracle.operations import OPERATIONS
    >>> len(list(usual_layers(OPERATIONS["max_pool2d"], "forward", "float32", ("integers",))))
    36
    """
    if "kernel" not in operation.least or "stride" not in operation.least:
        return
    for number, ((kernel, stride, pad), mode, _) in enumerate(product(USUAL, modes, range(2))):
        geometry = {name: tuple(max(1, v) for v in low) for name, low in operation.least.items()}
        geometry |= {name: (0,) for name in FLAGS if name in geometry}
        geometry |= {name: (2,) for name in ("N", "C", "Cg", "Kg") if name in geometry}
        geometry |= {
            "H": (8,),
            "W": (9,),
            "kernel": (kernel, kernel),
            "stride": (stride, stride),
            "padding": (pad,) * 4,
        }
        if "output_padding" in geometry:
            geometry["output_padding"] = (stride - 1, stride - 1)
        if operation.fits(geometry):
            yield Case(operation.name, direction, dtype, mode, "contiguous", number, geometry)
