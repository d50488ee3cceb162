"""Which arrays a layer's function takes, and in which precision it computes."""

import ml_dtypes
import numpy as np
import pytest

from nnref.arithmetic import Rational
from nnref.dtypes import layer_function
from nnref.errors import DTypeError
from nnref.numeric import zeros

from .test_numeric import INFINITY, NAN, every_element


@layer_function
def twice(x, bias=None, *, option=1):
    """Doc."""
    return x + x if bias is None else (x + x, bias)


def test_it_keeps_name_and_docstring():
    assert twice.__name__ == "twice"
    assert twice.__doc__ == "Doc."


def test_zero_dimensional_results_are_arrays():
    assert isinstance(twice(np.float64(2)), np.ndarray)
    assert twice(np.float64(2)).shape == ()


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision_computes_in_float32(dtype):
    seen = []

    @layer_function
    def third(x):
        seen.append(x.dtype)
        return x / 3

    assert third(np.ones(1, dtype)).dtype == dtype
    assert seen == [np.float32]


def test_functions_get_contiguous_arrays():
    strides = []

    @layer_function
    def look(x):
        strides.append(x.strides)
        return x + 0

    look(np.ones((2, 3)).T)
    look(np.ones((6, 4))[::-2, ::2])
    assert strides == [(16, 8), (16, 8)]


@pytest.mark.parametrize(
    ("x", "got"),
    [
        ([1.0], "list"),
        (1.0, "float"),
        (None, "NoneType"),
        (np.array([1]), "int64"),
        (np.array([True]), "bool"),
        (np.array([1j]), "complex128"),
        (np.array(["a"]), "<U1"),
        (np.array(["2000-01-01"], "M8[D]"), r"datetime64\[D\]"),
        (np.ones(1, ml_dtypes.float8_e5m2), "float8_e5m2"),  # whose kind NumPy says is that of float16
        (np.ones(1, ml_dtypes.float8_e4m3fn), "float8_e4m3fn"),
    ],
)
def test_what_is_no_array_of_floats_is_refused(x, got):
    with pytest.raises(DTypeError, match=f"^twice: x must be an array of float16.*, got {got}$"):
        twice(x)


@pytest.mark.parametrize("bias", [np.ones(1, np.float32), np.ones(1, object), np.ones(1, np.float16)])
def test_mixed_dtypes_are_refused(bias):
    with pytest.raises(DTypeError, match=r"^twice: bias must be of the dtype of x, float64, got "):
        twice(np.ones(1), bias)


@pytest.mark.parametrize("element", [1, True, np.int64(1), 1.5, np.float32(1), NAN, INFINITY, 1j, "one", None])
def test_elements_that_leak_exactness_are_refused_wherever_they_are(element):
    mixed = np.array([Rational(1), element, float("-inf")], object)
    with pytest.raises(DTypeError, match=f"x must be an object array of exact elements.*got {type(element).__name__}$"):
        twice(mixed)


@every_element
def test_exact_elements_of_every_type_pass_and_so_does_a_maximum_of_no_pixel(like, kind, zero):
    assert twice(like).dtype == object
    assert twice(np.array([float("-inf")], object)) == float("-inf")
    assert zeros((), np.array([float("-inf"), *like])) == zero


def test_the_order_of_bytes_is_layout_and_no_dtype():
    foreign, native = np.array([1.5], ">f8"), np.array([1.5], "<f8")
    doubled, bias = twice(foreign, native)
    assert doubled.dtype == bias.dtype == np.float64
    assert doubled == 3
    with pytest.raises(DTypeError, match="bias must be of the dtype of x, float64, got float32"):
        twice(foreign, np.ones(1, ">f4"))


def test_an_unknown_argument_is_python_s_own_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        twice(np.ones(1), colour=3)
