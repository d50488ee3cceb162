"""Cases with symbols: sizes and options as text, such as ``"g*C"``, read as polynomials in parameters."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterable, Mapping
from typing import Any

from ...arithmetic import Polynomial
from .integers import Int, replaced, symbol
from .solver import Guard

__all__ = ["WORDS", "at_numbers", "conditions", "holds", "least_values", "names_of", "with_symbols"]

WORDS = {"same", "valid"}  # options that are words and no symbols
FROM_ZERO = {"top", "bottom", "left", "right", "up", "down", "before", "after", "more", "extra", "N"}
OPERATIONS = {ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul}
RELATIONS = {ast.GtE: ">=", ast.Gt: ">", ast.LtE: "<=", ast.Lt: "<", ast.Eq: "=="}


def least_values(names: Iterable[str]) -> dict[str, int]:
    """The least value of each parameter: 0 for padding and the batch, 1 for all others.

    >>> least_values(["H", "top", "left_2"])
    {'H': 1, 'top': 0, 'left_2': 0}
    """
    return {name: 0 if name.split("_")[0] in FROM_ZERO else 1 for name in names}


def names_of(value: Any) -> list[str]:
    """The parameters of a case or of conditions, in the order in which they occur."""
    found: dict[str, None] = {}
    for text in _texts(value):
        found |= {node.id: None for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)}
    return list(found)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [] if value in WORDS else [value]
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [text for item in items for text in _texts(item)]


def with_symbols(value: Any) -> Any:
    """A case with an `Int` in place of each text."""
    return _mapped(value, {name: symbol(name) for name in names_of(value)})


def at_numbers(value: Any, numbers: Mapping[str, int]) -> Any:
    """A case with a number in place of each text.

    >>> at_numbers({"image": ("H", 3), "channels": "g*C", "padding": "same"}, {"H": 5, "g": 2, "C": 4})
    {'image': (5, 3), 'channels': 8, 'padding': 'same'}
    """
    return _mapped(value, numbers)


def _mapped(value: Any, numbers: Mapping[str, Any]) -> Any:
    if isinstance(value, str):
        return value if value in WORDS else _evaluated(ast.parse(value, mode="eval").body, numbers)
    if isinstance(value, Mapping):
        return {key: _mapped(item, numbers) for key, item in value.items()}
    return tuple(_mapped(item, numbers) for item in value) if isinstance(value, list | tuple) else value


def _evaluated(node: ast.AST, numbers: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return numbers[node.id]
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.BinOp):
        return OPERATIONS[type(node.op)](_evaluated(node.left, numbers), _evaluated(node.right, numbers))
    raise ValueError(f"a size is made of names, ints, +, - and *, got {ast.unparse(node)}")


def conditions(texts: Iterable[str]) -> list[Guard]:
    """Comparisons of sizes, such as ``"o < s"``, as guards.

    >>> conditions(["o < s"])
    [-o + s - 1 ≥ 0]
    """
    return [_guard(ast.parse(text, mode="eval").body) for text in texts]


def _guard(node: ast.AST) -> Guard:
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        raise ValueError(f"a condition is one comparison, got {ast.unparse(node)}")
    numbers = {name: symbol(name) for name in names_of(ast.unparse(node))}
    left, right = (_polynomial(_evaluated(side, numbers)) for side in (node.left, node.comparators[0]))
    relation = RELATIONS[type(node.ops[0])]
    if relation == "==":
        return Guard(left - right, equal=True)
    low, high = (left, right) if relation in ("<=", "<") else (right, left)
    return Guard(high - low - (1 if relation in ("<", ">") else 0))


def holds(texts: Iterable[str], numbers: Mapping[str, int]) -> bool:
    """Whether conditions hold for given values of the parameters."""
    for guard in conditions(texts):
        value = replaced(guard.polynomial, {name: Polynomial(n) for name, n in numbers.items()}).terms.get((), 0)
        if value != 0 if guard.equal else value < 0:
            return False
    return True


def _polynomial(value: Any) -> Polynomial:
    return value.polynomial if isinstance(value, Int) else Polynomial(value)
