"""How a script imports a function of a target: from the file, module or object that was checked."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from .adapt import Adapted
from .resolve import BUILT_IN

__all__ = ["import_lines"]

COMMENT = "  # the function under test"


def import_lines(target: Any, found: Any, attribute: str, name: str) -> list[str]:
    """Lines of Python that bind `name` to the target's function; of a package that is not known, if need be.

    Parameters
    ----------
    target : a name, as `resolve` takes it, or the object itself
    found : what the name resolves to
    attribute : name of the function in the target
    name : name of the function in the script; an adapted kernel has its own
    """
    function = found.get(attribute) if isinstance(found, dict) else getattr(found, attribute, None)
    kernel = ".function" if isinstance(function, Adapted) else ""
    item = f"[{attribute!r}]" if isinstance(found, dict) else f".{attribute}"
    if isinstance(target, str) and target.endswith(".py") and target not in BUILT_IN:
        return [*_from_file(found), f"{name} = module.{attribute}{kernel}{COMMENT}"]
    if isinstance(target, str) and ":" in target:
        module, _, path = target.partition(":")
        return [f"from {module} import {path.partition('.')[0]}", f"{name} = {path}{item}{kernel}{COMMENT}"]
    package = found.__name__ if isinstance(found, ModuleType) else "your_package"
    if kernel and package != "your_package":
        return [f"from {package} import {attribute}", f"{name} = {attribute}{kernel}{COMMENT}"]
    return [f"from {package} import {name if package == 'your_package' else attribute}{COMMENT}"]


def _from_file(module: Any) -> list[str]:
    """Lines that load a file by its path; it finds the modules beside it."""
    path = Path(module.__file__).absolute()
    return [
        "import importlib.util, sys",
        f"sys.path.insert(0, {str(path.parent)!r})",
        f"spec = importlib.util.spec_from_file_location({path.stem!r}, {str(path)!r})",
        "module = importlib.util.module_from_spec(spec)",
        f"sys.modules.setdefault({path.stem!r}, module)",
        "spec.loader.exec_module(module)",
    ]
