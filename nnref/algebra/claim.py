"""Claims, and the two outcomes of `prove`: a certificate that a claim holds, or a refutation with a counterexample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..numeric import Array
from .given import Given

__all__ = ["Case", "Certificate", "Claim", "Refutation", "Sides", "Unproved", "claim"]

Case = Mapping[str, Any]
Sides = tuple[Array | tuple[Array, ...], Array | tuple[Array, ...]]


class Unproved(ArithmeticError):
    """A claim was neither proved nor refuted by a method that could do either."""


@dataclass(frozen=True)
class Claim:
    """A statement about layers that `prove` settles.

    Attributes
    ----------
    name : str, by which `prove` finds the claim
    statement : str, in LaTeX
    source : str
    law : function that takes what `arguments` returns, and returns both sides of the statement
    arguments : function of a `Given` and a case, which returns the arguments of the law
    cases : the shapes and options at which `nnref prove` settles the claim, smallest first
    method : str, the name of the method
    holds : bool, whether the claim is true
    conditions : str, under which it holds
    correction : str, in LaTeX, what is true instead of a false claim
    reductions : names of the functions that the claim is about
    lecture : numbers of the lecture's formulas that the claim settles
    vary : key of a case -> the values that a thorough run draws from
    every_shape : cases with symbols for the method "every shape": sizes and options are texts such as "g*C", and
        "where" are comparisons of them that are assumed
    """

    name: str
    statement: str
    source: str
    law: Callable[..., Sides] = field(repr=False)
    arguments: Callable[..., tuple[Any, ...]] = field(repr=False)
    cases: tuple[Case, ...] = field(repr=False)
    method: str = "symbolic"
    holds: bool = True
    conditions: str = ""
    correction: str = ""
    reductions: tuple[str, ...] = ()
    lecture: tuple[str, ...] = ()
    vary: Mapping[str, tuple[Any, ...]] = field(default_factory=dict, repr=False)
    every_shape: tuple[Case, ...] = field(default=(), repr=False)

    def sides(self, given: Given, case: Case) -> Sides:
        """Both sides of the law, for the arrays and layers that `given` fills."""
        given.start()
        with given.context():
            return self.law(*self.arguments(given, **case))


def claim(name: str, **fields: Any) -> Callable[[Callable[..., Sides]], Claim]:
    """Make a `Claim` from the law below it; its docstring is the statement, and `fields` are the other fields."""

    def made(law: Callable[..., Sides]) -> Claim:
        return Claim(name, " ".join((law.__doc__ or "").split()), law=law, **fields)

    return made


@dataclass(frozen=True)
class Certificate:
    """A claim holds: how that was shown, and what it covers. `verify` repeats the work from these fields alone.

    Attributes
    ----------
    claim, method, arithmetic : str
    cases : the shapes and options, one mapping per case
    evidence : for each case a str that says how much was compared
    covers, beyond : str, what is proved and what is not
    proof : bool, whether the method proves all that it covers, or tests it at random points
    seed : int, of the random elements, if the method draws any
    conditions : str, under which the claim holds
    rests_on : str, what the proof uses besides the law: lemmas, a solver, and what is presumed
    """

    claim: str
    method: str
    arithmetic: str
    cases: tuple[Case, ...]
    evidence: tuple[str, ...]
    covers: str
    beyond: str
    proof: bool = True
    seed: int = 0
    conditions: str = ""
    rests_on: str = ""

    @property
    def verdict(self) -> str:
        """Either "proved" or "tested"."""
        return "proved" if self.proof else "tested"

    def __str__(self) -> str:
        """A readable text of several lines."""
        lines = [f"{self.claim}: {self.verdict} ({self.method}, {self.arithmetic})", *_where(self.conditions)]
        lines += [f"  {written(case)}: {found}" for case, found in zip(self.cases, self.evidence, strict=True)]
        lines += [f"  covers {self.covers}", f"  does not cover {self.beyond}"]
        return "\n".join(lines + ([f"  rests on {self.rests_on}"] if self.rests_on else []))

    def to_json(self) -> dict[str, Any]:
        """A dict that JSON can represent."""
        return {"verdict": self.verdict, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Certificate:
        """The inverse of `to_json`."""
        fields = {name: value for name, value in data.items() if name in cls.__dataclass_fields__}
        return cls(**fields | {"cases": tuple(data["cases"]), "evidence": tuple(data["evidence"])})


@dataclass(frozen=True)
class Refutation:
    """A claim does not hold: values for which its two sides differ. `verify` evaluates them again.

    Attributes
    ----------
    claim, method, arithmetic : str
    case : the shapes and options of the counterexample
    witness : name -> nested lists of numbers as str, the arrays of the counterexample
    left, right : the two sides as nested lists of str
    difference : str, left − right as a formula, if the method has formulas and this one is short
    correction : str, in LaTeX, what is true instead
    conditions : str, under which the claim is said to hold; the counterexample satisfies them
    """

    claim: str
    method: str
    arithmetic: str
    case: Case
    witness: Mapping[str, Any]
    left: Any
    right: Any
    difference: str = ""
    correction: str = ""
    conditions: str = ""

    verdict = "refuted"

    def __str__(self) -> str:
        """A readable text of several lines."""
        lines = [f"{self.claim}: refuted ({self.method}, {self.arithmetic})", *_where(self.conditions)]
        lines += [f"  {written(self.case)}"]
        lines += [f"  {name} = {written(values)}" for name, values in self.witness.items()]
        lines += [f"  left side  = {written(self.left)}", f"  right side = {written(self.right)}"]
        lines += [f"  left − right = {self.difference}"] if self.difference else []
        return "\n".join(lines + ([f"  right is {self.correction}"] if self.correction else []))

    def to_json(self) -> dict[str, Any]:
        """A dict that JSON can represent."""
        return {"verdict": self.verdict, **asdict(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Refutation:
        """The inverse of `to_json`."""
        return cls(**{name: value for name, value in data.items() if name in cls.__dataclass_fields__})


def _where(conditions: str) -> list[str]:
    return [f"  where {conditions}"] if conditions else []


def written(value: Any) -> str:
    """A case or nested lists of numbers in short form: ``image 1×2, stride 2``, ``[[1 2] [0 1/2]]``."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_option(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return f"[{' '.join(map(written, value))}]"
    return str(value)


def _option(value: Any) -> str:
    if isinstance(value, list | tuple) and value and all(type(item) is int for item in value):
        return "×".join(map(str, value))
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_option, value))})"
    return f"({written(value)})" if isinstance(value, Mapping) else str(value)
