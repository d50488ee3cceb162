"""pytest's door to nnref: the options, and nothing else until one of them is used.

It lies outside of the package because pytest imports it in every run, and `import nnref` would import NumPy.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("nnref", "holding neural-network layers against nnref")
    help_ = "package.module, module:object, path/to/file.py or a built-in name; see nnref check --help"
    group.addoption("--nnref-target", metavar="TARGET", help=f"what --pyargs nnref.conformance tests: {help_}")
    group.addoption("--nnref-op", action="append", metavar="NAME", help="an operation; repeat for several")
    group.addoption("--nnref-dtype", action="append", metavar="DTYPE", help="repeat for several (default: float32)")
    group.addoption("--nnref-examples", type=int, default=40, metavar="N", help="drawn cases a test (default: 40)")
    group.addoption("--nnref-seed", type=int, default=0, metavar="N", help="of the search (default: 0)")


def pytest_configure(config: pytest.Config) -> None:
    asked = config.getoption("pyargs") and any(arg.startswith("nnref.conformance") for arg in config.args)
    if config.getoption("nnref_target"):
        try:
            from nnref.conformance.plugin import configure
        except ModuleNotFoundError as error:
            if error.name != "hypothesis":
                raise
            what = "hypothesis is not installed; install the extra: pip install 'nnref[oracle]'"
            raise pytest.UsageError(f"--nnref-target: {what}") from None

        configure(config)
    elif asked:
        raise pytest.UsageError("nnref.conformance needs --nnref-target=TARGET")
