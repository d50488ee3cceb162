"""A row of a report: what became of one operation, direction and dtype."""

from __future__ import annotations

import math
import shlex
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..cases.case import Case, parse
from ..findings import Finding, Observed

__all__ = ["STATUSES", "Failure", "Hint", "Result", "Values", "most_frequent"]

Ways = tuple[tuple[str, ...], tuple[str, ...]]  # answers of a target and of nnref, several where they agree

STATUSES = ("passed", "partly", "failed", "known deviation", "unsupported", "not implemented", "not run")
LEAST_SHARE = 0.5  # of the cases asked for that must be judged, for a row to be called passed
QUANTILES = 20
REASONS, OTHERS = 8, "other reasons"
NUMBERS = ("expected", "got", "bound", "margin")  # of a finding


def plain(value: float | None) -> float | str | None:
    """A number for JSON, which has none that is not finite: those become text that `float` reads.

    >>> plain(0.5), plain(float("-inf")), plain(float("nan"))
    (0.5, '-Infinity', 'NaN')
    """
    if value is None or math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def most_frequent(reasons: Counter[str]) -> Counter[str]:
    """The few reasons that most cases have, and how many cases have others: a target may give each case its own.

    >>> most_frequent(Counter({f"size {i}": 1 for i in range(10)}))["other reasons"]
    2
    """
    by_count = sorted(reasons.items(), key=lambda item: (item[0] == OTHERS, -item[1], item[0]))
    kept = Counter(dict(by_count[:REASONS]))
    if others := sum(cases for _, cases in by_count[REASONS:]):
        kept[OTHERS] += others
    return kept


@dataclass(frozen=True)
class Hint:
    """What a failing target behaves like.

    Attributes
    ----------
    words : behind "it behaves": "as if …"
    kind : "suspect", a bug that people write; "declaration", another way of computing; "rounding"; "errors",
        a way of computing that its errors show; "earlier calls"
    subject : which one
    before : the call that must come first for the case to fail, where a target remembers earlier calls
    certain : whether the case fails whenever it is called
    """

    words: str
    kind: str = ""
    subject: str = ""
    before: Case | None = None
    certain: bool = True

    def __str__(self) -> str:
        """The words."""
        return self.words

    def to_dict(self) -> dict[str, Any]:
        """For JSON: all but the words."""
        before = None if self.before is None else str(self.before)
        return {"kind": self.kind, "subject": self.subject, "before": before, "certain": self.certain}

    @classmethod
    def from_dict(cls, words: str, data: dict[str, Any]) -> Hint:
        """The inverse of `to_dict`, for these words."""
        before = data.get("before")
        return cls(words, **{**data, "before": None if before is None else parse(before)})


@dataclass(frozen=True)
class Values:
    """The numbers of a failing case as nested lists, where they are few.

    Attributes
    ----------
    inputs : by name, arrays that have few numbers
    expected, got : the result that is wrong, if it has few numbers and the right shape
    bound : how far each may be off; None if no error is allowed
    """

    inputs: dict[str, Any]
    expected: Any = None
    got: Any = None
    bound: Any = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        inputs = {name: _plain_all(numbers) for name, numbers in self.inputs.items()}
        results = {name: _plain_all(getattr(self, name)) for name in ("expected", "got", "bound")}
        return {"inputs": inputs, **results}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Values:
        """The inverse of `to_dict`."""
        inputs = {name: _numbers(numbers) for name, numbers in data["inputs"].items()}
        return cls(inputs, *(_numbers(data[name]) for name in ("expected", "got", "bound")))


def _plain_all(numbers: Any) -> Any:
    return [_plain_all(number) for number in numbers] if isinstance(numbers, list) else plain(numbers)


def _numbers(data: Any) -> Any:
    if isinstance(data, list):
        return [_numbers(part) for part in data]
    return None if data is None else float(data)


