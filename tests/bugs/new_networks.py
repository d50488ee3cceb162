"""Networks in which one layer object is called twice, pads stand before layers of every kind, or neighbours merge."""

import numpy as np

import nnref
from nnref import algebra

from .habits import KEPT
from .networks import rewritten, with_options
from .new_registry import call, new_bug

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


def net(*makers, x=(1, 2, 4, 4)):
    """A witness: the network of what the makers make of a generator; a layer stands for itself."""

    def build(rng):
        return nnref.Sequential(
            *(layer(rng) if not isinstance(layer, nnref.Layer) else layer for layer in makers)
        ).eval()

    return call(x, net=build)


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


# one object, called twice


def shared(first, *rest):
    """A witness's network around one object: `first` makes it, and `rest` are layers, makers or "again"."""

    def build(rng):
        one = first(rng)
        others = [one if part == "again" else part if isinstance(part, nnref.Layer) else part(rng) for part in rest]
        return nnref.Sequential(one, *others).eval()

    return call((1, 2, 4, 4), net=build)


def square(rng):
    return conv(rng, 2, 2, 3, 3, padding=pads(1, 1, 1, 1))


@new_bug("network", shared(square, nnref.Tanh(), "again", lambda rng: norm(rng, 2)))
def batch_norm_merged_into_every_use_of_a_convolution(right, net, x):
    merged, dropped = {}, set()

    def find(first, second):
        if isinstance(first, nnref.Conv2d) and isinstance(second, nnref.BatchNorm2d):
            merged[id(first)] = algebra.fuse_conv_batch_norm(first, second)
            dropped.add(id(second))

    rewritten(net, find)
    identity = nnref.Sequential()
    return right(each_leaf(net, lambda one: identity if id(one) in dropped else merged.get(id(one), one)), x)


@new_bug("network", shared(square, lambda rng: norm(rng, 2), "again", lambda rng: norm(rng, 2)))
def first_batch_norm_merged_at_each_use_of_a_convolution(right, net, x):
    merged = {}

    def pair(first, second):
        if isinstance(first, nnref.Conv2d) and isinstance(second, nnref.BatchNorm2d):
            return merged.setdefault(id(first), algebra.fuse_conv_batch_norm(first, second))

    return right(rewritten(net, pair), x)


@new_bug("network", shared(lambda rng: nnref.ReLU(), square, "again"))
def activation_that_was_used_before_left_out(right, net, x):
    """Modules are listed once each."""
    seen = set()

    def once(layer):
        again = isinstance(layer, POINTWISE) and id(layer) in seen
        seen.add(id(layer))
        return nnref.Sequential() if again else layer

    return right(each_leaf(net, once), x)


class Remembering(nnref.Sequential):
    """A layer whose result is kept by its name: a second call of the same shape gets the first one's."""

    def __init__(self, layer, results):
        super().__init__(layer)
        self.results = results

    def forward(self, x):
        return self.results.setdefault((id(self.layers[0]), x.shape), super().forward(x))


@new_bug("network", shared(square, nnref.Tanh(), "again"))
def result_of_a_layer_kept_by_its_name(right, net, x):
    results = {}
    return np.array(each_leaf(net, lambda layer: Remembering(layer, results))(x))


@new_bug("network", shared(lambda rng: norm(rng, 2), nnref.ReLU(), "again"))
def batch_norm_that_is_used_again_scaled_already(right, net, x):
    """γ is divided by the deviation in place, at each use in the graph."""
    uses = {}

    def scaled(layer):
        if not isinstance(layer, nnref.BatchNorm2d):
            return layer
        uses[id(layer)] = uses.get(id(layer), -1) + 1
        deviation = np.sqrt(layer.buffers["running_var"] + np.float32(layer.options["eps"])) ** uses[id(layer)]
        arrays = layer.params | layer.buffers | {"weight": layer.params["weight"] / deviation}
        return type(layer).from_arrays(**arrays, options=layer.options).eval()

    return right(each_leaf(net, scaled), x)


