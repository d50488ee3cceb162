"""The search of one operation, direction and dtype for a failure: a row of the report.

What every run visits comes first (`nnref.oracle.cases.enumerated`), then for each data mode cases drawn by hypothesis,
steered towards large margins. Every mode has a seed of its own in every row, lest all draw the same geometries. A
failure in one mode does not hide another: the search of that mode ends, and the others go on. Each failure is shrunk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, Verbosity

from ..cases.case import MODES, Case
from ..cases.drawn import cases
from ..cases.enumerated import enumerated
from ..diagnosis.hint import behaves_as
from ..expectation.declaration import Declaration
from ..operations import OPERATIONS
from ..targets.call import Function
from ..verdict.deviations import Deviation
from ..verdict.row import Failure, Result
from .shrink import shrink_again, shrink_fatal
from .tester import Tester

__all__ = ["drawn", "search"]

BATCH = 250  # drawn cases
REPEATED = 16  # every so many cases one is called twice, to see whether the bits are the same


@dataclass
class _Search:
    tester: Tester
    result: Result
    deviations: Sequence[Deviation]
    advance: Callable[[int], None]
    only_first: bool = False
    failing: dict[str, Failure] = field(default_factory=dict)
    undecided: int = 0

    @property
    def done(self) -> bool:
        """Whether one failure is enough and there is one; of special values alone, a plainer one may follow."""
        return self.only_first and bool(set(self.failing) - {"special"})

    def found(self, modes: Sequence[str]) -> list[Failure]:
        """The failures to explain, in the order of the modes; or the first one found, one of special values last."""
        if self.only_first:
            return sorted(self.failing.values(), key=lambda failure: failure.case.mode == "special")[:1]
        return sorted(self.failing.values(), key=lambda failure: modes.index(failure.case.mode))

    def visit(self, case: Case) -> float:
        """Judge one case, note what came of it, and return its margin."""
        self.advance(1)
        if case.mode in self.failing:
            return 0.0
        verdict = self.tester.verdict(case)
        result = self.result
        if isinstance(verdict, str):
            result.unsupported[verdict] += 1
            return 0.0
        result.cases += 1
        known = [d for d in self.deviations if d.matches(case)]
        for deviation in known:
            result.known.setdefault(deviation.reason, [0, 0])[0 if verdict.finding else 1] += 1
        if verdict.finding:
            if not known:
                self.failing[case.mode] = Failure(case, verdict.finding)
            return 0.0
        if verdict.margin > 0:
            result.margins.append(verdict.margin)
        result.without_verdict += not verdict.judged
        self.undecided += not verdict.judged and verdict.left > 0
        if result.cases % REPEATED == 1 and not self.tester.same_bits_twice(case):
            result.notes.add("two calls with the same arguments gave different bits")
        return verdict.margin

    def explained(self, failure: Failure) -> Failure:
        """The failure at its smallest case, with what the target behaves like there."""
        tester = self.tester

        def failing(case: Case) -> Any:
            verdict = tester.verdict(case)
            known = any(d.matches(case) for d in self.deviations)
            return None if isinstance(verdict, str) or known else verdict.finding

        if failure.finding.kind in ("crash", "hang"):
            return shrink_fatal(failure, self.result.failures, failing)
        case, finding = shrink_again(failure, self.result.failures, failing)
        return Failure(case, finding, behaves_as(tester.function, (case, failure.case), tester.declares, finding))


def search(
    function: Function,
    op: str,
    direction: str,
    *,
    dtype: str = "float32",
    declares: Declaration | None = None,
    max_examples: int = 200,
    seed: int = 0,
    modes: Sequence[str] = MODES,
    deviations: Sequence[Deviation] = (),
    advance: Callable[[int], None] = lambda cases: None,
    only_first: bool = False,
) -> Result:
    """Run the search and shrink what it finds; `advance` hears of every case.

    With `only_first` it ends at the first failure.
    """
    started = time.perf_counter()
    tester = Tester(function, declares or Declaration())
    run = _Search(tester, Result(op, direction, dtype), deviations, advance, only_first)
    for case in takewhile(lambda _: not run.done, enumerated(OPERATIONS[op], direction, dtype, modes)):
        run.visit(case)
    for position, mode in enumerate(() if run.done else modes):
        share, own = (max_examples + position) // len(modes), f"{seed} {op}.{direction} {dtype} {mode}"
        drawn(cases(op, direction=direction, dtype=dtype, modes=(mode,)), run.visit, share, own)
    for failure in run.found(modes):
        run.result.failures.append(run.explained(failure))
    if run.undecided:
        why = "intermediate results may overflow there, or no bound follows"
        run.result.notes.add(f"no verdict on any value in {run.undecided} of {run.result.cases} cases: {why}")
    run.result.seconds = time.perf_counter() - started
    return run.result


def drawn(strategy: Any, visit: Callable[[Case], float], max_examples: int, seed: int | str) -> None:
    """Let hypothesis draw cases, steered by the margin that `visit` returns; in batches, for it remembers them all."""
    for start in range(0, max_examples, BATCH):
        _batch(strategy, visit, min(BATCH, max_examples - start), f"{seed} {start}")


def _batch(strategy: Any, visit: Callable[[Case], float], max_examples: int, seed: str) -> None:
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
