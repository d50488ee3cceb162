"""An independent implementation: every operation is transcribed from its formula into plain Python loops.

It shares no code with the layers, so an error common to both is unlikely. It is slow, and is meant to be read beside
the formulas. It is a target of the oracle like any other. Its functions, `conv2d`, `conv2d_backward` and so on, take
arrays by position and every option by keyword in canonical form: pairs (vertical, horizontal), padding ((top, bottom),
(left, right)), and None for an absent bias.
"""

from .activations import relu, relu_backward, sigmoid, sigmoid_backward, tanh, tanh_backward
from .batch_norm import (
    batch_norm2d,
    batch_norm2d_backward,
    batch_norm2d_train,
    batch_norm2d_train_backward,
    normalize2d,
    normalize2d_backward,
)
from .convolution import (
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
    depthwise_conv2d,
    depthwise_conv2d_backward,
)
from .folds import fold_conv_batch_norm, fold_conv_transpose_batch_norm
from .head import (
    flatten,
    flatten_backward,
    linear,
    linear_backward,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
    zero_pad2d,
    zero_pad2d_backward,
)
from .networks import network
from .pooling import (
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
    max_pool2d,
    max_pool2d_backward,
)

__all__ = [
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm2d",
    "batch_norm2d_backward",
    "batch_norm2d_train",
    "batch_norm2d_train_backward",
    "conv2d",
    "conv2d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "flatten",
    "flatten_backward",
    "fold_conv_batch_norm",
    "fold_conv_transpose_batch_norm",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "linear",
    "linear_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "network",
    "normalize2d",
    "normalize2d_backward",
    "relu",
    "relu_backward",
    "sigmoid",
    "sigmoid_backward",
    "softmax_cross_entropy",
    "softmax_cross_entropy_backward",
    "tanh",
    "tanh_backward",
    "zero_pad2d",
    "zero_pad2d_backward",
]
