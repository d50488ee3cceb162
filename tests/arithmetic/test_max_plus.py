"""The laws of a commutative, idempotent semiring, and max pooling as a product."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnref.arithmetic import MaxPlus, max_plus, rational

ZERO, ONE = MaxPlus(-math.inf), MaxPlus(0)
# payloads whose sums are exact, because the laws are those of real numbers and not of rounded ones
payloads = st.integers() | st.fractions() | st.fractions().map(rational) | st.just(-math.inf)
triples = st.sampled_from([st.integers(), st.fractions(), st.fractions().map(rational)]).flatmap(
    lambda exact: st.tuples(*[(exact | st.just(-math.inf)).map(MaxPlus)] * 3)
)


@given(triples)
def test_semiring_laws(elements: tuple[MaxPlus, MaxPlus, MaxPlus]) -> None:
    a, b, c = elements
    assert (a + b) + c == a + (b + c)
    assert (a * b) * c == a * (b * c)
    assert a + b == b + a
    assert a * b == b * a
    assert a * (b + c) == a * b + a * c
    assert a + a == a
    assert a + a.zero() == a == a.zero() + a
    assert a * a.constant(0) == a == ONE * a
    assert a * a.zero() == ZERO == a.zero() * a


@given(payloads, st.integers() | st.fractions())
def test_operations_are_max_and_plus(a, b) -> None:  # type: ignore[no-untyped-def]
    assert (MaxPlus(a) + MaxPlus(b)).payload == max(a, b)
    if a != -math.inf:
        assert (MaxPlus(a) * MaxPlus(b)).payload == a + b


@given(payloads)
def test_equal_elements_have_equal_hashes(a) -> None:  # type: ignore[no-untyped-def]
    assert MaxPlus(a) == MaxPlus(a)
    assert hash(MaxPlus(a)) == hash(MaxPlus(a))
    assert pickle.loads(pickle.dumps(MaxPlus(a))) == copy.deepcopy(MaxPlus(a)) == MaxPlus(a)


def test_equality_is_that_of_payloads() -> None:
    assert MaxPlus(1) == MaxPlus(1.0) == MaxPlus(Fraction(1))
    assert MaxPlus(1) != MaxPlus(2)
    assert MaxPlus(1) != 1
    assert repr(MaxPlus(1)) == "MaxPlus(1)"


@pytest.mark.parametrize("other", [0.0, 5.0, -math.inf, math.inf])
def test_nan_is_handed_on(other: float) -> None:
    nan = MaxPlus(math.nan)
    for result in (
        nan + MaxPlus(other),
        MaxPlus(other) + nan,
        nan * MaxPlus(other),
        MaxPlus(other) * nan,
    ):
        assert math.isnan(result.payload)


@pytest.mark.parametrize("number", [0, 1, 0.0, True, np.int64(0), Fraction(0)])
def test_numbers_do_not_mix(number: float) -> None:
    for attempt in (
        lambda: ONE + number,
        lambda: number + ONE,
        lambda: ONE * number,
        lambda: number * ONE,
    ):
        with pytest.raises(TypeError):
            attempt()


def test_subtraction_is_refused_with_the_reason() -> None:
    for attempt in (lambda: ONE - ONE, lambda: 1 - ONE, lambda: ONE - 1, lambda: -ONE):
        with pytest.raises(TypeError, match="a maximum cannot be undone"):
            attempt()


@given(st.lists(st.integers(-9, 9), min_size=4, max_size=12))
def test_a_product_with_ones_is_max_pooling(values: list[int]) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(max_plus(values), 3)
    pooled = windows @ np.full(3, ONE)
    expected = [max(values[i : i + 3]) for i in range(len(values) - 2)]
    assert [y.payload for y in pooled] == expected
    assert windows.sum(axis=1, initial=ZERO).tolist() == pooled.tolist()


def test_matmul_finds_longest_paths() -> None:
    # edge lengths of a graph; the path from 0 to 3 over 1 and 2 is the longest
    lengths = np.full((4, 4), -math.inf)
    lengths[0, 1], lengths[1, 2], lengths[2, 3], lengths[0, 3] = 2, 3, 4, 5
    edges = max_plus(lengths)
    longest = edges + edges @ edges + edges @ edges @ edges
    paths = [(0, *middle, 3) for k in range(3) for middle in itertools.permutations((1, 2), k)]
    by_hand = max(sum(lengths[e] for e in itertools.pairwise(path)) for path in paths)
    assert longest[0, 3].payload == by_hand == 9


def test_arrays_keep_shape() -> None:
    for array in (np.ones((2, 0)), np.ones((2, 3)), np.float64(3)):
        assert max_plus(array).shape == array.shape
        assert max_plus(array).dtype == object
