"""A failing case as a script of its own.

The script fails where the target fails: it makes the arrays in the memory layout of the case, and asserts what was
found wrong, be that a value, a shape, an input written to or a state left behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ...numeric import Array
from ..arrays.fill import arrays_of
from ..arrays.layout import laid_out
from ..cases.case import Case, layout_of
from ..findings import EARLIER, Finding
from ..float_state import ROUNDING, SUBNORMALS, undisturbed
from ..targets.call import Function, Written, case_function
from ..verdict.row import Hint
from .side_by_side import SideBySide

__all__ = ["snippet"]

Imports = Callable[[str], Sequence[str]]

STATES = {  # what a target may leave changed, as Python that shows it
    "np.seterr": "np.geterr()",
    "NumPy's global random state": "np.random.get_state()[2], np.random.get_state()[1][:2].tolist()",
    ROUNDING: 'np.add([1, -1, 1], [2**-25, -(2**-25), -(2**-26)], dtype="float32").tolist()',
    SUBNORMALS: "np.float32(2**-126) / np.float32(2) * np.float32(2)",
}
IN_MEMORY = '''
def in_memory(array, memory, offset, strides):
    """The same values, in an array around them that is NaN."""
    view = np.ndarray(array.shape, array.dtype, memory, offset, strides)
    view[...] = array
    return view
'''


def unknown_package(name: str) -> Sequence[str]:
    """The import of a function of which nothing is known."""
    return [f"from your_package import {name}  # the function under test"]


@undisturbed
def snippet(
    case: Case,
    side: SideBySide,
    finding: Finding | None = None,
    hint: Hint | None = None,
    function: Function | None = None,
    imports: Imports = unknown_package,
) -> str:
    """A script that needs NumPy and the target alone: arrays, the call, and what must hold of its results.

    Asserted is what the finding is about, all values if there is none. Where the target is known to remember earlier
    calls, one comes first. With the `function`, the call of an adapted kernel is the kernel's own. `imports` gives the
    lines that bind the name of the function.
    """
    earlier = [_Call(hint.before, function)] if hint and hint.before else []
    calls = [*earlier, _Call(case, function)]
    said = [str(case)]
    if finding:
        said.append(finding.message)
    if hint:
        said.append(f"it behaves {hint.words}{'' if hint.certain else ', and this script may pass'}")
    lines = [
        *(f"# {line}" for line in said),
        "import numpy as np",
        *(["import ml_dtypes"] if case.dtype == "bfloat16" else []),
        *(["from nnref.oracle.operations.networks import assembled"] if case.operation.assemble else []),
        *imports(calls[-1].written.function),
        *(IN_MEMORY.split("\n") if any(each.moved for each in calls) else [""]),
        *(line for each in earlier for line in (*each.arrays(), each.text(), "", "# and then the call that is wrong")),
        *calls[-1].arrays(),
        *_assertions(calls[-1], side, finding),
    ]
    return "\n".join(lines) + "\n"


class _Call:
    """The call of a case, as source text."""

    def __init__(self, case: Case, function: Function | None) -> None:
        self.case = case
        given, self._options = arrays_of(case)
        self.written: Written = case_function(function or (lambda: None)).written(case, self._options)
        self._given = given | {name: value for name, value in self._options.items() if isinstance(value, np.ndarray)}
        self._values = {
            name: _in_layout(a, layout_of(case, name) if name in given else "contiguous")
            for name, a in self._given.items()
        }
        self.moved = any("in_memory(" in text for text in self._values.values())
        self.results = "got" if case.returns_tuple else "[got]"
        self.inputs = "[a for a in arrays.values() if a is not None]" if case.operation.assemble else self._list()

    def _list(self) -> str:
        return f"[{', '.join(name for name, array in self._given.items() if array is not None)}]"

    def arrays(self) -> Iterator[str]:
        """Lines that make the arrays."""
        if self.case.operation.assemble is None:
            yield from (f"{name} = {text}" for name, text in self._values.items())
        else:  # the arrays are those of an nnref network
            yield from ("arrays = {", *(f"    {name!r}: {text}," for name, text in self._values.items()), "}")
            yield from (f"{name} = {value!r}" for name, value in self._options.items())
        if self.case.layout == "readonly":
            yield from (f"for a in {self.inputs}:", "    a.flags.writeable = False")

    def text(self) -> str:
        """The call itself."""
        if self.case.operation.assemble:
            return f"{self.case.function}(*assembled(arrays, {', '.join(f'{name}={name}' for name in self._options)}))"
        return str(self.written)

    def result(self, name: str) -> str:
        """The result of a name."""
        return "got" if self.results == "[got]" else f"got[{self.written.results.index(name)}]"


def _assertions(call: _Call, side: SideBySide, finding: Finding | None) -> Iterator[str]:
    """The call, and what must hold before and after."""
    kind, got = finding.kind if finding else "value", f"got = {call.text()}"
    subject = finding.subject if finding else ""
    if kind == "global state":
        expressions = [STATES[subject]] if subject in STATES else STATES.values()
        yield from (f"state = lambda: ({', '.join(expressions)})", "before = state()", got)
        yield "assert state() == before, (before, state())"
    elif kind == "input modified":
        yield from (f"given = {call.inputs}", "before = [a.copy() for a in given]", got)
        yield "assert all(a.tobytes() == b.tobytes() for a, b in zip(given, before))"
    elif kind == "aliasing":
        if subject == EARLIER:
            yield from (got, f"given = [a for a in {call.results} if a is not None]", f"{got}  # the same again")
        else:
            yield from (f"given = {call.inputs}", got)
        yield f"returned = [np.asarray(a) for a in {call.results} if a is not None]"
        yield "assert not any(np.may_share_memory(a, b) for a in returned for b in given)"
    else:
        yield got
        if call.written.bare:
            yield "got = got if isinstance(got, (tuple, list)) else (got,)"
        if kind == "value":
            yield from _values(call, side, finding)
        elif kind != "exception":
            yield from _kinds(call, side, finding)


def _kinds(call: _Call, side: SideBySide, finding: Finding | None) -> Iterator[str]:
    """Shape and dtype of the result that is wrong, or of all of them; None for the gradient of an absent bias."""
    dtype = _dtype(call.case.dtype)
    if finding and finding.kind in ("shape", "dtype"):
        yield f"a = np.asarray({call.result(finding.subject)})  # {finding.subject}"
        yield f"assert (a.shape, a.dtype) == ({side.expected[finding.subject].shape}, {dtype}), (a.shape, a.dtype)"
        return
    kinds = [
        f"({e.shape}, {dtype})" if (e := side.expected.get(n)) is not None else "None" for n in call.written.results
    ]
    if call.results == "got":
        yield "assert isinstance(got, (tuple, list)), type(got)"
    yield f"kinds = [None if a is None else (np.shape(a), np.asarray(a).dtype) for a in {call.results}]"
    yield f"assert kinds == [{', '.join(kinds)}], kinds"


def _values(call: _Call, side: SideBySide, finding: Finding | None) -> Iterator[str]:
    """The values of the result that is wrong, or of all of them."""
    for name in [finding.subject] if finding else side.expected:
        expected, bound = side.expected[name], side.bound[name]
        if finding and np.isnan(bound[finding.index]):  # there several answers are right, and this is none of them
            expected, bound = _set(expected, finding.index, finding.expected), _set(bound, finding.index, finding.bound)
        within = "" if (bound == 0).all() else ", 'within', bound"
        yield f"expected = {_literal(expected)}  # {name}"
        if within:
            yield f"bound = {_literal(bound)}" + ("  # NaN: no verdict" if np.isnan(bound).any() else "")
        yield f"value = np.asarray({call.result(name)}).astype(np.float64)"
        yield f"print({name!r}, value, 'expected', expected{within})"
        right = "abs(value - expected) <= bound" if within else "value == expected"
        if not np.isfinite(expected).all() or np.isnan(bound).any():
            yield 'with np.errstate(invalid="ignore"):'
            yield f"    right = ({right}) | (value == expected) | np.isnan(value) & np.isnan(expected)"
            right = "right | np.isnan(bound)" if within else "right"
        yield f"assert value.shape == expected.shape and ({right}).all()"


def _set(array: Array, index: tuple[int, ...], value: float | None) -> Array:
    changed = array.copy()
    changed[index] = value
    return changed


def _in_layout(array: Array | None, layout: str) -> str:
    """Source text of an array at its place in memory."""
    if array is None or not array.size:
        return _literal(array)
    view = laid_out(array, layout)
    memory = view
    while isinstance(memory.base, np.ndarray):
        memory = memory.base
    if view.strides == array.strides and view.flags.aligned and memory.nbytes == view.nbytes:
        return _literal(array)
    around = f"np.full({memory.shape}, np.nan, {_dtype(memory.dtype.name)})"
    if memory.dtype.kind != "f":  # bytes, or bfloat16, which is no buffer
        around = f"np.full({memory.nbytes}, 255, np.uint8)"
    return f"in_memory({_literal(array)}, {around}, {view.ctypes.data - memory.ctypes.data}, {view.strides})"


def _literal(value: Any) -> str:
    """Source text that evaluates to the value, exactly."""
    if not isinstance(value, np.ndarray):
        return repr(value)
    numbers = repr((value if value.dtype.kind in "iu" else value.astype(np.float64)).tolist())
    numbers = numbers.replace("nan", "np.nan").replace("inf", "np.inf")
    return f"np.array({numbers}, {_dtype(value.dtype.name)})" + (f".reshape({value.shape})" if value.size == 0 else "")


def _dtype(name: str) -> str:
    return "ml_dtypes.bfloat16" if name == "bfloat16" else f"np.{name}"
