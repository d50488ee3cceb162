"""The definition against PyTorch in float64, on data whose every intermediate result is exact."""

import itertools

import numpy as np
import pytest

from nnref.oracle import Declaration
from nnref.oracle.targets import definition

from .tolerance import assert_within, bounds_of

torch = pytest.importorskip("torch")
F = torch.nn.functional

SEEDS = pytest.mark.parametrize("seed", range(25))
NAN, INF = np.nan, np.inf
FLOAT64 = Declaration().precision("float64")


def integers(rng, *shape, scale=1):
    return scale * rng.integers(-4, 5, shape).astype(np.float64)


def pair(rng, low, high):
    return int(rng.integers(low, high)), int(rng.integers(low, high))


def image_for(rng, kernel, padding, dilation):
    """A random image on which at least one window fits."""
    return tuple(
        int(max(1, d * (k - 1) + 1 - sum(p)) + rng.integers(0, 4))
        for k, p, d in zip(kernel, padding, dilation, strict=True)
    )


def assert_matches(name, reference, rng, arrays, scale=1, exact=True, **options):
    """f and f_backward equal `reference` and its autograd derivative, for a random cotangent."""
    __tracebackhide__ = True
    tensors = [None if a is None else torch.tensor(a, requires_grad=True) for a in arrays]
    y = reference(*tensors)
    dy = integers(rng, *y.shape, scale=scale)
    y.backward(torch.tensor(dy))
    expected = [y.detach(), *(None if t is None else t.grad for t in tensors)]
    got = [
        getattr(definition, name)(*arrays, **options),
        *getattr(definition, name + "_backward")(dy, *arrays, **options),
    ]
    assert len(got) == len(expected)
    for part, (ours, theirs) in enumerate(zip(got, expected, strict=True)):
        message = f"{name}: result {part} of (y, gradients...) with {options}"
        if theirs is None:
            assert ours is None, message
            continue
        if exact:
            np.testing.assert_array_equal(ours, theirs.numpy(), err_msg=message, strict=True)
        else:  # each may be off by the bound
            assert_within(ours, theirs.numpy(), 2 * bounds_of(name, dy, arrays, FLOAT64, **options)[part], message)


def pad(x, padding, value=0.0):
    (top, bottom), (left, right) = padding
    return F.pad(x, (left, right, top, bottom), value=value)


# convolution


def conv_options(rng):
    return {
        "stride": pair(rng, 1, 4),
        "padding": (pair(rng, 0, 4), pair(rng, 0, 4)),
        "dilation": pair(rng, 1, 4),
    }


