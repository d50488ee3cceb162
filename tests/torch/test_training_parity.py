"""The same network trained in torch and in nnref stays the same network: on scikit-learn's digits, in float64."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import nnref

torch = pytest.importorskip("torch")
nn = torch.nn

STEPS, BATCH, RATE = 50, 32, 0.1
# float64 rounds to 1e-16; fifty steps of some thousand operations each, in another order of summation, amplify that,
# and a wrong formula, eps or running statistic shows at once as 1e-2 or more
AGREEMENT = 1e-9


def in_nnref():
    f64 = {"dtype": np.float64}
    return nnref.Sequential(
        nnref.Conv2d(1, 8, 3, padding=1, **f64),
        nnref.BatchNorm2d(8, **f64),
        nnref.ReLU(),
        nnref.MaxPool2d(3, stride=2, padding=1),
        nnref.Conv2d(8, 16, 3, padding=1, groups=2, bias=False, **f64),
        nnref.BatchNorm2d(16, momentum=0.3, eps=1e-3, **f64),
        nnref.ReLU(),
        nnref.AvgPool2d(2, stride=1),
        nnref.GlobalAvgPool2d(),
        nnref.Flatten(),
        nnref.Linear(16, 10, **f64),
    )


def in_torch():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.Conv2d(8, 16, 3, padding=1, groups=2, bias=False),
        nn.BatchNorm2d(16, momentum=0.3, eps=1e-3),
        nn.ReLU(),
        nn.AvgPool2d(2, stride=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    ).double()


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    return images.reshape(-1, 1, 8, 8) / 16, labels


def assert_same_state(ours, theirs):
    __tracebackhide__ = True
    state = ours.state_dict()
    assert set(state) == set(theirs.state_dict())
    for name, tensor in theirs.state_dict().items():
        np.testing.assert_allclose(state[name], tensor.numpy(), rtol=AGREEMENT, atol=AGREEMENT, err_msg=name)


def step_of_ours(network, loss, x, labels):
    value = loss(network(x), labels)
    network.backward(loss.backward())
    for name, parameter in network.params.items():
        parameter -= RATE * network.grads[name]
    return value


def step_of_theirs(network, optimizer, x, labels):
    optimizer.zero_grad()
    value = nn.functional.cross_entropy(network(torch.tensor(x)), torch.tensor(labels))
    value.backward()
    optimizer.step()
    return value.item()


def test_fifty_steps_of_gradient_descent_agree_throughout(digits):
    images, labels = digits
    torch.manual_seed(0)
    theirs = in_torch()
    ours = in_nnref().load_state_dict(theirs.state_dict())
    optimizer, loss = torch.optim.SGD(theirs.parameters(), lr=RATE), nnref.SoftmaxCrossEntropy()
    order = np.random.default_rng(0)
    first = last = None
    for _ in range(STEPS):
        batch = order.choice(len(images), BATCH, replace=False)
        last = step_of_ours(ours, loss, images[batch], labels[batch])
        assert abs(last - step_of_theirs(theirs, optimizer, images[batch], labels[batch])) <= AGREEMENT
        assert_same_state(ours, theirs)
        first = last if first is None else first
    assert last < first  # it learnt something, so that there was something to agree on
    ours.eval(), theirs.eval()
    with torch.no_grad():
        np.testing.assert_allclose(ours(images), theirs(torch.tensor(images)).numpy(), rtol=AGREEMENT, atol=AGREEMENT)


def test_weights_move_back_to_torch():
    ours, theirs = in_nnref(), in_torch()
    theirs.load_state_dict({name: torch.tensor(array) for name, array in ours.state_dict().items()})
    assert_same_state(ours, theirs)
