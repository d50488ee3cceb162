"""docs/architecture.md names all parts and rooms, its picture is current, and its three ways are those of the calls."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from .test_imports import ALLOWED, PACKAGE, ROOMS

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "architecture.md").read_text(encoding="utf-8")
SCRIPT = DOCS / "draw_architecture.py"
PICTURE = (DOCS / "architecture.svg").read_text(encoding="utf-8")
_, PARTS, THE_ROOMS, WAYS = PAGE.split("\n## ")
_, *WAYS = WAYS.split("\n### ")
CONV2D = "import numpy as np, nnref; x = np.ones((1, 1, 3, 3)); nnref.conv2d(x, x, x[0, 0, 0, :1], stride=2, padding=1)"
RUNS = (
    ["-c", CONV2D],
    ["-m", "nnref", "prove", "conv-batch-norm"],
    ["-m", "nnref", "check", "wrong.py", "--op", "relu", "--examples", "9"],
)
TRACER = """
import os, sys

seen, log = set(), os.open(os.environ["NNREF_TEST_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def note(frame, event, argument):
    code = frame.f_code
    if event == "call" and "nnref" in code.co_filename and code not in seen:
        seen.add(code)
        os.write(log, f"{code.co_filename}\\t{code.co_qualname}\\n".encode())

sys.setprofile(note)
"""


def rows(text):
    """The cells of the tables in a text, without their heads."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    heads = ("| --- ", "| part ", "| room ", "| file ")
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in lines if not line.startswith(heads)]


def linked(cell):
    """The words and the path, from nnref on, of a cell's link."""
    return re.match(r"\[(.*?)\]\(\.\./(.*?)\)", cell).groups()


def visited(arguments, directory):
    """The functions of nnref that a run of Python and its child processes call, in the order of first calls."""
    (directory / "sitecustomize.py").write_text(TRACER, encoding="utf-8")
    (directory / "wrong.py").write_text("def relu(x):\n    return x + 1\n", encoding="utf-8")
    env = {
        **os.environ,
        "NNREF_TEST_LOG": str(directory / "log"),
        "PYTHONPATH": f"{directory}{os.pathsep}{DOCS.parent}",
    }
    subprocess.run([sys.executable, *arguments], cwd=directory, env=env, capture_output=True, check=False)
    lines = (directory / "log").read_text(encoding="utf-8").splitlines()
    return [(Path(path).as_posix(), name.split(".<locals>")[0]) for path, name in (line.split("\t") for line in lines)]


def test_the_picture_is_what_its_script_draws():
    drawn = subprocess.run([sys.executable, SCRIPT], capture_output=True, encoding="utf-8", check=True)
    assert drawn.stdout == PICTURE, "run: python docs/draw_architecture.py > docs/architecture.svg"


def test_every_part_and_every_room_stands_in_the_picture_and_in_a_table():
    packages = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    ground = {module.removeprefix("nnref.") for module in ALLOWED}
    rooms = [room for room in ROOMS if room not in ("base", "front")]
    assert packages | ground | {*rooms} <= set(re.findall(r">(\w+)</text>", PICTURE))
    assert {linked(part)[0] for part, *_ in rows(PARTS)} == packages | {"ground"}
    assert [linked(room)[0] for room, *_ in rows(THE_ROOMS)] == rooms


def test_a_part_imports_only_what_its_row_names():
    named = {linked(part)[0]: set(imports.split(", ")) for part, _, imports in rows(PARTS)}
    for part, imported in runpy.run_path(str(SCRIPT))["parts"]().items():
        assert imported <= named[part], part


@pytest.mark.parametrize(("arguments", "way"), list(zip(RUNS, WAYS, strict=True)), ids=("conv2d", "prove", "check"))
def test_a_way_is_that_of_the_calls(arguments, way, tmp_path):
    """In this order: each function's first call comes after those of the functions above it."""
    calls = visited(arguments, tmp_path)
    for file, function, *_ in rows(way):
        path, name = linked(file)[1], function.strip("`")
        first = [i for i, (at, called) in enumerate(calls) if path in at and name in (called, "the operation's")]
        assert first, f"{path} {name} is called, and after the functions above it"
        calls = calls[first[0] + 1 :]
