"""Many cases as plain files, for kernels outside Python: a directory for each case, and an index.

docs/vectors.md describes the files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import hypothesis

import nnref

from ...errors import OptionError, close, refuse
from ..cases.case import Case, parse
from ..cases.drawn import cases
from ..cases.enumerated import small_geometries
from ..dtypes import DTYPES
from ..expectation.declaration import Declaration
from ..operations import OPERATIONS
from ..search.search import drawn
from ..text import brief
from .request import write_json
from .stored import write_case

__all__ = ["listed", "write_vectors"]

INDEX_FORMAT = "nnref-vectors/1"
SMALL_GEOMETRIES = 12  # at most so many per windowed operation, direction and dtype


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
    """Write cases into a new directory, each into a directory of its own, and `index.json`; return their number.

    Parameters
    ----------
    directory : it is made; if it exists, it must be empty
    ops : names of operations; None for all
    dtypes : some of "float16", "bfloat16", "float32", "float64"
    count : drawn cases per operation, direction and dtype; a few small geometries are added
    seed : seed of the draw; the same seed gives the same bytes
    lines : descriptors; if there are any, only these cases are written
    declares : the declaration that the bounds allow for; None is the strictest

    Raises
    ------
    OptionError : an argument is invalid, or the directory is not empty.
    """
    for name, given, known in (("ops", ops or (), tuple(OPERATIONS)), ("dtypes", dtypes, DTYPES)):
        if unknown := [item for item in given if item not in known]:
            refuse(OptionError, "write_vectors", name, f"among {', '.join(known)}", f"{unknown}{close(unknown, known)}")
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
    write_json(root / "index.json", {"format": INDEX_FORMAT, "seed": seed, "versions": versions, "cases": rows})
    return len(rows)


def _chosen(ops: Sequence[str], dtypes: Sequence[str], count: int, seed: int) -> Iterator[Case]:
    """Some small geometries, evenly spaced, then drawn cases, each case once."""
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
        return 0.0  # there is no margin to steer the draw

    drawn(cases(op, direction=direction, dtype=dtype), visit, count, f"{seed} {op}.{direction} {dtype}")
    return found


def listed(directory: str | Path) -> dict[Path, str]:
    """Directory -> descriptor, for the cases that an index lists.

    Raises
    ------
    OptionError : there is no index of this format.
    """
    path = Path(directory, "index.json")
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        if index["format"] != INDEX_FORMAT:
            raise ValueError(f"format {index['format']}")
        return {path.parent / row["directory"]: str(row["descriptor"]) for row in index["cases"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        what = f"one that `nnref vectors` wrote, with an index of {INDEX_FORMAT}"
        refuse(OptionError, "listed", "directory", what, f"{path}: {type(error).__name__}: {brief(error)}")
