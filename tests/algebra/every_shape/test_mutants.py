"""Seeded bugs in the sources that run symbolically: a claim for every shape, or a lemma, is then not proved.

Each bug replaces a piece of a function. It changes what the function computes at some shape.
"""

import __future__

import inspect
import os
import textwrap
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from nnref import im2col, options, windows
from nnref.algebra import claims
from nnref.algebra.reductions import (
    adjoint,
    batch_norm,
    branches,
    common,
    composition,
    linear,
    neighbours,
    padding,
    pooling,
)
from nnref.layers import avg_pool2d, conv2d, conv_transpose2d, depthwise_conv2d, flatten, global_avg_pool2d, zero_pad2d
from nnref.layers import batch_norm2d as norms
from nnref.layers import linear as linears
from nnref.windows import Windows

pytest.importorskip("z3")
from nnref.algebra.every_shape import Refused, prove_lemma, settled

ALL = os.environ.get("NNREF_HYPOTHESIS_PROFILE") == "ci"
EVERY = 6  # of these bugs one is tried, unless all are


class Mutant(NamedTuple):
    function: Callable[..., Any]
    right: str
    wrong: str
    shows: str  # the claim or lemma that is no longer proved

    def __str__(self) -> str:
        return f"{self.function.__name__}: {self.wrong}"


AXIS, BLOCKS = "lemma axis", "lemma blocks"
GRADIENT, POOLED = "conv2d-gradient", "avg-pool-conv"

