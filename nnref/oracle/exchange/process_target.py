"""A target that is a program, in any language that can read a line and a file.

The program is started once and called many times. Each time, it receives a line with the name of a directory that holds
a case, writes its results there, and answers with a line. If it crashes, hangs or answers anything else, this is a
finding at that case, and the program is started anew for the next case. docs/process-target.md describes the protocol.
examples/c_target is a program in C.
"""

from __future__ import annotations

import shlex
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import OptionError, StateError, refuse
from ...numeric import Array
from ..cases.case import Case
from ..expectation.declaration import Declaration
from ..findings import NOT_COMPUTED, TargetDied, Unsupported
from ..limits import expect_time_limit, patience
from ..operations import OPERATIONS
from ..targets.call import CaseFunction
from .npy import read_array
from .program import Program, ProtocolError, quoted
from .request import write_request

__all__ = ["ProcessTarget", "ProgramError", "process_target"]

FUNCTIONS = {f"{op.name}{'_backward' * (way == 'backward')}" for op in OPERATIONS.values() for way in op.directions}


class ProgramError(Exception):
    """The program has answered ``error``."""


class ProcessTarget:
    """The target that `process_target` returns. Close it, or use it in a ``with`` statement."""

    def __init__(self, command: Sequence[str], time_limit: float, declares: Declaration | None) -> None:
        self.command, self.time_limit = tuple(command), time_limit
        self.__name__ = f"--command={shlex.join(command)}"  # as on the command line
        self._given, self._hung, self._slowest = declares, False, 0.0
        self._own, self._programs = threading.local(), list[Program]()  # a program per thread
        self._close = weakref.finalize(self, _end, self._programs)
        try:
            names, said = _announced(self._program(fresh=True), time_limit)
            self.declares = declares or Declaration(**said)
        except (OSError, TargetDied, ProtocolError, TypeError, OptionError) as error:
            self.close()
            what = "a program that answers the line operations with names of functions (docs/process-target.md)"
            refuse(OptionError, "process_target", "command", what, f"{shlex.join(command)!r}: {error}")
        for name in names:
            setattr(self, name, _Function(self, name))

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process starts a program of its own."""
        return process_target, (self.command, self.time_limit, self._given)

    def __enter__(self) -> ProcessTarget:
        """The target itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the program."""
        self.close()

    def close(self) -> None:
        """End the programs of all threads."""
        self._close()

    def run(self, case: Case, arrays: Sequence[Array | None], options: dict[str, Any]) -> tuple[Any, ...]:
        """The results of the program for one case, in order."""
        if not self._close.alive:
            refuse(StateError, "ProcessTarget", "target", "open", "a closed one")
        program = self._program()
        directory = program.empty_directory()
        write_request(directory, case, arrays, options, self.declares)
        started = time.monotonic()
        try:
            answer = program.ask(str(directory), self._patience())
        except TargetDied as death:
            self._hung |= death.kind == "hang"
            raise
        self._slowest = max(self._slowest, time.monotonic() - started)
        try:
            return _results(answer, case, directory)
        except ProtocolError:
            program.kill()
            raise

    def _patience(self) -> float:
        """Seconds to wait. After the first hang, `patience` is less than the time limit, so that shrinking is fast."""
        return patience(self.time_limit, self._slowest) if self._hung else self.time_limit

    def _program(self, fresh: bool = False) -> Program:
        """The program of this thread. If it has ended, a new one is started, within the whole time limit."""
        program: Program | None = getattr(self._own, "program", None)
        if program is None or not program.alive:
            if program in self._programs:
                self._programs.remove(program)
            program = self._own.program = Program(self.command)
            self._programs.append(program)
            if not fresh:
                program.ask("operations", self.time_limit)
        return program


def process_target(
    command: Sequence[str], time_limit: float = 30.0, declares: Declaration | None = None
) -> ProcessTarget:
    """Make a target for `check` and `conform` from a program.

    Parameters
    ----------
    command : the program and its arguments
    time_limit : seconds per case; a program that takes longer is killed
    declares : what is declared about the program's arithmetic; None is what it declares itself, or the strictest

    Raises
    ------
    OptionError : the program does not start, does not name its functions, or the time limit is invalid.
    """
    expect_time_limit("process_target", "time_limit", time_limit)
    if isinstance(command, str) or not command:
        refuse(OptionError, "process_target", "command", "a list of the program and its arguments", repr(command))
    return ProcessTarget(command, time_limit, declares)


class _Function(CaseFunction):
    """One function of a program."""

    def __init__(self, target: ProcessTarget, name: str) -> None:
        self.target, self.name = target, name

    def of_case(self, case: Case, arrays: Sequence[Array | None], options: dict[str, Any]) -> tuple[Any, ...]:
        """The results of the program, read from its files."""
        return self.target.run(case, arrays, options)


def _end(programs: list[Program]) -> None:
    for program in programs:
        program.close()
    programs.clear()


def _announced(program: Program, limit: float) -> tuple[list[str], dict[str, str]]:
    """The names of the program's functions, and its declarations, which are the words with an equals sign."""
    words = program.ask("operations", limit).split()
    names = [word for word in words if "=" not in word]
    if not names or set(names) - FUNCTIONS:
        raise ProtocolError(f"it answered {' '.join(words)!r}; the known functions are {', '.join(sorted(FUNCTIONS))}")
    return names, dict(word.split("=", 1) for word in words if "=" in word)


def _results(answer: str, case: Case, directory: Path) -> tuple[Any, ...]:
    word, _, rest = answer.partition(" ")
    if word == "unsupported":
        raise Unsupported(rest)
    if word == "error":
        raise ProgramError(rest or "without a message")
    owed = [name for name, shape in case.result_shapes.items() if shape is not None]
    _, *missing = rest.split() or [""]
    if word != "ok" or (rest and not rest.startswith("without ")) or not set(missing) < set(owed):
        raise ProtocolError(f"the program answered {quoted(answer.encode())}, not ok, unsupported or error")
    found: dict[str, Any] = {n: read_array(directory / f"result_{n}.npy", case.dtype) for n in owed if n not in missing}
    found |= dict.fromkeys(missing, NOT_COMPUTED)
    return tuple(found.get(name) for name in case.result_shapes)
