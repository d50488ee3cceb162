"""The same campaign on threads, processes and a cluster; interrupted, resumed, and with workers that die."""

import importlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import pytest

import nnref
from nnref import oracle
from nnref.cli import main
from nnref.errors import OptionError
from nnref.oracle.campaign.conform import tasks_of
from nnref.oracle.campaign.task import run_task

OPS = ["tanh", "relu", "sigmoid", "linear"]
DEADLY_OPS = ["linear", "relu", "sigmoid"]
MINE = """
import numpy as np
import nnref
from nnref.oracle import Unsupported

relu, relu_backward, linear = nnref.relu, nnref.relu_backward, nnref.linear

def linear_backward(dy, x, weight, bias):
    raise Unsupported("training")

def tanh(x):
    return nnref.tanh(x).astype(np.float64)
"""
DEADLY = """
import os, nnref, nnref.oracle, numpy as np
relu, relu_backward, sigmoid = nnref.relu, nnref.relu_backward, nnref.sigmoid
def sigmoid_backward(dy, x):
    raise nnref.oracle.Unsupported("training")
def linear(x, weight, bias):
    return os._exit(9) if x.shape == (2, 3) and np.isinf(x).any() else nnref.linear(x, weight, bias)
"""


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    return written(tmp_path_factory.mktemp("mine"), MINE)


@pytest.fixture(scope="module")
def deadly(tmp_path_factory):
    return written(tmp_path_factory.mktemp("deadly"), DEADLY)


@pytest.fixture(scope="module")
def expected(mine):
    """The report of a campaign in this thread, without times."""
    return plain(campaign(mine))


def written(tmp_path, source):
    path = tmp_path / "mine.py"
    path.write_text(source, encoding="utf-8")
    return str(path)


def plain(report):
    """The report without what differs from run to run: the time."""
    data = report if isinstance(report, dict) else json.loads(report.to_json())
    for row in data["results"]:
        del row["seconds"]
    return data


def processes(workers):
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def campaign(target, executor=None, ops=OPS, **given):
    return oracle.conform(target, ops, max_examples=24, seed=3, executor=executor, **given)


def test_any_number_of_workers_gives_the_same_report(mine, expected):
    assert {row["status"] for row in expected["results"]} == {"passed", "failed", "unsupported", "not implemented"}
    for workers in (1, 3):
        with ThreadPoolExecutor(workers) as executor:
            assert plain(campaign(mine, executor)) == expected
    with ThreadPoolExecutor(2) as executor:
        assert plain(campaign(mine, executor, isolate=True)) == expected
    with processes(2) as executor:
        assert plain(campaign(mine, executor)) == expected
    assert plain(campaign(mine, isolate=True)) == expected


def test_an_object_goes_to_other_processes_too():
    target = {"relu": nnref.relu, "sigmoid": nnref.sigmoid}
    with processes(2) as executor:
        report = oracle.conform(target, ["relu", "sigmoid", "tanh"], max_examples=12, executor=executor)
    assert report.counts() == {"passed": 2, "not implemented": 4}


def test_one_that_cannot_says_so():
    with processes(1) as executor:
        report = oracle.conform({"relu": lambda x: x}, ["relu"], max_examples=12, executor=executor)
    assert report.counts() == {"failed": 2}
    assert "pickle" in report.results[0].lost


CLUSTER = """
import sys
from distributed import Client, LocalCluster
from nnref import oracle

if __name__ == "__main__":
    with LocalCluster(2, threads_per_worker=1, dashboard_address=None) as cluster, Client(cluster) as client:
        report = oracle.conform(sys.argv[1], sys.argv[2:], max_examples=24, seed=3, executor=client.get_executor())
    report.to_json("report.json")
"""


def test_on_a_dask_cluster_whose_workers_die(tmp_path, deadly):
    """In a process of its own, whose warnings are none of ours; every status is met."""
    pytest.importorskip("distributed")
    (tmp_path / "cluster.py").write_text(CLUSTER, encoding="utf-8")
    environment = os.environ | {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}  # give a row up at once
    command = [sys.executable, "cluster.py", deadly, *DEADLY_OPS]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, timeout=240)
    report = plain(json.loads((tmp_path / "report.json").read_text(encoding="utf-8")))
    statuses = {"passed", "failed", "unsupported", "not implemented"}
    assert {row["status"] for row in report["results"]} == statuses
    assert report == plain(campaign(deadly, ops=DEADLY_OPS, isolate=True))


def test_a_process_that_dies_costs_its_row_only(deadly):
    """What waited for the broken pool is run again, and the guilty row says at which case its process died."""
    with processes(2) as executor:
        report = campaign(deadly, executor, DEADLY_OPS)
        with pytest.raises(RuntimeError):
            executor.submit(len, "")
        broken_from_the_start = campaign(deadly, executor, ["relu"])
    statuses = {result.name: result.status for result in report.results if result.status != "not implemented"}
    rows = ["relu.forward", "relu.backward", "sigmoid.forward"]
    others = {"linear.forward": "failed", "sigmoid.backward": "unsupported"}
    assert statuses == dict.fromkeys(rows, "passed") | others
    (linear,) = (result for result in report.results if result.name == "linear.forward")
    assert not linear.lost
    assert {failure.finding.message for failure in linear.failures} == {
        "the process of the target died (exit status 9)"
    }
    assert [failure.case.mode for failure in linear.failures] == ["special"]
    assert broken_from_the_start.counts() == {"passed": 2}


class Failing(ThreadPoolExecutor):
    """An executor that fails to run anything, for a reason of its own."""

    def submit(self, function, /, *arguments, **options):
        future = Future()
        future.set_exception(OSError("the network is down"))
        return future


