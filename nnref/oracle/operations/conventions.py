"""The conventions that the oracle knows. docs/oracle.md lists them with the answer that nnref gives."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, nan
from typing import Any

import numpy as np

from ...bounds import gamma
from ...numeric import Array
from ...windows import Windows
from .convention import Convention, Open, OpenShape, Question

__all__ = ["CONVENTIONS", "EMPTY_BATCH", "open_shapes"]

Shape = tuple[int, ...]
Places = dict[int, "Open | OpenShape"]

STATISTICS = ("gamma", "mean", "var", "inv_std")
ROUNDINGS = 6  # of a gradient of the loss whose exponentials are 0 or 1


def _values(**answers: Any) -> dict[str, tuple[Any, Any]]:
    """Answers that are exact."""
    return {name: (value, 0.0) for name, value in answers.items()}


def _windows(shape: Shape, options: Mapping[str, Any]) -> Windows:
    """The windows of a pool on an image."""
    geometry = (options["stride"], options["padding"], options.get("dilation", 1), options["ceil_mode"])
    return Windows.plan("conventions", shape, options["kernel_size"], *geometry)


def _without_pixel(question: Question) -> Array:
    """Which windows contain no pixel: (Ho, Wo)."""
    x = question.arrays["x"]
    assert x is not None
    return _windows(x.shape, question.options).count_taps(False) == 0


def _mean_of_no_pixel(question: Question) -> Places:
    if question.direction == "backward":  # such a window has no part in it
        return {}
    none = _without_pixel(question) & (not question.options["count_include_pad"])
    return {0: Open("mean_of_no_pixel", none, {"0": (0.0, 0.0), "nan": (nan, 0.0)})}


def _maximum_of_no_pixel(question: Question) -> Places:
    if question.direction == "backward":
        return {}
    lowest = -question.precision.storage.largest
    answers = {"-inf": -inf, "lowest": lowest, "0": 0.0, "nan": nan}
    return {0: Open("maximum_of_no_pixel", _without_pixel(question), _values(**answers))}


def open_shapes(shape: Shape, options: Mapping[str, Any]) -> dict[str, Shape]:
    """Answer -> shape of the result of a pool on an image, where there are several; empty elsewhere.

    Along an axis whose padding at the end is as large as the kernel, whole windows may lie behind the image.
    """
    if not options.get("ceil_mode"):
        return {}
    windows = _windows(shape, options)
    counts = [_counts(windows, axis) for axis in (0, 1)]
    if all(len(set(count.values())) == 1 for count in counts):
        return {}
    return {name: (*shape[:2], counts[0][name], counts[1][name]) for name in counts[0]}


def _windows_in_padding(question: Question) -> Places:
    x = question.arrays["x"]
    if x is None or question.direction == "backward" or not (shapes := open_shapes(x.shape, question.options)):
        return {}
    beyond = "mean_of_no_pixel" if "count_include_pad" in question.options else "maximum_of_no_pixel"
    return {0: OpenShape("windows_in_padding", shapes, beyond)}


def _counts(windows: Windows, axis: int) -> dict[str, int]:
    """How many windows there are along an axis, by answer."""
    stride, kept = windows.stride[axis], windows.out[axis]
    before, after = -windows.origin[axis], windows.end[axis] - windows.image[axis]
    extent = windows.dilation[axis] * (windows.kernel[axis] - 1) + 1
    behind = windows.image[axis] + before  # where the image ends
    if after < extent:
        return dict.fromkeys(("kept", "last dropped", "on the image", "all"), kept)
    every = -(-(behind + after - extent) // stride) + 1
    last_dropped = every - 1 if (every - 1) * stride >= behind else every
    return {"kept": kept, "last dropped": last_dropped, "on the image": -(-behind // stride), "all": every}


def _relu_at_nan(question: Question) -> Places:
    dy, x = question.arrays.get("dy"), question.arrays["x"]
    if dy is None or x is None:
        return {}
    return {0: Open("relu_at_nan", np.isnan(x), {"dy": (dy, 0.0), "0": (0.0, 0.0), "nan": (nan, 0.0)})}


def _with_infinity(x: Array) -> Array:
    """Which rows of logits have a +∞ and no NaN: (N,)."""
    return np.asarray((x == inf).any(axis=1) & ~np.isnan(x).any(axis=1))


def _loss_at_infinity(question: Question) -> Places:
    x = question.arrays["x"]
    assert x is not None
    rows = _with_infinity(x)
    undefined = np.isnan(x).any() or (x == -inf).all(axis=1).any()
    if question.direction == "backward" or not rows.any() or undefined:
        return {}
    of_target = x[np.arange(len(x)), question.options["target"]]
    difference = nan if (of_target[rows] == inf).any() else inf  # log Σ exp x − x_t
    return {0: Open("loss_at_infinity", np.array(True), _values(nan=nan, inf=difference))}


def _loss_gradient_at_infinity(question: Question) -> Places:
    x, dy = question.arrays["x"], question.arrays.get("dy")
    if dy is None or x is None or not (rows := _with_infinity(x)).any():
        return {}
    infinite, one_hot = x == inf, np.zeros_like(x)
    one_hot[np.arange(len(x)), question.options["target"]] = 1
    share = infinite / np.maximum(infinite.sum(axis=1, keepdims=True), 1)
    scale = dy / (len(x) if question.options["reduction"] == "mean" else 1)
    size = np.abs(scale) * (share + one_hot)
    off = (gamma(ROUNDINGS, question.precision.u) + 2 * question.precision.storage.u) * size
    bound = np.where(size > 0, off + question.precision.storage.normal, 0.0)
    limit, partly = scale * (share - one_hot), np.where(infinite, nan, -scale * one_hot)
    answers = {"nan": (nan, 0.0), "limit": (limit, bound), "nan at infinity": (partly, bound)}
    return {0: Open("loss_gradient_at_infinity", rows[:, None], answers)}


def _gradient_of_no_sample(question: Question) -> Places:
    x, names = question.arrays["x"], list(question.arrays)
    if question.direction == "forward" or x is None or len(x):
        return {}
    is_nan = {name: np.isnan(a) for name in STATISTICS if (a := question.arrays.get(name)) is not None}
    answers, places = {"0": (0.0, 0.0), "nan": (nan, 0.0)}, {}
    for name in is_nan:  # the sum of nothing, times the other parameters, and dσ² also times r³
        where = np.any([at for other, at in is_nan.items() if other != name or name == "var"], axis=0)
        places[names.index(name) - 1] = Open("gradient_of_no_sample", where, answers)
    return dict(places)


MEAN_OF_NO_PIXEL = Convention("mean_of_no_pixel", "mean of no pixel", ("0", "nan"), _mean_of_no_pixel)
MAXIMUM_OF_NO_PIXEL = Convention(
    "maximum_of_no_pixel", "maximum of no pixel", ("-inf", "lowest", "0", "nan"), _maximum_of_no_pixel
)
WINDOWS_IN_PADDING = Convention(
    "windows_in_padding",
    "windows behind the image in ceil_mode",
    ("kept", "last dropped", "on the image", "all"),
    _windows_in_padding,
)
RELU_AT_NAN = Convention("relu_at_nan", "gradient of relu at NaN", ("dy", "0", "nan"), _relu_at_nan)
LOSS_AT_INFINITY = Convention("loss_at_infinity", "loss at a logit of +∞", ("nan", "inf"), _loss_at_infinity)
LOSS_GRADIENT_AT_INFINITY = Convention(
    "loss_gradient_at_infinity",
    "gradient of the loss at a logit of +∞",
    ("nan", "limit", "nan at infinity"),
    _loss_gradient_at_infinity,
)
GRADIENT_OF_NO_SAMPLE = Convention(
    "gradient_of_no_sample", "gradient of an empty batch beside a NaN", ("0", "nan"), _gradient_of_no_sample
)
EMPTY_BATCH = Convention("empty_batch", "an empty batch", ("computed", "refused"))
CONVENTIONS = {
    convention.name: convention
    for convention in (
        MEAN_OF_NO_PIXEL,
        MAXIMUM_OF_NO_PIXEL,
        WINDOWS_IN_PADDING,
        RELU_AT_NAN,
        LOSS_AT_INFINITY,
        LOSS_GRADIENT_AT_INFINITY,
        GRADIENT_OF_NO_SAMPLE,
        EMPTY_BATCH,
    )
}
