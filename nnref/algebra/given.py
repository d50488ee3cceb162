"""What a claim is given: arrays and layers, which the method fills.

A claim's law is written once, like a layer, and asks for its arrays by name and shape. The method decides what they
contain: with a variable in every element the law is a proof, with random numbers a test, with small numbers a search
for a counterexample.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import numpy as np

from ..errors import OptionError, refuse
from ..layers.batch_norm2d import BatchNorm2d
from ..layers.conv2d import Conv2d
from ..layers.conv_transpose2d import ConvTranspose2d
from ..layers.depthwise_conv2d import DepthwiseConv2d
from ..layers.linear import Linear
from ..numeric import Array
from ..options import Pair

__all__ = ["Given", "Variance", "counted", "variances"]


EPS = 2.0**-5  # of every batch norm in a claim: not the default, so that a reduction that uses the default fails


class Variance:
    """A formal variance σ², for which 1/√(σ² + ε) is known for one ε. With it a batch norm runs over polynomials.

    It allows only what a batch norm does, in this order: add ε, take the root, divide 1 by the root. A law that holds
    with a variable in place of 1/√(σ² + ε) therefore holds for every σ² and ε.

    >>> 1 / np.sqrt(np.array([Variance("r", eps=1e-5)]) + 1e-5)
    array(['r'], dtype=object)
    """

    def __init__(self, inv_std: Any, eps: float, stage: str = "σ²") -> None:
        self.inv_std, self.eps, self.stage = inv_std, eps, stage

    def constant(self, value: float) -> float:
        """`value` itself, because eps stays a plain number."""
        return value

    def __add__(self, eps: Any) -> Variance:
        if self.stage != "σ²" or eps != self.eps:
            return NotImplemented
        return Variance(self.inv_std, self.eps, "σ² + ε")

    def sqrt(self) -> Variance:
        """√(σ² + ε)."""
        if self.stage != "σ² + ε":
            raise TypeError(f"the root of a formal {self.stage} is not known")
        return Variance(self.inv_std, self.eps, "√(σ² + ε)")

    def __rtruediv__(self, one: int) -> Any:
        return self.inv_std if one == 1 and self.stage == "√(σ² + ε)" else NotImplemented


def variances(inv_std: Array, eps: float) -> Array:
    """An array of formal variances whose 1/√(σ² + ε) are `inv_std`."""
    return np.asarray(np.frompyfunc(lambda r: Variance(r, eps), 1, 1)(inv_std), object)


def counted(count: int, one: str, many: str) -> str:
    """A number with its noun.

    >>> counted(1, "identity", "identities")
    '1 identity'
    """
    return f"{count} {one if count == 1 else many}"


class Given:
    """Hands a law its arrays. A subclass is a method of proof, and decides what the arrays contain.

    Attributes
    ----------
    method, arithmetic : str, the names of the method and of its elements
    covers, beyond : str, what it shows that both sides agree, and what it does not show
    proof : bool, whether the method proves what it covers, or tests it
    digits : bool, whether its counterexamples are decimals, because the law contains an exponential
    distinct : bool, whether pixels must differ from one another and from 0, also in counterexamples
    degrees : the `Given` that finds the degree of a law, if the method draws a conclusion from it
    at_zero : the `Given` of a separate run at 0, if the method needs one
    presumes : str, a form that the law must have; it is not checked, so only claims that name the method may use it
    formulas : bool, whether both sides are formulas, so that a refutation can state their difference
    search_only : bool, whether the method only searches for a counterexample, and compares nothing else
    """

    method: ClassVar[str]
    arithmetic: ClassVar[str]
    covers: ClassVar[str]
    beyond: ClassVar[str]
    proof: ClassVar[bool] = True
    digits: ClassVar[bool] = False
    distinct: ClassVar[bool] = False
    degrees: ClassVar[type[Given] | None] = None
    at_zero: ClassVar[type[Given] | None] = None
    presumes: ClassVar[str] = ""
    formulas: ClassVar[bool] = False
    search_only: ClassVar[bool] = False

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self.start()

    def start(self) -> None:
        """Forget what was asked for, before a law is run anew."""
        self._image, self._names = "", set[str]()

    def expect_new(self, name: str) -> None:
        """Refuse a second array of one name: a method that names its elements would take both for the same."""
        if name in self._names:
            refuse(OptionError, "prove", "claim", "one whose arrays have names of their own", f"two arrays {name!r}")
        self._names.add(name)

    def expect_one_image(self, name: str) -> None:
        """Refuse a law with a second image, because the method would fill both alike."""
        if self._image not in ("", name):
            refuse(OptionError, "prove", "method", "one for laws of two images", repr(self.method))
        self._image = name

    def array(self, name: str, *shape: int, neutral: int = 0, positive: bool = False) -> Array:
        """An array of elements; `neutral` is the value that a counterexample uses where it needs no other."""
        raise OptionError(f"prove: method must have values for {name}, got {self.method!r}, which is for images alone")

    def image(self, *shape: int, name: str = "x") -> Array:
        """The input of a layer; a method that tries all inputs of a kind puts them along the batch."""
        return self.array(name, *shape)

    def context(self) -> AbstractContextManager[Any]:
        """The context in which the law is evaluated."""
        return nullcontext()

    def agree(self, left: Array, right: Array) -> Array:
        """Whether both sides are equal, elementwise: an array of bool."""
        return np.asarray(left == right, bool)

    def evidence(self, left: Array, right: Array) -> str:
        """How much was compared."""
        return counted(left.size, "output", "outputs")

    def expect_form(self, sides: tuple[list[tuple[int, ...]], list[tuple[int, ...]]]) -> None:
        """Refuse a law whose sides have shapes that a law of the presumed form cannot have."""

    def conclusion(self, degree: int) -> str:
        """What follows from the degree of left − right as a rational function: a text that the evidence ends with."""
        raise NotImplementedError

    def conv(
        self, inputs: int, outputs: int, kernel: Pair, *, bias: bool = True, tag: str = "", **options: Any
    ) -> Conv2d:
        """A convolution with weight F and bias b, whose names end with `tag`."""
        shape = (outputs, inputs // options.get("groups", 1), *kernel)
        return Conv2d.from_arrays(options=options, **self._filters(shape, outputs, bias, tag))

    def depthwise(self, filters: int, kernel: Pair, *, bias: bool = True, tag: str = "", **o: Any) -> DepthwiseConv2d:
        """A depthwise convolution."""
        return DepthwiseConv2d.from_arrays(options=o, **self._filters((filters, 1, *kernel), filters, bias, tag))

    def conv_transpose(
        self, inputs: int, outputs: int, kernel: Pair, *, bias: bool = True, **options: Any
    ) -> ConvTranspose2d:
        """A transposed convolution."""
        shape = (inputs, outputs // options.get("groups", 1), *kernel)
        return ConvTranspose2d.from_arrays(options=options, **self._filters(shape, outputs, bias, ""))

    def linear(self, inputs: int, outputs: int) -> Linear:
        """A fully connected layer."""
        return Linear.from_arrays(**self._filters((outputs, inputs), outputs, True, ""))

    def batch_norm(self, channels: int, *, tag: str = "", eps: float = EPS) -> BatchNorm2d:
        """A batch norm in evaluation, with γ, β, μ and r = 1/√(σ² + ε)."""
        inv_std = self.array(f"r{tag}", channels, neutral=1, positive=True)
        return BatchNorm2d.from_arrays(
            weight=self.array(f"γ{tag}", channels, neutral=1),
            bias=self.array(f"β{tag}", channels),
            running_mean=self.array(f"μ{tag}", channels),
            running_var=variances(inv_std, eps),
            options={"eps": eps},
        ).eval()

    def _filters(self, shape: tuple[int, ...], outputs: int, bias: bool, tag: str) -> dict[str, Any]:
        weight = self.array(f"F{tag}", *shape, neutral=1)
        return {"weight": weight, "bias": self.array(f"b{tag}", outputs) if bias else None}
