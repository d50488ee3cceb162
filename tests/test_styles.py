"""The oracle is held against right code in many styles: it must accept each, or name what is to be declared."""

import os

import pytest

from nnref.oracle import Declaration
from nnref.oracle.search import search as module
from nnref.oracle.search.search import search

from .styles import STYLES

IDS = [style.name for style in STYLES]
ROW_BY_ROW = sorted(STYLES, key=lambda style: (style.op, style.direction, style.dtype))
THOROUGH = os.environ.get("NNREF_HYPOTHESIS_PROFILE") == "thorough"
MOST, EXAMPLES = (100_000, 60) if THOROUGH else (48, 12)  # of the cases that every run visits; drawn cases


@pytest.fixture(scope="module", autouse=True)
def fewer_cases():
    """Every so many of the cases that every run visits; all of them in the thorough profile."""
    with pytest.MonkeyPatch.context() as patch:
        every = module.enumerated

        def some(*row):
            cases = list(every(*row))
            return cases[:: -(-len(cases) // MOST)]

        patch.setattr(module, "enumerated", some)
        yield


def row_of(style, declares, **given):
    return search(style.function, style.op, style.direction, dtype=style.dtype, declares=declares, **given)


def test_there_are_enough_styles_of_everything():
    assert len(set(IDS)) == len(STYLES)
    assert len({style.function for style in STYLES}) >= 80
    assert len({(style.op, style.direction) for style in STYLES}) >= 31


@pytest.mark.usefixtures("kept_expectations")
@pytest.mark.parametrize("style", ROW_BY_ROW, ids=[style.name for style in ROW_BY_ROW])
def test_it_passes(style):
    row = row_of(style, Declaration(**style.declares), max_examples=EXAMPLES)
    assert row.status == "passed", [f"{f.descriptor}: {f.finding.message}" for f in row.failures]


NAMED = {"exp of log sigmoid", "sliding sums", "winograd of a 5 by 5 kernel", "fourier transform"}
UNDECLARED = [style for style in ROW_BY_ROW if style.name.partition(": ")[2] in NAMED]


@pytest.mark.parametrize("style", UNDECLARED, ids=[style.name for style in UNDECLARED])
def test_it_is_named_where_it_declares_nothing(style):
    """So are the algorithms among the bugs (`tests/bugs/algorithms.py`)."""
    row = row_of(style, Declaration(), max_examples=4 * EXAMPLES, only_first=True)
    ((name, value),) = style.declares.items()
    assert row.failures[0].hint.subject == f"{name}={value}"
