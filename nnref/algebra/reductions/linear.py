"""Fully connected layers as convolutions, and convolutions as fully connected layers.

Source: torch.nn.Linear; the Toeplitz matrix of a convolution.
"""

from __future__ import annotations

import numpy as np

from ...errors import ShapeError, expect_shape, refuse
from ...layers.conv2d import Conv2d
from ...layers.depthwise_conv2d import DepthwiseConv2d
from ...layers.linear import Linear
from ...numeric import zeros
from ...options import Pair, pair
from ...windows import Windows
from .common import Convolution, bias_of, expect_conv, expect_kind, expect_one_arithmetic, kernel_of
from .composition import depthwise_as_conv, grouped_as_dense

__all__ = ["conv_as_linear", "linear_as_conv"]


def linear_as_conv(linear: Linear, image: Pair = (1, 1)) -> Conv2d:
    """The unpadded convolution that equals a linear layer on flattened images; its kernel has the image's size.

    Parameters
    ----------
    linear : Linear with C·H·W features
    image : (H, W); by default 1×1, where flattening does nothing

    Raises
    ------
    ShapeError : the number of features is not a multiple of H·W.

    >>> linear_as_conv(Linear(12, 5), image=(2, 2)).params["weight"].shape
    (5, 3, 2, 2)
    """
    expect_kind("linear_as_conv", "linear", linear, Linear)
    expect_one_arithmetic("linear_as_conv", linear=linear)
    expect_shape("linear_as_conv", "linear.weight", linear.params["weight"], ("K", "C"))
    image = pair("linear_as_conv", "image", image, least=1)
    outputs, features = linear.params["weight"].shape
    if features % (image[0] * image[1]):
        refuse(ShapeError, "linear_as_conv", "image", f"of a size H·W that divides the {features} features", image)
    weight = linear.params["weight"].reshape(outputs, -1, *image)
    return Conv2d.from_arrays(weight=weight, bias=bias_of(linear))


def conv_as_linear(conv: Convolution, image: Pair) -> Linear:
    """The linear layer on flattened (H, W) images that equals a convolution: its Toeplitz matrix, its bias repeated.

    Parameters
    ----------
    conv : Conv2d, or DepthwiseConv2d with as many filters as channels, with any options
    image : (H, W)

    Returns
    -------
    Linear from C·H·W features to K·Ho·Wo

    Raises
    ------
    ShapeError : the kernel is larger than the padded image.

    >>> conv = Conv2d.from_arrays(weight=np.array([[[[2.0, 3.0]]]]))
    >>> conv_as_linear(conv, (1, 3)).params["weight"]
    array([[2., 3., 0.],
           [0., 2., 3.]])
    """
    expect_conv("conv_as_linear", "conv", conv, Conv2d, DepthwiseConv2d)
    image = pair("conv_as_linear", "image", image, least=1)
    dense = grouped_as_dense(depthwise_as_conv(conv) if isinstance(conv, DepthwiseConv2d) else conv)
    weight, bias = dense.params["weight"], bias_of(dense)
    options = [dense.options[name] for name in ("stride", "padding", "dilation")]
    windows = Windows.plan("conv_as_linear", image, kernel_of(dense), *options)
    outputs, channels = weight.shape[:2]
    matrix = zeros((outputs, channels, *windows.out, *image), weight)  # (K,C,Ho,Wo,H,W)
    rows, columns, pixel_rows, pixel_columns = (np.arange(size) for size in (*windows.out, *image))
    for tap in windows.taps():
        _, out_rows, out_columns = tap.out
        _, image_rows, image_columns = tap.image
        i, h = rows[out_rows, None], pixel_rows[image_rows, None]
        j, w = columns[None, out_columns], pixel_columns[None, image_columns]
        matrix[:, :, i, j, h, w] = weight[:, :, *tap.offset, None, None]
    positions = windows.out[0] * windows.out[1]
    return Linear.from_arrays(
        weight=matrix.transpose(0, 2, 3, 1, 4, 5).reshape(outputs * positions, -1),
        bias=None if bias is None else np.repeat(bias, positions),
    )
