"""Without a target there is nothing to collect here."""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore everything, unless a target is given."""
    return None if config.getoption("nnref_target", None) else True


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each row."""
    from nnref.conformance.plugin import ROWS

    rows = metafunc.config.stash[ROWS]
    metafunc.parametrize("row", rows, ids=[row.id for row in rows])
