"""`simplify` folds a network as far as the claims allow, and names the claims that it used.

Two neighbours in a `Sequential` become one layer, and linear branches of a `Sum` become one convolution, until no
reduction applies any more. A layer that can be folded only into a layer further away changes places with those between
them. Every step is one reduction, and the claim about the reduction is its certificate. A step is taken only if it adds
no weights, because each weight costs multiply-adds (a bias does not). For example, a depthwise and a pointwise
convolution do compose to a dense one, but that is not a simplification. For the same reason a layer with parameters
that stands in two places stays as it is, and so does a layer that shares an array with another one: folded, they would
become two. A layer of a class of your own is folded only if it computes what its parent does.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Generator, Iterable
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
from ..layers.flatten import Flatten
from ..layers.global_avg_pool2d import GlobalAvgPool2d
from ..layers.linear import Linear
from ..layers.max_pool2d import MaxPool2d
from ..layers.relu import ReLU
from ..layers.zero_pad2d import ZeroPad2d
from ..options import pair_of_pairs
from .claim import Certificate, Refutation
from .proving import prove
from .reductions import (
    compose_convs,
    compose_linears,
    compose_max_pools,
    exchange,
    fuse_batch_norm_conv,
    fuse_batch_norm_linear,
    fuse_batch_norms,
    fuse_conv_batch_norm,
    fuse_conv_transpose_batch_norm,
    fuse_pad_avg_pool,
    fuse_pad_conv,
    fuse_pads,
    reparameterize,
    sum_of_depthwise,
)
from .reductions.common import NO_PADDING, is_a, kernel_of, padding_of, steps_of

__all__ = ["Cost", "Simplified", "Step", "cost_of", "simplify"]

AnyLayer = TypeVar("AnyLayer", bound=Layer)
Kinds = type[Layer] | tuple[type[Layer], ...]
CONV: Kinds = (Conv2d, DepthwiseConv2d)
MOST_SUBSETS = 100  # of the branches of a sum that are tried
LINEAR: Kinds = (Conv2d, DepthwiseConv2d, BatchNorm2d)

PAIRS: tuple[tuple[Kinds, Kinds, Callable[[Any, Any], Layer], str], ...] = (
    (Conv2d, BatchNorm2d, fuse_conv_batch_norm, "conv-batch-norm"),
    (DepthwiseConv2d, BatchNorm2d, fuse_conv_batch_norm, "depthwise-batch-norm"),
    (ConvTranspose2d, BatchNorm2d, fuse_conv_transpose_batch_norm, "conv-transpose-batch-norm"),
    (ZeroPad2d, CONV, fuse_pad_conv, "pad-conv"),
    (ZeroPad2d, AvgPool2d, fuse_pad_avg_pool, "pad-avg-pool"),
    (ZeroPad2d, ZeroPad2d, fuse_pads, "pads-compose"),
    (BatchNorm2d, CONV, fuse_batch_norm_conv, "batch-norm-conv"),
    (BatchNorm2d, BatchNorm2d, fuse_batch_norms, "batch-norms-compose"),
    (CONV, CONV, compose_convs, "convs-compose"),
    (Linear, Linear, compose_linears, "linears-compose"),
    (MaxPool2d, MaxPool2d, compose_max_pools, "max-pool-of-max-pool"),
)
EXCHANGES: tuple[tuple[Kinds, Kinds, str], ...] = (  # in either order
    (BatchNorm2d, AvgPool2d, "avg-pool-batch-norm"),
    (BatchNorm2d, GlobalAvgPool2d, "global-avg-pool-batch-norm"),
    (BatchNorm2d, MaxPool2d, "max-pool-batch-norm"),
    (ZeroPad2d, ReLU, "pad-relu"),
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
    rewriting = _Rewriting(_shared(network))
    smaller = deepcopy(rewriting.of(network))
    return Simplified(smaller, tuple(rewriting.steps), cost_of(network, shape), cost_of(smaller, shape))


def _shared(network: Layer) -> set[int]:
    """The ids of the layers with parameters that stand in two places or share memory with another layer."""
    uses = Counter(leaves(network))
    arrays = [(leaf, array) for leaf in uses for array in (leaf.params | leaf.buffers).values()]
    shared = {id(leaf) for leaf, count in uses.items() if count > 1 and leaf.params}
    for (one, array), (other, second) in itertools.combinations(arrays, 2):
        if one is not other and np.may_share_memory(array, second):
            shared |= {id(one), id(other)}
    return shared


@dataclass
class _Rewriting:
    """The layers that must stay as they are, and the steps so far."""

    shared: set[int]
    steps: list[Step] = field(default_factory=list)

    def of(self, layer: Layer) -> Layer:
        """The layer, simplified."""
        if is_a(layer, Sum):
            return self._of_sum(_like(layer, Sum(*map(self.of, layer))))  # type: ignore[call-overload]
        if not is_a(layer, Sequential):
            return layer
        layers = [link for inner in layer for link in _chain(self.of(inner))]  # type: ignore[attr-defined]
        while (shorter := self._shorter(layers)) is not None:
            layers = shorter
        return layers[0] if len(layers) == 1 else _like(layer, Sequential(*layers))

    def _shorter(self, layers: list[Layer]) -> list[Layer] | None:
        """The layers after one step, None if no reduction applies."""
        for at, layer in enumerate(layers):
            if _does_nothing(layer):
                self.steps.append(Step("drop", "layers-that-do-nothing", type(layer).__name__, ""))
                return layers[:at] + layers[at + 1 :]
        for at in range(len(layers) - 1):
            if (fused := self._of_pair(layers[at], layers[at + 1], layers[:at])) is not None:
                return [*layers[:at], fused, *layers[at + 2 :]]
        for at in range(len(layers) - 2):
            if (three := self._of_three(layers[at : at + 3], layers[:at])) is not None:
                return [*layers[:at], *three, *layers[at + 3 :]]
        return self._of_a_linear_head(layers)

    def _of_pair(self, first: Layer, second: Layer, before: list[Layer]) -> Layer | None:
        for one, other, reduction, claim in PAIRS:
            if _is(first, one) and _is(second, other) and _channels_fit(first, second, before):
                return self._attempt(claim, reduction, first, second)
        return None

    def _of_three(self, three: list[Layer], before: list[Layer]) -> list[Layer] | None:
        """Two layers for three: the middle one changes places with a neighbour, and then meets the other one."""
        first, middle, last = three
        for one, other, moved in ((middle, last, "second"), (first, middle, "first")):
            exchanged = self._exchanged(one, other)
            if exchanged is None:
                continue
            step, places = exchanged
            self.steps.append(step)
            if moved == "second":
                fused = self._of_pair(first, places[0], before)
                if fused is not None:
                    return [fused, places[1]]
            else:
                fused = self._of_pair(places[1], last, [*before, places[0]])
                if fused is not None:
                    return [places[0], fused]
            self.steps.remove(step)
        return None

    def _exchanged(self, first: Layer, second: Layer) -> tuple[Step, tuple[Layer, Layer]] | None:
        for one, other, claim in EXCHANGES:
            if (_is(first, one) and _is(second, other)) or (_is(first, other) and _is(second, one)):
                try:
                    places = exchange(first, second)
                except (OptionError, ShapeError):
                    return None
                names = [type(layer).__name__ for layer in (first, second)]
                return Step("exchange", claim, ", ".join(names), ", ".join(reversed(names))), places
        return None

    def _of_a_linear_head(self, layers: list[Layer]) -> list[Layer] | None:
        """A batch norm before (global average pool and) flatten and linear becomes part of the linear layer."""
        for at, layer in enumerate(layers):
            rest = layers[at + 1 :]
            pool = rest[:1] if rest and _is(rest[0], GlobalAvgPool2d) else []
            head = rest[len(pool) : len(pool) + 2]
            if _is(layer, BatchNorm2d) and len(head) == 2 and _is(head[0], Flatten) and _is(head[1], Linear):
                linear = self._attempt("batch-norm-flatten-linear", fuse_batch_norm_linear, layer, head[1])
                if linear is not None:
                    if pool:
                        names = "BatchNorm2d, GlobalAvgPool2d"
                        after = "GlobalAvgPool2d, BatchNorm2d"
                        self.steps.insert(-1, Step("exchange", "global-avg-pool-batch-norm", names, after))
                    return [*layers[:at], *pool, head[0], linear, *rest[len(pool) + 2 :]]
        return None

    def _of_sum(self, branches: Sum) -> Layer:
        if len(branches) == 1:
            return branches[0]
        linear = [b for b in branches if all(_is(link, LINEAR) for link in _chain(b))]
        for size in range(len(linear), 1, -1):
            for some in itertools.islice(itertools.combinations(linear, size), MOST_SUBSETS):
                one = self._sum_of(some)
                if one is not None:
                    return self._of_sum(_like(branches, Sum(one, *_without(branches, some))))
        return branches

    def _sum_of(self, branches: tuple[Layer, ...]) -> Layer | None:
        if all(_is(branch, DepthwiseConv2d) for branch in branches):
            return self._attempt("sum-of-depthwise", sum_of_depthwise, *branches)
        return self._attempt("reparameterize", reparameterize, Sum(*branches))

    def _attempt(self, claim: str, reduction: Callable[..., Layer], *layers: Layer) -> Layer | None:
        """The reduced layer; None if its conditions fail, if it adds weights, or if one of `layers` is shared."""
        if any(id(leaf) in self.shared for layer in layers for leaf in leaves(layer)):
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


def _is(layer: Layer, kinds: Kinds) -> bool:
    return is_a(layer, *(kinds if isinstance(kinds, tuple) else (kinds,)))


def _without(branches: Iterable[Layer], some: tuple[Layer, ...]) -> list[Layer]:
    return [branch for branch in branches if not any(branch is one for one in some)]


def _does_nothing(layer: Layer) -> bool:
    """Whether a layer returns its input: padding by 0, and pools of one pixel."""
    if _is(layer, ZeroPad2d):
        return pair_of_pairs("simplify", "padding", layer.options["padding"]) == NO_PADDING
    if _is(layer, (MaxPool2d, AvgPool2d)):
        return kernel_of(layer) == steps_of(layer, "stride") == (1, 1) and padding_of("simplify", layer) == NO_PADDING
    return False


def _channels_fit(first: Layer, second: Layer, before: list[Layer]) -> bool:
    """Whether a depthwise `first` is known to have as many filters as channels, if it matters to the reduction."""
    if not isinstance(first, DepthwiseConv2d) or not isinstance(second, Conv2d | DepthwiseConv2d):
        return True
    for layer in reversed(before):
        if _is(layer, (Conv2d, BatchNorm2d)):
            return len(layer.params["weight"]) == len(first.params["weight"])
        if not _is(layer, (ReLU, MaxPool2d, AvgPool2d, GlobalAvgPool2d, ZeroPad2d)):
            return False
    return False


def _like(network: Layer, folded: AnyLayer) -> AnyLayer:
    """The folded network in the mode of the given one."""
    folded.training = network.training
    return folded


def _weights(layer: Layer) -> int:
    return sum(array.size for name, array in layer.params.items() if name.endswith("weight"))


def _chain(layer: Layer) -> tuple[Layer, ...]:
    return tuple(layer) if is_a(layer, Sequential) else (layer,)  # type: ignore[arg-type]


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
    if is_a(network, Sum):
        assert isinstance(network, Sum)
        outputs = []
        for branch in network:
            outputs.append((yield from _trace(branch, x)))
        return outputs[0]
    if is_a(network, Sequential):
        assert isinstance(network, Sequential)
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
