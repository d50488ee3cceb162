"""A program as a target: the C example is right and its bugs are found; whatever else a program does is a finding."""

import os
import pickle
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from nnref import oracle
from nnref.cli import main
from nnref.errors import OptionError
from nnref.oracle import limits, search
from nnref.oracle.cases.case import LAYOUTS
from nnref.oracle.exchange.process_target import process_target
from nnref.oracle.search.shrink import elements
from nnref.oracle.targets.call import call

SOURCE = Path(__file__).parents[3] / "examples" / "c_target" / "kernels.c"
FLAGS = ("-O2", "-std=c99", "-Wall", "-Wextra", "-Werror")
CASE = oracle.parse("relu.forward float32 integers contiguous seed=1 N=1 C=1 H=2 W=3")


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """A function that compiles the example, with a bug or without."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler: install gcc")

    def build(bug=0):
        program = tmp_path_factory.getbasetemp() / f"kernels{bug}"
        if not program.exists():
            command = [compiler, *FLAGS, f"-DBUG={bug}", "-o", program, SOURCE, "-lm"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert not done.stderr
        return str(program)

    return build


def test_the_c_example_conforms(build):
    with process_target([build()]) as kernels:
        report = oracle.conform(kernels, max_examples=30)
    assert report.ok
    done = {r.name: r for r in report.results if r.status != "not implemented"}
    assert {name: r.status for name, r in done.items()} == {"conv2d.forward": "passed", "max_pool2d.forward": "passed"}
    assert not any(r.unsupported or r.notes for r in done.values())
    assert done["conv2d.forward"].cases > 900
    assert done["max_pool2d.forward"].cases > 1900
    assert 0 < done["conv2d.forward"].max_margin < 1


def test_the_c_example_says_which_dtype_it_lacks(build):
    with process_target([build()]) as kernels:
        for dtype in ("float64", "bfloat16"):
            row = search.search.search(kernels.conv2d, "conv2d", "forward", dtype=dtype, modes=("special",))
            assert (row.status, set(row.unsupported)) == ("unsupported", {"only float32"})


def test_the_makefile_builds_it(tmp_path):
    if not (shutil.which("make") and shutil.which("cc")):
        pytest.skip("make or a C compiler is missing: install gcc and make")
    copy = shutil.copytree(SOURCE.parent, tmp_path / "copy")
    subprocess.run(["make", "-s", "-C", copy, "clean", "kernels"], check=True, capture_output=True)
    with process_target([str(copy / "kernels")]) as kernels:
        assert callable(kernels.conv2d)


BUGS = {
    1: ("value", 4, "exactly"),
    2: ("value", 18, "got 0.0"),
    3: ("crash", 4, "the program died (SIGABRT)"),
    4: ("hang", 2, "no answer within 0.5 s"),
    5: ("exception", 2, "the program answered more than one line: 'convolving "),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_in_c_is_found_and_shrunk(build, bug):
    kind, most, words = BUGS[bug]
    with process_target([build(bug)], time_limit=0.5) as kernels:
        result = search.search.search(kernels.conv2d, "conv2d", "forward", max_examples=30, modes=("integers",))
    (failure,) = result.failures
    assert failure.finding.kind == kind
    assert words in failure.finding.message
    assert elements(failure.case) <= most, failure.descriptor
    g = failure.case.geometry
    reach = [d * (k - 1) + 1 for k, d in zip(g["kernel"], g["dilation"], strict=True)]
    assert {
        1: max(g["dilation"]) == 2,
        2: g["W"][0] >= 6,
        3: reach[0] > g["H"][0] or reach[1] > g["W"][0],
        4: g["stride"] != (1, 1),
        5: True,
    }[bug]


def test_a_crash_is_one_failure_whatever_the_data_and_does_not_hide_what_lies_behind_it(build):
    with process_target([build(3)]) as kernels:
        result = search.search.search(kernels.conv2d, "conv2d", "forward", max_examples=60)
    (failure,) = result.failures
    assert failure.finding.kind == "crash"
    assert failure.case.geometry["N"] == (1,)
    assert result.cases > 500
    assert len(kernels._programs) <= 1


# A program that reads float32 and answers `relu`; BODY may write `result`, the bytes of a right y, or anything else.
FAKE = """
import os, struct, sys, time
def numbers(text, *values):
    head = text.encode().ljust(117) + b"\\n"
    return b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(head)) + head + struct.pack(f"<{len(values)}f", *values)
