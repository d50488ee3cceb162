"""`adapt`: a kernel with fewer options, or with other names for them, as a function of a target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from ...errors import OptionError, refuse
from ..cases.case import Case
from ..findings import Unsupported
from ..operations import OPERATIONS
from .call import CaseFunction, Variable, Written, plain_results
from .signature import FORMS, Names, Parameter, Slot, canonical, in_form, parameters_of, slots_of

__all__ = ["Adapted", "adapt"]


def adapt(
    function: Callable[..., Any],
    *,
    rename: Mapping[str, str] | None = None,
    forms: Mapping[str, str] | None = None,
    fixed: Mapping[str, Any] | None = None,
) -> Adapted:
    """A function of a target, made of a kernel that has fewer options than nnref's.

    The signature of the kernel says what it takes. An option that it takes is passed. Of the others, one at its neutral
    value is left out: stride 1 (of a pool: the kernel size), padding 0, dilation 1, one group, ceil_mode False,
    count_include_pad True, eps 1e-5, reduction "mean". With another value the case is `Unsupported`, as is a bias for a
    kernel that takes none.

    Arrays go to parameters of their name. The others go, in order, to the other positional parameters without a default
    or with None; a bias only to one whose name begins with b or whose default is None. An option whose default or
    annotation is an int is passed as an int, and a padding whose default is a pair as a pair. Where the value has no
    such form, the case is `Unsupported`.

    Parameters
    ----------
    function : the kernel, a callable with a signature that Python can read
    rename : name of an option or array in nnref -> name of the kernel's parameter
    forms : option -> "int", one number for all sides; "pair", (vertical, horizontal); or "pairs", of a padding
        ((top, bottom), (left, right)). They stand in place of what the signature suggests
    fixed : option -> the value that is built into the kernel, in place of the neutral one

    Returns
    -------
    a function for `check`, and for a target's attributes. The backward of a kernel without bias returns no gradient
    of it. One that returns a single gradient may return it without a tuple.

    Raises
    ------
    OptionError : a name is unknown to nnref or to the kernel, or the signature cannot be read; and, where the operation
        is known, a parameter of the kernel would get no value.

    >>> from nnref import oracle
    >>> def my_linear(inputs, matrix):  # no bias
    ...     return inputs @ matrix.T
    >>> (result,) = oracle.check("linear", oracle.adapt(my_linear), max_examples=20)
    >>> result.status, list(result.unsupported)
    ('partly', ['my_linear takes no bias'])
    """
    if not callable(function):
        refuse(OptionError, "adapt", "function", "a callable", type(function).__name__)
    parameters = parameters_of(function)
    adapted = Adapted(function, parameters, rename or {}, forms or {}, fixed or {})
    _expect_known(adapted)
    return adapted


def _expect_known(adapted: Adapted) -> None:
    arrays, options = _all_names()
    given: dict[str, tuple[Mapping[str, Any], tuple[str, ...]]] = {
        "rename": (adapted.rename, arrays + options),
        "forms": (adapted.forms, options),
        "fixed": (adapted.fixed, options),
    }
    for what, (names, known) in given.items():
        if unknown := [name for name in names if name not in known]:
            refuse(OptionError, "adapt", what, f"of {', '.join(known)}", repr(unknown[0]))
    for name, form in adapted.forms.items():
        if form not in FORMS:
            refuse(OptionError, "adapt", f"the form of {name}", f"one of {', '.join(FORMS)}", repr(form))
    own = [p.name for p in adapted.parameters]
    takes_any = any(p.kind is Parameter.VAR_KEYWORD for p in adapted.parameters)
    for name, parameter in adapted.rename.items():
        if parameter not in own and not takes_any:
            what = f"one of the parameters {', '.join(own)}"
            refuse(OptionError, "adapt", f"the name of {name}", what, repr(parameter))


@cache
def _all_names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The arrays and the options of all operations but networks."""
    rows = [row for row in OPERATIONS.values() if row.assemble is None]
    arrays = {name: None for row in rows for name in ("dy", *row.shapes(dict(row.least)))}
    options = {name: None for row in rows for name in row.option_names}
    return tuple(arrays), tuple(options)


