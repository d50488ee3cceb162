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

import ast
import contextlib
import functools
import operator
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import OptionError, refuse
from ..cases.case import DIRECTIONS, DTYPES, MODES, Case
from ..operations.rows import OPERATIONS, Geometry, Operation
from ..text import brief

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
        """Refuse what is no entry, of no operation at least."""
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
            _expect_sense(self.where, [op for op in OPERATIONS.values() if self.op in ("*", op.name)])

    def concerns(self, op: str, direction: str, dtype: str) -> bool:
        """Whether a case of this row may match."""
        parts = ((self.op, op), (self.direction, direction), (self.dtype, dtype))
        return all(mine in ("*", its) for mine, its in parts) and _fields(self.where) <= set(OPERATIONS[op].least)

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
    OptionError : the file is no TOML, or an entry has no reason, that of another, an unknown part, or an expression
        that is none or not over fields of its operation.
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


def evaluate(expression: str, geometry: Geometry) -> Any:
    """The value of an expression over the fields of a case.

    Fields are integers, or tuples where a case has several numbers. There are comparisons, and/or/not, + - * // %,
    indexing, and max, min, sum, any, all.

    >>> evaluate("max(padding) > 1 and W % 8 == 1", {"padding": (0, 2, 0, 0), "W": (9,)})
    True
    """
    return _value(_tree(expression), geometry)


def _expect_sense(expression: str, operations: Sequence[Operation]) -> None:
    """Refuse an expression that has no value on cases of an operation, be it in a part that few of them reach."""
    try:
        tree = _tree(expression)
        about = [operation for operation in operations if _fields(expression) <= set(operation.least)]
        if not about:
            known = dict.fromkeys(field for operation in operations for field in operation.least)
            unknown = sorted(_fields(expression) - set(known))
            raise ValueError(f"no field {', '.join(unknown)}" if unknown else "no operation has all of its fields")
        parts = [node for node in ast.walk(tree) if isinstance(node, ast.expr) and node not in _functions(tree)]
        for operation in about:
            for part in parts:
                with contextlib.suppress(ZeroDivisionError):
                    _value(part, dict(operation.least))
    except (SyntaxError, ValueError, TypeError, LookupError, RecursionError, MemoryError) as error:
        what = f"{expression!r}: {brief(error)}"
        refuse(OptionError, "Deviation", "where", "an expression over the fields of the case", what)


@functools.cache
def _tree(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


@functools.cache
def _fields(expression: str) -> frozenset[str]:
    """The names in an expression, but for those that are called."""
    tree = _tree(expression or "0")
    functions = _functions(tree)
    return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n not in functions)


def _functions(tree: ast.expr) -> set[ast.expr]:
    return {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}


def _value(node: ast.expr, g: Geometry) -> Any:
    match node:
        case ast.Constant(value=int() as number):
            return number
        case ast.Name(id=name):
            return g[name] if len(g[name]) > 1 else g[name][0]
        case ast.Tuple(elts=parts):
            return tuple(_value(part, g) for part in parts)
        case ast.Subscript(value=whole, slice=index):
            return _value(whole, g)[_value(index, g)]
        case ast.UnaryOp(op=ast.Not() | ast.USub() as sign, operand=inner):
            return not _value(inner, g) if isinstance(sign, ast.Not) else -_value(inner, g)
        case ast.BoolOp(op=joint, values=parts):
            truths = (_value(part, g) for part in parts)
            return all(truths) if isinstance(joint, ast.And) else any(truths)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in ARITHMETIC:
            terms = (_value(left, g), _value(right, g))
            if not all(isinstance(term, int) for term in terms):
                raise TypeError("only integers are added and multiplied")
            return ARITHMETIC[type(sign)](*terms)
        case ast.Compare(left=left, ops=signs, comparators=rights) if {type(s) for s in signs} <= set(COMPARE):
            values = [_value(left, g), *(_value(right, g) for right in rights)]
            return all(COMPARE[type(s)](a, b) for s, a, b in zip(signs, values, values[1:], strict=False))
        case ast.Call(func=ast.Name(id=name), args=parts, keywords=[]) if name in FUNCTIONS:
            return FUNCTIONS[name](*(_value(part, g) for part in parts))
    raise ValueError(f"{type(node).__name__} is not allowed")
