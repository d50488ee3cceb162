"""Properties of every layer function, tested on all rows of the registry. Warnings are errors throughout."""

from concurrent.futures import ThreadPoolExecutor

import ml_dtypes
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import nnref
from nnref.arithmetic import fifty_digits
from nnref.layer import Container, Layer
from nnref.oracle.targets import definition

from .proofs import assert_agree
from .registry import ROWS, draw_dy, floats

HALF = [np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
WHOLE = [np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.longdouble)]

every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
every_draw = given(data=st.data())


def cast(arrays, dtype):
    return {name: None if array is None else array.astype(dtype) for name, array in arrays.items()}


def run(row, arrays, options, dy):
    """[y, every gradient that is not None]"""
    gradients = row.backward(dy, *arrays.values(), **options)
    return [row.forward(*arrays.values(), **options), *(g for g in gradients if g is not None)]


def prepared(row, case, dtype="float64"):
    """(arrays, options, dy) in a dtype."""
    arrays, options = floats(case)
    arrays = cast(arrays, dtype)
    return arrays, options, draw_dy(case, row.forward(*arrays.values(), **options))


def exactly(row, case):
    """(arrays, options, dy) of exact elements; call this inside `fifty_digits`."""
    arrays, options = row.exact_values(case)
    return arrays, options, draw_dy(case, row.forward(*arrays.values(), **options))


def bits(results):
    return [(r.shape, r.dtype, r.tobytes()) for r in results]


def test_every_public_backward_and_every_layer_class_has_a_row():
    backwards = {name for name in nnref.__all__ if name.endswith("_backward")}
    assert backwards == {f"{row.name}_backward" for row in ROWS}
    classes = {c for c in vars(nnref).values() if isinstance(c, type) and issubclass(c, Layer)}
    assert {c for c in classes if c is not Layer and not issubclass(c, Container)} == {r.layer for r in ROWS} - {None}


# values


@every_row
@every_draw
def test_agrees_with_the_loops_of_the_definition(row, data):
    case = data.draw(row.cases)
    with fifty_digits():
        arrays, options, dy = exactly(row, case)
        expected = getattr(definition, row.name)(*arrays.values(), **options)
        gradients = getattr(definition, f"{row.name}_backward")(dy, *arrays.values(), **options)
        assert_agree(row, case, [row.forward(*arrays.values(), **options)], [expected])
        assert_agree(row, case, row.backward(dy, *arrays.values(), **options), gradients)


LINEAR = [(row, name) for row in ROWS for name in row.multilinear_in]


@pytest.mark.parametrize(("row", "name"), LINEAR, ids=[f"{row.name}-{name}" for row, name in LINEAR])
@every_draw
def test_adjoint_identity(row, name, data):
    """⟨dy, A v⟩ = ⟨Aᵀ dy, v⟩, where A v = f(…, v, …) − f(…, 0, …) for the one array that varies."""
    case = data.draw(row.cases.filter(lambda case: case.shapes[name] is not None))
    arrays, options, dy = exactly(row, case)
    nothing = {**arrays, name: arrays[name] * 0}
    av = row.forward(*arrays.values(), **options) - row.forward(*nothing.values(), **options)
    # the adjoint must be the same at every v
    for at in (arrays, nothing):
        adjoint = row.backward(dy, *at.values(), **options)[list(arrays).index(name)]
        assert (dy * av).sum() == (adjoint * arrays[name]).sum()


@pytest.mark.parametrize("row", [row for row in ROWS if row.batch_independent], ids=lambda row: row.name)
@every_draw
def test_a_batch_is_its_samples_one_by_one(row, data):
    """Parameter gradients are sums over the samples. Equality is exact, or to 45 digits for transcendental layers."""
    case = data.draw(row.cases).with_batch(3)
    with fifty_digits():
        arrays, options, dy = exactly(row, case)
        singles = []
        for n in range(3):
            one = {**arrays, "x": arrays["x"][n : n + 1]}
            y = row.forward(*one.values(), **options)
            singles.append((y, *row.backward(dy[n : n + 1], *one.values(), **options)))
        ys, dxs, *parameter_gradients = zip(*singles, strict=True)
        expected = [np.concatenate(ys), np.concatenate(dxs)]
        expected += [None if parts[0] is None else sum(parts) for parts in parameter_gradients]
        got = [row.forward(*arrays.values(), **options), *row.backward(dy, *arrays.values(), **options)]
        assert_agree(row, case, got, expected)


# refusals; of options, the table in tests/test_bad_calls.py


@every_row
@every_draw
def test_what_is_not_an_array_is_refused(row, data):
    arrays, options, _ = prepared(row, data.draw(row.cases))
    _, *others = arrays.values()
    with pytest.raises(nnref.DTypeError, match=rf"^{row.name}: x must be an array of .*, got list$"):
        row.forward([1.0], *others, **options)


@every_row
@every_draw
def test_a_cotangent_of_another_shape_is_refused(row, data):
    arrays, options, dy = prepared(row, data.draw(row.cases))
    with pytest.raises(nnref.ShapeError, match=rf"^{row.name}_backward: dy must be .*, got shape "):
        row.backward(np.stack([dy, dy]), *arrays.values(), **options)