@dataclass(frozen=True, eq=False)
class Adapted(CaseFunction):
    """A kernel with the parameters of its signature, and what `adapt` was told about it."""

    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    rename: Mapping[str, str]
    forms: Mapping[str, str]
    fixed: Mapping[str, Any]
    _known: dict[tuple[str, str], tuple[Slot, ...]] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The name of the kernel."""
        return str(getattr(self.function, "__name__", type(self.function).__name__))

    def of_case(self, case: Case, arrays: Sequence[Any], options: dict[str, Any]) -> tuple[Any, ...]:
        """The results of the kernel; None for the gradient of a bias that it does not take."""
        if case.operation.assemble is not None:
            by_position, by_keyword = case.operation.arguments(case.shapes, arrays, options)
            return plain_results(case, self.function(*by_position, **by_keyword))
        given = dict(zip(case.shapes, arrays, strict=True))
        arguments = self._arguments(case, given, options)
        by_position = tuple(value for keyword, value in arguments if not keyword)
        result = self.function(*by_position, **{keyword: value for keyword, value in arguments if keyword})
        return plain_results(case, self._completed(case, result))

    def _completed(self, case: Case, result: Any) -> Any:
        """Gradients with None for those of arrays that the kernel does not take."""
        names, known = list(case.result_shapes), self._results(case)
        if case.direction == "forward":
            return result
        results = result if isinstance(result, tuple | list) else (result,)
        if len(results) != len(known) or (len(known) > 1 and results is not result):
            return result
        by_name = dict(zip(known, results, strict=True))
        return tuple(by_name.get(name) for name in names)

    def written(self, case: Case, options: dict[str, Any]) -> Written:
        """The call of the kernel itself."""
        if case.operation.assemble is not None:
            return super().written(case, options)
        given = {name: None if shape is None else Variable(name) for name, shape in case.shapes.items()}
        named = {name: Variable(name) if isinstance(value, np.ndarray) else value for name, value in options.items()}
        results = tuple(self._results(case))
        bare = case.direction == "backward" and len(results) == 1
        name = self.name if self.name.isidentifier() else case.function
        return Written(name, tuple(self._arguments(case, given, named)), results, bare)

    def expect_callable(self, op: str, direction: str) -> None:
        """Raise `OptionError` unless the kernel can be called for an operation."""
        if OPERATIONS[op].assemble is None:
            self._slots(op, direction)

    def _slots(self, op: str, direction: str) -> tuple[Slot, ...]:
        if (op, direction) not in self._known:
            operation = OPERATIONS[op]
            shapes = operation.shapes(dict(operation.least))
            arrays = (*(["dy"] if direction == "backward" else []), *shapes)
            optional = tuple(name for name, shape in shapes.items() if shape is None)
            slots = slots_of(self.name, self.parameters, Names(arrays, optional, operation.option_names, self.rename))
            taken = {slot.source for slot in slots}
            if both := taken & self.fixed.keys():
                refuse(OptionError, "adapt", "fixed", f"of options that {self.name} does not take", repr(min(both)))
            needed = [name for name in operation.option_names if name not in operation.neutral(dict(operation.least))]
            for name in needed:
                if name not in taken | self.fixed.keys():
                    what = f"a parameter of {self.name}, be it by rename=, or given in fixed="
                    refuse(OptionError, "adapt", f"{name} of {op}", what, "neither")
            self._known[op, direction] = slots
        return self._known[op, direction]

    def _arguments(self, case: Case, arrays: Mapping[str, Any], options: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """The arguments of the kernel: (keyword or "", value)."""
        slots = self._slots(case.op, case.direction)
        taken = {slot.source for slot in slots}
        for name, array in arrays.items():
            if name not in taken and array is not None:
                raise Unsupported(f"{self.name} takes no {name}")
        built_in = {**case.operation.neutral(case.geometry), **self.fixed}
        for name, value in options.items():
            if name not in taken and value != canonical(built_in[name], value):
                raise Unsupported(f"{self.name} takes no {name}")
        values = {**arrays, **options}
        return [(s.keyword, in_form(s.source, values[s.source], self.forms.get(s.source, s.form))) for s in slots]

    def _results(self, case: Case) -> list[str]:
        """The results of the kernel: gradients of the arrays that it takes."""
        taken = {f"d{slot.source}" for slot in self._slots(case.op, case.direction)}
        return [name for name in case.result_shapes if case.direction == "forward" or name in taken]
