import pytest

import nnref
from nnref import oracle
from nnref.errors import OptionError
from nnref.oracle.deviations import evaluate

GEOMETRY = {"W": (9,), "padding": (0, 2, 0, 0), "kernel": (2, 3)}
EXPRESSIONS = [
    ("W == 9", True),
    ("W % 8 == 1 and max(padding) > 1", True),
    ("not W == 9", False),
    ("kernel[0] < kernel[1] < 4", True),
    ("sum(padding) == 2 or W // 0", True),
    ("W - 1 == 2 * 4", True),
    ("kernel == (2, 3)", True),
    ("-W < 0", True),
]
BAD_EXPRESSIONS = ["W ==", "open('x')", "W.real", "lambda: 1", "'a' == W", "[1]", "W ** 9", "__import__('os')"]


@pytest.mark.parametrize(("expression", "value"), EXPRESSIONS)
def test_expressions(expression, value):
    assert evaluate(expression, GEOMETRY) is value


@pytest.mark.parametrize("expression", BAD_EXPRESSIONS)
def test_no_other_expression_is_evaluated(expression):
    with pytest.raises(OptionError, match="Deviation: where must be an expression"):
        oracle.Deviation("relu", "why", where=expression) and evaluate(expression, GEOMETRY)


def clipped(x):
    return nnref.relu(x).clip(max=6)


class Target:
    relu = staticmethod(clipped)


def report(*deviations):
    return oracle.conform(Target, ops=["relu"], max_examples=60, deviations=deviations)


def test_a_known_deviation_fails_nothing_and_hides_nothing_else():
    known = oracle.Deviation("relu", "clips at 6", mode="normal")
    statuses = {r.status for r in report(known).results}
    assert statuses == {"failed", "not implemented"}  # adversarial data show it too
    everywhere = oracle.Deviation("*", "clips at 6")
    assert report(everywhere).results[0].status == "known deviation"
    assert report(everywhere).ok


def test_an_entry_that_matches_nothing_or_has_been_outlived_is_reported():
    everywhere = oracle.Deviation("relu", "clips at 6")
    nothing = oracle.Deviation("relu", "odd", where="C > 1000")
    outlived = oracle.Deviation("relu", "old", where="W == 1 and H == 1", mode="one_hot")
    found = report(everywhere, nothing, outlived)
    assert not found.ok
    assert found.outlived()[0] == "known deviation of relu (odd): no case matches it"
    assert found.outlived()[1].startswith("known deviation of relu (old): ")
    assert found.outlived()[1].endswith(" cases pass now")


def test_the_file(tmp_path):
    path = tmp_path / "known.toml"
    path.write_text('[[deviation]]\nop = "relu"\nreason = "clips at 6"\n', encoding="utf-8")
    assert oracle.read_deviations(path) == (oracle.Deviation("relu", "clips at 6"),)


BAD_FILES = [
    ("[[deviation]\n", "read_deviations: path must be a TOML file"),
    ('[[deviation]]\nop = "relu"\n', "read_deviations: path must be a TOML file"),
    ('[[deviation]]\nop = "relu"\nreason = " "\n', "Deviation: reason must be a reason or a URL"),
    ('[[deviation]]\nop = "rely"\nreason = "x"\n', r"Deviation: op must be \* or one of conv2d"),
    ('[[deviation]]\nop = "relu"\nreason = "x"\nwhere = "W >"\n', "Deviation: where must be an expression"),
    (2 * '[[deviation]]\nop = "relu"\nreason = "x"\n', "read_deviations: reason must be another for each entry"),
    ('[[deviation]]\nop = "relu"\nreason = "x"\nversion = 3\n', "read_deviations: path must be a TOML file"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_a_bad_file_is_refused(tmp_path, text, message):
    path = tmp_path / "known.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError, match=message):
        oracle.read_deviations(path)
