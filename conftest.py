"""Doctests see `np`, as a reader's session does; and BLAS has one thread, for tests run side by side."""

import importlib.util
import os
from typing import Any

import pytest

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

# modules that import a framework are looked at where it is installed
collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["nnref/oracle/targets/torch*.py"]


@pytest.fixture(autouse=True)
def _numpy_in_doctests(doctest_namespace: dict[str, Any]) -> None:
    doctest_namespace["np"] = np
