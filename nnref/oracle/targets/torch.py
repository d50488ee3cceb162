"""PyTorch on the CPU: torch.nn.functional forward, autograd backward.

torch has no asymmetric padding, and no padding of a pool beyond half its kernel. Both are done by F.pad before the
layer. A case for which that gives another result is `Unsupported`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.fusion import fuse_conv_bn_weights

from nnref.layer import Layer
from nnref.numeric import Array
from nnref.oracle.findings import NOT_COMPUTED, Unsupported
from nnref.oracle.targets.torch_network import optimised

Pads = tuple[tuple[int, int], tuple[int, int]]
Pair = tuple[int, int]


def _tensor(array: Array | None) -> Any:
    """A new tensor with the strides of the array, or a contiguous one if a stride is negative.

    bfloat16 is moved by its bits, because NumPy does not know it.
    """
    if array is None:
        return None
    if array.dtype.name == "bfloat16":
        return _tensor(array.view(np.int16)).view(torch.bfloat16)
    steps = [stride // array.itemsize for stride in array.strides]
    if not array.size or min(steps, default=0) < 0:
        return torch.from_numpy(np.array(array, order="C", copy=True))
    low, high = np.lib.array_utils.byte_bounds(array)
    memory = np.frombuffer(bytearray(ctypes.string_at(low, high - low)), array.dtype)
    return torch.from_numpy(memory).as_strided(array.shape, steps)


def _array(tensor: Tensor | None) -> Any:
    if tensor is None:
        return None
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        import ml_dtypes

        return tensor.contiguous().view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def _forward(function: Callable[..., Tensor]) -> Callable[..., Any]:
    def forward(*arrays: Array | None, **options: Any) -> Any:
        with torch.no_grad():
            return _array(function(*map(_tensor, arrays), **options))

    return forward


def _backward(function: Callable[..., Tensor], offered: int | None = None) -> Callable[..., Any]:
    """Gradients by autograd. torch computes those of the first `offered` arrays."""

    def backward(dy: Array, *arrays: Array | None, **options: Any) -> Any:
        tensors = [_tensor(array) for array in arrays]
        wanted = [t.requires_grad_() for t in tensors[:offered] if t is not None]
        gradients = iter(torch.autograd.grad(function(*tensors, **options), wanted, _tensor(dy)))
        given = [None if t is None else _array(next(gradients)) for t in tensors[:offered]]
        return (*given, *[NOT_COMPUTED] * (len(tensors) - len(given)))

    return backward


def _conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, *, padding: Pads, **options: Any) -> Tensor:
    x, symmetric = _padded(x, padding)
    y = F.conv2d(x, weight, bias, padding=symmetric, **options)
    _expect_fitting_buffer(x, weight, larger=x, smaller=y, padding=symmetric, **options)
    return y


def _depthwise_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, **options: Any) -> Tensor:
    return _conv2d(x, weight, bias, groups=x.shape[1], **options)


def _conv_transpose2d(x: Tensor, weight: Tensor, bias: Tensor | None, *, padding: Pads, **options: Any) -> Tensor:
    (top, bottom), (left, right) = padding
    symmetric = (top, left) if top == bottom and left == right else (0, 0)
    y = F.conv_transpose2d(x, weight, bias, padding=symmetric, **options)
    _expect_fitting_buffer(x, weight, larger=y, smaller=x, padding=symmetric, **options)
    if (top, left) == (bottom, right):
        return y
    return y[:, :, top : y.shape[2] - bottom, left : y.shape[3] - right]


def _expect_fitting_buffer(
    x: Tensor,
    weight: Tensor,
    *,
    larger: Tensor,
    smaller: Tensor,
    stride: Pair,
    padding: Pair,
    groups: int,
    **others: Any,
) -> None:
    """Refuse a gradient of which oneDNN copies every stride-th pixel of the larger image into too small a buffer."""
    copied = larger.shape[2:] == (smaller.shape[2] * stride[0], smaller.shape[3] * stride[1])
    pointwise = weight.shape[2:] == (1, 1) and stride != (1, 1) and padding == (0, 0) and groups == 1
    narrow = weight.dtype == torch.float32 and larger.shape[1] < 16 and (len(x) > 1 or x.numel() > 20480)
    if weight.requires_grad and narrow and pointwise and copied and (_channels_last(x) or _channels_last(weight)):
        raise Unsupported("the gradient of a strided 1x1 kernel is written out of bounds: finding torch-9")


def _channels_last(tensor: Tensor) -> bool:
    """Whether torch's convolutions take the strides for those of channels last."""
    least = 1
    for axis in (1, 3, 2, 0):
        if tensor.stride(axis) < least or (axis == 0 and least == tensor.stride(1)):
            return False
        least = tensor.stride(axis) * max(tensor.shape[axis], 1)
    return True


