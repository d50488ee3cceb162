"""Nothing that a target, a file or a terminal does ends the command line with a traceback, or loses a report."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from nnref.cli import main
from nnref.cli.table import print_report
from nnref.oracle import Report, Result
from nnref.oracle.campaign import worker

from ..oracle.report.reports import REPORTS

NOISY = """
import os, pathlib, sys
import sibling
print("hello")
os.write(1, b"hello")
os.chdir("/")
sys.path.append(pathlib.Path("/nowhere"))
sys.path.append(None)
flatten = sibling.flatten
"""
RUDE = """
import nnref
from nnref.oracle import Unsupported
count = 0

def flatten(x):
    raise KeyboardInterrupt

class Mute(Exception):
    def __str__(self):
        raise SystemExit

def flatten_backward(dy, x):
    raise Mute

def global_avg_pool2d(x):
    global count
    count += 1
    raise Unsupported(f"no case {count} \\x1b[31m \\ud800 " + "long " * 1000)

global_avg_pool2d_backward = nnref.global_avg_pool2d_backward
"""
FLATTEN = ["--op", "flatten", "--examples", "6"]


def written(path, source):
    path.parent.mkdir(exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return str(path)


def started(*arguments, **options):
    return subprocess.Popen([sys.executable, "-m", "nnref", *arguments], stderr=subprocess.PIPE, **options)


def test_what_a_target_does_when_it_is_loaded_is_its_own_affair(tmp_path):
    written(tmp_path / "sub" / "sibling.py", "from nnref import flatten\n")
    written(tmp_path / "sub" / "noisy.py", NOISY)
    command = ["check", "sub/noisy.py", *FLATTEN, "--json", "-", "--junit", "report.xml"]
    done = started(*command, cwd=tmp_path, stdout=subprocess.PIPE)
    out, _ = done.communicate(timeout=120)
    assert done.returncode == 0
    assert json.loads(out)["ok"] is True
    assert "<testsuite" in (tmp_path / "report.xml").read_text(encoding="utf-8")


UNLOADABLE = {
    "import ctypes; ctypes.string_at(0)": r"the process of the target died .SIGSEGV.",
    "import os; os.write(2, b'no driver'); os._exit(3)": r"died .exit status 3.; it said: no driver",
    "raise SystemExit": r"SystemExit: ",
    "raise KeyboardInterrupt": r"KeyboardInterrupt",
    "class Mute(Exception):\n  def __str__(self): raise ValueError\nraise Mute": r"Mute: .its text cannot be read.",
    "import time\nwhile True: time.sleep(1)": r"no answer within 3 s",
}


@pytest.mark.parametrize("source", UNLOADABLE, ids=range(len(UNLOADABLE)))
def test_a_target_that_cannot_be_loaded_is_a_question_without_sense(tmp_path, capsys, monkeypatch, source):
    monkeypatch.setattr(worker, "START", 3.0)
    path = written(tmp_path / "broken.py", source)
    for jobs in ("1", "2"):
        assert main(["check", path, *FLATTEN, "--time-limit", "1", "--jobs", jobs]) == 2
        said = capsys.readouterr().err
        assert said.startswith("nnref check: TARGET must be a file that Python can load, got ")
        assert re.search(UNLOADABLE[source], said)


def test_what_a_function_raises_is_in_its_row(tmp_path, capsys):
    path, report = written(tmp_path / "rude.py", RUDE), tmp_path / "report.json"
    command = ["check", path, *FLATTEN, "--op", "global_avg_pool2d", "--json", str(report)]
    assert main(command) == 1
    rows = {f"{r['op']}.{r['direction']}": r for r in json.loads(report.read_text(encoding="utf-8"))["results"]}
    messages = {name: {f["finding"]["message"] for f in row["failures"]} for name, row in rows.items()}
    assert messages["flatten.forward"] == {"flatten raised Interrupted: the target raised KeyboardInterrupt"}
    assert messages["flatten.backward"] == {"flatten_backward raised Mute: (its text cannot be read)"}
    assert rows["global_avg_pool2d.backward"]["status"] == "passed"
    reasons = rows["global_avg_pool2d.forward"]["unsupported"]
    assert len(reasons) == 9
    assert reasons["other reasons"] > 100
    assert max(map(len, reasons)) <= 300
    assert len(capsys.readouterr().out) < 10_000


def test_reasons_are_kept_by_how_many_cases_have_them():
    from nnref.oracle.verdict.row import most_frequent

    reasons = Counter({f"reason {i:02}": 1 + i % 3 for i in range(20)})
    kept = most_frequent(reasons)
    assert list(kept)[:6] == [f"reason {i:02}" for i in range(2, 20, 3)]
    assert sum(kept.values()) == sum(reasons.values())
    assert most_frequent(Counter(dict(reversed(reasons.items())))) == kept
    assert most_frequent(kept) == kept


def test_nobody_need_read_to_the_end():
    """The pipe is closed before anything is written; the status is that of the verdict all the same."""
    running = started("check", "nnref", *FLATTEN, "--in-process", stdout=subprocess.PIPE)
    running.stdout.close()
    assert running.wait(timeout=120) == 0
    assert running.stderr.read() == b""
    running.stderr.close()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_said_and_costs_no_other_file(tmp_path):
    command = ["check", "nnref", *FLATTEN, "--in-process", "--junit", str(tmp_path / "report.xml")]
    for more, stdout in (([], "/dev/full"), (["--html", "/dev/full"], os.devnull)):
        with open(stdout, "w") as file:
            running = started(*command, *more, stdout=file)
            _, said = running.communicate(timeout=120)
        assert running.returncode == 2
        assert b"No space left on device" in said
        assert b"Traceback" not in said
        assert (tmp_path / "report.xml").exists()
        (tmp_path / "report.xml").unlink()


def test_a_terminal_without_the_characters_gets_escapes(tmp_path):
    path = written(tmp_path / "rüde.py", RUDE)
    for more in ([], ["--json", "-"]):
        options = {"env": os.environ | {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}, "stdout": subprocess.PIPE}
        running = started("check", path, *FLATTEN, "--op", "linear", "--op", "global_avg_pool2d", *more, **options)
        out, said = running.communicate(timeout=120)
        assert running.returncode == 1
        assert b"Traceback" not in said
        assert out.isascii()
        assert b"\x1b" not in out
    assert json.loads(out)["target"] == path


@pytest.mark.parametrize("option", ["--json", "--junit", "--html"])
@pytest.mark.parametrize("name", [".", "missing/report"])
def test_a_file_that_cannot_be_written_is_found_before_the_campaign(tmp_path, capsys, option, name):
    (tmp_path / "mark.py").write_text(f"open({str(tmp_path / 'loaded')!r}, 'w').close()")
    assert main(["check", str(tmp_path / "mark.py"), option, str(tmp_path / name)]) == 2
    assert f"{option} must be a file that can be written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mark.py"]


def test_a_file_is_not_touched_by_a_question_without_sense(tmp_path):
    (tmp_path / "report.html").write_text("precious")
    assert main(["check", "nnref", "--op", "conv9d", "--html", str(tmp_path / "report.html")]) == 2
    assert (tmp_path / "report.html").read_text() == "precious"


HANGING = """
import time, nnref
flatten, flatten_backward = nnref.flatten, nnref.flatten_backward

