"""The conformance tests as their users run them: pytest in a directory of its own.

It has a process of its own too where that may matter: with workers, with a configuration, or for what is imported.
"""

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import nnref

pytest_plugins = ["pytester"]
RUN = ["--pyargs", "nnref.conformance", "-p", "no:cacheprovider", "--nnref-examples=6"]
BUGGY = """
import nnref
from nnref.oracle import Unsupported

relu, relu_backward = nnref.relu, nnref.relu_backward

def linear(x, weight, bias):
    return nnref.linear(x, weight, None)

def tanh(x):
    raise Unsupported("there is no tanh")
"""


@pytest.fixture
def conformance(pytester):
    """Run the conformance tests of the buggy target, or of another."""
    pytester.makepyfile(buggy=BUGGY)

    def run(*arguments, target="buggy.py", own_process=False):
        run = pytester.runpytest_subprocess if own_process else pytester.runpytest_inprocess
        return run(*RUN, f"--nnref-target={target}", *arguments)

    return run


def test_a_right_target_passes_with_a_test_for_each_direction_and_dtype(conformance):
    result = conformance("-v", "--nnref-op=relu", "--nnref-dtype=float32", "--nnref-dtype=float64", target="nnref")
    result.assert_outcomes(passed=4)
    names = re.findall(r"test_agrees\[(.*)\] PASSED", result.stdout.str())
    wanted = [f"relu.{way}-{dtype}" for way in ("forward", "backward") for dtype in ("float32", "float64")]
    assert sorted(names) == sorted(wanted)


def test_a_wrong_one_fails_and_shows_the_case_and_nothing_of_the_oracle(conformance):
    result = conformance("--nnref-op=linear", "-k", "forward", own_process=True)
    result.assert_outcomes(failed=1, deselected=1)
    said = result.stdout.str().split("= FAILURES =")[1]
    result.stdout.fnmatch_lines(
        [
            "*test_agrees?linear.forward-float32?*",
            "y?0, 0? must be * exactly, got *",
            "  it behaves as if the bias were ignored",
            "  case: linear.forward float32 integers contiguous seed=* N=1 C=1 K=1 bias=1",
            '  again: nnref repro "linear.forward float32 integers *" buggy.py',
            "*exec_module(module)",
            "linear = module.linear  # the function under test",
            "assert *",
            "FAILED *linear.forward-float32*",
        ]
    )
    assert "Traceback" not in said
    assert not re.search(r"(task|search|judge|pytest_plugin)\.py", said)


def test_the_command_that_a_failure_prints_fails_too(conformance, pytester):
    said = conformance("--nnref-op=linear", "-k", "forward").stdout.str()
    (descriptor,) = set(re.findall(r'again: nnref repro "(.*)" buggy.py', said))  # pytest says it twice where CI is set
    again = pytester.run(sys.executable, "-m", "nnref", "repro", descriptor, "buggy.py")
    assert again.ret == 1


def test_what_is_missing_or_unsupported_is_skipped_with_the_reason(conformance):
    result = conformance("-rs", "--nnref-op=tanh", "--nnref-op=sigmoid")
    result.assert_outcomes(skipped=4)
    result.stdout.fnmatch_lines(
        [
            "SKIPPED*unsupported: there is no tanh (* cases)",
            "SKIPPED*not implemented: buggy.py has no tanh_backward",
            "SKIPPED*not implemented: buggy.py has no sigmoid",
        ]
    )


def test_a_test_ends_in_time_and_says_how_much_was_judged(conformance):
    slow = "import time, nnref\ndef relu(x):\n    time.sleep(0.05)\n    return nnref.relu(x)\n"
    Path("slow.py").write_text(slow, encoding="utf-8")
    result = conformance("-rs", "--nnref-op=relu", "-k", "forward", "--nnref-seconds=0.5", target="slow.py")
    result.assert_outcomes(skipped=1, deselected=1)
    result.stdout.fnmatch_lines(["SKIPPED*partly, *% judged: * of * cases in time"])


def test_on_several_workers_with_junit(conformance, pytester):
    result = conformance("-n2", "--junitxml=report.xml", "--nnref-op=linear", "--nnref-op=relu", own_process=True)
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    suite = ElementTree.parse(pytester.path / "report.xml").getroot()[0]
    cases = {case.get("name"): case for case in suite}
    assert len(cases) == 4
    assert "bias were ignored" in cases["test_agrees[linear.forward-float32]"].find("failure").text
    assert cases["test_agrees[relu.forward-float32]"].find("failure") is None


