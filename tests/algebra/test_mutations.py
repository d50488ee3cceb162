"""Seeded bugs: every reduction, with one thing in its source wrong, makes a claim fail."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nnref import algebra as a
from nnref.algebra import Certificate, claims, prove

# reduction, its module, what its source says, what the bug makes of it
MUTATIONS = (
    (
        "batch_norm_as_depthwise",
        "batch_norm",
        "bias=shift.astype(dtype)",
        "bias=None",
    ),
    ("batch_norm_as_depthwise", "batch_norm", "np.sqrt(var + constant(eps, var))", "np.sqrt(var)"),
    ("batch_norm_as_depthwise", "batch_norm", "np.sqrt(var + constant(eps, var))", "(var + constant(eps, var))"),
    ("batch_norm_as_depthwise", "batch_norm", "constant(eps, var)", "constant(1e-5, var)"),
    (
        "fuse_conv_batch_norm",
        "batch_norm",
        "shift if bias is None else scale * bias + shift\n\n\n@layer_function\ndef rescaled",
        "shift if bias is None else bias + shift\n\n\n@layer_function\ndef rescaled",
    ),
    (
        "fuse_conv_batch_norm",
        "batch_norm",
        "weight * scale[:, None, None, None], shift",
        "weight * scale[None, :, None, None], shift",
    ),
    ("fuse_conv_batch_norm", "batch_norm", "beta - mean * scale", "beta - mean"),
    ("fuse_conv_batch_norm", "batch_norm", "beta - mean * scale", "beta + mean * scale"),
    (
        "fuse_conv_transpose_batch_norm",
        "batch_norm",
        "scale.reshape(groups, 1, -1, 1, 1)).reshape",
        "scale.reshape(-1, 1, groups, 1, 1)).reshape",
    ),
    (
        "fuse_conv_transpose_batch_norm",
        "batch_norm",
        "shift if bias is None else scale * bias + shift,",
        "shift if bias is None else bias + shift,",
    ),
    ("fuse_batch_norm_conv", "batch_norm", "by.reshape(groups, 1, -1, 1, 1)", "by.reshape(groups, -1, 1, 1, 1)"),
    (
        "fuse_batch_norm_conv",
        "batch_norm",
        "offset if bias is None else bias + offset",
        "offset if bias is None else bias",
    ),
    ("fuse_batch_norms", "batch_norm", "gamma * scale, beta * scale", "gamma * scale, beta"),
    ("fuse_batch_norms", "batch_norm", "gamma * scale, beta * scale", "gamma, beta * scale"),
    ("fuse_batch_norms", "batch_norm", "**first.buffers, options=first", "**first.buffers, options=second"),
    ("padding_before_batch_norm", "batch_norm", "np.asarray(-shift / scale,", "np.asarray(-shift,"),
    (
        "fuse_pad_conv",
        "padding",
        "(top + t, bottom + b), (left + l, right + r)",
        "(top + t, bottom + b), (right + l, left + r)",
    ),
    (
        "fuse_pad_avg_pool",
        "padding",
        "(top + t, bottom + b), (left + l, right + r)",
        "(left + t, right + b), (top + l, bottom + r)",
    ),
    ("compose_convs", "composition", '"stride": _product(stride, stride_2)', '"stride": stride_2'),
    ("compose_convs", "composition", 'steps_of(second, "dilation"), stride)', 'steps_of(second, "dilation"), (1, 1))'),
    ("compose_convs", "composition", "p[0] + s * p_2[0]", "p[0] + p_2[0]"),
    ("compose_convs", "composition", '"gkm,gmcuv->gkcuv"', '"gmk,gmcuv->gkcuv"'),
    ("compose_convs", "composition", "carried if bias_2 is None else carried + bias_2", "bias_2"),
    ("depthwise_as_conv", "composition", 'options=conv.options | {"groups": groups}', 'options={"groups": groups}'),
    (
        "grouped_as_dense",
        "composition",
        "dense[:, member, :, member] = weights",
        "dense[:, member, :, merged - 1 - member] = weights",
    ),
    ("avg_pool_as_depthwise", "pooling", "Fraction(1, rows * columns)", "Fraction(1, rows + columns)"),
    ("avg_pool_as_depthwise", "pooling", '"stride": steps_of(pool, "stride"), ', ""),
    ("avg_pool_as_conv", "pooling", '"padding": padding}', '"padding": 0}'),
    ("global_avg_pool_as_avg_pool", "pooling", '"image", image, least', '"image", image[::-1], least'),
    ("global_avg_pool_as_conv", "pooling", "global_avg_pool_as_avg_pool(image), channels", "AvgPool2d(1), channels"),
    ("linear_as_conv", "linear", "bias=bias_of(linear))", ")"),
    ("linear_as_conv", "linear", "reshape(outputs, -1, *image)", "reshape(outputs, *image, -1).transpose(0, 3, 1, 2)"),
    ("conv_as_linear", "linear", "transpose(0, 2, 3, 1, 4, 5)", "transpose(0, 3, 2, 1, 4, 5)"),
    ("conv_as_linear", "linear", "np.repeat(bias, positions)", "np.tile(bias, positions)"),
    ("conv_transpose_as_adjoint", "adjoint", 'weight=conv.params["weight"]', 'weight=conv.params["weight"][..., ::-1]'),
    (
        "conv_transpose_as_adjoint",
        "adjoint",
        'if name != "output_padding"',
        'if name not in ("output_padding", "stride")',
    ),
    ("identity_as_conv", "branches", "own, rows // 2, columns // 2] +=", "own, rows // 2, columns - 1] +="),
    ("identity_as_conv", "branches", "np.arange(channels) % (channels // groups)", "np.arange(channels) // groups"),
    ("sum_of_convs", "branches", "(padding[axis][0] - own[axis][0]) // grid[axis]", "0"),
    ("sum_of_convs", "branches", '"dilation": grid, ', ""),
    ("sum_of_convs", "branches", "own[axis][0]) // grid", "own[axis][0]) * grid"),
    ("reparameterize", "branches", 'weight.shape[1] * first.options["groups"]', "weight.shape[1]"),
    ("fuse_pad_conv", "padding", "(top + t, bottom + b)", "(top, bottom + b)"),
    ("fuse_pad_conv", "padding", "(left + l, right + r)", "(left + l, right - r)"),
    ("sum_of_convs", "branches", 'max(1, steps_of(conv, "dilation")[axis] // grid[axis])', "1"),
    (
        "sum_of_convs",
        "branches",
        "functools.reduce(operator.add, biases) if biases else None",
        "biases[0] if biases else None",
    ),
    ("reparameterize", "branches", "one = fuse_conv_batch_norm(one, layer)", "pass"),
    (
        "reparameterize",
        "branches",
        "depthwise_as_conv(batch_norm_as_depthwise(layer))",
        "identity_as_conv(channels, groups=channels, dtype=object)",
    ),
    ("max_pool_as_max_plus_conv", "max_plus", 'options | {"padding"', '{"groups": channels} | {"padding"'),
    ("max_pool_as_max_plus_conv", "max_plus", "MaxPlus(0)", "MaxPlus(1)"),
)


@contextmanager
def mutated(module: str, right: str, wrong: str) -> Iterator[None]:
    """Run the source of a module of reductions with one change, in place; and put it back."""
    loaded = importlib.import_module(f"nnref.algebra.reductions.{module}")
    source = Path(loaded.__file__ or "").read_text(encoding="utf-8")
    assert source.count(right) == 1, f"{module} has {right!r} {source.count(right)} times"
    saved = dict(vars(loaded))
    exec(compile(source.replace(right, wrong), f"mutated {module}", "exec"), vars(loaded))
    try:
        yield
    finally:
        vars(loaded).update(saved)


def fails(name: str) -> bool:
    """Whether a claim that holds is refuted, or its layers do not fit any more."""
    try:
        return not isinstance(prove(name), Certificate)
    except (ValueError, TypeError, ArithmeticError, IndexError):
        return True


@pytest.mark.parametrize(("reduction", "module", "right", "wrong"), MUTATIONS)
def test_a_claim_fails(reduction: str, module: str, right: str, wrong: str) -> None:
    about = [name for name, claim in claims.items() if reduction in claim.reductions]
    with mutated(module, right, wrong):
        assert any(map(fails, about)), f"no claim about {reduction} notices {wrong!r}"
    assert not any(map(fails, about[:1]))  # as it was


def test_every_reduction_is_mutated() -> None:
    assert {reduction for reduction, *_ in MUTATIONS} == set(a.reductions.__all__)
