"""Reductions refuse layers that do not fit, and say why."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from nnref import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    DepthwiseConv2d,
    DTypeError,
    Linear,
    MaxPool2d,
    OptionError,
    ReLU,
    Sequential,
    ShapeError,
    StateError,
    Sum,
    ZeroPad2d,
)
from nnref import algebra as a
from nnref.arithmetic import Rational


def shifted_batch_norm(channels: int) -> BatchNorm2d:
    bn = BatchNorm2d(channels).eval()
    bn.params["bias"] += 1
    return bn


def double(layer: Any) -> Any:
    return type(layer).from_arrays(**{n: v.astype(float) for n, v in layer.params.items()}, options=layer.options)


def filled(element: Any) -> Conv2d:
    return Conv2d.from_arrays(weight=np.full((1, 1, 1, 1), element, object))


CONV, TRAINING, NORM = Conv2d(2, 3, 3), BatchNorm2d(3), BatchNorm2d(3).eval()
UNCOUNTED = AvgPool2d(2, padding=1, count_include_pad=False)
UP = ConvTranspose2d(3, 3, 2)
FLAT = BatchNorm2d(1).eval()
FLAT.params["weight"][...] = 0
SAME = Conv2d(2, 3, 3, stride=2, padding="same")
SQUARE = Conv2d(3, 3, 1)
HALF_BIASED = Conv2d.from_arrays(weight=np.ones((2, 1, 1, 1), np.float32), bias=np.ones(2))
THIRDS = Conv2d.from_arrays(weight=np.ones((4, 1, 1, 1)), options={"groups": 3})
LONG_BIAS = Conv2d.from_arrays(weight=np.ones((4, 1, 1, 1)), bias=np.ones(5))
FLAT_FILTERS = Conv2d.from_arrays(weight=np.ones((2, 3)))
SHORT_BETA = BatchNorm2d.from_arrays(
    weight=np.ones(2), bias=np.ones(1), running_mean=np.ones(2), running_var=np.ones(2)
).eval()

REFUSED: tuple[tuple[Callable[[], Any], type[Exception], str], ...] = (
    (lambda: a.fuse_conv_batch_norm(CONV, TRAINING), StateError, "not affine: it divides by the standard deviation of"),
    (lambda: a.batch_norm_as_depthwise(TRAINING), StateError, "bn must be in evaluation mode .* got training mode"),
    (lambda: a.padding_before_batch_norm(TRAINING), StateError, "no fixed weight can replace it"),
    (lambda: a.fuse_batch_norm_conv(BatchNorm2d(2), CONV), StateError, "not affine"),
    (lambda: a.fuse_batch_norms(TRAINING, NORM), StateError, "not affine"),
    (lambda: a.fuse_batch_norms(NORM, TRAINING), StateError, "not affine"),
    (lambda: a.fuse_batch_norms(NORM, BatchNorm2d(2).eval()), ShapeError, "bn must be of 3 channels, got 2"),
    (lambda: a.fuse_batch_norms(NORM, CONV), OptionError, "bn must be BatchNorm2d, got Conv2d"),  # type: ignore[arg-type]
    (lambda: a.fuse_conv_transpose_batch_norm(ConvTranspose2d(2, 3, 2), TRAINING), StateError, "not affine"),
    (lambda: a.fuse_conv_batch_norm(CONV, BatchNorm2d(2).eval()), ShapeError, "bn must be of 3 channels, got 2"),
    (lambda: a.fuse_batch_norm_conv(NORM, CONV), ShapeError, "bn must be of 2 channels, got 3 channels"),
    (lambda: a.fuse_conv_transpose_batch_norm(ConvTranspose2d(3, 2, 2), NORM), ShapeError, "of 2 channels"),
    (
        lambda: a.fuse_conv_batch_norm(double(CONV), NORM),
        DTypeError,
        "norm: bn.weight must be of the dtype of conv.weight",
    ),
    (
        lambda: a.sum_of_convs(CONV, double(CONV)),
        DTypeError,
        r"convs\[1\].weight must be of the dtype of convs",
    ),
    (lambda: a.compose_convs(CONV, double(SQUARE)), DTypeError, "second.weight must be of the dtype of first.weight"),
    (lambda: a.reparameterize(Sum(SQUARE, double(SQUARE))), DTypeError, r"convs\[1\].weight must be of the dtype of"),
    (
        lambda: a.sum_of_convs(filled(Rational(1)), filled(Decimal(1))),
        DTypeError,
        "mix with .* Rational, got Dec",
    ),
    (lambda: a.sum_of_convs(filled(1), filled(1)), DTypeError, "exact elements: Fraction, Decimal .*, got int"),
    (
        lambda: a.compose_convs(HALF_BIASED, CONV),
        DTypeError,
        "first.bias must be of the dtype of first.weight",
    ),
    (lambda: a.grouped_as_dense(THIRDS), OptionError, "conv.groups must be a divisor of the 4 filters, got 3"),
    (lambda: a.grouped_as_dense(LONG_BIAS), ShapeError, r"conv.bias must be \(4,\), got shape \(5,\)"),
    (lambda: a.fuse_pad_conv(ZeroPad2d(1), FLAT_FILTERS), ShapeError, r"conv.weight must be \(K, C//groups, kh, kw\)"),
    (
        lambda: a.batch_norm_as_depthwise(BatchNorm2d(1, eps=-1).eval()),
        OptionError,
        "eps must be a finite number",
    ),
    (lambda: a.batch_norm_as_depthwise(SHORT_BETA), ShapeError, r"beta must be \(2,\), got shape \(1,\)"),
    (lambda: a.reparameterize(CONV), OptionError, "block must be Sum, got Conv2d"),  # type: ignore[arg-type]
    (lambda: a.identity_as_conv(0), OptionError, "channels must be an int, at least 1, got 0"),
    (lambda: a.identity_as_conv(2, dtype=int), DTypeError, "identity_as_conv: dtype must be float16, float32"),
    (lambda: a.avg_pool_as_conv(AvgPool2d(2), 0), OptionError, "channels must be an int, at least 1, got 0"),
    (lambda: a.avg_pool_as_conv(AvgPool2d(2), 2, dtype=int), DTypeError, "dtype must be float16, float32"),
    (lambda: a.max_pool_as_max_plus_conv(MaxPool2d(2), 0), OptionError, "channels must be an int, at least 1, got 0"),
    (lambda: a.global_avg_pool_as_conv(2, (0, 3)), OptionError, "image must be int or .*, at least 1, got"),
    (lambda: a.linear_as_conv(Linear(4, 2), (0, 2)), OptionError, "image must be int or .*, at least 1, got"),
    (lambda: a.conv_as_linear(CONV, ("a", 2)), OptionError, "image must be int or .*, got"),  # type: ignore[arg-type]
    (
        lambda: a.fuse_batch_norm_conv(shifted_batch_norm(2), Conv2d(2, 3, 3, padding=1)),
        OptionError,
        "padding is 0 after the batch norm, but a 0 before it would come out as g",
    ),
    (lambda: a.fuse_batch_norm_conv(shifted_batch_norm(2), SAME), OptionError, "depends on the image"),
    (
        lambda: a.fuse_batch_norm_conv(NORM, DepthwiseConv2d(2, 1)),
        ShapeError,
        "multiple of the 3 channels of bn, got 2",
    ),
    (lambda: a.fuse_pad_conv(ZeroPad2d(1), SAME), OptionError, 'padding must be in pixels, got "same" with stride'),
    (lambda: a.fuse_pad_avg_pool(ZeroPad2d(1), UNCOUNTED), OptionError, "pixels like any other and count"),
    (
        lambda: a.fuse_pad_avg_pool(ZeroPad2d(1), AvgPool2d(2, count_include_pad=False)),
        OptionError,
        "divides by fewer pixels at the border",
    ),
    (
        lambda: a.fuse_pad_avg_pool(ZeroPad2d(1), AvgPool2d(2, ceil_mode=True)),
        OptionError,
        "one that starts in the pool's own padding is dropped",
    ),
    (lambda: a.avg_pool_as_depthwise(UNCOUNTED, 1), OptionError, "linear, but not shift-invariant"),
    (lambda: a.avg_pool_as_conv(UNCOUNTED, 1), OptionError, "a convolution has the same weights everywhere"),
    (lambda: a.avg_pool_as_conv(AvgPool2d(2, ceil_mode=True), 1), OptionError, "may hang over the end"),
    (lambda: a.max_pool_as_max_plus_conv(MaxPool2d(2, ceil_mode=True), 1), OptionError, "may hang over the end"),
    (lambda: a.fuse_conv_batch_norm(UP, NORM), OptionError, "Conv2d or DepthwiseConv2d, got ConvTranspose2d"),
    (lambda: a.fuse_conv_batch_norm(CONV, CONV), OptionError, "bn must be BatchNorm2d, got Conv2d"),
    (lambda: a.fuse_conv_transpose_batch_norm(CONV, NORM), OptionError, "conv must be ConvTranspose2d, got Conv2d"),
    (lambda: a.fuse_batch_norm_conv(NORM, UP), OptionError, "Conv2d or DepthwiseConv2d, got ConvTranspose2d"),
    (lambda: a.fuse_pad_conv(ZeroPad2d(1), UP), OptionError, "Conv2d or DepthwiseConv2d, got ConvTranspose2d"),
    (lambda: a.fuse_pad_avg_pool(ZeroPad2d(1), MaxPool2d(2)), OptionError, "pool must be AvgPool2d, got MaxPool2d"),
    (lambda: a.compose_convs(UP, CONV), OptionError, "first must be Conv2d or DepthwiseConv2d, got ConvTranspose2d"),
    (lambda: a.compose_convs(CONV, UP), OptionError, "second must be Conv2d or DepthwiseConv2d, got ConvTranspose2d"),
    (lambda: a.sum_of_convs(UP), OptionError, r"convs\[0\] must be Conv2d, got ConvTranspose2d"),
    (lambda: a.grouped_as_dense(UP), OptionError, "conv must be Conv2d, got ConvTranspose2d"),
    (lambda: a.depthwise_as_conv(CONV), OptionError, "conv must be DepthwiseConv2d, got Conv2d"),
    (lambda: a.conv_as_linear(UP, (4, 4)), OptionError, "Conv2d or DepthwiseConv2d, got ConvTranspose2d"),
    (lambda: a.linear_as_conv(CONV), OptionError, "linear must be Linear, got Conv2d"),
    (lambda: a.conv_transpose_as_adjoint(CONV), OptionError, "conv must be ConvTranspose2d, got Conv2d"),
    (lambda: a.avg_pool_as_conv(MaxPool2d(2), 1), OptionError, "pool must be AvgPool2d, got MaxPool2d"),
    (lambda: a.max_pool_as_max_plus_conv(AvgPool2d(2), 1), OptionError, "pool must be MaxPool2d, got AvgPool2d"),
    (lambda: a.padding_before_batch_norm(FLAT), OptionError, "without a γ of 0"),
    (lambda: a.compose_convs(CONV, Conv2d(3, 1, 2, padding=1)), OptionError, "its border is 0, but on an image"),
    (lambda: a.compose_convs(CONV, Conv2d(2, 1, 2)), ShapeError, "second must be a convolution of the 3 channels"),
    (lambda: a.compose_convs(SAME, Conv2d(3, 1, 2)), OptionError, "no single layer replaces it for all images"),
    (lambda: a.depthwise_as_conv(DepthwiseConv2d(3, 2), channels=2), OptionError, "a divisor of the 3 filters, got 2"),
    (lambda: a.linear_as_conv(Linear(5, 1), image=(2, 2)), ShapeError, "divides the 5 features"),
    (lambda: a.conv_as_linear(CONV, (2, 5)), ShapeError, "conv_as_linear: x must be at least"),
    (lambda: a.identity_as_conv(2, (3, 2)), OptionError, "kernel_size must be odd, so that it has a middle"),
    (lambda: a.identity_as_conv(3, groups=2), OptionError, "groups must be a divisor of the 3 channels"),
    (lambda: a.sum_of_convs(), OptionError, "at least one convolution, got none"),
    (lambda: a.sum_of_convs(CONV, Conv2d(2, 3, 3, stride=2)), OptionError, "of one stride"),
    (
        lambda: a.sum_of_convs(CONV, Conv2d(2, 3, 1)),
        OptionError,
        "padded alike, so that their outputs have the same size",
    ),
    (lambda: a.sum_of_convs(CONV, Conv2d(2, 4, 3)), ShapeError, "the same numbers of inputs and outputs"),
    (lambda: a.reparameterize(Sum(CONV, ReLU())), OptionError, "of convolutions and batch norms, got ReLU"),
    (lambda: a.reparameterize(Sum(Sequential())), OptionError, "with a branch that starts with Conv2d or BatchNorm2d"),
    (lambda: a.reparameterize(Sum(NORM, TRAINING)), StateError, "not affine"),
    (lambda: a.as_matrix(MaxPool2d(2), (1, 1, 2, 2)), OptionError, "MaxPool2d, which is not"),
    (lambda: a.simplify(Sequential(CONV, TRAINING)), StateError, "not affine"),
    (lambda: a.prove("conv-batchnorm"), OptionError, "did you mean conv-batch-norm"),
    (lambda: a.prove("conv-batch-norm", method="faith"), OptionError, "method must be one of symbolic, zero-one"),
)


@pytest.mark.parametrize(("call", "error", "text"), REFUSED, ids=[text[:40] for *_, text in REFUSED])
def test_refuses_and_says_why(call: Callable[[], Any], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        call()


def test_fold_in_float64_is_the_exact_one_rounded() -> None:
    random = np.random.default_rng(0)
    conv = Conv2d(3, 4, 3, dtype=np.float64, rng=random)
    bn = BatchNorm2d(4, dtype=np.float64).eval()
    for array in (*bn.params.values(), bn.buffers["running_mean"], bn.buffers["running_var"]):
        array[...] = random.uniform(0.5, 2, array.shape)
    fused, exact = a.fuse_conv_batch_norm(conv, bn), bn.buffers["running_var"] + 1e-5
    scale = bn.params["weight"].astype(np.longdouble) / np.sqrt(exact.astype(np.longdouble))
    bias = scale * conv.params["bias"] + bn.params["bias"] - bn.buffers["running_mean"] * scale
    weight = conv.params["weight"] * scale[:, None, None, None]  # ours: sum, root, quotient and two products round
    assert np.all(abs(fused.params["weight"] - weight) <= 6 * 2.0**-53 * abs(weight))
    size = abs(scale * conv.params["bias"]) + abs(bn.params["bias"]) + abs(bn.buffers["running_mean"] * scale)
    assert np.all(abs(fused.params["bias"] - bias) <= 8 * 2.0**-53 * size)


@pytest.mark.parametrize("dtype", ["float16", "float32", "longdouble"])
def test_folds_keep_the_dtype_and_leave_their_inputs(dtype: str) -> None:
    conv, bn = Conv2d(2, 3, 3, dtype=dtype, rng=0), BatchNorm2d(3, dtype=dtype).eval()
    before = {**conv.state_dict(), **bn.state_dict()}
    fused = a.fuse_conv_batch_norm(conv, bn)
    assert {array.dtype for array in fused.params.values()} == {np.dtype(dtype)}
    assert all(np.array_equal(before[name], array) for name, array in bn.params.items())
    assert not np.shares_memory(fused.params["weight"], conv.params["weight"])
