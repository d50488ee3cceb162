"""What changed between two reports: rows, their statuses and their failures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..verdict.row import Result
from .facts import Facts

__all__ = ["Change", "changes"]

# from the best to the worst; what changes to a later one is worse
ORDER = ("passed", "known deviation", "partly", "unsupported", "not implemented", "not run", "failed")


@dataclass(frozen=True)
class Change:
    """A change of one row.

    Attributes
    ----------
    row : operation, direction and dtype
    kind : "status"; "failure", of which one is new or gone; "row", which is new or gone
    before, after : statuses, or descriptors of failures; empty for what is not there
    worse : whether the later report is worse in this
    """

    row: tuple[str, str, str]
    kind: str
    before: str
    after: str
    worse: bool = False


def changes(earlier: Facts, later: Facts) -> list[Change]:
    """All changes, in the order of the later report's rows; rows that are gone come last.

    >>> from nnref.oracle import Result
    >>> before, after = Facts("mine", results=[Result("relu", "forward", "float32", 5)]), Facts("mine")
    >>> changes(before, after)
    [Change(row=('relu', 'forward', 'float32'), kind='row', before='passed', after='', worse=True)]
    """
    old, new = ({(r.op, r.direction, r.dtype): r for r in report.results} for report in (earlier, later))
    found = [change for key, row in new.items() for change in _of_row(key, old.get(key), row)]
    gone = [(key, row) for key, row in old.items() if key not in new]
    return found + [Change(key, "row", row.status, "", row.implemented) for key, row in gone]


def _of_row(key: tuple[str, str, str], before: Result | None, after: Result) -> Iterator[Change]:
    if before is None:
        yield Change(key, "row", "", after.status, after.status == "failed")
    elif before.status != after.status:
        worse = ORDER.index(after.status) > ORDER.index(before.status)
        yield Change(key, "status", before.status, after.status, worse)
    old, new = ({f.descriptor for f in row.failures} if row else set() for row in (before, after))
    yield from (Change(key, "failure", "", f.descriptor, True) for f in after.failures if f.descriptor not in old)
    yield from (Change(key, "failure", line, "") for line in sorted(old - new))
