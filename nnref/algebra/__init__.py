"""Which layers are convolutions: reductions from layers to layers, and claims about them that are proved or refuted.

>>> from nnref import BatchNorm2d, Conv2d
>>> fuse_conv_batch_norm(Conv2d(3, 8, 3, bias=False), BatchNorm2d(8).eval())
Conv2d(weight=(8, 3, 3, 3), bias=(8,), stride=1, padding=0, dilation=1, groups=1)
>>> prove("conv-batch-norm").verdict, prove("slide-fused-bias").verdict
('proved', 'refuted')
"""

from .affine import AffineMap, as_matrix, is_affine
from .claim import Certificate, Claim, Refutation, Unproved, claim
from .claims import claims
from .proving import prove, verify
from .reductions import (
    avg_pool_as_conv,
    avg_pool_as_depthwise,
    batch_norm_as_depthwise,
    compose_convs,
    compose_linears,
    compose_max_pools,
    conv_as_linear,
    conv_transpose_as_adjoint,
    depthwise_as_conv,
    exchange,
    fuse_batch_norm_conv,
    fuse_batch_norm_linear,
    fuse_batch_norms,
    fuse_conv_batch_norm,
    fuse_conv_transpose_batch_norm,
    fuse_pad_avg_pool,
    fuse_pad_conv,
    fuse_pads,
    global_avg_pool_as_avg_pool,
    global_avg_pool_as_conv,
    grouped_as_dense,
    identity_as_conv,
    linear_as_conv,
    max_pool_as_max_plus_conv,
    padding_before_batch_norm,
    reparameterize,
    sum_of_convs,
    sum_of_depthwise,
)
from .simplify import Cost, Simplified, Step, cost_of, simplify

__all__ = [
    "AffineMap",
    "Certificate",
    "Claim",
    "Cost",
    "Refutation",
    "Simplified",
    "Step",
    "Unproved",
    "as_matrix",
    "avg_pool_as_conv",
    "avg_pool_as_depthwise",
    "batch_norm_as_depthwise",
    "claim",
    "claims",
    "compose_convs",
    "compose_linears",
    "compose_max_pools",
    "conv_as_linear",
    "conv_transpose_as_adjoint",
    "cost_of",
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
    "is_affine",
    "linear_as_conv",
    "max_pool_as_max_plus_conv",
    "padding_before_batch_norm",
    "prove",
    "reparameterize",
    "simplify",
    "sum_of_convs",
    "sum_of_depthwise",
    "verify",
]
