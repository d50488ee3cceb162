"""Every page runs from top to bottom in a fresh namespace, every link leads somewhere, and every layer has a page."""

import doctest
import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import nnref
from nnref.algebra import prove
from nnref.algebra.claim import written

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
LAYER_PAGES = sorted((DOCS / "layers").glob("*.md"))
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# the page that shows what torch does is run where torch is installed
RUNNING = [page for page in PAGES if page.stem != "findings" or importlib.util.find_spec("torch")]


def name(page):
    return str(page.relative_to(ROOT))


every_page = pytest.mark.parametrize("page", PAGES, ids=name)


def read(page):
    return page.read_text(encoding="utf-8")


def blocks(page, language):
    """The fenced blocks of a page in a language, each with the number of its first line."""
    text = read(page)
    return [(text.count("\n", 0, m.start(2)), m[2]) for m in FENCED.finditer(text) if m[1] == language]


def run(page):
    """What goes wrong in the ```python blocks of a page, run one after the other in one namespace, empty at first."""
    namespace, complaints = {"__name__": "__main__"}, []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    for line, block in blocks(page, "python"):
        if ">>>" in block:
            examples = doctest.DocTestParser().get_doctest(block, namespace, f"{page.name}:{line}", str(page), line)
            runner.run(examples, out=complaints.append, clear_globs=False)
            namespace = examples.globs
        else:
            exec(compile(block, str(page), "exec"), namespace)
    return "".join(complaints)


def prose(page):
    """A page without its fenced blocks."""
    return FENCED.sub("", read(page))


def anchors(page):
    """The names that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page):
    """The relative links of a page, each with the file and the heading that it leads to."""
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        path, _, anchor = link.partition("#")
        if "://" not in link:
            yield link, (page.parent / path).resolve() if path else page, anchor


def dead_links(page):
    """Those that lead to no file, or to no heading of it."""
    return [link for link, to, anchor in links(page) if not to.exists() or (anchor and anchor not in anchors(to))]


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # findings.md is about it
@pytest.mark.parametrize("page", RUNNING, ids=name)
def test_it_runs(page):
    complaints = run(page)
    assert not complaints, complaints


@every_page
def test_examples_lie_in_blocks_that_run(page):
    assert read(page).count(">>> ") == sum(block.count(">>> ") for _, block in blocks(page, "python"))


@every_page
def test_links_lead_somewhere(page):
    assert dead_links(page) == []


@every_page
def test_markdown_leaves_formulas_alone(page):
    """It takes the backslash from before punctuation, but in code; and then a space is a comma."""
    formulas = re.findall(r"\$+[^$]+\$+", re.sub(r"`[^`\n]*`", "", prose(page)))
    assert [formula for formula in formulas if re.search(r"\\[^\w\s]", formula)] == []


def test_the_checks_of_a_page_find_what_is_wrong_with_it(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "# One: `two`\n[a](#one-two) [b](#three) [c](page.md#four) [d](none.md) [e](https://example.org/none)\n"
        "```python\none = 1\n```\n```python\n>>> one\n2\n```\n```python\n>>> np.zeros(1)\narray([0.])\n```\n"
    )
    assert dead_links(page) == ["#three", "page.md#four", "none.md"]
    assert "Expected:\n    2\nGot:\n    1" in run(page)
    assert "NameError: name 'np' is not defined" in run(page)


def test_the_output_that_pytest_md_shows_is_that_of_its_command(tmp_path):
    """All of it but the numbers that were drawn: the seed, and the cotangent that should not have passed."""
    page = DOCS / "pytest.md"
    (tmp_path / "mine.py").write_text(blocks(page, "python")[0][1], encoding="utf-8")
    ((line, shown),) = blocks(page, "text")
    command = [block for before, block in blocks(page, "sh") if before < line][-1]
    pytest_, *arguments = shlex.split(command)
    printed = subprocess.run(
        [sys.executable, "-m", pytest_, "-p", "no:cacheprovider", *arguments],
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "88"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert printed.returncode == 1, printed.stderr
    shown, got = (re.sub(r"(seed=|exactly, got )\S+", r"\1", text) for text in (shown, printed.stdout))
    assert doctest.OutputChecker().check_output(shown, got, doctest.ELLIPSIS), got


def test_the_claims_of_the_readme_are_settled_as_it_says():
    rows = re.findall(r"^\| ([a-z0-9-]+) \| (\w+) \| (.+) \| (.+) \| (.+) \|$", read(ROOT / "README.md"), re.MULTILINE)
    assert len(rows) == 9
    for claim, *said in rows[1:]:
        outcome = prove(claim)
        if outcome.verdict == "refuted":
            covers = f"counterexample: {written(outcome.left)} ≠ {written(outcome.right)}"
        else:
            covers = outcome.covers.replace("|", r"\|")
        assert said == [outcome.verdict, outcome.method, outcome.arithmetic, covers]


def test_every_page_is_linked_from_the_first():
    linked = {to for _, to, _ in links(ROOT / "README.md")} | {ROOT / "README.md"}
    assert [page for page in PAGES if not linked & {page, page.parent}] == []


def test_every_layer_has_a_page_with_an_example_and_every_page_a_layer():
    source = Path(nnref.__file__).parent / "layers"
    assert {page.stem for page in LAYER_PAGES} == {path.stem for path in source.glob("[a-z]*.py")}
    for page in LAYER_PAGES:
        assert ">>>" in read(page), page.name


def test_every_public_function_and_layer_is_named_in_a_page():
    text = "\n".join(map(read, PAGES))
    assert not [name for name in nnref.__all__ if f"`{name}" not in text]
