"""One case as plain files: a directory with `case.json` and `.npy` files of arrays, expected results and bounds.

docs/vectors.md describes the files. nnref/schemas/vector-case.schema.json is the schema of `case.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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
from ..expectation.exact import expectation, open_places
from ..findings import NOT_COMPUTED, Verdict
from ..text import brief
from ..verdict.judge import Settled, judge_settled, may_spread, settle
from .npy import MalformedFile, read_array, write_array
from .request import CASE_FORMAT, owed, write_request

__all__ = ["StoredCase", "check_results", "read_case", "write_case"]


@dataclass(frozen=True)
class StoredCase:
    """The contents of a case directory.

    Attributes
    ----------
    case : parsed from its descriptor
    declares : the declaration that the bounds allow for
    arrays : name -> array, in the order of the call; None for an absent bias
    options : the options in canonical form
    expected, bound : result name -> float64 array; the gradient of an absent bias has no entry
    """

    case: Case
    declares: Declaration
    arrays: Arrays
    options: dict[str, Any]
    expected: dict[str, Array]
    bound: dict[str, Array]


def write_case(directory: Path, case: Case, declares: Declaration | None = None) -> None:
    """Write a case, its expected results and their bounds into a new directory."""
    declares = declares or Declaration()
    arrays, options = arrays_of(case)
    settled = settle(case, arrays, expectation(case, arrays, options, declares), declares)
    directory.mkdir(parents=True)
    results = write_request(directory, case, list(arrays.values()), options, declares, expected=True)
    for result, (exact, bound) in zip(results, [pair for pair in settled.results if pair is not None], strict=True):
        expected, bound = _in_float64(exact, bound)
        write_array(directory / result["expected"], expected)
        write_array(directory / result["bound"], bound)


def read_case(directory: str | Path) -> StoredCase:
    """Read a directory that `write_vectors` or `write_case` wrote.

    Raises
    ------
    OptionError : there is no case of this format, or a file is missing or malformed.
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
    """Judge the results of a stored case: `results` by name, or else the files `result_<name>.npy` in the directory.

    A missing gradient counts as not computed. At least one result must be there.

    Raises
    ------
    OptionError : there is no case or no result, or a result has an unknown name.
    MalformedFile : a result is not an `.npy` file.
    """
    stored, root = read_case(directory), Path(directory)
    shapes = owed(stored.case)
    if results is None:
        files = {name: root / f"result_{name}.npy" for name in shapes}
        results = {name: read_array(path, stored.case.dtype) for name, path in files.items() if path.exists()}
    if not results or set(results) - set(shapes):
        refuse(OptionError, "check_results", "results", f"among {', '.join(shapes)}", list(results) or "none")
    return judge_settled(stored.case, *_answers(stored, results), stored.declares)


def _answers(stored: StoredCase, results: Mapping[str, Array]) -> tuple[tuple[Any, ...], Settled]:
    """The results, and the expected results with their bounds, in the order of the judge."""
    known = [name if name in stored.expected else None for name in stored.case.result_shapes]
    outputs = tuple(None if name is None else results.get(name, NOT_COMPUTED) for name in known)
    wanted = tuple(None if name is None else (stored.expected[name], stored.bound[name]) for name in known)
    exact = tuple(None if pair is None else pair[0] for pair in wanted)
    places = open_places(stored.case, stored.arrays, stored.options, stored.declares, exact)
    return outputs, Settled(wanted, may_spread(stored.case, stored.arrays.values(), stored.declares), places)


def _tuples(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _tuples(item) for name, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _in_float64(exact: Array, bound: Array) -> tuple[Array, Array]:
    """The exact result in float64, and the bound widened by its rounding. Only a Decimal is rounded."""
    expected = exact.astype(np.float64)
    if exact.dtype != object or not np.isfinite(expected).all():
        return expected, bound
    with fifty_digits():
        off = np.asarray(np.abs(decimals(expected) - exact), object)
    wider = np.nextafter(bound + np.nextafter(off.astype(np.float64), np.inf), np.inf)
    return expected, np.where(np.asarray(off > 0, bool), wider, bound)
