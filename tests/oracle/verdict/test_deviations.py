import pytest

import nnref
from nnref import oracle
from nnref.errors import OptionError
from nnref.oracle.verdict.deviations import evaluate

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
BAD_EXPRESSIONS = [
    " ",
    "+W",
    "~W",
    "f(W)",
    "W in (1, 2)",
    "(" * 1000 + "W" + ")" * 1000,
    "W \0",
    "W ==",
    "open('x')",
    "W.real",
    "lambda: 1",
    "'a' == W",
    "[1]",
    "W ** 9",
    "__import__('os')",
]


@pytest.mark.parametrize(("expression", "value"), EXPRESSIONS)
def test_expressions(expression, value):
    assert evaluate(expression, GEOMETRY) is value


@pytest.mark.parametrize("expression", BAD_EXPRESSIONS)
def test_no_other_expression_is_evaluated(expression):
    with pytest.raises(OptionError, match="Deviation: where must be an expression"):
        oracle.Deviation("relu", "why", where=expression)


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
    nothing = oracle.Deviation("relu", "odd", where="C < 1")
    outlived = oracle.Deviation("relu", "old", where="W == 1 and H == 1", mode="one_hot")
    found = report(everywhere, nothing, outlived)
    assert not found.ok
    assert found.outlived()[0] == "known deviation of relu (odd): no case matches it"
    assert found.outlived()[1].startswith("known deviation of relu (old): ")
    assert found.outlived()[1].endswith(" cases pass now")


def test_an_entry_about_other_rows_is_not_looked_for():
    """So that a campaign may be split, with one file of deviations for all parts."""
    elsewhere = [
        oracle.Deviation("conv2d", "another operation"),
        oracle.Deviation("relu", "another dtype", dtype="float16"),
        oracle.Deviation("relu", "not implemented", direction="backward"),
        oracle.Deviation("*", "a field that relu has not", where="kernel[0] > 1"),
    ]
    everywhere = oracle.Deviation("*", "clips at 6")
    found = report(everywhere, *elsewhere)
    assert set(found.results[0].known) == {"clips at 6"}
    assert found.outlived() == []
    assert found.ok
    assert len(report(everywhere, oracle.Deviation("*", "of relu too", where="C < 1")).outlived()) == 1


def test_an_entry_of_a_row_that_was_lost_or_not_run_is_not_outlived():
    entry = oracle.Deviation("relu", "clips at 6")
    row = oracle.Result("relu", "forward", "float32", 20)
    assert len(oracle.Report("mine", results=[row], deviations=(entry,)).outlived()) == 1
    assert oracle.Report("mine", results=[row], deviations=(entry,), planned=2).outlived() == []
    row.lost = "the machine was switched off"
    assert oracle.Report("mine", results=[row], deviations=(entry,)).outlived() == []


def test_where_an_expression_has_no_value_it_does_not_match():
    entry = oracle.Deviation("relu", "why", where="W % (W - 1) == 1")
    case = oracle.parse("relu.forward float32 normal contiguous seed=3 N=1 C=1 H=1 W=1")
    assert [entry.matches(case.with_field("W", (width,))) for width in (1, 2, 3)] == [False, False, True]
    entry = oracle.Deviation("conv2d", "why", where="padding[N] > 0")
    geometry = dict(oracle.OPERATIONS["conv2d"].least) | {"N": (4,)}
    assert not entry.matches(oracle.Case("conv2d", "forward", "float32", "normal", "contiguous", 0, geometry))


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
    ('[[deviation]]\nop = "relu"\nreason = 3\n', "Deviation: reason must be text, got 3"),
    ('[[deviation]]\nop = "relu"\nreason = "x"\nwhere = 0\n', "Deviation: where must be text, got 0"),
    ('[[deviation]]\nop = ["relu"]\nreason = "x"\n', r"Deviation: op must be \* or one of"),
    ("deviation = 3\n", "read_deviations: path must be a TOML file"),
    ("deviation = [3]\n", "read_deviations: path must be a TOML file"),
    ('[[deviations]]\nop = "relu"\nreason = "x"\n', "read_deviations: path must be a TOML file .*it has deviations"),
    ('[[deviation]]\nop = "\ud800"\n', "read_deviations: path must be a TOML file"),
    ('[[deviation]]\nop = "relu"\nreason = "x"\nwhere = "kernel[0] > 1"\n', "Deviation: where .*no field kernel"),
    ('[[deviation]]\nop = "*"\nreason = "x"\nwhere = "Kernel[0] > 1"\n', "Deviation: where .*no field Kernel"),
    ('[[deviation]]\nop = "conv2d"\nreason = "x"\nwhere = "W == 1 or padding[7]"\n', "Deviation: where .*out of range"),
    ('[[deviation]]\nop = "conv2d"\nreason = "x"\nwhere = "padding * 10000000000"\n', "only integers are added"),
]


@pytest.mark.parametrize(("text", "message"), BAD_FILES)
def test_a_bad_file_is_refused(tmp_path, text, message):
    path = tmp_path / "known.toml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(OptionError, match=message):
        oracle.read_deviations(path)
