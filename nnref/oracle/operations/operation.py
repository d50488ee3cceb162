"""What the oracle knows about one operation: a row of the registry, and the parts that rows share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import nnref

from ...errors import ShapeError
from ...windows import count_windows
from .convention import Convention, Question

__all__ = [
    "CHOICES",
    "EPS",
    "EPS_FIELD",
    "IMAGE",
    "Geometry",
    "Operation",
    "Shape",
    "choice",
    "eps_option",
    "image",
    "is_power_of_two",
    "is_value",
    "of_products",
    "padding_of",
    "per_channel",
    "window_grid",
]

Geometry = dict[str, tuple[int, ...]]
Shape = tuple[int, ...]
Shapes = dict[str, "Shape | None"]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]

# what the field `eps` points at: numbers that float32 has, because ONNX keeps eps so; and in the end one that it lacks
EPS = (*(float(np.float32(eps)) for eps in (1e-5, 1e-3, 1e-2, 1e-4, 1e-7)), 1e-5)
FLAG = (False, True)
# fields that are not sizes but choices -> the values to choose from
CHOICES: dict[str, tuple[Any, ...]] = {
    "bias": FLAG,
    "ceil_mode": FLAG,
    "count_include_pad": FLAG,
    "sum": FLAG,
    "eps": EPS,
}
IMAGE = {"N": (0,), "C": (1,), "H": (1,), "W": (1,)}
EPS_FIELD = {"eps": (0,)}
MAY_BE_SPECIAL = ("x", "dy", "weight")


def _no_options(g: Geometry) -> dict[str, Any]:
    return {}


def _least(g: Geometry) -> Geometry:
    return {}


def _no_quantum(g: Geometry, fine: float) -> float | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One row. Every operation has the first five attributes. The others say what is unusual about it.

    Attributes
    ----------
    name : name of the function, in nnref and in a target
    least : field -> its smallest value, in the order in which a failing case shrinks
    shapes : geometry -> array name -> shape, None for an absent bias
    output : geometry -> shape of the result; an extent is less than 1 if the operation does not accept the geometry
    bounds : module with the bounds of the function and of its gradient, under the same names
    options : geometry -> keyword arguments in canonical form
    usual : geometry -> fields with which an option has the value that it has if it is left out, if not with the least
    quantum : geometry and step of the data -> a number such that every intermediate result of a correct implementation
        is a multiple of it; None if there is no such number, and then whole numbers have no zero tolerance
    results : geometry -> result name -> shape, if the forward function returns a tuple; None for a single "y"
    forward_only : whether the operation has no backward
    windowed : whether a kernel slides over an image, so that small geometries are enumerated
    selects : whether every result is one of the inputs or 0, so that nothing is rounded
    contracts : whether results are sums of products, of which a factor that repeats may be taken out
    cancels : forms of the gradient in which multiples of an infinite cotangent are subtracted: "some" of them, "all",
        or none, which is empty
    conventions : what neither the definition nor the documentation of the field fixes
    lowest : value that may fill a whole image: −∞ if the operation is defined there, otherwise 0
    special : geometry and direction -> those of "x", "dy" and "weight" in which a NaN or an infinity has one meaning
    whole_weight : geometry and direction -> whether every result depends on the whole weight and not on padding
    drawn_options : options that are arrays -> function of random bits and shapes that draws them
    exact_data : function of random bits, arrays and options that changes them so that square roots are exact
    assemble : arrays by name and options -> the positional arguments that a target is called with instead
    run : how nnref computes the operation, if not by its function of that name
    """

    name: str
    least: Mapping[str, tuple[int, ...]]
    shapes: Callable[[Geometry], Shapes]
    output: Callable[[Geometry], Shape]
    bounds: Any
    options: Callable[[Geometry], dict[str, Any]] = _no_options
    usual: Callable[[Geometry], Geometry] = _least
    quantum: Callable[[Geometry, float], float | None] = _no_quantum
    results: Callable[[Geometry], Shapes] | None = None
    forward_only: bool = False
    windowed: bool = False
    selects: bool = False
    contracts: bool = False
    cancels: str = ""
    conventions: tuple[Convention, ...] = ()
    lowest: float = 0.0
    special: Callable[[Geometry, str], tuple[str, ...]] = lambda g, direction: MAY_BE_SPECIAL
    whole_weight: Callable[[Geometry, str], bool] = lambda g, direction: False
    drawn_options: Mapping[str, Callable[[Any, Shapes], Any]] = field(default_factory=dict)
    exact_data: Callable[[Any, dict[str, Any], dict[str, Any]], None] | None = None
    assemble: Callable[..., tuple[Any, ...]] | None = None
    run: Callable[..., Any] | None = None

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions of the operation."""
        return ("forward",) if self.forward_only else ("forward", "backward")

    def fits(self, geometry: Geometry) -> bool:
        """Whether the operation accepts the geometry."""
        try:
            return all(extent > 0 for extent in self.output(geometry)[1:])
        except ShapeError:
            return False

    @property
    def option_names(self) -> tuple[str, ...]:
        """The names of all options."""
        return (*self.options(dict(self.least)), *self.drawn_options)

    def neutral(self, geometry: Geometry) -> dict[str, Any]:
        """The options that can be left out, each with the value that it has then: stride 1, no padding, one group.

        >>> from nnref.oracle.operations import OPERATIONS
        >>> OPERATIONS["max_pool2d"].neutral({"kernel": (3, 2)})["stride"]
        (3, 2)
        """
        kept = {name: value for name, value in geometry.items() if name == "kernel"}
        options = self.options({**self.least, **kept, **self.usual(geometry)})
        return {name: value for name, value in options.items() if name != "kernel_size"}  # no size is neutral

    def arguments(self, names: Iterable[str], arrays: Sequence[Any], options: dict[str, Any]) -> Arguments:
        """The arguments of a target's function: positional ones and keywords."""
        if self.assemble is None:
            return tuple(arrays), options
        return self.assemble(dict(zip(names, arrays, strict=True)), **options), {}

    def returns_tuple(self, direction: str) -> bool:
        """Whether the function of a direction returns a tuple of results."""
        return direction == "backward" or self.results is not None

    def result_shapes(self, geometry: Geometry, direction: str) -> Shapes:
        """Results by name, in order, with their shapes; None for the gradient of an absent bias."""
        if direction == "backward":
            return {f"d{name}": shape for name, shape in self.shapes(geometry).items()}
        return {"y": self.output(geometry)} if self.results is None else self.results(geometry)

    def open_places(self, question: Question) -> dict[int, tuple[Any, ...]]:
        """Position of a result -> what of it the conventions leave open."""
        found: dict[int, tuple[Any, ...]] = {}
        for convention in self.conventions:
            for position, place in convention.places(question).items():
                found[position] = (*found.get(position, ()), place)
        return found

    def evaluate(self, function: str, names: Iterable[str], arrays: Sequence[Any], options: dict[str, Any]) -> Any:
        """The results that nnref computes in the arithmetic of the arrays, as a tuple."""
        by_position, by_keyword = self.arguments(names, arrays, options)
        result = (self.run or getattr(nnref, function))(*by_position, **by_keyword)
        return result if isinstance(result, tuple) else (result,)


