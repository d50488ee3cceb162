"""Explicit pads in front of layers of every kind, and padded 1×1 kernels, in networks."""

import numpy as np

import nnref

from .networks import rewritten, with_options
from .new_nets import POINTWISE, added, conv, net, norm, pad, pads
from .new_registry import new_bug


@new_bug("network", net(pad(1, 0, 0, 2), nnref.Sigmoid()))
def padding_moved_behind_an_activation(right, net, x):
    """Right for ReLU and tanh, which keep 0."""

    def pair(first, second):
        if isinstance(first, nnref.ZeroPad2d) and isinstance(second, POINTWISE):
            return nnref.Sequential(second, first)

    return right(rewritten(net, pair), x)


@new_bug("network", net(pad(1, 1, 0, 1), lambda rng: norm(rng, 2)))
def padding_moved_behind_a_batch_norm(right, net, x):
    def pair(first, second):
        if isinstance(first, nnref.ZeroPad2d) and isinstance(second, nnref.BatchNorm2d):
            return nnref.Sequential(second, first)

    return right(rewritten(net, pair), x)


@new_bug("network", net(pad(1, 0, 1, 0), lambda rng: conv(rng, 3, 2, 2, 2, padding=pads(1, 1, 0, 0))))
def merged_padding_shared_out_evenly(right, net, x):
    """Of the right sum, as a padding that an image of that size would get."""

    def pair(first, second):
        if isinstance(first, nnref.ZeroPad2d) and isinstance(second, nnref.Conv2d):
            both = added(first.options["padding"], second.options["padding"])
            halves = tuple((sum(side) // 2, sum(side) - sum(side) // 2) for side in both)
            return with_options(second, padding=halves)

    return right(rewritten(net, pair), x)


@new_bug("network", net(pad(0, 1, 0, 1), lambda rng: conv(rng, 2, 1, 3, 3, kind=nnref.DepthwiseConv2d, stride=(2, 2))))
def uneven_padding_in_front_of_a_strided_depthwise_moved(right, net, x):
    """((0, 1), (0, 1)), as converters write it, taken for ((1, 0), (1, 0))."""

    def pair(first, second):
        if isinstance(first, nnref.ZeroPad2d) and isinstance(second, nnref.DepthwiseConv2d):
            turned = tuple(side[::-1] for side in first.options["padding"])
            return with_options(second, padding=added(turned, second.options["padding"]))

    return right(rewritten(net, pair), x)


@new_bug("network", net(pad(1, 1, 1, 1), lambda rng: conv(rng, 2, 3, 3, 3, kind=nnref.ConvTranspose2d)))
def padding_in_front_of_a_transposed_convolution_cropped(right, net, x):
    """The pad becomes the padding of the layer, which cuts where the pad adds."""

    def pair(first, second):
        if isinstance(first, nnref.ZeroPad2d) and isinstance(second, nnref.ConvTranspose2d):
            return with_options(second, padding=added(first.options["padding"], second.options["padding"]))

    try:
        return right(rewritten(net, pair), x)
    except ValueError:
        return right(net, x)


@new_bug("network", net(pad(1, 0, 2, 0), nnref.GlobalAvgPool2d()))
def padding_in_front_of_a_global_average_left_out(right, net, x):
    def pair(first, second):
        if isinstance(first, nnref.ZeroPad2d) and isinstance(second, nnref.GlobalAvgPool2d):
            return nnref.Sequential(second)

    return right(rewritten(net, pair), x)


@new_bug("network", net(pad(1, 0, 0, 1), pad(1, 1, 2, 0), nnref.ReLU()))
def larger_of_two_paddings_for_both(right, net, x):
    def pair(first, second):
        if isinstance(first, nnref.ZeroPad2d) and isinstance(second, nnref.ZeroPad2d):
            sides = zip(first.options["padding"], second.options["padding"], strict=True)
            return nnref.ZeroPad2d(tuple((max(a, c), max(b, d)) for (a, b), (c, d) in sides))

    return right(rewritten(net, pair), x)


@new_bug("network", net(pad(1, 1, 1, 1), lambda rng: conv(rng, 3, 2, 1, 1)))
def padding_moved_behind_a_1x1_with_a_bias(right, net, x):
    """Right without a bias."""

    def pair(first, second):
        pointwise = isinstance(second, nnref.Conv2d) and second.params["weight"].shape[2:] == (1, 1)
        if isinstance(first, nnref.ZeroPad2d) and pointwise and second.options["stride"] in (1, (1, 1)):
            return nnref.Sequential(second, first)

    return right(rewritten(net, pair), x)


@new_bug("network", net(pad(1, 1, 0, 0), nnref.Flatten(), x=(2, 2, 2, 3)))
def padding_in_front_of_a_flatten_at_the_end_of_the_features(right, net, x):
    """The zeros come behind all channels and not around each."""

    class FlattenThenPad(nnref.Flatten):
        def forward(self, x):
            (top, bottom), (left, right_) = self.sides
            size = x.shape[1] * (x.shape[2] + top + bottom) * (x.shape[3] + left + right_)
            y = super().forward(x)
            return np.pad(y, ((0, 0), (0, size - y.shape[1])))

    def pair(first, second):
        if isinstance(first, nnref.ZeroPad2d) and isinstance(second, nnref.Flatten):
            layer = FlattenThenPad()
            layer.sides = first.options["padding"]
            return layer

    return np.array(rewritten(net, pair)(x))
