r"""The numbers that the definition computes with, one element at a time.

    array  --elements-->  object array of scalars  --loops-->  object array  --rounded-->  array

float64 runs as Python floats, float32 and longdouble as NumPy scalars. Every operation rounds once. float16 and
bfloat16 run in float32 and are rounded once more at the end. Exact elements (Fraction, Decimal, or any type with
`zero()`, `constant(value)`, `.sqrt()` and `.exp()`) stay as they are. They never meet a float literal.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

P = ParamSpec("P")
R = TypeVar("R")


def over_elements(function: Callable[P, R]) -> Callable[P, R]:
    """Call `function` with object arrays of scalars, and round its results to the dtype of the first array.

    Infinities and NaN are data here, so inf - inf and a final overflow give no warning.
    """

    @functools.wraps(function)
    def wrapper(*arrays: P.args, **options: P.kwargs) -> R:
        dtype = np.asarray(arrays[0]).dtype
        with np.errstate(all="ignore"):
            result: Any = cast(Any, function)(*map(elements, arrays), **options)
            if isinstance(result, tuple):
                return cast(R, tuple(rounded(part, dtype) for part in result))
            return cast(R, rounded(result, dtype))

    return wrapper


def elements(array: Any) -> Any:
    """A new object array of the scalars of `array`; None stays None."""
    if array is None:
        return None
    array = np.asarray(array)
    if array.dtype in (np.dtype(object), np.dtype(np.float64)):
        return array.astype(object)
    if array.dtype.itemsize < 4:
        array = array.astype(np.float32)
    scalars = np.fromiter(array.ravel(), dtype=object, count=array.size)
    return scalars.reshape(array.shape)


def rounded(result: Any, dtype: np.dtype[Any]) -> Any:
    """The object array `result` in `dtype`; a 16-bit dtype is reached from float32 by one rounding."""
    if result is None or dtype.hasobject:
        return result
    return result.astype(np.float32).astype(dtype) if dtype.itemsize < 4 else result.astype(dtype)


def zero(*arrays: NDArray[Any] | None) -> Any:
    """The additive zero of the elements of the first array that is not empty; 0.0 if all are empty."""
    for array in arrays:
        if array is not None and array.size:
            like = array.flat[0]
            return like.zero() if hasattr(like, "zero") else type(like)(0)
    return 0.0


def zeros(shape: tuple[int, ...], *like: NDArray[Any] | None) -> NDArray[Any]:
    """An object array filled with the additive zero of the elements of `like`."""
    result = np.empty(shape, dtype=object)
    result.fill(zero(*like))
    return result


def constant(like: Any, value: Any) -> Any:
    """`value` as an element of the type of `like`: 1, a count, or the exact binary value of eps."""
    if isinstance(value, type(like)):
        return value
    return like.constant(value) if hasattr(like, "constant") else type(like)(value)


def minus_infinity(like: Any) -> Any:
    """-inf as an element of the type of `like`, or as a float if the type has none, as Fraction."""
    try:
        return constant(like, -math.inf)
    except (OverflowError, ValueError):
        return -math.inf


def divide(a: Any, b: Any) -> Any:
    """a / b; with Python's floats, 0/0 and 1/0 give the values of IEEE 754 and raise nothing."""
    if isinstance(a, float):
        return float(np.float64(a) / np.float64(b))
    return a / b


def sqrt(element: Any) -> Any:
    """The square root; that of a plain Fraction must be a Fraction too."""
    if hasattr(element, "sqrt"):
        return element.sqrt()
    if isinstance(element, Fraction):
        root = Fraction(math.isqrt(element.numerator), math.isqrt(element.denominator))
        if root * root != element:
            raise ValueError(f"sqrt: {element} has no rational square root")
        return type(element)(root)
    return float(np.sqrt(element)) if isinstance(element, float) else np.sqrt(element)


def exp(element: Any) -> Any:
    """e to the power of an element that is at most 0, so that nothing overflows."""
    if hasattr(element, "exp"):
        return element.exp()
    if isinstance(element, np.longdouble):
        return np.exp(element)
    return type(element)(math.exp(element))


def log(element: Any) -> Any:
    """The natural logarithm of an element that is at least 1 (Decimal calls it `ln`)."""
    for name in ("log", "ln"):
        if hasattr(element, name):
            return getattr(element, name)()
    if isinstance(element, np.longdouble):
        return np.log(element)
    return type(element)(math.log(element))