MUTANTS = (
    Mutant(Windows._axis, "max(0, -(at // step))", "max(0, -at // step)", AXIS),
    Mutant(Windows._axis, "max(0, -(at // step))", "max(0, -(at // step) + 1)", AXIS),
    Mutant(Windows._axis, "(size - 1 - at) // step + 1", "(size - at) // step + 1", AXIS),
    Mutant(Windows._axis, "min(self.out[axis],", "min(self.out[axis] + 1,", AXIS),
    Mutant(Windows._axis, "slice(at + first * step,", "slice(max(0, at),", AXIS),
    Mutant(Windows._axis, "offset * self.dilation[axis]", "offset", AXIS),
    Mutant(Windows.taps, "self._on_image(0), self._on_image(1)", "self._on_image(0), self._on_image(0)", "lemma taps"),
    Mutant(Windows.taps, "Tap((u, v)", "Tap((v, u)", "lemma taps"),
    Mutant(Windows._on_image, "out.stop > out.start", "out.stop > out.start + 1", "lemma taps"),
    Mutant(Windows.blocks, "min(columns, width - j)", "columns", BLOCKS),
    Mutant(Windows.blocks, "range(0, width, columns)", "range(0, width, columns + 1)", BLOCKS),
    Mutant(Windows.blocks, "slice(n, n + batch)", "slice(n, n + batch + 1)", BLOCKS),
    Mutant(Windows.blocks, "self.origin[0] + i * self.stride[0]", "self.origin[0] + i", BLOCKS),
    Mutant(Windows.blocks, "self.origin[1] + j * self.stride[1]", "self.origin[1]", BLOCKS),
    Mutant(windows.count_windows, "fitting = room // stride + 1", "fitting = -(-room // stride) + 1", "lemma windows"),
    Mutant(windows.count_windows, "room % stride > 0", "room % stride >= 0", "lemma windows in ceil_mode"),
    Mutant(windows.count_windows, "< size + pads[0]", "<= size + pads[0]", "lemma windows in ceil_mode"),
    Mutant(options.parse_padding, "(total // 2, total - total // 2)", "(total - total // 2, total // 2)", "lemma same"),
    Mutant(options.parse_padding, "(-(-size // step) - 1) * step", "(-(-size // step)) * step", "lemma same"),
    Mutant(im2col.gather, "x[tap.image]", "x[tap.image] * 2", GRADIENT),
    Mutant(im2col.gather, "*tap.offset, *tap.out", "*tap.offset[::-1], *tap.out", POOLED),
    Mutant(im2col.scatter, "into[tap.image] += ", "into[tap.image] += 2 * ", GRADIENT),
    Mutant(im2col.correlate, "_patches(x[samples], block, groups)", "_patches(x[samples], windows, groups)", POOLED),
    Mutant(
        im2col.correlate, "y[samples, :, rows, columns] = product", "y[samples, :, rows, columns] = 2 * product", POOLED
    ),
    Mutant(im2col.correlate_transpose, "swapaxes(1, 2)", "swapaxes(1, 2) * 2", GRADIENT),
    Mutant(im2col.correlate_transpose, "dy[samples, :, rows, columns]", "dy[:, :, rows, columns]", GRADIENT),
    Mutant(im2col.correlate_filters, "x[samples]", "x", GRADIENT),
    Mutant(im2col._joined, "transpose(1, 2, 0, 3)", "transpose(1, 0, 2, 3)", GRADIENT),
    Mutant(conv2d.conv2d, "y += bias[:, None, None]", "y += bias", "linear-conv"),
    Mutant(conv2d.conv2d_backward, "sum_over(dy, (0, 2, 3), bias)", "sum_over(dy, (0, 2), bias)[:, 0]", GRADIENT),
    Mutant(conv2d.conv2d_backward, "return dx, dweight", "return dx * 2, dweight", GRADIENT),
    Mutant(conv_transpose2d._plan, "+ extra[a] + 1", "+ extra[a]", "conv-transpose-adjoint"),
    Mutant(
        conv_transpose2d.conv_transpose2d,
        "y += bias[:, None, None]",
        "y += 2 * bias[:, None, None]",
        "conv-transpose2d-gradient",
    ),
    Mutant(depthwise_conv2d.depthwise_conv2d_backward, ".sum(axis=2)", ".sum(axis=2) * 2", "depthwise-conv2d-gradient"),
    Mutant(
        depthwise_conv2d.depthwise_conv2d_backward,
        "dy_block[tap.out]",
        "dy_block[..., ::1, :][tap.out] * 3",
        "depthwise-conv2d-gradient",
    ),
    Mutant(avg_pool2d.avg_pool2d, "return y / count", "return y", POOLED),
    Mutant(avg_pool2d.avg_pool2d, "y[tap.out] += x[tap.image]", "y[tap.out] += x[tap.image] * 2", POOLED),
    Mutant(avg_pool2d.avg_pool2d_backward, "share = dy / count", "share = dy", "avg-pool2d-gradient"),
    Mutant(
        global_avg_pool2d.global_avg_pool2d,
        "x.shape[2] * x.shape[3]",
        "x.shape[2] + x.shape[3]",
        "global-avg-pool-conv",
    ),
    Mutant(
        global_avg_pool2d.global_avg_pool2d_backward,
        "x.shape[2] * x.shape[3]",
        "x.shape[3]",
        "global-avg-pool2d-gradient",
    ),
    Mutant(zero_pad2d._plan, "slice(top, top + height)", "slice(bottom, bottom + height)", "pad-conv"),
    Mutant(flatten.flatten_backward, "dy.copy()", "(dy * 2)", "flatten-gradient"),
    Mutant(linears.linear_backward, "return dy @ weight", "return 2 * (dy @ weight)", "linear-gradient"),
    Mutant(norms.normalize2d, "y *= _c(gamma * inv_std)", "y *= _c(inv_std)", "batch-norm-affine"),
    Mutant(norms.normalize2d_backward, "centred * inv_std", "centred * gamma", "normalize2d-gradient"),
    Mutant(norms.batch_norm2d_backward, "r * r * r / 2", "r * r / 2", "batch-norm2d-gradient"),
    Mutant(batch_norm.output_scaled, "scale * bias + shift", "bias + shift", "conv-batch-norm"),
    Mutant(batch_norm.scale_and_shift, "beta - mean * scale", "beta + mean * scale", "conv-batch-norm"),
    Mutant(
        batch_norm.fuse_conv_transpose_batch_norm,
        "scale.reshape(groups, 1, -1, 1, 1)",
        "scale.reshape(groups, -1, 1, 1, 1)",
        "conv-transpose-batch-norm",
    ),
    Mutant(batch_norm.input_scaled, "bias + offset", "bias", "batch-norm-conv"),
    Mutant(batch_norm.rescaled, "beta * scale + shift", "beta + shift", "batch-norms-compose"),
    Mutant(padding._added, "(left + l, right + r)", "(left + r, right + l)", "pad-conv"),
    Mutant(padding._added, "(top + t, bottom + b)", "(top + t, bottom)", "pad-avg-pool"),
    Mutant(composition.depthwise_as_conv, '{"groups": groups}', '{"groups": groups, "dilation": 1}', "depthwise-conv"),
    Mutant(composition.regrouped, "dense[:, member, :, member]", "dense[:, member, :, 0]", "grouped-dense"),
    Mutant(
        composition._composed_weight,
        "_product((tap[0], tap[1]), far)",
        "_product((tap[1], tap[0]), far)",
        "convs-compose",
    ),
    Mutant(composition._composed_bias, "else carried + bias_2", "else bias_2", "convs-compose"),
    Mutant(composition.composed, "p[0] + s * p_2[0]", "p[0] + p_2[0]", "pointwise-then-padded-conv"),
    Mutant(composition._common_grid, "// grid + 1", "// grid + 2", "convs-compose"),
    Mutant(pooling.avg_pool_as_depthwise, "rows * columns", "rows + columns", "avg-pool-depthwise"),
    Mutant(
        pooling.global_avg_pool_as_avg_pool, "image, least=1)", "(image[0], 1), least=1)", "global-avg-pool-avg-pool"
    ),
    Mutant(
        linear.linear_as_conv,
        "reshape(outputs, -1, *image)",
        "reshape(outputs, -1, image[1], image[0])",
        "flatten-linear-conv",
    ),
    Mutant(branches.identity_as_conv, "columns // 2] += 1", "0] += 1", "identity-conv"),
    Mutant(branches.identity_as_conv, "weight[:, member, member,", "weight[:, member, 0,", "identity-conv"),
    Mutant(branches._laid, "(padding[axis][0] - own[axis][0]) // grid[axis]", "0 * grid[axis]", "sum-of-convs"),
    Mutant(
        branches.sum_of_depthwise,
        "*map(depthwise_as_conv, convs)",
        "*map(depthwise_as_conv, convs[:1] * 2)",
        "sum-of-depthwise",
    ),
    Mutant(neighbours.fuse_pads, "a[1] + b[1]", "a[1] + b[0]", "pads-compose"),
    Mutant(neighbours.compose_linears, "carried + bias_2", "bias_2", "linears-compose"),
    Mutant(
        neighbours.fuse_batch_norm_linear,
        "filters * shift[:, None]",
        "filters * scale[:, None]",
        "batch-norm-flatten-linear",
    ),
    Mutant(
        adjoint.conv_transpose_as_adjoint,
        'if name != "output_padding"',
        'if name not in ("output_padding", "dilation")',
        "conv-transpose-adjoint",
    ),
    Mutant(common.padding_of, 'layer.options["padding"], (extent', "0, (extent", "pad-conv"),
)


