"""Every example in the documentation runs, and every layer function and class has a page."""

import doctest
import re
from pathlib import Path

import numpy as np
import pytest

import nnref

DOCS = Path(__file__).parent.parent / "docs"
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
LAYER_PAGES = sorted((DOCS / "layers").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS.parent)))
def test_examples_run(page):
    text = page.read_text(encoding="utf-8").replace("```", "\n")  # a fence after an expected result is no part of it
    examples = doctest.DocTestParser().get_doctest(text, {"np": np, "nnref": nnref}, page.name, str(page), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    complaints = []
    runner.run(examples, out=complaints.append)
    assert not complaints, "".join(complaints)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS.parent)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    assert not [link for link in links if not (page.parent / link).exists()]


def test_every_layer_has_a_page_with_an_example_and_every_page_a_layer():
    source = Path(nnref.__file__).parent / "layers"
    assert {page.stem for page in LAYER_PAGES} == {path.stem for path in source.glob("[a-z]*.py")}
    for page in LAYER_PAGES:
        assert ">>>" in page.read_text(encoding="utf-8"), page.name


def test_every_public_function_and_layer_is_named_in_a_page():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert not [name for name in nnref.__all__ if f"`{name}" not in text]
