"""One case as plain files: a directory with `case.json`, an `.npy` file for every array, expected results and bounds.

docs/vectors.md describes the files, nnref/schemas/vector-case.schema.json `case.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...arithmetic import decimals, fifty_digits
from ...errors import OptionError, refuse
from ...numeric import Array
from ..arrays.fill import Arrays, arrays_of
from ..cases.case import Case, parse
from ..expectation.declaration import Declaration
from ..expectation.exact import expectation
from ..operations.rows import Shape
from ..text import brief
from ..verdict.judge import NOT_COMPUTED, UNORDERED, Settled, Verdict, judge_settled, output_names, settle
from .npy import MalformedFile, read_array, write_array

__all__ = [
    "StoredCase",
    "check_results",
    "read_case",
    "result_shapes",
    "write_case",
    "write_json",
    "write_request",
]

CASE_FORMAT = "nnref-case/1"


@dataclass(frozen=True)
class StoredCase:
    """What a directory holds.

    Attributes
    ----------
    case : parsed from its descriptor
    declares : what the bounds allow for
    arrays : by name, in the order of the call, None for an absent bias
    options : in canonical form
    expected, bound : by name of the result, float64; no entry for the gradient of an absent bias
    """

    case: Case
    declares: Declaration
    arrays: Arrays
    options: dict[str, Any]
    expected: dict[str, Array]
    bound: dict[str, Array]


def write_case(directory: Path, case: Case, declares: Declaration | None = None) -> None:
    """Write a case with its expected results and their bounds into a new directory."""
    declares = declares or Declaration()
    arrays, options = arrays_of(case)
    settled = settle(case, expectation(case, arrays, options, declares), declares)
    directory.mkdir(parents=True)
    results = write_request(directory, case, list(arrays.values()), options, declares, expected=True)
    for result, (exact, bound) in zip(results, [pair for pair in settled if pair is not None], strict=True):
        expected, bound = _in_float64(exact, bound)
        write_array(directory / result["expected"], expected)
        write_array(directory / result["bound"], bound)


def write_request(
    directory: Path,
    case: Case,
    arrays: Sequence[Array | None],
    options: Mapping[str, Any],
    declares: Declaration | None = None,
    *,
    expected: bool = False,
) -> list[dict[str, Any]]:
    """Write what is given to a kernel into a directory; return the results that it owes, as in `case.json`."""
    # the target classes of a loss are an option in Python, and an array all the same
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
    for name, shape in result_shapes(case).items():
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
        "not_finite": "any" if case.op in UNORDERED else "same",
    }
    write_json(directory / "case.json", description)
    return results


def result_shapes(case: Case) -> dict[str, Shape]:
    """Shapes of the results, by name, in order; the gradient of an absent bias is left out."""
    shapes, names = case.operation.shapes(case.geometry), output_names(case)
    if case.op.startswith("fold_"):
        found: list[Shape | None] = [shapes["weight"], shapes["gamma"]]
    elif case.direction == "backward":
        found = list(shapes.values())
    else:
        found = [case.operation.output(case.geometry)]
    return {name: shape for name, shape in zip(names, found, strict=True) if shape is not None}


def read_case(directory: str | Path) -> StoredCase:
    """Read a directory that `write_vectors` or `write_case` wrote.

    Raises
    ------
    OptionError : it holds no case of this format, or a file is missing or malformed.
    """
    root = Path(directory)
    try:
        data = json.loads((root / "case.json").read_text(encoding="utf-8"))
        if data["format"] != CASE_FORMAT:
            raise ValueError(f"format {data['format']}")
        case, names = parse(data["descriptor"]), {entry["name"]: entry for entry in data["arrays"]}
        read = {name: e["file"] and read_array(root / e["file"], e["dtype"]) for name, e in names.items()}
        arrays = {name: read.pop(name) for name in case.shapes}
        options = {name: _tuples(value) for name, value in data["options"].items()} | read
        wanted = [(e["name"], read_array(root / e["expected"]), read_array(root / e["bound"])) for e in data["results"]]
        expected, bound = ({row[0]: row[i] for row in wanted} for i in (1, 2))
        return StoredCase(case, Declaration(**data["declares"]), arrays, options, expected, bound)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, MalformedFile) as error:
        what = f"{root}: {type(error).__name__}: {brief(error)}"
        refuse(OptionError, "read_case", "directory", f"a case of {CASE_FORMAT}", what)


def check_results(directory: str | Path, results: Mapping[str, Array] | None = None) -> Verdict:
    """Judge results of a stored case, by name; by default those in its own `result_<name>.npy`.

    A gradient that is not there is taken for one that is not offered, unless there is none at all.

    Raises
    ------
    OptionError : the directory holds no case, or there is no result.
    MalformedFile : a result is no `.npy` file.
    """
    stored, root = read_case(directory), Path(directory)
    shapes = result_shapes(stored.case)
    if results is None:
        files = {name: root / f"result_{name}.npy" for name in shapes}
        results = {name: read_array(path, stored.case.dtype) for name, path in files.items() if path.exists()}
    if not results or set(results) - set(shapes):
        refuse(OptionError, "check_results", "results", f"among {', '.join(shapes)}", list(results) or "none")
    return judge_settled(stored.case, *_answers(stored, results), stored.declares)


def _answers(stored: StoredCase, results: Mapping[str, Array]) -> tuple[tuple[Any, ...], Settled]:
    """Results and what they are held to, in the order of the judge."""
    known = [name if name in stored.expected else None for name in output_names(stored.case)]
    outputs = tuple(None if name is None else results.get(name, NOT_COMPUTED) for name in known)
    return outputs, tuple(None if name is None else (stored.expected[name], stored.bound[name]) for name in known)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write JSON, a line for each entry."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_formatted(data) + "\n", encoding="utf-8")


def _formatted(data: dict[str, Any]) -> str:
    """JSON with a line for every entry, and for every item of a list: easy on readers and on simple parsers."""
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
    """What the numbers are, and what the file says they are."""
    return {"dtype": name, "stored": "uint16" if name == "bfloat16" else name}


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _in_float64(exact: Array, bound: Array) -> tuple[Array, Array]:
    """The exact result in float64, and the bound with the rounding of that: of a Decimal only is there any."""
    expected = exact.astype(np.float64)
    if exact.dtype != object or not np.isfinite(expected).all():
        return expected, bound
    with fifty_digits():
        off = np.asarray(np.abs(decimals(expected) - exact), object)
    wider = np.nextafter(bound + np.nextafter(off.astype(np.float64), np.inf), np.inf)
    return expected, np.where(np.asarray(off > 0, bool), wider, bound)
