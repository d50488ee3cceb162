"""Layers on shapes of ResNets, float32: nnref, torch if installed, and the matrix product inside a convolution."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

import nnref
from nnref.numeric import Array

from .turns import Timing, take_turns

__all__ = ["ROWS", "Row", "measured"]


@dataclass(frozen=True)
class Row:
    """A function on one shape; `weight` is the shape of a convolution's weight, `parameters` name arrays (C,)."""

    function: str
    x: tuple[int, ...]
    weight: tuple[int, ...] | None = None
    parameters: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For example conv2d 1×64×56×56, 64×64×3×3, stride=2."""
        shapes = ", ".join("×".join(map(str, shape)) for shape in (self.x, self.weight) if shape)
        options = "".join(f", {name}={value}" for name, value in self.options.items() if name not in ("padding", "eps"))
        return f"{self.function} {shapes}{options}"


def _convolutions(backward: str = "") -> Iterator[Row]:
    for x, weight, options in (
        ((1, 3, 224, 224), (64, 3, 7, 7), {"stride": 2, "padding": 3}),
        ((1, 64, 56, 56), (64, 64, 3, 3), {"padding": 1}),
        ((1, 256, 56, 56), (64, 256, 1, 1), {}),
        ((1, 256, 14, 14), (256, 256, 3, 3), {"padding": 1}),
    ):
        yield Row(f"conv2d{backward}", x, weight, (), options)
    yield Row(f"depthwise_conv2d{backward}", (1, 64, 56, 56), (64, 1, 3, 3), (), {"padding": 1})


MAPS = (1, 64, 112, 112)
POOL = {"kernel_size": 3, "stride": 2, "padding": 1}
NORM = {"eps": 1e-5}
ROWS = (
    *_convolutions(),
    *_convolutions("_backward"),
    Row("max_pool2d", MAPS, options=POOL),
    Row("max_pool2d_backward", MAPS, options=POOL),
    Row("avg_pool2d", MAPS, options=POOL),
    Row("batch_norm2d", MAPS, None, ("gamma", "beta", "mean", "var"), NORM),
    Row("batch_norm2d_train", MAPS, None, ("gamma", "beta"), NORM),
    Row("sigmoid", MAPS),
    Row("tanh", MAPS),
    Row("relu", MAPS),
)


def measured(rounds: int, scale: int = 1) -> Iterator[tuple[str, Timing]]:
    """Timings of every row: "nnref" first, then "torch" and "matmul" if available; images are `scale` times smaller."""
    for row in ROWS:
        small = Row(row.function, (*row.x[:2], *(n // scale for n in row.x[2:])), *_rest(row))
        yield small.name, take_turns(contenders(small), rounds)


def _rest(row: Row) -> tuple[Any, ...]:
    return row.weight, row.parameters, row.options


def contenders(row: Row) -> dict[str, Callable[[], object]]:
    """The functions that take turns on a row."""
    rng = np.random.default_rng(0)
    forward = getattr(nnref, row.function.removesuffix("_backward"))
    arrays = [_random(rng, shape) for shape in (row.x, row.weight) if shape]
    arrays += [abs(_random(rng, row.x[1:2])) for _ in row.parameters]
    if row.weight:
        arrays.append(_random(rng, row.weight[:1]))
    y = forward(*arrays, **row.options)
    given = [_random(rng, y.shape), *arrays] if row.function.endswith("_backward") else arrays
    function = getattr(nnref, row.function)
    found: dict[str, Callable[[], object]] = {"nnref": lambda: function(*given, **row.options)}
    if importlib.util.find_spec("torch"):
        found["torch"] = _in_torch(row, given)
    if row.weight and row.function.startswith("conv2d"):
        found["matmul"] = _matmul(rng, row.weight, y.shape, twice=row.function.endswith("_backward"))
    return found


def _random(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape, np.float32)


def _matmul(rng: np.random.Generator, weight: tuple[int, ...], y: tuple[int, ...], twice: bool) -> Callable[[], object]:
    """The bare products of a convolution, (K, C·kh·kw) @ (C·kh·kw, Ho·Wo), or `twice`: those of its two gradients."""
    filters, columns = _random(rng, (weight[0], prod(weight[1:]))), _random(rng, (prod(weight[1:]), prod(y[2:])))
    dy = _random(rng, (weight[0], prod(y[2:])))
    return (lambda: (filters.T @ dy, dy @ columns.T)) if twice else (lambda: filters @ columns)


def _in_torch(row: Row, given: list[Array]) -> Callable[[], object]:
    """torch's own call, without the oracle's conversions; for a backward, only the gradient."""
    import torch
    import torch.nn.functional as F

    functions: dict[str, Callable[..., Any]] = {
        "conv2d": F.conv2d,
        "depthwise_conv2d": lambda x, w, b, **o: F.conv2d(x, w, b, groups=x.shape[1], **o),
        "max_pool2d": F.max_pool2d,
        "avg_pool2d": F.avg_pool2d,
        "batch_norm2d": lambda x, gamma, beta, mean, var, eps: F.batch_norm(x, mean, var, gamma, beta, False, eps=eps),
        "batch_norm2d_train": lambda x, gamma, beta, eps: F.batch_norm(x, None, None, gamma, beta, True, eps=eps),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": F.relu,
    }
    torch.set_num_threads(1)
    function = functions[row.function.removesuffix("_backward")]
    tensors = [torch.from_numpy(array) for array in given]
    if not row.function.endswith("_backward"):

        def forward() -> object:
            with torch.no_grad():
                return function(*tensors, **row.options)

        return forward
    dy, *inputs = tensors
    wanted = [tensor.requires_grad_() for tensor in inputs]
    y = function(*wanted, **row.options)
    return lambda: torch.autograd.grad(y, wanted, dy, retain_graph=True)
