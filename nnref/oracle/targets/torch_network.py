"""nnref networks as torch.nn modules, with the passes that torch applies before inference.

The module is scripted, frozen (which folds batch norms) and optimised for inference (oneDNN, fused activations). torch
has no asymmetric padding, so a module of its own pads before the convolution.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nnref.layer import Layer, Sequential, Sum
from nnref.numeric import Array

__all__ = ["optimised"]

Pads = tuple[tuple[int, int], tuple[int, int]]


def optimised(net: Layer, tensor: Callable[[Array], Tensor]) -> Any:
    """The scripted module of a network in evaluation mode. `tensor` makes tensors of its arrays."""
    scripted = torch.jit.script(_Translation(tensor).module(net).eval())
    return torch.jit.optimize_for_inference(torch.jit.freeze(scripted))


class _Added(nn.Module):
    """The sum of branches."""

    def __init__(self, branches: list[nn.Module]) -> None:
        super().__init__()
        self.first, self.others = branches[0], nn.ModuleList(branches[1:])

    def forward(self, x: Tensor) -> Tensor:
        """The sum of branch(x) over the branches, added from the left."""
        y = self.first(x)
        for branch in self.others:
            y = y + branch(x)
        return y


class _Translation:
    def __init__(self, tensor: Callable[[Array], Tensor]) -> None:
        self.tensor = tensor

    def module(self, layer: Layer) -> nn.Module:
        """The module of a layer, with the layer's arrays."""
        if isinstance(layer, Sequential | Sum):
            parts = [self.module(part) for part in layer]
            return nn.Sequential(*parts) if isinstance(layer, Sequential) else _Added(parts)
        kind = type(layer).__name__
        translate = getattr(self, f"_{kind}", None)
        if translate is not None:
            made: nn.Module = translate(layer, **layer.options)
            return made
        return PLAIN[kind]()

    def _with_arrays(self, module: nn.Module, layer: Layer) -> nn.Module:
        state = {name: self.tensor(array) for name, array in (layer.params | layer.buffers).items()}
        module.load_state_dict(state, strict=False, assign=True)
        return module

    def _Conv2d(self, layer: Layer, *, padding: Pads, **options: Any) -> nn.Module:
        weight = layer.params["weight"]
        inputs, bias = weight.shape[1] * options["groups"], "bias" in layer.params
        symmetric = padding[0][0] == padding[0][1] and padding[1][0] == padding[1][1]
        own = (padding[0][0], padding[1][0]) if symmetric else (0, 0)
        conv = nn.Conv2d(inputs, len(weight), weight.shape[2:], padding=own, bias=bias, device="meta", **options)
        made = self._with_arrays(conv, layer)
        return made if symmetric else nn.Sequential(_zero_pad(padding), made)

    def _DepthwiseConv2d(self, layer: Layer, **options: Any) -> nn.Module:
        return self._Conv2d(layer, groups=len(layer.params["weight"]), **options)  # filters of one channel each

    def _ConvTranspose2d(self, layer: Layer, *, padding: Pads, **options: Any) -> nn.Module:
        weight = layer.params["weight"]
        outputs, bias = weight.shape[1] * options["groups"], "bias" in layer.params
        own = (padding[0][0], padding[1][0])
        size = (len(weight), outputs, weight.shape[2:])
        return self._with_arrays(nn.ConvTranspose2d(*size, padding=own, bias=bias, device="meta", **options), layer)

    def _Linear(self, layer: Layer) -> nn.Module:
        outputs, inputs = layer.params["weight"].shape
        return self._with_arrays(nn.Linear(inputs, outputs, bias="bias" in layer.params, device="meta"), layer)

    def _BatchNorm2d(self, layer: Layer, *, eps: float, momentum: float) -> nn.Module:
        count = len(layer.params["weight"])
        module = nn.BatchNorm2d(count, eps, momentum, device="meta")
        module.num_batches_tracked = torch.tensor(0)
        return self._with_arrays(module, layer)

    def _MaxPool2d(
        self, layer: Layer, *, kernel_size: Any, stride: Any, padding: Pads, dilation: Any, ceil_mode: bool
    ) -> nn.Module:
        return nn.MaxPool2d(kernel_size, stride, _symmetric(padding), dilation, ceil_mode=ceil_mode)

    def _AvgPool2d(
        self, layer: Layer, *, kernel_size: Any, stride: Any, padding: Pads, ceil_mode: bool, count_include_pad: bool
    ) -> nn.Module:
        return nn.AvgPool2d(kernel_size, stride, _symmetric(padding), ceil_mode, count_include_pad)

    def _ZeroPad2d(self, layer: Layer, *, padding: Pads) -> nn.Module:
        return _zero_pad(padding)


def _zero_pad(padding: Pads) -> nn.Module:
    (top, bottom), (left, right) = padding
    return nn.ZeroPad2d((left, right, top, bottom))


def _symmetric(padding: Pads) -> tuple[int, int]:
    return padding[0][0], padding[1][0]


PLAIN: dict[str, Callable[[], nn.Module]] = {
    "ReLU": nn.ReLU,
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
    "Flatten": nn.Flatten,
    "GlobalAvgPool2d": lambda: nn.AdaptiveAvgPool2d(1),
}
