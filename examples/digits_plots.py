"""The figures of `digits.py`."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

SMOOTHING = 45  # steps: one epoch


def save_all(
    folder: Path,
    losses: list[float],
    before: NDArray[np.float32],
    after: NDArray[np.float32],
    norms: dict[str, list[float]],
) -> None:
    """Write loss.png, kernels.png and gradients.png."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = {"loss": loss(losses), "kernels": kernels(before, after), "gradients": gradients(norms)}
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png", dpi=150)
        plt.close(figure)


def loss(losses: list[float]) -> Figure:
    """Plot the loss of every step, and its mean over an epoch."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    axes.semilogy(losses, color="0.8", linewidth=0.7, label="one batch")
    if len(losses) > SMOOTHING:
        mean = np.convolve(losses, np.full(SMOOTHING, 1 / SMOOTHING), "valid")
        axes.semilogy(np.arange(SMOOTHING - 1, len(losses)), mean, color="C0", label="mean of an epoch")
    axes.set(xlabel="step", ylabel="cross-entropy, nats", title="Training on the digits")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def kernels(before: NDArray[np.float32], after: NDArray[np.float32]) -> Figure:
    """Show the first layer's kernels (K, 1, 3, 3) before and after the fold, which scales each kernel by its G."""
    figure, grids = plt.subplots(1, 2, figsize=(10, 3), layout="constrained", gridspec_kw={"wspace": 0.1})
    titles = ["before the fold: F", "after the fold: G·F"]
    limit = max(abs(before).max(), abs(after).max())
    for axes, weight, title in zip(grids, (before, after), titles, strict=True):
        picture = axes.imshow(tiled(weight[:, 0]), cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes.set_title(title)
        axes.set_axis_off()
    figure.colorbar(picture, ax=grids, pad=0.03)
    figure.suptitle("Kernels of the first convolution")
    return figure


def tiled(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Put (K, h, w) images on a grid of four rows, with NaN (white) between them."""
    padded = np.pad(images, ((0, 0), (0, 1), (0, 1)), constant_values=np.nan)
    k, height, width = padded.shape
    grid = padded.reshape(4, k // 4, height, width).transpose(0, 2, 1, 3)  # (rows,h,columns,w)
    return grid.reshape(4 * height, k // 4 * width)[:-1, :-1]


def gradients(norms: dict[str, list[float]]) -> Figure:
    """Plot the norm of the gradient at every depth, one curve per activation."""
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, values in norms.items():
        depth = np.arange(1, len(values) + 1)
        axes.semilogy(depth, values, marker="o", label=name)
    axes.legend(loc="lower right", frameon=False)
    axes.set(xlabel="convolution, first to last", ylabel="norm of the gradient by its weight")
    axes.set(title="Vanishing gradients, before training", xlim=(0, len(values) + 0.5))
    axes.set_xticks(depth)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
