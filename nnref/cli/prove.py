"""``nnref prove``: prove or refute the claims of the registry, and show how."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..algebra import Certificate, Claim, Refutation, Unproved, claims, prove
from ..algebra.proving import find
from ..algebra.render import as_markdown
from ..errors import OptionError

__all__ = ["add_parser"]

COLUMNS = ("claim", "verdict", "method", "shapes", "every", "seconds")
EVERY_SHAPE, UNPROVED = "every shape", "not proved"
WIDTH = 80


@dataclass(frozen=True)
class Settled:
    """A claim, its outcome, and the time that it took."""

    claim: Claim
    outcome: Certificate | Refutation | Unproved
    seconds: float

    @property
    def as_expected(self) -> bool:
        """Whether the claim is proved if it should hold, and refuted if it should not."""
        return not isinstance(self.outcome, Unproved) and self.claim.holds == isinstance(self.outcome, Certificate)


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
    help_ = "prove for every shape the claims that have cases with symbols (needs z3: pip install 'nnref[proofs]')"
    parser.add_argument("--every-shape", action="store_true", help=help_)
    help_ = "with --every-shape: write what the proofs rest on as SMT-LIB into this directory"
    parser.add_argument("--smt", type=Path, metavar="DIR", help=help_)
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
        if args.smt and not args.every_shape:
            raise OptionError("prove: --smt must come with --every-shape, got it alone")
        if args.every_shape:
            chosen = [claim for claim in chosen if claim.every_shape] if not args.names else chosen
        if args.markdown:
            chosen = list(claims.values())
        settled = [_settled(claim, args) for claim in chosen]
    except OptionError as error:  # the message begins with "prove:", and `main` would say that twice
        print(f"nnref {error}", file=sys.stderr)
        return 2
    if args.json:
        print(json.dumps(_as_json(settled), indent=2, ensure_ascii=False))
    elif args.markdown:
        print(as_markdown({each.claim.name: each.outcome for each in settled}), end="")  # type: ignore[misc]
    else:
        _print_table(settled, details=bool(args.names))
    return 0 if all(each.as_expected for each in settled) else 1


def _settled(claim: Claim, args: argparse.Namespace) -> Settled:
    start, outcome = time.perf_counter(), None  # type: tuple[float, Any]
    if args.every_shape:
        outcome = _for_every_shape(claim, args.smt)
    elif args.thorough and claim.vary:
        from ..oracle.search.claims import prove_drawn  # needs hypothesis

        outcome = prove_drawn(claim, seed=args.seed)
    else:
        outcome = prove(claim, seed=args.seed)
    return Settled(claim, outcome, time.perf_counter() - start)


def _for_every_shape(claim: Claim, directory: Path | None) -> Certificate | Refutation | Unproved:
    """The outcome; what it rests on is written into the directory."""
    obligations: list[Any] = []
    try:
        outcome = prove(claim, method=EVERY_SHAPE, obligations=obligations)
    except Unproved as error:
        return error
    if directory is not None:
        for number, obligation in enumerate(obligations):
            name = "lemmas" if obligation.name.startswith("lemma") else claim.name
            path = directory / name / f"{number:04}.smt2"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(obligation.to_smt(), encoding="utf-8")
    return outcome


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
            "outcome": _outcome_as_json(each.outcome),
        }
        for each in settled
    ]
    return {"format": "nnref-prove/1", "as_expected": all(row["as_expected"] for row in rows), "claims": rows}


def _outcome_as_json(outcome: Certificate | Refutation | Unproved) -> dict[str, Any]:
    return {"verdict": UNPROVED, "reason": str(outcome)} if isinstance(outcome, Unproved) else outcome.to_json()


def _print_table(settled: list[Settled], details: bool) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    table = Table(*COLUMNS, box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for column in range(len(COLUMNS)):
        table.columns[column].no_wrap = True
    for each in settled:
        verdict = each.outcome.verdict if not isinstance(each.outcome, Unproved) else UNPROVED
        verdict += "" if each.as_expected else ", UNEXPECTED"
        style = "red" if not each.as_expected else "yellow" if isinstance(each.outcome, Refutation) else "green"
        cells = _method(each), _shapes(each), _with_symbols(each), f"{each.seconds:.2f}"
        table.add_row(each.claim.name, f"[{style}]{verdict}[/]", *cells)
    console.print(table)
    if not any(_method(each) == EVERY_SHAPE for each in settled):
        console.print("every: nnref prove --every-shape settles the claim for every shape")
    for each in settled:
        if details or not each.as_expected:
            console.print(str(each.outcome), markup=False, highlight=False, soft_wrap=True)
    unexpected = sum(not each.as_expected for each in settled)
    refuted = sum(isinstance(each.outcome, Refutation) for each in settled)
    proved = sum(isinstance(each.outcome, Certificate) for each in settled)
    seconds = sum(each.seconds for each in settled)
    console.print(f"{proved} proved, {refuted} refuted, {unexpected} unexpected, in {seconds:.1f} s")


def _method(each: Settled) -> str:
    return EVERY_SHAPE if isinstance(each.outcome, Unproved) else each.outcome.method


def _shapes(each: Settled) -> str:
    """How far the outcome reaches: how many shapes it is about, or the shape of the counterexample."""
    if isinstance(each.outcome, Unproved):
        return "none"
    if isinstance(each.outcome, Refutation):
        return "1"
    return "every" if each.outcome.method == EVERY_SHAPE else str(len(each.outcome.cases))


def _with_symbols(each: Settled) -> str:
    """Whether --every-shape settles the claim."""
    return "yes" if each.claim.every_shape else ""
