"""``nnref prove``: prove or refute the claims of the registry, and show how."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ..algebra import Certificate, Claim, Refutation, claims, prove
from ..algebra.claim import written
from ..algebra.proving import find
from ..algebra.render import as_markdown
from ..errors import OptionError

__all__ = ["add_parser"]

COLUMNS = ("claim", "verdict", "method", "arithmetic", "shapes", "covers", "seconds")
PIPED_WIDTH = 180


@dataclass(frozen=True)
class Settled:
    """A claim, its outcome, and the time that it took."""

    claim: Claim
    outcome: Certificate | Refutation
    seconds: float

    @property
    def as_expected(self) -> bool:
        """Whether the claim is proved if it should hold, and refuted if it should not."""
        return self.claim.holds == isinstance(self.outcome, Certificate)


def add_parser(subparsers: Any) -> None:
    """Add ``prove`` to the subcommands of an `argparse` parser."""
    parser = subparsers.add_parser(
        "prove",
        help="prove or refute claims about layers",
        description="Prove or refute claims: which layers are convolutions, and which backward is a derivative. Exit "
        "status: 0 if every true claim is proved and every false claim is refuted, 1 if not, 2 if the arguments are "
        "invalid.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="name of a claim, as in docs/claims.md (default: all)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON (see nnref/schemas/prove.schema.json)")
    form.add_argument("--markdown", action="store_true", help="print docs/claims.md; always all claims")
    parser.add_argument("--thorough", action="store_true", help="also at shapes and options drawn by hypothesis")
    help_ = "seed of random elements and drawn shapes (default: 0)"
    parser.add_argument("--seed", type=_seed, default=0, metavar="N", help=help_)
    parser.set_defaults(run=run)


def _seed(text: str) -> int:
    if (seed := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {seed}")
    return seed


def run(args: argparse.Namespace) -> int:
    """Settle the claims named in `args`, print them in the requested form, and return the exit status."""
    try:
        chosen = [find(name) for name in args.names] or list(claims.values())
    except OptionError as error:  # the message begins with "prove:", and `main` would say that twice
        print(f"nnref {error}", file=sys.stderr)
        return 2
    if args.markdown:
        chosen = list(claims.values())
    settled = [_settled(claim, args.thorough, args.seed) for claim in chosen]
    if args.json:
        print(json.dumps(_as_json(settled), indent=2, ensure_ascii=False))
    elif args.markdown:
        print(as_markdown({each.claim.name: each.outcome for each in settled}), end="")
    else:
        _print_table(settled, details=bool(args.names))
    return 0 if all(each.as_expected for each in settled) else 1


def _settled(claim: Claim, thorough: bool, seed: int) -> Settled:
    start = time.perf_counter()
    if thorough and claim.vary:
        from ..oracle.search.claims import prove_drawn  # needs hypothesis

        outcome = prove_drawn(claim, seed=seed)
    else:
        outcome = prove(claim, seed=seed)
    return Settled(claim, outcome, time.perf_counter() - start)


def _as_json(settled: Iterable[Settled]) -> dict[str, Any]:
    rows = [
        {
            "name": each.claim.name,
            "statement": each.claim.statement,
            "source": each.claim.source,
            "conditions": each.claim.conditions,
            "holds": each.claim.holds,
            "as_expected": each.as_expected,
            "seconds": round(each.seconds, 6),
            "outcome": each.outcome.to_json(),
        }
        for each in settled
    ]
    return {"format": "nnref-prove/1", "as_expected": all(row["as_expected"] for row in rows), "claims": rows}


def _print_table(settled: list[Settled], details: bool) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    table = Table(*COLUMNS)
    for column in (0, 1, -1):
        table.columns[column].no_wrap = True
    for each in settled:
        verdict = each.outcome.verdict if each.as_expected else f"{each.outcome.verdict}, UNEXPECTED"
        style = "red" if not each.as_expected else "yellow" if isinstance(each.outcome, Refutation) else "green"
        cells = each.outcome.method, each.outcome.arithmetic, _shapes(each.outcome), _reach(each.outcome)
        table.add_row(each.claim.name, f"[{style}]{verdict}[/]", *cells, f"{each.seconds:.2f}")
    console.print(table)
    for each in settled:
        if details or not each.as_expected:
            console.print(str(each.outcome), markup=False, highlight=False)
    unexpected = sum(not each.as_expected for each in settled)
    refuted = sum(isinstance(each.outcome, Refutation) for each in settled)
    seconds = sum(each.seconds for each in settled)
    console.print(f"{len(settled) - refuted} proved, {refuted} refuted, {unexpected} unexpected, in {seconds:.1f} s")


def _shapes(outcome: Certificate | Refutation) -> str:
    cases = outcome.cases if isinstance(outcome, Certificate) else (outcome.case,)
    return written(cases[0]) + (f" … {len(cases)} cases" if len(cases) > 1 else "")


def _reach(outcome: Certificate | Refutation) -> str:
    if isinstance(outcome, Certificate):
        return outcome.covers
    return escape(f"counterexample: {written(outcome.left)} ≠ {written(outcome.right)}")
