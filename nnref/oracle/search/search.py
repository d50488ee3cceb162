"""The search of one operation, direction and dtype for failures: a row of the report.

What every run visits comes first (`nnref.oracle.cases.enumerated`), then for each data mode cases drawn by hypothesis,
steered towards large margins. Every mode has a seed of its own in every row, so that no two draw the same geometries.

A failure is made small as soon as it is found, and the search goes on behind it: cases that contain it again are passed
over (`known`). A case that the target refuses is tried again in the nearest form that it accepts (`refusals`).

A `Clock` may end the search between two cases. A failure gets its share of what is left to be made small. Without an
end, the time changes nothing.
"""

from __future__ import annotations

import contextlib
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
from ..diagnosis.hint import SUSPECT, behaves_as, explains
from ..expectation.declaration import Declaration
from ..findings import Finding, Unsupported, Verdict
from ..limits import Clock
from ..operations import OPERATIONS
from ..targets.call import CaseFunction, Function, case_function
from ..verdict.deviations import Deviation
from ..verdict.row import Failure, Hint, Result
from .fatal import fatal_again
from .known import FATAL, PLAIN, UNUSUAL, Known, explored, rank
from .refusals import Refusals
from .shrink import BUDGET, ENDLESS, shrink
from .tester import Tester

__all__ = ["drawn", "search"]

BATCH = 250  # drawn cases
REPEATED = 16  # every so many cases one is called twice, to see whether the bits are the same
MOST = 5  # failures of one rank that are made small in a row; the first with the whole budget of calls
LATER_BUDGET = BUDGET // 4
SHARE = 0.25  # of the time that is left, to make a failure small
TELL = 0.5  # seconds between two calls of `watch`


@dataclass
class _Search:
    tester: Tester
    result: Result
    modes: Sequence[str]
    deviations: Sequence[Deviation]
    advance: Callable[[int], None]
    only_first: bool = False
    found: list[_Found] = field(default_factory=list)
    avoid: Sequence[Known] = ()
    refusals: Refusals = field(default_factory=Refusals)
    replaced: set[str] = field(default_factory=set)
    undecided: int = 0
    clock: Clock = ENDLESS
    watch: Callable[[Result], None] = lambda result: None
    told: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @property
    def done(self) -> bool:
        """Whether one failure is enough, and there is one of plain data."""
        return self.only_first and any(found.rank != UNUSUAL for found in self.found)

    def tell(self) -> None:
        """Show the row as far as it is known."""
        self.told, self.result.failures = time.monotonic(), self.failures()
        self.result.seconds = self.told - self.started
        self.watch(self.result)

    def visit(self, case: Case) -> float:
        """Judge one case, or the nearest one that the target accepts, and return its margin."""
        if self.clock.is_over:
            raise _TimeUp
        self.advance(1)
        self.result.left_out -= 1
        if time.monotonic() - self.told > TELL:
            self.tell()
        fatal = (*self.avoid, *(found.known for found in self.found if found.known.is_fatal))
        if self.done or any(known.is_in(case) for known in fatal):
            return 0.0
        verdict = self.tester.verdict(case)
        if not isinstance(verdict, str):
            return self._judged(case, verdict)
        self.result.unsupported[verdict] += 1
        seen: dict[str, Verdict] = {}
        nearby = self._nearest(case, seen)
        if nearby is None or (line := str(nearby.with_seed(0))) in self.replaced:
            return 0.0
        self.replaced.add(line)
        self.result.replaced += 1
        return self._judged(nearby, seen[str(nearby)])

    def _nearest(self, case: Case, seen: dict[str, Verdict] | None = None) -> Case | None:
        """The nearest form of a refused case that the target accepts; what was `seen` of it is kept."""

        def refuses(nearby: Case) -> bool:
            answer = self.tester.verdict(nearby)
            if not isinstance(answer, str) and seen is not None:
                seen[str(nearby)] = answer
            return isinstance(answer, str)

        return self.refusals.nearest(case, refuses)

    def _judged(self, case: Case, verdict: Verdict) -> float:
        """Note what came of a case, and return its margin."""
        result = self.result
        result.cases += 1
        for observed in verdict.observed:
            result.observe(observed)
        known = [d for d in self.deviations if d.matches(case)]
        for deviation in known:
            result.known.setdefault(deviation.reason, [0, 0])[0 if verdict.finding else 1] += 1
        if verdict.finding:
            for finding in () if known else verdict.findings:
                self._meet(case, finding)
            return 0.0
        if verdict.margin > 0:
            result.margins.append(verdict.margin)
        result.without_verdict += not verdict.judged
        self.undecided += not verdict.judged and verdict.left > 0
        if result.cases % REPEATED == 1:
            same_bits, wrong = self.tester.twice(case)
            if not same_bits:
                result.notes.add("two calls with the same arguments gave different bits")
            for finding in wrong.findings if wrong and not known else ():
                self._meet(case, finding)
        return verdict.margin

    def _meet(self, case: Case, finding: Finding) -> None:
        """Make a failure small that is not known yet, and see what it covers."""
        kind, first, clock = finding.kind, rank(case, finding), self.clock.part(SHARE)
        if self._is_known(case, finding) or [found.rank for found in self.found].count(first) >= MOST:
            return

        def same(candidate: Case) -> Finding | None:
            wrong = (f for f in self._findings(candidate) if f.kind == kind)
            if kind in FATAL:
                return next(wrong, None)
            wrong = (f for f in wrong if rank(candidate, f) == first and not self._is_known(candidate, f))
            return next(wrong, None)

        if kind in FATAL:
            before = [found.known for found in self.found]
            known, failure = fatal_again(Failure(case, finding), before, same, clock)
            self.found = [found for found in self.found if found.known.case != known.case]
            self._note(_Found(failure, known, first))
            return
        smallest, wrong = shrink(case, finding, same, budget=LATER_BUDGET if self.found else BUDGET, clock=clock)
        findings = [wrong, *self._findings(smallest), *self._findings(case)]
        hint = self._hint((smallest, case), wrong)
        known = explored(smallest, findings, self.modes, _until(clock, self._findings))
        self._note(_Found(Failure(smallest, wrong, hint), known, first))

    def _note(self, found: _Found) -> None:
        self.found.append(found)
        self.tell()

    def _hint(self, cases: Sequence[Case], finding: Finding) -> Hint | None:
        """What the target behaves like; None if there is no time to find out."""
        clock = self.clock.part(SHARE)
        timed = _Timed(self.tester.function, clock)

        def nearest(case: Case) -> Case | None:
            return None if clock.is_over else self._nearest(case)

        hint = behaves_as(timed, cases, self.tester.declares, finding, nearest)
        return None if clock.is_over else hint

    def _is_known(self, case: Case, finding: Finding) -> bool:
        """Whether what is wrong with a case was found before.

        A hint that names a bug tells more than a size: it says what the target answers to this very case.
        """
        for found in self.found:
            hint, of_values = found.failure.hint, finding.kind == "value" and found.rank == PLAIN
            if hint is not None and hint.kind == SUSPECT and of_values:
                if explains(hint, self.tester.function, case, self.tester.declares, finding.subject):
                    return True
            elif found.known.covers(case, finding):
                return True
        return False

    def _findings(self, case: Case) -> Sequence[Finding]:
        """What is wrong with a case and no known deviation."""
        verdict = self.tester.verdict(case)
        deviates = any(deviation.matches(case) for deviation in self.deviations)
        return () if isinstance(verdict, str) or deviates else verdict.findings

    def failures(self) -> list[Failure]:
        """What was found, wrong values of plain data first."""
        found = sorted(self.found, key=lambda found: found.rank)
        return [each.failure for each in found[: 1 if self.only_first else None]]


