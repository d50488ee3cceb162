"""Known deviations: a TOML file of what a target is known to do differently.

    [[deviation]]
    op = "max_pool2d"                                # or "*"
    direction = "backward"                           # optional, like dtype and mode
    where = "max(padding) > 0 and dilation[0] > 1"   # optional: an expression over the fields of the case
    reason = "https://example.org/issues/1"          # mandatory, another for each entry

A failing case that an entry matches is counted as known and fails nothing. An entry that matched no case of the rows it
is about, or whose cases all pass now, is reported: it has to go. An expression is about the operations that have its
fields, and matches no case at which it has no value, as after a division by zero.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from ...errors import OptionError, refuse
from ..cases.case import DIRECTIONS, DTYPES, MODES, Case
from ..operations import OPERATIONS
from ..text import brief
from .expression import evaluate, expect_sense, fields_of

__all__ = ["Deviation", "read_deviations"]


@dataclass(frozen=True)
class Deviation:
    """One entry; a part that is "*" matches anything."""

    op: str
    reason: str
    direction: str = "*"
    dtype: str = "*"
    mode: str = "*"
    where: str = ""

    def __post_init__(self) -> None:
        """Refuse an invalid entry."""
        for name in ("reason", "where"):
            if not isinstance(getattr(self, name), str):
                refuse(OptionError, "Deviation", name, "text", repr(getattr(self, name)))
        choices = {"op": tuple(OPERATIONS), "direction": DIRECTIONS, "dtype": DTYPES, "mode": MODES}
        for name, known in choices.items():
            if getattr(self, name) not in ("*", *known):
                refuse(OptionError, "Deviation", name, f"* or one of {', '.join(known)}", repr(getattr(self, name)))
        if not self.reason.strip():
            refuse(OptionError, "Deviation", "reason", "a reason or a URL", repr(self.reason))
        if self.where:
            try:
                expect_sense(self.where, [op for op in OPERATIONS.values() if self.op in ("*", op.name)])
            except (SyntaxError, ValueError, TypeError, LookupError, RecursionError, MemoryError) as error:
                what = f"{self.where!r}: {brief(error)}"
                refuse(OptionError, "Deviation", "where", "an expression over the fields of the case", what)

    def concerns(self, op: str, direction: str, dtype: str) -> bool:
        """Whether a case of this row may match."""
        parts = ((self.op, op), (self.direction, direction), (self.dtype, dtype))
        return all(mine in ("*", its) for mine, its in parts) and fields_of(self.where) <= set(OPERATIONS[op].least)

    def matches(self, case: Case) -> bool:
        """Whether the entry speaks of this case."""
        if self.mode not in ("*", case.mode) or not self.concerns(case.op, case.direction, case.dtype):
            return False
        try:
            return not self.where or bool(evaluate(self.where, case.geometry))
        except (ArithmeticError, LookupError, TypeError, ValueError):
            return False


def read_deviations(path: str | Path) -> tuple[Deviation, ...]:
    """Read a TOML file of deviations.

    Raises
    ------
    OptionError : the file is not TOML, or an entry is invalid: it lacks a reason of its own, has an unknown part, or an
        expression that is not over fields of its operation.
    """
    try:
        file = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        if unknown := sorted(set(file) - {"deviation"}):
            raise TypeError(f"it has {', '.join(unknown)}")
        deviations = tuple(Deviation(**entry) for entry in file.get("deviation", []))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError, RecursionError) as error:
        what = f"{path}: {brief(error)}"
        refuse(OptionError, "read_deviations", "path", "a TOML file of [[deviation]] entries", what)
    reasons = [deviation.reason for deviation in deviations]
    if twice := {reason for reason in reasons if reasons.count(reason) > 1}:  # they are counted by it
        refuse(OptionError, "read_deviations", "reason", "another for each entry", sorted(twice))
    return deviations
