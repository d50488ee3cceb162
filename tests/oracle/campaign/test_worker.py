"""A child process survives nothing, and the campaign everything: each way to misbehave is a row that says so."""

import gc
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import nnref
from nnref import oracle
from nnref.errors import OptionError
from nnref.oracle.campaign import worker as worker_module
from nnref.oracle.campaign.call_log import CallLog
from nnref.oracle.campaign.task import Task
from nnref.oracle.campaign.worker import Worker
from nnref.oracle.cases.case import MODES
from nnref.oracle.verdict.deviations import Deviation
from nnref.oracle.verdict.judge import Finding

TARGET = """
import ctypes, os, sys, time
import numpy as np
import nnref
from nnref.oracle import Unsupported

relu = nnref.relu
zero_pad2d = nnref.zero_pad2d

def sigmoid(x):  # reads address 0 where there are more than 3 columns
    return ctypes.string_at(0) if x.shape[3] > 3 else nnref.sigmoid(x)

def sigmoid_backward(dy, x):
    return os.abort() if np.isinf(x).any() else nnref.sigmoid_backward(dy, x)

def tanh(x):
    while x.shape[3] > 2:
        time.sleep(0.01)
    return nnref.tanh(x)

def tanh_backward(dy, x):
    os._exit(0)

def flatten(x):  # corrupts the heap, and is right
    memory = np.ones(4096)
    ctypes.memset(memory.ctypes.data - 16, 255, 16)
    return nnref.flatten(x)

def linear(x, weight, bias):
    return np.ones(1 << 44, np.float32)

def linear_backward(dy, x, weight, bias):
    hoard = []
    while True:
        hoard.append(np.empty(1 << 28, np.uint8))

def global_avg_pool2d(x):
    sys.exit(3)

def global_avg_pool2d_backward(dy, x):
    print("loud" * 100_000)
    os.write(1, b"louder" * 100_000)
    sys.stderr.write("loudest" * 100_000)
    assert not sys.stdin.read() and not os.read(0, 1)
    return nnref.global_avg_pool2d_backward(dy, x)

def relu_backward(dy, x):
    if x.shape[3] > 2:
        sys.stderr.write("the end is near")
        sys.stderr.flush()
        os._exit(7)
    return nnref.relu_backward(dy, x)

def normalize2d(x, *parameters):  # no smaller case is so
    return os._exit(5) if x.shape == (1, 1, 1, 7) else nnref.normalize2d(x, *parameters)

def flatten_backward(dy, x):
    np.random.seed(0)
    return nnref.flatten_backward(dy, x)

def zero_pad2d_backward(dy, x, *, padding):
    np.seterr(all="raise")
    return nnref.zero_pad2d_backward(dy, x, padding=padding)
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("target") / "unruly.py"
    path.write_text(TARGET, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def worker():
    with Worker(time_limit=1) as worker:
        yield worker


def run(worker, target, function, modes=("normal",), examples=12, **given):
    op, direction = function.removesuffix("_backward"), "backward" if "_backward" in function else "forward"
    return worker.run(Task(target, op, direction, "float32", examples, modes=modes, **given))


FATAL = [  # function, finding, and what is left of the case
    ("sigmoid", "crash", r"the process of the target died \(SIGSEGV\)", {"N": (1,), "C": (1,), "H": (1,), "W": (4,)}),
    ("tanh", "hang", r"no answer within 1 s", {"W": (3,)}),
    ("tanh_backward", "crash", r"died \(exit status 0\)", {"W": (1,)}),
    ("relu_backward", "crash", r"died \(exit status 7\); it said: the end is near", {"W": (3,)}),
    ("flatten", "crash", r"died \(SIG(ABRT|SEGV)\)", {}),
]


@pytest.mark.parametrize(("function", "kind", "message", "smallest"), FATAL, ids=[row[0] for row in FATAL])
def test_what_ends_or_stops_the_process_is_a_failure_at_its_smallest_case(
    worker, path, function, kind, message, smallest
):
    result = run(worker, path, function)
    (failure,) = result.failures
    assert failure.finding.kind == kind
    assert re.search(message, failure.finding.message)
    assert failure.case.geometry == failure.case.geometry | smallest
    assert result.status == "failed"
    assert not result.lost
    assert run(worker, path, "relu").status == "passed"  # the next row has a child of its own


def test_a_mode_that_kills_leaves_the_others_alone(worker, path):
    result = run(worker, path, "sigmoid_backward", MODES)
    assert [failure.case.mode for failure in result.failures] == ["special"]
    assert "SIGABRT" in result.failures[0].finding.message
    assert result.cases > 100
    assert run(worker, path, "sigmoid_backward", MODES[:-1], examples=10).cases <= result.cases  # two of a mode


MILD = [
    ("global_avg_pool2d", "exception", "global_avg_pool2d raised SystemExit: 3"),
    ("linear", "exception", "linear raised MemoryError"),
    ("linear_backward", "exception", "linear_backward raised MemoryError"),
    ("flatten_backward", "global state", "flatten_backward changed NumPy's global random state"),
    ("zero_pad2d_backward", "global state", "zero_pad2d_backward changed np.seterr"),
]


@pytest.mark.parametrize(("function", "kind", "message"), MILD, ids=[row[0] for row in MILD])
def test_what_the_process_survives_is_a_failure_too(worker, path, function, kind, message):
    (failure,) = run(worker, path, function).failures
    assert failure.finding.kind == kind
    assert failure.finding.message.startswith(message)


def test_a_target_may_print_and_read_as_it_likes(worker, path, capfd):
    assert run(worker, path, "global_avg_pool2d_backward").status == "passed"
    assert capfd.readouterr() == ("", "")


def test_a_known_deviation_that_kills_fails_nothing(worker, path):
    known = Deviation("tanh", "it exits", direction="backward")
    result = run(worker, path, "tanh_backward", ("normal", "special"), deviations=(known,))
    assert result.status == "known deviation"
    assert result.known == {"it exits": [2, 0]}
    assert "normal data were left at a known deviation that ended the process" in result.notes


IMPORTS = {
    "raise ValueError('no licence')": "ValueError: no licence",
    "raise SystemExit('no device')": "SystemExit: no device",
    "import os; os._exit(4)": r"the process of the target died (exit status 4)",
    "import os; os.write(2, b'no driver'); os.abort()": "(SIGABRT); it said: no driver",
}


@pytest.mark.parametrize("source", IMPORTS)
def test_a_target_that_cannot_be_loaded_is_a_lost_row(worker, tmp_path, source):
    (tmp_path / "broken.py").write_text(source, encoding="utf-8")
    result = run(worker, str(tmp_path / "broken.py"), "relu")
    assert result.status == "failed"
    assert IMPORTS[source] in result.lost


def test_a_target_of_a_name_is_loaded_in_the_child(worker, tmp_path, path):
    (tmp_path / "tame.py").write_text("from nnref.oracle import Declaration\ndeclares = Declaration(nan='any')\n")
    assert worker.load(str(tmp_path / "tame.py")).declares == oracle.Declaration(nan="any")
    assert worker.load(path).declares == oracle.Declaration()
    with pytest.raises(OptionError, match=r"^resolve: target must be .*, got 'no_such' .ModuleNotFoundError"):
        worker.load("no_such")


GARBLING = """
import os, nnref
def relu(x):
    for number in range(3, 20):  # one of them is the pipe to the parent
        try:
            os.write(number, WHAT)
        except OSError:
            pass
    return nnref.relu(x)
