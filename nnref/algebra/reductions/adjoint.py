"""A transposed convolution is the adjoint of a convolution: ⟨conv(z), x⟩ = ⟨z, conv_transpose(x)⟩.

Source: Dumoulin & Visin, A guide to convolution arithmetic for deep learning (arXiv:1603.07285), chapter 4.
"""

from __future__ import annotations

from ...errors import OptionError, refuse
from ...layers.conv2d import Conv2d
from ...layers.conv_transpose2d import ConvTranspose2d
from ...options import pair
from .common import expect_conv, steps_of

__all__ = ["conv_transpose_as_adjoint"]


def conv_transpose_as_adjoint(conv: ConvTranspose2d) -> Conv2d:
    """The convolution of which `conv`, without its bias, is the adjoint: it has the same weight and options.

    output_padding has no counterpart, because it adds the pixels that the strided convolution drops.

    Raises
    ------
    OptionError : output_padding reaches the stride, as a dilation allows; the convolution then has a further window.

    >>> conv_transpose_as_adjoint(ConvTranspose2d(8, 3, 2, stride=2))
    Conv2d(weight=(8, 3, 2, 2), stride=2, padding=0, dilation=1, groups=1)
    """
    expect_conv("conv_transpose_as_adjoint", "conv", conv, ConvTranspose2d)
    extra = pair("conv_transpose_as_adjoint", "output_padding", conv.options["output_padding"], least=0)
    steps = steps_of(conv, "stride")
    if any(more >= step for more, step in zip(extra, steps, strict=True)):
        expected = f"below the stride {steps}, so that the convolution has no further window"
        refuse(OptionError, "conv_transpose_as_adjoint", "output_padding", expected, extra)
    options = {name: value for name, value in conv.options.items() if name != "output_padding"}
    return Conv2d.from_arrays(weight=conv.params["weight"], options=options)
