"""Whole networks, folded wrongly."""

import nnref
from nnref import algebra

from .registry import bug


def rewritten(layer, pair=lambda first, second: None, total=lambda branches: branches):
    """The network with neighbours replaced by `pair` of them, unless that is None, and each Sum by `total` of it."""
    if isinstance(layer, nnref.Sum):
        return total(nnref.Sum(*(rewritten(branch, pair, total) for branch in layer)))
    if not isinstance(layer, nnref.Sequential):
        return layer
    layers = []
    for part in (rewritten(part, pair, total) for part in layer):
        merged = pair(layers[-1], part) if layers else None
        layers[-1 if merged else len(layers) :] = [merged or part]
    return nnref.Sequential(*layers).eval()


def with_options(layer, **options):
    return type(layer).from_arrays(**layer.params, **layer.buffers, options=layer.options | options).eval()


@bug("network")
def bias_of_a_merged_convolution_not_scaled(right, net, x):
    def pair(conv, bn):
        if isinstance(conv, nnref.Conv2d) and isinstance(bn, nnref.BatchNorm2d) and "bias" in conv.params:
            merged = algebra.fuse_conv_batch_norm(nnref.Conv2d.from_arrays(weight=conv.params["weight"]), bn)
            bias = merged.params["bias"] + conv.params["bias"]
            return type(conv).from_arrays(weight=merged.params["weight"], bias=bias, options=conv.options)

    return right(rewritten(net, pair), x)


@bug("network")
def batch_norm_merged_into_a_padded_convolution(right, net, x):
    def pair(bn, conv):
        if isinstance(bn, nnref.BatchNorm2d) and isinstance(conv, nnref.Conv2d):
            merged = algebra.fuse_batch_norm_conv(bn, with_options(conv, padding=0))
            return with_options(merged, padding=conv.options["padding"])

    return right(rewritten(net, pair), x)


def pad_merged_into(kind):
    def pair(pad, pool):
        if isinstance(pad, nnref.ZeroPad2d) and isinstance(pool, kind):
            sides = zip(pad.options["padding"], pool.options["padding"], strict=True)
            return with_options(pool, padding=tuple((a + c, b + d) for (a, b), (c, d) in sides))

    return pair


@bug("network")
def padding_merged_into_a_max_pool(right, net, x):
    """onnxsim/onnxsim#290."""
    return right(rewritten(net, pad_merged_into(nnref.MaxPool2d)), x)


@bug("network")
def padding_merged_into_an_average_that_does_not_count_it(right, net, x):
    """microsoft/onnxruntime#22177, onnx/optimizer#108."""
    return right(rewritten(net, pad_merged_into(nnref.AvgPool2d)), x)


@bug("network")
def identity_dropped_beside_a_branch(right, net, x):
    return right(rewritten(net, total=lambda branches: branches if len(branches[0]) else branches[1]), x)


@bug("network")
def relu_moved_behind_the_sum(right, net, x):
    def total(branches):
        first, *others = branches
        if len(others) == 1 and isinstance(others[0][-1], nnref.ReLU):
            return nnref.Sequential(nnref.Sum(first, nnref.Sequential(*others[0][:-1])), nnref.ReLU())
        return branches

    return right(rewritten(net, total=total), x)


@bug("network")
def batch_norm_merged_across_a_relu(right, net, x):
    """pytorch/glow#5892."""

    def pair(relu, bn):
        if isinstance(relu, nnref.ReLU) and isinstance(bn, nnref.BatchNorm2d):
            return nnref.Sequential(bn, relu)

    return right(rewritten(net, pair), x)


@bug("network", hint="eps were 1e-5")
def eps_of_the_default(right, net, x):
    def default(layer):
        if isinstance(layer, nnref.Sum | nnref.Sequential):
            return type(layer)(*map(default, layer)).eval()
        return with_options(layer, eps=1e-5) if isinstance(layer, nnref.BatchNorm2d) else layer

    return right(default(net), x)


@bug("network")
def weights_changed_in_place(right, net, x):
    y = right(net, x)
    for array in net.params.values():
        if array.flags.writeable:
            array *= 2
    return y