def seed(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the wrong code into the function itself, so that all who have imported it run it."""
    function = inspect.unwrap(mutant.function)
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(mutant.right) == 1, source
    names: dict[str, Any] = dict(function.__globals__)
    code = compile(source.replace(mutant.right, mutant.wrong), __file__, "exec", __future__.annotations.compiler_flag)
    exec(code, names)
    monkeypatch.setattr(function, "__code__", inspect.unwrap(names[function.__name__]).__code__)


def is_proved(name: str) -> bool:
    """Whether the claim, or the lemma, is proved."""
    try:
        if name.startswith("lemma "):
            return prove_lemma(name.removeprefix("lemma ")).goals > 0
        return all(d.equal for case in claims[name].every_shape for d in settled(claims[name], case).found)
    except Refused:
        return False


@pytest.mark.parametrize("mutant", MUTANTS if ALL else MUTANTS[::EVERY], ids=str)
def test_is_no_longer_proved(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    seed(mutant, monkeypatch)
    assert not is_proved(mutant.shows)


def test_bugs_are_in_reductions_layers_and_windows() -> None:
    modules = {mutant.function.__module__.split(".")[1] for mutant in MUTANTS}
    assert modules == {"algebra", "layers", "windows", "options", "im2col"}
    assert len(set(map(str, MUTANTS))) == len(MUTANTS) >= 60