"""


@pytest.mark.parametrize("what", [b"\xff" * 64, (5).to_bytes(8, "little") + b"junk!", bytes(8) + b"\x01" * 8])
def test_a_target_that_writes_into_the_pipe_is_a_lost_row(worker, tmp_path, path, what, monkeypatch):
    monkeypatch.setattr(worker_module, "START", 5.0)
    (tmp_path / "garbling.py").write_text(GARBLING.replace("WHAT", repr(what)))
    assert run(worker, str(tmp_path / "garbling.py"), "relu").status == "failed"
    assert run(worker, path, "relu").status == "passed"


@pytest.mark.parametrize("limit", [float("nan"), 0, -1, float("inf"), 1e9])
def test_a_time_limit_that_is_none_is_refused(limit):
    for way in (Worker, lambda limit: oracle.process_target(["true"], limit)):
        with pytest.raises(OptionError, match="time_limit must be more than 0 and at most 86400 seconds"):
            way(limit)
    with pytest.raises(OptionError, match="conform: time_limit must be more than 0"):
        oracle.conform("nnref", ["relu"], time_limit=limit)


def test_whatever_is_in_the_search_path(path, monkeypatch):
    monkeypatch.setattr(sys, "path", [Path(path).parent, None, 3, *sys.path])
    with Worker(2) as fresh:
        assert fresh.load("unruly").declares == oracle.Declaration()


FLUSH = """
#include <xmmintrin.h>
void flush(void) { _mm_setcsr(_mm_getcsr() | 0x8040); }
"""


def test_flush_to_zero_is_found_and_undone(tmp_path):
    (tmp_path / "flush.c").write_text(FLUSH, encoding="utf-8")
    library = tmp_path / "flush.so"
    compiled = ["cc", "-shared", "-fPIC", str(tmp_path / "flush.c"), "-o", str(library)]
    try:
        subprocess.run(compiled, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no C compiler for SSE here")
    source = f"""
    import ctypes, nnref
    library = ctypes.CDLL({str(library)!r})
    tanh = nnref.tanh
    def relu(x):
        library.flush()
        return nnref.relu(x)
    def sigmoid(x):
        library.flush()
        raise ValueError
    """
    (tmp_path / "fast.py").write_text(textwrap.dedent(source), encoding="utf-8")
    report = oracle.conform(str(tmp_path / "fast.py"), ["relu", "sigmoid", "tanh"], max_examples=12)  # in this process
    findings = {r.name: {f.finding.kind for f in r.failures} for r in report.results if r.failures}
    assert findings == {"relu.forward": {"global state"}, "sigmoid.forward": {"exception"}}
    assert np.float32(2.0**-126) / np.float32(2) > 0


def test_a_target_that_cannot_be_sent_is_refused():
    with pytest.raises(OptionError, match="conform: target must be a name, or an object"):
        oracle.conform({"relu": lambda x: x}, ["relu"], isolate=True)


def test_an_object_goes_to_the_child():
    report = oracle.conform({"relu": nnref.relu}, ["relu"], max_examples=6, isolate=True)
    assert [result.status for result in report.results] == ["passed", "not implemented"]


def test_nothing_is_left_behind(path):
    """No child, no zombie, no open file; a warning of an unclosed one would be an error."""
    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    worker = Worker(2)
    assert run(worker, path, "normalize2d").status == "failed"
    pid = worker._children[0]._process.pid if worker._children else None
    worker.close()
    worker.close()
    gc.collect()
    assert pid is None or not alive(pid)
    assert not before or len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(RuntimeError, match="the worker is closed"):
        run(worker, path, "relu")


def test_threads_have_workers_of_their_own(path):
    results = {}

    def one(name):
        with Worker(2) as worker:
            results[name] = run(worker, path, name).status

    threads = [threading.Thread(target=one, args=(name,)) for name in ("relu", "normalize2d", "zero_pad2d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {"relu": "passed", "normalize2d": "failed", "zero_pad2d": "passed"}


INTERRUPTED = """
import sys
from nnref.oracle import conform
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as executor:
    conform(sys.argv[1], ["tanh"], executor=executor if sys.argv[2] == "pool" else None, isolate=True, time_limit=600)
