"""The command that writes the skeleton of a layer: what it adds is there, imports, and says what is left to write."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ruff")

ROOT = Path(__file__).parents[2]
LIKE = [("leaky_relu", "LeakyReLU", "relu"), ("conv3d", "Conv3d", "conv2d")]
USE = """
import inspect
import sys

import pytest

import nnref
from nnref.algebra import claims
from nnref.oracle import OPERATIONS
from nnref.oracle.targets import definition
from tests.bugs import BUGS
from tests.layers.registry import BY_NAME
from tests.oracle.targets.test_definition_examples import EVERY

root, name, kind = sys.argv[1:]
assert nnref.__file__.startswith(root), nnref.__file__
assert {name, name + "_backward", kind} <= set(nnref.__all__)
assert BY_NAME[name].layer is getattr(nnref, kind)
assert name in EVERY
assert name.replace("_", "-") + "-gradient" in claims
assert [bug.direction for bug in BUGS if bug.op == name] == ["forward", "backward"]
for place, task in (
    (nnref, "write the formula"),
    (definition, "write the formula as plain loops"),
    (OPERATIONS[name].bounds, "derive how far a correct result may be off"),
):
    for function in (getattr(place, name), getattr(place, name + "_backward")):
        function = inspect.unwrap(function)
        parameters = inspect.signature(function).parameters.values()
        arrays = [None for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        options = {p.name: None for p in parameters if p.kind is p.KEYWORD_ONLY}
        with pytest.raises(NotImplementedError, match=f"^{name}: {task}$"):
            function(*arrays, **options)
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of what the command reads and writes."""
    root = tmp_path_factory.mktemp("copy")
    for folder in ("nnref", "tests", "docs", "tools"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", ".*"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def run(tree, *arguments):
    """A Python with the copy, whatever nnref is installed."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=tree, env=environment, capture_output=True, encoding="utf-8", check=False)


@pytest.mark.parametrize(("name", "kind", "like"), LIKE, ids=[like for *_, like in LIKE])
def test_what_it_adds_is_there_and_says_what_is_left(tree, name, kind, like):
    command = run(tree, "tools/new_layer.py", name, kind, "--like", like)
    assert command.returncode == 0, command.stderr
    written = command.stdout.split()
    assert {f"nnref/layers/{name}.py", f"tests/layers/test_{name}.py", f"docs/layers/{name}.md"} <= set(written)
    assert all(f"{name}" in (tree / path).read_text(encoding="utf-8") for path in written)
    used = run(tree, "-c", USE, str(tree), name, kind)
    assert used.returncode == 0, used.stderr
    again = run(tree, "tools/new_layer.py", name, kind, "--like", like)
    assert (again.returncode, again.stderr.splitlines()[-1]) == (2, f"new_layer.py: error: {name} exists")


def test_the_page_of_contributing_names_every_file_that_is_written(tree):
    """A row that the command adds is a row that the list of steps explains."""
    name, kind = "elu", "ELU"
    written = run(tree, "tools/new_layer.py", name, kind, "--like", "tanh").stdout.split()
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert len(written) == 12
    missing = [path for path in written if path.replace(name, "f") not in page and f"{Path(path).parent}/" not in page]
    assert missing == []