@pytest.mark.parametrize("row", [row for row in ROWS if row.layer], ids=lambda row: row.name)
@every_draw
def test_a_backward_before_any_forward_is_refused(row, data):
    arrays, options, dy = prepared(row, data.draw(row.cases))
    options.pop("target", None)
    message = rf"^{row.layer.__name__}.backward: forward must be called first, got no input yet$"
    with pytest.raises(nnref.StateError, match=message):
        row.bind(arrays, options).backward(dy)


# dtypes


@every_row
@every_draw
def test_dtype_in_is_dtype_out(row, data):
    case = data.draw(row.cases)
    for dtype in WHOLE:  # for half precision, see the next test
        results = run(row, *prepared(row, case, dtype))
        assert {(type(result), result.dtype) for result in results} == {(np.ndarray, dtype)}


@every_row
@every_draw
def test_half_precision_is_one_rounding_of_float32(row, data):
    case = data.draw(row.cases)
    for dtype in HALF:
        arrays, options, dy = prepared(row, case, dtype)
        single = run(row, cast(arrays, np.float32), options, dy.astype(np.float32))
        assert bits(run(row, arrays, options, dy)) == bits(result.astype(dtype) for result in single), dtype


# memory


@every_row
@every_draw
def test_inputs_stay_unchanged_and_outputs_share_no_memory_with_them_or_other_outputs(row, data):
    arrays, options, dy = prepared(row, data.draw(row.cases))
    inputs = [dy, *(array for array in [*arrays.values(), *options.values()] if isinstance(array, np.ndarray))]
    before, seen = bits(inputs), [*inputs]
    for result in run(row, arrays, options, dy) + run(row, arrays, options, dy):
        assert not any(np.shares_memory(result, other) for other in seen)
        seen.append(result)
    assert bits(inputs) == before


def every_other(array):
    wide = np.repeat(array[..., None], 2, axis=-1)
    return wide[..., 0]


def reversed_twice(array):
    axes = tuple(range(array.ndim))
    return np.flip(np.flip(array, axes).copy(), axes)


def fortran_order(array):
    return np.asfortranarray(array)


def channels_last(array):
    return np.moveaxis(np.moveaxis(array, 1, -1).copy(), -1, 1) if array.ndim > 1 else array


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def bytes_reversed(array):
    return array.astype(array.dtype.newbyteorder())


LAYOUTS = [every_other, reversed_twice, fortran_order, channels_last, read_only, bytes_reversed]


@every_row
@every_draw
def test_the_layout_in_memory_changes_no_bit(row, data):
    arrays, options, dy = prepared(row, data.draw(row.cases), "float32")
    expected = bits(run(row, arrays, options, dy))
    for layout in LAYOUTS:
        laid_out = {name: None if array is None else layout(array) for name, array in arrays.items()}
        assert bits(run(row, laid_out, options, layout(dy) if dy.ndim else dy)) == expected, layout.__name__


# empty batches


@every_row
@every_draw
def test_an_empty_batch_has_an_empty_result_and_zero_parameter_gradients(row, data):
    case = data.draw(row.cases)
    full, full_options = floats(case)
    whole = row.forward(*full.values(), **full_options)
    arrays, options = floats(case.with_batch(0))
    y = row.forward(*arrays.values(), **options)
    assert y.shape == (0, *whole.shape[1:]) if whole.ndim else y.shape == ()
    gradients = row.backward(draw_dy(case, y), *arrays.values(), **options)
    for (name, array), gradient in zip(arrays.items(), gradients, strict=True):
        assert (array is None) == (gradient is None), name
        if array is not None:
            assert gradient.shape == array.shape, name
            assert not gradient.any(), name


# threads


@every_row
@settings(max_examples=settings().max_examples // 5)  # because each runs sixteen calls
@every_draw
def test_threads_do_not_disturb_one_another(row, data):
    calls = [prepared(row, data.draw(row.cases)) for _ in range(4)]
    alone = [bits(run(row, *call)) for call in calls]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda call: bits(run(row, *call)), calls * 4))
    assert together == alone * 4


# classes


@pytest.mark.parametrize("row", [row for row in ROWS if row.layer], ids=lambda row: row.name)
@every_draw
def test_the_class_is_its_functions_with_parameters_bound(row, data):
    arrays, options, dy = prepared(row, data.draw(row.cases))
    target = [options.pop("target")] if "target" in options else []  # of the loss: an argument, not an option
    layer = row.bind(arrays, options)
    # with one value per channel the function gives beta, but the layer refuses: it has no variance to remember
    assume(row.name != "batch_norm2d_train" or arrays["x"].size > arrays["gamma"].size)
    y = layer(arrays["x"], *target)
    got = [y, layer.backward(dy), *layer.grads.values()]
    if target:
        options["target"] = target[0]
    expected = run(row, arrays, options, dy)
    assert bits(got) == bits(expected[: len(got)])  # the layer of batch norm does not return dmean and dvar
    assert list(layer.grads) == list(layer.params)
