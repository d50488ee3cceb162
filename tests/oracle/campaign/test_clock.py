"""A campaign with a budget of seconds: fair shares, rows that are not run, calls that outlast it, and what is shown."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import nnref
from nnref import oracle
from nnref.errors import OptionError
from nnref.oracle import Report, limits
from nnref.oracle.limits import Clock

OPS = ["conv2d", "relu", "tanh", "linear"]
TICK = 0.02


class Ticking:
    """A target whose calls take a time that only it measures."""

    def __init__(self, *names, tick=TICK):
        self.now, self.tick = 1e9, tick
        for name in names:
            setattr(self, name, self.slow(getattr(nnref, name)))

    def slow(self, function):
        def called(*arrays, **options):
            self.now += self.tick
            return function(*arrays, **options)

        return called

    def time(self):
        return self.now


def campaign(target, seconds, ops=OPS, **given):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "time", target)
        report = oracle.conform(target, ops, max_examples=12, seconds=seconds, directions=["forward"], **given)
    return report, {row.op: row for row in report.results}


def test_rows_get_fair_shares_and_leave_what_they_do_not_need():
    """conv2d, whose cases are many, comes last, and gets what the others leave; a missing function takes no share."""
    report, rows = campaign(Ticking("conv2d", "relu", "linear"), 60)
    assert [row.op for row in report.results] == OPS
    assert not rows["tanh"].implemented
    assert not rows["relu"].left_out
    assert not rows["linear"].left_out
    assert 1000 < rows["conv2d"].cases < rows["conv2d"].asked
    assert report.ok
    target = Ticking("relu", "tanh", "linear", tick=1.0)
    report, rows = campaign(target, 60, OPS[1:])
    assert {row.cases for row in rows.values()} <= {16, 17, 18, 19}  # a few are called twice more
    assert target.now <= 1e9 + 64
    assert {row.status for row in rows.values()} == {"partly"}


def test_a_row_without_time_is_not_run_and_the_report_not_ok():
    report, rows = campaign(Ticking("relu", "tanh", "linear", tick=100), 60, OPS[1:])
    assert report.counts() == {"partly": 1, "not run": 2}
    assert (report.missing, report.ok) == (2, False)
    assert rows["linear"].left_out == rows["linear"].asked > 0
    again = Report.from_json(report.to_json())
    assert (again.counts(), again.ok, again.seconds) == (report.counts(), False, 60)
    resumed, rows = campaign(Ticking("relu", "tanh", "linear"), None, OPS[1:], resume=again)
    assert resumed.counts() == {"passed": 3}
    assert not any(row.left_out for row in rows.values())


@pytest.mark.parametrize("workers", [1, 2])
def test_a_call_that_outlasts_the_campaign_is_ended_and_is_no_hang(tmp_path, workers):
    source = "import time, nnref\nrelu = nnref.relu\ndef tanh(x):\n    time.sleep(60)\n"
    (tmp_path / "sleepy.py").write_text(source, encoding="utf-8")
    given = {"ops": ["relu", "tanh"], "max_examples": 6, "directions": ["forward"], "modes": ["one_hot"]}
    with ThreadPoolExecutor(workers) as pool:
        started = time.monotonic()
        report = oracle.conform(str(tmp_path / "sleepy.py"), executor=pool, isolate=True, seconds=2, **given)
    assert time.monotonic() - started < 30
    relu, tanh = report.results
    assert relu.status == "passed"
    assert (tanh.status, tanh.failures, tanh.cases) == ("not run", [], 0)
    assert any(note.startswith("the time was up while this case was running: tanh.forward") for note in tanh.notes)


BROKEN = """
import nnref
count = 0

def relu(x):
    global count
    count += 1
    return nnref.relu(x) + (x.shape == (1, 1, 1, 2))
"""


@pytest.mark.parametrize("isolate", [False, True])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_failure_is_seen_before_its_row_ends(tmp_path, isolate, workers):
    (tmp_path / "broken.py").write_text(BROKEN, encoding="utf-8")
    seen = []

    def watch(task, row):
        seen.append((task.key, row.left_out, [failure.descriptor for failure in row.failures if failure.snippet]))

    given = {"max_examples": 6, "directions": ["forward"], "isolate": isolate, "watch": watch}
    if workers:
        with ThreadPoolExecutor(workers) as pool:
            report = oracle.conform(str(tmp_path / "broken.py"), ["relu"], executor=pool, **given)
    else:
        report = oracle.conform(str(tmp_path / "broken.py"), ["relu"], **given)
    (row,) = report.results
    early = [lines for key, left, lines in seen if left > 100 and lines]
    assert early
    assert set(early[0]) <= {failure.descriptor for failure in row.failures}


def test_an_interrupted_campaign_keeps_the_row_that_is_being_run():
    saved = []

    def interrupt(task, row):
        if row.failures:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        oracle.conform({"relu": lambda x: x}, ["relu"], watch=interrupt, save=lambda report: saved.append(report))
    (row,) = saved[-1].results
    assert row.lost.startswith("interrupted after ")
    assert row.failures
    assert Report.from_json(saved[-1].to_json()).results[0].lost == row.lost


def test_directions_and_modes_are_filters():
    report = oracle.conform("nnref", ["relu", "tanh"], max_examples=6, directions=["backward"], modes=["integers"])
    assert [row.direction for row in report.results] == ["backward", "backward"]
    assert report.modes == ("integers",)
    for given in ({"directions": ["sideways"]}, {"modes": ["nice"]}, {"seconds": 0}, {"ops": ["conv"]}):
        with pytest.raises(OptionError, match=f"^conform: {next(iter(given))} must be"):
            oracle.conform("nnref", **{"ops": ["relu"], **given})
    with pytest.raises(OptionError, match=r"did you mean conv2d\?"):
        oracle.conform("nnref", ["conv"])
    with pytest.raises(OptionError, match="conform: directions must be one that an operation has"):
        oracle.conform("nnref", ["network"], directions=["backward"])


def test_shares_are_those_of_workers_too():
    clock = Clock.of(60)
    assert clock.for_row(6).row - time.time() == pytest.approx(10, abs=1)
    assert clock.for_row(6, workers=2).row - time.time() == pytest.approx(20, abs=1)
    assert clock.for_row(1, workers=2).row - time.time() == pytest.approx(60, abs=1)
