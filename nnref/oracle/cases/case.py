"""A case: one line that describes one call of an operation completely.

    conv2d.backward float32 normal strided seed=7 N=1 groups=2 Cg=1 Kg=1 H=5 W=4 kernel=3,1 stride=1,1 padding=…

The words are, in order: operation and direction, dtype, data mode, memory layout, seed of the data, and the fields of
the operation. Fields are integers, but for eps, which is a value, and in old lines the position of the value. Some
modes have several kinds of data, as in "special:nan". The layout "mixed" has a digit for every array, as in
"mixed:031". In old lines without a kind or digits, the seed chooses. The arrays follow from the line
(`nnref.oracle.arrays`) and are the same on every machine and with every version.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from ...errors import OptionError, refuse
from ..dtypes import DTYPES
from ..operations import OPERATIONS, Geometry, Operation, Shape
from ..operations.operation import CHOICES, is_value
from ..text import brief

__all__ = ["DIRECTIONS", "KINDS", "LAYOUTS", "MIXED", "MODES", "Case", "kinds_of", "layout_of", "mixed", "parse"]

DIRECTIONS = ("forward", "backward")
MODES = ("integers", "dyadic", "normal", "adversarial", "one_hot", "special")
KINDS: dict[str, tuple[str, ...]] = {
    "adversarial": ("cancelling", "offset", "one_huge"),
    "special": ("nan", "subnormal", "ties", "lowest", "parameter"),
}
LAYOUTS = (
    "contiguous",
    "strided",  # every other number of a row
    "reversed",  # rows backwards
    "readonly",
    "misaligned",  # one byte off
    "cropped",  # part of a larger array, with NaN around it
    "transposed",  # the first axis innermost, as in Fortran
    "channels_last",  # the second axis innermost
    "expanded",  # a stride of 0 over pixels, which repeat, as in y.sum().backward()
    "some_channels",  # like channels_last, but without the last channel of a larger array
    "broadcast",  # a stride of 0 over samples, which repeat
    "mixed",  # every array in a layout of its own
)
MIXED = (  # the layouts that the digits 0 to 7 of a mixed layout stand for
    "contiguous",
    "strided",
    "reversed",
    "misaligned",
    "cropped",
    "transposed",
    "channels_last",
    "some_channels",
)
SEEDS = 1 << 63
DESCRIPTOR = "a descriptor as a report prints it, like 'relu.forward float32 normal contiguous seed=3 N=1 C=1 H=1 W=2'"
LARGEST = 1 << 26  # numbers in the arrays of a case that is read from a line


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
    kind: str = ""  # kind of data, for a mode that has several; if it is empty, the seed chooses

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

    @property
    def result_shapes(self) -> dict[str, Shape | None]:
        """Results by name, in order, with their shapes; None for the gradient of an absent bias."""
        return self.operation.result_shapes(self.geometry, self.direction)

    @property
    def returns_tuple(self) -> bool:
        """Whether the target's function returns a tuple."""
        return self.operation.returns_tuple(self.direction)

    def __str__(self) -> str:
        """The descriptor."""
        fields = " ".join(f"{name}={_written(self.geometry, name)}" for name in self.geometry)
        mode = f"{self.mode}:{self.kind}" if self.kind else self.mode
        head = f"{self.op}.{self.direction} {self.dtype} {mode} {self.layout} seed={self.seed}"
        return f"{head} {fields}".rstrip()

    def but(self, **changes: Any) -> Case:
        """A copy with some attributes changed."""
        return replace(self, **changes)

    def with_seed(self, seed: int) -> Case:
        """A copy with another seed, that is, with other data."""
        return replace(self, seed=seed)

    def with_field(self, name: str, value: tuple[int, ...]) -> Case:
        """A copy with one field of the geometry changed."""
        return replace(self, geometry={**self.geometry, name: value})


