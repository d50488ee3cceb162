"""What the oracle needs beside NumPy is asked for by the name of the extra that installs it."""

from __future__ import annotations

import importlib.util

__all__: list[str] = []

NEEDED = ("hypothesis", "jinja2")

for name in NEEDED:
    if importlib.util.find_spec(name) is None:
        advice = "python -m pip install -e '.[oracle]'"
        raise ModuleNotFoundError(f"nnref.oracle needs {name}. To install it, type: {advice}", name=name)
