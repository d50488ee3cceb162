"""A unit of work of a campaign: one row, in a form that can be sent to another process."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .. import float_state
from ..cases.case import MODES
from ..expectation.declaration import Declaration
from ..report.script import snippet
from ..report.side_by_side import side_by_side
from ..search.known import Known
from ..search.search import search
from ..targets.call import Function
from ..targets.resolve import resolve
from ..verdict.deviations import Deviation
from ..verdict.row import Failure, Result, most_frequent

__all__ = ["Task", "declaration_of", "function_of", "loaded", "run_task", "target_of"]


@dataclass(frozen=True)
class Task:
    """What to search, where, and how hard.

    `target` is a name, as `resolve` takes it, or the object itself. An object must be picklable to be sent to another
    process.
    """

    target: Any
    op: str
    direction: str
    dtype: str
    max_examples: int = 200
    seed: int = 0
    modes: tuple[str, ...] = MODES
    declares: Declaration | None = None
    deviations: tuple[Deviation, ...] = ()
    avoid: tuple[Known, ...] = ()  # what is known to end the target's process

    @property
    def key(self) -> tuple[str, str, str]:
        """The key of the row."""
        return self.op, self.direction, self.dtype

    def lost(self, why: str) -> Result:
        """The row as a result, if it cannot be completed."""
        return Result(self.op, self.direction, self.dtype, lost=why)


loaded = functools.cache(resolve)


def target_of(task: Task) -> Any:
    """The target of the task. A target that is given by name is loaded once per process."""
    return loaded(task.target) if isinstance(task.target, str) else task.target


def function_of(target: Any, op: str, direction: str) -> Function | None:
    """The function of the target; None if it has none."""
    name = op if direction == "forward" else f"{op}_backward"
    function = target.get(name) if isinstance(target, dict) else getattr(target, name, None)
    return function if callable(function) else None


def declaration_of(target: Any, given: Declaration | None) -> Declaration:
    """The given declaration, or else the target's own, or else the strictest."""
    own = target.get("declares") if isinstance(target, dict) else getattr(target, "declares", None)
    return given or (own if isinstance(own, Declaration) else Declaration())


def run_task(
    task: Task,
    advance: Callable[[int], None] = lambda cases: None,
    logged: Callable[[Function], Function] = lambda function: function,
) -> Result:
    """Run a task in this process. Tasks run one at a time, so that a change of global state has a known cause.

    `advance` is called after every case. `logged` may wrap the target's function.
    """
    with _turn:
        return _run(task, advance, logged)


_turn = threading.Lock()


def _run(task: Task, advance: Callable[[int], None], logged: Callable[[Function], Function]) -> Result:
    target = target_of(task)
    function = function_of(target, task.op, task.direction)
    if function is None:
        return Result(task.op, task.direction, task.dtype, implemented=False)
    function = logged(function)
    declares = declaration_of(target, task.declares)
    result = search(
        function,
        task.op,
        task.direction,
        dtype=task.dtype,
        declares=declares,
        max_examples=task.max_examples,
        seed=task.seed,
        modes=task.modes,
        deviations=task.deviations,
        avoid=task.avoid,
        advance=advance,
    )
    result.failures = [_with_snippet(failure, function, declares) for failure in result.failures]
    result.unsupported = most_frequent(result.unsupported)
    result.notes.update(f"{what} is not the default: a loaded library has set it" for what in float_state.disturbed())
    if task.declares is None and (said := declares.said()):
        result.notes.add("the target declares " + ", ".join(f"{name}={value}" for name, value in said.items()))
    return result


def _with_snippet(failure: Failure, function: Function, declares: Declaration) -> Failure:
    side = side_by_side(failure.case, function, declares)
    return replace(failure, snippet=snippet(failure.case, side, failure.finding, failure.hint, function))
