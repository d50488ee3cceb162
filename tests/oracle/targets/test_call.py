"""Nothing that a target does crashes the oracle."""

import sys

import numpy as np
import pytest

import nnref
from nnref.oracle import Unsupported, arrays_of, parse
from nnref.oracle.targets.call import call

CASE = parse("relu.forward float32 normal contiguous seed=0 N=1 C=1 H=1 W=2")


def found(function, case=CASE):
    answer = call(function, case, *arrays_of(case))
    return answer.finding and (answer.finding.kind, answer.finding.message)


def test_a_right_answer():
    assert found(nnref.relu) is None


def raises(error):
    def target(x):
        raise error

    return target


def writes(x):
    x[...] = 0
    return np.zeros_like(x)


def reshapes(x):
    y = nnref.relu(x)
    x.shape = (2, 1, 1, 1)
    return y


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def sets_errors(x):
    np.seterr(over="raise")
    return nnref.relu(x)


def seeds(x):
    np.random.seed(0)
    return nnref.relu(x)


def draws(x):
    np.random.random()
    return nnref.relu(x)


ROWS = [
    (raises(ValueError("bad\n  news")), "exception", "relu raised ValueError: bad news"),
    (raises(SystemExit(3)), "exception", "relu raised SystemExit: 3"),
    (raises(RecursionError("deep")), "exception", "relu raised RecursionError: deep"),
    (raises(MemoryError()), "exception", "relu raised MemoryError: "),
    (raises(GeneratorExit()), "exception", "relu raised GeneratorExit: "),
    (raises(ValueError("x" * 1000)), "exception", "x..."),
    (lambda x: sys.exit("gone"), "exception", "relu raised SystemExit: gone"),
    (lambda x: "text", "structure", "y must be an array of numbers, got str"),
    (lambda x: object(), "structure", "y must be an array of numbers, got object"),
    (lambda x: [[1.0], [1.0, 2.0]], "structure", "y must be an array of numbers, got list (ValueError: "),
    (lambda x: x, "aliasing", "relu returned memory of its input x"),
    (lambda x: x[..., ::-1], "aliasing", "relu returned memory of its input x"),
    (writes, "input modified", "relu wrote into its input x"),
    (reshapes, "input modified", "relu wrote into its input x"),
    (raises(Mute()), "exception", "relu raised Mute: (its text cannot be read)"),
    (sets_errors, "global state", "relu changed np.seterr"),
    (seeds, "global state", "relu changed NumPy's global random state"),
    (draws, "global state", "relu changed NumPy's global random state"),
]


@pytest.mark.parametrize(("function", "kind", "message"), ROWS)
def test_it_becomes_a_finding(function, kind, message):
    before = np.geterr()
    np.random.random()
    answer = found(function)
    assert answer is not None
    assert answer[0] == kind
    assert message in answer[1]
    assert np.geterr() == before


def test_an_option_that_is_an_array_is_no_place_to_write_either():
    case = parse("softmax_cross_entropy.forward float32 normal contiguous seed=0 N=3 C=4 sum=0")

    def target(x, *, target, reduction):
        y = nnref.softmax_cross_entropy(x, target=target, reduction=reduction)
        target[...] = 0
        return y

    arrays, options = arrays_of(case)
    before = options["target"].copy()
    finding = call(target, case, arrays, options).finding
    assert (finding.kind, finding.message) == ("input modified", f"{case.function} wrote into its input target")
    assert (options["target"] == before).all()


def test_whatever_generator_numpy_draws_from():
    usual = np.random.get_bit_generator()
    np.random.set_bit_generator(np.random.PCG64(0))
    try:
        assert found(nnref.relu) is None
        assert found(draws) == ("global state", "relu changed NumPy's global random state")
    finally:
        np.random.set_bit_generator(usual)


def test_warnings_of_a_target_are_its_own_business():
    import warnings

    def warns(x):
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        return nnref.relu(x) + np.float32(0) * np.log(np.zeros((), np.float32) - 1).astype("f")

    assert found(warns) is None


def test_unsupported_says_why():
    answer = call(raises(Unsupported("no ReLU")), CASE, *arrays_of(CASE))
    assert (answer.unsupported, answer.finding) == ("no ReLU", None)


def test_an_interrupt_is_the_users_not_the_targets():
    with pytest.raises(KeyboardInterrupt):
        found(raises(KeyboardInterrupt()))


def test_a_backward_must_return_a_tuple():
    case = parse("relu.backward float32 normal contiguous seed=0 N=1 C=1 H=1 W=2")
    expected = ("structure", "relu_backward must return a tuple (dx,), got ndarray")
    assert found(lambda dy, x: dy.copy(), case) == expected


def test_anything_that_speaks_dlpack_or_array_is_read():
    class Tensor:
        def __init__(self, array):
            self.array = array

        def __dlpack__(self, **options):
            return self.array.__dlpack__(**options)

        def __dlpack_device__(self):
            return self.array.__dlpack_device__()

    assert found(lambda x: Tensor(nnref.relu(x))) is None
    assert found(lambda x: nnref.relu(x).tolist()) is None  # float64 then, which the judge refuses
