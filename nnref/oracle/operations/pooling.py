"""Pooling, and layers that only move values."""

from __future__ import annotations

from math import inf, prod
from typing import Any

from ...bounds import pooling
from .conventions import MAXIMUM_OF_NO_PIXEL, MEAN_OF_NO_PIXEL, WINDOWS_IN_PADDING
from .operation import (
    IMAGE,
    Geometry,
    Operation,
    Shape,
    image,
    is_power_of_two,
    of_products,
    padding_of,
    per_channel,
    window_grid,
)

__all__ = ["ROWS"]

POOL = {**IMAGE, "kernel": (1, 1), "stride": (1, 1), "padding": (0, 0, 0, 0)}


def _options(g: Geometry) -> dict[str, Any]:
    ceil_mode = bool(g["ceil_mode"][0])
    return {"kernel_size": g["kernel"], "stride": g["stride"], "padding": padding_of(g), "ceil_mode": ceil_mode}


def _output(g: Geometry) -> Shape:
    return (*image(g)[:2], *window_grid(g, bool(g["ceil_mode"][0])))


def _of_averages(g: Geometry, fine: float) -> float | None:
    taps, divided_alike = prod(g["kernel"]), not any(g["padding"]) and not g["ceil_mode"][0]
    return fine / taps if divided_alike and is_power_of_two(taps) else None


def _of_global_averages(g: Geometry, fine: float) -> float | None:
    pixels = g["H"][0] * g["W"][0]
    return fine / pixels if is_power_of_two(pixels) else None


ROWS = (
    Operation(
        name="avg_pool2d",
        least=POOL | {"ceil_mode": (0,), "count_include_pad": (0,)},
        shapes=per_channel(),
        output=_output,
        options=lambda g: _options(g) | {"count_include_pad": bool(g["count_include_pad"][0])},
        usual=lambda g: {"stride": g["kernel"], "count_include_pad": (1,)},
        bounds=pooling,
        quantum=_of_averages,
        windowed=True,
        conventions=(MEAN_OF_NO_PIXEL, WINDOWS_IN_PADDING),
    ),
    Operation(
        name="max_pool2d",
        least=POOL | {"dilation": (1, 1), "ceil_mode": (0,)},
        shapes=per_channel(),
        output=_output,
        options=lambda g: _options(g) | {"dilation": g["dilation"]},
        usual=lambda g: {"stride": g["kernel"]},
        bounds=pooling,
        quantum=of_products,
        windowed=True,
        selects=True,
        lowest=-inf,
        conventions=(MAXIMUM_OF_NO_PIXEL, WINDOWS_IN_PADDING),
    ),
    Operation(
        name="global_avg_pool2d",
        least=IMAGE,
        shapes=per_channel(),
        output=lambda g: (*image(g)[:2], 1, 1),
        bounds=pooling,
        quantum=_of_global_averages,
    ),
    Operation(
        name="flatten",
        least=IMAGE,
        shapes=per_channel(),
        output=lambda g: (g["N"][0], prod(image(g)[1:])),
        bounds=pooling,
        quantum=of_products,
        selects=True,
    ),
    Operation(
        name="zero_pad2d",
        least=IMAGE | {"padding": (0, 0, 0, 0)},
        shapes=per_channel(),
        output=lambda g: (*image(g)[:2], g["H"][0] + sum(g["padding"][:2]), g["W"][0] + sum(g["padding"][2:])),
        options=lambda g: {"padding": padding_of(g)},
        bounds=pooling,
        quantum=of_products,
        selects=True,
    ),
)
