"""Collect a test for each row of the target, and nothing without a target."""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore everything if no target is given."""
    return None if config.getoption("nnref_target", None) else True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test for each row."""
    from nnref.conformance.plugin import ROWS

    rows = metafunc.config.stash[ROWS]
    metafunc.parametrize("row", rows, ids=[row.id for row in rows])
