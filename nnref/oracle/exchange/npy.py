"""`.npy` files from and for programs that are not trusted: written in a plain form, read strictly.

The format does not know bfloat16. It is stored as uint16 with the same bits.
"""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np

from ...numeric import Array
from ..dtypes import dtype_of

__all__ = ["MalformedFile", "read_array", "write_array"]

LARGEST_FILE = 1 << 26  # bytes
LONGEST_HEADER = 10_000


class MalformedFile(Exception):
    """A file is not a complete `.npy` file of numbers."""


def read_array(path: Path, dtype: str | None = None) -> Array:
    """Read an `.npy` file strictly. If `dtype` is "bfloat16", uint16 numbers are taken as its bits.

    Raises
    ------
    MalformedFile : the file is missing, not a regular file, larger than `LARGEST_FILE`, not a complete `.npy` file, or
        not of numbers.
    """
    if not path.is_file():
        raise MalformedFile(f"{path.name} is missing" if not path.exists() else f"{path.name} is not a file")
    if path.stat().st_size > LARGEST_FILE:
        raise MalformedFile(f"{path.name} has {path.stat().st_size} bytes, more than {LARGEST_FILE}")
    try:
        array = _parsed(path)
    except Exception as error:  # a parser may raise anything on a malformed file
        raise MalformedFile(f"{path.name} is not an .npy file: {' '.join(str(error).split())[:200]}") from None
    return array.view(dtype_of(dtype)) if dtype == "bfloat16" and array.dtype == np.uint16 else array


def _parsed(path: Path) -> Array:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"version {version} of the format is not supported")
        shape, fortran_order, dtype = readers[version](file, max_header_size=LONGEST_HEADER)
        data = file.read()
    if dtype.hasobject or dtype.kind not in "biufc":
        raise ValueError(f"dtype {dtype} is not numeric")
    if any(extent < 0 for extent in shape):
        raise ValueError(f"shape {shape} has a negative extent")
    if len(data) != prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes of data where shape {shape} of {dtype} has {prod(shape) * dtype.itemsize}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")


def write_array(path: Path, array: Array) -> None:
    """Write an array in C order, little-endian, in version 1.0 of the format."""
    stored = array.view(np.uint16) if array.dtype.name == "bfloat16" else array
    with path.open("wb") as file:
        plain = np.array(stored, stored.dtype.newbyteorder("<"), order="C", copy=True)
        np.lib.format.write_array(file, plain, version=(1, 0), allow_pickle=False)