def image(g: Geometry) -> Shape:
    """(N, C, H, W)."""
    return (g["N"][0], g["C"][0], g["H"][0], g["W"][0])


def per_channel(*names: str) -> Callable[[Geometry], Shapes]:
    """Shapes of an image `x` and of parameters with one number per channel."""

    def shapes(g: Geometry) -> Shapes:
        return {"x": image(g), **dict.fromkeys(names, g["C"])}

    return shapes


def padding_of(g: Geometry) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right))."""
    top, bottom, left, right = g["padding"]
    return (top, bottom), (left, right)


def window_grid(g: Geometry, ceil_mode: bool = False) -> Shape:
    """Output extents (Ho, Wo); an extent is less than 1 if no window fits."""
    out = []
    for axis, size in enumerate((g["H"][0], g["W"][0])):
        extent = g.get("dilation", (1, 1))[axis] * (g["kernel"][axis] - 1) + 1
        out.append(count_windows(size, extent, g["stride"][axis], padding_of(g)[axis], ceil_mode))
    return tuple(out)


@functools.cache
def is_value(name: str) -> bool:
    """Whether a field is written as the number that it points at, and not as a flag or a size."""
    return name in CHOICES and any(not isinstance(value, bool) for value in CHOICES[name])


def choice(g: Geometry, name: str) -> Any:
    """The value that a field of `CHOICES` points at."""
    return CHOICES[name][g[name][0] % len(CHOICES[name])]


def eps_option(g: Geometry) -> dict[str, Any]:
    """The option `eps` that the field `eps` selects."""
    return {"eps": choice(g, "eps")}


def of_products(g: Geometry, fine: float) -> float | None:
    """The quantum of sums of products of two numbers, each a multiple of `fine`."""
    return fine**2


def is_power_of_two(n: int) -> bool:
    """Whether n is a power of two, so that a division by n is exact."""
    return n & (n - 1) == 0
