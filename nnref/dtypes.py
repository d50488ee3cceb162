"""Which arrays a layer takes, and in which precision it computes.

One decorator, `layer_function`, gives all layers the same rules. Nothing is promoted silently: arrays of integers,
booleans or complex numbers are refused, and so are arrays of different dtypes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, ParamSpec, TypeVar

import numpy as np

from .errors import DTypeError, close, refuse
from .numeric import Array

__all__ = ["common_dtype", "expect_exact", "floating_dtype", "layer_function", "working"]

P = ParamSpec("P")
R = TypeVar("R")

FLOATING = (np.float16, np.float32, np.float64, np.longdouble)
HALF_PRECISION = ("float16", "bfloat16")
DTYPES = "float16, float32, float64, longdouble, bfloat16"
ACCEPTED = f"an array of {DTYPES} or exact elements (dtype object)"
EXACT = "an object array of exact elements: Fraction, Decimal or a type of nnref.arithmetic"


def layer_function(function: Callable[P, R]) -> Callable[P, R]:
    """Give a layer's pure function the dtype rules that all layers share.

    The positional parameters of `function` are its arrays, and the keyword-only ones are its options. The arrays must
    have one dtype, floating or object. Half precision (float16, bfloat16) computes in float32 and is rounded once, at
    the end; every other dtype computes in itself. `function` receives each array in C order and native byte order
    (copied if necessary), so that sums round alike in every memory layout. A 0-d result is an array, not a scalar.
    """
    signature = inspect.signature(function)
    array_names = [p.name for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    optional = {name for name in array_names if signature.parameters[name].default is None}

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{function.__name__}: {error}{_advice(signature, args, kwargs)}") from None
        arrays = {n: given[n] for n in array_names if n in given and not (given[n] is None and n in optional)}
        dtype = common_dtype(function.__name__, arrays)
        given.update({name: np.asarray(array, _working(dtype), order="C") for name, array in arrays.items()})
        return _delivered(function(**given), dtype)  # type: ignore[call-arg]

    return call


def _advice(signature: inspect.Signature, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """What to do about arguments that do not fit, as the end of a sentence."""
    options = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    beyond = args[len(signature.parameters) - len(options) :]
    if beyond and options:
        example = "" if isinstance(beyond[0], np.ndarray) else f", such as {options[0]}={beyond[0]!r}"
        return f"; options are given by keyword{example}"
    return close([name for name in kwargs if name not in signature.parameters], signature.parameters)


def working(array: Array) -> Array:
    """The array in the precision that layers compute in: float32 for half precision, unchanged otherwise."""
    return np.asarray(array, _working(array.dtype))


@functools.cache
def _working(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32) if dtype.name in HALF_PRECISION else dtype


def _delivered(result: Any, dtype: np.dtype[Any]) -> Any:
    """`result` as arrays of `dtype`: the single rounding of half precision."""
    if isinstance(result, tuple):
        return tuple(_delivered(array, dtype) for array in result)
    return None if result is None else np.asarray(result, dtype)


def common_dtype(function: str, arrays: Mapping[str, Any]) -> np.dtype[Any]:
    """Return the one dtype of all `arrays`, or raise `DTypeError`; byte order does not count as a difference."""
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
    """Raise `DTypeError` if exactness can leak away through an element: an int, for one, becomes a float in a quotient.

    The only float allowed is −∞, the maximum of no pixel, because it is exact.
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
