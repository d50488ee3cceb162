"""The figures as docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["page"]


def page(figures: dict[str, Any]) -> str:
    """Markdown of what `benchmarks.__main__.measure` returns."""
    return "\n".join([*_head(figures), "", *_layers(figures), "", *_oracle(figures), "", *_exact(figures)]) + "\n"


def _head(figures: dict[str, Any]) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield "What `python -m benchmarks --markdown` prints, after `pip install -e '.[benchmarks,torch]'`. Contenders take"
    yield "turns, on one thread; each figure is a median. Times differ from machine to machine, ratios much less."
    yield ""
    yield f"{figures['date']}; {', '.join(f'{name} {version}' for name, version in figures['versions'].items())}."


def _layers(figures: dict[str, Any]) -> Iterator[str]:
    yield "## Layers"
    yield ""
    yield "float32. How many times as long as torch it takes, and as the bare matrix products in it; below 1 is faster."
    yield ""
    yield "| layer | ms | torch | matmul |"
    yield "| --- | ---: | ---: | ---: |"
    for name, row in figures["layers"].items():
        cells = (f"{row[other]:.2f}" if other in row else "" for other in ("over torch", "over matmul"))
        yield f"| {name} | {row['milliseconds']:.2f} | {' | '.join(cells)} |"


def _oracle(figures: dict[str, Any]) -> Iterator[str]:
    oracle = figures["oracle"]
    yield "## Oracle"
    yield ""
    yield "Cases a second on one core: drawn by hypothesis, float32, all data modes, with data, exact result, bound and"
    yield f"verdict; nnref's own layers are the target. The operation in the middle: {oracle['median']:.0f}."
    yield ""
    yield "| operation | forward | backward |"
    yield "| --- | ---: | ---: |"
    rates = oracle["cases a second"]
    for op in dict.fromkeys(name.split(".")[0] for name in rates):
        cells = (f"{rates[key]:.0f}" if (key := f"{op}.{way}") in rates else "" for way in ("forward", "backward"))
        yield f"| {op} | {' | '.join(cells)} |"


def _exact(figures: dict[str, Any]) -> Iterator[str]:
    yield "## Exact arithmetic"
    yield ""
    yield "| elements | µs a multiply-add, in conv2d |"
    yield "| --- | ---: |"
    for kind, microseconds in figures["exact"].items():
        yield f"| {kind} | {microseconds:.2f} |"
