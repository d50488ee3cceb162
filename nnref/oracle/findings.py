"""What can be wrong with an answer, as data. Only `Finding.message` makes words of it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["EARLIER", "NOT_COMPUTED", "Finding", "Frame", "Observed", "TargetDied", "Unsupported", "Verdict"]

EARLIER = "an earlier result"  # the subject of a finding that a function returned the same memory twice


class Unsupported(Exception):
    """A target raises it for a case that it does not support. The argument says why."""


class TargetDied(Exception):
    """The process of a target has died or hangs. `kind` is the kind of the finding."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class _NotComputed:
    def __repr__(self) -> str:
        return "NOT_COMPUTED"


NOT_COMPUTED = _NotComputed()  # a target returns it for a gradient that it does not compute


@dataclass(frozen=True)
class Frame:
    """A line of a target that an exception came through."""

    file: str
    line: int
    function: str
    code: str = ""


@dataclass(frozen=True)
class Finding:
    """What is wrong with an answer.

    Attributes
    ----------
    kind : one of the keys of `WORDS`
    subject : what it is about: a result, an input, a state of the process, the type of an exception
    function : the target's function
    wanted, found : what the subject must be, and what it is
    said : the words of the target or the system: the text of an exception, the cause of a death
    index, expected, got, bound, margin : the worst element, if the finding is a wrong value
    causes : of an exception, each as its type and text, the nearest first
    frames : lines of the target that it came through, the last one last
    """

    kind: str
    subject: str = ""
    function: str = ""
    wanted: str = ""
    found: str = ""
    said: str = ""
    index: tuple[int, ...] = ()
    expected: float | None = None
    got: float | None = None
    bound: float | None = None
    margin: float | None = None
    causes: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()

    @property
    def message(self) -> str:
        """The finding as a sentence.

        >>> Finding("shape", "y", wanted="(1, 2)", found="(2, 1)").message
        'y must have shape (1, 2), got (2, 1)'
        """
        if self.kind == "value":
            return self._of_a_value()
        words = WORDS[self.kind] if self.subject else OF_THE_CALL.get(self.kind, "{said}")
        return words.format(**asdict(self))

    def _of_a_value(self) -> str:
        place = f"{self.subject}[{', '.join(map(str, self.index))}]" if self.index else self.subject
        exactly = not self.bound
        text = f"{place} must be {self.expected!r}" + (" exactly" if exactly else f" ± {self.bound:.3g}")
        text += f", got {self.got!r}"
        if not exactly and self.margin is not None and math.isfinite(self.margin):
            text += f", off by {self.margin:.3g} times the bound"
        return text

    def to_dict(self) -> dict[str, Any]:
        """The finding for JSON: its fields, its message, and the name of the result that it is about, if any."""
        parts = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}
        output = self.subject if self.kind in ("value", "shape", "dtype", "structure") else ""
        return {"message": self.message, "output": output, **parts}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Finding:
        """The inverse of `to_dict`. It also reads old reports, which have no subjects."""
        parts = {"said": data["message"]} | {key: v for key, v in data.items() if key not in ("message", "output")}
        parts.setdefault("subject", data["output"] if data["kind"] == "value" else "")
        frames = tuple(Frame(**frame) for frame in data.get("frames", ()))
        return cls(**parts | {"index": tuple(data["index"]), "causes": tuple(data.get("causes", ())), "frames": frames})


WORDS = {
    "value": "",
    "shape": "{subject} must have shape {wanted}, got {found}",
    "dtype": "{subject} must have dtype {wanted}, got {found}",
    "structure": "{subject} must be {wanted}, got {found}",
    "exception": "{function} raised {subject}: {said}",
    "input modified": "{function} wrote into its input {subject}",
    "aliasing": "{function} returned memory of {subject}",
    "global state": "{function} changed {subject}",
    "crash": "{said}",
    "hang": "{said}",
}
OF_THE_CALL = {"structure": "{function} must return {wanted}, got {found}"}  # if the subject is the whole call


@dataclass(frozen=True)
class Observed:
    """Which answer a target gives where a convention is concerned, and which one nnref gives.

    There are several where they agree in that case, and only other cases can tell which one it is.
    """

    convention: str
    answers: tuple[str, ...]
    reference: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """A finding or none, the largest |got − exact| / bound, and of how many elements there was a verdict, or none.

    Where several results are wrong, `others` are the findings beyond the first. `observed` are answers to conventions.
    """

    finding: Finding | None = None
    margin: float = 0.0
    judged: int = 0
    left: int = 0
    others: tuple[Finding, ...] = ()
    observed: tuple[Observed, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All that is wrong."""
        return (self.finding, *self.others) if self.finding else ()