"""


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("where", ["here", "pool"])
def test_an_interrupt_ends_the_children(path, where):
    """Of a campaign whose target hangs, and has a time limit of ten minutes."""
    parent = subprocess.Popen([sys.executable, "-c", INTERRUPTED, path, where], stderr=subprocess.PIPE)
    children = wait_for_children(parent.pid)
    time.sleep(2)
    parent.send_signal(signal.SIGINT)
    try:
        _, said = parent.communicate(timeout=20)
    finally:
        parent.kill()
    assert b"KeyboardInterrupt" in said
    assert children
    assert not any(map(alive, children))


def test_a_child_without_a_parent_ends_itself(path):
    """Although it hangs, and nobody is left to end it."""
    script = INTERRUPTED.replace("time_limit=600", "time_limit=2")
    parent = subprocess.Popen([sys.executable, "-c", script, path, "here"], stderr=subprocess.DEVNULL)
    children = wait_for_children(parent.pid)
    time.sleep(1)
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while any(map(alive, children)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert children
    assert not any(map(alive, children))


def wait_for_children(pid):
    if not os.path.exists(f"/proc/{pid}/task"):
        pytest.skip("no /proc here")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        lists = (f"/proc/{pid}/task/{task}/children" for task in os.listdir(f"/proc/{pid}/task"))
        if found := [int(child) for name in lists for child in Path(name).read_text().split()]:
            return found
        time.sleep(0.05)
    return []


def alive(pid):
    """Neither gone nor a zombie that its new parent has not yet seen."""
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_the_recorder_is_read_from_elsewhere(tmp_path):
    with open(tmp_path / "page", "w+b") as file:
        file.truncate(4096)
        writer, reader = CallLog(file.fileno()), CallLog(file.fileno())
        assert reader.read().case is None
        case = oracle.parse("relu.forward float32 normal contiguous seed=3 N=1 C=1 H=1 W=2")
        writer.enter(case)
        record = reader.read()
        assert (record.calls, record.running, record.case) == (1, True, case)
        writer.leave()
        record = reader.read()
        assert (record.calls, record.running, record.case) == (1, False, case)
        assert record.slowest > 0
        writer.close()
        reader.close()


def test_a_finding_of_a_crash_goes_through_json():
    case = oracle.parse("relu.forward float32 normal contiguous seed=3 N=1 C=1 H=1 W=2")
    failure = oracle.Failure(case, Finding("crash", said="the process of the target died (SIGSEGV)"))
    assert oracle.Failure.from_dict(failure.to_dict()) == failure
