"""What the oracle knows of one operation: a row of the registry, and what rows are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import nnref

from ...errors import ShapeError
from ...windows import count_windows

__all__ = ["CHOICES", "EPS", "EPS_FIELD", "IMAGE", "Geometry", "Operation", "Shape", "padding_of", "per_channel"]

Geometry = dict[str, tuple[int, ...]]
Shape = tuple[int, ...]
Shapes = dict[str, "Shape | None"]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]

EPS = (1e-5, 1e-3, 1e-2, 1e-4, 1e-7)  # what the field `eps` points at
# fields that are no sizes but choices, with how many there are
CHOICES = {"bias": 2, "ceil_mode": 2, "count_include_pad": 2, "sum": 2, "eps": len(EPS)}
IMAGE = {"N": (0,), "C": (1,), "H": (1,), "W": (1,)}
EPS_FIELD = {"eps": (0,)}
MAY_BE_SPECIAL = ("x", "dy", "weight")


def _no_options(g: Geometry) -> dict[str, Any]:
    return {}


def _no_quantum(g: Geometry, fine: float) -> float | None:
    return None


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One row. The first five attributes are what every operation has; the others say what is unusual about it.

    Attributes
    ----------
    name : of the function in nnref and in a target
    least : the smallest value of every field, in the order in which a failing case shrinks
    shapes : geometry -> array name -> shape, None for an absent bias
    output : geometry -> shape of the result; less than 1 somewhere where the operation accepts no such geometry
    bounds : the module that has a bound of the same name, and of the gradient's
    options : geometry -> keyword arguments in canonical form
    quantum : geometry and the step of the data -> a number of which every intermediate result of a correct
        implementation is a multiple, on data of that step; None where there is none. Then whole numbers have no zero
        tolerance
    results : geometry -> result name -> shape, where the forward function returns a tuple; None for a single "y"
    forward_only : whether there is no backward
    windowed : whether a kernel slides, so that small geometries are enumerated
    selects : whether every result is one of the inputs or 0, so that nothing is rounded
    unordered : whether terms that are not finite may give NaN or ∞, by the order in which they are added
    lowest : what a whole image may be filled with; −∞ where the operation is defined there
    special : geometry and direction -> those of "x", "dy" and "weight" in which a NaN or an infinity has one meaning
    whole_weight : geometry and direction -> whether every result takes in the weight whole and nothing padded
    drawn_options : random bits and shapes -> options that are arrays
    exact_data : random bits, arrays and options -> changes them so that what is rational has an exact root
    assemble : arrays by name and options -> what a target is called with instead, by position
    run : how nnref computes it, where that is not its function of that name
    """

    name: str
    least: Mapping[str, tuple[int, ...]]
    shapes: Callable[[Geometry], Shapes]
    output: Callable[[Geometry], Shape]
    bounds: Any
    options: Callable[[Geometry], dict[str, Any]] = _no_options
    quantum: Callable[[Geometry, float], float | None] = _no_quantum
    results: Callable[[Geometry], Shapes] | None = None
    forward_only: bool = False
    windowed: bool = False
    selects: bool = False
    unordered: bool = False
    lowest: float = 0.0
    special: Callable[[Geometry, str], tuple[str, ...]] = lambda g, direction: MAY_BE_SPECIAL
    whole_weight: Callable[[Geometry, str], bool] = lambda g, direction: False
    drawn_options: Callable[[Any, Shapes], dict[str, Any]] | None = None
    exact_data: Callable[[Any, dict[str, Any], dict[str, Any]], None] | None = None
    assemble: Callable[..., tuple[Any, ...]] | None = None
    run: Callable[..., Any] | None = None

    @property
    def directions(self) -> tuple[str, ...]:
        """Forward, and backward where there is one."""
        return ("forward",) if self.forward_only else ("forward", "backward")

    def fits(self, geometry: Geometry) -> bool:
        """Whether the operation accepts the geometry."""
        try:
            return all(extent > 0 for extent in self.output(geometry)[1:])
        except ShapeError:
            return False

    def arguments(self, names: Iterable[str], arrays: Sequence[Any], options: dict[str, Any]) -> Arguments:
        """What a target's function is called with: by position, by keyword."""
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

    def evaluate(self, function: str, names: Iterable[str], arrays: Sequence[Any], options: dict[str, Any]) -> Any:
        """What nnref computes, in the arithmetic of the arrays: a tuple of results."""
        by_position, by_keyword = self.arguments(names, arrays, options)
        result = (self.run or getattr(nnref, function))(*by_position, **by_keyword)
        return result if isinstance(result, tuple) else (result,)


def image(g: Geometry) -> Shape:
    """(N, C, H, W)."""
    return (g["N"][0], g["C"][0], g["H"][0], g["W"][0])


def per_channel(*names: str) -> Callable[[Geometry], Shapes]:
    """Shapes of an image `x` and of parameters with a number for every channel."""

    def shapes(g: Geometry) -> Shapes:
        return {"x": image(g), **dict.fromkeys(names, g["C"])}

    return shapes


def padding_of(g: Geometry) -> tuple[tuple[int, int], tuple[int, int]]:
    """((top, bottom), (left, right))."""
    top, bottom, left, right = g["padding"]
    return (top, bottom), (left, right)


def window_grid(g: Geometry, ceil_mode: bool = False) -> Shape:
    """Output extents (Ho, Wo); less than 1 where no window fits."""
    out = []
    for axis, size in enumerate((g["H"][0], g["W"][0])):
        extent = g.get("dilation", (1, 1))[axis] * (g["kernel"][axis] - 1) + 1
        out.append(count_windows(size, extent, g["stride"][axis], padding_of(g)[axis], ceil_mode))
    return tuple(out)


def eps_option(g: Geometry) -> dict[str, Any]:
    """The field `eps` as the option."""
    return {"eps": EPS[g["eps"][0] % len(EPS)]}


def of_products(g: Geometry, fine: float) -> float | None:
    """The quantum of sums of products of two numbers."""
    return fine**2


def is_power_of_two(n: int) -> bool:
    """Whether a division by n is exact."""
    return n & (n - 1) == 0
