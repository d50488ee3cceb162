"""The operations that the oracle knows: one row each.

A row says what integers describe a case (its geometry), what arrays and options follow from them, and where the bound
stands. The layer itself is found by name: the oracle's expectation is nnref's own function, run in a wider arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from ...bounds import activations, batch_norm, convolution, network, pooling
from ...errors import ShapeError
from ...windows import count_windows
from .networks import DEPTH, Plan, assembled, plan

__all__ = ["OPERATIONS", "Geometry", "Operation", "Shape"]

Geometry = dict[str, tuple[int, ...]]
Shape = tuple[int, ...]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]
EPS = (1e-5, 1e-3, 1e-2, 1e-4, 1e-7)  # what the field `eps` points at


@dataclass(frozen=True)
class Operation:
    """One row.

    Attributes
    ----------
    name : of the function in nnref and in a target
    least : the smallest value of every field, in the order in which a failing case shrinks
    shapes : geometry -> array name -> shape, None for an absent bias
    output : geometry -> shape of the result (for a fold, of no use)
    options : geometry -> keyword arguments in canonical form
    bounds : the module that has a bound of the same name
    windowed : whether a kernel slides, so that small geometries are enumerated
    forward_only : whether there is no backward
    assemble : arrays by name and options -> what a target is called with instead, by position
    """

    name: str
    least: Mapping[str, tuple[int, ...]]
    shapes: Callable[[Geometry], dict[str, Shape | None]]
    output: Callable[[Geometry], Shape]
    options: Callable[[Geometry], dict[str, Any]]
    bounds: Any
    windowed: bool = False
    forward_only: bool = False
    assemble: Callable[..., tuple[Any, ...]] | None = None

    def arguments(self, names: Iterable[str], arrays: Sequence[Any], options: dict[str, Any]) -> Arguments:
        """What a target's function is called with: by position, by keyword."""
        if self.assemble is None:
            return tuple(arrays), options
        return self.assemble(dict(zip(names, arrays, strict=True)), **options), {}

    def fits(self, geometry: Geometry) -> bool:
        """Whether the operation accepts the geometry."""
        try:
            return all(extent > 0 for extent in self.output(geometry)[1:])
        except ShapeError:
            return False

    @property
    def directions(self) -> tuple[str, ...]:
        """Forward, and backward where there is one."""
        return ("forward",) if self.forward_only else ("forward", "backward")


