"""Which parameter of a kernel gets which array or option, and in which form: read from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import OptionError, is_int, refuse
from ..findings import Unsupported

__all__ = ["FORMS", "Names", "Slot", "canonical", "in_form", "parameters_of", "slots_of"]

Parameter = inspect.Parameter
BY_POSITION = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
ANY_NUMBER = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
FORMS = ("int", "pair", "pairs")


@dataclass(frozen=True)
class Slot:
    """A place in a call: what nnref calls its value, the keyword or "" by position, and the form of an option."""

    source: str
    keyword: str
    form: str = "pairs"


@dataclass(frozen=True)
class Names:
    """What there is to pass: arrays in order, those of them that may be absent, options; and other names for them."""

    arrays: tuple[str, ...]
    optional: tuple[str, ...]
    options: tuple[str, ...]
    rename: Mapping[str, str]

    @property
    def wanted(self) -> dict[str, str]:
        """Name of a parameter -> what it gets."""
        return {self.rename.get(name, name): name for name in (*self.arrays, *self.options)}


def parameters_of(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters of a kernel.

    Raises
    ------
    OptionError : Python cannot read its signature.
    """
    try:
        return tuple(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        what = "a callable with a signature that Python can read, such as a lambda around it"
        refuse(OptionError, "adapt", "function", what, repr(function))


def slots_of(kernel: str, parameters: Sequence[Parameter], names: Names) -> tuple[Slot, ...]:
    """The places of a call, in order. What has no place is something that the kernel does not take.

    Raises
    ------
    OptionError : a parameter without a default gets no value, or an array has no place.
    """
    wanted = names.wanted
    sources = {p.name: wanted[p.name] for p in parameters if p.name in wanted and p.kind not in ANY_NUMBER}
    kinds = {p.kind for p in parameters}
    rest = [name for name in names.arrays if name not in sources.values() and name not in names.rename]
    free = [p for p in parameters if p.name not in sources and _may_be_an_array(p)]
    if len(rest) > len(free) and Parameter.VAR_POSITIONAL not in kinds:
        rest = [name for name in rest if name not in names.optional]
    pairs = zip(free, rest, strict=False)
    sources |= {p.name: name for p, name in pairs if name not in names.optional or _may_be_absent(p, name)}
    further = rest[len(free) :]
    if further and Parameter.VAR_POSITIONAL not in kinds:
        what = f"parameters for the arrays {', '.join(names.arrays)}"
        refuse(OptionError, "adapt", f"the signature of {kernel}", what, f"none for {', '.join(further)}")
    for p in parameters:
        if p.name not in sources and p.default is Parameter.empty and p.kind not in ANY_NUMBER:
            what = f"one of {', '.join((*names.arrays, *names.options))}, or have a default, or be named by rename="
            refuse(OptionError, "adapt", f"the parameter {p.name} of {kernel}", what, "another name")
    return tuple(_in_order(parameters, sources, further, names))


def _may_be_an_array(parameter: Parameter) -> bool:
    return parameter.kind in BY_POSITION and (parameter.default is Parameter.empty or parameter.default is None)


def _may_be_absent(parameter: Parameter, name: str) -> bool:
    """Whether a parameter is for an array that a kernel may lack, such as b for the bias, and not for an option."""
    return parameter.default is None or parameter.name.lower().startswith(name[0])


def _in_order(
    parameters: Sequence[Parameter], sources: Mapping[str, str], further: Sequence[str], names: Names
) -> Iterator[Slot]:
    by_position = True  # arrays, as long as nothing before them is left out
    for p in parameters:
        if p.kind is Parameter.VAR_POSITIONAL:
            yield from (Slot(name, "") for name in further)
        elif p.kind is Parameter.VAR_KEYWORD:
            rest = {key: name for key, name in names.wanted.items() if name not in {*sources.values(), *further}}
            yield from (Slot(name, key) for key, name in rest.items() if name in (*names.options, *names.rename))
        elif p.name in sources:
            source = sources[p.name]
            by_position &= p.kind in BY_POSITION and source in names.arrays
            yield Slot(source, "" if by_position or p.kind is Parameter.POSITIONAL_ONLY else p.name, _form_of(p))
        else:
            by_position = False


def _form_of(parameter: Parameter) -> str:
    """The form of an option that an annotation or a default suggests."""
    default = parameter.default
    if is_int(default) or parameter.annotation in (int, "int"):
        return "int"
    is_pair = isinstance(default, tuple | list) and len(default) == 2 and all(map(is_int, default))
    return "pair" if is_pair else "pairs"


def in_form(option: str, value: Any, form: str) -> Any:
    """An option in canonical form, in a simpler one. A flag, a number or a word stays as it is.

    Raises
    ------
    Unsupported : the value has no such form.

    >>> in_form("padding", ((1, 1), (2, 2)), "pair"), in_form("stride", (2, 2), "int")
    ((1, 2), 2)
    """
    if form == "pairs" or not isinstance(value, tuple):
        return value
    axes = [side if isinstance(side, tuple) else (side,) for side in value]
    if form == "int":
        if len({number for axis in axes for number in axis}) > 1:
            raise Unsupported(f"{option} that is not one number")
        return axes[0][0]
    if any(len(set(axis)) > 1 for axis in axes):
        raise Unsupported(f"{option} that differs between the sides of an axis")
    return tuple(axis[0] for axis in axes)


def canonical(given: Any, like: Any) -> Any:
    """An option as a person writes it, in the form of another value of it.

    >>> canonical(2, (1, 1)), canonical((1, 0), ((0, 0), (0, 0)))
    ((2, 2), ((1, 1), (0, 0)))
    """
    if not isinstance(like, tuple):
        return given
    both = tuple(given) if isinstance(given, tuple | list) else (given,) * len(like)
    return tuple(canonical(each, part) for each, part in zip(both, like, strict=False))
