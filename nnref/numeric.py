"""Which arithmetic is running: the only place that asks.

A layer is written once, in ``+ - * /``, ``@``, ``sum`` and comparisons. The elements of its arrays decide what it
computes: floats the everyday value, `Rational` the exact one, `Polynomial` an identity for all values. What differs
from one arithmetic to the next is here: which dtypes are taken, what zero is, how a number of an option enters.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from decimal import Decimal, getcontext, localcontext
from fractions import Fraction
from typing import Any, ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import DTypeError, refuse

__all__ = [
    "Array",
    "constant",
    "expect_exact",
    "expm1",
    "expm1_of_decimal",
    "floating_dtype",
    "layer_function",
    "log",
    "negative_infinity",
    "sum_over",
    "without_cancellation",
    "working",
    "zeros",
]

Array = NDArray[Any]
P = ParamSpec("P")
R = TypeVar("R")

FLOATING = (np.float16, np.float32, np.float64, np.longdouble)
HALF_PRECISION = ("float16", "bfloat16")
DTYPES = "float16, float32, float64, longdouble, bfloat16"
ACCEPTED = f"an array of {DTYPES} or exact elements (dtype object)"
EXACT = "an object array of exact elements: Fraction, Decimal or a type of nnref.arithmetic"


def layer_function(function: Callable[P, R]) -> Callable[P, R]:
    """Give a layer's pure function the dtype rules that all of them share.

    The positional parameters of `function` are its arrays, the keyword-only ones its options. The arrays must be of
    one dtype, floating or object. Half precision (float16, bfloat16) computes in float32 and is rounded once, at the
    end; every other dtype stays what it is. `function` gets every array in C order and native byte order (copied if it
    is not), so that sums round alike whatever the layout in memory. A 0-d result is an array, not a scalar.
    """
    signature = inspect.signature(function)
    array_names = [p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    optional = {name for name in array_names if signature.parameters[name].default is None}

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{function.__name__}: {error}") from None
        arrays = {n: given[n] for n in array_names if n in given and not (given[n] is None and n in optional)}
        dtype = common_dtype(function.__name__, arrays)
        given.update({name: np.asarray(array, _working(dtype), order="C") for name, array in arrays.items()})
        return _delivered(function(**given), dtype)  # type: ignore[call-arg]

    return call


def working(array: Array) -> Array:
    """The array in the precision that layers compute in: float32 for half precision, as it is for anything else."""
    return np.asarray(array, _working(array.dtype))


@functools.cache
def _working(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32) if dtype.name in HALF_PRECISION else dtype


def common_dtype(function: str, arrays: Mapping[str, Any]) -> np.dtype[Any]:
    """Return the one dtype of all `arrays`, or raise `DTypeError`: nothing is promoted silently."""
    first, common = "", np.dtype(object)
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray | np.generic):
            refuse(DTypeError, function, name, ACCEPTED, type(array).__name__)
        if array.dtype != object and not _is_floating(array.dtype):
            refuse(DTypeError, function, name, ACCEPTED, array.dtype)
        dtype = array.dtype.newbyteorder("=")
        if not first:
            first, common = name, dtype
        if dtype != common:
            refuse(DTypeError, function, name, f"of the dtype of {first}, {common}", dtype)
        if dtype.hasobject:
            expect_exact(function, name, array)
    return common


def expect_exact(function: str, name: str, array: Array | np.generic) -> None:
    """Raise `DTypeError` at elements through which exactness leaks: an int becomes a float when it is divided.

    The one float is the −∞ of a maximum of no pixel, which is exact.
    """
    for kind in dict.fromkeys(map(type, array.flat)):
        if hasattr(kind, "constant") or issubclass(kind, Fraction | Decimal):
            continue
        if kind is not float or any(type(x) is float and x != float("-inf") for x in array.flat):
            refuse(DTypeError, function, name, EXACT, kind.__name__)


def floating_dtype(function: str, dtype: Any) -> np.dtype[Any]:
    """Return `dtype` as a dtype for the parameters of a new layer, or raise `DTypeError`."""
    try:
        known = np.dtype(dtype)
    except TypeError:
        known = None
    if known is None or not _is_floating(known):
        refuse(DTypeError, function, "dtype", DTYPES.replace(", bfloat16", " or bfloat16"), repr(dtype))
    return known


def _is_floating(dtype: np.dtype[Any]) -> bool:
    return dtype.type in FLOATING or dtype.name == "bfloat16"


def _delivered(result: Any, dtype: np.dtype[Any]) -> Any:
    """`result` as arrays of `dtype`: the single rounding of half precision."""
    if isinstance(result, tuple):
        return tuple(_delivered(array, dtype) for array in result)
    return None if result is None else np.asarray(result, dtype)


def _element(arrays: tuple[Array, ...]) -> Any:
    """The first element that is no −∞ of a maximum of no pixel, to be asked about its arithmetic."""
    return next((element for array in arrays for element in array.flat if type(element) is not float), 0)


def zeros(shape: tuple[int, ...], *like: Array) -> Array:
    """An array of the additive zero of the arithmetic of `like` (−inf in the max-plus semiring).

    >>> from fractions import Fraction
    >>> zeros((2,), np.array([Fraction(1, 3)]))
    array([Fraction(0, 1), Fraction(0, 1)], dtype=object)
    """
    if like[0].dtype != object:
        return np.zeros(shape, like[0].dtype)
    return np.full(shape, _zero(like), object)


def _zero(like: tuple[Array, ...]) -> Any:
    element = _element(like)
    return element.zero() if hasattr(element, "zero") else type(element)(0)


def constant(value: float, *like: Array) -> Any:
    """`value`, an option such as eps, as an element of the arithmetic of `like`; exactly, where it is exact.

    >>> from fractions import Fraction
    >>> constant(0.5, np.array([Fraction(1, 3)]))
    Fraction(1, 2)
    """
    if like[0].dtype != object:
        return like[0].dtype.type(value)
    element = _element(like)
    return element.constant(value) if hasattr(element, "constant") else type(element)(value)


def sum_over(array: Array, axis: int | tuple[int, ...], *like: Array) -> Array:
    """``array.sum(axis)``, but an empty sum is the zero of the arithmetic, where NumPy would put the int 0."""
    if array.dtype != object:
        return np.asarray(array.sum(axis=axis))
    return np.asarray(array.sum(axis=axis, initial=_zero((array, *like))), object)


def negative_infinity(like: Array) -> Any:
    """−inf, which is below every element; in an object array too, since exact elements compare with it."""
    return like.dtype.type("-inf") if like.dtype != object else float("-inf")


def expm1(x: Array) -> Array:
    """``exp(x) - 1`` without cancellation near 0, elementwise, in every arithmetic that has an exp."""
    return np.asarray(np.expm1(x) if x.dtype != object else _expm1_of_elements(x))


def expm1_of_decimal(x: Decimal) -> Decimal:
    """``exp(x) - 1``, accurate to the last digit of the current context for small `x` too.

    >>> expm1_of_decimal(Decimal("1e-20"))
    Decimal('1.000000000000000000005000000E-20')
    """
    return without_cancellation(x, lambda y: y.exp() - 1)


def without_cancellation(x: Decimal, function: Callable[[Decimal], Decimal]) -> Decimal:
    """function(x) = x + O(x²), computed with as many more digits as cancel in it."""
    cancelled = -x.adjusted()
    if not x or cancelled > getcontext().prec:
        return getcontext().plus(x)  # the rest is below the last digit
    with localcontext() as context:
        context.prec += max(0, cancelled) + 3
        result = function(x)
    return getcontext().plus(result)


_expm1_of_elements = np.frompyfunc(lambda x: expm1_of_decimal(x) if isinstance(x, Decimal) else x.expm1(), 1, 1)


def log(x: Array) -> Array:
    """The natural logarithm, elementwise; `Decimal` calls it ``ln``."""
    return np.asarray(np.log(x) if x.dtype != object else _log_of_elements(x))


_log_of_elements = np.frompyfunc(lambda x: x.ln() if isinstance(x, Decimal) else x.log(), 1, 1)
