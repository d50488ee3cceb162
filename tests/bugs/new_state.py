"""What a kernel keeps between calls: workspaces, plans, packed weights, results that it hands out again."""

import numpy as np

import nnref
from nnref.windows import Windows

from .habits import KEPT
from .new_registry import c, call, fitted, new_bug


def twice(*arguments, **options):
    """Two calls, with the same arguments."""
    return call(*arguments, **options), call(*arguments, **options)


@new_bug("conv2d", *twice((1, 2, 3, 3), (2, 2, 2, 2)))
def workspace_not_cleared(right, x, weight, bias, **o):
    """A sum that begins with what the call before of that shape left."""
    y = right(x, weight, None, **o)
    y = KEPT[("sum", y.shape)] = y + KEPT.get(("sum", y.shape), np.zeros((), y.dtype))
    return y.copy() if bias is None else y + c(bias)


def same_corner(x, weight, bias):
    weight[0, 0, 0, 0] = 2
    return x, weight, bias


@new_bug(
    "conv2d",
    call((1, 2, 3, 3), (2, 2, 2, 2), change=same_corner),
    call((1, 2, 3, 3), (2, 2, 2, 2), change=same_corner, seed=1),
)
def packed_weight_known_by_its_first_number(right, x, weight, bias, **o):
    key = ("packed", weight.shape, weight.dtype, float(weight.flat[0]))
    return right(x, KEPT.setdefault(key, weight.copy()), bias, **o)


@new_bug(
    "depthwise_conv2d",
    call((1, 2, 6, 6), (2, 1, 2, 2)),
    call((1, 2, 6, 6), (2, 1, 2, 2), dilation=(2, 2)),
)
def plan_kept_without_the_dilation(right, x, weight, bias, *, dilation, **o):
    y = right(x, weight, bias, dilation=dilation, **o)
    kept = KEPT.setdefault(("dilation", x.shape, weight.shape, tuple(o.items())), dilation)
    return y if kept == dilation else fitted(right(x, weight, bias, dilation=kept, **o), y.shape)


@new_bug(
    "conv_transpose2d",
    call((1, 2, 3, 3), (2, 2, 2, 2), stride=(2, 2)),
    call((1, 2, 3, 3), (2, 2, 2, 2), stride=(2, 2), padding=((1, 0), (1, 0))),
)
def plan_kept_without_the_padding(right, x, weight, bias, *, padding, **o):
    y = right(x, weight, bias, padding=padding, **o)
    kept = KEPT.setdefault(("padding", x.shape, weight.shape, o["stride"], o["dilation"], o["groups"]), padding)
    whole = right(x, weight, None, padding=0, **o)
    inside = whole[:, :, kept[0][0] :, kept[1][0] :]
    return y if kept == padding else fitted(inside if bias is None else inside + c(bias), y.shape)


@new_bug("linear", call((2, 3), (4, 3)), call((2, 3), (4, 3), bias=False))
def bias_of_an_earlier_call_where_there_is_none(right, x, weight, bias):
    if bias is not None:
        KEPT[("bias", weight.shape, weight.dtype)] = bias.copy()
    return right(x, weight, KEPT.get(("bias", weight.shape, weight.dtype)))


@new_bug("batch_norm2d", *twice((1, 2, 2, 2)))
def scale_divided_by_the_deviation_at_each_call(right, x, gamma, beta, mean, var, *, eps):
    """Kept for these parameters, and changed in place."""
    key = ("scale", gamma.tobytes(), var.tobytes(), eps)
    KEPT[key] = KEPT.get(key, gamma) / np.sqrt(var + var.dtype.type(eps))
    return (x - c(mean)) * c(KEPT[key]) + c(beta)


@new_bug("softmax_cross_entropy", call((3, 4), normal=True), call((3, 4), normal=True, reduction="sum"))
def reduction_of_the_first_call(right, x, *, target, reduction):
    return right(x, target=target, reduction=KEPT.setdefault(("reduction", x.shape), reduction))


@new_bug("max_pool2d", *(call((1, 2, 4, 4), seed=seed) for seed in range(3)))
def two_buffers_in_turn(right, x, **o):
    """The third result overwrites the first."""
    y = right(x, **o)
    turn = KEPT["turn", y.shape, y.dtype] = 1 - KEPT.get(("turn", y.shape, y.dtype), 0)
    buffer = KEPT.setdefault(("pooled", y.shape, y.dtype, turn), np.empty_like(y))
    buffer[...] = y
    return buffer


@new_bug("avg_pool2d_backward", call((1, 2, 4, 4)), call((1, 1, 4, 4)))
def view_of_a_workspace_that_only_grows(right, dy, x, **o):
    """A smaller call writes into what a larger one returned."""
    (dx,) = right(dy, x, **o)
    if KEPT.get(("grows", dx.dtype), dx[:0]).size < dx.size:
        KEPT["grows", dx.dtype] = np.empty(dx.size, dx.dtype)
    view = KEPT.get(("grows", dx.dtype), dx)[: dx.size].reshape(dx.shape) if dx.size else dx
    view[...] = dx
    return (view,)


@new_bug("max_pool2d_backward", call((1, 2, 4, 4)), call((1, 2, 4, 4), seed=1))
def maxima_of_an_earlier_image(right, dy, x, **o):
    key = ("maxima", x.shape, x.dtype, tuple(o.items()))
    return right(dy, KEPT.setdefault(key, x.copy()), **o)


@new_bug("sigmoid", call((2, 3, 2, 2), normal=True, dtype="float16"), call((2, 3, 2, 2), normal=True))
def low_precision_stays_on(right, x):
    """A switch that a call in half precision sets, and nothing resets."""
    KEPT["half"] = KEPT.get("half", False) or x.itemsize == 2
    return right(x.astype(np.float16)).astype(x.dtype) if KEPT["half"] else right(x)