header = lambda shape, dtype="<f4": f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}"
for line in sys.stdin:
    directory = line.rstrip("\\n")
    if directory == "operations":
        print("relu", flush=True)
        continue
    with open(directory + "/x.npy", "rb") as file:
        x = struct.unpack("<6f", file.read()[128:])
    path = directory + "/result_y.npy"
    result = numbers(header((1, 1, 2, 3)), *(max(0.0, value) for value in x))
    def write(data):
        with open(path, "wb") as file:
            file.write(data)
    say = lambda text: print(text, flush=True)
    BODY
"""


def fake(*body, announce="relu"):
    source = FAKE.replace("BODY", "\n    ".join(body)).replace('print("relu"', f"print({announce!r}")
    return [sys.executable, "-S", "-E", "-c", source]


RIGHT = ("write(result)", "say('ok')")
FAULTS = {
    "segmentation fault": (("os.kill(os.getpid(), 11)",), "crash", "the program died (SIGSEGV)"),
    "exit": (("print('no luck', file=sys.stderr)", "sys.exit(3)"), "crash", "died (exit status 3); it said: no luck"),
    "end of output": (("os.close(1)", "time.sleep(60)"), "crash", "died (it closed its standard output)"),
    "hang": (("print('hm', file=sys.stderr, flush=True)", "time.sleep(60)"), "hang", "within 0.5 s; it said: hm"),
    "half a line": (("sys.stdout.write('o')", "sys.stdout.flush()", "time.sleep(60)"), "hang", "no answer within"),
    "error": (("say('error out of memory')",), "exception", "ProgramError: out of memory"),
    "bare error": (("say('error')",), "exception", "ProgramError: without a message"),
    "other words": (("say('hello')",), "exception", "answered 'hello', not ok, unsupported or error"),
    "nearly ok": (("write(result)", "say('okay')"), "exception", "answered 'okay', not ok"),
    "ok but": (("write(result)", "say('ok thanks')"), "exception", "answered 'ok thanks', not ok"),
    "empty line": (("say('')",), "exception", "answered '', not ok"),
    "no text": (("os.write(1, bytes([255, 254, 10]))",), "exception", "not ok, unsupported or error"),
    "two lines": (("write(result)", "say('ok\\nok')"), "exception", "more than one line: 'ok', then 'ok"),
    "long line": (("say('x' * 100000)",), "exception", "more than 4096 bytes without an end of line"),
    "no end of lines": (("while True: print('x' * 1000)",), "exception", "more than one line"),
    "nothing computed": (("say('ok without y')",), "exception", "answered 'ok without y', not ok"),
    "no file": (("say('ok')",), "exception", "MalformedFile: result_y.npy is missing"),
    "a directory": (("os.mkdir(path)", "say('ok')"), "exception", "result_y.npy is not a file"),
    "a pipe": (("os.mkfifo(path)", "say('ok')"), "exception", "result_y.npy is not a file"),
    "empty file": (("write(b'')", "say('ok')"), "exception", "result_y.npy is not an .npy file"),
    "text": (("write(b'1.0 2.0 3.0')", "say('ok')"), "exception", "result_y.npy is not an .npy file"),
    "cut header": (("write(result[:60])", "say('ok')"), "exception", "result_y.npy is not an .npy file"),
    "cut data": (("write(result[:-4])", "say('ok')"), "exception", "20 bytes of data where shape (1, 1, 2, 3)"),
    "more data": (("write(result + b'0')", "say('ok')"), "exception", "25 bytes of data where shape (1, 1, 2, 3)"),
    "header of code": (
        ("write(numbers('__import__(\"os\").abort()'))", "say('ok')"),
        "exception",
        "is not an .npy file",
    ),
    "open bracket": (("write(numbers('{('))", "say('ok')"), "exception", "result_y.npy is not an .npy file"),
    "negative shape": (("write(numbers(header((-1, -6)), *x))", "say('ok')"), "exception", "shape (-1, -6)"),
    "endless shape": (("write(numbers(header((10**30,))))", "say('ok')"), "exception", "0 bytes of data where shape"),
    "objects": (("write(numbers(header((1,), '|O'), 1, 2))", "say('ok')"), "exception", "dtype object"),
    "text of numbers": (("write(numbers(header((6,), '|S4'), *x))", "say('ok')"), "exception", "dtype |S4"),
    "huge file": (("write(b'')", "os.truncate(path, 1 << 40)", "say('ok')"), "exception", "bytes, more than"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_a_program_may_do_is_a_finding_and_the_next_case_gets_a_program(name):
    body, kind, words = FAULTS[name]
    good = CASE.with_seed(2)
    body = ("import json", "if 'seed=2 ' in json.load(open(directory + '/case.json'))['descriptor']:",
            "    write(result); say('ok'); continue", *body)  # fmt: skip
    with process_target(fake(*body), time_limit=0.5) as target:
        tester = search.tester.Tester(target.relu)
        for _ in range(2):
            finding = tester.verdict(CASE).finding
            assert (finding.kind, words in finding.message) == (kind, True), finding.message
            assert tester.verdict(good).finding is None


def test_a_right_program_passes_whatever_it_says_on_standard_error():
    flood = "for _ in range(200): print('x' * 1000, file=sys.stderr)"
    with process_target(fake(flood, *RIGHT)) as target:
        verdict = search.tester.Tester(target.relu).verdict(CASE)
    assert verdict.finding is None
    assert verdict.judged == 6


def test_what_is_said_after_the_answer_is_a_finding_at_the_next_case():
    with process_target(fake("write(result)", "say('ok')", "say('and more')")) as target:
        tester, messages = search.tester.Tester(target.relu), []
        for _ in range(2):
            finding = tester.verdict(CASE).finding
            messages.append(finding.message if finding else "")
            time.sleep(0.2)
    assert any("wrote unasked 'and more" in text or "then 'and more" in text for text in messages)


@pytest.mark.parametrize(
    ("shape", "dtype", "kind"),
    [((2, 3), "<f4", "shape"), ((1, 1, 2, 3), ">f4", "dtype"), ((1, 1, 2, 3), "<i4", "dtype")],
)
def test_an_array_of_another_kind_is_judged(shape, dtype, kind):
    with process_target(fake(f"write(numbers(header({shape}, {dtype!r}), *x))", "say('ok')")) as target:
        assert search.tester.Tester(target.relu).verdict(CASE).finding.kind == kind


def test_a_case_may_be_not_supported():
    with process_target(fake("say('unsupported only squares')")) as target:
        assert search.tester.Tester(target.relu).verdict(CASE) == "only squares"


def test_a_program_says_what_it_declares_and_is_overruled():
    command = fake(*RIGHT, announce="relu variance=one-pass subnormals=flushed")
    with process_target(command) as target:
        assert target.declares == oracle.Declaration(variance="one-pass", subnormals="flushed")
    with process_target(command, declares=oracle.Declaration()) as target:
        assert target.declares == oracle.Declaration()


NUMPY = """
import json, sys
import numpy as np
for line in sys.stdin:
    directory = line.rstrip("\\n")
    if directory == "operations":
        print("linear_backward", flush=True)
        continue
    dy, weight = (np.load(f"{directory}/{name}.npy", allow_pickle=False) for name in ("dy", "weight"))
    np.save(f"{directory}/result_dx.npy", dy @ weight)
    print("ok without", *(r["name"] for r in json.load(open(directory + "/case.json"))["results"][1:]), flush=True)
