"""Train a small network on scikit-learn's digits with nnref alone, then fold its batch norms into its convolutions.

    python examples/digits.py [--quick] [--plots DIR]

At the end it measures the vanishing gradient of the lecture: the size of the gradient at each depth, with sigmoid, tanh
and ReLU.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits

from nnref import (
    BatchNorm2d,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from nnref.algebra import simplify

Array = NDArray[np.float32]
Labels = NDArray[np.int64]

BATCH, RATE, MOMENTUM, DECAY = 32, 0.1, 0.9, 5e-4
DEPTH = 8  # convolutions in a network whose gradients are measured
# gains as torch.nn.init recommends: weights of variance gain²/fan_in keep the size of a signal
ACTIVATIONS: dict[str, tuple[type[Layer], float]] = {
    "sigmoid": (Sigmoid, 1),
    "tanh": (Tanh, 5 / 3),
    "ReLU": (ReLU, 2**0.5),
}


class Digits(NamedTuple):
    """Images (N, 1, 8, 8) in [0, 1] and labels (N,), for training and for testing."""

    images: Array
    labels: Labels
    test_images: Array
    test_labels: Labels


def load(rng: np.random.Generator) -> Digits:
    """Scikit-learn's 1,797 digits; a fifth of them is for testing."""
    pixels, labels = load_digits(return_X_y=True)
    order = rng.permutation(len(pixels))
    images = (pixels[order].reshape(-1, 1, 8, 8) / 16).astype(np.float32)
    train = len(pixels) * 4 // 5
    return Digits(images[:train], labels[order][:train], images[train:], labels[order][train:])


def build(rng: np.random.Generator) -> Sequential:
    """Three blocks of Conv-BN-ReLU, with a max pool after the first; then a global average and a linear layer."""
    return Sequential(
        *block(1, 32, rng),
        MaxPool2d(2),
        *block(32, 64, rng),
        *block(64, 64, rng),
        GlobalAvgPool2d(),
        Flatten(),
        Linear(64, 10, rng=rng),
    )


def block(inputs: int, outputs: int, rng: np.random.Generator) -> list[Layer]:
    """Convolution, batch norm, ReLU."""
    return [Conv2d(inputs, outputs, 3, padding=1, rng=rng), BatchNorm2d(outputs), ReLU()]


def batches(digits: Digits, rng: np.random.Generator) -> Iterator[tuple[Array, Labels]]:
    """One epoch: every training image once, in random order, each batch shifted by at most one pixel per axis."""
    order = rng.permutation(len(digits.images))
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        down, right = rng.integers(-1, 2, 2)
        yield np.roll(digits.images[batch], (down, right), axis=(2, 3)), digits.labels[batch]


def train(network: Sequential, digits: Digits, epochs: int, rng: np.random.Generator, console: Console) -> list[float]:
    """Train by stochastic gradient descent with momentum and a rate that falls along a cosine; return the losses."""
    loss, losses = SoftmaxCrossEntropy(), []
    velocity = {name: np.zeros_like(parameter) for name, parameter in network.params.items()}
    network.train()
    for epoch in track(range(epochs), "training", console=console, transient=True):
        rate = RATE * (1 + np.cos(np.pi * epoch / epochs)) / 2
        for images, labels in batches(digits, rng):
            losses.append(float(loss(network(images), labels)))
            network.backward(loss.backward())
            step(network, velocity, np.float32(rate))
    network.eval()
    return losses


def step(network: Sequential, velocity: dict[str, Array], rate: np.float32) -> None:
    """Update every parameter in place."""
    gradients = network.grads
    for name, parameter in network.params.items():
        velocity[name] = MOMENTUM * velocity[name] + gradients[name] + DECAY * parameter
        parameter -= rate * velocity[name]


def accuracy(network: Layer, images: Array, labels: Labels) -> float:
    """The share of images whose largest logit is the right one."""
    return float((network(images).argmax(axis=1) == labels).mean())


def gradient_norms(name: str, digits: Digits, rng: np.random.Generator) -> list[float]:
    """Norms of the gradient of the loss by the weight of each convolution, first layer first, before training."""
    activation, gain = ACTIVATIONS[name]
    layers: list[Layer] = []
    for depth in range(DEPTH):
        conv = Conv2d(16 if depth else 1, 16, 3, padding=1, rng=rng)
        conv.params["weight"] *= np.float32(gain * 3**0.5)  # drawn with variance 1/(3·fan_in)
        layers += [conv, activation()]
    network, loss = Sequential(*layers, GlobalAvgPool2d(), Flatten(), Linear(16, 10, rng=rng)), SoftmaxCrossEntropy()
    loss(network(digits.images[:256]), digits.labels[:256])
    network.backward(loss.backward())
    return [float(np.linalg.norm(layer.grads["weight"])) for layer in network if isinstance(layer, Conv2d)]


def show_gradients(norms: dict[str, list[float]], console: Console) -> None:
    """Print a table of gradient norms, one row per layer."""
    table = Table("layer", *norms, title="norm of the gradient")
    for depth, row in enumerate(zip(*norms.values(), strict=True), start=1):
        table.add_row(str(depth), *(f"{norm:.1e}" for norm in row))
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> float:
    """Train, fold, compare and measure; return the test accuracy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="three epochs only")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write figures to DIR (needs matplotlib)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)

    console, rng = Console(), np.random.default_rng(options.seed)
    digits, network = load(rng), build(rng)
    start = time.perf_counter()
    with threadpool_limits(1):  # matrices this small gain nothing from a second thread, and may wait for it
        losses = train(network, digits, 3 if options.quick else 30, rng, console)
    reached = accuracy(network, digits.test_images, digits.test_labels)
    console.print(f"test accuracy {reached:.2%} after {len(losses)} steps, {time.perf_counter() - start:.0f} s")

    simplified = simplify(network, (1, *digits.images.shape[1:]))
    merged = simplified.network
    before, after = network(digits.test_images), merged(digits.test_images)
    same = (before.argmax(axis=1) == after.argmax(axis=1)).mean()
    console.print(str(simplified), highlight=False)
    console.print(f"{len(network)} layers folded to {len(merged)}: {same:.0%} of predictions are the same,")
    console.print(f"logits differ by at most {abs(before - after).max():.1e}, their size {abs(before).max():.1f}")

    norms = {name: gradient_norms(name, digits, rng) for name in ACTIVATIONS}
    show_gradients(norms, console)
    if options.plots:
        from digits_plots import save_all

        save_all(options.plots, losses, network[0].params["weight"], merged[0].params["weight"], norms)
        console.print(f"figures in {options.plots}")
    return reached


if __name__ == "__main__":
    main()
