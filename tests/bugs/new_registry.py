"""Bugs by somebody who has not seen the oracle's cases, each with a witness: calls of which the last shows it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import nnref

from .registry import RIGHT, Bug

NO_CHANGE = {"padding": ((0, 0), (0, 0)), "stride": (1, 1), "dilation": (1, 1)}
POOL = {"kernel_size": (2, 2), "stride": (2, 2), "padding": ((0, 0), (0, 0)), "ceil_mode": False}
OPTIONS = {
    "conv2d": NO_CHANGE | {"groups": 1},
    "depthwise_conv2d": NO_CHANGE,
    "conv_transpose2d": NO_CHANGE | {"output_padding": (0, 0), "groups": 1},
    "batch_norm2d": {"eps": 0.5},
    "batch_norm2d_train": {"eps": 0.5},
    "avg_pool2d": POOL | {"count_include_pad": True},
    "max_pool2d": POOL | {"dilation": (1, 1)},
    "softmax_cross_entropy": {"reduction": "mean"},
    "zero_pad2d": {"padding": ((1, 1), (1, 1))},
    "fold_conv_batch_norm": {"eps": 0.5},
    "fold_conv_transpose_batch_norm": {"eps": 0.5, "groups": 1},
}
WEIGHTED = ("conv2d", "depthwise_conv2d", "conv_transpose2d", "linear")
STATISTICS = {"batch_norm2d": 4, "batch_norm2d_train": 2}  # vectors of a batch norm
Arrays = tuple[Any, ...]


@dataclass(frozen=True)
class Call:
    """Arguments of a call: the shape of x (of the weight, for a fold), that of a weight, a bias or none, options."""

    shape: tuple[int, ...]
    weight: tuple[int, ...] = ()
    bias: bool = True
    dtype: str = "float32"
    normal: bool = False  # values of N(0, 1) in place of small whole numbers other than 0
    seed: int = 0
    change: Callable[..., Arrays] | None = None  # of the arrays
    net: Callable[[np.random.Generator], nnref.Layer] | None = None
    options: dict[str, Any] = field(default_factory=dict)


def call(shape, weight=(), *, bias=True, dtype="float32", normal=False, seed=0, change=None, net=None, **options):
    return Call(shape, weight, bias, dtype, normal, seed, change, net, options)


@dataclass(frozen=True)
class NewBug:
    bug: Bug
    family: str
    target: str
    witness: tuple[Call, ...]
    plain: Call

    def calls(self) -> Iterator[tuple[Arrays, dict[str, Any]]]:
        """The arguments of the witness, one call after the other."""
        return (made(self.target, one) for one in self.witness)


NEW: list[NewBug] = []
NEW_BUGS: list[Bug] = []
PLAIN = {
    "linear": call((2, 3), (4, 3)),
    "softmax_cross_entropy": call((2, 3)),
    "conv2d": call((1, 1, 4, 3), (1, 1, 3, 2)),
    "depthwise_conv2d": call((1, 2, 4, 3), (2, 1, 3, 2)),
    "conv_transpose2d": call((1, 1, 4, 3), (1, 1, 3, 2)),
    "fold_conv_batch_norm": call((3, 2, 2, 2)),
    "fold_conv_transpose_batch_norm": call((3, 2, 2, 2)),
}


def new_bug(target: str, *witness: Call, plain: Call | None = None, dtype: str = "float32") -> Callable[[Any], Any]:
    """Register a wrong "op" or "op_backward": the last call of `witness` shows it, and `plain` alone does not."""
    op = target.removesuffix("_backward")
    right = getattr(RIGHT, target)

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrong(*arrays: Any, **options: Any) -> Any:
            return function(right, *arrays, **options)

        name = f"{target}: {function.__name__.replace('_', ' ')}"
        family = function.__module__.rpartition("new_")[2].replace("pads", "networks")
        found = Bug(name, op, "backward" if target != op else "forward", wrong, dtype, hides=family == "sizes")
        NEW_BUGS.append(found)
        NEW.append(NewBug(found, family, target, witness, plain or PLAIN.get(op, call((2, 3, 4, 5)))))
        return function

    return register


def made(target: str, one: Call) -> tuple[Arrays, dict[str, Any]]:
    """The arrays and the options of a call."""
    op, rng = target.removesuffix("_backward"), np.random.default_rng(one.seed)

    def draw(*shape: int) -> np.ndarray:
        whole = rng.integers(1, 4, shape) * rng.choice([-1, 1], shape)
        return np.asarray(rng.normal(size=shape) if one.normal else whole, one.dtype)

    options = OPTIONS.get(op, {}) | one.options
    first = draw(*one.shape)
    arrays: Arrays = (first,)
    if op in WEIGHTED:
        filters = one.weight[1] * options.get("groups", 1) if op == "conv_transpose2d" else one.weight[0]
        arrays = (first, draw(*one.weight), draw(filters) if one.bias else None)
    elif op in STATISTICS:
        arrays = (first, *statistics(draw, one.shape[1])[: STATISTICS[op]])
    elif op.startswith("fold"):
        filters = one.shape[0] if op == "fold_conv_batch_norm" else one.shape[1] * options["groups"]
        arrays = (first, draw(filters) if one.bias else None, *statistics(draw, filters))
    elif op == "softmax_cross_entropy":
        options = {"target": rng.integers(0, one.shape[1], one.shape[0])} | options
    elif op == "network":
        arrays = (one.net(rng) if one.net else nnref.Sequential(nnref.ReLU()).eval(), first)
    if target != op:
        arrays = (draw(*getattr(RIGHT, op)(*arrays, **options).shape), *arrays)
    return (one.change(*arrays) if one.change else arrays), options


def statistics(draw: Callable[..., np.ndarray], channels: int) -> Arrays:
    """gamma, beta, mean, var."""
    return draw(channels), draw(channels), draw(channels), abs(draw(channels))


def c(per_channel: np.ndarray) -> np.ndarray:
    """(C,) -> (C,1,1)."""
    return per_channel[:, None, None]


def fitted(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The array, cut off or filled with zeros at the end of each axis."""
    whole = np.zeros(shape, array.dtype)
    common = tuple(slice(0, min(a, b)) for a, b in zip(array.shape, shape, strict=True))
    whole[common] = array[common]
    return whole
