import pytest

from nnref.errors import OptionError
from nnref.oracle import Declaration


def test_the_default_is_the_strictest():
    strict = Declaration()
    assert strict.said() == {}
    assert strict.precision("float32").u == 2**-24
    assert strict.precision("float16").u == strict.precision("bfloat16").u == 2**-24  # computed in float32
    assert strict.precision("float64").u == 2**-53
    assert strict.precision("float32").u_in == 0


def test_what_is_declared_is_what_is_allowed():
    assert Declaration(accumulate="float16").precision("float32").u == 2**-11
    assert Declaration(inputs="tf32").precision("float32").u_in == 2**-11
    assert Declaration(inputs="tf32").precision("float16").u_in == 0  # no rounding at all
    flushed = Declaration(subnormals="flushed").precision("float32")
    assert flushed.eta == 2.0**-126
    assert Declaration(tanh="sigmoid", ties="any").said() == {"tanh": "sigmoid", "ties": "any"}


@pytest.mark.parametrize("name", ["accumulate", "inputs", "variance", "tanh", "subnormals", "nan", "ties"])
def test_what_is_no_choice_is_refused(name):
    with pytest.raises(OptionError, match=f"Declaration: {name} must be one of .*, got 'odd'"):
        Declaration(**{name: "odd"})
