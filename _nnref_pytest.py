"""The options that nnref adds to pytest. Nothing else is imported until one of them is used.

This module lies outside the package because pytest imports it in every run, and `import nnref` imports NumPy.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("nnref", "compare neural-network layers with nnref")
    help_ = "package.module, module:object, path/to/file.py or a built-in name (see nnref check --help)"
    group.addoption("--nnref-target", metavar="TARGET", help=f"what --pyargs nnref.conformance tests: {help_}")
    group.addoption("--nnref-op", action="append", metavar="NAME", help="operation; repeat for several (default: all)")
    group.addoption("--nnref-dtype", action="append", metavar="DTYPE", help="repeat for several (default: float32)")
    group.addoption("--nnref-examples", type=int, default=200, metavar="N", help="drawn cases per test (default: 200)")
    help_ = "end each test after so many seconds (default: no end)"
    group.addoption("--nnref-seconds", type=float, metavar="S", help=help_)
    group.addoption("--nnref-seed", type=int, default=0, metavar="N", help="seed of the search (default: 0)")


def pytest_configure(config: pytest.Config) -> None:
    asked = config.getoption("pyargs") and any(arg.startswith("nnref.conformance") for arg in config.args)
    if config.getoption("nnref_target"):
        try:
            from nnref.conformance.plugin import configure
        except ModuleNotFoundError as error:
            if error.name != "hypothesis":
                raise
            what = "hypothesis is not installed. To install it, type: python -m pip install -e '.[oracle]'"
            raise pytest.UsageError(f"--nnref-target: {what}") from None

        configure(config)
    elif asked:
        raise pytest.UsageError("nnref.conformance needs --nnref-target=TARGET; see nnref check --help")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run that has tested nothing of the target, because that refused every case, is not green."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")  # none in a worker of pytest-xdist
    if not session.config.getoption("nnref_target", None) or reporter is None or exitstatus != pytest.ExitCode.OK:
        return
    tested = [r for kind in ("passed", "xfailed") for r in reporter.stats.get(kind, ()) if "test_agrees[" in r.nodeid]
    skipped = [r for r in reporter.stats.get("skipped", ()) if "test_agrees[" in r.nodeid]
    if skipped and not tested:
        reporter.write_line("")
        reporter.write_line("nnref: no row passed, because the target refused all or most of the cases; -rs says why")
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