def padding_of(g: Geometry) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right))."""
    top, bottom, left, right = g["padding"]
    return (top, bottom), (left, right)


def _windows(g: Geometry, ceil_mode: bool = False) -> Shape:
    """Output extents (Ho, Wo); less than 1 where no window fits."""
    out = []
    for axis, size in enumerate((g["H"][0], g["W"][0])):
        extent = g.get("dilation", (1, 1))[axis] * (g["kernel"][axis] - 1) + 1
        out.append(count_windows(size, extent, g["stride"][axis], padding_of(g)[axis], ceil_mode))
    return tuple(out)


CONV = {"kernel": (1, 1), "stride": (1, 1), "padding": (0, 0, 0, 0), "dilation": (1, 1), "bias": (0,)}
IMAGE = {"N": (0,), "C": (1,), "H": (1,), "W": (1,)}


def _conv_options(g: Geometry) -> dict[str, Any]:
    return {"stride": g["stride"], "padding": padding_of(g), "dilation": g["dilation"]}


def _image(g: Geometry) -> Shape:
    return (g["N"][0], g["C"][0], g["H"][0], g["W"][0])


def _conv2d_shapes(g: Geometry) -> dict[str, Shape | None]:
    groups, c, k = g["groups"][0], g["Cg"][0], g["Kg"][0]
    bias = (groups * k,) if g["bias"][0] else None
    x = (g["N"][0], groups * c, g["H"][0], g["W"][0])
    return {"x": x, "weight": (groups * k, c, *g["kernel"]), "bias": bias}


def _depthwise_shapes(g: Geometry) -> dict[str, Shape | None]:
    filters = g["C"][0] * g["M"][0]
    return {"x": _image(g), "weight": (filters, 1, *g["kernel"]), "bias": (filters,) if g["bias"][0] else None}


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


def _pool_options(g: Geometry) -> dict[str, Any]:
    ceil_mode = bool(g["ceil_mode"][0])
    return {"kernel_size": g["kernel"], "stride": g["stride"], "padding": padding_of(g), "ceil_mode": ceil_mode}


def _pool_output(g: Geometry) -> Shape:
    return (*_image(g)[:2], *_windows(g, bool(g["ceil_mode"][0])))


def _per_channel(*names: str) -> Callable[[Geometry], dict[str, Shape | None]]:
    def shapes(g: Geometry) -> dict[str, Shape | None]:
        return {"x": _image(g), **dict.fromkeys(names, g["C"])}

    return shapes


def _fold_shapes(g: Geometry) -> dict[str, Shape | None]:
    k, c = g["K"][0], g["Cg"][0]
    bias = (k,) if g["bias"][0] else None
    return {"weight": (k, c, *g["kernel"]), "bias": bias} | dict.fromkeys(("gamma", "beta", "mean", "var"), (k,))


def _fold_transpose_shapes(g: Geometry) -> dict[str, Shape | None]:
    groups, c, k = g["groups"][0], g["Cg"][0], g["Kg"][0]
    bias = (groups * c,) if g["bias"][0] else None
    four = dict.fromkeys(("gamma", "beta", "mean", "var"), (groups * c,))
    return {"weight": (groups * k, c, *g["kernel"]), "bias": bias} | four


def _eps(g: Geometry) -> dict[str, Any]:
    return {"eps": EPS[g["eps"][0] % len(EPS)]}


def _plan(g: Geometry) -> Plan:
    return plan(g["layers"], g["C"][0], g["H"][0], g["W"][0])


def _none(g: Geometry) -> dict[str, Any]:
    return {}


GROUPED = {"N": (0,), "groups": (1,), "Cg": (1,), "Kg": (1,), "H": (1,), "W": (1,)}
POOL = {**IMAGE, "kernel": (1, 1), "stride": (1, 1), "padding": (0, 0, 0, 0)}
FOLD = {"kernel": (1, 1), "bias": (0,), "eps": (0,)}
EPS_FIELD = {"eps": (0,)}

ROWS = (
    Operation(
        "conv2d",
        GROUPED | CONV,
        _conv2d_shapes,
        lambda g: (g["N"][0], g["groups"][0] * g["Kg"][0], *_windows(g)),
        lambda g: _conv_options(g) | {"groups": g["groups"][0]},
        convolution,
        windowed=True,
    ),
    Operation(
        "depthwise_conv2d",
        {**IMAGE, "M": (1,)} | CONV,
        _depthwise_shapes,
        lambda g: (g["N"][0], g["C"][0] * g["M"][0], *_windows(g)),
        _conv_options,
        convolution,
        windowed=True,
    ),
    Operation(
        "conv_transpose2d",
        GROUPED | CONV | {"output_padding": (0, 0)},
        _transpose_shapes,
        _transpose_output,
        lambda g: _conv_options(g) | {"output_padding": g["output_padding"], "groups": g["groups"][0]},
        convolution,
        windowed=True,
    ),
    Operation(
        "batch_norm2d",
        IMAGE | EPS_FIELD,
        _per_channel("gamma", "beta", "mean", "var"),
        _image,
        _eps,
        batch_norm,
    ),
    Operation("batch_norm2d_train", IMAGE | EPS_FIELD, _per_channel("gamma", "beta"), _image, _eps, batch_norm),
    Operation("normalize2d", IMAGE, _per_channel("gamma", "beta", "mean", "inv_std"), _image, _none, batch_norm),
    Operation(
        "avg_pool2d",
        POOL | {"ceil_mode": (0,), "count_include_pad": (0,)},
        _per_channel(),
        _pool_output,
        lambda g: _pool_options(g) | {"count_include_pad": bool(g["count_include_pad"][0])},
        pooling,
        windowed=True,
    ),
    Operation(
        "max_pool2d",
        POOL | {"dilation": (1, 1), "ceil_mode": (0,)},
        _per_channel(),
        _pool_output,
        lambda g: _pool_options(g) | {"dilation": g["dilation"]},
        pooling,
        windowed=True,
    ),
    Operation("global_avg_pool2d", IMAGE, _per_channel(), lambda g: (*_image(g)[:2], 1, 1), _none, pooling),
    Operation("sigmoid", IMAGE, _per_channel(), _image, _none, activations),
    Operation("tanh", IMAGE, _per_channel(), _image, _none, activations),
    Operation("relu", IMAGE, _per_channel(), _image, _none, activations),
    Operation(
        "linear",
        {"N": (0,), "C": (1,), "K": (1,), "bias": (0,)},
        lambda g: {
            "x": (g["N"][0], g["C"][0]),
            "weight": (g["K"][0], g["C"][0]),
            "bias": g["K"] if g["bias"][0] else None,
        },
        lambda g: (g["N"][0], g["K"][0]),
        _none,
        convolution,
    ),
    Operation("flatten", IMAGE, _per_channel(), lambda g: (g["N"][0], prod(_image(g)[1:])), _none, pooling),
    Operation(
        "zero_pad2d",
        IMAGE | {"padding": (0, 0, 0, 0)},
        _per_channel(),
        lambda g: (*_image(g)[:2], g["H"][0] + sum(g["padding"][:2]), g["W"][0] + sum(g["padding"][2:])),
        lambda g: {"padding": padding_of(g)},
        pooling,
    ),
    Operation(
        "softmax_cross_entropy",
        {"N": (1,), "C": (1,), "sum": (0,)},
        lambda g: {"x": (g["N"][0], g["C"][0])},
        lambda g: (),
        lambda g: {"reduction": "sum" if g["sum"][0] else "mean"},
        activations,
    ),
    Operation(
        "fold_conv_batch_norm",
        {"K": (1,), "Cg": (1,)} | FOLD,
        _fold_shapes,
        lambda g: (),
        _eps,
        batch_norm,
        forward_only=True,
    ),
    Operation(
        "fold_conv_transpose_batch_norm",
        {"groups": (1,), "Kg": (1,), "Cg": (1,)} | FOLD,
        _fold_transpose_shapes,
        lambda g: (),
        lambda g: _eps(g) | {"groups": g["groups"][0]},
        batch_norm,
        forward_only=True,
    ),
    Operation(
        "network",
        {"layers": (0,) * DEPTH} | IMAGE | EPS_FIELD,
        lambda g: {"x": _image(g), **_plan(g).shapes},
        lambda g: (g["N"][0], *_plan(g).output[1:]),
        lambda g: {"layers": _plan(g).layers} | _eps(g),
        network,
        forward_only=True,
        assemble=assembled,
    ),
)

OPERATIONS = {row.name: row for row in ROWS}