@dataclass(frozen=True)
class _Found:
    """A failure at its smallest case, which cases contain it, and its rank."""

    failure: Failure
    known: Known
    rank: int


class _TimeUp(BaseException):
    """Hypothesis draws no further cases. It catches every other kind of exception."""


class _Timed(CaseFunction):
    """A target's function that refuses every case when the time is up, so that probes say nothing."""

    def __init__(self, function: Function, clock: Clock) -> None:
        self.function, self.clock = case_function(function), clock

    def of_case(self, case: Case, arrays: Sequence[Any], options: dict[str, Any]) -> tuple[Any, ...]:
        if self.clock.is_over:
            raise Unsupported("no time is left")
        return self.function.of_case(case, arrays, options)


def _until(clock: Clock, findings: Callable[[Case], Sequence[Finding]]) -> Callable[[Case], Sequence[Finding]]:
    """What is wrong with a case; nothing when the time is up."""
    return lambda case: () if clock.is_over else findings(case)


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
    avoid: Sequence[Known] = (),
    clock: Clock = ENDLESS,
    watch: Callable[[Result], None] = lambda result: None,
) -> Result:
    """Run the search and make small what it finds; `advance` hears of every case.

    With `only_first` it ends at the first failure of plain data, and in any case when the `clock` is over. Cases that
    contain one of those to `avoid` are passed over. `watch` sees the unfinished row at the start, at every failure,
    and about twice a second.
    """
    tester = Tester(function, declares or Declaration())
    always = list(enumerated(OPERATIONS[op], direction, dtype, modes))
    asked = len(always) + max_examples
    row = Result(op, direction, dtype, asked=asked, left_out=asked)
    run = _Search(tester, row, modes, deviations, advance, only_first, avoid=avoid, clock=clock, watch=watch)
    run.tell()
    with contextlib.suppress(_TimeUp):
        for case in takewhile(lambda _: not run.done, always):
            run.visit(case)
        for position, mode in enumerate(() if run.done else modes):
            share, own = (max_examples + position) // len(modes), f"{seed} {op}.{direction} {dtype} {mode}"
            drawn(cases(op, direction=direction, dtype=dtype, modes=(mode,)), run.visit, share, own)
        row.left_out = 0  # hypothesis draws fewer cases than asked for where there are no more
    row.left_out = max(0, row.left_out)
    run.result.failures = run.failures()
    if run.undecided:
        why = "intermediate results may overflow there, or no bound follows"
        run.result.notes.add(f"no verdict on any value in {run.undecided} of {run.result.cases} cases: {why}")
    run.result.seconds = time.monotonic() - run.started
    return run.result


def drawn(strategy: Any, visit: Callable[[Case], float], max_examples: int, seed: int | str) -> None:
    """Let hypothesis draw cases, steered by the margin that `visit` returns; in batches, because it remembers all."""
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
