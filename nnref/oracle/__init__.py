"""The oracle: hold anybody's layers against the reference, with derived bounds and shrinking.

    oracle.check("conv2d", forward=mine, backward=mine_backward)    raises Disagreement at the smallest failing case
    oracle.conform(target).ok                                       a report over all operations of a target

Data flows one way: a `Case` is drawn (`draw`, `geometries`), its arrays are made (`data`), the target is called
(`call`), the exact result and its bound are computed (`reference`), and the answer is judged (`judge`); `search` does
this for one operation, `shrink` makes what it finds small, `conform` does it for a whole target.
"""

from .arrays.fill import arrays_of
from .campaign.conform import conform
from .cases.case import Case, parse
from .cases.drawn import cases
from .check import Disagreement, check
from .exchange.process_target import process_target
from .exchange.stored import check_results, read_case
from .exchange.vectors import write_vectors
from .expectation.declaration import Declaration
from .operations import OPERATIONS
from .report.report import Report
from .targets.call import Unsupported
from .verdict.deviations import Deviation, read_deviations
from .verdict.judge import NOT_COMPUTED, Finding, Verdict
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
