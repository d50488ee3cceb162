"""The page docs/claims.md: every claim with its outcome, and the lecture's formulas with their claims."""

from __future__ import annotations

import re

from .claim import Case, Certificate, Claim, Refutation, written
from .claims import claims
from .claims.lecture import FORMULAS

__all__ = ["as_markdown"]

Outcome = Certificate | Refutation

HEAD = """# Claims

Written by `nnref prove --markdown` from the registry in `nnref/algebra/claims`; a test keeps it current. What the
methods are is in [algebra.md](algebra.md). Where a claim has cases with symbols, `nnref prove --every-shape` settles it
for [every shape](algebra.md#for-every-shape).
"""


def as_markdown(outcomes: dict[str, Outcome]) -> str:
    """The page, from the outcome of `prove` for every claim.

    >>> from nnref.algebra import prove
    >>> as_markdown({"linear-conv": prove("linear-conv")}).splitlines()[0]
    '# Claims'
    """
    sections = [HEAD, *_lecture(), *_overview(outcomes)]
    return "\n".join(sections + [_section(claims[name], outcome) for name, outcome in outcomes.items()])


def _lecture() -> list[str]:
    """The lecture's formulas, each with its claims."""
    lines = ["## The lecture, formula by formula", "", "| | formula or statement | settled by |", "| --- | --- | --- |"]
    for number, formula in FORMULAS.items():
        settled = ", ".join(_link(claim.name) for claim in claims.values() if number in claim.lecture)
        lines.append(f"| {number} | {_verbatim(formula)} | {settled} |")
    return [*lines, ""]


def _overview(outcomes: dict[str, Outcome]) -> list[str]:
    lines = [
        "## All claims",
        "",
        "| claim | verdict | method | reductions | formulas |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, outcome in outcomes.items():
        claim = claims[name]
        reductions = ", ".join(f"`{reduction}`" for reduction in claim.reductions)
        cells = _link(name), outcome.verdict, outcome.method, reductions, ", ".join(claim.lecture)
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def _link(name: str) -> str:
    return f"[{name}](#{name})"


def _section(claim: Claim, outcome: Outcome) -> str:
    facts = [f"- **{outcome.verdict}**: {outcome.method}, over {outcome.arithmetic}", f"- source: {claim.source}"]
    facts += [f"- where: {claim.conditions}"] if claim.conditions else []
    facts += [f"- for every shape: {written(_without_conditions(case))}" for case in claim.every_shape]
    if isinstance(outcome, Certificate):
        facts += [f"- covers {outcome.covers}", f"- does not cover {outcome.beyond}", "- cost:"]
        facts += [f"    - {written(c)}: {found}" for c, found in zip(outcome.cases, outcome.evidence, strict=True)]
    else:
        facts += [_verbatim(f"- instead: ${claim.correction}$")] if claim.correction else []
        values = {**outcome.witness, "left side": outcome.left, "right side": outcome.right}
        facts += [f"- counterexample, {written(outcome.case)}:"]
        facts += [f"    - {name} = `{written(value)}`" for name, value in values.items()]
        facts += [f"- left − right = `{outcome.difference}`"] if outcome.difference else []
    return "\n".join([f"### {claim.name}", "", "```math", claim.statement, "```", "", *facts, ""])


def _without_conditions(case: Case) -> Case:
    return {name: value for name, value in case.items() if name != "where"}


def _verbatim(text: str) -> str:
    r"""Put formulas in code, in which Markdown leaves backslashes, stars and underscores alone.

    >>> _verbatim(r"$a\,b$ is a product")
    '$`a\\,b`$ is a product'
    """
    return re.sub(r"\$([^$]+)\$", r"$`\1`$", text)
