"""The processor's state for floating-point numbers: how it rounds, and whether it takes subnormal numbers for zero.

A kernel may change it in a call, or when it is loaded, and Python has no way to change it back; C has one. A target
runs in the state that its user would have, and a call that leaves another is a finding. What the oracle computes
itself, it computes `undisturbed`.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from ..errors import StateError

__all__ = ["disturbed", "observed", "restore", "save", "undisturbed"]

P = ParamSpec("P")
T = TypeVar("T")
ROUNDING, SUBNORMALS = "the rounding mode", "the handling of subnormal numbers (flush to zero)"


def _floats(*bits: int) -> Any:
    """By their bits, for a conversion would be subject to the state."""
    return np.array(bits, np.uint32).view(np.float32)


# 1 + 2⁻²⁵, −1 − 2⁻²⁵ and 1 − 2⁻²⁶ tell the rounding modes apart; 1.5·2⁻¹²⁶ − 2⁻¹²⁶ is subnormal, 2⁻¹²⁷ + 2⁻¹²⁷ of such
TERMS = (
    _floats(0x3F800000, 0xBF800000, 0x3F800000, 0x00C00000, 0x00400000),
    _floats(0x33000000, 0xB3000000, 0xB2800000, 0x80800000, 0x00400000),
)
SUMS = _floats(0x3F800000, 0xBF800000, 0x3F800000, 0x00400000, 0x00800000).tobytes()


def observed() -> dict[str, bytes]:
    """What sums show of the state, by name."""
    sums = np.add(*TERMS).tobytes()
    return {ROUNDING: sums[:12], SUBNORMALS: sums[12:]}


DEFAULT = {ROUNDING: SUMS[:12], SUBNORMALS: SUMS[12:]}


def disturbed() -> list[str]:
    """What is not as IEEE 754 has it by default."""
    return [what for what, sums in observed().items() if sums != DEFAULT[what]]


ENVIRONMENT = 512  # bytes; a C fenv_t has 8 to 32


def _c_library() -> tuple[ctypes.CDLL, Any] | None:
    """C's library and its FE_DFL_ENV, where both can be had."""
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
    """The state of this thread, for `restore`; None where that is not possible."""
    if C is None:
        return None
    environment = ctypes.create_string_buffer(ENVIRONMENT)
    C[0].fegetenv(environment)
    return environment


def restore(environment: Any) -> None:
    """Go back to a state, in this thread."""
    if C is not None:
        C[0].fesetenv(environment)


def undisturbed(function: Callable[P, T]) -> Callable[P, T]:
    """Make a function compute as IEEE 754 has it by default, in whatever state it is called, and raise no FP error.

    It raises StateError where the state is another and cannot be changed.
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