@dataclass(frozen=True)
class Failure:
    """A smallest failing case, what is wrong with the answer to it, and what the target behaves like there."""

    case: Case
    finding: Finding
    hint: Hint | None = None
    snippet: str = ""
    values: Values | None = field(default=None, hash=False)

    @property
    def descriptor(self) -> str:
        """One line that reproduces it."""
        return str(self.case)

    def command(self, target: str) -> str:
        """The command that runs it again."""
        return f'nnref repro "{self.descriptor}" {shlex.quote(target)}'

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        finding = self.finding.to_dict()
        finding |= {name: plain(finding[name]) for name in NUMBERS}
        hint = self.hint
        return {
            "descriptor": self.descriptor,
            "hint": hint and hint.words,
            "behaves": hint and hint.to_dict(),
            "snippet": self.snippet,
            "values": self.values and self.values.to_dict(),
            "finding": finding,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Failure:
        """The inverse of `to_dict`."""
        finding = dict(data["finding"])
        finding |= {name: None if finding[name] is None else float(finding[name]) for name in NUMBERS}
        hint = None if data["hint"] is None else Hint.from_dict(data["hint"], data.get("behaves") or {})
        values = None if data.get("values") is None else Values.from_dict(data["values"])
        return cls(parse(data["descriptor"]), Finding.from_dict(finding), hint, data["snippet"], values)


@dataclass
class Result:
    """A row.

    Attributes
    ----------
    cases : how many were judged
    without_verdict : of these, passing ones without a judged value, because there is no value or no bound
    margins : |got − exact| / bound of the passing cases that have a bound, the largest element of each
    failures : distinct ones, each at its smallest case, wrong values of plain data first
    known : reason of a known deviation -> [cases that deviate, cases that match and pass]
    unsupported : reason -> cases
    replaced : how many of the judged cases stand in the place of an unsupported one, in the nearest form
    notes : observations that fail nothing
    conventions : name of a convention -> ways of answering, each with the reference's -> cases
    lost : why the row could not be run to its end, if it could not
    asked : how many cases were to be called
    left_out : how many of these were not, because the time was up
    """

    op: str
    direction: str
    dtype: str
    cases: int = 0
    without_verdict: int = 0
    margins: list[float] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    known: dict[str, list[int]] = field(default_factory=dict)
    unsupported: Counter[str] = field(default_factory=Counter)
    notes: set[str] = field(default_factory=set)
    lost: str = ""
    implemented: bool = True
    seconds: float = 0.0
    replaced: int = 0
    conventions: dict[str, Counter[Ways]] = field(default_factory=dict)
    asked: int = 0
    left_out: int = 0

    def observe(self, observed: Observed) -> None:
        """Count an answer to a convention."""
        answers = self.conventions.setdefault(observed.convention, Counter())
        answers[observed.answers, observed.reference] += 1

    def answers(self, convention: str) -> tuple[list[str], list[str]]:
        """The answers of the target to a convention, and those of nnref to the same cases; several if each is given."""
        ways = self.conventions.get(convention, Counter())
        given, own = ([way[i] for way in ways if way[i]] for i in (0, 1))
        return _fewest(given), _fewest(own)

    @property
    def name(self) -> str:
        """Operation and direction."""
        return f"{self.op}.{self.direction}"

    @property
    def status(self) -> str:
        """One of `STATUSES`."""
        if not self.implemented:
            return "not implemented"
        if self.failures or self.lost:
            return "failed"
        if any(deviating for deviating, _ in self.known.values()):
            return "known deviation"
        if self.left_out and not self.cases and not self.unsupported:
            return "not run"
        if not self.judged:
            return "unsupported"
        return "passed" if self.share >= LEAST_SHARE else "partly"

    @property
    def share(self) -> float:
        """How much of what was asked was judged: cases that the target accepted as they were, of all."""
        accepted, not_judged = self.cases - self.replaced, sum(self.unsupported.values()) + self.left_out
        return accepted / (accepted + not_judged) if accepted + not_judged else 0.0

    @property
    def verdict(self) -> str:
        """The status, with the share of cases that was judged where some were refused or left out.

        >>> Result("relu", "forward", "float32", cases=30, unsupported=Counter({"no": 70})).verdict
        'partly, 30% judged'
        """
        shared = self.status in ("passed", "partly", "failed") and bool(self.unsupported or self.left_out)
        return f"{self.status}, {math.floor(100 * self.share)}% judged" if shared else self.status

    @property
    def judged(self) -> int:
        """Cases in which a value was judged."""
        return self.cases - self.without_verdict

    @property
    def in_time(self) -> str:
        """How many of the cases were called before the time was up; empty if all were.

        >>> Result("relu", "forward", "float32", asked=2202, left_out=998).in_time
        '1,204 of 2,202 cases in time'
        """
        return f"{self.asked - self.left_out:,} of {self.asked:,} cases in time" if self.left_out else ""

    @property
    def why_not(self) -> str:
        """Why a row is neither passed nor failed, if it has neither a known deviation nor a missing function."""
        refused = (f"{reason} ({cases} cases)" for reason, cases in sorted(self.unsupported.items()))
        reasons = "; ".join(filter(None, (*refused, self.in_time)))
        return reasons or ("no value could be judged" if self.cases else "there are no such cases")

    @property
    def max_margin(self) -> float:
        """The largest margin of a passing case."""
        return max(self.margins, default=0.0)

    @property
    def median_margin(self) -> float:
        """The median margin of passing cases that have a bound, the lower of two."""
        return statistics.median_low(self.margins) if self.margins else 0.0

    def quantiles(self) -> list[float]:
        """Margins from least to largest in equal steps of rank, for a plot."""
        ordered = sorted(self.margins)
        if len(ordered) <= QUANTILES:
            return ordered
        return [ordered[i * (len(ordered) - 1) // QUANTILES] for i in range(QUANTILES + 1)]

    def to_dict(self) -> dict[str, Any]:
        """For JSON; margins as quantiles."""
        return {
            "op": self.op,
            "direction": self.direction,
            "dtype": self.dtype,
            "status": self.status,
            "cases": self.cases,
            "without_verdict": self.without_verdict,
            "margin_max": plain(self.max_margin),
            "margin_median": plain(self.median_margin),
            "margins": [plain(margin) for margin in self.quantiles()],
            "failures": [failure.to_dict() for failure in self.failures],
            "known": {reason: list(counts) for reason, counts in sorted(self.known.items())},
            "unsupported": dict(sorted(self.unsupported.items())),
            "replaced": self.replaced,
            "asked": self.asked,
            "left_out": self.left_out,
            "share": round(self.share, 4),
            "notes": sorted(self.notes),
            "conventions": [
                {"convention": name, "answers": list(answers), "nnref": list(own), "cases": cases}
                for name, ways in sorted(self.conventions.items())
                for (answers, own), cases in sorted(ways.items())
            ],
            "lost": self.lost,
            "seconds": round(self.seconds, 3),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Result:
        """The inverse of `to_dict`, but for the margins between the quantiles."""
        return cls(
            data["op"],
            data["direction"],
            data["dtype"],
            data["cases"],
            data.get("without_verdict", 0),
            [float(margin) for margin in data["margins"]],
            [Failure.from_dict(failure) for failure in data["failures"]],
            data["known"],
            Counter(data["unsupported"]),
            set(data["notes"]),
            data["lost"],
            data["status"] != "not implemented",
            data["seconds"],
            data.get("replaced", 0),
            _conventions(data.get("conventions", ())),
            data.get("asked", 0),
            data.get("left_out", 0),
        )


def _conventions(rows: Iterable[dict[str, Any]]) -> dict[str, Counter[Ways]]:
    found: dict[str, Counter[Ways]] = {}
    for row in rows:
        way = tuple(row["answers"]), tuple(row["nnref"])
        found.setdefault(row["convention"], Counter())[way] = row["cases"]
    return found


def _fewest(ways: Sequence[tuple[str, ...]]) -> list[str]:
    """The answers that explain all ways: those that all have in common, or else each that is given alone."""
    common = [answer for answer in (ways[0] if ways else ()) if all(answer in way for way in ways)]
    return common or sorted({way[0] for way in ways if len(way) == 1})
