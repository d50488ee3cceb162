"""A unit of work of a campaign: one row, in a form that can be sent to another process."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .. import float_state
from ..cases.case import MODES
from ..cases.enumerated import enumerated
from ..expectation.declaration import Declaration
from ..limits import Clock
from ..operations import OPERATIONS
from ..report.script import snippet
from ..report.side_by_side import side_by_side
from ..report.values import values_of
from ..search.known import Known
from ..search.search import search
from ..search.shrink import ENDLESS
from ..targets.call import Function
from ..targets.origin import import_lines
from ..targets.resolve import resolve
from ..targets.versions import versions_of
from ..verdict.deviations import Deviation
from ..verdict.row import Failure, Result, Values, most_frequent

__all__ = [
    "Finished",
    "Key",
    "Loaded",
    "Progress",
    "See",
    "Task",
    "Watch",
    "declaration_of",
    "facts_of",
    "function_of",
    "imports_of",
    "loaded",
    "run_task",
    "target_of",
]

Key = tuple[str, str, str]
Finished = tuple[Key, Result]
Watch = Callable[[Result], None]


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
    clock: Clock = ENDLESS
    named: str = ""  # the name of a target that is given as an object, if it has one

    @property
    def key(self) -> Key:
        """The key of the row."""
        return self.op, self.direction, self.dtype

    def timed(self, clock: Clock, rows: int, workers: int = 1) -> Task:
        """The task with its share of the time, as the first of so many rows that are left."""
        return replace(self, clock=clock.for_row(rows, workers)) if clock.runs_out else self

    def lost(self, why: str) -> Result:
        """The row as a result, if it cannot be completed."""
        return Result(self.op, self.direction, self.dtype, lost=why)

    def not_run(self) -> Result:
        """The row as a result, if no time is left for it."""
        always = enumerated(OPERATIONS[self.op], self.direction, self.dtype, self.modes)
        asked = sum(1 for _ in always) + self.max_examples
        return Result(self.op, self.direction, self.dtype, asked=asked, left_out=asked)


Progress = Callable[[Task, int, Result | None], None]
See = Callable[[Task, Result], None]


@dataclass(frozen=True)
class Loaded:
    """What is known of a target once it is loaded.

    Attributes
    ----------
    declares : its own declaration, or the strictest
    functions : names of its functions; None if they are not known
    versions : of the libraries that it uses
    """

    declares: Declaration = field(default_factory=Declaration)
    functions: frozenset[str] | None = None
    versions: Mapping[str, str] = field(default_factory=dict)

    def has(self, task: Task) -> bool:
        """Whether the target has, or may have, the function of a task."""
        return self.functions is None or _name_of(task.op, task.direction) in self.functions


loaded = functools.cache(resolve)


def facts_of(target: Any) -> Loaded:
    """What is known of a target, given by name or as an object."""
    found = loaded(target) if isinstance(target, str) else target
    rows = ((op, direction) for op, row in OPERATIONS.items() for direction in row.directions)
    functions = frozenset(_name_of(*row) for row in rows if function_of(found, *row) is not None)
    return Loaded(declaration_of(found, None), functions, versions_of(found))


def _name_of(op: str, direction: str) -> str:
    return op if direction == "forward" else f"{op}_backward"


def target_of(task: Task) -> Any:
    """The target of the task. A target that is given by name is loaded once per process."""
    return loaded(task.target) if isinstance(task.target, str) else task.target


def function_of(target: Any, op: str, direction: str) -> Function | None:
    """The function of the target; None if it has none."""
    name = _name_of(op, direction)
    function = target.get(name) if isinstance(target, dict) else getattr(target, name, None)
    return function if callable(function) else None


def imports_of(task: Task) -> Callable[[str], Sequence[str]]:
    """How a script imports the function of a task, by the name that it has there."""
    return lambda name: import_lines(
        task.named or task.target, target_of(task), _name_of(task.op, task.direction), name
    )


def declaration_of(target: Any, given: Declaration | None) -> Declaration:
    """The given declaration, or else the target's own, or else the strictest."""
    own = target.get("declares") if isinstance(target, dict) else getattr(target, "declares", None)
    return given or (own if isinstance(own, Declaration) else Declaration())


def run_task(
    task: Task,
    advance: Callable[[int], None] = lambda cases: None,
    logged: Callable[[Function], Function] = lambda function: function,
    watch: Watch = lambda result: None,
) -> Result:
    """Run a task in this process. Tasks run one at a time, so that a change of global state has a known cause.

    `advance` is called after every case. `logged` may wrap the target's function. `watch` sees the unfinished row, as
    `search` says.
    """
    with _turn:
        return _run(task, advance, logged, watch)


_turn = threading.Lock()


def _run(task: Task, advance: Callable[[int], None], logged: Callable[[Function], Function], watch: Watch) -> Result:
    target = target_of(task)
    function = function_of(target, task.op, task.direction)
    if function is None:
        return Result(task.op, task.direction, task.dtype, implemented=False)
    function = logged(function)
    declares = declaration_of(target, task.declares)
    shown: dict[str, tuple[str, Values]] = {}

    def with_script(failure: Failure) -> Failure:
        if failure.descriptor not in shown:
            side = side_by_side(failure.case, function, declares)
            script = snippet(failure.case, side, failure.finding, failure.hint, function, imports_of(task))
            shown[failure.descriptor] = script, values_of(failure.case, side, failure.finding)
        script, values = shown[failure.descriptor]
        return replace(failure, snippet=script, values=values)

    def with_scripts(result: Result) -> Result:
        return replace(result, failures=[with_script(failure) for failure in result.failures])

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
        clock=task.clock,
        watch=lambda row: watch(with_scripts(row)),
    )
    result = with_scripts(result)
    result.unsupported = most_frequent(result.unsupported)
    result.notes.update(f"{what} is not the default: a loaded library has set it" for what in float_state.disturbed())
    if task.declares is None and (said := declares.said()):
        result.notes.add("the target declares " + ", ".join(f"{name}={value}" for name, value in said.items()))
    return result