def test_what_an_executor_cannot_run_is_run_here_or_lost_with_both_reasons(mine, expected, tmp_path):
    with Failing(1) as executor:
        assert plain(campaign(mine, executor)) == expected
        (tmp_path / "broken.py").write_text("raise ValueError('no licence')", encoding="utf-8")
        report = oracle.conform(str(tmp_path / "broken.py"), ["relu"], executor=executor)
    lost = report.results[0].lost
    assert lost.startswith("OSError: the network is down; run again here: OptionError: resolve")
    assert "no licence" in lost


def test_progress_tells_of_every_row(mine):
    seen = []
    with ThreadPoolExecutor(2) as executor:
        campaign(mine, executor, progress=lambda task, cases, result: seen.append((task.key, result)))
    assert sorted(key for key, result in seen if result) == sorted(task.key for task in tasks_of(mine, OPS))


def test_an_error_in_progress_stops_what_has_not_begun(mine):
    begun = []

    def stop(task, cases, result):
        begun.append(task)
        raise ZeroDivisionError

    with ThreadPoolExecutor(1) as executor, pytest.raises(ZeroDivisionError):
        oracle.conform("nnref", OPS, max_examples=6, executor=executor, progress=stop)
    assert len(begun) == 1


# -- resuming --

NOTED = """
import os, pathlib, time, nnref
log = pathlib.Path(__file__).with_name("log")
seen = set()

def __getattr__(name):
    layer = getattr(nnref, name)
    def noted(*arrays, **options):
        if name not in seen:
            seen.add(name)
            with log.open("a") as file:
                file.write(name + "\\n")
        return layer(*arrays, **options)
    return noted
"""
ROWS = ["--op", "relu", "--op", "sigmoid", "--op", "tanh", "--op", "flatten", "--op", "linear"]


def test_a_killed_campaign_is_resumed(tmp_path):
    """Rows that were finished are not run again, and the report is that of a run that was not killed."""
    target, report = written(tmp_path, NOTED), tmp_path / "report.json"
    command = ["check", target, *ROWS, "--examples", "12", "--json", str(report)]
    running = subprocess.Popen([sys.executable, "-m", "nnref", *command], stdout=subprocess.DEVNULL)
    finished = []
    while len(finished) < 3:
        assert running.poll() is None
        time.sleep(0.02)
        finished = json.loads(report.read_text(encoding="utf-8"))["results"] if report.exists() else []
    running.send_signal(signal.SIGKILL)
    running.wait()
    finished = {row["op"] + "_backward" * (row["direction"] == "backward") for row in resumable(report)}
    assert 3 <= len(finished) < 10
    time.sleep(0.5)  # for the child, which ends when it sees that nobody listens
    (tmp_path / "log").unlink()
    assert main([*command, "--resume", "--jobs", "2"]) == 0
    run_again = set((tmp_path / "log").read_text().split())
    assert run_again
    assert not run_again & finished
    resumed = json.loads(report.read_text(encoding="utf-8"))
    assert main(command) == 0
    assert plain(resumed) == plain(json.loads(report.read_text(encoding="utf-8")))


def resumable(path):
    return json.loads(path.read_text(encoding="utf-8"))["results"]


def test_a_campaign_that_is_interrupted_twice_keeps_the_rows_of_both(tmp_path, monkeypatch):
    report = tmp_path / "report.json"
    command = ["check", "nnref", *ROWS, "--examples", "12", "--json", str(report), "--in-process"]
    module = importlib.import_module(
        "nnref.oracle.campaign.conform"
    )  # of which the function of that name hides the attribute
    monkeypatch.setattr(module, "run_task", interrupting_after(2))
    assert main(command) == 130
    assert len(resumable(report)) == 2
    monkeypatch.setattr(module, "run_task", interrupting_after(3))
    assert main([*command, "--resume"]) == 130
    assert len(resumable(report)) == 5


def interrupting_after(rows):
    left = iter(range(rows))

    def run(task, *rest, **options):
        if next(left, None) is None:
            raise KeyboardInterrupt
        return run_task(task, *rest, **options)

    return run


def test_lost_rows_are_run_again(tmp_path):
    whole = oracle.conform("nnref", ["relu"], max_examples=12)
    half = oracle.Report.from_json(whole.to_json())
    half.results[0] = oracle.Result("relu", "forward", "float32", lost="the machine was switched off")
    assert plain(oracle.conform("nnref", ["relu"], max_examples=12, resume=half)) == plain(whole)


@pytest.mark.parametrize("other", [["--seed", "1"], ["--examples", "13"]])
def test_another_campaign_is_not_resumed(tmp_path, capsys, other):
    report = str(tmp_path / "report.json")
    command = ["check", "nnref", "--op", "relu", "--in-process", "--json", report]
    assert main([*command, "--examples", "12"]) == 0
    before = resumable(tmp_path / "report.json")
    assert main([*command, "--examples", "12", *other, "--resume"]) == 2
    assert "resume must be a report with this target, seed" in capsys.readouterr().err
    assert resumable(tmp_path / "report.json") == before


def test_a_report_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    report = oracle.conform("nnref", ["relu"], max_examples=12)
    path = tmp_path / "report.json"
    report.to_json(path)
    (tmp_path / "link.json").symlink_to(path)
    report.to_json(tmp_path / "link.json")
    assert (tmp_path / "link.json").is_symlink()
    report.to_json("/dev/null")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.json", "report.json"]


def test_a_file_that_is_no_report_is_refused(tmp_path):
    with pytest.raises(OptionError, match="must be a report of this version"):
        oracle.Report.from_json('{"nnref_report": 1, "resul')
