"""`check`: compare one function with the reference, and raise at the smallest case where it fails."""

from __future__ import annotations

from typing import Any

from ..errors import OptionError, close, refuse
from .dtypes import DTYPES
from .expectation.declaration import Declaration
from .operations import OPERATIONS
from .report.script import snippet
from .report.side_by_side import side_by_side
from .report.telling import told
from .search.search import search
from .targets.adapt import Adapted
from .targets.call import Function
from .verdict.row import Failure, Result

__all__ = ["Disagreement", "check"]


class Disagreement(AssertionError):
    """A function and the reference disagree.

    Attributes
    ----------
    case : the smallest failing `Case`
    descriptor : the case as one line, for `nnref repro`
    expected, got : the results there, by name (arrays; `got` is empty if the call itself failed)
    bound : by name, how far each element may be from `expected`
    margin : |got − expected| / bound of the worst element
    hint : how the function behaves, as in "as if the kernel were flipped"; None if that is not known
    snippet : a script that needs only NumPy and the function
    """

    def __init__(self, failure: Failure, function: Function, declares: Declaration) -> None:
        case, finding = failure.case, failure.finding
        self.case, self.finding, self.descriptor = case, finding, str(case)
        self.hint = None if failure.hint is None else failure.hint.words
        side = side_by_side(case, function, declares)
        self.expected, self.bound, self.got = side.expected, side.bound, side.got
        self.margin = finding.margin
        self.snippet = snippet(case, side, finding, failure.hint, function)
        super().__init__(told(failure))


def check(
    op: str,
    forward: Function | None = None,
    backward: Function | None = None,
    *,
    dtype: str = "float32",
    max_examples: int = 200,
    seed: int = 0,
    declares: Declaration | None = None,
) -> list[Result]:
    """Compare `forward` and `backward` of one operation with the reference.

    Parameters
    ----------
    op : name of an operation, such as "conv2d"
    forward : called with the arrays by position and every option by keyword in canonical form (pairs; padding as pair
        of pairs; an absent bias is None); returns an array, or a pair for a fold. `adapt` makes one of a kernel that
        has fewer options
    backward : the same with the cotangent dy first; returns a tuple of gradients in the order of the arrays
    dtype : "float16", "bfloat16", "float32" or "float64"
    max_examples : number of drawn cases per direction, beside all small geometries of a windowed operation
    seed : seed of the search
    declares : what the function declares about its arithmetic; None is the strictest

    Returns
    -------
    one `Result` per direction

    Raises
    ------
    Disagreement : a result is wrong; it has the smallest such case.
    OptionError : an argument is not one of the known values, or an adapted kernel cannot be called for `op`.

    >>> import nnref
    >>> [result.status for result in check("relu", forward=nnref.relu, max_examples=20)]
    ['passed']
    """
    if op not in OPERATIONS:
        refuse(OptionError, "check", "op", f"one of {', '.join(OPERATIONS)}", f"{op!r}{close([op], OPERATIONS)}")
    if dtype not in DTYPES:
        refuse(OptionError, "check", "dtype", f"one of {', '.join(DTYPES)}", f"{dtype!r}{close([dtype], DTYPES)}")
    both = {"forward": forward, "backward": backward}
    functions = {direction: function for direction, function in both.items() if function is not None}
    if not functions:
        refuse(OptionError, "check", "forward or backward", "a function, as in forward=my_function", "neither")
    for direction, function in functions.items():
        if direction not in OPERATIONS[op].directions:
            refuse(OptionError, "check", direction, f"left out, because {op} has none", type(function).__name__)
        if not callable(function):
            refuse(OptionError, "check", direction, "a function", repr(function))
        if isinstance(function, Adapted):
            function.expect_callable(op, direction)
    results = []
    for direction, function in functions.items():
        given: dict[str, Any] = {"dtype": dtype, "declares": declares, "max_examples": max_examples, "seed": seed}
        result = search(function, op, direction, **given, only_first=True)
        if result.failures:
            raise Disagreement(result.failures[0], function, declares or Declaration()) from None
        results.append(result)
    return results
