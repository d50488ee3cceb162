"""A case for a kernel as plain files: `case.json` and an `.npy` file for every array.

docs/vectors.md describes the files. nnref/schemas/vector-case.schema.json is the schema of `case.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...numeric import Array
from ..cases.case import Case
from ..expectation.declaration import Declaration
from ..operations import Shape
from .npy import write_array

__all__ = ["CASE_FORMAT", "owed", "write_json", "write_request"]

CASE_FORMAT = "nnref-case/1"


def write_request(
    directory: Path,
    case: Case,
    arrays: Sequence[Array | None],
    options: Mapping[str, Any],
    declares: Declaration | None = None,
    *,
    expected: bool = False,
) -> list[dict[str, Any]]:
    """Write the inputs of a kernel into a directory; return the results that it must give, as in `case.json`."""
    # the target classes of a loss are an option in Python, but they are an array
    classes = {name: value for name, value in options.items() if isinstance(value, np.ndarray)}
    given = dict(zip(case.shapes, arrays, strict=True)) | classes
    inputs = []
    for name, array in given.items():
        if array is None:
            inputs.append({"name": name, "file": None, "shape": None} | _dtype(case.dtype))
        else:
            inputs.append({"name": name, "file": f"{name}.npy", "shape": array.shape} | _dtype(array.dtype.name))
            write_array(directory / f"{name}.npy", array)
    results = []
    for name, shape in owed(case).items():
        entry: dict[str, Any] = {"name": name, "file": f"result_{name}.npy", "shape": shape} | _dtype(case.dtype)
        if expected:
            entry |= {"expected": f"expected_{name}.npy", "bound": f"bound_{name}.npy"}
        results.append(entry)
    description = {
        "format": CASE_FORMAT,
        "descriptor": str(case),
        "function": case.function,
        "op": case.op,
        "direction": case.direction,
        "dtype": case.dtype,
        "declares": (declares or Declaration()).said(),
        "options": {name: value for name, value in options.items() if name not in classes},
        "arrays": inputs,
        "results": results,
        "not_finite": "same",
    }
    write_json(directory / "case.json", description)
    return results


def owed(case: Case) -> dict[str, Shape]:
    """The results that a target must give: name -> shape, in order, without the gradient of an absent bias."""
    return {name: shape for name, shape in case.result_shapes.items() if shape is not None}


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write JSON with a line for each entry."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_formatted(data) + "\n", encoding="utf-8")


def _formatted(data: dict[str, Any]) -> str:
    """JSON with a line for every entry and every list item, so that people and simple parsers can read it."""
    lines = []
    for key, value in data.items():
        if isinstance(value, list):
            items = ",\n    ".join(json.dumps(item, ensure_ascii=False) for item in value)
            text = f"[\n    {items}\n  ]" if value else "[]"
        else:
            text = json.dumps(value, ensure_ascii=False)
        lines.append(f"  {json.dumps(key)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}"


def _dtype(name: str) -> dict[str, Any]:
    """The dtype of the numbers, and the dtype in the file."""
    return {"dtype": name, "stored": "uint16" if name == "bfloat16" else name}
