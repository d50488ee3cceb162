"""`simplify` folds a network as far as the claims allow, and names the claims that it used.

Two neighbours in a `Sequential` become one layer, and the linear branches of a `Sum` become one convolution, until no
reduction applies any more. Every step is one reduction, and the claim about the reduction is its certificate. A step is
taken only if it adds no weights, because each weight costs multiply-adds (a bias does not). For example, a depthwise
and a pointwise convolution do compose to a dense one, but that is not a simplification. For the same reason a layer
with parameters that stands in two places stays as it is: folded, it would become two layers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Generator
from copy import copy, deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from ..errors import OptionError, ShapeError, StateError
from ..layer import Layer, Sequential, Sum, leaves
from ..layers.avg_pool2d import AvgPool2d
from ..layers.batch_norm2d import BatchNorm2d
from ..layers.conv2d import Conv2d
from ..layers.conv_transpose2d import ConvTranspose2d
from ..layers.depthwise_conv2d import DepthwiseConv2d
from ..layers.linear import Linear
from ..layers.zero_pad2d import ZeroPad2d
from .claim import Certificate, Refutation
from .proving import prove
from .reductions import (
    compose_convs,
    fuse_batch_norm_conv,
    fuse_batch_norms,
    fuse_conv_batch_norm,
    fuse_conv_transpose_batch_norm,
    fuse_pad_avg_pool,
    fuse_pad_conv,
    reparameterize,
)

__all__ = ["Cost", "Simplified", "Step", "cost_of", "simplify"]

AnyLayer = TypeVar("AnyLayer", bound=Layer)
Kinds = type[Layer] | tuple[type[Layer], ...]
CONV: Kinds = (Conv2d, DepthwiseConv2d)
LINEAR: Kinds = (Conv2d, DepthwiseConv2d, BatchNorm2d)

PAIRS: tuple[tuple[Kinds, Kinds, Callable[[Any, Any], Layer], str], ...] = (
    (Conv2d, BatchNorm2d, fuse_conv_batch_norm, "conv-batch-norm"),
    (DepthwiseConv2d, BatchNorm2d, fuse_conv_batch_norm, "depthwise-batch-norm"),
    (ConvTranspose2d, BatchNorm2d, fuse_conv_transpose_batch_norm, "conv-transpose-batch-norm"),
    (ZeroPad2d, CONV, fuse_pad_conv, "pad-conv"),
    (ZeroPad2d, AvgPool2d, fuse_pad_avg_pool, "pad-avg-pool"),
    (BatchNorm2d, CONV, fuse_batch_norm_conv, "batch-norm-conv"),
    (BatchNorm2d, BatchNorm2d, fuse_batch_norms, "batch-norms-compose"),
    (Conv2d, CONV, compose_convs, "convs-compose"),
)


@dataclass(frozen=True)
class Step:
    """One rewriting: the layers before, the layer after, and the claim that both are equal."""

    reduction: str
    claim: str
    before: str
    after: str

    def __str__(self) -> str:
        """A readable text of one line."""
        return f"{self.reduction} ({self.claim}): {self.before} -> {self.after}"


@dataclass(frozen=True)
class Cost:
    """The parameters of a network and, if known, its multiply-adds for one image."""

    parameters: int
    multiply_adds: int | None = None

    def __str__(self) -> str:
        """A readable text of one line."""
        adds = "" if self.multiply_adds is None else f", {self.multiply_adds:,} multiply-adds"
        return f"{self.parameters:,} parameters{adds}"


@dataclass(frozen=True)
class Simplified:
    """What `simplify` returns.

    Attributes
    ----------
    network : Layer, the smaller network, which shares no array with the given one
    steps : the rewritings, in order
    before, after : Cost of the two networks
    """

    network: Layer
    steps: tuple[Step, ...]
    before: Cost
    after: Cost

    @property
    def certificates(self) -> dict[str, Certificate | Refutation]:
        """Claim -> the outcome of `prove`, for every claim that a step uses; computed on each access."""
        return {claim: prove(claim) for claim in dict.fromkeys(step.claim for step in self.steps)}

    def __str__(self) -> str:
        """A readable text, one line per step."""
        return "\n".join([*map(str, self.steps), f"before: {self.before}", f"after:  {self.after}"])


def simplify(network: Layer, shape: tuple[int, ...] | None = None) -> Simplified:
    """Fold a network in evaluation mode into a smaller one that computes the same.

    Parameters
    ----------
    network : Layer, usually a Sequential; it is not changed
    shape : the shape of an input, with the batch, for the counts of multiply-adds

    Returns
    -------
    Simplified; its network equals the given one exactly in exact arithmetic, and up to rounding in floats

    Raises
    ------
    StateError : a batch norm is in training mode, where it is not affine.

    >>> block = Sequential(ZeroPad2d(1), Conv2d(3, 8, 3, bias=False), BatchNorm2d(8)).eval()
    >>> print(simplify(block, (1, 3, 8, 8)))
    fuse_pad_conv (pad-conv): ZeroPad2d, Conv2d -> Conv2d
    fuse_conv_batch_norm (conv-batch-norm): Conv2d, BatchNorm2d -> Conv2d
    before: 232 parameters, 14,336 multiply-adds
    after:  224 parameters, 13,824 multiply-adds
    """
    if any(isinstance(layer, BatchNorm2d) and layer.training for layer in leaves(network)):
        raise StateError(
            "simplify: network must be in evaluation mode (call its eval()), got a batch norm in training mode, where "
            "it is not affine"
        )
    rewriting = _Rewriting(Counter(leaves(network)))
    smaller = deepcopy(rewriting.of(network))
    return Simplified(smaller, tuple(rewriting.steps), cost_of(network, shape), cost_of(smaller, shape))


@dataclass
class _Rewriting:
    """The number of occurrences of each layer, and the steps so far."""

    uses: Counter[Layer]
    steps: list[Step] = field(default_factory=list)

    def of(self, layer: Layer) -> Layer:
        """The layer, simplified."""
        if isinstance(layer, Sum):
            return self._of_sum(_like(layer, Sum(*map(self.of, layer))))
        if not isinstance(layer, Sequential):
            return layer
        layers = [link for inner in layer for link in _chain(self.of(inner))]
        position = 0
        while position < len(layers) - 1:
            fused = self._of_pair(*layers[position : position + 2])
            if fused is None:
                position += 1
            else:
                layers[position : position + 2] = [fused]
                position = max(0, position - 1)
        return layers[0] if len(layers) == 1 else _like(layer, Sequential(*layers))

    def _of_pair(self, first: Layer, second: Layer) -> Layer | None:
        for one, other, reduction, claim in PAIRS:
            if isinstance(first, one) and isinstance(second, other):
                return self._attempt(claim, reduction, first, second)
        return None

    def _of_sum(self, branches: Sum) -> Layer:
        if len(branches) == 1:
            return branches[0]
        linear = [branch for branch in branches if all(isinstance(link, LINEAR) for link in _chain(branch))]
        one = self._attempt("reparameterize", reparameterize, Sum(*linear)) if len(linear) > 1 else None
        if one is None:
            return branches
        others = [branch for branch in branches if branch not in linear]
        return _like(branches, Sum(one, *others)) if others else one

    def _attempt(self, claim: str, reduction: Callable[..., Layer], *layers: Layer) -> Layer | None:
        """The reduced layer; None if its conditions fail, if it adds weights, or if one of `layers` is shared."""
        if any(self.uses[leaf] > 1 and leaf.params for layer in layers for leaf in leaves(layer)):
            return None
        try:
            fused = reduction(*layers)
        except (OptionError, ShapeError):
            return None
        if _weights(fused) > sum(map(_weights, layers)):
            return None
        names = ", ".join(type(layer).__name__ for layer in layers)
        self.steps.append(Step(reduction.__name__, claim, names, type(fused).__name__))
        return fused


def _like(network: Layer, folded: AnyLayer) -> AnyLayer:
    """The folded network in the mode of the given one."""
    folded.training = network.training
    return folded


def _weights(layer: Layer) -> int:
    return sum(array.size for name, array in layer.params.items() if name.endswith("weight"))


def _chain(layer: Layer) -> tuple[Layer, ...]:
    return tuple(layer) if isinstance(layer, Sequential) else (layer,)


def cost_of(network: Layer, shape: tuple[int, ...] | None = None) -> Cost:
    """Count the parameters and, given the shape of an input, the multiply-adds for one image.

    A convolution or linear layer takes one multiply-add per tap and output, and a batch norm takes one per pixel. Other
    layers are not counted.

    >>> cost_of(Conv2d(3, 8, 3), (1, 3, 5, 5))
    Cost(parameters=224, multiply_adds=1944)
    """
    arrays = {id(array): array for array in network.params.values()}  # a shared array counts once
    parameters = sum(array.size for array in arrays.values())
    if shape is None:
        return Cost(parameters)
    dtype = next((array.dtype for array in network.params.values()), np.float32)
    nothing = np.zeros((0, *shape[1:]), dtype)  # an empty batch gives all shapes in no time
    return Cost(parameters, sum(_multiply_adds(layer, x, y) for layer, x, y in _trace(network, nothing)))


def _trace(network: Layer, x: Any) -> Generator[tuple[Layer, Any, Any], None, Any]:
    """Yield every layer of a network with its input and output; return the output of the network."""
    if isinstance(network, Sum):
        outputs = []
        for branch in network:
            outputs.append((yield from _trace(branch, x)))
        return outputs[0]
    if isinstance(network, Sequential):
        for layer in network:
            x = yield from _trace(layer, x)
        return x
    y = copy(network)(x)  # a copy, because a layer remembers its input
    yield network, x, y
    return y


def _multiply_adds(layer: Layer, x: Any, y: Any) -> int:
    if isinstance(layer, ConvTranspose2d):
        return math.prod(x.shape[1:]) * layer.params["weight"][0].size
    if isinstance(layer, Conv2d | DepthwiseConv2d | Linear):
        return math.prod(y.shape[1:]) * layer.params["weight"][0].size
    return math.prod(y.shape[1:]) if isinstance(layer, BatchNorm2d) else 0
