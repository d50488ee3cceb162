"""The figures as the page docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["page"]


def page(figures: dict[str, Any]) -> str:
    """The page, in Markdown, of the figures that `benchmarks.__main__.measure` returns."""
    return "\n".join([*_head(figures), "", *_layers(figures), "", *_oracle(figures), "", *_exact(figures)]) + "\n"


def _head(figures: dict[str, Any]) -> Iterator[str]:
    yield "# Benchmarks"
    yield ""
    yield "`python -m benchmarks --markdown` prints this page, after `pip install -e '.[benchmarks,torch]'`. The"
    yield "contenders take turns on one thread. Each figure is a median. Times differ from machine to machine;"
    yield "ratios differ much less."
    yield ""
    yield f"{figures['date']}; {', '.join(f'{name} {version}' for name, version in figures['versions'].items())}."


def _layers(figures: dict[str, Any]) -> Iterator[str]:
    yield "## Layers"
    yield ""
    yield "All layers are float32. The last two columns are ratios: nnref's time divided by that of torch, and by that"
    yield "of the bare matrix products in the layer. Below 1, nnref is faster."
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
    yield "Cases per second on one core: float32, all data modes. A case includes drawing by hypothesis, data, exact"
    yield f"result, bound and verdict. The target is nnref's own layers. The median rate is {oracle['median']:.0f}."
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
    yield "| elements | µs per multiply-add, in conv2d |"
    yield "| --- | ---: |"
    for kind, microseconds in figures["exact"].items():
        yield f"| {kind} | {microseconds:.2f} |"
