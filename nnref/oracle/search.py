"""The search of one operation, direction and dtype for a failure: a row of the report.

Every small geometry comes first, then cases drawn by hypothesis and steered towards large margins. A failure in one
data mode does not hide another: the mode is left out from then on, and the search goes on. Each failure is shrunk.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity

from .call import call
from .case import MODES, Case
from .data import arrays_of
from .declaration import Declaration
from .draw import cases
from .geometries import small_geometries
from .judge import Finding, Verdict, judge
from .operations import OPERATIONS
from .reference import expectation
from .shrink import shrink

__all__ = ["Failure", "Result", "Tester", "search"]


@dataclass(frozen=True)
class Failure:
    """A smallest failing case and what is wrong with the answer to it."""

    case: Case
    finding: Finding

    @property
    def descriptor(self) -> str:
        """One line that reproduces it."""
        return str(self.case)


@dataclass
class Result:
    """A row of the report: one operation, direction and dtype."""

    op: str
    direction: str
    dtype: str
    status: str = "passed"
    cases: int = 0
    margins: list[float] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unsupported: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """Operation and direction."""
        return f"{self.op}.{self.direction}"

    @property
    def max_margin(self) -> float:
        """The largest |got − exact| / bound of a passing case."""
        return max(self.margins, default=0.0)

    @property
    def median_margin(self) -> float:
        """The median over cases that have a bound."""
        return statistics.median(self.margins) if self.margins else 0.0


@dataclass(frozen=True)
class Tester:
    """A target's function under one declaration: case -> verdict."""

    function: Callable[..., Any]
    declares: Declaration = Declaration()

    def verdict(self, case: Case) -> Verdict | str:
        """The verdict on one case, or the reason why the target does not support it."""
        arrays, options = arrays_of(case)
        answer = call(self.function, case, arrays, options)
        if answer.unsupported is not None:
            return answer.unsupported
        if answer.finding:
            return Verdict(answer.finding, float("inf"))
        return judge(case, answer.outputs, expectation(case, arrays, options, self.declares), self.declares)

    def finding(self, case: Case) -> Finding | None:
        """What is wrong in one case, if anything."""
        verdict = self.verdict(case)
        return None if isinstance(verdict, str) else verdict.finding


def search(
    function: Callable[..., Any],
    op: str,
    direction: str,
    *,
    dtype: str = "float32",
    declares: Declaration | None = None,
    max_examples: int = 200,
    seed: int = 0,
    modes: Sequence[str] = MODES,
    advance: Callable[[int], None] = lambda cases: None,
) -> Result:
    """Run the search and shrink what it finds; `advance` is told of every case."""
    started = time.perf_counter()
    tester = Tester(function, declares or Declaration())
    result = Result(op, direction, dtype)
    failing: dict[str, Failure] = {}

    def visit(case: Case) -> float:
        advance(1)
        if case.mode in failing:
            return 0.0
        verdict = tester.verdict(case)
        if isinstance(verdict, str):
            result.unsupported[verdict] += 1
            return 0.0
        result.cases += 1
        if verdict.finding:
            failing[case.mode] = Failure(case, verdict.finding)
            return 0.0
        if verdict.margin > 0:
            result.margins.append(verdict.margin)
        return verdict.margin

    if "integers" in modes:
        for case in small_geometries(OPERATIONS[op], direction, dtype):
            visit(case)
            if "integers" in failing:
                break
    _drawn(cases(op, direction=direction, dtype=dtype, modes=modes), visit, max_examples, seed)
    result.failures = [Failure(*shrink(f.case, f.finding, tester.finding)) for f in failing.values()]
    result.status = "failed" if failing else "passed" if result.cases else "unsupported"
    result.seconds = time.perf_counter() - started
    return result


def _drawn(strategy: Any, visit: Callable[[Case], float], max_examples: int, seed: int) -> None:
    """Let hypothesis draw cases, steered by the margin that `visit` returns."""
    if max_examples < 1:
        return

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=max_examples,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.target),
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @hypothesis.given(strategy)
    def run(case: Case) -> None:
        margin = visit(case)
        if margin > 0:
            hypothesis.target(margin)

    run()
