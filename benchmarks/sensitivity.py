"""How small a systematic error the oracle finds: ``python -m benchmarks.sensitivity > docs/sensitivity.md``.

A target returns the exact result times 1 + δ, rounded to float32. The smallest δ is looked for at which some case of a
default row fails, on a grid of four steps per octave, in units of u = 2⁻²⁴. Beside it stands the smallest δ at which
the tolerances of torch and NumPy refuse a result of the same cases, and the share of cases in which they refuse nnref's
own float32 result, which is right.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnref.numeric import Array
from nnref.oracle import OPERATIONS, Declaration, arrays_of, cases
from nnref.oracle.cases.case import MODES, Case
from nnref.oracle.cases.enumerated import enumerated
from nnref.oracle.expectation.exact import expectation
from nnref.oracle.search.search import drawn
from nnref.oracle.verdict.judge import settle

__all__ = ["Row", "found", "page", "rows"]

U = 2.0**-24
GRID = [2.0 ** (k / 4) for k in range(-8, 81)]  # in units of u
ROUNDED = ("normal", "adversarial")
STRICTEST = Declaration()
NEVER = float("inf")


HEAD = """\
# How small an error is found

`python -m benchmarks.sensitivity > docs/sensitivity.md` computes this page. A target returns the exact result times
1 ± δ, rounded to float32. The table has the smallest δ that is found in the cases of a default row, in units of
u = 2⁻²⁴ = 6·10⁻⁸: by the oracle; by the oracle without whole numbers, where the bound alone decides; and by the default
tolerances of `torch.testing.assert_close` and `numpy.testing.assert_allclose` on the same cases. δ takes four values
per octave. A row is about one result, and the others are right.

In brackets stands the share of cases in which a tolerance refuses nnref's own float32 result, which is right. The
oracle refuses none. A tolerance tighter than the bound is so at that price.

| result | oracle | without whole numbers | assert_close | assert_allclose |
| --- | ---: | ---: | ---: | ---: |
"""
WHY = """
## Why not smaller

- A sum of n terms in the worst order is off by nearly γ_n: a 1, followed by terms that each vanish behind it. The bound
  holds for every order, so long sums have wide bounds. It is found on whole numbers, whose sums are exact in any order.
- In training, the gradient of a batch norm has r = 1/√(σ² + ε) three times in x̂·m₂, and right implementations have an
  r that is off by 4u and by half of the error of the variance. `nnref/bounds/batch_norm.py` says which part of its
  bound right implementations attain. What looks wide beside dx is what cancels in dy − m₁ − x̂·m₂.
- exp, log, σ and tanh have an assumed error of 8u, because libraries differ; so have all results that contain them.
- A bound that holds with high probability would be smaller. It would be wrong sometimes, and a verdict would then
  depend on luck.
"""


@dataclass(frozen=True)
class Row:
    """The smallest δ, in units of u, that is found of one result.

    Attributes
    ----------
    name : operation, direction and result
    oracle : on all data
    rounded : on data that are no whole numbers, where the bound decides
    assert_close, assert_allclose : by these tolerances
    refused : by name of these, the share of cases in which a right result is refused
    """

    name: str
    oracle: float
    rounded: float
    assert_close: float
    assert_allclose: float
    refused: dict[str, float]


@dataclass(frozen=True)
class Judged:
    """A result of a case: its exact value, how far off it may be, and nnref's own in float32."""

    mode: str
    exact: Array
    bound: Array
    own: Array


def assert_close(got: Array, expected: Array) -> Any:
    """The defaults of `torch.testing.assert_close` for float32."""
    return np.abs(got - expected) <= 1e-5 + 1.3e-6 * np.abs(expected)


def assert_allclose(got: Array, expected: Array) -> Any:
    """The defaults of `numpy.testing.assert_allclose`."""
    return np.abs(got - expected) <= 1e-7 * np.abs(expected)


TOLERANCES: dict[str, Callable[[Array, Array], Any]] = {
    "assert_close": assert_close,
    "assert_allclose": assert_allclose,
}


