"""The operations that the oracle knows: the one registry.

A row (`operation.Operation`) says which integers describe a case, which arrays and options follow from them, what the
results are, which module has the bound, and what is unusual about the operation. Everything else that the oracle does
with an operation follows from its row. The layer itself is found by name: the expected result comes from nnref's own
function, run in a wider arithmetic.
"""

from . import activations, convolution, network, normalisation, pooling
from .convention import Convention, Open, OpenShape, Question
from .conventions import CONVENTIONS, EMPTY_BATCH, open_shapes
from .operation import Geometry, Operation, Shape

__all__ = [
    "CONVENTIONS",
    "EMPTY_BATCH",
    "OPERATIONS",
    "Convention",
    "Geometry",
    "Open",
    "OpenShape",
    "Operation",
    "Question",
    "Shape",
    "open_shapes",
]

FAMILIES = (convolution, normalisation, pooling, activations, network)  # in the order of a report
OPERATIONS = {row.name: row for family in FAMILIES for row in family.ROWS}
