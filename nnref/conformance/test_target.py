"""The target agrees with the reference."""

from nnref.conformance.plugin import Row


def test_agrees(row: Row) -> None:
    """On one operation, in one direction, for one dtype, on data of one mode."""
    row.run()
