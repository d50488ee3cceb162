"""A transposed convolution is the adjoint of a convolution: ⟨conv(z), x⟩ = ⟨z, conv_transpose(x)⟩.

Source: Dumoulin & Visin, A guide to convolution arithmetic for deep learning (arXiv:1603.07285), chapter 4.
"""

from __future__ import annotations

from ...layers.conv2d import Conv2d
from ...layers.conv_transpose2d import ConvTranspose2d
from .common import expect_conv

__all__ = ["conv_transpose_as_adjoint"]


def conv_transpose_as_adjoint(conv: ConvTranspose2d) -> Conv2d:
    """The convolution of which `conv`, without its bias, is the adjoint: it has the same weight and options.

    output_padding has no counterpart, because it adds the pixels that the strided convolution drops.

    >>> conv_transpose_as_adjoint(ConvTranspose2d(8, 3, 2, stride=2))
    Conv2d(weight=(8, 3, 2, 2), stride=2, padding=0, dilation=1, groups=1)
    """
    expect_conv("conv_transpose_as_adjoint", "conv", conv, ConvTranspose2d)
    options = {name: value for name, value in conv.options.items() if name != "output_padding"}
    return Conv2d.from_arrays(weight=conv.params["weight"], options=options)