@SEEDS
def test_conv2d(seed):
    rng = np.random.default_rng(seed)
    options, kernel, groups = conv_options(rng), pair(rng, 1, 4), int(rng.integers(1, 4))
    image = image_for(rng, kernel, options["padding"], options["dilation"])
    filters, channels = (groups * int(rng.integers(1, 3)) for _ in range(2))
    x = integers(rng, int(rng.integers(1, 3)), channels, *image)
    weight = integers(rng, filters, channels // groups, *kernel)
    bias = integers(rng, filters) if seed % 3 else None

    def reference(x, weight, bias):
        padded = pad(x, options["padding"])
        return F.conv2d(padded, weight, bias, options["stride"], 0, options["dilation"], groups)

    assert_matches("conv2d", reference, rng, (x, weight, bias), groups=groups, **options)


@SEEDS
def test_depthwise_conv2d(seed):
    rng = np.random.default_rng(seed)
    options, kernel = conv_options(rng), pair(rng, 1, 4)
    image = image_for(rng, kernel, options["padding"], options["dilation"])
    channels, multiplier = pair(rng, 1, 4)
    x = integers(rng, 2, channels, *image)
    weight = integers(rng, channels * multiplier, 1, *kernel)
    bias = integers(rng, channels * multiplier) if seed % 3 else None

    def reference(x, weight, bias):
        padded = pad(x, options["padding"])
        return F.conv2d(padded, weight, bias, options["stride"], 0, options["dilation"], channels)

    assert_matches("depthwise_conv2d", reference, rng, (x, weight, bias), **options)


@SEEDS
def test_conv_transpose2d(seed):
    rng = np.random.default_rng(seed)
    options, kernel, groups = conv_options(rng), pair(rng, 1, 4), int(rng.integers(1, 4))
    stride, padding, dilation = options["stride"], options["padding"], options["dilation"]
    symmetric = seed % 2 == 0
    if symmetric:
        padding = options["padding"] = tuple((before, before) for before, _ in padding)
    output_padding = tuple(int(rng.integers(0, max(stride[d], dilation[d]))) for d in (0, 1))
    small = tuple(  # an input whose output has at least one pixel
        1 + -(-max(0, sum(padding[d]) - dilation[d] * (kernel[d] - 1)) // stride[d]) for d in (0, 1)
    )
    filters, channels = (groups * int(rng.integers(1, 3)) for _ in range(2))
    x = integers(rng, 2, filters, *(side + int(rng.integers(0, 3)) for side in small))
    weight = integers(rng, filters, channels // groups, *kernel)
    bias = integers(rng, channels) if seed % 3 else None

    def reference(x, weight, bias):
        if symmetric:
            before = [p[0] for p in padding]
            return F.conv_transpose2d(x, weight, bias, stride, before, output_padding, groups, dilation)
        y = F.conv_transpose2d(x, weight, None, stride, 0, 0, groups, dilation)
        y = pad(y, [(-p[0], o - p[1]) for p, o in zip(padding, output_padding, strict=True)])
        return y if bias is None else y + bias[:, None, None]

    assert_matches(
        "conv_transpose2d",
        reference,
        rng,
        (x, weight, bias),
        output_padding=output_padding,
        groups=groups,
        **options,
    )


# batch norm


def statistics(rng, channels):
    gamma, beta, mean = (integers(rng, channels) for _ in range(3))
    var = rng.choice([1.0, 13.0, 61.0], channels)  # with eps = 3 the square roots are 2, 4, 8
    return gamma, beta, mean, var


@SEEDS
def test_batch_norm2d(seed):
    rng = np.random.default_rng(seed)
    x = integers(rng, *rng.integers(1, 4, 4))
    arrays = (x, *statistics(rng, x.shape[1]))

    def reference(x, gamma, beta, mean, var):
        scale = gamma / torch.sqrt(var + 3.0)
        return (x - mean[:, None, None]) * scale[:, None, None] + beta[:, None, None]

    assert_matches("batch_norm2d", reference, rng, arrays, eps=3.0)
    gamma, beta, mean, var = map(torch.tensor, arrays[1:])
    expected = F.batch_norm(torch.tensor(x), mean, var, gamma, beta, eps=3.0)
    np.testing.assert_array_equal(definition.batch_norm2d(*arrays, eps=3.0), expected.numpy())


@SEEDS
def test_normalize2d(seed):
    rng = np.random.default_rng(seed)
    x = integers(rng, *rng.integers(1, 4, 4))
    arrays = (x, *(integers(rng, x.shape[1]) for _ in range(4)))

    def reference(x, gamma, beta, mean, inv_std):
        gamma, beta, mean, inv_std = (p[:, None, None] for p in (gamma, beta, mean, inv_std))
        return gamma * (x - mean) * inv_std + beta

    assert_matches("normalize2d", reference, rng, arrays)


def torch_batch_norm_train(eps):
    return lambda x, gamma, beta: F.batch_norm(x, None, None, gamma, beta, True, 0.1, eps)


@SEEDS
def test_batch_norm2d_train_exactly(seed):
    """Half of the pixels at mu - a, half at mu + a, and a^2 + 15 = 16 or 64: all is dyadic."""
    rng = np.random.default_rng(seed)
    batch, channels, height, width = 2, 3, 2 ** int(rng.integers(0, 3)), 2
    signs = np.repeat([-1.0, 1.0], batch * height * width // 2)
    x = np.stack([rng.integers(-9, 10) + rng.choice([1, 7]) * rng.permutation(signs) for _ in range(channels)])
    x = x.reshape(channels, batch, height, width).swapaxes(0, 1)
    arrays = (x, integers(rng, channels), integers(rng, channels))
    assert_matches("batch_norm2d_train", torch_batch_norm_train(15.0), rng, arrays, eps=15.0)


@SEEDS
def test_batch_norm2d_train(seed):
    rng = np.random.default_rng(seed)
    x = 3 + 2 * rng.standard_normal((2, *rng.integers(1, 5, 3)))
    arrays = (x, *rng.standard_normal((2, x.shape[1])))
    reference = torch_batch_norm_train(1e-2)
    assert_matches("batch_norm2d_train", reference, rng, arrays, exact=False, eps=1e-2)


# pooling; multiples of 36 divide exactly by every count of up to 3 x 3 taps


def pool_options(rng, dilation=(1, 1)):
    kernel = pair(rng, 1, 4)
    padding = (pair(rng, 0, kernel[0] // 2 + 1), pair(rng, 0, kernel[1] // 2 + 1))
    options = {"kernel_size": kernel, "stride": pair(rng, 1, 4), "padding": padding}
    return options, image_for(rng, kernel, padding, dilation)


def symmetric(options, rng, dilation=(1, 1)):
    padding = tuple((before, before) for before, _ in options["padding"])
    image = image_for(rng, options["kernel_size"], padding, dilation)
    return options | {"padding": padding}, image


@SEEDS
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_avg_pool2d(seed, ceil_mode, count_include_pad):
    rng = np.random.default_rng(seed)
    options, image = symmetric(pool_options(rng)[0], rng)
    kernel, stride = options["kernel_size"], options["stride"]
    before = [p[0] for p in options["padding"]]

    def reference(x):
        return F.avg_pool2d(x, kernel, stride, before, ceil_mode, count_include_pad)

    flags = {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad}
    x = integers(rng, 2, 2, *image, scale=36)
    assert_matches("avg_pool2d", reference, rng, (x,), scale=36, **flags, **options)


@SEEDS
@pytest.mark.parametrize("count_include_pad", [False, True])
def test_avg_pool2d_with_asymmetric_padding(seed, count_include_pad):
    rng = np.random.default_rng(seed)
    options, image = pool_options(rng)
    kernel, stride, padding = options["kernel_size"], options["stride"], options["padding"]

    def reference(x):
        total = F.avg_pool2d(pad(x, padding), kernel, stride, divisor_override=1)
        counted = pad(torch.ones_like(x), padding, value=float(count_include_pad))
        return total / F.avg_pool2d(counted, kernel, stride, divisor_override=1)

    flags = {"ceil_mode": False, "count_include_pad": count_include_pad}
    x = integers(rng, 2, 2, *image, scale=36)
    assert_matches("avg_pool2d", reference, rng, (x,), scale=36, **flags, **options)


def assert_max_pool_matches(x, rng, dilation, ceil_mode, **options):
    """Skip the gradient where a window lies wholly in padding: PyTorch's is out of bounds there."""
    __tracebackhide__ = True
    kernel, stride = options["kernel_size"], options["stride"]
    symmetric = all(before == after for before, after in options["padding"])

    def reference(x):
        if symmetric:
            before = [p[0] for p in options["padding"]]
            return F.max_pool2d(x, kernel, stride, before, dilation, ceil_mode)
        return F.max_pool2d(pad(x, options["padding"], -INF), kernel, stride, 0, dilation, ceil_mode)

    options |= {"dilation": dilation, "ceil_mode": ceil_mode}
    if np.isinf(definition.max_pool2d(np.zeros(x.shape), **options)).any():
        expected = reference(torch.tensor(x)).numpy()
        np.testing.assert_array_equal(definition.max_pool2d(x, **options), expected)
    else:
        assert_matches("max_pool2d", reference, rng, (x,), **options)


@SEEDS
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_max_pool2d_with_ties_nan_and_infinities(seed, ceil_mode):
    rng = np.random.default_rng(seed)
    dilation = pair(rng, 1, 3)
    options, image = symmetric(pool_options(rng)[0], rng, dilation)
    for values in ([0, 1, 2], [NAN, 0, 1], [-INF, -INF, 0], [-INF], [NAN, INF, -INF, 1, 2]):
        x = rng.choice(np.array(values, dtype=np.float64), (2, 2, *image))
        assert_max_pool_matches(x, rng, dilation, ceil_mode, **options)


@SEEDS
def test_max_pool2d_with_asymmetric_padding(seed):
    rng = np.random.default_rng(seed)
    dilation = pair(rng, 1, 3)
    options, image = pool_options(rng, dilation)
    assert_max_pool_matches(integers(rng, 2, 2, *image), rng, dilation, False, **options)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_every_small_geometry_of_pooling_along_one_axis(ceil_mode):
    rng, count = np.random.default_rng(0), 0
    for image, kernel, stride, dilation in itertools.product(range(1, 7), (1, 2, 3), (1, 2, 3), (1, 2)):
        for before in range(kernel // 2 + 1):
            if image + 2 * before < dilation * (kernel - 1) + 1:
                continue
            count += 1
            geometry = {
                "kernel_size": (kernel, 1),
                "stride": (stride, 1),
                "padding": ((before, before), (0, 0)),
            }
            x = integers(rng, 1, 1, image, 1, scale=36)
            assert_max_pool_matches(x, rng, (dilation, 1), ceil_mode, **geometry)
            for count_include_pad in (False, True) if dilation == 1 else ():
                flags = {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad}
                arguments = (kernel, 1), (stride, 1), (before, 0), ceil_mode, count_include_pad

                def reference(x, arguments=arguments):
                    return F.avg_pool2d(x, *arguments)

                assert_matches("avg_pool2d", reference, rng, (x,), scale=36, **flags, **geometry)
    assert count > 100


@SEEDS
def test_global_avg_pool2d(seed):
    rng = np.random.default_rng(seed)
    batch, channels, height, width = map(int, rng.integers(1, 6, 4))
    x = integers(rng, batch, channels, height, width, scale=height * width)
    reference = lambda x: F.adaptive_avg_pool2d(x, 1)  # noqa: E731
    assert_matches("global_avg_pool2d", reference, rng, (x,), scale=height * width)


# activations


def test_relu_keeps_nan_and_the_sign_of_zero():
    special = [NAN, -0.0, 0.0, INF, -INF, 2.0, -2.0, 5e-324, -5e-324]
    x = np.array(special)
    assert_matches("relu", torch.relu, np.random.default_rng(0), (x,))
    signs = np.signbit(torch.relu(torch.tensor(x)).numpy())
    np.testing.assert_array_equal(np.signbit(definition.relu(x))[1:], signs[1:])


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_sigmoid_and_tanh(name):
    rng = np.random.default_rng(0)
    ends = [NAN, INF, -INF, 0.0, -0.0, 40.0, -40.0, 700.0, -700.0, 800.0, -800.0, 1e300, -1e300]
    x = np.concatenate([rng.standard_normal(200) * 10.0 ** rng.uniform(-9, 2, 200), ends])
    assert_matches(name, getattr(torch, name), rng, (x,), exact=False)
    got, expected = getattr(definition, name)(x), getattr(torch, name)(torch.tensor(x)).numpy()
    np.testing.assert_array_max_ulp(got[1 : -len(ends)], expected[1 : -len(ends)], maxulp=4)


# head


@SEEDS
def test_linear(seed):
    rng = np.random.default_rng(seed)
    batch, inputs, outputs = map(int, rng.integers(1, 6, 3))
    bias = integers(rng, outputs) if seed % 3 else None
    arrays = (integers(rng, batch, inputs), integers(rng, outputs, inputs), bias)
    assert_matches("linear", F.linear, rng, arrays)


@SEEDS
def test_flatten_and_zero_pad2d(seed):
    rng = np.random.default_rng(seed)
    x = integers(rng, *rng.integers(1, 4, 4))
    padding = (pair(rng, 0, 3), pair(rng, 0, 3))
    assert_matches("flatten", lambda x: torch.flatten(x, 1), rng, (x,))
    assert_matches("zero_pad2d", lambda x: pad(x, padding), rng, (x,), padding=padding)


@SEEDS
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_softmax_cross_entropy(seed, reduction):
    rng = np.random.default_rng(seed)
    batch, classes = map(int, rng.integers(1, 6, 2))
    x = 10.0 ** rng.uniform(-3, 3) * rng.standard_normal((batch, classes))
    target = rng.integers(0, classes, batch)

    def reference(x):
        return F.cross_entropy(x, torch.tensor(target), reduction=reduction)

    assert_matches(
        "softmax_cross_entropy",
        reference,
        rng,
        (x,),
        exact=False,
        target=target,
        reduction=reduction,
    )


@pytest.mark.parametrize("row", [[INF, 0], [-INF, 0], [-INF, -INF], [NAN, 0], [1e308, -1e308]])
def test_softmax_cross_entropy_of_special_rows(row):
    x, target = np.array([row], dtype=np.float64), np.array([0])
    assert_matches(
        "softmax_cross_entropy",
        lambda x: F.cross_entropy(x, torch.tensor(target)),
        np.random.default_rng(0),
        (x,),
        target=target,
        reduction="mean",
    )


# folds: the folded layer equals the two in a row, bit by bit on dyadic statistics


@SEEDS
@pytest.mark.parametrize("transpose", [False, True])
def test_folded_convolution_is_convolution_then_batch_norm(seed, transpose):
    rng = np.random.default_rng(seed)
    groups, each_in, each_out = map(int, rng.integers(1, 4, 3))
    inputs, outputs = groups * each_in, groups * each_out
    x = integers(rng, 2, inputs, 4, 3)
    weight = integers(rng, inputs if transpose else outputs, each_out if transpose else each_in, 2, 2)
    bias = integers(rng, outputs) if seed % 3 else None
    parameters = statistics(rng, outputs)
    if transpose:
        convolve = lambda w, b: F.conv_transpose2d(  # noqa: E731
            torch.tensor(x), torch.tensor(w), None if b is None else torch.tensor(b), groups=groups
        )
        fold = definition.fold_conv_transpose_batch_norm
        folded = fold(weight, bias, *parameters, eps=3.0, groups=groups)
    else:
        convolve = lambda w, b: F.conv2d(  # noqa: E731
            torch.tensor(x), torch.tensor(w), None if b is None else torch.tensor(b), groups=groups
        )
        folded = definition.fold_conv_batch_norm(weight, bias, *parameters, eps=3.0)
    gamma, beta, mean, var = map(torch.tensor, parameters)
    expected = F.batch_norm(convolve(weight, bias), mean, var, gamma, beta, eps=3.0)
    np.testing.assert_array_equal(convolve(*folded).numpy(), expected.numpy())
