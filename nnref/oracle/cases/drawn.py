"""Cases drawn by hypothesis: `cases("conv2d")` is a strategy for any test.

Sizes are drawn by class, because bugs depend on the class: all sizes small; a long row or column, beyond a vector
register; many channels, beyond a tile of a matrix product; many samples, beyond a block of a batch. An image is drawn
as its excess over the reach of the kernel. So every draw is valid, and kernels as large as the padded image are common.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from ...errors import OptionError, refuse
from ..dtypes import DTYPES
from ..operations import OPERATIONS, Geometry, Operation
from ..operations.networks import CODES, DEPTH
from ..operations.operation import CHOICES, EPS
from .case import LAYOUTS, MIXED, MODES, Case, kinds_of, mixed

__all__ = ["cases"]

Draw = Callable[[st.SearchStrategy[Any]], Any]

ONE_TO_THREE, EXTRA, BIT = st.integers(1, 3), st.integers(0, 6), st.integers(0, 1)
SEEDS, DIGITS = st.integers(0, 2**32 - 1), st.integers(0, len(MIXED) - 1)
SIZES = st.sampled_from((*["small"] * 8, "wide", "tall", "channels", "samples"))
WIDTHS = st.sampled_from((7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 193, 256, 257))
CHANNELS = st.sampled_from((8, 16, 31, 32, 33, 64, 128))
SAMPLES = {"small": st.sampled_from((1, 1, 1, 2, 2, 3, 4, 0)), "samples": st.sampled_from((5, 7, 8, 9, 16, 17, 32, 33))}
PAIRS = st.sampled_from([(3, 3)] * 4 + [(a, b) for a in (1, 2, 3) for b in (1, 2, 3)] + [(4, 4), (5, 5), (7, 1)])
STRIDES = st.sampled_from([(1, 1)] * 8 + [(a, b) for a in (1, 2, 3, 4) for b in (1, 2, 3, 4)] + [(5, 6), (6, 5)])
DILATIONS = st.sampled_from([(1, 1)] * 8 + [(a, b) for a in (1, 2, 3) for b in (1, 2, 3)] + [(4, 5), (5, 4)])
OFTEN = [CODES[name] for name in ("relu", "batch-norm", "batch-norm", "conv1x1", "conv-causal", "conv3x3")]
NETWORKS = st.tuples(*[st.sampled_from([0, 0, 0, *OFTEN, *OFTEN, *CODES.values()])] * DEPTH)
PADDINGS = st.integers(0, 255)


def cases(
    op: str,
    *,
    direction: str | None = None,
    dtype: str = "float32",
    modes: Sequence[str] = MODES,
    layouts: Sequence[str] = LAYOUTS,
) -> st.SearchStrategy[Case]:
    """A strategy for cases of one operation. `nnref.oracle.arrays_of(case)` makes the arrays.

    Parameters
    ----------
    op : name of an operation, such as "conv2d"
    direction : "forward", "backward" or None for either
    dtype : dtype of all arrays
    modes, layouts : data modes and memory layouts to choose from

    Raises
    ------
    OptionError : an argument is not one of the known values.

    >>> from hypothesis import find
    >>> print(find(cases("relu", direction="forward"), lambda case: case.geometry["W"][0] > 1).op)
    relu
    """
    if op not in OPERATIONS:
        refuse(OptionError, "cases", "op", f"one of {', '.join(OPERATIONS)}", repr(op))
    for name, given, known in (("modes", modes, MODES), ("layouts", layouts, LAYOUTS), ("dtype", (dtype,), DTYPES)):
        if not given or set(given) - set(known):
            refuse(OptionError, "cases", name, f"among {', '.join(known)}", repr(given))
    operation = OPERATIONS[op]
    directions = operation.directions if direction is None else (direction,)
    if set(directions) - set(operation.directions):
        refuse(OptionError, "cases", "direction", f"among {', '.join(operation.directions)}", repr(direction))
    return _cases(operation, tuple(directions), dtype, tuple(modes), tuple(layouts))


@st.composite
def _cases(
    draw: Draw,
    operation: Operation,
    directions: tuple[str, ...],
    dtype: str,
    modes: tuple[str, ...],
    layouts: tuple[str, ...],
) -> Case:
    geometry = _geometry(draw, operation)
    direction = directions[0] if len(directions) == 1 else draw(st.sampled_from(directions))
    mode = modes[0] if len(modes) == 1 else draw(st.sampled_from(modes))
    kinds = kinds_of(mode, operation, direction)
    kind = kinds[0] if len(kinds) == 1 else draw(st.sampled_from(kinds))
    case = Case(operation.name, direction, dtype, mode, draw(st.sampled_from(layouts)), draw(SEEDS), geometry, kind)
    if case.layout != "mixed":
        return case
    return case.but(layout=mixed(draw(st.lists(DIGITS, min_size=len(case.shapes), max_size=len(case.shapes)))))


def _geometry(draw: Draw, operation: Operation) -> Geometry:
    """All fields of the operation. Only output padding and the padding of a transposed convolution may not fit."""
    size, fields = draw(SIZES), operation.least
    drawn = {name: _field(draw, name, size) for name in fields if name not in ("H", "W")}
    g: Geometry = {name: tuple(map(max, value, fields[name])) for name, value in drawn.items()}
    for axis, (name, long) in enumerate((("H", "tall"), ("W", "wide"))):
        if name in fields:
            g[name] = (_extent(draw, g, axis, long == size),)
    if "M" in g or ("C" in g and size == "channels"):
        g["C"] = (draw(CHANNELS if size == "channels" else ONE_TO_THREE),)
    if size == "channels":
        _widen(draw, g)
    if "layers" in g:
        g["layers"] = _fitting(operation, g)
    if not operation.fits(g):
        g.update({name: fields[name] for name in ("padding", "output_padding") if name in fields})
        if not operation.fits(g):
            g["stride"] = (1, 1)
    return {name: g[name] for name in fields}


def _fitting(operation: Operation, g: Geometry) -> tuple[int, ...]:
    """The layers of a network, without the layers that do not accept their input."""
    kept = [0] * len(g["layers"])
    for position, code in enumerate(g["layers"]):
        kept[position] = code
        if not operation.fits({**g, "layers": tuple(kept)}):
            kept[position] = 0
    return tuple(kept)


def _field(draw: Draw, name: str, size: str) -> tuple[int, ...]:
    if name == "kernel":
        return draw(PAIRS)
    if name == "stride":
        return draw(STRIDES)
    if name == "dilation":
        return draw(DILATIONS)
    if name == "padding":
        code = draw(PADDINGS)  # four sides of 0 to 3 in one draw
        return code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6
    if name == "layers":
        return draw(NETWORKS)
    if name == "output_padding":
        return draw(BIT), draw(BIT)
    if name == "N":
        return (draw(SAMPLES[size]) if size in SAMPLES else 1,)
    if name == "eps":
        return (draw(st.integers(0, len(EPS) - 2)),)  # the last has a case of its own
    if name in CHOICES:
        return (draw(st.integers(0, len(CHOICES[name]) - 1)),)
    return (draw(ONE_TO_THREE),)


def _extent(draw: Draw, g: Geometry, axis: int, long: bool) -> int:
    """Extent of the image: at least 1, and at least the reach of the kernel minus the padding."""
    least = 1
    if "kernel" in g and "output_padding" not in g:
        reach = g.get("dilation", (1, 1))[axis] * (g["kernel"][axis] - 1) + 1
        least = max(1, reach - sum(g["padding"][2 * axis : 2 * axis + 2]))
    return max(least, draw(WIDTHS)) if long else least + draw(EXTRA)


def _widen(draw: Draw, g: Geometry) -> None:
    """Make one number of channels large."""
    many = draw(CHANNELS)
    if "Cg" in g and "Kg" in g:
        side = draw(st.sampled_from(("Cg", "Kg", "groups")))
        g |= {"groups": (1,), side: (many,)}
        if side == "groups":
            g |= {"Cg": (1,), "Kg": (1,)}
    elif "K" in g:
        g[draw(st.sampled_from([n for n in ("K", "C", "Cg") if n in g]))] = (many,)
