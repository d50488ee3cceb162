"""The target of a name: a built-in one, a module, an object of a module, or a file."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from ...errors import OptionError, refuse
from ..text import brief

__all__ = ["BUILT_IN", "FRAMEWORKS", "installed_frameworks", "name_of", "refuse_target", "resolve"]

FRAMEWORKS = ("torch",)
BUILT_IN = (*FRAMEWORKS, "nnref", "definition")


def installed_frameworks() -> list[str]:
    """Those of `FRAMEWORKS` that can be imported here; none is imported."""
    return [name for name in FRAMEWORKS if importlib.util.find_spec(name) is not None]


def name_of(target: Any) -> str:
    """What a report calls a target: the name that was given, or that of the module or class."""
    if isinstance(target, str):
        return target
    name = getattr(target, "__name__", None)
    return name if isinstance(name, str) else type(target).__name__


def resolve(name: str) -> Any:
    """The target of a name: built in, ``package.module``, ``module:object`` or ``path/to/file.py``.

    A file finds the modules beside it, as in ``python path/to/file.py``.

    Raises
    ------
    OptionError : nothing of that name can be loaded; the message says why.

    >>> resolve("definition").__name__
    'nnref.oracle.targets.definition'
    """
    try:
        if name in BUILT_IN:
            return importlib.import_module(f"{__package__}.{name}")
        if name.endswith(".py"):
            return _from_file(Path(name))
        _search_in(Path.cwd())
        return pkgutil.resolve_name(name if ":" in name else f"{name}:")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a target's own import may fail in any way
        refuse_target(name, f"{type(error).__name__}: {brief(error)}")


def refuse_target(name: str, why: str) -> NoReturn:
    """Refuse a name under which nothing can be loaded."""
    what = f"{', '.join(BUILT_IN)}, package.module, module:object or path/to/file.py"
    refuse(OptionError, "resolve", "target", what, f"{name!r} ({why})")


def _search_in(directory: Path) -> None:
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(str(path))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)
    _search_in(path.resolve().parent)
    spec.loader.exec_module(module)
    return module
