"""Seeded bugs: if one thing in a reduction is wrong, a claim about the reduction fails.

A bug is a function that replaces a reduction, or a function that the reduction calls. It receives the right function as
its first argument, and does almost the same.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from nnref import AvgPool2d, BatchNorm2d, Conv2d, MaxPool2d, OptionError, ShapeError, ZeroPad2d
from nnref import algebra as a
from nnref.algebra import Refutation, claims, prove, witness
from nnref.algebra.reductions import (
    adjoint,
    batch_norm,
    branches,
    composition,
    linear,
    max_plus,
    neighbours,
    padding,
    pooling,
)
from nnref.algebra.reductions.common import bias_of, changed, kernel_of, padding_of
from nnref.arithmetic import MaxPlus
from nnref.options import pair_of_pairs

Function = Callable[..., Any]


@dataclass(frozen=True)
class Bug:
    reduction: str
    module: ModuleType
    function: str  # the one that it replaces
    wrong: Function
    raises: tuple[type[Exception], ...]  # by which it shows itself, if the layers do not fit any more

    def __str__(self) -> str:
        return f"{self.reduction}-{self.wrong.__name__}"


BUGS: list[Bug] = []


def bug(
    module: ModuleType, reduction: str, function: str = "", raises: tuple[type[Exception], ...] = ()
) -> Callable[[Function], Function]:
    """Register the function below as a bug in a reduction; it replaces `function`, or the reduction itself."""

    def registered(wrong: Function) -> Function:
        BUGS.append(Bug(reduction, module, function or reduction, wrong, raises))
        return wrong

    return registered


def without_bias(layer: Any) -> Any:
    arrays = {name: array for name, array in layer.params.items() if name != "bias"}
    return type(layer).from_arrays(options=layer.options, **arrays)


def without_option(layer: Any, name: str) -> Any:
    options = {key: value for key, value in layer.options.items() if key != name}
    return type(layer).from_arrays(options=options, **layer.params)


def reversed_along(array: Any, *shape: int, axis: int) -> Any:
    """The array, seen in `shape`, with the entries along one axis in reverse order."""
    return np.flip(array.reshape(shape), axis).reshape(array.shape)


# batch norm


@bug(batch_norm, "batch_norm_as_depthwise")
def shift_is_dropped(right, bn):
    return without_bias(right(bn))


@bug(batch_norm, "batch_norm_as_depthwise", "scale_and_shift", raises=(TypeError,))  # the formal σ² has another ε
def eps_is_left_out(right, gamma, beta, mean, var, *, eps):
    return right(gamma, beta, mean, var, eps=0)


@bug(batch_norm, "batch_norm_as_depthwise", "scale_and_shift", raises=(TypeError,))  # the formal σ² has another ε
def eps_is_the_default(right, gamma, beta, mean, var, *, eps):
    return right(gamma, beta, mean, var, eps=1e-5)


@bug(batch_norm, "batch_norm_as_depthwise", "scale_and_shift")
def divided_by_the_variance(right, gamma, beta, mean, var, *, eps):
    inv_std = 1 / np.sqrt(var + eps)
    return right(gamma * inv_std, beta, mean, var, eps=eps)


@bug(batch_norm, "fuse_conv_batch_norm", "scale_and_shift")
def mean_is_not_scaled(right, gamma, beta, mean, var, *, eps):
    return right(gamma, beta, mean, var, eps=eps)[0], beta - mean


@bug(batch_norm, "fuse_conv_batch_norm", "scale_and_shift")
def mean_is_added(right, gamma, beta, mean, var, *, eps):
    return right(gamma, beta, -mean, var, eps=eps)


@bug(batch_norm, "fuse_conv_batch_norm", "output_scaled")
def bias_is_not_scaled(right, weight, scale, shift, bias=None):
    return right(weight, scale, shift)[0], shift if bias is None else bias + shift


@bug(batch_norm, "fuse_conv_batch_norm", "output_scaled")
def inputs_are_scaled(right, weight, scale, shift, bias=None):
    by_input = np.resize(scale, weight.shape[1])
    return weight * by_input[:, None, None], right(weight, scale, shift, bias)[1]


@bug(batch_norm, "fuse_conv_transpose_batch_norm")
def channels_of_groups_interleaved(right, conv, bn):
    groups = conv.options["groups"]
    arrays = {name: array.reshape(groups, -1).T.ravel() for name, array in (bn.params | bn.buffers).items()}
    interleaved = right(conv, BatchNorm2d.from_arrays(**arrays, options=bn.options).eval())
    return changed(right(conv, bn), weight=interleaved.params["weight"])


@bug(batch_norm, "fuse_conv_transpose_batch_norm")
def transposed_bias_is_not_scaled(right, conv, bn):
    bias, shift = bias_of(conv), right(without_bias(conv), bn).params["bias"]
    return changed(right(conv, bn), bias=shift if bias is None else bias + shift)


@bug(batch_norm, "fuse_batch_norm_conv", "input_scaled")
def outputs_are_scaled(right, weight, scale, shift, bias=None, *, groups):
    by_output = np.resize(scale, len(weight))
    return weight * by_output[:, None, None, None], right(weight, scale, shift, bias, groups=groups)[1]


@bug(batch_norm, "fuse_batch_norm_conv", "input_scaled")
def offset_is_lost_beside_a_bias(right, weight, scale, shift, bias=None, *, groups):
    scaled, offset = right(weight, scale, shift, bias, groups=groups)
    return scaled, offset if bias is None else bias


@bug(batch_norm, "fuse_batch_norms", "rescaled")
def beta_is_not_scaled(right, gamma, beta, scale, shift):
    return gamma * scale, beta + shift


@bug(batch_norm, "fuse_batch_norms", "rescaled")
def gamma_is_not_scaled(right, gamma, beta, scale, shift):
    return gamma, beta * scale + shift


@bug(batch_norm, "fuse_batch_norms", raises=(TypeError,))  # the formal σ² has another ε
def eps_of_the_second(right, first, second):
    both = right(first, second)
    return BatchNorm2d.from_arrays(**both.params, **both.buffers, options=second.options).eval()


@bug(batch_norm, "padding_before_batch_norm")
def pre_image_of_the_shift_alone(right, bn):
    return right(bn) * batch_norm.batch_norm_as_depthwise(bn).params["weight"][:, 0, 0, 0]


# padding


@bug(padding, "fuse_pad_conv")
def left_and_right_exchanged(right, pad, conv):
    rows, (before, after) = pair_of_pairs("bug", "padding", pad.options["padding"])
    return right(ZeroPad2d((rows, (after, before))), conv)


@bug(padding, "fuse_pad_conv")
def own_top_is_forgotten(right, pad, conv):
    ((top, _), _), ((_, bottom), columns) = (
        pair_of_pairs("bug", "padding", pad.options["padding"]),
        right(pad, conv).options["padding"],
    )
    return changed(right(pad, conv), padding=((top, bottom), columns))


@bug(padding, "fuse_pad_conv", raises=(OptionError,))
def own_right_is_subtracted(right, pad, conv):
    (_, (_, own)), (rows, (before, after)) = padding_of("bug", conv), right(pad, conv).options["padding"]
    return changed(right(pad, conv), padding=(rows, (before, after - 2 * own)))


@bug(padding, "fuse_pad_avg_pool")
def rows_and_columns_exchanged(right, pad, pool):
    rows, columns = pair_of_pairs("bug", "padding", pad.options["padding"])
    return right(ZeroPad2d((columns, rows)), pool)


# composition


@bug(composition, "compose_convs")
def stride_of_the_second_alone(right, first, second):
    return changed(right(first, second), stride=second.options["stride"])


@bug(composition, "compose_convs")
def taps_of_the_second_ignore_the_stride_of_the_first(right, first, second):
    return changed(right(changed(first, stride=1), second), stride=right(first, second).options["stride"])


@bug(composition, "compose_convs", raises=(ShapeError,))
def padding_ignores_the_stride_of_the_first(right, first, second):
    pairs = zip(padding_of("bug", first), padding_of("bug", second), strict=True)
    sums = tuple((p[0] + q[0], p[1] + q[1]) for p, q in pairs)
    return changed(right(first, second), padding=sums)


@bug(composition, "compose_convs")
def maps_between_are_exchanged(right, first, second):
    return right(first, changed(second, weight=second.params["weight"][:, ::-1]))


@bug(composition, "compose_convs")
def bias_of_the_first_is_lost(right, first, second):
    return right(without_bias(first), second)


@bug(composition, "depthwise_as_conv")
def options_are_lost(right, conv, channels=None):
    return Conv2d.from_arrays(**conv.params, options={"groups": right(conv, channels).options["groups"]})


@bug(composition, "grouped_as_dense")
def groups_in_reverse(right, conv):
    weight, groups = right(conv).params["weight"], conv.options["groups"]
    outputs, inputs, *kernel = weight.shape
    return changed(right(conv), weight=reversed_along(weight, outputs, groups, inputs // groups, *kernel, axis=1))


# pooling


@bug(pooling, "avg_pool_as_depthwise")
def divided_by_rows_plus_columns(right, pool, channels, **dtype):
    (rows, columns), conv = kernel_of(pool), right(pool, channels, **dtype)
    return changed(conv, weight=conv.params["weight"] * (rows * columns) / (rows + columns))


@bug(pooling, "avg_pool_as_depthwise")
def stride_is_1(right, pool, channels, **dtype):
    return without_option(right(pool, channels, **dtype), "stride")


@bug(pooling, "avg_pool_as_conv")
def padding_is_0(right, pool, channels, **dtype):
    return without_option(right(pool, channels, **dtype), "padding")


@bug(pooling, "global_avg_pool_as_avg_pool", raises=(ShapeError,))
def width_before_height(right, image):
    return right(image[::-1])


@bug(pooling, "global_avg_pool_as_conv")
def one_pixel_alone(right, channels, image, **dtype):
    return pooling.avg_pool_as_conv(AvgPool2d(1), channels, **dtype)


# linear


@bug(linear, "linear_as_conv")
def bias_is_dropped(right, layer, image=(1, 1)):
    return without_bias(right(layer, image))


@bug(linear, "linear_as_conv")
def channels_innermost(right, layer, image=(1, 1)):
    outputs, weight = len(layer.params["weight"]), layer.params["weight"]
    return changed(right(layer, image), weight=np.moveaxis(weight.reshape(outputs, *image, -1), -1, 1))


@bug(linear, "conv_as_linear")
def columns_before_rows(right, conv, image):
    nothing = np.zeros((0, channels_of(conv), *image), object)
    layer, outputs = right(conv, image), conv(nothing).shape[1:]
    rows = np.arange(np.prod(outputs)).reshape(outputs).swapaxes(1, 2).ravel()
    return type(layer).from_arrays(**layer.params | {"weight": layer.params["weight"][rows]})


@bug(linear, "conv_as_linear")
def bias_is_tiled(right, conv, image):
    layer, bias = right(conv, image), bias_of(conv)
    tiled = None if bias is None else np.resize(bias, layer.params["bias"].shape)
    return type(layer).from_arrays(weight=layer.params["weight"], bias=tiled)


def channels_of(conv: Conv2d) -> int:
    return conv.params["weight"].shape[1] * conv.options["groups"]


# transposed


@bug(adjoint, "conv_transpose_as_adjoint")
def kernel_is_flipped(right, conv):
    return changed(right(conv), weight=right(conv).params["weight"][..., ::-1])


@bug(adjoint, "conv_transpose_as_adjoint", raises=(ValueError,))
def stride_is_dropped(right, conv):
    return without_option(right(conv), "stride")


# branches


@bug(branches, "identity_as_conv")
def one_in_the_last_column(right, *size, **options):
    conv = right(*size, **options)
    return changed(conv, weight=np.roll(conv.params["weight"], conv.params["weight"].shape[3] // 2, axis=3))


@bug(branches, "identity_as_conv")
def place_counted_by_groups(right, channels, kernel_size=1, *, groups=1, **dtype):
    conv = right(channels, kernel_size, groups=groups, **dtype)
    weight, members = conv.params["weight"], channels // groups
    own, wrong = np.arange(channels) % members, np.arange(channels) // groups % members
    moved = [np.roll(one, there - here, axis=0) for one, here, there in zip(weight, own, wrong, strict=True)]
    return changed(conv, weight=np.stack(moved))


@bug(branches, "sum_of_convs", "spread_out")
def kernels_begin_in_one_corner(right, weight, at, step, size):
    return right(weight, (0, 0), step, size)


@bug(branches, "sum_of_convs", "spread_out")
def kernels_begin_where_columns_do(right, weight, at, step, size):
    return right(weight, (at[1], at[1]), step, size)


@bug(branches, "sum_of_convs", "spread_out")
def kernels_are_not_spread_out(right, weight, at, step, size):
    return right(weight, at, (1, 1), size)


@bug(branches, "sum_of_convs")
def dilation_is_dropped(right, *convs):
    return without_option(right(*convs), "dilation")


@bug(branches, "sum_of_convs")
def bias_of_the_first_alone(right, first, *others):
    return changed(right(first, *others), bias=right(first, *map(without_bias, others)).params.get("bias"))


@bug(branches, "reparameterize", "_channels", raises=(ShapeError,))
def channels_of_one_group(right, layers):
    conv = next(first for first, *_ in filter(None, layers))
    return conv.params["weight"].shape[1] if isinstance(conv, Conv2d) else right(layers)[0], right(layers)[1]


@bug(branches, "reparameterize", "fuse_conv_batch_norm")
def batch_norm_after_a_convolution_is_skipped(right, conv, bn):
    return conv


@bug(branches, "reparameterize", "batch_norm_as_depthwise")
def batch_norm_alone_is_the_identity(right, bn):
    conv = right(bn)
    return changed(without_bias(conv), weight=conv.params["weight"] * 0 + 1)


# max-plus


@bug(max_plus, "max_pool_as_max_plus_conv")
def stride_and_dilation_are_1(right, pool, channels):
    return without_option(without_option(right(pool, channels), "stride"), "dilation")


@bug(max_plus, "max_pool_as_max_plus_conv")
def weight_of_1(right, pool, channels):
    weight = right(pool, channels).params["weight"]
    return changed(right(pool, channels), weight=np.full(weight.shape, MaxPlus(1), object))


# neighbours


@bug(neighbours, "exchange")
def not_exchanged(right, first, second):
    return second, second


@bug(neighbours, "fuse_pads")
def padding_of_the_second_alone(right, first, second):
    return second


@bug(neighbours, "compose_max_pools", raises=(ShapeError,))
def kernels_are_added(right, first, second):
    kernel = tuple(map(sum, zip(kernel_of(first), kernel_of(second), strict=True)))
    return MaxPool2d(kernel, right(first, second).options["stride"], right(first, second).options["padding"])


@bug(neighbours, "compose_linears")
def bias_of_the_first_is_not_mapped(right, first, second):
    return type(first).from_arrays(weight=right(first, second).params["weight"], bias=second.params["bias"])


@bug(neighbours, "fuse_batch_norm_linear")
def scaled_channels_innermost(right, bn, layer):
    channels = len(bn.params["weight"])
    weight = layer.params["weight"].reshape(len(layer.params["weight"]), channels, -1).swapaxes(1, 2)
    moved = type(layer).from_arrays(weight=weight.reshape(layer.params["weight"].shape), bias=layer.params["bias"])
    return right(bn, moved)


@bug(branches, "sum_of_depthwise")
def the_first_branch_alone(right, first, *others):
    return right(first, *(changed(other, weight=other.params["weight"] * 0) for other in others))


def is_noticed_by(name: str, raises: tuple[type[Exception], ...]) -> bool:
    try:
        return isinstance(prove(name), Refutation)
    except raises:
        return True


@pytest.mark.parametrize("seeded", BUGS, ids=str)
def test_a_claim_fails(seeded: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    right = getattr(seeded.module, seeded.function)
    monkeypatch.setattr(seeded.module, seeded.function, functools.partial(seeded.wrong, right))
    monkeypatch.setattr(witness, "TRIES", 200)  # any counterexample will do, not only the smallest
    about = [name for name, claim in claims.items() if seeded.reduction in claim.reductions]
    assert any(is_noticed_by(name, seeded.raises) for name in about), f"no claim about {seeded.reduction} fails"


def test_every_reduction_has_a_bug() -> None:
    assert {seeded.reduction for seeded in BUGS} == set(a.reductions.__all__)
    assert len(set(map(str, BUGS))) == len(BUGS) >= 50
