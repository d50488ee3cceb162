"""Layers and networks for the witnesses, and ways to rewrite a network."""

import numpy as np

import nnref

from .new_registry import call

POINTWISE = (nnref.ReLU, nnref.Sigmoid, nnref.Tanh)
CONVOLUTIONS = (nnref.Conv2d, nnref.DepthwiseConv2d)


def draw(rng, *shape):
    return (rng.integers(1, 4, shape) * rng.choice([-1, 1], shape)).astype(np.float32)


def conv(rng, *shape, kind=nnref.Conv2d, bias=True, **options):
    filters = shape[1] * options.get("groups", 1) if kind is nnref.ConvTranspose2d else shape[0]
    arrays = {"weight": draw(rng, *shape), "bias": draw(rng, filters) if bias else None}
    pads = {"padding": options.pop("padding", ((0, 0), (0, 0)))}
    return kind.from_arrays(**arrays, options=options | pads)


def norm(rng, channels, **changes):
    arrays = {"weight": draw(rng, channels), "bias": draw(rng, channels), "running_mean": draw(rng, channels)}
    arrays |= {"running_var": abs(draw(rng, channels))} | changes
    return nnref.BatchNorm2d.from_arrays(**arrays, options={"eps": 0.5})


def net(*makers, x=(1, 2, 4, 4), **how):
    """A witness: the network of what the makers make of a generator; a layer stands for itself."""

    def build(rng):
        return nnref.Sequential(
            *(layer(rng) if not isinstance(layer, nnref.Layer) else layer for layer in makers)
        ).eval()

    return call(x, net=build, **how)


def pads(top, bottom, left, right):
    return ((top, bottom), (left, right))


def pad(*sides):
    return nnref.ZeroPad2d(pads(*sides))


def each_leaf(layer, function):
    """The network with `function` of every use of a layer in its place, in the order of calls."""
    if isinstance(layer, nnref.Sum | nnref.Sequential):
        return type(layer)(*(each_leaf(part, function) for part in layer)).eval()
    return function(layer)


def added(first, second):
    return tuple((a + c, b + d) for (a, b), (c, d) in zip(first, second, strict=True))


def square(rng):
    return conv(rng, 2, 2, 3, 3, padding=pads(1, 1, 1, 1))


def shared(first, *rest):
    """A witness's network around one object: `first` makes it, and `rest` are layers, makers or "again"."""

    def build(rng):
        one = first(rng)
        others = [one if part == "again" else part if isinstance(part, nnref.Layer) else part(rng) for part in rest]
        return nnref.Sequential(one, *others).eval()

    return call((1, 2, 4, 4), net=build)
