"""Networks in which one layer object is called twice, or in which neighbours merge."""

import numpy as np

import nnref
from nnref import algebra
from nnref.layer import leaves

from .habits import KEPT
from .networks import rewritten, with_options
from .new_nets import CONVOLUTIONS, POINTWISE, conv, each_leaf, net, norm, pads, shared, square
from .new_registry import new_bug


@new_bug("network", shared(square, nnref.Tanh(), "again", lambda rng: norm(rng, 2)))
def batch_norm_merged_into_every_use_of_a_convolution(right, net, x):
    """pytorch/pytorch#197539: one use has a batch norm behind it, and another has none."""
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
            return None if np.any(first.options["padding"]) else nnref.Sequential(second, first)

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
        if len(convs) != 2 or len(branches) != 2 or not all(isinstance(layer, nnref.Conv2d) for layer in convs):
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


def as_pair(value):
    return value if isinstance(value, tuple) else (value, value)


def unpadded(layer):
    o = layer.options
    return isinstance(layer, nnref.MaxPool2d) and not np.any(o["padding"]) and not o["ceil_mode"]


@new_bug(
    "network",
    net(nnref.MaxPool2d((2, 2)), nnref.MaxPool2d((2, 2), stride=(1, 1)), x=(1, 2, 6, 6), normal=True),
)
def two_max_pools_merged_without_the_stride_of_the_first(right, net, x):
    """Windows of k + k′ − 1 pixels, where k + (k′ − 1)·s are meant."""

    def pair(first, second):
        if not (unpadded(first) and unpadded(second)):
            return None
        kernels = [as_pair(pool.options["kernel_size"]) for pool in (first, second)]
        steps = [as_pair(pool.options["stride"] or pool.options["kernel_size"]) for pool in (first, second)]
        spread = {as_pair(pool.options["dilation"]) for pool in (first, second)}
        missing = tuple((k - 1) * (s - 1) for k, s in zip(kernels[1], steps[0], strict=True))
        kernel = tuple(a + b - 1 for a, b in zip(*kernels, strict=True))
        merged = nnref.MaxPool2d(kernel, stride=tuple(a * b for a, b in zip(*steps, strict=True)))
        return Cropped(missing, merged) if spread == {(1, 1)} else None

    return np.array(rewritten(net, pair)(x))


class Cropped(nnref.Sequential):
    """A layer that sees its image without the last rows and columns, so that its output has the right size."""

    def __init__(self, less, layer):
        super().__init__(layer)
        self.less = less

    def forward(self, x):
        return super().forward(x[:, :, : x.shape[2] - self.less[0], : x.shape[3] - self.less[1]])


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
        transposed = isinstance(first, nnref.ConvTranspose2d)
        if (
            transposed
            and len(set(first.params["weight"].shape[:2])) == 1
            and isinstance(second, nnref.BatchNorm2d)
            and first.options["groups"] == 1
        ):
            plain = nnref.Conv2d.from_arrays(**first.params)
            return type(first).from_arrays(**algebra.fuse_conv_batch_norm(plain, second).params, options=first.options)

    return right(rewritten(net, pair), x)


@new_bug("network", net(square, nnref.ReLU()), net(square, nnref.ReLU(), seed=1))
def compiled_network_known_by_its_structure(right, net, x):
    """Shapes and options are the key, and the weights are part of what is compiled."""
    kept = KEPT.setdefault(("network", repr(net)), each_leaf(net, with_options))
    return right(kept, x)


@new_bug(
    "network", net(nnref.Tanh(), nnref.GlobalAvgPool2d()), net(nnref.Tanh(), nnref.GlobalAvgPool2d(), x=(1, 2, 6, 4))
)
def global_average_compiled_for_the_first_image(right, net, x):
    key = repr(net)

    class Compiled(nnref.GlobalAvgPool2d):
        def forward(self, x):
            pixels = x.shape[2] * x.shape[3]
            kept = KEPT.setdefault(("global", key), pixels)
            return super().forward(x) if kept == pixels else super().forward(x) * np.float32(pixels / kept)

    return np.array(each_leaf(net, lambda layer: Compiled() if isinstance(layer, nnref.GlobalAvgPool2d) else layer)(x))


def one_object_twice(rng):
    one = square(rng)
    return nnref.Sum(one, one)


@new_bug("network", net(one_object_twice))
def branches_of_one_object_counted_once(right, net, x):
    def total(branches):
        return nnref.Sum(*{tuple(map(id, leaves(branch))): branch for branch in branches}.values()).eval()

    return right(rewritten(net, total=total), x)
