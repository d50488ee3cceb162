"""The processor's state for floating-point numbers, such as whether subnormals are flushed to zero.

A kernel may change it, and Python has no way to change it back; C has one.
"""

from __future__ import annotations

import contextlib
import ctypes

__all__ = ["restore"]

_environment = ctypes.create_string_buffer(512)  # a C fenv_t, of 8 to some 32 bytes
_library: ctypes.CDLL | None = None
with contextlib.suppress(OSError, TypeError, AttributeError):  # not everywhere is C's library loaded like this
    _library = ctypes.CDLL(None)
    _library.fegetenv(_environment)


def restore() -> None:
    """Go back to the state in which this module was imported, in this thread; do nothing where that is not possible."""
    if _library is not None:
        with contextlib.suppress(AttributeError):
            _library.fesetenv(_environment)