@new_bug("tanh", call((2, 3), normal=True, dtype="float64"), call((2, 3), normal=True))
def dtype_of_the_first_call_of_that_shape(right, x):
    return right(x).astype(KEPT.setdefault(("dtype", x.shape), x.dtype))


@new_bug("relu", call((1, 2, 2, 2)), call((1, 2, 3, 3)))
def parts_planned_for_the_first_size(right, x):
    y = right(x)
    y.reshape(-1)[KEPT.setdefault("planned", x.size) :] = 0
    return y


@new_bug("global_avg_pool2d", call((1, 2, 2, 2)), call((1, 2, 3, 3)))
def reciprocal_of_an_earlier_image(right, x):
    pixels = x.shape[2] * x.shape[3]
    kept = KEPT.setdefault(("pixels", x.shape[:2]), pixels)
    return right(x) if kept == pixels else (right(x) * pixels / kept).astype(x.dtype)


@new_bug("batch_norm2d_train", call((2, 2, 3, 3)), call((2, 2, 3, 3), seed=1))
def mean_moved_towards_that_of_earlier_batches(right, x, gamma, beta, *, eps):
    mean, var = nnref.batch_statistics(x)
    before = KEPT.get(("mean", x.shape[1], x.dtype))
    KEPT["mean", x.shape[1], x.dtype] = mean
    moved = mean if before is None else (mean * 9 + before) / 10
    return nnref.batch_norm2d(x, gamma, beta, moved, var, eps=eps)


@new_bug("conv2d_backward", call((1, 2, 5, 5), (2, 2, 2, 2)), call((1, 2, 5, 5), (2, 2, 2, 2), stride=(3, 3)))
def pixels_under_no_window_keep_what_was_there(right, dy, x, weight, bias, **o):
    dx, dweight, dbias = right(dy, x, weight, bias, **o)
    windows = Windows.plan("bug", x.shape, weight.shape[2:], o["stride"], o["padding"], o["dilation"])
    seen = np.zeros(x.shape, bool)
    for tap in windows.taps():
        seen[tap.image] = True
    dx = np.where(seen, dx, KEPT.get(("dx", x.shape, x.dtype), np.zeros_like(x)))
    KEPT["dx", x.shape, x.dtype] = dx.copy()
    return dx, dweight, dbias


@new_bug("zero_pad2d", call((1, 2, 3, 3), padding=((1, 0), (0, 1))), call((1, 2, 3, 3), padding=((0, 1), (1, 0))))
def border_cleared_at_the_first_call_alone(right, x, *, padding):
    """One buffer for a padded shape, wherever the image lies in it."""
    shape = right(x, padding=padding).shape
    buffer = KEPT.setdefault(("border", shape, x.dtype), np.zeros(shape, x.dtype))
    (top, _), (left, _) = padding
    buffer[:, :, top : top + x.shape[2], left : left + x.shape[3]] = x
    return buffer.copy()


@new_bug("fold_conv_batch_norm", *twice((3, 2, 2, 2)))
def folded_again_at_each_call(right, weight, bias, gamma, beta, mean, var, *, eps):
    """The folded weight takes the place of the given one."""
    key = ("folded", weight.tobytes(), gamma.tobytes())
    folded, shift = right(KEPT.get(key, weight), bias, gamma, beta, mean, var, eps=eps)
    KEPT[key] = folded.copy()
    return folded, shift


@new_bug("fold_conv_transpose_batch_norm", call((4, 2, 2, 2)), call((4, 1, 2, 2), groups=2))
def groups_of_an_earlier_fold(right, weight, bias, *statistics, eps, groups):
    kept = KEPT.setdefault(("groups", len(weight), len(statistics[0])), groups)
    if kept == groups:
        return right(weight, bias, *statistics, eps=eps, groups=groups)
    _, shift = right(weight, bias, *statistics, eps=eps, groups=groups)
    scale = (statistics[0] / np.sqrt(statistics[3] + statistics[3].dtype.type(eps))).reshape(groups, -1)[0]
    return weight * scale[: weight.shape[1], None, None], shift


@new_bug("sigmoid_backward", call((2, 3), normal=True), call((2, 3), normal=True, seed=1))
def result_of_the_last_forward_of_that_shape(right, dy, x):
    """What the backward pass needs is kept, by shape."""
    return right(dy, KEPT.setdefault(("forward", x.shape, x.dtype), x.copy()))


@new_bug("linear_backward", call((2, 3), (4, 3)), call((5, 3), (4, 3)))
def dbias_over_the_first_batch_size(right, dy, x, weight, bias):
    dx, dweight, dbias = right(dy, x, weight, bias)
    rows = KEPT.setdefault(("rows", weight.shape), len(dy))
    return dx, dweight, None if dbias is None else dy[:rows].sum(axis=0)


@new_bug("batch_norm2d_train_backward", call((2, 2, 3, 3)), call((2, 2, 3, 3), eps=0.01))
def eps_of_the_first_call(right, dy, x, gamma, beta, *, eps):
    return right(dy, x, gamma, beta, eps=KEPT.setdefault(("eps", x.shape), eps))


@new_bug("flatten", *(call((1, 2, 3, 3), seed=seed) for seed in range(2)))
def row_of_a_single_sample_handed_out_again(right, x):
    """Kept for batches of one alone."""
    y = right(x)
    if len(y) != 1 or not y.size:
        return y
    rows = KEPT.setdefault(("rows", y.shape, y.dtype), np.zeros((1, y.shape[1]), y.dtype))
    rows[...] = y
    return rows
