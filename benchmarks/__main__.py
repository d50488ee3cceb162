"""Run all benchmarks: ``python -m benchmarks [--quick] [--json FILE] [--markdown]``."""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from . import exact, layers, oracle
from .page import page

PACKAGES = ("nnref", "numpy", "hypothesis", "torch")


def measure(quick: bool = False) -> dict[str, Any]:
    """All figures, on one thread; `quick` only shows that everything runs."""
    with threadpool_limits(1):
        timings = dict(layers.measured(rounds=3 if quick else 25, scale=7 if quick else 1))
        rates = oracle.cases_a_second(12 if quick else 600)
        return {
            "date": datetime.date.today().isoformat(),
            "versions": _versions(),
            "layers": {
                name: {"milliseconds": 1e3 * timing.seconds["nnref"]}
                | {f"over {other}": ratio for other, ratio in timing.ratios.items()}
                for name, timing in timings.items()
            },
            "oracle": {"median": oracle.median_rate(rates), "cases a second": rates},
            "exact": exact.microseconds(rounds=2 if quick else 9, size=4 if quick else 8),
        }


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, write and print."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds and small sizes; the figures mean nothing")
    parser.add_argument("--json", metavar="FILE", help="also write the figures to FILE")
    parser.add_argument("--from-json", metavar="FILE", help="print the figures in FILE and measure nothing")
    parser.add_argument("--markdown", action="store_true", help="print docs/benchmarks.md")
    args = parser.parse_args(argv)
    figures = json.loads(Path(args.from_json).read_text(encoding="utf-8")) if args.from_json else measure(args.quick)
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(page(figures) if args.markdown else _plain(page(figures)), end="")


def _plain(markdown: str) -> str:
    """The same tables with aligned columns, for the terminal."""
    lines = []
    for line in markdown.splitlines():
        if not line.startswith("|"):
            lines.append(line)
        elif not line.startswith("| ---"):
            first, *rest = (cell.strip() for cell in line.strip("|").split("|"))
            lines.append(f"{first:62}" + "".join(f"{cell:>12}" for cell in rest))
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
