"""Targets: what the oracle can be pointed at.

A target is any object, module or file with functions named like nnref's (`conv2d`, `conv2d_backward`, …; any subset).
Built in are the frameworks, one file each, and two that need no framework: nnref's own float layers, and the
`definition`, the formulas as plain loops. A program of any language is one through `nnref.oracle.process_target`.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from ...errors import OptionError, refuse

__all__ = ["BUILT_IN", "FRAMEWORKS", "installed_frameworks", "resolve"]

FRAMEWORKS = ("torch",)
BUILT_IN = (*FRAMEWORKS, "nnref", "definition")


def installed_frameworks() -> list[str]:
    """Those of `FRAMEWORKS` that can be imported here; none is imported."""
    return [name for name in FRAMEWORKS if importlib.util.find_spec(name) is not None]


def resolve(name: str) -> Any:
    """The target of a name: built in, ``package.module``, ``module:object`` or ``path/to/file.py``.

    Raises
    ------
    OptionError : nothing of that name can be loaded; the message says why.

    >>> resolve("definition").__name__
    'nnref.oracle.targets.definition'
    """
    try:
        if name in BUILT_IN:
            return importlib.import_module(f"{__name__}.{name}")
        if name.endswith(".py"):
            return _from_file(Path(name))
        module, _, attribute = name.partition(":")
        if str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        target: Any = importlib.import_module(module)
        for part in filter(None, attribute.split(".")):
            target = getattr(target, part)
        return target
    except (Exception, SystemExit) as error:  # a target's own import may fail in any way
        what = f"{', '.join(BUILT_IN)}, package.module, module:object or path/to/file.py"
        refuse(OptionError, "resolve", "target", what, f"{name!r} ({type(error).__name__}: {error})")


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(str(path))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    spec.loader.exec_module(module)
    return module
