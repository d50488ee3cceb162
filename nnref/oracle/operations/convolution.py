"""Sums of products: convolutions and linear layers."""

from __future__ import annotations

from typing import Any

from ...bounds import convolution
from .operation import IMAGE, Geometry, Operation, Shape, image, of_products, padding_of, window_grid

__all__ = ["ROWS"]

GROUPED = {"N": (0,), "groups": (1,), "Cg": (1,), "Kg": (1,), "H": (1,), "W": (1,)}
WINDOW = {"kernel": (1, 1), "stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "bias": (0,)}


def _grouped_shapes(g: Geometry) -> dict[str, Shape | None]:
    groups, c, k = g["groups"][0], g["Cg"][0], g["Kg"][0]
    bias = (groups * k,) if g["bias"][0] else None
    x = (g["N"][0], groups * c, g["H"][0], g["W"][0])
    return {"x": x, "weight": (groups * k, c, *g["kernel"]), "bias": bias}


def _depthwise_shapes(g: Geometry) -> dict[str, Shape | None]:
    filters = g["C"][0] * g["M"][0]
    return {"x": image(g), "weight": (filters, 1, *g["kernel"]), "bias": (filters,) if g["bias"][0] else None}


def _transpose_shapes(g: Geometry) -> dict[str, Shape | None]:
    groups, c, k = g["groups"][0], g["Cg"][0], g["Kg"][0]
    bias = (groups * c,) if g["bias"][0] else None
    x = (g["N"][0], groups * k, g["H"][0], g["W"][0])
    return {"x": x, "weight": (groups * k, c, *g["kernel"]), "bias": bias}


def _transpose_output(g: Geometry) -> Shape:
    out = []
    for axis, size in enumerate((g["H"][0], g["W"][0])):
        reach = g["dilation"][axis] * (g["kernel"][axis] - 1) + g["output_padding"][axis] + 1
        out.append((size - 1) * g["stride"][axis] - sum(padding_of(g)[axis]) + reach)
        if g["output_padding"][axis] >= max(g["stride"][axis], g["dilation"][axis]):
            out[-1] = 0
    return (g["N"][0], g["groups"][0] * g["Cg"][0], *out)


def _linear_shapes(g: Geometry) -> dict[str, Shape | None]:
    bias = g["K"] if g["bias"][0] else None
    return {"x": (g["N"][0], g["C"][0]), "weight": (g["K"][0], g["C"][0]), "bias": bias}


def _window_options(g: Geometry) -> dict[str, Any]:
    return {"stride": g["stride"], "padding": padding_of(g), "dilation": g["dilation"]}


def _padded(g: Geometry) -> bool:
    return any(g["padding"]) or any(g.get("output_padding", (0,)))


def _special(g: Geometry, direction: str) -> tuple[str, ...]:
    """With padding, the weight and dy stay finite, because an implementation may multiply them with stored zeros."""
    return ("x",) if _padded(g) else ("x", "dy")


def _special_transpose(g: Geometry, direction: str) -> tuple[str, ...]:
    if not _padded(g):
        return ("x", "dy")
    return ("dy",) if direction == "backward" else ()


def _whole_weight(g: Geometry, direction: str) -> bool:
    return direction == "forward" and not _padded(g)


ROWS = (
    Operation(
        name="conv2d",
        least=GROUPED | WINDOW,
        shapes=_grouped_shapes,
        output=lambda g: (g["N"][0], g["groups"][0] * g["Kg"][0], *window_grid(g)),
        options=lambda g: _window_options(g) | {"groups": g["groups"][0]},
        bounds=convolution,
        quantum=of_products,
        contracts=True,
        windowed=True,
        special=_special,
        whole_weight=_whole_weight,
    ),
    Operation(
        name="depthwise_conv2d",
        least={**IMAGE, "M": (1,)} | WINDOW,
        shapes=_depthwise_shapes,
        output=lambda g: (g["N"][0], g["C"][0] * g["M"][0], *window_grid(g)),
        options=_window_options,
        bounds=convolution,
        quantum=of_products,
        contracts=True,
        windowed=True,
        special=_special,
        whole_weight=_whole_weight,
    ),
    Operation(
        name="conv_transpose2d",
        least=GROUPED | WINDOW | {"output_padding": (0, 0)},
        shapes=_transpose_shapes,
        output=_transpose_output,
        options=lambda g: _window_options(g) | {"output_padding": g["output_padding"], "groups": g["groups"][0]},
        bounds=convolution,
        quantum=of_products,
        contracts=True,
        windowed=True,
        special=_special_transpose,
        whole_weight=lambda g, direction: direction == "backward" and not _padded(g),  # only then is dy not padded
    ),
    Operation(
        name="linear",
        least={"N": (0,), "C": (1,), "K": (1,), "bias": (0,)},
        shapes=_linear_shapes,
        output=lambda g: (g["N"][0], g["K"][0]),
        bounds=convolution,
        quantum=of_products,
        contracts=True,
        special=lambda g, direction: ("x", "dy"),
        whole_weight=lambda g, direction: True,
    ),
)
