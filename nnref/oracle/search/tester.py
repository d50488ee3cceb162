"""One case, from its line to its verdict: arrays, call, expectation, judgement."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..arrays.fill import arrays_of
from ..cases.case import Case
from ..expectation.declaration import Declaration
from ..expectation.exact import expectation
from ..findings import EARLIER, Finding, Observed, Verdict
from ..operations import EMPTY_BATCH, open_shapes
from ..targets.call import Answer, Function, call
from ..verdict.judge import judge

__all__ = ["Tester"]

STRICTEST = Declaration()
OF_THE_WINDOWS = ("value", "shape", "exception")  # findings that another number of windows explains


@dataclass(frozen=True)
class Tester:
    """A target's function under one declaration: case -> verdict. It holds on to the results of the last call."""

    function: Function
    declares: Declaration = STRICTEST
    held: list[Any] = field(default_factory=list, repr=False, compare=False)

    def verdict(self, case: Case) -> Verdict | str:
        """The verdict on one case, or the reason why the target does not support it."""
        arrays, options = arrays_of(case)
        answer = call(self.function, case, arrays, options)
        if refused := self._refused_batch(case, answer):
            return refused
        if answer.unsupported is not None:
            return answer.unsupported
        if finding := answer.finding or self._reused(case, answer.outputs):
            return self._where_windows_are_open(case, Verdict(finding, float("inf")))
        expected = expectation(case, arrays, options, self.declares)
        verdict = judge(case, answer.outputs, arrays, expected, self.declares)
        if case.geometry.get("N") == (0,) and not verdict.finding:
            computed = Observed(EMPTY_BATCH.name, ("computed",), ("computed",))
            return self._with_pin(case, replace(verdict, observed=(*verdict.observed, computed)), "computed")
        return self._where_windows_are_open(case, verdict)

    def _refused_batch(self, case: Case, answer: Answer) -> Verdict | None:
        """The verdict where a target refuses an empty batch, and the same case with a sample not."""
        raised = answer.finding is not None and answer.finding.kind == "exception"
        if case.geometry.get("N") != (0,) or (answer.unsupported is None and not raised):
            return None
        one = case.with_field("N", (1,))
        with_sample = call(self.function, one, *arrays_of(one))
        if with_sample.unsupported is not None or (with_sample.finding and with_sample.finding.kind == "exception"):
            return None
        said = answer.finding or Finding("exception", "Unsupported", case.function, said=answer.unsupported or "")
        refused = Verdict(observed=(Observed(EMPTY_BATCH.name, ("refused",), ("computed",)),))
        return self._with_pin(case, refused, "refused", said)

    def _with_pin(self, case: Case, verdict: Verdict, answer: str, finding: Finding | None = None) -> Verdict:
        """A verdict on an empty batch, with a finding where another answer is declared."""
        if self.declares.empty_batch in (None, answer):
            return verdict
        finding = finding or Finding("structure", "an empty batch", case.function, "refused", "results")
        return replace(verdict, finding=finding, margin=float("inf"))

    def _where_windows_are_open(self, case: Case, verdict: Verdict) -> Verdict:
        """No verdict on a gradient whose dy may have too many windows for the target, where it fails there."""
        if case.direction == "forward" or not verdict.finding or verdict.finding.kind not in OF_THE_WINDOWS:
            return verdict
        shape = case.operation.shapes(case.geometry).get("x")
        there_are_several = shape is not None and open_shapes(shape, case.operation.options(case.geometry))
        if not there_are_several or self.declares.windows_in_padding == "kept":
            return verdict
        return Verdict(left=verdict.judged + verdict.left or 1)

    def twice(self, case: Case) -> tuple[bool, Verdict | None]:
        """Whether two more calls give the same bits; and if not, the verdict on one that is wrong, if one is."""
        arrays, options = arrays_of(case)
        answers = [call(self.function, case, arrays, options) for _ in range(2)]
        for answer in answers:
            if answer.finding or answer.unsupported is not None:
                return answer.finding is None, Verdict(answer.finding) if answer.finding else None
        pairs = zip(*(answer.outputs for answer in answers), strict=False)
        if all(a.tobytes() == b.tobytes() for a, b in pairs if hasattr(a, "tobytes") and hasattr(b, "tobytes")):
            return True, None
        expected = expectation(case, arrays, options, self.declares)
        verdicts = [judge(case, answer.outputs, arrays, expected, self.declares) for answer in answers]
        return False, next((verdict for verdict in verdicts if verdict.finding), None)

    def _reused(self, case: Case, outputs: tuple[Any, ...]) -> Finding | None:
        """A finding where a result is memory of one that its caller still holds."""
        results = [output for output in outputs if isinstance(output, np.ndarray) and output.size]
        reused = any(np.may_share_memory(new, old) for new in results for old in self.held)
        self.held[:] = results
        return Finding("aliasing", EARLIER, case.function) if reused else None