def test_the_seed_is_used(conformance, pytester):
    (pytester.path / "noting.py").write_text(
        "import nnref, pathlib\n"
        "def relu(x):\n"
        "    with pathlib.Path('seen').open('a') as file: file.write(repr(x.tolist()) + chr(10))\n"
        "    return nnref.relu(x)\n"
    )
    seen = []
    for arguments in (["--nnref-seed=1"], ["--nnref-seed=1"], ["--nnref-seed=2", "--nnref-examples=5"]):
        result = conformance("--nnref-op=relu", "-k", "forward", *arguments, target="noting.py")
        result.assert_outcomes(passed=1, deselected=1)
        seen.append((pytester.path / "seen").read_text())
        (pytester.path / "seen").unlink()
    assert seen[0] == seen[1] != seen[2]
    assert seen[2].count("\n") < seen[1].count("\n")


@pytest.mark.parametrize("mode", ["prepend", "importlib"])
def test_a_strict_configuration_of_the_user_is_no_hindrance(conformance, pytester, mode):
    pytester.makeini(
        f"[pytest]\naddopts = --strict-markers --strict-config --doctest-modules --import-mode={mode}\n"
        "filterwarnings = error\nxfail_strict = true\n"
    )
    conformance("--nnref-op=relu", own_process=True).assert_outcomes(passed=2)


WRONG = [
    (["--nnref-target=missing.py"], "*resolve: target must be *FileNotFoundError*"),
    (["--nnref-target=nnref", "--nnref-op=conv9d"], "*ops must be among conv2d*"),
    (["--nnref-target=nnref", "--nnref-dtype=int8"], "*dtypes must be among float16*"),
    (["--nnref-target=nnref", "--nnref-examples=-1"], "*--nnref-examples must be at least 0, got -1*"),
    ([], "*nnref.conformance needs --nnref-target=TARGET*"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=["target", "op", "dtype", "examples", "no target"])
def test_a_question_that_makes_no_sense_is_a_usage_error(pytester, arguments, message):
    result = pytester.runpytest_inprocess(*RUN, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([message])


def test_a_target_that_has_nothing_is_no_green_run(conformance):
    for function in ("sigmoid", "network"):
        result = conformance(f"--nnref-op={function}")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines([f"*--nnref-target: buggy.py has none of the functions {function}, nor *"])


def test_without_the_extra_its_name_is_told(conformance, pytester):
    pytester.makepyfile(without="import sys\nsys.modules['hypothesis'] = None\n")
    pytester.syspathinsert()
    result = conformance("-p", "without", "-p", "no:hypothesispytest", own_process=True)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--nnref-target: hypothesis is not installed*pip install -e '.?oracle?'*"])


def test_a_run_that_asks_for_nothing_imports_nothing(pytester):
    pytester.makepyfile(
        "import sys\n"
        "def test_nothing(pytestconfig):\n"
        "    assert pytestconfig.pluginmanager.hasplugin('nnref')\n"
        "    assert not {'nnref', 'numpy'} & set(sys.modules)\n"
    )
    pytester.runpytest_subprocess("-p", "no:xdist").assert_outcomes(passed=1)


def test_without_a_target_the_package_is_not_collected(pytester):
    package = Path(nnref.__file__).parent
    for more in ([], ["-p", "no:nnref"], ["--doctest-modules", "--import-mode=importlib"]):
        run = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "--collect-only",
                "-q",
                "-c",
                "/dev/null",
                *more,
                str(package / "conformance"),
            ],
            capture_output=True,
            text=True,
            cwd=pytester.path,
        )
        assert run.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, run.stdout + run.stderr


def test_the_page_shows_what_happens(pytester):
    """Every shell command of docs/pytest.md, with the target that the page has; with fewer drawn cases."""
    page = (Path(__file__).parents[2] / "docs" / "pytest.md").read_text(encoding="utf-8")
    source = re.search(r"```python\n# mine.py\n(.*?)```", page, re.DOTALL)
    (pytester.path / "mine.py").write_text(source[1], encoding="utf-8")
    commands = re.findall(r"^(?:pytest|nnref) .*$", page, re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        words = [word.strip("'\"") for word in re.findall(r"'[^']*'|\"[^\"]*\"|\S+", command)]
        few = ["--nnref-examples=6"] if words[0] == "pytest" else ["--examples=6"]
        result = pytester.run(sys.executable, "-m", *words, *few, timeout=120)
        assert result.ret == pytest.ExitCode.TESTS_FAILED, command  # as `nnref check` says it too


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "with workers"])
def test_a_run_that_has_tested_nothing_is_not_green(conformance, workers):
    result = conformance("--nnref-op=tanh", "-k", "forward", *workers, own_process=True)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["nnref: no row passed, because the target refused all or most of the cases*"])
    assert conformance("--nnref-op=relu", "--nnref-op=tanh", *workers, own_process=True).ret == pytest.ExitCode.OK
