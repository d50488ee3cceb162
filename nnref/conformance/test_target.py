"""The target agrees with the reference."""

from nnref.conformance.plugin import Row


def test_agrees(row: Row) -> None:
    """Check one operation, direction and dtype."""
    row.run()
