"""A target that is a program of its own, in any language that can read a line and a file.

It is started once and asked many times: a line names a directory with a case, the program writes its results there and
answers with a line. What else it may do, crash, hang or talk nonsense, becomes a finding at that case, and the next one
gets a new program. docs/process-target.md has the protocol, examples/c_target a program in C.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, NoReturn, cast

from ...errors import OptionError, refuse
from ...numeric import Array
from ..call import TargetDied, Unsupported
from ..case import Case
from ..declaration import Declaration
from ..judge import NOT_COMPUTED, output_names
from ..npy import read_array
from ..operations import OPERATIONS
from ..vectors import result_shapes, write_request

__all__ = ["ProcessTarget", "ProgramError", "ProtocolError", "process_target"]

LONGEST_ANSWER = 4096  # bytes
CHUNK = 1 << 16
PATIENCE = 2.0  # seconds, at least, once a program has stood still; or as many times its slowest answer as
TIMES_SLOWEST = 100
FUNCTIONS = {f"{op.name}{'_backward' * (way == 'backward')}" for op in OPERATIONS.values() for way in op.directions}


class ProgramError(Exception):
    """The program answered ``error``."""


class ProtocolError(Exception):
    """The program answered what is no answer."""


class ProcessTarget:
    """A target object for a program, from `process_target`; to be closed, or used in a ``with`` statement."""

    def __init__(self, command: Sequence[str], time_limit: float, declares: Declaration | None) -> None:
        self.command, self.time_limit = tuple(command), time_limit
        self.__name__ = f"--command {shlex.quote(shlex.join(command))}"  # as the command line takes it
        self._given, self._hung, self._slowest = declares, False, 0.0
        self._own, self._programs = threading.local(), list[_Program]()  # each thread has a program of its own
        self._close = weakref.finalize(self, _end, self._programs)
        try:
            names, said = _announced(self._program(fresh=True), time_limit)
            self.declares = declares or Declaration(**said)
        except (OSError, TargetDied, ProtocolError, TypeError, OptionError) as error:
            self.close()
            what = "a program that answers the line operations with names of functions"
            refuse(OptionError, "process_target", "command", what, f"{shlex.join(command)!r}: {error}")
        for name in names:
            setattr(self, name, _Function(self, name))

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process it is another program."""
        return process_target, (self.command, self.time_limit, self._given)

    def __enter__(self) -> ProcessTarget:
        """The target itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the program."""
        self.close()

    def close(self) -> None:
        """End the program, of every thread."""
        self._close()

    def run(self, case: Case, arrays: Sequence[Array | None], options: dict[str, Any]) -> Any:
        """The program's results of one case, as a function of nnref returns them."""
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
        """Seconds to wait. The first hang takes the whole time limit, so that shrinking it need not."""
        return min(self.time_limit, max(PATIENCE, TIMES_SLOWEST * self._slowest)) if self._hung else self.time_limit

    def _program(self, fresh: bool = False) -> _Program:
        """The program of this thread, a new one if it is not alive; that has the whole time limit to start."""
        program: _Program | None = getattr(self._own, "program", None)
        if program is None or not program.alive:
            if program in self._programs:
                self._programs.remove(program)
            program = self._own.program = _Program(self.command)
            self._programs.append(program)
            if not fresh:
                program.ask("operations", self.time_limit)
        return program


def process_target(
    command: Sequence[str], time_limit: float = 30.0, declares: Declaration | None = None
) -> ProcessTarget:
    """A target for `check` and `conform` that is a program.

    Parameters
    ----------
    command : the program and its arguments
    time_limit : seconds for one case; a program that takes longer is ended
    declares : what the program states about its arithmetic; None is what it says itself, or the strictest

    Raises
    ------
    OptionError : the program does not start, or does not say which operations it has.
    """
    if isinstance(command, str) or not command:
        refuse(OptionError, "process_target", "command", "a list of the program and its arguments", repr(command))
    return ProcessTarget(command, time_limit, declares)


@dataclass(frozen=True)
class _Function:
    target: ProcessTarget
    name: str
    takes_case: ClassVar[bool] = True

    def __call__(self, case: Case, arrays: Sequence[Array | None], options: dict[str, Any]) -> Any:
        return self.target.run(case, arrays, options)