def _padded(x: Tensor, padding: Pads, fill: float = 0.0, largest: Pair | None = None) -> tuple[Tensor, Pair]:
    """The image and the padding that torch applies: symmetric, at most `largest`. Other padding is applied here."""
    (top, bottom), (left, right) = padding
    fits = largest is None or (top <= largest[0] and left <= largest[1])
    if top == bottom and left == right and fits:
        return x, (top, left)
    return F.pad(x, (left, right, top, bottom), value=fill), (0, 0)


def _batch_norm2d(x: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor, var: Tensor, *, eps: float) -> Tensor:
    _expect_contiguous(x, gamma, mean, var)
    return F.batch_norm(x, mean, var, gamma, beta, training=False, eps=eps)


def _batch_norm2d_train(x: Tensor, gamma: Tensor, beta: Tensor, *, eps: float) -> Tensor:
    if x.numel() // x.shape[1] < 2:
        raise Unsupported("torch refuses fewer than two values per channel in training")
    _expect_contiguous(x, gamma)
    return F.batch_norm(x, None, None, gamma, beta, training=True, eps=eps)


def _expect_contiguous(x: Tensor, gamma: Tensor, *statistics: Tensor) -> None:
    strided = not all(parameter.is_contiguous() for parameter in (gamma, *statistics))
    if x.requires_grad and strided and x.is_contiguous(memory_format=torch.channels_last):
        raise Unsupported("the gradient of batch norm reads a strided parameter as a contiguous one: finding torch-7")


def _in_one_order(backward: Callable[..., Any]) -> Callable[..., Any]:
    """The gradient of batch norm, unless torch takes the order of pixels in dy for that in x."""

    def checked(dy: Array, x: Array, *arrays: Array | None, **options: Any) -> Any:
        cotangent, image = _tensor(dy), _tensor(x)
        first, second = _orders(cotangent), _orders(image)
        opposed = len(first) == len(second) == 1 and first != second
        if opposed and _channels_last(cotangent) == _channels_last(image):
            raise Unsupported("the gradient of batch norm mistakes the order of pixels in dy: finding torch-8")
        return backward(dy, x, *arrays, **options)

    return checked


def _orders(tensor: Tensor) -> set[str]:
    """The orders in which the numbers of an image stand without gaps in memory."""
    orders = {"NCHW": torch.contiguous_format, "NHWC": torch.channels_last}
    return {name for name, order in orders.items() if tensor.is_contiguous(memory_format=order)}


