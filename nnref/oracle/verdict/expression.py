"""The expressions of a deviations file: a small language over the fields of a case, in the syntax of Python.

Fields are integers, or tuples where a case has several numbers; eps is its value. There are comparisons, and/or/not,
+ - * // %, indexing, and max, min, sum, any, all. Nothing else is evaluated.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

from ..operations import Geometry, Operation
from ..operations.operation import choice, is_value

__all__ = ["evaluate", "expect_sense", "fields_of"]


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

    >>> evaluate("max(padding) > 1 and W % 8 == 1", {"padding": (0, 2, 0, 0), "W": (9,)})
    True
    """
    return _value(_tree(expression), geometry)


def expect_sense(expression: str, operations: Sequence[Operation]) -> None:
    """Refuse an expression without a value on cases of an operation, even in a part that few cases reach.

    Raises
    ------
    SyntaxError, ValueError, TypeError, LookupError, RecursionError, MemoryError : the expression is invalid.
    """
    tree = _tree(expression)
    about = [operation for operation in operations if fields_of(expression) <= set(operation.least)]
    if not about:
        known = dict.fromkeys(field for operation in operations for field in operation.least)
        unknown = sorted(fields_of(expression) - set(known))
        raise ValueError(f"no field {', '.join(unknown)}" if unknown else "no operation has all of its fields")
    parts = [node for node in ast.walk(tree) if isinstance(node, ast.expr) and node not in _functions(tree)]
    for operation in about:
        for part in parts:
            with contextlib.suppress(ZeroDivisionError):
                _value(part, dict(operation.least))


@functools.cache
def _tree(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


@functools.cache
def fields_of(expression: str) -> frozenset[str]:
    """The names in an expression, but for those that are called."""
    tree = _tree(expression or "0")
    functions = _functions(tree)
    return frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n not in functions)


def _functions(tree: ast.expr) -> set[ast.expr]:
    return {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}


def _value(node: ast.expr, g: Geometry) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.Name(id=name) if is_value(name):
            return choice(g, name)
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
