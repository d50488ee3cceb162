"""Activations and the loss."""

from __future__ import annotations

from math import inf
from typing import Any

from ...bounds import activations
from .conventions import LOSS_AT_INFINITY, LOSS_GRADIENT_AT_INFINITY, RELU_AT_NAN
from .operation import IMAGE, Operation, image, of_products, per_channel

__all__ = ["ROWS"]


def _classes(raw: Any, shapes: Any) -> Any:
    """The target class of every sample: (N,) integers."""
    samples, classes = shapes["x"]
    return raw.below(classes, (samples,))


def _elementwise(name: str, **unusual: Any) -> Operation:
    return Operation(
        name=name, least=IMAGE, shapes=per_channel(), output=image, bounds=activations, lowest=-inf, **unusual
    )


ROWS = (
    _elementwise("sigmoid", cancels="some"),
    _elementwise("tanh", cancels="some"),
    _elementwise("relu", selects=True, quantum=of_products, conventions=(RELU_AT_NAN,)),
    Operation(
        name="softmax_cross_entropy",
        least={"N": (1,), "C": (1,), "sum": (0,)},
        shapes=lambda g: {"x": (g["N"][0], g["C"][0])},
        output=lambda g: (),
        options=lambda g: {"reduction": "sum" if g["sum"][0] else "mean"},
        bounds=activations,
        cancels="some",
        conventions=(LOSS_AT_INFINITY, LOSS_GRADIENT_AT_INFINITY),
        drawn_options={"target": _classes},
    ),
)
