"""The oracle: it compares any implementation with the reference, within derived bounds, and shrinks each failure.

    oracle.check("conv2d", forward=mine, backward=mine_backward)    raises Disagreement at the smallest failing case
    oracle.check("conv2d", oracle.adapt(mine))                      the same for a kernel that has fewer options
    oracle.conform(target).ok                                       a report over all operations of a target

Data flows one way through the folders. A `Case` of one of the `operations` comes from `cases`, and its arrays from
`arrays`. The function of one of the `targets` is called. `expectation` computes the exact result and its bound, and
`verdict` judges the answer. `search` does this for many cases of one function and shrinks each failure; `diagnosis`
says what the function behaves like. `report` shows the result. `campaign` does all this for a whole target. `exchange`
writes cases as files and runs programs in other languages.
"""

from . import extras  # noqa: F401 before all others: it says what is not installed
from .arrays.fill import arrays_of
from .campaign.conform import conform
from .cases.case import Case, parse
from .cases.drawn import cases
from .check import Disagreement, check
from .exchange.process_target import process_target
from .exchange.stored import check_results, read_case
from .exchange.vectors import write_vectors
from .expectation.declaration import Declaration
from .findings import NOT_COMPUTED, Finding, Unsupported, Verdict
from .operations import OPERATIONS
from .report.report import Report
from .targets.adapt import adapt
from .verdict.deviations import Deviation, read_deviations
from .verdict.row import Failure, Result

__all__ = [
    "NOT_COMPUTED",
    "OPERATIONS",
    "Case",
    "Declaration",
    "Deviation",
    "Disagreement",
    "Failure",
    "Finding",
    "Report",
    "Result",
    "Unsupported",
    "Verdict",
    "adapt",
    "arrays_of",
    "cases",
    "check",
    "check_results",
    "conform",
    "parse",
    "process_target",
    "read_case",
    "read_deviations",
    "write_vectors",
]
