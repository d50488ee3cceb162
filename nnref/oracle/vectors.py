"""Cases as plain files, for a kernel that knows nothing of Python.

A case is a directory: `case.json` says what is to be computed, every array is an `.npy` file, and beside each expected
result lies its bound. `write_vectors` writes many of them and an index, `read_case` reads one, `check_results` judges
what a kernel has written there. docs/vectors.md describes the files, docs/schemas/vector-case.schema.json `case.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np

import nnref

from ..arithmetic import decimals, fifty_digits
from ..errors import OptionError, refuse
from ..numeric import Array
from .case import DTYPES, Case, parse
from .data import Arrays, arrays_of
from .declaration import Declaration
from .draw import cases
from .geometries import small_geometries
from .judge import NOT_COMPUTED, UNORDERED, Settled, Verdict, judge_settled, output_names, settle
from .npy import MalformedFile, read_array, write_array
from .operations import OPERATIONS, Shape
from .reference import expectation
from .search import drawn

__all__ = [
    "StoredCase",
    "check_results",
    "listed",
    "read_case",
    "write_case",
    "write_request",
    "write_vectors",
]

CASE_FORMAT = "nnref-case/1"
INDEX_FORMAT = "nnref-vectors/1"
SMALL_GEOMETRIES = 12  # at most, of each windowed operation, direction and dtype


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


def write_vectors(
    directory: str | Path,
    ops: Sequence[str] | None = None,
    dtypes: Sequence[str] = ("float32",),
    count: int = 20,
    seed: int = 0,
    *,
    lines: Sequence[str] = (),
    declares: Declaration | None = None,
) -> int:
    """Write cases into a new directory, each into one of its own, and `index.json`; return how many.

    Parameters
    ----------
    directory : is made; if it exists it must be empty
    ops : names of operations, None for all
    dtypes : among "float16", "bfloat16", "float32", "float64"
    count : drawn cases of every operation, direction and dtype; beside them stand a few small geometries
    seed : of the draw; the same seed gives the same bytes
    lines : descriptors; if there are any, these cases are written and none is drawn
    declares : what the bounds allow for; None is the strictest

    Raises
    ------
    OptionError : an operation or a dtype is unknown, or the directory is in use.
    """
    for name, given, known in (("ops", ops or (), tuple(OPERATIONS)), ("dtypes", dtypes, DTYPES)):
        if unknown := [item for item in given if item not in known]:
            refuse(OptionError, "write_vectors", name, f"among {', '.join(known)}", unknown)
    if count < 1:
        refuse(OptionError, "write_vectors", "count", "at least 1", count)
    chosen = [parse(line) for line in lines] or list(_chosen(ops or tuple(OPERATIONS), dtypes, count, seed))
    root = Path(directory)
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        refuse(OptionError, "write_vectors", "directory", "new or empty", str(root))
    numbers: dict[str, int] = {}
    rows = []
    for case in chosen:
        row = f"{case.op}.{case.direction}.{case.dtype}"
        numbers[row] = numbers.get(row, 0) + 1
        name = f"{row}.{numbers[row]:03}"
        write_case(root / name, case, declares)
        rows.append({"directory": name, "descriptor": str(case)})
    versions = {"nnref": nnref.__version__, "hypothesis": hypothesis.__version__}
    _write_json(root / "index.json", {"format": INDEX_FORMAT, "seed": seed, "versions": versions, "cases": rows})
    return len(rows)


def _chosen(ops: Sequence[str], dtypes: Sequence[str], count: int, seed: int) -> Iterator[Case]:
    """Some small geometries, evenly spread, then drawn cases; none twice."""
    for op in ops:
        for direction in OPERATIONS[op].directions:
            for dtype in dtypes:
                small = list(small_geometries(OPERATIONS[op], direction, dtype))
                few = small[:: max(1, len(small) // min(count, SMALL_GEOMETRIES))][:SMALL_GEOMETRIES]
                some = _drawn(op, direction, dtype, count, seed)
                yield from {str(case): case for case in (*few, *some)}.values()


def _drawn(op: str, direction: str, dtype: str, count: int, seed: int) -> list[Case]:
    found: list[Case] = []

    def visit(case: Case) -> float:
        found.append(case)
        return 0.0  # there is no margin to steer by

    drawn(cases(op, direction=direction, dtype=dtype), visit, count, seed)
    return found


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
    given = dict(zip(arrays_in(case), arrays, strict=True)) | classes
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
    _write_json(directory / "case.json", description)
    return results


def arrays_in(case: Case) -> dict[str, Shape | None]:
    """Shapes of the arrays of a call, by name, in order."""
    cotangent: dict[str, Shape | None] = {"dy": case.operation.output(case.geometry)}
    return (cotangent if case.direction == "backward" else {}) | case.operation.shapes(case.geometry)


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
        arrays = {name: read.pop(name) for name in arrays_in(case)}
        options = {name: _tuples(value) for name, value in data["options"].items()} | read
        wanted = [(e["name"], read_array(root / e["expected"]), read_array(root / e["bound"])) for e in data["results"]]
        expected, bound = ({row[0]: row[i] for row in wanted} for i in (1, 2))
        return StoredCase(case, Declaration(**data["declares"]), arrays, options, expected, bound)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, MalformedFile) as error:
        what = f"{root}: {type(error).__name__}: {error}"
        refuse(OptionError, "read_case", "directory", f"a case of {CASE_FORMAT}", what)


def listed(directory: str | Path) -> dict[Path, str]:
    """Directories of the cases that an index lists, each with its descriptor.

    Raises
    ------
    OptionError : there is no index of this format.
    """
    path = Path(directory, "index.json")
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if index["format"] != INDEX_FORMAT:
            raise ValueError(f"format {index['format']}")
        return {path.parent / row["directory"]: row["descriptor"] for row in index["cases"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{path}: {type(error).__name__}: {error}"
        refuse(OptionError, "listed", "directory", f"with an index of {INDEX_FORMAT}", what)


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
    return judge_settled(stored.case, *answers(stored, results), stored.declares)


def answers(stored: StoredCase, results: Mapping[str, Array]) -> tuple[tuple[Any, ...], Settled]:
    """Results and what they are held to, in the order of the judge."""
    known = [name if name in stored.expected else None for name in output_names(stored.case)]
    outputs = tuple(None if name is None else results.get(name, NOT_COMPUTED) for name in known)
    return outputs, tuple(None if name is None else (stored.expected[name], stored.bound[name]) for name in known)


def _write_json(path: Path, data: Any) -> None:
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
