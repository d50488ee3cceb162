"""A verdict on torch's own kernels, in both precisions, and on what torch is known to do."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from nnref import oracle  # noqa: E402
from nnref.oracle.campaign.task import function_of  # noqa: E402
from nnref.oracle.operations import OPERATIONS  # noqa: E402
from nnref.oracle.targets.resolve import resolve  # noqa: E402

ROWS = [(op.name, direction) for op in OPERATIONS.values() for direction in op.directions]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", OPERATIONS)
def test_no_failure_and_no_false_alarm(op, dtype):
    report = oracle.conform(resolve("torch"), [op], [dtype], max_examples=60, seed=3)
    assert not [failure.finding.message for result in report.results for failure in result.failures]
    assert report.counts()["failed"] == 0


def test_every_operation_but_the_rational_core_is_there():
    target = resolve("torch")
    assert {op for op, direction in ROWS if function_of(target, op, direction) is None} == {"normalize2d"}


def test_finding_torch_1_the_gradient_of_a_window_in_padding_goes_to_another_channel():
    x = torch.zeros(1, 2, 1, 1, requires_grad=True)
    y, index = torch.nn.functional.max_pool2d(x, (2, 1), 1, (1, 0), (2, 1), return_indices=True)
    assert y.isneginf().all()
    assert index.flatten().tolist() == [1, 1]  # of an image of one pixel


def test_finding_torch_2_sigmoid_is_zero_where_it_is_subnormal():
    assert torch.sigmoid(torch.tensor([-95.0])).item() == 0
    assert np.exp(-95.0) > 0


def test_half_precision_is_judged_too():
    report = oracle.conform(resolve("torch"), ["linear", "relu"], ["float16"], max_examples=60)
    assert report.counts()["passed"] == len(report.results)
