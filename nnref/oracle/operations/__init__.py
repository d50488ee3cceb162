"""The operations that the oracle knows: the one registry.

A row (`operation.Operation`) says which integers describe a case of it, which arrays and options follow from them, what
its results are, where its bound stands, and what is unusual about it. Everything else that the oracle does with an
operation follows from its row. The layer itself is found by name: the expectation is nnref's own function, run in a
wider arithmetic.
"""

from .activations import RELU, SIGMOID, SOFTMAX_CROSS_ENTROPY, TANH
from .convolution import CONV2D, CONV_TRANSPOSE2D, DEPTHWISE_CONV2D, LINEAR
from .network import NETWORK
from .normalisation import (
    BATCH_NORM2D,
    BATCH_NORM2D_TRAIN,
    FOLD_CONV_BATCH_NORM,
    FOLD_CONV_TRANSPOSE_BATCH_NORM,
    NORMALIZE2D,
)
from .operation import Geometry, Operation, Shape
from .pooling import AVG_POOL2D, FLATTEN, GLOBAL_AVG_POOL2D, MAX_POOL2D, ZERO_PAD2D

__all__ = ["OPERATIONS", "Geometry", "Operation", "Shape"]

ROWS = (  # in the order of a report
    CONV2D,
    DEPTHWISE_CONV2D,
    CONV_TRANSPOSE2D,
    BATCH_NORM2D,
    BATCH_NORM2D_TRAIN,
    NORMALIZE2D,
    AVG_POOL2D,
    MAX_POOL2D,
    GLOBAL_AVG_POOL2D,
    SIGMOID,
    TANH,
    RELU,
    LINEAR,
    FLATTEN,
    ZERO_PAD2D,
    SOFTMAX_CROSS_ENTROPY,
    FOLD_CONV_BATCH_NORM,
    FOLD_CONV_TRANSPOSE_BATCH_NORM,
    NETWORK,
)
OPERATIONS = {row.name: row for row in ROWS}
