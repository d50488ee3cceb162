"""What a search notes beside wrong values: results that are used again, bits that change, cases without a verdict."""

import itertools

import numpy as np

import nnref
from nnref import oracle
from nnref.oracle import Declaration
from nnref.oracle.search.search import search


def found(report):
    return {(failure.finding.kind, failure.finding.message) for row in report.results for failure in row.failures}


def test_a_buffer_that_is_returned_again_is_found():
    buffers = {}

    def relu(x):
        y = buffers.setdefault((x.shape, x.dtype), np.empty(x.shape, x.dtype))
        y[...] = nnref.relu(x)
        return y

    report = oracle.conform({"relu": relu}, ["relu"], max_examples=40)
    assert found(report) == {("aliasing", "relu returned memory of an earlier result")}


def test_a_part_of_an_earlier_result_is_found_too():
    pool = np.empty(1 << 16, np.float32)

    def relu_backward(dy, x):
        (dx,) = nnref.relu_backward(dy, x)
        pool[: dx.size] = dx.reshape(-1)
        return (pool[: dx.size].reshape(dx.shape),)

    report = oracle.conform({"relu_backward": relu_backward}, ["relu"], max_examples=40)
    assert found(report) == {("aliasing", "relu_backward returned memory of an earlier result")}


def test_results_that_are_views_of_memory_of_their_own_are_fine():
    report = oracle.conform({"relu": lambda x: np.stack([nnref.relu(x)] * 2)[1]}, ["relu"], max_examples=40)
    assert report.ok


def test_bits_that_change_in_some_cases_only_are_noted():
    turns = itertools.count()

    def sigmoid(x):
        y = nnref.sigmoid(x)
        return np.nextafter(y, np.float32(2 * (next(turns) % 2))) if x.shape[3] > 8 else y

    report = oracle.conform({"sigmoid": sigmoid}, ["sigmoid"])
    assert report.results[0].status == "passed"
    assert report.results[0].notes == {"two calls with the same arguments gave different bits"}


def test_cases_without_a_verdict_are_counted_and_are_not_called_passed():
    declares = Declaration(algorithm="fft")
    row = search(lambda net, x: net(x), "network", "forward", declares=declares, max_examples=10, modes=("normal",))
    assert 0 < row.cases == row.without_verdict
    assert row.status == "unsupported"
    assert any(note.startswith("no verdict on any value in ") for note in row.notes)