class _Program:
    """A running program and the lines it exchanges."""

    def __init__(self, command: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self._child = subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
        self._stdin, self._stdout, self._stderr = (
            cast("IO[bytes]", stream) for stream in (self._child.stdin, self._child.stdout, self._child.stderr)
        )
        self._selector, self._said, self._complaint = selectors.DefaultSelector(), b"", b""
        self._directory = tempfile.TemporaryDirectory(prefix="nnref-", ignore_cleanup_errors=True)
        for stream in (self._stdout, self._stderr):
            self._selector.register(stream, selectors.EVENT_READ)

    @property
    def alive(self) -> bool:
        return self._child.poll() is None and not self._stdin.closed

    def empty_directory(self) -> Path:
        """The directory of its requests, emptied of the last one."""
        for path in Path(self._directory.name).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
        return Path(self._directory.name)

    def ask(self, line: str, limit: float) -> str:
        """The program's answer to a line, within `limit` seconds."""
        deadline = time.monotonic() + limit
        self._listen(0)
        if self._said:
            self._nonsense(f"wrote unasked {_brief(self._said)}")
        with contextlib.suppress(BrokenPipeError):  # what it died of, reading tells
            self._stdin.write(line.encode() + b"\n")
        while b"\n" not in self._said:
            if len(self._said) > LONGEST_ANSWER:
                self._nonsense(f"answered more than {LONGEST_ANSWER} bytes without an end of line")
            if time.monotonic() > deadline:
                self.kill()
                raise TargetDied("hang", f"no answer within {limit:.3g} s{self._last_words()}")
            if not self._listen(max(0.0, deadline - time.monotonic())):
                raise TargetDied("crash", f"the program died ({self._cause()}){self._last_words()}")
        answer, _, rest = self._said.partition(b"\n")
        self._said = b""
        if rest:
            self._nonsense(f"answered more than one line: {_brief(answer)}, then {_brief(rest)}")
        return answer.decode(errors="replace").strip()

    def _listen(self, seconds: float) -> bool:
        """Wait for output and take it in; False at the end of standard output."""
        for key, _ in self._selector.select(seconds):
            chunk = os.read(key.fd, CHUNK)
            if key.fileobj is self._stdout:
                self._said += chunk
                if not chunk:
                    return False
            else:
                self._complaint = (self._complaint + chunk)[-LONGEST_ANSWER:]
                if not chunk:
                    self._selector.unregister(self._stderr)
        return True

    def _nonsense(self, what: str) -> NoReturn:
        self.kill()
        raise ProtocolError(f"the program {what}")

    def _cause(self) -> str:
        """What ended the program; takes in what is left of its complaint."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=1)
        code = self._child.poll()
        with contextlib.suppress(OSError, ValueError, KeyError):
            self._selector.unregister(self._stdout)
            while self._selector.get_map() and self._selector.select(0):
                self._listen(0)
        self.kill()
        if code is None:
            return "it closed its standard output"
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name if code < 0 else f"exit status {code}"
        return f"signal {-code}"

    def _last_words(self) -> str:
        text = " ".join(self._complaint.decode(errors="replace").split())
        return f"; it said: {text[-200:]}" if text else ""

    def kill(self) -> None:
        """End it, and what it started, at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._selector.close()
        for stream in (self._stdin, self._stdout, self._stderr):
            stream.close()
        self._directory.cleanup()

    def close(self) -> None:
        """Let it end by itself: its input ends, and it may still write its profile or its leaks."""
        if self.alive:
            self._stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(timeout=2)
        self.kill()


def _end(programs: list[_Program]) -> None:
    for program in programs:
        program.close()
    programs.clear()


def _announced(program: _Program, limit: float) -> tuple[list[str], dict[str, str]]:
    """Names of functions, and what it declares: words with a = in them."""
    words = program.ask("operations", limit).split()
    names = [word for word in words if "=" not in word]
    if not names or set(names) - FUNCTIONS:
        raise ProtocolError(f"it answered {' '.join(words)!r}; known are {', '.join(sorted(FUNCTIONS))}")
    return names, dict(word.split("=", 1) for word in words if "=" in word)


def _results(answer: str, case: Case, directory: Path) -> Any:
    word, _, rest = answer.partition(" ")
    if word == "unsupported":
        raise Unsupported(rest)
    if word == "error":
        raise ProgramError(rest or "without a message")
    owed = result_shapes(case)
    _, *missing = rest.split() or [""]
    if word != "ok" or (rest and not rest.startswith("without ")) or not set(missing) < set(owed):
        raise ProtocolError(f"the program answered {_brief(answer.encode())}, not ok, unsupported or error")
    found: dict[str, Any] = {n: read_array(directory / f"result_{n}.npy", case.dtype) for n in owed if n not in missing}
    found |= dict.fromkeys(missing, NOT_COMPUTED)
    results = tuple(found.get(name) for name in output_names(case))
    return results[0] if output_names(case) == ("y",) else results


def _brief(said: bytes) -> str:
    text = said.decode(errors="replace")
    return repr(text if len(text) <= 80 else text[:77] + "...")
