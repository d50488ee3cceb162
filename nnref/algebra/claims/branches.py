"""Sums of parallel branches: identities, sums of convolutions, re-parameterised blocks."""

from __future__ import annotations

from typing import Any

from ...layer import Sequential, Sum
from ...layers.conv2d import Conv2d
from ...numeric import Array
from ...options import Pair
from ..claim import Sides, claim
from ..given import Given
from ..reductions import branches
from . import symbols

LATE, EARLY = ((2, 0), (2, 0)), ((0, 2), (0, 2))  # paddings with the same total
BLOCK = symbols.IMAGE | {"channels": "g*C", "groups": "g"}
STRIDE = ("sh", "sw")
SUMS = (
    symbols.IMAGE
    | {"channels": ("C", "K"), "kernels": ((3, 3), (1, 1), (1, 3)), "padding": (1, 0, (0, 1)), "stride": (STRIDE,) * 3},
    symbols.IMAGE
    | {"channels": ("g*C", "g*K"), "kernels": ((2, 2), (2, 2)), "padding": (LATE, EARLY), "dilation": (2, 2)}
    | {"groups": ("g", "g"), "bias": (True, False), "where": ("H >= 1", "W >= 1")},
)
REPVGG = "Ding et al., RepVGG (arXiv:2101.03697)"


def _identity(given: Given, image: Pair, channels: int, kernel: Pair, groups: int = 1) -> tuple[Any, ...]:
    return given.image(1, channels, *image), kernel, groups


def _convs(given: Given, image: Pair, channels: tuple[int, int], kernels: Any, **options: Any) -> tuple[Any, ...]:
    """X and one convolution per kernel; each option has one value per convolution."""
    convs = [
        given.conv(*channels, kernel, tag=f"{i}", **{name: values[i] for name, values in options.items()})
        for i, kernel in enumerate(kernels)
    ]
    return given.image(1, channels[0], *image), *convs


def _block(given: Given, image: Pair, channels: int = 1, stride: int = 1, groups: int = 1) -> tuple[Array, Sum]:
    """X and 3×3+BN ‖ 1×1+BN ‖ BN; the last branch only if the image keeps its size."""
    o: dict[str, Any] = {"bias": False, "stride": stride, "groups": groups}
    three = given.conv(channels, channels, (3, 3), padding=1, tag="₃", **o)
    one = given.conv(channels, channels, (1, 1), tag="₁", **o)
    names = ("₃", "₁", "₀") if stride == 1 else ("₃", "₁")
    norms = [given.batch_norm(channels, tag=name) for name in names]
    parallel = [Sequential(three, norms[0]), Sequential(one, norms[1]), *norms[2:]]
    return given.image(1, channels, *image), Sum(*parallel).eval()


