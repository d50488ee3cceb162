"""Memory layouts of arrays, as `nnref.oracle.cases.case.LAYOUTS` names them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from ...numeric import Array
from ..operations import Shape

__all__ = ["laid_out", "repeats"]


def repeats(shape: Shape, layout: str) -> Shape | None:
    """The shape of the part that repeats: a pixel of every plane, or a sample; None if the layout repeats nothing."""
    if layout not in ("expanded", "broadcast") or len(shape) < 2:
        return None
    if layout == "expanded" and len(shape) > 2:
        return (*shape[:2], *(min(1, extent) for extent in shape[2:]))
    return (min(1, shape[0]), *shape[1:])


def laid_out(array: Array, layout: str) -> Array:
    """A new array of the same values in a memory layout. It has a stride of 0 only if the values do repeat."""
    view = MEMORY.get(layout, np.empty)(array.shape, array.dtype)
    view[...] = array
    once = repeats(array.shape, layout)
    if once is not None:
        repeated = np.broadcast_to(array[tuple(map(slice, once))].copy(), array.shape)
        view = repeated if repeated.tobytes() == array.tobytes() else view
    view.flags.writeable = layout != "readonly"
    return view


def _strided(shape: Shape, dtype: np.dtype[Any]) -> Array:
    return np.zeros((*shape[:-1], 2 * shape[-1]), dtype)[..., ::2] if shape else np.empty(shape, dtype)


def _reversed(shape: Shape, dtype: np.dtype[Any]) -> Array:
    return np.zeros(shape, dtype)[..., ::-1] if shape else np.empty(shape, dtype)


def _misaligned(shape: Shape, dtype: np.dtype[Any]) -> Array:
    return np.zeros(prod(shape) * dtype.itemsize + 1, np.uint8)[1:].view(dtype).reshape(shape)


def _cropped(shape: Shape, dtype: np.dtype[Any]) -> Array:
    """The middle of an array with a NaN on either side along every axis."""
    inside: tuple[Any, ...] = (..., *[slice(1, -1)] * len(shape))
    return np.full([extent + 2 for extent in shape], np.nan, dtype)[inside]


def _transposed(shape: Shape, dtype: np.dtype[Any]) -> Array:
    return np.empty(shape[::-1], dtype).T


def _channels_last(shape: Shape, dtype: np.dtype[Any]) -> Array:
    """(N,H,W,C) seen as (N,C,H,W); a matrix already has its channels last."""
    memory = np.empty((*shape[:1], *shape[2:], *shape[1:2]), dtype)
    return np.moveaxis(memory, -1, 1) if len(shape) > 1 else memory


def _some_channels(shape: Shape, dtype: np.dtype[Any]) -> Array:
    """(N,H,W,C+1) without its last channel, which is NaN, seen as (N,C,H,W)."""
    if len(shape) < 2:
        return np.empty(shape, dtype)
    memory = np.full((*shape[:1], *shape[2:], shape[1] + 1), np.nan, dtype)
    return np.moveaxis(memory[..., :-1], -1, 1)


# layout -> function that makes an array of a shape and dtype, to be filled
MEMORY: dict[str, Callable[[Shape, np.dtype[Any]], Array]] = {
    "strided": _strided,
    "reversed": _reversed,
    "misaligned": _misaligned,
    "cropped": _cropped,
    "transposed": _transposed,
    "channels_last": _channels_last,
    "some_channels": _some_channels,
}