def _avg_pool2d(
    x: Tensor, *, kernel_size: Pair, padding: Pads, ceil_mode: bool, count_include_pad: bool, **options: Any
) -> Tensor:
    half = (kernel_size[0] // 2, kernel_size[1] // 2)
    padded, symmetric = _padded(x, padding, largest=half)
    if padded is not x and (ceil_mode or not count_include_pad):
        raise Unsupported("torch pools have no asymmetric padding, and none beyond half the kernel")
    return F.avg_pool2d(padded, kernel_size, options["stride"], symmetric, ceil_mode, count_include_pad)


def _max_pool2d(
    x: Tensor, *, kernel_size: Pair, stride: Pair, padding: Pads, dilation: Pair, ceil_mode: bool
) -> Tensor:
    half = (kernel_size[0] // 2, kernel_size[1] // 2)
    padded, symmetric = _padded(x, padding, fill=-float("inf"), largest=half)
    if padded is not x and ceil_mode:
        raise Unsupported("torch pools have no asymmetric padding, and none beyond half the kernel")
    y = F.max_pool2d(padded, kernel_size, stride, symmetric, dilation, ceil_mode)
    if x.requires_grad and padded is not x and bool(torch.isneginf(x.detach()).any()):
        raise Unsupported("explicit padding receives the gradient of a window that contains only −∞")
    if x.requires_grad and symmetric != (0, 0) and bool(torch.isneginf(y.detach()).any()):
        raise Unsupported("the gradient of a window wholly in padding is written out of bounds: finding torch-1")
    return y


def _softmax_cross_entropy(x: Tensor, *, target: Array, reduction: str) -> Tensor:
    return F.cross_entropy(x, _tensor(target), reduction=reduction)


def _zero_pad2d(x: Tensor, *, padding: Pads) -> Tensor:
    (top, bottom), (left, right) = padding
    return F.pad(x, (left, right, top, bottom))


def _flatten(x: Tensor) -> Tensor:
    return torch.flatten(x, 1)


def _global_avg_pool2d(x: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(x, 1)


conv2d, conv2d_backward = _forward(_conv2d), _backward(_conv2d)
depthwise_conv2d, depthwise_conv2d_backward = _forward(_depthwise_conv2d), _backward(_depthwise_conv2d)
conv_transpose2d, conv_transpose2d_backward = _forward(_conv_transpose2d), _backward(_conv_transpose2d)
batch_norm2d, batch_norm2d_train = _forward(_batch_norm2d), _forward(_batch_norm2d_train)
batch_norm2d_backward = _in_one_order(_backward(_batch_norm2d, offered=3))
batch_norm2d_train_backward = _in_one_order(_backward(_batch_norm2d_train))
avg_pool2d, avg_pool2d_backward = _forward(_avg_pool2d), _backward(_avg_pool2d)
max_pool2d, max_pool2d_backward = _forward(_max_pool2d), _backward(_max_pool2d)
global_avg_pool2d, global_avg_pool2d_backward = _forward(_global_avg_pool2d), _backward(_global_avg_pool2d)
sigmoid, sigmoid_backward = _forward(torch.sigmoid), _backward(torch.sigmoid)
tanh, tanh_backward = _forward(torch.tanh), _backward(torch.tanh)
relu, relu_backward = _forward(F.relu), _backward(F.relu)
linear, linear_backward = _forward(F.linear), _backward(F.linear)
flatten, flatten_backward = _forward(_flatten), _backward(_flatten)
zero_pad2d, zero_pad2d_backward = _forward(_zero_pad2d), _backward(_zero_pad2d)
softmax_cross_entropy = _forward(_softmax_cross_entropy)
softmax_cross_entropy_backward = _backward(_softmax_cross_entropy)


def fold_conv_batch_norm(*arrays: Array | None, eps: float) -> tuple[Any, Any]:
    """`torch.nn.utils.fusion.fuse_conv_bn_weights`."""
    return _fuse(arrays, eps, transpose=False)


def fold_conv_transpose_batch_norm(*arrays: Array | None, eps: float, groups: int) -> tuple[Any, Any]:
    """`torch.nn.utils.fusion.fuse_conv_bn_weights` with a transposed convolution."""
    if groups > 1:
        raise Unsupported("fuse_conv_bn_weights does not know the groups of a transposed convolution: pytorch#180995")
    return _fuse(arrays, eps, transpose=True)


def network(net: Layer, x: Array) -> Any:
    """The network as a torch module, scripted, frozen and optimised for inference."""
    if not len(x):
        raise Unsupported("a batch norm in an optimised module refuses an empty batch: finding torch-5")
    with torch.no_grad():
        return _array(optimised(net, _tensor)(_tensor(x)))


def _fuse(arrays: tuple[Array | None, ...], eps: float, transpose: bool) -> tuple[Any, Any]:
    weight, bias, gamma, beta, mean, var = map(_tensor, arrays)
    fused = fuse_conv_bn_weights(weight, bias, mean, var, eps, gamma, beta, transpose)
    return _array(fused[0]), _array(fused[1])