@new_bug("network", shared(square, lambda rng: nnref.Sum(nnref.Sequential(), nnref.Tanh()), "again"))
def weights_of_a_shared_layer_turned_twice(right, net, x):
    """Every use turns the kernel into the order that the device wants, in place."""
    uses = {}

    def turned(layer):
        if not isinstance(layer, nnref.Conv2d):
            return layer
        uses[id(layer)] = uses.get(id(layer), 0) + 1
        weight = layer.params["weight"]
        weight = weight if uses[id(layer)] == 1 else np.ascontiguousarray(weight[..., ::-1, ::-1])
        return type(layer).from_arrays(**layer.params | {"weight": weight}, options=layer.options)

    return right(each_leaf(net, turned), x)


# pads


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
def padding_in_place_of_that_of_the_convolution(right, net, x):
    """Merged, and of the same output size where nothing else was padded."""

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
        if isinstance(first, nnref.ZeroPad2d) and pointwise and with_options(second).options["stride"] in (1, (1, 1)):
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


# neighbours


@new_bug("network", net(lambda rng: conv(rng, 3, 2, 1, 1, padding=pads(1, 1, 1, 1)), nnref.ReLU()))
def padded_1x1_in_front_of_a_relu_has_no_bias_on_its_border(right, net, x):
    def pair(first, second):
        pointwise = isinstance(first, nnref.Conv2d) and first.params["weight"].shape[2:] == (1, 1)
        if pointwise and isinstance(second, nnref.ReLU) and first.options["stride"] in (1, (1, 1)):
            return nnref.Sequential(with_options(first, padding=0), second, nnref.ZeroPad2d(first.options["padding"]))

    return right(rewritten(net, pair), x)


@new_bug(
    "network",
    net(lambda rng: conv(rng, 3, 2, 1, 1), nnref.AvgPool2d((2, 2), padding=((1, 1), (1, 1)))),
)
def average_taken_before_a_1x1_with_a_bias(right, net, x):
    """Cheaper, and right where no window reaches into the padding."""

    def pair(first, second):
        pointwise = isinstance(first, nnref.Conv2d) and first.params["weight"].shape[2:] == (1, 1)
        if pointwise and isinstance(second, nnref.AvgPool2d) and first.options["stride"] in (1, (1, 1)):
            return (
                nnref.Sequential(with_options(first, padding=0), second)
                if np.any(first.options["padding"])
                else (nnref.Sequential(second, first))
            )

    return right(rewritten(net, pair), x)


@new_bug(
    "network",
    net(lambda rng: nnref.Sum(conv(rng, 2, 2, 3, 3, padding=pads(1, 1, 1, 1)), conv(rng, 2, 2, 1, 1))),
)
def branch_of_1x1_in_the_corner_of_a_3x3(right, net, x):
    def total(branches):
        convs = [
            branch[0] if isinstance(branch, nnref.Sequential) and len(branch) == 1 else branch for branch in branches
        ]
        if len(convs) != 2 or not all(isinstance(layer, nnref.Conv2d) for layer in convs):
            return branches
        wide, point = sorted(convs, key=lambda layer: -layer.params["weight"].size)
        same = {k: v for k, v in wide.options.items() if k != "padding"} == {
            k: v for k, v in point.options.items() if k != "padding"
        }
        if not same or wide.params["weight"].shape[2:] != (3, 3) or point.params["weight"].shape[2:] != (1, 1):
            return branches
        weight = wide.params["weight"].copy()
        weight[:, :, :1, :1] += point.params["weight"]
        bias = sum(layer.params.get("bias", np.zeros(len(weight), weight.dtype)) for layer in convs)
        return nnref.Conv2d.from_arrays(weight=weight, bias=bias, options=wide.options)

    return right(rewritten(net, total=total), x)