"""


def test_a_gradient_may_be_left_out_if_the_program_says_so():
    with process_target([sys.executable, "-c", NUMPY]) as target:
        report = oracle.conform(target, ["linear"], max_examples=40)
        assert [r.status for r in report.results] == ["not implemented", "passed"]
        case = oracle.parse("linear.backward float32 integers contiguous seed=1 N=2 C=3 K=2 bias=0")
        dx, dweight, dbias = call(target.linear_backward, case, *oracle.arrays_of(case)).outputs
    assert (dx.shape, dweight, dbias) == ((2, 3), oracle.NOT_COMPUTED, None)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ([], "a list of the program and its arguments, got []"),
        ("./kernels", "a list of the program and its arguments, got './kernels'"),
        (["/nowhere/kernels"], "No such file"),
        ([os.devnull], "Permission denied"),
        (["true"], "the program died (exit status 0)"),
        (["sh", "-c", "echo broken >&2; exit 1"], "the program died (exit status 1); it said: broken"),
        (["sh", "-c", "read line; echo"], "it answered ''; the known functions are"),
        (["sh", "-c", "read line; echo relu matmul"], "it answered 'relu matmul'; the known functions are"),
        (["sh", "-c", "read line; echo relu tanh=cubic"], "must be one of ('direct', 'sigmoid'), got 'cubic'"),
        (["sh", "-c", "read line; echo relu color=red"], "unexpected keyword argument 'color'"),
        (["sleep", "60"], "no answer within 0.3 s"),
    ],
)
def test_what_is_no_target_is_refused(command, words):
    with pytest.raises(OptionError) as refused:
        process_target(command, time_limit=0.3)
    assert words in str(refused.value)


def test_after_a_hang_there_is_less_patience(monkeypatch):
    monkeypatch.setattr(limits, "LEAST", 0.2)
    with process_target(fake("time.sleep(0.8 if min(x) < 0 else 0)", *RIGHT), time_limit=0.6) as target:
        tester = search.tester.Tester(target.relu)
        assert tester.verdict(CASE).finding.message.startswith("no answer within 0.6 s")
        assert tester.verdict(CASE).finding.message.startswith("no answer within 0.2 s")


def test_a_closed_target_is_no_target():
    target = process_target(fake(*RIGHT))
    target.close()
    finding = search.tester.Tester(target.relu).verdict(CASE).finding
    assert "StateError: ProcessTarget: target must be open" in finding.message


def test_a_closed_program_ends_by_itself(tmp_path):
    mark = tmp_path / "ended"
    target = process_target([*fake(*RIGHT)[:-1], fake(*RIGHT)[-1] + f"\nopen({str(mark)!r}, 'w').close()"])
    assert not mark.exists()
    target.close()
    assert mark.exists()
    target.close()


def test_each_thread_has_a_program_and_so_has_a_process():
    command = fake(*RIGHT)
    with process_target(command) as target, ThreadPoolExecutor(2) as executor:
        verdicts = executor.map(lambda seed: search.tester.Tester(target.relu).verdict(CASE.with_seed(seed)), range(8))
        assert [verdict.finding for verdict in verdicts] == [None] * 8
        assert len(target._programs) >= 2
        with pickle.loads(pickle.dumps(target)) as other:
            assert other.command == target.command == tuple(command)
            assert search.tester.Tester(other.relu).verdict(CASE).finding is None


def test_a_request_is_a_case_without_the_answer():
    """What lies in the directory, seen from the program."""
    lists = "say('error ' + ' '.join(sorted(os.listdir(directory))))"
    with process_target(fake(lists)) as target:
        for _ in range(2):  # nothing is left from the case before
            answer = call(target.relu, CASE, *oracle.arrays_of(CASE))
            assert answer.finding.message.endswith("ProgramError: case.json x.npy")


def test_the_target_is_named_as_the_command_line_takes_it():
    with process_target(fake(*RIGHT)) as target:
        assert oracle.conform(target, ["relu"], max_examples=1).target.startswith("--command=")


def test_the_command_that_a_failure_prints_fails_too():
    with process_target(fake("say('error wrong')")) as target:
        report = oracle.conform(target, ["relu"], max_examples=1)
    (failure, *_) = report.results[0].failures
    program, *words = shlex.split(failure.command(report.target))
    assert program == "nnref"
    assert main(words) == 1


def test_inputs_are_written_plainly_whatever_their_layout():
    loads = "say('error ' + repr((x, open(directory + '/x.npy', 'rb').read(8))))"
    arrays, _ = oracle.arrays_of(CASE)
    with process_target(fake(loads)) as target:
        said = {
            call(target.relu, CASE.but(layout=layout), *oracle.arrays_of(CASE)).finding.message for layout in LAYOUTS
        }
    assert len(said) == 1
    assert repr(tuple(np.ravel(arrays["x"]).tolist())) in said.pop()
