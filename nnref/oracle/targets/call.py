"""One call of a target, whatever it does: an answer, never an exception."""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import float_state
from ..arrays.fill import Arrays
from ..arrays.layout import laid_out, layout_of
from ..cases.case import Case
from ..text import brief
from ..verdict.judge import NOT_COMPUTED, Finding

__all__ = ["Answer", "TargetDied", "Unsupported", "call", "results_of"]

TWISTER = 625 * 4  # bytes of an MT19937: its key and position


class Unsupported(Exception):
    """Raised by a target to say that it does not support a case; the argument says why."""


class TargetDied(Exception):
    """Raised by a target in another process, when that ended or stands still; `kind` is that of the finding."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


@dataclass(frozen=True)
class Answer:
    """Outputs, or what was wrong with the call, or why the target does not support it."""

    outputs: tuple[Any, ...] = ()
    finding: Finding | None = None
    unsupported: str | None = None


def call(function: Callable[..., Any], case: Case, arrays: Arrays, options: dict[str, Any]) -> Answer:
    """Call the target on fresh copies of the arrays in the case's memory layout, and look at what it left behind."""
    given = [None if a is None else laid_out(a, layout_of(case, name)) for name, a in arrays.items()]
    told = {name: value.copy() if isinstance(value, np.ndarray) else value for name, value in options.items()}
    environment, changed = float_state.save(), ""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            before = _global_state()
            try:
                result = results_of(function, case, given, told)
            finally:
                after = _global_state()
                changed = next((what for what, was in before.items() if after[what] != was), "")
        outputs = result if isinstance(result, tuple) else (result,)
    except Unsupported as reason:
        return Answer(unsupported=brief(reason) or "no reason given")
    except TargetDied as death:
        return Answer(finding=Finding(death.kind, str(death)))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit and worse: a target must not end the oracle
        return Answer(finding=Finding("exception", f"{case.function} raised {type(error).__name__}: {brief(error)}"))
    finally:
        if changed:
            float_state.restore(environment)
    if changed:
        return Answer(finding=Finding("global state", f"{case.function} changed {changed}"))
    return Answer(outputs, _side_effect(case, {**arrays, **options}, [*given, *told.values()], outputs))


def _global_state() -> dict[str, Any]:
    """What a kernel has no business to change."""
    return {
        "np.seterr": np.geterr(),
        "NumPy's global random state": _random_state(),
        **float_state.observed(),
    }


def _random_state() -> Any:
    """Read from memory, as `numpy.random.BitGenerator.ctypes` offers it, for that is fifty times faster."""
    generator: Any = np.random.get_bit_generator()  # type: ignore[attr-defined]
    if isinstance(generator, np.random.MT19937):
        return ctypes.string_at(generator.ctypes.state_address, TWISTER)
    return repr(generator.state)


def results_of(function: Callable[..., Any], case: Case, given: Sequence[Any], options: dict[str, Any]) -> Any:
    """A function's result as an array, or its results as a tuple of them; a program of its own is told the case."""
    told = getattr(function, "takes_case", False)
    if told:
        result = function(case, given, options)
    else:
        by_position, by_keyword = case.operation.arguments(case.shapes, given, options)
        result = function(*by_position, **by_keyword)
    if case.direction == "forward" and not case.op.startswith("fold_"):
        return _array("the result", result)
    if not isinstance(result, tuple | list):
        raise TypeError(f"expected a tuple, got {type(result).__name__}")
    return tuple(_array(f"result {i}", part) for i, part in enumerate(result))


def _array(what: str, value: Any) -> Any:
    """NumPy's view of whatever a target returns; None and NOT_COMPUTED are left to the judge."""
    if value is None or value is NOT_COMPUTED:
        return value
    speaks_dlpack = hasattr(value, "__dlpack__") and not isinstance(value, np.ndarray)
    array = np.from_dlpack(value) if speaks_dlpack else np.asarray(value)
    if array.dtype.hasobject or array.dtype.kind in "SUMm":
        raise TypeError(f"{what} is no array of numbers but {type(value).__name__} of dtype {array.dtype}")
    return array


def _side_effect(
    case: Case, originals: Mapping[str, Any], given: Sequence[Any], outputs: tuple[Any, ...]
) -> Finding | None:
    for (name, original), array in zip(originals.items(), given, strict=True):
        if not isinstance(original, np.ndarray):
            continue
        if original.shape != array.shape or original.tobytes() != array.tobytes():
            return Finding("input modified", f"{case.function} wrote into its input {name}")
        for output in outputs:
            if isinstance(output, np.ndarray) and np.may_share_memory(output, array) and output.size:
                return Finding("aliasing", f"{case.function} returned memory of its input {name}")
    return None