def parse(line: str) -> Case:
    """Read a descriptor. This is the inverse of ``str(case)``, except that white space does not matter.

    Raises
    ------
    OptionError : the line is not a descriptor, or its arrays are far larger than those of any search.

    >>> str(parse("relu.forward float32 normal contiguous seed=3 N=1 C=1 H=1 W=2"))
    'relu.forward float32 normal contiguous seed=3 N=1 C=1 H=1 W=2'
    """
    words = line.split()
    fields = words[4:]
    if not fields or "." not in words[0] or not fields[0].startswith("seed=") or not all("=" in w for w in fields):
        refuse(OptionError, "parse", "line", DESCRIPTOR, repr(brief(line)))
    op, direction = words[0].rsplit(".", 1)
    dtype, (mode, colon, kind), (layout, *digits) = words[1], words[2].partition(":"), words[3].split(":")
    for what, word, choices in (
        ("operation", op, tuple(OPERATIONS)),
        ("direction", direction, DIRECTIONS),
        ("dtype", dtype, DTYPES),
        ("mode", mode, MODES),
        ("layout", layout, LAYOUTS),
        ("kind of data", kind if colon else "", KINDS.get(mode, ()) if colon else ("",)),
    ):
        _expect(what, word, choices)
    if digits and (layout != "mixed" or len(digits) > 1 or not digits[0] or set(digits[0]) - set("01234567")):
        refuse(OptionError, "parse", "layout", "a layout, or mixed: and digits from 0 to 7", repr(brief(words[3])))
    values = {name: _numbers(name, text) for name, text in (word.split("=", 1) for word in fields)}
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
    case = Case(op, direction, dtype, mode, words[3], seed, values, kind)
    given = [f"{name}={_written(values, name)}" if is_value(name) else word for word, name in _named(words)]
    if str(case) != " ".join(given):  # a field given twice, or a number written in another way
        refuse(OptionError, "parse", "line", f"written as {case}", brief(" ".join(words)))
    if (size := _size(case)) > LARGEST:
        refuse(OptionError, "parse", "fields", f"of arrays with at most {LARGEST} numbers in all", size)
    return case


def layout_of(case: Case, name: str) -> str:
    """The memory layout of one array of a case."""
    layout, _, digits = case.layout.partition(":")
    if layout != "mixed":
        return layout
    position = list(case.shapes).index(name)
    if digits:
        return MIXED[int(digits[position])] if position < len(digits) else "contiguous"
    return MIXED[case.seed // len(MIXED) ** position % len(MIXED)]


def mixed(layouts: Iterable[int]) -> str:
    """The mixed layout in which each array, in order, has one of the layouts in `MIXED`.

    >>> mixed([0, 3, 1])
    'mixed:031'
    """
    return "mixed:" + "".join(map(str, layouts))


def kinds_of(mode: str, operation: Operation, direction: str) -> tuple[str, ...]:
    """The kinds of data that a mode has for an operation; a single empty name if there is only one kind."""
    kinds = KINDS.get(mode, ("",))
    if mode != "special":
        return kinds
    if operation.assemble is not None:  # a merged network has 0·∞ and ∞ − ∞ in other places
        return tuple(kind for kind in kinds if kind not in ("nan", "parameter"))
    return kinds if len(operation.shapes(dict(operation.least))) > 1 else kinds[:-1]


def _size(case: Case) -> int:
    """How many numbers there are in the arrays, the result, the padded image and all windows."""
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


def _written(geometry: Geometry, name: str) -> str:
    """A field of a line: a value such as that of eps itself, and of all other fields the integers."""
    if not is_value(name):
        return ",".join(map(str, geometry[name]))
    return _texts(name)[geometry[name][0] % len(CHOICES[name])]


def _named(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((word, word.partition("=")[0]) for word in words)


def _numbers(name: str, text: str) -> tuple[int, ...]:
    """The integers of a field. A value is known by its position; old lines have the position."""
    if not is_value(name) or (text.isascii() and text.isdecimal()):
        numbers = _integers(name, text)
        return (numbers[0] % len(CHOICES[name]),) if is_value(name) else numbers
    known = _texts(name)
    if text not in known:
        refuse(OptionError, "parse", name, f"one of {', '.join(known)}", repr(brief(text)))
    return (known.index(text),)


@functools.cache
def _texts(name: str) -> tuple[str, ...]:
    """The values of a field as a line writes them: those that float32 has in its few digits."""
    rounded = [(value, np.float32(value)) for value in CHOICES[name]]
    return tuple(repr(float(str(f))) if float(f) == value else f"{value!r}:float64" for value, f in rounded)


def _integers(name: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        refuse(OptionError, "parse", brief(name), "integers", repr(brief(text)))
