"""nnref itself as a target: its float layers, and the folds of `nnref.algebra`."""

from __future__ import annotations

from typing import Any

import nnref
from nnref import BatchNorm2d, Conv2d, ConvTranspose2d, Layer, algebra
from nnref.numeric import Array

__all__ = ["fold_conv_batch_norm", "fold_conv_transpose_batch_norm", "network"]


def __getattr__(name: str) -> Any:
    """The function of a layer is nnref's own."""
    return getattr(nnref, name)


def fold_conv_batch_norm(weight: Array, bias: Array | None, *statistics: Array, eps: float) -> tuple[Array, Array]:
    """`fuse_conv_batch_norm` on arrays."""
    conv = Conv2d.from_arrays(weight=weight, bias=bias)
    return _arrays_of(algebra.fuse_conv_batch_norm(conv, _batch_norm(*statistics, eps=eps)))


def fold_conv_transpose_batch_norm(
    weight: Array, bias: Array | None, *statistics: Array, eps: float, groups: int
) -> tuple[Array, Array]:
    """`fuse_conv_transpose_batch_norm` on arrays."""
    conv = ConvTranspose2d.from_arrays(weight=weight, bias=bias, options={"groups": groups})
    return _arrays_of(algebra.fuse_conv_transpose_batch_norm(conv, _batch_norm(*statistics, eps=eps)))


def network(net: Layer, x: Array) -> Array:
    """The result of the network that `simplify` makes of `net`."""
    return algebra.simplify(net).network(x)


def _batch_norm(gamma: Array, beta: Array, mean: Array, var: Array, *, eps: float) -> BatchNorm2d:
    arrays = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": var}
    return BatchNorm2d.from_arrays(**arrays, options={"eps": eps}).eval()


def _arrays_of(conv: Layer) -> tuple[Array, Array]:
    return conv.params["weight"], conv.params["bias"]