def _residual(
    given: Given, image: Pair, channels: int = 1, kernel: Pair = (3, 3), groups: int = 1
) -> tuple[Array, Sum]:
    """X, and a convolution beside the identity."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    conv = given.conv(channels, channels, kernel, padding=padding, groups=groups)
    return given.image(1, channels, *image), Sum(conv, Sequential())


@claim(
    "identity-conv",
    source="the unit of convolution",
    arguments=_identity,
    cases=(
        {"image": (2, 3), "channels": 2, "kernel": (1, 1)},
        {"image": (2, 3), "channels": 4, "kernel": (3, 5), "groups": 2},
    ),
    reductions=("identity_as_conv",),
    vary={"image": ((1, 1), (3, 4)), "channels": (2, 4), "kernel": ((1, 1), (3, 5)), "groups": (1, 2)},
    every_shape=(symbols.IMAGE | {"channels": "g*C", "kernel": (3, 5), "groups": "g"},),
)
def identity_is_conv(x: Array, kernel: Pair, groups: int) -> Sides:
    r"""X = \delta * X,\quad \delta_{kcuv} = [k = c]\,[u, v \text{ in the middle}]"""
    return x, branches.identity_as_conv(x.shape[1], kernel, groups=groups, dtype=object)(x)


@claim(
    "sum-of-convs",
    source=REPVGG,
    arguments=_convs,
    cases=(
        {"image": (1, 2), "channels": (1, 1), "kernels": ((1, 1), (1, 1))},
        {"image": (3, 3), "channels": (2, 1), "kernels": ((3, 3), (1, 1), (1, 3)), "padding": (1, 0, (0, 1))},
        {"image": (3, 4), "channels": (1, 2), "kernels": ((2, 2), (1, 2)), "padding": (((1, 0), (0, 0)), 0)},
        {
            "image": (5, 5),
            "channels": (1, 1),
            "kernels": ((2, 2), (3, 3), (1, 1)),
            "padding": (1, (2, 2), 0),
            "dilation": (2, 2, 1),
            "stride": (2, 2, 2),
            "bias": (True, False, False),
        },
        {"image": (2, 2), "channels": (4, 4), "kernels": ((1, 1), (1, 1)), "groups": (4, 2)},
        {
            "image": (3, 3),
            "channels": (1, 1),
            "kernels": ((2, 2), (2, 2)),
            "padding": (LATE, EARLY),
            "dilation": (2, 2),
        },
        {"image": (3, 3), "channels": (1, 1), "kernels": ((2, 3), (1, 1)), "padding": ("same", 0)},
    ),
    conditions="one stride; the kernels are padded alike",
    reductions=("sum_of_convs",),
    vary={
        "image": ((3, 3), (4, 5)),
        "channels": ((1, 2), (2, 2)),
        "kernels": (((3, 3), (1, 1)), ((1, 1), (3, 3))),
        "padding": ((1, 0), (((2, 1), (1, 1)), ((1, 0), (0, 0)))),
        "stride": ((1, 1), (2, 2)),
        "bias": ((True, True), (True, False), (False, False)),
    },
    every_shape=SUMS,
)
def sum_is_conv(x: Array, *convs: Conv2d) -> Sides:
    r"""
    \sum_i (F_i * X + b_i) = \Bigl(\sum_i F_i\Bigr) * X + \sum_i b_i,\quad
    F_i \text{ with their origins in one place}
    """
    return Sum(*convs)(x), branches.sum_of_convs(*convs)(x)


@claim(
    "reparameterize",
    source=REPVGG,
    arguments=_block,
    cases=(
        {"image": (1, 2)},
        {"image": (3, 3), "channels": 2},
        {"image": (3, 3), "channels": 2, "groups": 2},
        {"image": (4, 3), "channels": 2, "stride": 2},
        {"image": (5, 5), "channels": 4},
    ),
    conditions="batch norms in evaluation",
    reductions=("reparameterize",),
    vary={"image": ((2, 2), (3, 4)), "channels": (2, 4), "stride": (1, 2), "groups": (1, 2)},
    every_shape=(BLOCK, BLOCK | {"stride": 2}),
)
def block_is_conv(x: Array, block: Sum) -> Sides:
    r"""\mathrm{BN}_3(F_3 * X) + \mathrm{BN}_1(F_1 * X) + \mathrm{BN}_0(X) = F * X + b"""
    return block(x), branches.reparameterize(block)(x)


@claim(
    "residual-conv",
    source="He et al., Deep residual learning (arXiv:1512.03385), without the ReLU",
    arguments=_residual,
    cases=(
        {"image": (2, 3), "channels": 2, "kernel": (3, 3)},
        {"image": (2, 2), "kernel": (1, 5)},
        {"image": (2, 2), "channels": 2, "groups": 2},
    ),
    conditions="an odd kernel, padded by half its size",
    reductions=("reparameterize", "identity_as_conv"),
    vary={"image": ((1, 2), (3, 3)), "channels": (1, 2), "kernel": ((1, 1), (3, 3), (5, 1))},
    every_shape=(symbols.IMAGE | {"channels": "g*C", "kernel": (3, 5), "groups": "g"},),
)
def residual_is_conv(x: Array, block: Sum) -> Sides:
    r"""(F * X + b) + X = (F + \delta) * X + b"""
    return block(x), branches.reparameterize(block)(x)
