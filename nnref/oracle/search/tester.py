"""One case, from its line to its verdict: arrays, call, expectation, judgement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays.fill import arrays_of
from ..cases.case import Case
from ..expectation.declaration import Declaration
from ..expectation.exact import expectation
from ..findings import EARLIER, Finding, Verdict
from ..targets.call import Function, call
from ..verdict.judge import judge

__all__ = ["Tester"]

STRICTEST = Declaration()


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
        if answer.unsupported is not None:
            return answer.unsupported
        if finding := answer.finding or self._reused(case, answer.outputs):
            return Verdict(finding, float("inf"))
        expected = expectation(case, arrays, options, self.declares)
        return judge(case, answer.outputs, arrays, expected, self.declares)

    def _reused(self, case: Case, outputs: tuple[Any, ...]) -> Finding | None:
        """A finding where a result is memory of one that its caller still holds."""
        results = [output for output in outputs if isinstance(output, np.ndarray) and output.size]
        reused = any(np.may_share_memory(new, old) for new in results for old in self.held)
        self.held[:] = results
        return Finding("aliasing", EARLIER, case.function) if reused else None

    def same_bits_twice(self, case: Case) -> bool:
        """Whether two calls give the same bits."""
        arrays, options = arrays_of(case)
        first, second = (call(self.function, case, arrays, options).outputs for _ in range(2))
        pairs = zip(first, second, strict=False)
        return all(a.tobytes() == b.tobytes() for a, b in pairs if hasattr(a, "tobytes") and hasattr(b, "tobytes"))
