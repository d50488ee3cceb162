"""The target with a given name: built in, a module, an object in a module, or a file."""

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
from .trace import frames_of

__all__ = ["BUILT_IN", "FRAMEWORKS", "installed_frameworks", "name_of", "refuse_target", "resolve"]

FRAMEWORKS = ("torch",)
BUILT_IN = (*FRAMEWORKS, "nnref", "definition")


def installed_frameworks() -> list[str]:
    """The names in `FRAMEWORKS` that can be imported. None of them is imported."""
    return [name for name in FRAMEWORKS if importlib.util.find_spec(name) is not None]


def name_of(target: Any) -> str:
    """The name of a target in a report: the given name, or the name of the module or class."""
    if isinstance(target, str):
        return target
    name = getattr(target, "__name__", None)
    return name if isinstance(name, str) else type(target).__name__


def resolve(name: str) -> Any:
    """Load the target of that name: built in, ``package.module``, ``module:object`` or ``path/to/file.py``.

    A file can import the modules beside it, as with ``python path/to/file.py``.

    Raises
    ------
    OptionError : the target cannot be loaded; the message says why, and what to do.

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
    except BaseException as error:  # the import of a target may fail in any way
        refuse_target(name, f"{type(error).__name__}: {brief(error)}{_place(error)}{_advice(name, error)}")


def refuse_target(name: str, why: str) -> NoReturn:
    """Refuse the name of a target that cannot be loaded."""
    what = f"{', '.join(BUILT_IN)}, package.module, module:object or path/to/file.py"
    if name.endswith(".py"):
        what = "a file that Python can load" if Path(name).is_file() else "a file that exists"
    refuse(OptionError, "resolve", "target", what, f"{name!r} ({why})")


def _place(error: BaseException) -> str:
    """The line of the target at which its import failed, if there is one."""
    frames = () if isinstance(error, SyntaxError) else frames_of(error)
    own = [frame for frame in frames if not frame.file.startswith(("<", sys.base_prefix))]
    return f" ({Path(own[-1].file).name}, line {own[-1].line})" if own else ""


def _advice(name: str, error: BaseException) -> str:
    """What to do about an error, as the end of a sentence."""
    if Path(name).is_file() and not name.endswith(".py"):
        return "; a file must have a name that ends in .py"
    module = name.partition(":")[0]
    if not isinstance(error, ModuleNotFoundError) or not f"{module}.".startswith(f"{error.name}."):
        return ""
    if name in FRAMEWORKS:
        return f"; to install it, type: python -m pip install -e '.[{name}]'"
    return f"; to load a file, type its path, such as path/to/{module.rpartition('.')[2]}.py"


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
