"""Known deviations: a TOML file of what a target is known to do differently.

    [[deviation]]
    op = "max_pool2d"                                # or "*"
    direction = "backward"                           # optional, like dtype and mode
    where = "max(padding) > 0 and dilation[0] > 1"   # optional: an expression over the fields of the case
    reason = "https://example.org/issues/1"          # mandatory, another for each entry

A failing case that an entry matches is counted as known and fails nothing. An entry that matched no case, or whose
cases all pass now, is reported: it has to go.
"""

from __future__ import annotations

import ast
import operator
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import OptionError, refuse
from .case import DIRECTIONS, DTYPES, MODES, Case
from .operations import OPERATIONS

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
        """Refuse what is no entry."""
        choices = {"op": tuple(OPERATIONS), "direction": DIRECTIONS, "dtype": DTYPES, "mode": MODES}
        for name, known in choices.items():
            if getattr(self, name) not in ("*", *known):
                refuse(OptionError, "Deviation", name, f"* or one of {', '.join(known)}", repr(getattr(self, name)))
        if not self.reason.strip():
            refuse(OptionError, "Deviation", "reason", "a reason or a URL", repr(self.reason))
        if self.where:
            evaluate(self.where, None)

    def matches(self, case: Case) -> bool:
        """Whether the entry speaks of this case."""
        parts = ((self.op, case.op), (self.direction, case.direction), (self.dtype, case.dtype), (self.mode, case.mode))
        if not all(mine in ("*", theirs) for mine, theirs in parts):
            return False
        return not self.where or bool(evaluate(self.where, case.geometry))


def read_deviations(path: str | Path) -> tuple[Deviation, ...]:
    """Read a TOML file of deviations.

    Raises
    ------
    OptionError : the file is no TOML, or an entry has no reason, that of another, an unknown part or a bad expression.
    """
    try:
        entries = tomllib.loads(Path(path).read_text(encoding="utf-8")).get("deviation", [])
        deviations = tuple(Deviation(**entry) for entry in entries)
    except (OSError, tomllib.TOMLDecodeError, TypeError) as error:
        refuse(OptionError, "read_deviations", "path", "a TOML file of [[deviation]] entries", f"{path}: {error}")
    reasons = [deviation.reason for deviation in deviations]
    if twice := {reason for reason in reasons if reasons.count(reason) > 1}:  # they are counted by it
        refuse(OptionError, "read_deviations", "reason", "another for each entry", sorted(twice))
    return deviations


COMPARE: dict[type, Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Mod: operator.mod,
    ast.FloorDiv: operator.floordiv,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {"max": max, "min": min, "sum": sum, "any": any, "all": all}


def evaluate(expression: str, geometry: Mapping[str, tuple[int, ...]] | None) -> Any:
    """The value of an expression over the fields of a case; without a geometry it is only checked.

    Fields are integers, or tuples where a case has several numbers. There are comparisons, and/or/not, + - * // %,
    indexing, and max, min, sum, any, all.

    >>> evaluate("max(padding) > 1 and W % 8 == 1", {"padding": (0, 2, 0, 0), "W": (9,)})
    True
    """
    try:
        tree = ast.parse(expression, mode="eval").body
        return _value(tree, geometry) if geometry is not None else _check(tree)
    except (SyntaxError, ValueError, TypeError, LookupError, ZeroDivisionError) as error:
        refuse(
            OptionError, "Deviation", "where", "an expression over the fields of the case", f"{expression!r}: {error}"
        )


def _check(tree: ast.expr) -> None:
    names = (ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.Compare, ast.BinOp, ast.Call, ast.Name)
    allowed = (*names, ast.Load, ast.Constant, ast.Subscript, ast.Tuple, *COMPARE, *ARITHMETIC)
    for node in ast.walk(tree):
        if not isinstance(node, allowed) or (isinstance(node, ast.Constant) and not isinstance(node.value, int)):
            raise ValueError(f"{type(node).__name__} is not allowed")


def _value(node: ast.expr, g: Mapping[str, tuple[int, ...]]) -> Any:
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.Name(id=name):
            return g[name] if len(g[name]) > 1 else g[name][0]
        case ast.Tuple(elts=parts):
            return tuple(_value(part, g) for part in parts)
        case ast.Subscript(value=whole, slice=index):
            return _value(whole, g)[_value(index, g)]
        case ast.UnaryOp(op=sign, operand=inner):
            return not _value(inner, g) if isinstance(sign, ast.Not) else -_value(inner, g)
        case ast.BoolOp(op=joint, values=parts):
            truths = (_value(part, g) for part in parts)
            return all(truths) if isinstance(joint, ast.And) else any(truths)
        case ast.BinOp(left=left, op=sign, right=right):
            return ARITHMETIC[type(sign)](_value(left, g), _value(right, g))
        case ast.Compare(left=left, ops=signs, comparators=rights):
            values = [_value(left, g), *(_value(right, g) for right in rights)]
            return all(COMPARE[type(s)](a, b) for s, a, b in zip(signs, values, values[1:], strict=False))
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]):
            return FUNCTIONS[name](*(_value(part, g) for part in parts))
    raise ValueError(f"{type(node).__name__} is not allowed")
