"""The floating-point state of the processor: the rounding mode, and whether subnormal numbers become zero.

A library may change the state when it is loaded or in a call. Python cannot change it back, but C can. A target runs in
the state that its user would have. A call that changes the state is a finding. The oracle's own computations are
`undisturbed`: they run in the default state.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ..errors import StateError

__all__ = ["ROUNDING", "SUBNORMALS", "disturbed", "observed", "restore", "save", "undisturbed"]

P = ParamSpec("P")
T = TypeVar("T")
ROUNDING, SUBNORMALS = "the rounding mode", "the handling of subnormal numbers (flush to zero)"


def _floats(*bits: int) -> Any:
    """float32 numbers by their bits, because a conversion would depend on the state."""
    return np.array(bits, np.uint32).view(np.float32)


# 1 + 2⁻²⁵, −1 − 2⁻²⁵ and 1 − 2⁻²⁶ differ between the rounding modes;
# 1.5·2⁻¹²⁶ − 2⁻¹²⁶ has a subnormal result, 2⁻¹²⁷ + 2⁻¹²⁷ has subnormal terms
TERMS = (
    _floats(0x3F800000, 0xBF800000, 0x3F800000, 0x00C00000, 0x00400000),
    _floats(0x33000000, 0xB3000000, 0xB2800000, 0x80800000, 0x00400000),
)
SUMS = _floats(0x3F800000, 0xBF800000, 0x3F800000, 0x00400000, 0x00800000).tobytes()


def observed() -> dict[str, bytes]:
    """The state as test sums show it, by name."""
    sums = np.add(*TERMS).tobytes()
    return {ROUNDING: sums[:12], SUBNORMALS: sums[12:]}


DEFAULT = {ROUNDING: SUMS[:12], SUBNORMALS: SUMS[12:]}


def disturbed() -> list[str]:
    """The parts of the state that differ from the default of IEEE 754."""
    return [what for what, sums in observed().items() if sums != DEFAULT[what]]


ENVIRONMENT = 512  # bytes; a C fenv_t has 8 to 32


def _c_library() -> tuple[ctypes.CDLL, Any] | None:
    """The C library and its FE_DFL_ENV; None if one of them is not available."""
    try:
        library = ctypes.CDLL(None)
        library.fegetenv.restype = library.fesetenv.restype = ctypes.c_int
        if sys.platform == "linux":
            return library, ctypes.c_void_p(-1)
        return library, ctypes.byref(ctypes.c_byte.in_dll(library, "_FE_DFL_ENV"))
    except (OSError, TypeError, AttributeError, ValueError):
        return None


C = _c_library()


def save() -> Any:
    """The state of this thread, for `restore`; None if there is no C library."""
    if C is None:
        return None
    environment = ctypes.create_string_buffer(ENVIRONMENT)
    C[0].fegetenv(environment)
    return environment


def restore(environment: Any) -> None:
    """Set the state of this thread to what `save` returned."""
    if C is not None:
        C[0].fesetenv(environment)


def undisturbed(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function compute in the default state of IEEE 754, without floating-point warnings.

    The function raises StateError if the state is not the default and cannot be changed.
    """

    @functools.wraps(function)
    def computed(*args: P.args, **kwargs: P.kwargs) -> T:
        with np.errstate(all="ignore"):
            if not disturbed():
                return function(*args, **kwargs)
            found = save()
            try:
                if C is not None:
                    restore(C[1])
                if wrong := disturbed():
                    what = " and ".join(wrong)
                    raise StateError(f"{function.__name__}: {what} must be the default, and cannot be set here")
                return function(*args, **kwargs)
            finally:
                restore(found)

    return computed
