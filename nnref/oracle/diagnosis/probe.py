"""Questions to a target: cases that tell the bugs apart which it may have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...numeric import Array
from ..arrays.fill import Arrays, arrays_of
from ..cases.case import Case
from ..expectation import exact
from ..expectation.declaration import Declaration
from ..expectation.exact import Expectation, expectation
from ..findings import Finding
from ..operations.operation import CHOICES
from ..targets.call import Answer, Function, call
from ..verdict.judge import judge
from .suspects import RIGHT, Suspect

__all__ = ["Accept", "Probe", "lively", "neighbours"]

LEAST_PROBES = 8  # that must have been judged, for a hint to stand on them
Accept = Callable[[Case], Case | None]  # the nearest case that a target does not refuse


class Probe:
    """A target under a declaration. With a `subject`, only that result counts.

    It keeps answers and what is expected in `kept`, by the line of a case; without, it asks each time.
    """

    def __init__(
        self, function: Function, declares: Declaration, kept: dict[Any, Any] | None = None, subject: str = ""
    ) -> None:
        self.function, self.declares, self._kept, self.subject = function, declares, kept, subject

    def _once(self, what: str, case: Case, make: Callable[[], Any], *more: Any) -> Any:
        if self._kept is None:
            return make()
        key = what, str(case), *more
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def arrays(self, case: Case) -> tuple[Arrays, dict[str, Any]]:
        """The arrays and options of a case."""
        arrays, options = self._once("arrays", case, lambda: arrays_of(case))
        return dict(arrays), dict(options)

    def answer(self, case: Case) -> Answer:
        """What the target returns."""
        answer: Answer = self._once("answer", case, lambda: call(self.function, case, *self.arrays(case)))
        return answer

    def result(self, case: Case, arrays: Arrays, options: dict[str, Any]) -> tuple[Any, ...]:
        """What the target returns for other arrays of a case; nothing where it refuses or fails."""
        return call(self.function, case, arrays, options).outputs

    def agrees(self, case: Case, declares: Declaration | None = None, suspect: Suspect = RIGHT) -> bool | None:
        """Whether the answer is right under a declaration, for the question and the answer of a suspect.

        None says that there is nothing to judge: the target refuses the case, or nothing of it was judged.
        """
        answer = self.answer(case)
        if answer.unsupported is not None:
            return None
        raised = answer.finding is not None and answer.finding.kind == "exception"
        if answer.finding and (suspect is RIGHT or not raised):
            return False
        try:
            expected = self.expected(case, declares, suspect)
        except (ValueError, TypeError):  # the altered question has no answer, and the target may say so
            return None if raised else False
        if raised:
            return False
        verdict = judge(case, answer.outputs, self.arrays(case)[0], expected, declares or self.declares)
        findings = [f for f in verdict.findings if not self.subject or f.subject == self.subject]
        return not findings if findings or verdict.judged else None

    def fits(self, cases: Sequence[Case], declares: Declaration | None = None, suspect: Suspect = RIGHT) -> bool:
        """Whether all probes agree that were judged, and enough of them were."""
        judged = 0
        for case in cases:
            answer = self.agrees(case, declares, suspect)
            if answer is False:
                return False
            judged += answer is True
        return judged >= LEAST_PROBES

    def findings(self, cases: Sequence[Case]) -> Iterator[tuple[Case, Finding]]:
        """What is wrong under the target's own declaration, with the cases."""
        for case in cases:
            answer = self.answer(case)
            if answer.unsupported is None and not answer.finding:
                verdict = judge(case, answer.outputs, self.arrays(case)[0], self.expected(case), self.declares)
                yield from ((case, f) for f in verdict.findings if not self.subject or f.subject == self.subject)

    def changes(self, case: Case, suspect: Suspect) -> bool:
        """Whether a suspect's answer to a case differs from the right one."""
        try:
            pairs = zip(self.expected(case), self.expected(case, suspect=suspect), strict=True)
            return not all(
                a is None or b is None or np.array_equal(a[0].astype(float), b[0].astype(float), equal_nan=True)
                for a, b in pairs
            )
        except (ValueError, TypeError):
            return False

    def expected(self, case: Case, declares: Declaration | None = None, suspect: Suspect = RIGHT) -> Expectation:
        """The answer of a target that has the suspected bug."""
        declares = declares or self.declares
        if suspect is RIGHT:
            found: Expectation = self._once("right", case, lambda: self._right(case, declares), declares)
            return found
        arrays, options = suspect.ask(*self.arrays(case))
        if case.mode != "special":
            case = case.but(mode="normal", kind="")  # whole numbers are whole no more
        with np.errstate(all="ignore"):
            return suspect.answer(case, arrays, exact.expectation(case, arrays, options, declares))

    def _right(self, case: Case, declares: Declaration) -> Expectation:
        with np.errstate(all="ignore"):
            return expectation(case, *self.arrays(case), declares)

    def values(self, cases: Sequence[Case], suspect: Suspect = RIGHT) -> tuple[Array, Array]:
        """All results that are finite, and what they should be."""
        got, right = [np.zeros(0)], [np.zeros(0)]
        for case in cases:
            for value, pair in zip(self.answer(case).outputs, self.expected(case, suspect=suspect), strict=False):
                if pair is not None and isinstance(value, np.ndarray) and value.shape == pair[0].shape:
                    got.append(value.astype(np.float64).ravel())
                    right.append(pair[0].astype(np.float64).ravel())
        values, exact = np.concatenate(got), np.concatenate(right)
        finite = np.isfinite(values) & np.isfinite(exact)
        return values[finite], exact[finite]


def lively(case: Case) -> Iterator[Case]:
    """The operation with several of everything, where it accepts that; and with less, for targets that refuse much."""
    lively = {"kernel": (2, 3), "stride": (3, 1), "dilation": (1, 2), "padding": (1, 0, 0, 2), "output_padding": (0, 1)}
    geometry = {name: lively.get(name, tuple(max(2, v) for v in least)) for name, least in case.operation.least.items()}
    sizes = {"H": (7,), "W": (8,), "N": (3,), "K": (3,), "Kg": (3,), "bias": (1,)}
    geometry |= {name: value for name, value in sizes.items() if name in geometry}
    flags = (*CHOICES, "layers")
    geometry |= {name: case.geometry[name] for name in flags if name in geometry and name != "bias"}
    ones = {name: (1, 1) for name in ("stride", "dilation") if name in geometry}
    even = {"padding": (1, 1, 1, 1)} if "padding" in geometry else ones
    less = {n: v for n, v in {"groups": (1,), "dilation": (1, 1), "output_padding": (0, 0)}.items() if n in geometry}
    bare = ones | less | {n: v for n, v in {"padding": (0, 0, 0, 0), "kernel": (2, 2)}.items() if n in geometry}
    for changes in ({}, ones, even, even | less, bare):
        if case.operation.fits(geometry | changes):
            yield case.but(geometry=geometry | changes)


def neighbours(case: Case) -> Iterator[Case]:
    """Cases with one size raised or lowered by one, though no empty batch; or with all arrays contiguous."""
    if case.layout != "contiguous":
        yield case.but(layout="contiguous")
    for name, least in case.operation.least.items():
        values = case.geometry[name]
        for position, low in enumerate(() if name in CHOICES or name == "layers" else least):
            for value in (values[position] + 1, values[position] - 1):
                near = case.with_field(name, (*values[:position], value, *values[position + 1 :]))
                if value >= max(low, name == "N") and near.operation.fits(near.geometry):
                    yield near