def relu(x):
    open(__file__ + ".hangs", "w").close()
    time.sleep(1000)
"""


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_signal_ends_the_children_and_keeps_the_finished_rows(tmp_path, number, status, jobs):
    path = written(tmp_path / "hanging.py", HANGING)
    files = [f"--{form}={tmp_path / form}" for form in ("json", "html", "junit")]
    more = ["--op", "relu", "--time-limit", "600", "--jobs", jobs, *files]
    running = started("check", path, *FLATTEN, *more, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while not (Path(path + ".hangs").exists() and planned_and_run(tmp_path / "json")[1] >= 2):
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = children_of(running.pid)
    running.send_signal(number)
    try:
        table, said = running.communicate(timeout=30)
    finally:
        running.kill()
    assert running.returncode == status
    assert b"Traceback" not in said
    assert children
    assert not any(os.path.exists(f"/proc/{child}") for child in children)
    data = json.loads((tmp_path / "json").read_text(encoding="utf-8"))
    assert not data["ok"]
    lost = [row["lost"] for row in data["results"] if row["lost"]]
    planned, run = planned_and_run(tmp_path / "json")
    assert (planned, 2 <= run - len(lost) < 4) == (4, True)
    assert lost
    assert all(why.startswith("interrupted after ") for why in lost)
    for text in (table.decode(), *((tmp_path / form).read_text(encoding="utf-8") for form in ("html", "junit"))):
        assert lost[0] in text
        assert run == planned or f"{planned - run} of 4 rows were not run" in text


def planned_and_run(path):
    if not path.exists():
        return 0, 0
    data = json.loads(path.read_text(encoding="utf-8"))
    return data["planned"], len(data["results"])


def children_of(pid):
    if not os.path.exists(f"/proc/{pid}/task"):
        pytest.skip("no /proc here")
    lists = (Path(f"/proc/{pid}/task/{task}/children") for task in os.listdir(f"/proc/{pid}/task"))
    return [int(child) for path in lists for child in path.read_text().split()]


ROWS = [
    Result("fold_conv_transpose_batch_norm", "forward", "bfloat16", 12345, margins=[0.987, 0.123], seconds=9876.5),
    Result("conv2d", "backward", "float32", implemented=False),
    Result("relu", "forward", "float32", unsupported=Counter({"never": 65432})),
]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 160])
@pytest.mark.parametrize("rows", [ROWS, ROWS[:1]])
def test_the_table_cuts_no_number_off(width, rows):
    out = io.StringIO()
    print_report(Console(file=out, width=width, force_terminal=True, color_system=None), Report("mine", results=rows))
    text = out.getvalue()
    assert "…" not in text
    assert "12345" in text
    assert "0.987" in text
    if width >= 140:
        assert {"9876.5", "0.123"} <= set(text.split())
    if width >= 80:
        assert max(map(len, text.splitlines()[1:-1])) <= width
        assert "not implemented" in text or len(rows) == 1


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("target", ["[/red]", "a\\", "\x1b[2J \ud800"])
def test_every_report_can_be_printed(name, target):
    out = io.StringIO()
    report = Report.from_json(REPORTS[name].to_json())
    report.target = target
    print_report(Console(file=out, width=80, force_terminal=True, color_system=None), report)
    assert "\x1b" not in out.getvalue()
    assert ("not ok" in out.getvalue()) != report.ok
