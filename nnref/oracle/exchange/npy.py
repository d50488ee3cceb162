"""`.npy` files from and for programs that need not be trusted: written plainly, read strictly.

bfloat16, which the format does not know, is stored as the uint16 of its bits.
"""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np

from ...numeric import Array
from ..arrays.fill import dtype_of

__all__ = ["MalformedFile", "read_array", "write_array"]

LARGEST_FILE = 1 << 26  # bytes
LONGEST_HEADER = 10_000


class MalformedFile(Exception):
    """A file that is no `.npy` file of numbers, or not all of one."""


def read_array(path: Path, dtype: str | None = None) -> Array:
    """Read an `.npy` file strictly; `dtype` "bfloat16" says that uint16 are its bits.

    Raises
    ------
    MalformedFile : the file is missing, no regular file, larger than `LARGEST_FILE`, not a whole `.npy` file or not of
        numbers.
    """
    if not path.is_file():
        raise MalformedFile(f"{path.name} is missing" if not path.exists() else f"{path.name} is no file")
    if path.stat().st_size > LARGEST_FILE:
        raise MalformedFile(f"{path.name} has {path.stat().st_size} bytes, more than {LARGEST_FILE}")
    try:
        array = _parsed(path)
    except Exception as error:  # whatever a parser may stumble over
        raise MalformedFile(f"{path.name} is no .npy file: {' '.join(str(error).split())[:200]}") from None
    return array.view(dtype_of(dtype)) if dtype == "bfloat16" and array.dtype == np.uint16 else array


def _parsed(path: Path) -> Array:
    with path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            raise ValueError(f"version {version} of the format")
        shape, fortran_order, dtype = readers[version](file, max_header_size=LONGEST_HEADER)
        data = file.read()
    if dtype.hasobject or dtype.kind not in "biufc":
        raise ValueError(f"dtype {dtype}")
    if any(extent < 0 for extent in shape):
        raise ValueError(f"shape {shape}")
    if len(data) != prod(shape) * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes of data where shape {shape} of {dtype} has {prod(shape) * dtype.itemsize}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")


def write_array(path: Path, array: Array) -> None:
    """In C order, little-endian, version 1.0."""
    stored = array.view(np.uint16) if array.dtype.name == "bfloat16" else array
    with path.open("wb") as file:
        plain = np.array(stored, stored.dtype.newbyteorder("<"), order="C", copy=True)
        np.lib.format.write_array(file, plain, version=(1, 0), allow_pickle=False)