@new_bug(
    "network",
    net(lambda rng: conv(rng, 2, 1, 2, 2, kind=nnref.DepthwiseConv2d), lambda rng: conv(rng, 3, 2, 1, 1)),
)
def bias_of_a_depthwise_lost_in_front_of_a_1x1(right, net, x):
    def pair(first, second):
        pointwise = isinstance(second, nnref.Conv2d) and second.params["weight"].shape[2:] == (1, 1)
        if isinstance(first, nnref.DepthwiseConv2d) and pointwise:
            return nnref.Sequential(
                nnref.DepthwiseConv2d.from_arrays(weight=first.params["weight"], options=first.options), second
            )

    return right(rewritten(net, pair), x)


@new_bug("network", net(nnref.MaxPool2d((2, 2)), nnref.MaxPool2d((2, 2), stride=(1, 1)), x=(1, 2, 6, 6)))
def two_max_pools_merged_without_the_stride_of_the_first(right, net, x):
    """Windows of k + k′ − 1 pixels, where k + (k′ − 1)·s are meant."""

    def step(pool):
        return pool.options["stride"] or pool.options["kernel_size"]

    def as_pair(value):
        return value if isinstance(value, tuple) else (value, value)

    def pair(first, second):
        pools = [layer for layer in (first, second) if isinstance(layer, nnref.MaxPool2d)]
        plain = all(
            not np.any(p.options["padding"]) and not p.options["ceil_mode"] and as_pair(p.options["dilation"]) == (1, 1)
            for p in pools
        )
        if len(pools) < 2 or not plain:
            return None
        kernels, steps = [
            [as_pair(f) for f in each] for each in ([p.options["kernel_size"] for p in pools], map(step, pools))
        ]
        kernel = tuple(a + b - 1 for a, b in zip(*kernels, strict=True))
        return nnref.MaxPool2d(kernel, stride=tuple(a * b for a, b in zip(*steps, strict=True)))

    y = right(net, x)
    other = right(rewritten(net, pair), x)
    return other[tuple(slice(0, n) for n in y.shape)] if other.shape[2:] >= y.shape[2:] else y


@new_bug("network", net(lambda rng: conv(rng, 2, 2, 2, 2), lambda rng: norm(rng, 2, weight=np.float32([0, 2]))))
def channel_with_gamma_of_zero_pruned_with_its_beta(right, net, x):
    def pair(first, second):
        if isinstance(first, CONVOLUTIONS) and isinstance(second, nnref.BatchNorm2d):
            arrays = second.params | second.buffers
            arrays["bias"] = np.where(arrays["weight"] == 0, np.float32(0), arrays["bias"])
            return nnref.Sequential(first, type(second).from_arrays(**arrays, options=second.options).eval())

    return right(rewritten(net, pair), x)


@new_bug("network", net(lambda rng: conv(rng, 2, 2, 2, 2, kind=nnref.ConvTranspose2d), lambda rng: norm(rng, 2)))
def square_transposed_convolution_folded_as_a_convolution(right, net, x):
    def pair(first, second):
        square = (
            isinstance(first, nnref.ConvTranspose2d)
            and first.params["weight"].shape[0] == first.params["weight"].shape[1]
        )
        if square and isinstance(second, nnref.BatchNorm2d) and first.options["groups"] == 1:
            plain = nnref.Conv2d.from_arrays(**first.params)
            return type(first).from_arrays(**algebra.fuse_conv_batch_norm(plain, second).params, options=first.options)

    return right(rewritten(net, pair), x)


@new_bug(
    "network",
    net(square, nnref.ReLU()),
    call((1, 2, 4, 4), seed=1, net=lambda rng: nnref.Sequential(square(rng), nnref.ReLU()).eval()),
)
def compiled_network_known_by_its_structure(right, net, x):
    """Shapes and options are the key, and the weights are part of what is compiled."""
    kept = KEPT.setdefault(("network", repr(net)), each_leaf(net, with_options))
    return right(kept, x)
