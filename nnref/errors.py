"""The errors of nnref, and the one wording of their messages.

A message names the function, the argument, what was expected and what was got:
``avg_pool2d: x must be (N, C, H, W), got shape (3, 4)``.
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable
from typing import Any, NoReturn

__all__ = [
    "DTypeError",
    "OptionError",
    "ShapeError",
    "StateError",
    "channels_last",
    "close",
    "expect_count",
    "expect_divisor",
    "expect_shape",
    "is_int",
    "refuse",
]


class ShapeError(ValueError):
    """An array has the wrong number of axes or the wrong extent along one, or no window fits."""


class DTypeError(TypeError):
    """An argument is not an array of floats or exact elements, or two arrays differ in dtype."""


class OptionError(ValueError):
    """An option is outside its domain: a stride of 0, a negative padding, groups that do not divide."""


class StateError(RuntimeError):
    """A layer was used in the wrong order, or its state cannot be loaded."""


def refuse(error: type[Exception], function: str, argument: str, expected: str, got: Any) -> NoReturn:
    """Raise `error` in the wording that all of nnref uses; its `parts` are what it is made of."""
    raised = error(f"{function}: {argument} must be {expected}, got {got}")
    raised.parts = (function, argument, expected, str(got))  # type: ignore[attr-defined]
    raise raised


def close(given: Iterable[object], known: Iterable[str]) -> str:
    """The known words that are nearest to unknown ones, as the end of a sentence; empty if none is near.

    >>> close(["conv"], ["conv2d", "conv_transpose2d", "relu"]), close(["?"], ["relu"])
    ('; did you mean conv2d?', '')
    """
    near, known = list[str](), list(known)
    for word in map(str, given):
        alike = [name for name in known if len(word) > 1 and (name.startswith(word) or word.startswith(name))]
        near += sorted(alike, key=len)[:1] or difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {' or '.join(dict.fromkeys(near))}?" if near else ""


def channels_last(x: Any, channels: int) -> str:
    """A guess, as the end of a sentence, if an image that does not fit has so many channels on its last axis.

    >>> import numpy as np
    >>> channels_last(np.zeros((1, 6, 6, 2)), 2)
    '; x looks like (N, H, W, C): transpose it by (0, 3, 1, 2)'
    """
    fits = x.ndim == 4 and x.shape[3] == channels != x.shape[1]
    return "; x looks like (N, H, W, C): transpose it by (0, 3, 1, 2)" if fits else ""


def expect_shape(function: str, argument: str, array: Any, shape: tuple[int | str, ...], guess: str = "") -> None:
    """Raise `ShapeError` unless `array.shape` fits `shape`, in which a string stands for a free extent.

    A free extent must be at least 1. The exception is "N", because a batch may be empty. A `guess` ends the message.

    >>> import numpy as np
    >>> expect_shape("relu", "x", np.zeros((0, 3)), ("N", 3))
    >>> expect_shape("avg_pool2d", "x", np.zeros((3, 4)), ("N", "C", "H", "W"))
    Traceback (most recent call last):
    nnref.errors.ShapeError: avg_pool2d: x must be (N, C, H, W), got shape (3, 4)
    """
    fits = len(array.shape) == len(shape) and all(
        (want == "N" or got > 0) if isinstance(want, str) else got == want
        for got, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        comma = "," if len(shape) == 1 else ""
        expected = f"({', '.join(map(str, shape))}{comma})"
        if len(array.shape) == len(shape) and 0 in array.shape:
            expected += ", where only N may be 0"
        refuse(ShapeError, function, argument, expected, f"shape {array.shape}{guess}")


def is_int(value: Any) -> bool:
    """Whether `value` is a Python or NumPy integer; a bool is not."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def expect_count(function: str, argument: str, value: Any) -> int:
    """Return `value` as a Python int, which cannot overflow; raise `OptionError` unless it is an int of at least 1.

    >>> import numpy as np
    >>> expect_count("Linear", "in_features", np.int8(100)) * 2
    200
    """
    if not is_int(value) or value < 1:
        refuse(OptionError, function, argument, "an int, at least 1", repr(value))
    return int(value)


def expect_divisor(function: str, argument: str, value: Any, whole: str, *counts: int) -> int:
    """Return `value` as a Python int; raise `OptionError` unless it divides all `counts`.

    `whole` names the counts in the message.

    >>> expect_divisor("conv2d", "groups", 3, "4 channels of x", 4)
    Traceback (most recent call last):
    nnref.errors.OptionError: conv2d: groups must be a divisor of the 4 channels of x, got 3
    """
    if not is_int(value) or value < 1 or any(count % int(value) for count in counts):
        refuse(OptionError, function, argument, f"a divisor of the {whole}", repr(value))
    return int(value)
