"""The dtypes of cases."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["DTYPES", "dtype_of"]

DTYPES = ("float16", "bfloat16", "float32", "float64")


def dtype_of(name: str) -> np.dtype[Any]:
    """The dtype of that name; bfloat16 comes from ml_dtypes.

    >>> dtype_of("float32")
    dtype('float32')
    """
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)
