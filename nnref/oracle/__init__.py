"""The oracle: hold anybody's layers against the reference, with derived bounds and shrinking.

    oracle.check("conv2d", forward=mine, backward=mine_backward)    raises Disagreement at the smallest failing case
    oracle.conform(target).ok                                       a report over all operations of a target

Data flows one way: a `Case` is drawn (`draw`, `geometries`), its arrays are made (`data`), the target is called
(`call`), the exact result and its bound are computed (`reference`), and the answer is judged (`judge`); `search` does
this for one operation, `shrink` makes what it finds small, `conform` does it for a whole target.
"""

from .call import Unsupported
from .case import Case, parse
from .check import Disagreement, check
from .conform import conform
from .data import arrays_of
from .declaration import Declaration
from .deviations import Deviation, read_deviations
from .draw import cases
from .judge import NOT_COMPUTED, Finding, Verdict
from .operations import OPERATIONS
from .report import Report
from .result import Failure, Result
from .stored import check_results, read_case
from .targets.process import process_target
from .vectors import write_vectors

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