def rows(ops: Sequence[str] | None = None, examples: int = 200, most: int | None = None) -> Iterator[Row]:
    """A row for each result of each operation; of `most` cases of those that every run visits, and of drawn ones."""
    for op in ops or tuple(OPERATIONS):
        for direction in OPERATIONS[op].directions:
            results = _judged(op, direction, examples, most)
            for name, each in results.items():
                yield _row(f"{op} {direction} {name}".removesuffix(" y"), each)


def _row(name: str, results: Sequence[Judged]) -> Row:
    def of_oracle(result: Judged) -> Callable[[Array], Any]:
        return lambda got: np.abs(got - result.exact) <= result.bound

    rounded = [result for result in results if result.mode in ROUNDED]
    by_tolerance = {
        tolerance: found(results, lambda result, close=close: lambda got: close(got, result.exact.astype(np.float32)))
        for tolerance, close in TOLERANCES.items()
    }
    refused = {
        tolerance: float(np.mean([not np.all(close(r.own, r.exact)) for r in results] or [0.0]))
        for tolerance, close in TOLERANCES.items()
    }
    return Row(name, found(results, of_oracle), found(rounded, of_oracle), **by_tolerance, refused=refused)


def found(results: Sequence[Judged], rule: Callable[[Judged], Callable[[Array], Any]]) -> float:
    """The smallest factor of u at which some result is refused."""
    best = len(GRID)
    for result in results:
        accepts = rule(result)
        while best > 0 and not _accepted(result, GRID[best - 1] * U, accepts):
            best -= 1
    return GRID[best] if best < len(GRID) else NEVER


def _accepted(result: Judged, delta: float, accepts: Callable[[Array], Any]) -> bool:
    """Whether the exact result times 1 ± δ passes, both ways."""
    return all(np.all(accepts((result.exact * (1 + d)).astype(np.float32).astype(np.float64))) for d in (delta, -delta))


def _judged(op: str, direction: str, examples: int, most: int | None) -> dict[str, list[Judged]]:
    """Result -> what is judged of it, over the cases of a row."""
    found: dict[str, list[Judged]] = {}

    def visit(case: Case) -> float:
        for name, judged in _results(case):
            found.setdefault(name, []).append(judged)
        return 0.0

    every = list(enumerated(OPERATIONS[op], direction, "float32", MODES))
    for case in every[:: -(-len(every) // (most or len(every)))]:
        visit(case)
    for mode in MODES:
        share, seed = max(1, examples // len(MODES)), f"0 {op}.{direction} float32 {mode}"
        drawn(cases(op, direction=direction, modes=(mode,)), visit, share, seed)
    return found


def _results(case: Case) -> Iterator[tuple[str, Judged]]:
    arrays, options = arrays_of(case)
    settled = settle(case, arrays, expectation(case, arrays, options, STRICTEST), STRICTEST)
    with np.errstate(all="ignore"):
        own = case.operation.evaluate(case.function, case.shapes, list(arrays.values()), options)
    for name, pair, mine in zip(case.result_shapes, settled.results, own, strict=True):
        if pair is None:
            continue
        exact, bound = pair
        settled_here = np.isfinite(exact) & np.isfinite(bound) & (exact != 0)
        if settled_here.any():
            values = (part[settled_here].astype(np.float64) for part in (exact, bound, mine))
            yield name, Judged(case.mode, *values)


def page(table: Sequence[Row]) -> str:
    """The page, in Markdown."""
    lines = [*HEAD.splitlines()]
    for row in table:
        cells = [_figure(row.oracle), _figure(row.rounded)]
        cells += [f"{_figure(getattr(row, name))} ({100 * row.refused[name]:.0f}%)" for name in TOLERANCES]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    return "\n".join([*lines, *WHY.splitlines()]) + "\n"


def _figure(units: float) -> str:
    return "never" if units == NEVER else f"{units:.3g}"


def main(argv: Sequence[str] | None = None) -> None:
    """Compute and print."""
    parser = argparse.ArgumentParser("python -m benchmarks.sensitivity", description=__doc__)
    parser.add_argument("--examples", type=int, default=200, metavar="N", help="drawn cases per row (default: 200)")
    parser.add_argument("--most", type=int, metavar="N", help="of the cases that every run visits (default: all)")
    args = parser.parse_args(argv)
    print(page(list(rows(None, args.examples, args.most))), end="")


if __name__ == "__main__":
    main()
