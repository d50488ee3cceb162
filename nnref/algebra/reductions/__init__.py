"""Reductions: functions from layers to equal layers. Each checks the conditions under which it holds."""

from .adjoint import conv_transpose_as_adjoint
from .batch_norm import (
    batch_norm_as_depthwise,
    fuse_batch_norm_conv,
    fuse_batch_norms,
    fuse_conv_batch_norm,
    fuse_conv_transpose_batch_norm,
    padding_before_batch_norm,
)
from .branches import identity_as_conv, reparameterize, sum_of_convs, sum_of_depthwise
from .composition import compose_convs, depthwise_as_conv, grouped_as_dense
from .linear import conv_as_linear, linear_as_conv
from .max_plus import max_pool_as_max_plus_conv
from .neighbours import compose_linears, compose_max_pools, exchange, fuse_batch_norm_linear, fuse_pads
from .padding import fuse_pad_avg_pool, fuse_pad_conv
from .pooling import avg_pool_as_conv, avg_pool_as_depthwise, global_avg_pool_as_avg_pool, global_avg_pool_as_conv

__all__ = [
    "avg_pool_as_conv",
    "avg_pool_as_depthwise",
    "batch_norm_as_depthwise",
    "compose_convs",
    "compose_linears",
    "compose_max_pools",
    "conv_as_linear",
    "conv_transpose_as_adjoint",
    "depthwise_as_conv",
    "exchange",
    "fuse_batch_norm_conv",
    "fuse_batch_norm_linear",
    "fuse_batch_norms",
    "fuse_conv_batch_norm",
    "fuse_conv_transpose_batch_norm",
    "fuse_pad_avg_pool",
    "fuse_pad_conv",
    "fuse_pads",
    "global_avg_pool_as_avg_pool",
    "global_avg_pool_as_conv",
    "grouped_as_dense",
    "identity_as_conv",
    "linear_as_conv",
    "max_pool_as_max_plus_conv",
    "padding_before_batch_norm",
    "reparameterize",
    "sum_of_convs",
    "sum_of_depthwise",
]
