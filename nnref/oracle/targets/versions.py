"""The versions of the libraries that a target uses."""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["versions_of"]

OWN = ("nnref", "numpy", *sys.stdlib_module_names)
MOST = 8  # libraries


def versions_of(target: Any) -> dict[str, str]:
    """Library -> version, for the target's own package and for those that its modules have imported.

    Modules of the target are those of its package, or of its directory if it is a file of its own. NumPy and nnref are
    left out, because a report names them anyway.
    """
    found: dict[str, str] = {}
    try:
        for name in dict.fromkeys(root for module in _modules(target) for root in _roots(module)):
            if name not in OWN and (version := _version(name)):
                found[name] = version
    except Exception:  # attributes of a target may be its own code
        return {}
    return dict(sorted(found.items())[:MOST])


def _modules(target: Any) -> Iterator[ModuleType]:
    """The module of the target, and those that lie beside it."""
    name = target.__name__ if isinstance(target, ModuleType) else getattr(target, "__module__", None)
    own = target if isinstance(target, ModuleType) else sys.modules.get(str(name))
    if own is None:
        return
    yield own
    package, file = own.__name__.partition(".")[0], getattr(own, "__file__", None)
    alone = not getattr(own, "__package__", "")
    for name, module in list(sys.modules.items()):
        if not isinstance(module, ModuleType) or module is own or package == "nnref":
            continue
        beside = getattr(module, "__file__", None)
        if alone and file and beside:
            if Path(beside).parent == Path(file).parent:
                yield module
        elif not alone and name.partition(".")[0] == package:
            yield module


def _roots(module: ModuleType) -> Iterator[str]:
    """Top-level names of the module and of what it holds: modules, functions, classes."""
    yield module.__name__.partition(".")[0]
    for value in list(vars(module).values()):
        name = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(name, str):
            yield name.partition(".")[0]


def _version(name: str) -> str | None:
    version = getattr(sys.modules.get(name), "__version__", None)
    if isinstance(version, str):
        return version
    try:
        return importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        return None
