"""Conventions: results that neither the definition nor the documentation of the field fixes.

A `Convention` says where that is so and which answers are right there. The judge observes which answer a target gives.
No answer is a failure, unless the declaration of the target pins another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...bounds import Precision
from ...numeric import Array

__all__ = ["Convention", "Open", "OpenShape", "Question"]

Shape = tuple[int, ...]


class Question(NamedTuple):
    """A call of an operation: what a convention may depend on. The arrays are in float64."""

    geometry: Mapping[str, tuple[int, ...]]
    direction: str
    arrays: Mapping[str, Array | None]
    options: Mapping[str, Any]
    precision: Precision


class Open(NamedTuple):
    """Elements of a result that have several right answers.

    Attributes
    ----------
    name : of the convention; empty where right forms of one formula differ, and then nothing is observed
    where : which elements, a boolean array that broadcasts against the result
    answers : name of an answer -> its values and their bounds, which broadcast against the result
    """

    name: str
    where: Array
    answers: Mapping[str, tuple[Any, Any]]


class OpenShape(NamedTuple):
    """A result that has several right shapes, of which the smaller ones leave out the last rows or columns.

    Attributes
    ----------
    name : of the convention
    shapes : name of an answer -> shape
    beyond : name of the convention for elements beyond the reference's shape
    """

    name: str
    shapes: Mapping[str, Shape]
    beyond: str


@dataclass(frozen=True)
class Convention:
    """What is open, and the answers.

    Attributes
    ----------
    name : as an attribute of `Declaration`, which pins it
    words : what is open, as a phrase
    answers : names of the right answers
    places : question -> position of a result -> what of it is open
    """

    name: str
    words: str
    answers: tuple[str, ...]
    places: Callable[[Question], dict[int, Open | OpenShape]] = lambda question: {}
