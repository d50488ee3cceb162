"""One call of a target. Whatever the target does, the result is an answer and not an exception."""

from __future__ import annotations

import ctypes
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import float_state
from ..arrays.fill import Arrays
from ..arrays.layout import laid_out
from ..cases.case import Case, layout_of
from ..findings import NOT_COMPUTED, Finding, TargetDied, Unsupported
from ..text import brief
from .trace import causes_of, frames_of

__all__ = ["Answer", "CaseFunction", "Function", "Variable", "Written", "call", "case_function", "plain_results"]

TWISTER = 625 * 4  # bytes of the state of an MT19937: its key and position


@dataclass(frozen=True)
class Answer:
    """The outputs, or what was wrong with the call, or why the target does not support the case."""

    outputs: tuple[Any, ...] = ()
    finding: Finding | None = None
    unsupported: str | None = None


@dataclass(frozen=True)
class Variable:
    """A variable of a script, which stands for its value."""

    name: str

    def __repr__(self) -> str:
        """The name."""
        return self.name


@dataclass(frozen=True)
class Written:
    """A call as a script writes it.

    Attributes
    ----------
    function : the name of what is called
    arguments : (keyword, or nothing by position; value or `Variable`)
    results : names of the results, in order
    bare : whether a single gradient may come without a tuple
    """

    function: str
    arguments: tuple[tuple[str, Any], ...]
    results: tuple[str, ...]
    bare: bool = False

    def __str__(self) -> str:
        """The call as source text."""
        words = (f"{keyword}={value!r}" if keyword else repr(value) for keyword, value in self.arguments)
        return f"{self.function}({', '.join(words)})"


class CaseFunction(ABC):
    """A target's function as the oracle calls it: it receives the case and returns a tuple of arrays."""

    @abstractmethod
    def of_case(self, case: Case, arrays: Sequence[Any], options: dict[str, Any]) -> tuple[Any, ...]:
        """The results, in order: arrays, None, or NOT_COMPUTED."""

    def written(self, case: Case, options: dict[str, Any]) -> Written:
        """The call of a case in a script, with the arrays and options in variables of their names."""
        arrays = [("", Variable(name)) for name in case.shapes]
        given = [(n, Variable(n) if isinstance(v, np.ndarray) else v) for n, v in options.items()]
        return Written(case.function, (*arrays, *given), tuple(case.result_shapes))

    def __call__(self, case: Case, arrays: Sequence[Any], options: dict[str, Any]) -> tuple[Any, ...]:
        """The same as `of_case`."""
        return self.of_case(case, arrays, options)


class _PlainFunction(CaseFunction):
    """A usual function: arrays by position, options by keyword, a result or a tuple of results."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def of_case(self, case: Case, arrays: Sequence[Any], options: dict[str, Any]) -> tuple[Any, ...]:
        by_position, by_keyword = case.operation.arguments(case.shapes, arrays, options)
        return plain_results(case, self.function(*by_position, **by_keyword))


def plain_results(case: Case, result: Any) -> tuple[Any, ...]:
    """What a usual function has returned, as the results of a `CaseFunction`."""
    if not case.returns_tuple:
        return (_array("y", result),)
    if not isinstance(result, tuple | list):
        names = ", ".join(case.result_shapes)
        what = f"a tuple ({names}{',' * (len(case.result_shapes) == 1)})"
        raise _NoResult(Finding("structure", "", case.function, what, type(result).__name__))
    return tuple(_array(f"result {i}", part) for i, part in enumerate(result))


Function = Callable[..., Any] | CaseFunction


def case_function(function: Function) -> CaseFunction:
    """The function in the form in which the oracle calls it."""
    return function if isinstance(function, CaseFunction) else _PlainFunction(function)


class _NoResult(Exception):
    """A function has returned something that is not a result."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding


def call(function: Function, case: Case, arrays: Arrays, options: dict[str, Any]) -> Answer:
    """Call the target on new copies of the arrays in the memory layout of the case, and check for side effects."""
    given = [None if a is None else laid_out(a, layout_of(case, name)) for name, a in arrays.items()]
    told = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in options.items()}
    environment, changed = float_state.save(), ""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before = _global_state()
            try:
                outputs = case_function(function).of_case(case, given, told)
            finally:
                after = _global_state()
                changed = next((what for what, was in before.items() if after[what] != was), "")
    except Unsupported as reason:
        return Answer(unsupported=brief(reason) or "no reason given")
    except TargetDied as death:
        return Answer(finding=Finding(death.kind, said=str(death)))
    except _NoResult as wrong:
        return Answer(finding=wrong.finding)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit and worse: a target must not end the oracle
        name, said = type(error).__name__, brief(error)
        came = (causes_of(error), frames_of(error))
        found = Finding("exception", name, case.function, said=said, causes=came[0], frames=came[1])
        return Answer(finding=found)
    finally:
        if changed:
            float_state.restore(environment)
    if changed:
        return Answer(finding=Finding("global state", changed, case.function))
    return Answer(outputs, _side_effect(case, {**arrays, **options}, [*given, *told.values()], outputs))


def _global_state() -> dict[str, Any]:
    """The global state that a kernel must not change."""
    return {
        "np.seterr": np.geterr(),
        "NumPy's global random state": _random_state(),
        **float_state.observed(),
    }


def _random_state() -> Any:
    """The state, read from memory through `BitGenerator.ctypes`, which is fifty times faster than `get_state`."""
    generator: Any = np.random.get_bit_generator()  # type: ignore[attr-defined]
    if isinstance(generator, np.random.MT19937):
        return ctypes.string_at(generator.ctypes.state_address, TWISTER)
    return repr(generator.state)


def _array(what: str, value: Any) -> Any:
    """What a target returned, as a NumPy array; the judge handles None and NOT_COMPUTED."""
    if value is None or value is NOT_COMPUTED:
        return value
    speaks_dlpack = hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray)
    try:
        array = np.from_dlpack(value) if speaks_dlpack else np.asarray(value)
    except (TypeError, ValueError) as error:
        found = f"{type(value).__name__} ({type(error).__name__}: {brief(error)})"
        raise _NoResult(Finding("structure", what, wanted="an array of numbers", found=found)) from error
    if array.dtype.hasobject or array.dtype.kind in "SUMm":
        found = f"{type(value).__name__} of dtype {array.dtype}"
        raise _NoResult(Finding("structure", what, wanted="an array of numbers", found=found))
    return array


def _side_effect(
    case: Case, originals: Mapping[str, Any], given: Sequence[Any], outputs: tuple[Any, ...]
) -> Finding | None:
    for (name, original), array in zip(originals.items(), given, strict=True):
        if not isinstance(original, np.ndarray):
            continue
        if original.shape != array.shape or original.tobytes() != array.tobytes():
            return Finding("input modified", name, case.function)
        for output in outputs:
            if isinstance(output, np.ndarray) and np.may_share_memory(output, array) and output.size:
                return Finding("aliasing", f"its input {name}", case.function)
    return None
