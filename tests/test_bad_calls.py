"""Bad calls, one per row: each raises the right error, which names function, argument, expected and got."""

from decimal import Decimal

import numpy as np
import pytest

import nnref
from nnref import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    DepthwiseConv2d,
    DTypeError,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    OptionError,
    ReLU,
    Sequential,
    ShapeError,
    Sigmoid,
    SoftmaxCrossEntropy,
    StateError,
    Sum,
    Tanh,
    ZeroPad2d,
    avg_pool2d,
    avg_pool2d_backward,
    batch_norm2d,
    batch_norm2d_backward,
    batch_norm2d_train,
    batch_norm2d_train_backward,
    batch_statistics,
    conv2d,
    conv2d_backward,
    conv_transpose2d,
    conv_transpose2d_backward,
    depthwise_conv2d,
    depthwise_conv2d_backward,
    flatten,
    flatten_backward,
    global_avg_pool2d,
    global_avg_pool2d_backward,
    linear,
    linear_backward,
    max_pool2d,
    max_pool2d_backward,
    normalize2d,
    normalize2d_backward,
    relu,
    softmax_cross_entropy,
    softmax_cross_entropy_backward,
    zero_pad2d,
    zero_pad2d_backward,
)
from nnref.arithmetic import rationals

from .layers.registry import ROWS

X = np.ones((2, 4, 5, 5))
X3 = np.ones((4, 5, 5))
W = np.ones((6, 4, 3, 3))  # of conv2d
WD = np.ones((8, 1, 3, 3))  # of depthwise_conv2d
WT = np.ones((4, 6, 3, 3))  # of conv_transpose2d
V, V3 = np.ones(4), np.ones(3)  # per channel of X, and too few
LOGITS, TARGET = np.ones((2, 3)), np.array([0, 2])
HALF = np.ones((2, 4, 5, 5), np.float16)
NAN = float("nan")
DECIMALS = Decimal(-1), Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity")

FLOATS = "an array of float16, float32, float64, longdouble, bfloat16 or exact elements (dtype object)"
EXACT = "an object array of exact elements: Fraction, Decimal or a type of nnref.arithmetic"
DTYPES = "float16, float32, float64, longdouble or bfloat16"
PAIR = "int or (vertical, horizontal), at least 1"
PADDING = "int or (vertical, horizontal) or ((top, bottom), (left, right)), at least 0"
IMAGE = "(N, C, H, W)"
EPS = "a finite number, at least 0"
COUNT = "an int, at least 1"


def forward_with(layer, x=X):
    """A call of a layer with wrong options, which its function refuses."""
    return layer.forward(x)


def after_forward(layer, x, dy):
    layer.forward(x)
    return layer.backward(dy)


