"""Cases that are part of every run, because many bugs are found there. `enumerated` gives all of them.

`small_geometries`: all small geometries of a windowed operation along one axis. The image has 1 to 6 pixels, the kernel
1 to 3; the stride is 1 to 3, each padding 0 to 2, the dilation 1 or 2; every flag is on and off. The other axis is
trivial. The axis and the memory layout alternate. Then every image of at most 4 × 4 pixels, under square kernels.

`every_layout`: every data mode in every memory layout, with special values of every kind. Also one array, or all arrays
but one, in each mixed layout, and a batch without samples.

`special_windows`: special values under dilated, strided and padded windows.

`critical_sizes`: one size near the length of a vector register, the edge of a tile or the length of a block.

`critical_pairs`: two or three large sizes at once, and sums of more than 1024 terms.

`large_windows`: kernels, strides, paddings and dilations of 4 or more, alone and together.

`usual_layers`: the kernels, strides and paddings that networks use, for which frameworks have special kernels. Padded
windows also on images smaller than the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import Any

from ..operations import Geometry, Operation
from ..operations.networks import CODES, DEPTH
from ..operations.operation import EPS
from .case import LAYOUTS, MIXED, Case, kinds_of, mixed

__all__ = [
    "critical_pairs",
    "critical_sizes",
    "enumerated",
    "every_layout",
    "large_windows",
    "small_geometries",
    "special_windows",
    "usual_layers",
]

WIDTHS = (*range(2, 36), 63, 64, 65, 127, 128, 129, 161, 193, 255, 256, 257, 513, 1025)
HEIGHTS = (7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 129, 257)
SAMPLES = (4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65, 129)
CHANNELS = (4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 160, 256, 257)
SIZES = {
    "W": WIDTHS,
    "H": HEIGHTS,
    "N": SAMPLES,
    **dict.fromkeys(("C", "Cg", "Kg", "K", "M", "groups"), CHANNELS),
}
EDGES = ((8, 8), (16, 16), (32, 32), (17, 9))
LONG_SUMS: tuple[dict[str, Any], ...] = (
    {"N": 9, "H": 11, "W": 11},
    *({name: 1025} for name in ("C", "Cg", "Kg", "K", "N")),
    {"W": 2049},
    {"C": 1, "H": 33, "W": 32, "kernel": (33, 32), "padding": (0, 0, 0, 0)},
    {"Cg": 128, "kernel": (3, 3)},
    {"Kg": 128, "kernel": (3, 3)},
    {"groups": 2, "Cg": 8, "Kg": 8, "H": 4, "W": 4},
    {"C": 4097},
    {"H": 65, "W": 64},
)
TOGETHER: tuple[dict[str, Any], ...] = (
    {"N": 33, "C": 33, "K": 33},
    {"N": 1025, "C": 2},
    {"N": 1025, "C": 2, "K": 33},
    {"N": 1025, "Cg": 2, "Kg": 2},
    {"C": 17, "H": 33, "W": 33},
    {"Cg": 33, "Kg": 33, "H": 9, "W": 9, "kernel": (1, 1), "padding": (0, 0, 0, 0)},
    *({name: 32, "W": 32, "kernel": (1, 3), "padding": (0, 0, 1, 1)} for name in ("C", "Cg", "Kg", "groups")),
)
LARGE_WINDOWS: tuple[dict[str, Any], ...] = (  # other fields are 1, and padding is 0
    *({"kernel": (k, k), "padding": (p,) * 4} for k in (4, 5, 6, 8, 11) for p in (0, k // 2)),
    *({"kernel": (4, 7), "stride": s, "padding": p} for s in ((2, 3), (3, 2)) for p in ((0, 0, 0, 0), (1, 2, 3, 0))),
    *({"kernel": (3, 3), "stride": (s, s), "padding": (1, 1, 1, 1)} for s in (4, 5, 6, 8)),
    *({"kernel": (2, 2), "stride": s} for s in ((5, 1), (1, 5), (7, 6))),
    {"kernel": (1, 33)},
    {"kernel": (33, 1), "padding": (16, 16, 0, 0)},
    {"kernel": (2, 3), "padding": (8, 8, 9, 9), "dilation": (16, 9)},
    *({"kernel": (3, 3), "padding": (p,) * 4} for p in (3, 4, 5, 8)),
    *({"kernel": (2, 3), "stride": (2, 1), "padding": p} for p in ((4, 0, 0, 5), (0, 5, 4, 0))),
    *({"kernel": (3, 3), "padding": (d,) * 4, "dilation": (d, d)} for d in (3, 4, 5, 8)),
    *({"kernel": (2, 3), "stride": (1, 2), "dilation": d} for d in ((4, 1), (1, 4), (6, 5))),
    *({"kernel": (5, 5), "stride": (s, s), "padding": (4, 4, 4, 4), "dilation": (2, 2)} for s in (1, 2)),
    {"kernel": (4, 4), "stride": (5, 5), "padding": (4, 4, 4, 4), "dilation": (4, 4)},
    *({"kernel": (k, k), "stride": (2, 3), "padding": (1,) * 4, "W": w} for k in (2, 3) for w in (53, 54, 67)),
)
PADDED: dict[str, Any] = {"kernel": (3, 3), "padding": (1, 1, 1, 1)}
USUAL = [(k, s, p) for k in (1, 2, 3, 5, 7) for s in (1, 2) for p in dict.fromkeys((0, k // 2))]
SEVERAL = ("conv-causal", "batch-norm", "relu", "depthwise", "batch-norm", "conv1x1")
NETWORK = (*(CODES[name] for name in SEVERAL), *[0] * (DEPTH - len(SEVERAL)))  # the codes of `SEVERAL`
SCATTER = 2654435761  # near 2³² over the golden ratio
FLAGS = ("ceil_mode", "count_include_pad")
OTHERS = LAYOUTS[1:]  # all but contiguous


def enumerated(operation: Operation, direction: str, dtype: str, modes: Sequence[str]) -> Iterator[Case]:
    """All cases that are part of every run.

    >>> from nnref.oracle.operations import OPERATIONS
    >>> sum(1 for case in enumerated(OPERATIONS["relu"], "forward", "float32", ("normal",)))
    139
    """
    if "integers" in modes:
        yield from small_geometries(operation, direction, dtype)
    for family in (every_layout, special_windows, critical_sizes, critical_pairs, large_windows, usual_layers):
        yield from family(operation, direction, dtype, modes)


def small_geometries(operation: Operation, direction: str, dtype: str) -> Iterator[Case]:
    """Cases of integer data on every small geometry of a windowed operation, and on every pair of layers of a network.

    >>> from nnref.oracle.operations import OPERATIONS
    >>> sum(1 for case in small_geometries(OPERATIONS["conv2d"], "forward", "float32"))
    955
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
        axis = (size + kernel + stride + before + after + dilation + extra + sum(on)) % 2  # each value on either axis
        geometry = _small(operation)
        geometry["W" if axis else "H"] = (size,)
        geometry["padding"] = (0, 0, before, after) if axis else (before, after, 0, 0)
        steps = {"kernel": kernel, "stride": stride, "dilation": dilation}
        geometry |= {n: (1, v) if axis else (v, 1) for n, v in steps.items() if n in least}
        if "output_padding" in least:
            geometry["output_padding"] = (0, extra) if axis else (extra, 0)
        geometry |= {name: (value,) for name, value in zip(FLAGS, on, strict=True) if name in least}
        if operation.fits(geometry):
            yield Case(operation.name, direction, dtype, "integers", _turn(number, LAYOUTS), number, geometry)
    for number, (height, width, kernel, stride) in enumerate(product(range(1, 5), range(1, 5), (2, 3), (1, 2))):
        given = {"kernel": (kernel, kernel), "stride": (stride, stride), "padding": (kernel // 2,) * 4}
        geometry = _small(operation, H=height, W=width, **given)
        if operation.fits(geometry):
            yield Case(operation.name, direction, dtype, "integers", _turn(number, LAYOUTS), number, geometry)


def _pairs_of_layers(operation: Operation, direction: str, dtype: str) -> Iterator[Case]:
    """Networks of two layers, each layer after each, because optimisers merge adjacent layers."""
    for number, pair in enumerate(product(CODES.values(), repeat=2)):
        layers = (*pair, *operation.least["layers"][2:])
        geometry = _small(operation, C=2, H=3, W=4) | {"layers": layers}
        if operation.fits(geometry):
            yield Case(operation.name, direction, dtype, "integers", _turn(number, LAYOUTS), number, geometry)


def _small(operation: Operation, **given: Any) -> Geometry:
    """The smallest geometry of one sample, with the `given` values of fields that the operation has."""
    chosen = {"N": 1, **given}
    geometry: Geometry = {}
    for name, least in operation.least.items():
        value = chosen.get(name, least)
        geometry[name] = value if isinstance(value, tuple) else (value,)
    return geometry


def _turn(number: int, layouts: Sequence[str]) -> str:
    """One of the layouts, in a scattered order, so that it is not tied to any field of the cases."""
    return _spelled(layouts[(number * SCATTER >> 16) % len(layouts)], number)


def _spelled(layout: str, number: int) -> str:
    """The layout; a mixed one gets the digits of three arrays, and further arrays are contiguous."""
    digits = number * SCATTER >> 8
    return mixed(digits // len(MIXED) ** i % len(MIXED) for i in range(3)) if layout == "mixed" else layout


def every_layout(operation: Operation, direction: str, dtype: str, modes: Sequence[str]) -> Iterator[Case]:
    """Cases of a few samples and channels, in each of the `modes` and every layout.

    >>> from nnref.oracle.operations import OPERATIONS
    >>> len(list(every_layout(OPERATIONS["relu"], "forward", "float32", ("integers", "special"))))
    61
    """
    windows: dict[str, Any] = {"kernel": (2, 2), "stride": (1, 2), "padding": (0, 1, 1, 0), "output_padding": (0, 1)}
    sizes: dict[str, Any] = {
        "N": 2,
        "C": 3,
        "groups": 2,
        "Cg": 2,
        "Kg": 3,
        "M": 2,
        "K": 4,
        "H": 4,
        "W": 8,
        "layers": NETWORK,
    }
    geometry = _small(operation, bias=1, eps=1, **sizes, **windows)
    first_kind = kinds_of(modes[0], operation, direction)[0]
    number = 0
    arrays = len(Case(operation.name, direction, dtype, modes[0], "mixed", 0, geometry).shapes)
    for mode in modes:
        kinds = kinds_of(mode, operation, direction)
        for each in kinds if mode == "special" else [""]:
            for layout in LAYOUTS:
                kind = each or kinds[number % len(kinds)]
                where = mixed((number + i) % len(MIXED) for i in range(arrays)) if layout == "mixed" else layout
                yield Case(operation.name, direction, dtype, mode, where, number, geometry, kind)
                number += 1
    for digit in range(1, len(MIXED)) if arrays > 1 else ():
        for digits in ([digit], [0, *[digit] * (arrays - 1)]):
            yield Case(operation.name, direction, dtype, modes[0], mixed(digits), digit, geometry, first_kind)
    if operation.least.get("N") == (0,):
        yield Case(operation.name, direction, dtype, modes[0], "contiguous", 0, geometry | {"N": (0,)}, first_kind)
    if "eps" in operation.least and "normal" in modes:  # an eps that float32 has not
        odd = geometry | {"eps": (len(EPS) - 1,)}
        yield Case(operation.name, direction, dtype, "normal", "contiguous", 0, odd)
    if "bias" in geometry and "special" in modes:  # a bias hides what is lost of subnormal numbers
        for seed in range(4):
            bare = geometry | {"bias": (0,)}
            yield Case(operation.name, direction, dtype, "special", "contiguous", seed, bare, "subnormal")


def special_windows(operation: Operation, direction: str, dtype: str, modes: Sequence[str]) -> Iterator[Case]:
    """Cases with special values of every kind, under dilated, strided and padded windows.

    >>> from nnref.oracle.operations import OPERATIONS
    >>> len(list(special_windows(OPERATIONS["avg_pool2d"], "forward", "float32", ("special",))))
    20
    """
    if not operation.windowed or "special" not in modes:
        return
    dilations = ((1, 1), (2, 1), (1, 2)) if "dilation" in operation.least else ((1, 1),)
    number = 0
    windows = product(dilations, ((1, 1), (2, 1)), ((0, 0, 0, 0), (1, 0, 0, 1)))
    for dilation, stride, padding in (*windows, ((1, 1), (1, 1), (4, 0, 0, 5))):
        given: dict[str, Any] = {"C": 2, "Cg": 2, "Kg": 2, "H": 5, "W": 5, "kernel": (2, 2), "bias": 1}
        geometry = _small(operation, **given, dilation=dilation, stride=stride, padding=padding)
        for kind in kinds_of("special", operation, direction):
            bias = {"bias": (0,)} if kind == "subnormal" and "bias" in geometry else {}  # it would hide what is lost
            yield Case(operation.name, direction, dtype, "special", "contiguous", number, geometry | bias, kind)
            number += 1


def critical_sizes(operation: Operation, direction: str, dtype: str, modes: Sequence[str]) -> Iterator[Case]:
    """Cases with one large size: with whole numbers and normal data, and with whole numbers in another layout.

    >>> from nnref.oracle.operations import OPERATIONS
    >>> len(list(critical_sizes(OPERATIONS["linear"], "forward", "float32", ("integers", "normal"))))
    156
    """
    sizes = [(name, size) for name, sizes in SIZES.items() for size in sizes]
    for number, (name, size) in enumerate(sizes):
        ends = (1, 1, 0, 0) if name == "H" else (0, 0, 1, 1)
        kernel = (3, 1) if name == "H" else (1, 3)
        geometry = _small(operation, kernel=kernel, padding=ends, bias=1, layers=NETWORK) | {name: (size,)}
        if name in operation.least and operation.fits(geometry):
            other = ("integers", _turn(number, OTHERS))
            for mode, layout in (("integers", "contiguous"), ("normal", "contiguous"), other):
                if mode in modes:
                    yield Case(operation.name, direction, dtype, mode, layout, number, geometry)


def critical_pairs(operation: Operation, direction: str, dtype: str, modes: Sequence[str]) -> Iterator[Case]:
    """Cases with two large sizes, and with long sums; each with whole numbers and with normal data.

    >>> from nnref.oracle.operations import OPERATIONS
    >>> len(list(critical_pairs(OPERATIONS["linear"], "forward", "float32", ("integers", "normal"))))
    38
    """
    pairs = [dict(zip(names, sizes, strict=True)) for names in combinations(SIZES, 2) for sizes in EDGES]
    for number, given in enumerate((*pairs, *LONG_SUMS, *TOGETHER)):
        geometry = _small(operation, **PADDED | given, bias=1, layers=NETWORK)
        if given.keys() <= operation.least.keys() and operation.fits(geometry):
            yield from _twice(operation, direction, dtype, modes, number, geometry)


def _twice(
    operation: Operation, direction: str, dtype: str, modes: Sequence[str], number: int, geometry: Geometry
) -> Iterator[Case]:
    for mode, layout in (("normal", "contiguous"), ("integers", _turn(number, OTHERS))):
        if mode in modes:
            yield Case(operation.name, direction, dtype, mode, layout, number, geometry)


def large_windows(operation: Operation, direction: str, dtype: str, modes: Sequence[str]) -> Iterator[Case]:
    """Cases of unusual windows with every flag, on images of about three windows; each in two of the `modes`.

    >>> from nnref.oracle.operations import OPERATIONS
    >>> len(list(large_windows(OPERATIONS["avg_pool2d"], "forward", "float32", ("integers", "normal"))))
    280
    """
    if not operation.windowed:
        return
    flags = [(0, 1) if name in operation.least else (0,) for name in FLAGS]
    for number, (window, *on) in enumerate(product(LARGE_WINDOWS, *flags)):
        given = dict(zip(FLAGS, on, strict=True)) | dict(zip(("H", "W"), _three(**window), strict=True)) | window
        geometry = _small(operation, C=2, M=2, groups=2, Kg=2, bias=1, **given)
        if window.keys() <= operation.least.keys() and operation.fits(geometry):
            yield from _twice(operation, direction, dtype, modes, number, geometry)


def _three(
    kernel: tuple[int, ...],
    stride: tuple[int, ...] = (1, 1),
    padding: tuple[int, ...] = (0, 0, 0, 0),
    dilation: tuple[int, ...] = (1, 1),
    **_: Any,
) -> list[int]:
    """Extents of an image of three windows and one more pixel, and of at least 4 pixels."""
    reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    return [max(4, reach[a] - sum(padding[2 * a : 2 * a + 2]) + 2 * stride[a] + 1) for a in (0, 1)]


def usual_layers(operation: Operation, direction: str, dtype: str, modes: Sequence[str]) -> Iterator[Case]:
    """Cases as in usual networks, in each of the `modes`: square kernels, stride 1 or 2, no padding or half the kernel.

    >>> from nnref.oracle.operations import OPERATIONS
    >>> len(list(usual_layers(OPERATIONS["max_pool2d"], "forward", "float32", ("integers",))))
    36
    """
    if "kernel" not in operation.least or "stride" not in operation.least:
        return
    turns = product(enumerate(USUAL), enumerate(modes), range(2))
    for number, ((turn, (kernel, stride, pad)), (shift, mode), again) in enumerate(turns):
        geometry = {name: tuple(max(1, v) for v in low) for name, low in operation.least.items()}
        geometry |= {name: (0,) for name in FLAGS if name in geometry}
        geometry |= {name: (2,) for name in ("N", "C", "Cg", "Kg") if name in geometry}
        height, width = (kernel // 2 + 1, 2) if again and pad else (8, 9)
        geometry |= {
            "H": (height,),
            "W": (width,),
            "kernel": (kernel, kernel),
            "stride": (stride, stride),
            "padding": (pad,) * 4,
        }
        if "output_padding" in geometry:
            geometry["output_padding"] = (stride - 1, stride - 1)
        if operation.fits(geometry):
            layout = OTHERS[(turn + shift) % len(OTHERS)] if again else "contiguous"
            kinds = kinds_of(mode, operation, direction)
            kind = kinds[number // (2 * len(modes)) % len(kinds)]
            yield Case(operation.name, direction, dtype, mode, _spelled(layout, number), number, geometry, kind)
