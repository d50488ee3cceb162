"""How the geometric options of a layer are read: an int for both axes, a pair, or a pair of pairs; all in pixels."""

from __future__ import annotations

import operator
from typing import Any

from .errors import OptionError, is_int, refuse

__all__ = ["Pair", "pair", "pair_of_pairs", "parse_padding"]

Pair = tuple[int, int]
PAIR = "int or (vertical, horizontal)"


def pair(function: str, argument: str, value: Any, least: int) -> Pair:
    """Read an int or (vertical, horizontal) option whose values are at least `least`.

    >>> pair("conv2d", "stride", 2, least=1), pair("conv2d", "stride", [1, 2], least=1)
    ((2, 2), (1, 2))
    """
    both = value if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2 or not all(is_int(item) and item >= least for item in both):
        refuse(OptionError, function, argument, f"{PAIR}, at least {least}", repr(value))
    return operator.index(both[0]), operator.index(both[1])


def pair_of_pairs(function: str, argument: str, value: Any) -> tuple[Pair, Pair]:
    """Read a padding: int, (vertical, horizontal) or ((top, bottom), (left, right)), none negative.

    >>> pair_of_pairs("conv2d", "padding", (1, (0, 2)))
    ((1, 1), (0, 2))
    """
    expected = f"{PAIR} or ((top, bottom), (left, right)), at least 0"
    both = value if isinstance(value, tuple | list) else (value, value)
    sides = [item if isinstance(item, tuple | list) else (item, item) for item in both]
    if [len(side) for side in sides] != [2, 2] or not all(is_int(p) and p >= 0 for side in sides for p in side):
        refuse(OptionError, function, argument, expected, repr(value))
    (top, bottom), (left, right) = [tuple(map(operator.index, side)) for side in sides]
    return (top, bottom), (left, right)


def parse_padding(function: str, padding: Any, image: Pair, extent: tuple[int, ...], stride: Pair) -> tuple[Pair, Pair]:
    """Read a padding option, where "valid" means none and "same" gives ceil(size / stride) windows.

    `extent` is the number of pixels from a kernel's first tap to its last. If "same" needs an odd number of pixels,
    the extra one goes to the end, as in torch at stride 1 and in TensorFlow and ONNX (SAME_UPPER).

    >>> parse_padding("conv2d", "same", image=(5, 6), extent=(3, 3), stride=(2, 2))
    ((1, 1), (0, 1))
    """
    if not isinstance(padding, str):
        return pair_of_pairs(function, "padding", padding)
    if padding not in ("valid", "same"):
        refuse(OptionError, function, "padding", '"valid", "same" or pixels', repr(padding))
    totals = [
        max(0, (-(-size // step) - 1) * step + reach - size) if padding == "same" else 0
        for size, reach, step in zip(image, extent, stride, strict=True)
    ]
    vertical, horizontal = [(total // 2, total - total // 2) for total in totals]
    return vertical, horizontal
