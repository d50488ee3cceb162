"""A case: one line that says everything about one call of an operation.

    conv2d.backward float32 normal strided seed=7 N=1 groups=2 Cg=1 Kg=1 H=5 W=4 kernel=3,1 stride=1,1 padding=…

In order: operation and direction, dtype, data mode, memory layout, seed of the data, and the operation's fields, all of
them integers. The arrays follow from the line (`nnref.oracle.arrays.fill`), on every machine and version alike.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

from ...errors import OptionError, refuse
from ..operations.rows import OPERATIONS, Geometry, Operation, Shape
from ..text import brief

__all__ = ["DIRECTIONS", "DTYPES", "LAYOUTS", "MODES", "Case", "parse"]

DIRECTIONS = ("forward", "backward")
DTYPES = ("float16", "bfloat16", "float32", "float64")
MODES = ("integers", "dyadic", "normal", "adversarial", "one_hot", "special")
LAYOUTS = (
    "contiguous",
    "strided",  # every other number of a row
    "reversed",  # rows backwards
    "readonly",
    "misaligned",  # one byte off
    "cropped",  # out of a larger array, all NaN around
    "transposed",  # the first axis innermost, as Fortran has it
    "channels_last",  # the second axis innermost
    "expanded",  # a stride of 0 over pixels, which repeat, as y.sum().backward() makes them
    "some_channels",  # the same as channels_last, out of one channel more
    "broadcast",  # a stride of 0 over samples, which repeat
    "mixed",  # every array in another one, by the seed
)
SEEDS = 1 << 63
LARGEST = 1 << 26  # numbers that a case read from a line may be about


@dataclass(frozen=True)
class Case:
    """One call of an operation: what `parse` reads and `str` writes."""

    op: str
    direction: str
    dtype: str
    mode: str
    layout: str
    seed: int
    geometry: Geometry = field(hash=False)

    @property
    def operation(self) -> Operation:
        """The row of the registry."""
        return OPERATIONS[self.op]

    @property
    def function(self) -> str:
        """The name of the target's function."""
        return self.op if self.direction == "forward" else f"{self.op}_backward"

    @property
    def shapes(self) -> dict[str, Shape | None]:
        """Shapes of the arrays, by name, in the order of the call; None for an absent bias."""
        cotangent = {"dy": self.operation.output(self.geometry)} if self.direction == "backward" else {}
        return {**cotangent, **self.operation.shapes(self.geometry)}

    def __str__(self) -> str:
        """The descriptor."""
        fields = " ".join(f"{name}={','.join(map(str, value))}" for name, value in self.geometry.items())
        head = f"{self.op}.{self.direction} {self.dtype} {self.mode} {self.layout} seed={self.seed}"
        return f"{head} {fields}".rstrip()

    def but(self, **changes: Any) -> Case:
        """A copy with other parts."""
        return replace(self, **changes)

    def with_seed(self, seed: int) -> Case:
        """A copy with other data."""
        return replace(self, seed=seed)

    def with_field(self, name: str, value: tuple[int, ...]) -> Case:
        """A copy with one field of the geometry changed."""
        return replace(self, geometry={**self.geometry, name: value})


def parse(line: str) -> Case:
    """Read a descriptor; the inverse of ``str(case)``, but for the space between words.

    Raises
    ------
    OptionError : the line is no descriptor, or one of arrays that are far larger than those of any search.

    >>> str(parse("relu.forward float32 normal contiguous seed=3 N=1 C=1 H=1 W=2"))
    'relu.forward float32 normal contiguous seed=3 N=1 C=1 H=1 W=2'
    """
    words = line.split()
    fields = words[4:]
    if not fields or "." not in words[0] or not fields[0].startswith("seed=") or not all("=" in w for w in fields):
        refuse(OptionError, "parse", "line", "a descriptor: op.direction dtype mode layout seed=… …", repr(brief(line)))
    op, direction = words[0].rsplit(".", 1)
    _expect("operation", op, tuple(OPERATIONS))
    for what, word, choices in zip(
        ("direction", "dtype", "mode", "layout"),
        (direction, *words[1:4]),
        (DIRECTIONS, DTYPES, MODES, LAYOUTS),
        strict=True,
    ):
        _expect(what, word, choices)
    values = {name: _integers(name, text) for name, text in (word.split("=", 1) for word in fields)}
    seed, *more = values.pop("seed")
    if more or not 0 <= seed < SEEDS:
        refuse(OptionError, "parse", "seed", f"one integer, at least 0 and less than {SEEDS}", brief(fields[0]))
    least = OPERATIONS[op].least
    if list(values) != list(least) or any(len(values[name]) != len(least[name]) for name in least):
        what = f"{', '.join(least)} of {op}, in that order"
        refuse(OptionError, "parse", "fields", what, brief(" ".join(fields[1:])))
    too_small = [n for n in least if any(v < m for v, m in zip(values[n], least[n], strict=True))]
    large = max((value for numbers in values.values() for value in numbers), default=0) > LARGEST
    if too_small or large or not OPERATIONS[op].fits(values):
        refuse(OptionError, "parse", "fields", f"a case that {op} accepts", brief(" ".join(fields[1:])))
    dtype, mode, layout = words[1:4]
    case = Case(op, direction, dtype, mode, layout, seed, values)
    if str(case) != " ".join(words):  # a field given twice, or a number written in another way
        refuse(OptionError, "parse", "line", f"written as {case}", brief(" ".join(words)))
    if (size := _size(case)) > LARGEST:
        refuse(OptionError, "parse", "fields", f"those of arrays of at most {LARGEST} numbers", size)
    return case


def _size(case: Case) -> int:
    """How many numbers there are in its arrays and results, the padded image, and all its windows."""
    g, operation = case.geometry, case.operation
    arrays = [shape for shape in operation.shapes(g).values() if shape is not None]
    output = operation.output(g)
    size = sum(map(prod, [*arrays, output]))
    if "padding" in g:
        top, bottom, left, right = g["padding"]
        size += prod(arrays[0][:2]) * (g["H"][0] + top + bottom) * (g["W"][0] + left + right)
    if "kernel" in g and "H" in g:
        places = max(prod(output[2:]), g["H"][0] * g["W"][0]) if "output_padding" in g else prod(output[2:])
        size += prod(arrays[0][:2]) * places * prod(g["kernel"])
    return size


def _expect(what: str, word: str, choices: tuple[str, ...]) -> None:
    if word not in choices:
        refuse(OptionError, "parse", what, f"one of {', '.join(choices)}", repr(brief(word)))


def _integers(name: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        refuse(OptionError, "parse", brief(name), "integers", repr(brief(text)))
