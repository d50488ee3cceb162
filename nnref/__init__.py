"""nnref: neural-network layers as a readable, exact reference, in NumPy alone.

`nnref.layers` defines the layers, one file each. `nnref.arithmetic` has the exact numbers that they also run over.
`nnref.algebra` proves which layers are convolutions. `nnref.oracle` compares other implementations with the layers,
within the error bounds of `nnref.bounds`.

To read the source, start with the modules that every layer rests on, in this order:

- `errors`: what is refused, and in which words
- `numeric`: zero, constants and sums in every arithmetic (and `decimal_functions` for decimals)
- `dtypes`: which arrays a layer takes, and in which precision it computes
- `options` and `windows`: strides and padding as integers, and where windows lie on an image
- `im2col`: convolution as a matrix product
- `layer`: a pure function with its parameters bound, and networks of such layers
"""

from .errors import DTypeError, OptionError, ShapeError, StateError
from .layer import Layer, Sequential, Sum
from .layers.avg_pool2d import AvgPool2d, avg_pool2d, avg_pool2d_backward
from .layers.batch_norm2d import (
    BatchNorm2d,
    batch_norm2d,
    batch_norm2d_backward,
    batch_norm2d_train,
    batch_norm2d_train_backward,
    batch_statistics,
    normalize2d,
    normalize2d_backward,
)
from .layers.conv2d import Conv2d, conv2d, conv2d_backward
from .layers.conv_transpose2d import ConvTranspose2d, conv_transpose2d, conv_transpose2d_backward
from .layers.depthwise_conv2d import DepthwiseConv2d, depthwise_conv2d, depthwise_conv2d_backward
from .layers.flatten import Flatten, flatten, flatten_backward
from .layers.global_avg_pool2d import GlobalAvgPool2d, global_avg_pool2d, global_avg_pool2d_backward
from .layers.linear import Linear, linear, linear_backward
from .layers.max_pool2d import MaxPool2d, max_pool2d, max_pool2d_backward
from .layers.relu import ReLU, relu, relu_backward
from .layers.sigmoid import Sigmoid, sigmoid, sigmoid_backward
from .layers.softmax_cross_entropy import (
    SoftmaxCrossEntropy,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
)
from .layers.tanh import Tanh, tanh, tanh_backward
from .layers.zero_pad2d import ZeroPad2d, zero_pad2d, zero_pad2d_backward

__version__ = "0.1.0"

__all__ = [
    "AvgPool2d",
    "BatchNorm2d",
    "Conv2d",
    "ConvTranspose2d",
    "DTypeError",
    "DepthwiseConv2d",
    "Flatten",
    "GlobalAvgPool2d",
    "Layer",
    "Linear",
    "MaxPool2d",
    "OptionError",
    "ReLU",
    "Sequential",
    "ShapeError",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "StateError",
    "Sum",
    "Tanh",
    "ZeroPad2d",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm2d",
    "batch_norm2d_backward",
    "batch_norm2d_train",
    "batch_norm2d_train_backward",
    "batch_statistics",
    "conv2d",
    "conv2d_backward",
    "conv_transpose2d",
    "conv_transpose2d_backward",
    "depthwise_conv2d",
    "depthwise_conv2d_backward",
    "flatten",
    "flatten_backward",
    "global_avg_pool2d",
    "global_avg_pool2d_backward",
    "linear",
    "linear_backward",
    "max_pool2d",
    "max_pool2d_backward",
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