# (function, arrays, options, error, message)
BAD_CALLS = [
    # conv2d
    (conv2d, (X3, W), {}, ShapeError, f"conv2d: x must be {IMAGE}, got shape (4, 5, 5)"),
    (conv2d, (X.tolist(), W), {}, DTypeError, f"conv2d: x must be {FLOATS}, got list"),
    (conv2d, (X.astype(int), W), {}, DTypeError, f"conv2d: x must be {FLOATS}, got int64"),
    (conv2d, (X > 0, W), {}, DTypeError, f"conv2d: x must be {FLOATS}, got bool"),
    (conv2d, (X.astype(int).astype(object), W), {}, DTypeError, f"conv2d: x must be {EXACT}, got int"),
    (conv2d, (rationals(X), W.astype(object)), {}, DTypeError, f"conv2d: weight must be {EXACT}, got float"),
    (conv2d, (X * 1j, W), {}, DTypeError, f"conv2d: x must be {FLOATS}, got complex128"),
    (conv2d, (X, None), {}, DTypeError, f"conv2d: weight must be {FLOATS}, got NoneType"),
    (conv2d, (X,), {}, TypeError, "conv2d: missing a required argument: 'weight'"),
    (
        conv2d,
        (X, W),
        {"strides": 2},
        TypeError,
        "conv2d: got an unexpected keyword argument 'strides'; did you mean stride?",
    ),
    (conv2d, (HALF, W), {}, DTypeError, "conv2d: weight must be of the dtype of x, float16, got float64"),
    (conv2d, (X, W, np.ones(6, object)), {}, DTypeError, "conv2d: bias must be of the dtype of x, float64, got object"),
    (
        conv2d,
        (X, W[:, :2]),
        {},
        ShapeError,
        "conv2d: weight must be (K, 4, kh, kw) for 4 channels in 1 group, got shape (6, 2, 3, 3)",
    ),
    (
        conv2d,
        (X, np.ones((6, 4, 0, 3))),
        {},
        ShapeError,
        "conv2d: weight must be (K, C//groups, kh, kw), where only N may be 0, got shape (6, 4, 0, 3)",
    ),
    (
        conv2d,
        (X[..., :0], W),
        {},
        ShapeError,
        f"conv2d: x must be {IMAGE}, where only N may be 0, got shape (2, 4, 5, 0)",
    ),
    (conv2d, (X, W, V), {}, ShapeError, "conv2d: bias must be (6,), got shape (4,)"),
    (conv2d, (X, W, np.ones((6, 1))), {}, ShapeError, "conv2d: bias must be (6,), got shape (6, 1)"),
    *[
        (
            conv2d,
            (X, W),
            {"groups": groups},
            OptionError,
            f"conv2d: groups must be a divisor of the 4 channels of x and the 6 filters of weight, got {groups!r}",
        )
        for groups in (3, 4, 0, -1, 1.0, True, "2", None)
    ],
    (
        conv2d,
        (X[:, :, :2], W),
        {},
        ShapeError,
        "conv2d: x must be at least (3, 3) pixels for the kernel's extent, got (2, 5) with padding",
    ),
    (
        conv2d,
        (X, W),
        {"dilation": 4, "padding": 1},
        ShapeError,
        "conv2d: x must be at least (9, 9) pixels for the kernel's extent, got (7, 7) with padding",
    ),
    *[
        (conv2d, (X, W), {"stride": stride}, OptionError, f"conv2d: stride must be {PAIR}, got {stride!r}")
        for stride in (0, -1, 1.5, True, "1", None, (1, 2, 3), (1, 0), np.ones(2, int))
    ],
    *[
        (conv2d, (X, W), {"dilation": dilation}, OptionError, f"conv2d: dilation must be {PAIR}, got {dilation!r}")
        for dilation in (0, 2.0, (True, 1))
    ],
    *[
        (conv2d, (X, W), {"padding": padding}, OptionError, f"conv2d: padding must be {PADDING}, got {padding!r}")
        for padding in (-1, 0.5, None, True, (1, -1), ((1, 2), (3, -4)), (1, 2, 3))
    ],
    (
        conv2d,
        (X, W),
        {"padding": "full"},
        OptionError,
        'conv2d: padding must be "valid", "same" or pixels, got \'full\'',
    ),
    (conv2d_backward, (X, X, W), {}, ShapeError, "conv2d_backward: dy must be (2, 6, 3, 3), got shape (2, 4, 5, 5)"),
    (
        conv2d_backward,
        (HALF, X, W),
        {},
        DTypeError,
        "conv2d_backward: x must be of the dtype of dy, float16, got float64",
    ),
    # depthwise_conv2d
    (
        depthwise_conv2d,
        (X, WD[:6]),
        {},
        ShapeError,
        "depthwise_conv2d: weight must be (C*M, 1, kh, kw), where C*M is a multiple of the 4 channels of x, "
        "got shape (6, 1, 3, 3)",
    ),
    (
        depthwise_conv2d,
        (X, W),
        {},
        ShapeError,
        "depthwise_conv2d: weight must be (C*M, 1, kh, kw), got shape (6, 4, 3, 3)",
    ),
    (depthwise_conv2d, (X, WD, V), {}, ShapeError, "depthwise_conv2d: bias must be (8,), got shape (4,)"),
    (
        depthwise_conv2d_backward,
        (X, X, WD),
        {},
        ShapeError,
        "depthwise_conv2d_backward: dy must be (2, 8, 3, 3), got shape (2, 4, 5, 5)",
    ),
    # conv_transpose2d
    (conv_transpose2d, (X3, WT), {}, ShapeError, "conv_transpose2d: x must be (N, K, Ho, Wo), got shape (4, 5, 5)"),
    (
        conv_transpose2d,
        (X, W),
        {},
        ShapeError,
        "conv_transpose2d: weight must be (4, C//groups, kh, kw), got shape (6, 4, 3, 3)",
    ),
    (conv_transpose2d, (X, WT, V), {}, ShapeError, "conv_transpose2d: bias must be (6,), got shape (4,)"),
    *[
        (
            conv_transpose2d,
            (X, WT),
            {"groups": groups},
            OptionError,
            f"conv_transpose2d: groups must be a divisor of the 4 channels of x, got {groups!r}",
        )
        for groups in (3, True, 0)
    ],
    (
        conv_transpose2d,
        (X, WT),
        {"output_padding": 1},
        OptionError,
        "conv_transpose2d: output_padding must be below stride (1, 1) or dilation (1, 1), got (1, 1)",
    ),
    (
        conv_transpose2d,
        (X, WT),
        {"stride": 3, "output_padding": (2, 3)},
        OptionError,
        "conv_transpose2d: output_padding must be below stride (3, 3) or dilation (1, 1), got (2, 3)",
    ),
    (
        conv_transpose2d,
        (X, WT),
        {"output_padding": -1},
        OptionError,
        "conv_transpose2d: output_padding must be int or (vertical, horizontal), at least 0, got -1",
    ),
    (
        conv_transpose2d,
        (X, WT),
        {"padding": 4},
        ShapeError,
        "conv_transpose2d: padding must be less than the output's size, got ((4, 4), (4, 4)), which leaves (-1, -1)",
    ),
    (
        conv_transpose2d,
        (X, WT),
        {"padding": "same"},
        OptionError,
        f"conv_transpose2d: padding must be {PADDING}, got 'same'",
    ),
    (
        conv_transpose2d_backward,
        (X, X, WT),
        {},
        ShapeError,
        "conv_transpose2d_backward: dy must be (2, 6, 7, 7), got shape (2, 4, 5, 5)",
    ),
    # batch norm
    (normalize2d, (X, V, V, V, V3), {}, ShapeError, "normalize2d: inv_std must be (4,), got shape (3,)"),
    (
        normalize2d_backward,
        (X[:1], X, V, V, V, V),
        {},
        ShapeError,
        "normalize2d_backward: dy must be (2, 4, 5, 5), got shape (1, 4, 5, 5)",
    ),
    (batch_norm2d, (X3, V, V, V, V), {}, ShapeError, f"batch_norm2d: x must be {IMAGE}, got shape (4, 5, 5)"),
    (batch_norm2d, (X, V3, V, V, V), {}, ShapeError, "batch_norm2d: gamma must be (4,), got shape (3,)"),
    (batch_norm2d, (X, V, V, V, V[:, None]), {}, ShapeError, "batch_norm2d: var must be (4,), got shape (4, 1)"),
    (
        batch_norm2d,
        (X, V, V, V.astype(np.float32), V),
        {},
        DTypeError,
        "batch_norm2d: mean must be of the dtype of x, float64, got float32",
    ),
    (batch_norm2d, (X, V, None, V, V), {}, DTypeError, f"batch_norm2d: beta must be {FLOATS}, got NoneType"),
    *[
        (batch_norm2d, (X, V, V, V, V), {"eps": eps}, OptionError, f"batch_norm2d: eps must be {EPS}, got {eps!r}")
        for eps in (-1e-5, NAN, float("inf"), None, True, "1e-5", 1j, [0], *DECIMALS)
    ],
    (
        batch_norm2d_backward,
        (X, X, V, V, V, V),
        {"eps": -1},
        OptionError,
        f"batch_norm2d_backward: eps must be {EPS}, got -1",
    ),
    (batch_norm2d_train, (X, V, V3), {}, ShapeError, "batch_norm2d_train: beta must be (4,), got shape (3,)"),
    (
        batch_norm2d_train_backward,
        (X3, X, V, V),
        {},
        ShapeError,
        "batch_norm2d_train_backward: dy must be (2, 4, 5, 5), got shape (4, 5, 5)",
    ),
    (batch_statistics, (V,), {}, ShapeError, f"batch_statistics: x must be {IMAGE}, got shape (4,)"),
    # pooling
    (avg_pool2d, (X3,), {"kernel_size": 2}, ShapeError, f"avg_pool2d: x must be {IMAGE}, got shape (4, 5, 5)"),
    (avg_pool2d, (X,), {}, TypeError, "avg_pool2d: missing a required argument: 'kernel_size'"),
    (avg_pool2d, (X,), {"kernel_size": 0}, OptionError, f"avg_pool2d: kernel_size must be {PAIR}, got 0"),
    (
        avg_pool2d,
        (X,),
        {"kernel_size": 6},
        ShapeError,
        "avg_pool2d: x must be at least (6, 6) pixels for the kernel's extent, got (5, 5) with padding",
    ),
    (
        avg_pool2d,
        (X,),
        {"kernel_size": 2, "count_include_pad": 1},
        OptionError,
        "avg_pool2d: count_include_pad must be True or False, got 1",
    ),
    (
        avg_pool2d,
        (X,),
        {"kernel_size": 2, "ceil_mode": None},
        OptionError,
        "avg_pool2d: ceil_mode must be True or False, got None",
    ),
    (
        avg_pool2d_backward,
        (X, X),
        {"kernel_size": 2},
        ShapeError,
        "avg_pool2d_backward: dy must be (2, 4, 2, 2), got shape (2, 4, 5, 5)",
    ),
    (max_pool2d, (X.astype(int),), {"kernel_size": 2}, DTypeError, f"max_pool2d: x must be {FLOATS}, got int64"),
    (max_pool2d, (X,), {"kernel_size": 2.0}, OptionError, f"max_pool2d: kernel_size must be {PAIR}, got 2.0"),
    (max_pool2d, (X,), {"kernel_size": 2, "stride": 0}, OptionError, f"max_pool2d: stride must be {PAIR}, got 0"),
    (
        max_pool2d,
        (X,),
        {"kernel_size": 2, "ceil_mode": "yes"},
        OptionError,
        "max_pool2d: ceil_mode must be True or False, got 'yes'",
    ),
    (
        max_pool2d,
        (X,),
        {"kernel_size": 3, "dilation": 3},
        ShapeError,
        "max_pool2d: x must be at least (7, 7) pixels for the kernel's extent, got (5, 5) with padding",
    ),
    (
        max_pool2d_backward,
        (X, X),
        {"kernel_size": 2},
        ShapeError,
        "max_pool2d_backward: dy must be (2, 4, 2, 2), got shape (2, 4, 5, 5)",
    ),
    (global_avg_pool2d, (X3,), {}, ShapeError, f"global_avg_pool2d: x must be {IMAGE}, got shape (4, 5, 5)"),
    (
        global_avg_pool2d_backward,
        (X, X),
        {},
        ShapeError,
        "global_avg_pool2d_backward: dy must be (2, 4, 1, 1), got shape (2, 4, 5, 5)",
    ),
    # the head of a network
    (linear, (X, LOGITS), {}, ShapeError, "linear: x must be (N, C), got shape (2, 4, 5, 5)"),
    (linear, (LOGITS, np.ones((2, 4))), {}, ShapeError, "linear: weight must be (K, 3), got shape (2, 4)"),
    (linear, (LOGITS, LOGITS, V3), {}, ShapeError, "linear: bias must be (2,), got shape (3,)"),
    (linear_backward, (LOGITS, LOGITS, LOGITS), {}, ShapeError, "linear_backward: dy must be (2, 2), got shape (2, 3)"),
    (flatten, (LOGITS,), {}, ShapeError, f"flatten: x must be {IMAGE}, got shape (2, 3)"),
    (flatten_backward, (X, X), {}, ShapeError, "flatten_backward: dy must be (2, 100), got shape (2, 4, 5, 5)"),
    (zero_pad2d, (X,), {"padding": -1}, OptionError, f"zero_pad2d: padding must be {PADDING}, got -1"),
    (zero_pad2d, (X,), {"padding": "same"}, OptionError, f"zero_pad2d: padding must be {PADDING}, got 'same'"),
    (
        zero_pad2d_backward,
        (X, X),
        {"padding": 1},
        ShapeError,
        "zero_pad2d_backward: dy must be (2, 4, 7, 7), got shape (2, 4, 5, 5)",
    ),
    *[
        (
            softmax_cross_entropy,
            (LOGITS,),
            {"target": target},
            error,
            f"softmax_cross_entropy: target must be {message}",
        )
        for target, error, message in [
            ([0, 1], DTypeError, "an array of integers, got list"),
            (LOGITS[:, 0], DTypeError, "an array of integers, got float64"),
            (TARGET > 0, DTypeError, "an array of integers, got bool"),
            (TARGET[:1], ShapeError, "(2,), got shape (1,)"),
            (TARGET + 1, OptionError, "in [0, 3), got 1 to 3"),
            (TARGET - 1, OptionError, "in [0, 3), got -1 to 1"),
        ]
    ],
    (
        softmax_cross_entropy,
        (LOGITS,),
        {"target": TARGET, "reduction": "none"},
        OptionError,
        'softmax_cross_entropy: reduction must be "mean" or "sum", got \'none\'',
    ),
    (
        softmax_cross_entropy_backward,
        (V3, LOGITS),
        {"target": TARGET},
        ShapeError,
        "softmax_cross_entropy_backward: dy must be (), got shape (3,)",
    ),
    # layers: what they are made of
    (Conv2d, (0, 8, 3), {}, OptionError, f"Conv2d: in_channels must be {COUNT}, got 0"),
    (Conv2d, (3, 8.0, 3), {}, OptionError, f"Conv2d: out_channels must be {COUNT}, got 8.0"),
    (Conv2d, (3, 8, 0), {}, OptionError, f"Conv2d: kernel_size must be {PAIR}, got 0"),
    (
        Conv2d,
        (4, 8, 3),
        {"groups": True},
        OptionError,
        "Conv2d: groups must be a divisor of the 4 in_channels and 8 out_channels, got True",
    ),
    (
        Conv2d,
        (4, 8, 3),
        {"groups": 3},
        OptionError,
        "Conv2d: groups must be a divisor of the 4 in_channels and 8 out_channels, got 3",
    ),
    (Conv2d, (4, 8, 3), {"dtype": int}, DTypeError, f"Conv2d: dtype must be {DTYPES}, got <class 'int'>"),
    (Conv2d, (4, 8, 3), {"dtype": "real"}, DTypeError, f"Conv2d: dtype must be {DTYPES}, got 'real'"),
    (
        ConvTranspose2d,
        (4, 8, 3),
        {"groups": 3},
        OptionError,
        "ConvTranspose2d: groups must be a divisor of the 4 in_channels and 8 out_channels, got 3",
    ),
    (ConvTranspose2d, (4, "8", 3), {}, OptionError, f"ConvTranspose2d: out_channels must be {COUNT}, got '8'"),
    (DepthwiseConv2d, (4, 3), {"multiplier": 0}, OptionError, f"DepthwiseConv2d: multiplier must be {COUNT}, got 0"),
    (BatchNorm2d, (-1,), {}, OptionError, f"BatchNorm2d: num_features must be {COUNT}, got -1"),
    (BatchNorm2d, (4,), {"dtype": bool}, DTypeError, f"BatchNorm2d: dtype must be {DTYPES}, got <class 'bool'>"),
    (Linear, (4, 0), {}, OptionError, f"Linear: out_features must be {COUNT}, got 0"),
    (Sequential, (relu,), {}, OptionError, "Sequential: layers[0] must be a Layer, got function"),
    (
        Sequential,
        (ReLU(), ReLU),
        {},
        OptionError,
        "Sequential: layers[1] must be a Layer, got the class ReLU; to make one: ReLU(…)",
    ),
    (Sum, (), {}, OptionError, "Sum: layers must be at least one branch, got none"),
    (ReLU, (), {"slope": 1}, OptionError, "ReLU: options must be among [], got ['slope']"),
    (Layer, (), {"stride": 1}, OptionError, "Layer: options must be among [], got ['stride']"),
    (
        Conv2d.from_arrays,
        (),
        {"bias": V},
        StateError,
        "Conv2d.from_arrays: arrays must be ['weight', 'bias'], of which ['bias'] may be absent, got ['bias']",
    ),
    (Flatten.from_arrays, (), {"weight": V}, StateError, "Flatten.from_arrays: arrays must be [], got ['weight']"),
    (
        Linear.from_arrays,
        (),
        {"weight": LOGITS, "options": {"stride": 1}},
        OptionError,
        "Linear: options must be among [], got ['stride']",
    ),
    # layers: options that the function finds out
    (forward_with, (AvgPool2d(0),), {}, OptionError, f"avg_pool2d: kernel_size must be {PAIR}, got 0"),
    (forward_with, (MaxPool2d(2, 0.5),), {}, OptionError, f"max_pool2d: stride must be {PAIR}, got 0.5"),
    (forward_with, (ZeroPad2d(-1),), {}, OptionError, f"zero_pad2d: padding must be {PADDING}, got -1"),
    (
        forward_with,
        (GlobalAvgPool2d(), X3),
        {},
        ShapeError,
        f"global_avg_pool2d: x must be {IMAGE}, got shape (4, 5, 5)",
    ),
    *[
        (
            forward_with,
            (BatchNorm2d(4, momentum=momentum, dtype=float),),
            {},
            OptionError,
            f"BatchNorm2d: momentum must be a number in [0, 1], got {momentum!r}",
        )
        for momentum in (2, -0.1, NAN, None)
    ],
    (
        forward_with,
        (BatchNorm2d(4, eps=-1, dtype=float),),
        {},
        OptionError,
        f"batch_norm2d_train: eps must be {EPS}, got -1",
    ),
    (
        forward_with,
        (BatchNorm2d(4, dtype=float), X[:1, :, :1, :1]),
        {},
        ShapeError,
        "BatchNorm2d: x must be more than one value per channel in training, got shape (1, 4, 1, 1)",
    ),
    (
        forward_with,
        (BatchNorm2d(3, dtype=float),),
        {},
        ShapeError,
        "batch_norm2d_train: gamma must be (4,), got shape (3,)",
    ),
    (
        forward_with,
        (Conv2d(4, 6, 3),),
        {},
        DTypeError,
        "conv2d: weight must be of the dtype of x, float64, got float32",
    ),
    (
        forward_with,
        (Sum(AvgPool2d(2), AvgPool2d(5)),),
        {},
        ShapeError,
        "Sum: layers must be branches of one output shape, (2, 4, 2, 2), got (2, 4, 1, 1)",
    ),
    # layers: backward
    *[
        (
            layer.backward,
            (X,),
            {},
            StateError,
            f"{type(layer).__name__}.backward: forward must be called first, got no input yet",
        )
        for layer in (ReLU(), Sigmoid(), Tanh(), Conv2d(1, 1, 1), BatchNorm2d(1), SoftmaxCrossEntropy())
    ],
    (
        Sequential(ReLU(), Flatten()).backward,
        (X,),
        {},
        StateError,
        "Flatten.backward: forward must be called first, got no input yet",
    ),
    (after_forward, (ReLU(), V, V3), {}, ShapeError, "relu_backward: dy must be (4,), got shape (3,)"),
    # layers: state
    (
        Linear(2, 1).load_state_dict,
        ({"weight": np.ones((1, 2)), "scale": V},),
        {},
        StateError,
        "Linear.load_state_dict: state must be a mapping with the names ['bias', 'weight'], "
        "got missing ['bias'], unknown ['scale']",
    ),
    (
        Linear(2, 1).load_state_dict,
        ({"weight": np.ones((2, 1)), "bias": np.ones(1)},),
        {},
        ShapeError,
        "Linear.load_state_dict: weight must be (1, 2), got shape (2, 1)",
    ),
    (
        Linear(2, 1).load_state_dict,
        ({"weight": np.ones((1, 2)) * 1j, "bias": np.ones(1)},),
        {},
        DTypeError,
        "Linear.load_state_dict: weight must be castable to float32, got complex128",
    ),
    (
        Linear(2, 1).load_state_dict,
        (None,),
        {},
        StateError,
        "Linear.load_state_dict: state must be a mapping from names to arrays, got NoneType",
    ),
    (
        Sequential(Linear(2, 1, bias=False)).load_state_dict,
        ({"weight": np.ones((1, 2))},),
        {},
        StateError,
        "Sequential.load_state_dict: state must be a mapping with the names ['0.weight'], "
        "got missing ['0.weight'], unknown ['weight']",
    ),
]


@pytest.mark.parametrize(
    ("function", "arrays", "options", "error", "message"), BAD_CALLS, ids=[r[-1] for r in BAD_CALLS]
)
def test_a_bad_call_is_refused_and_says_why(function, arrays, options, error, message):
    with pytest.raises(error) as caught:
        function(*arrays, **options)
    assert str(caught.value) == message
    assert type(caught.value) is error


def test_every_public_function_and_layer_refuses_something():
    """By a row above, or by those tests of every layer that ask for a refusal."""
    said = {word for row in BAD_CALLS for word in row[-1].replace(".", ":").split(":")[:1]}
    errors = {"DTypeError", "OptionError", "ShapeError", "StateError"}
    words = said | {type(a).__name__ for row in BAD_CALLS for a in row[1] if isinstance(a, Layer)}
    layers = {n for row in ROWS for n in (row.name, f"{row.name}_backward", row.layer.__name__ if row.layer else "")}
    assert set(nnref.__all__) - errors <= words | layers
