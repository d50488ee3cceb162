"""Batch normalisation, and its fold into a convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

import nnref

from ...algebra.reductions.batch_norm import fuse_conv_batch_norm, fuse_conv_transpose_batch_norm
from ...bounds import batch_norm
from .conventions import GRADIENT_OF_NO_SAMPLE
from .operation import (
    EPS_FIELD,
    IMAGE,
    Geometry,
    Operation,
    Shape,
    eps_option,
    image,
    is_power_of_two,
    per_channel,
)

__all__ = ["ROWS"]

FOLD = {"kernel": (1, 1), "bias": (0,), "eps": (0,)}
STATISTICS = ("gamma", "beta", "mean", "var")
# (s, ε) with s² + ε a power of four, for a batch of values μ ± s
SPREADS = ((1, 3), (1, 15), (3, 7), (2, 12))


def _of_scaled(g: Geometry, fine: float) -> float | None:
    """The quantum of γ·r·(x − μ): r is 1, ½ or ¼, or its cube in a gradient."""
    return fine**3 * 2.0**-7


def _of_batch(g: Geometry, fine: float) -> float | None:
    count = g["N"][0] * g["H"][0] * g["W"][0]
    return fine**4 * 2.0**-9 / count**2 if count > 1 and is_power_of_two(count) else None


def _make_batch_exact(raw: Any, arrays: dict[str, Any], options: dict[str, Any]) -> None:
    """Set half of the values of a channel to μ + s and half to μ − s, in random places. Then σ² = s²."""
    spread, options["eps"] = SPREADS[raw.one(len(SPREADS))]
    n, c, height, width = arrays["x"].shape
    count = n * height * width
    if count % 2 == 0:
        signs = 1.0 - 2 * (np.argsort(raw.below(1 << 30, (c, count)), axis=1, kind="stable") % 2)
        signs = signs.reshape(c, n, height, width).transpose(1, 0, 2, 3)
        arrays["x"] = raw.integers((c,))[:, None, None] + spread * signs


def _fold_shapes(g: Geometry) -> dict[str, Shape | None]:
    k, c = g["K"][0], g["Cg"][0]
    bias = (k,) if g["bias"][0] else None
    return {"weight": (k, c, *g["kernel"]), "bias": bias} | dict.fromkeys(STATISTICS, (k,))


def _fold_transpose_shapes(g: Geometry) -> dict[str, Shape | None]:
    groups, c, k = g["groups"][0], g["Cg"][0], g["Kg"][0]
    bias = (groups * c,) if g["bias"][0] else None
    return {"weight": (groups * k, c, *g["kernel"]), "bias": bias} | dict.fromkeys(STATISTICS, (groups * c,))


def _folded(kind: Any, fuse: Any) -> Any:
    """A fold of `nnref.algebra` as a function of arrays: (weight, bias)."""

    def run(weight: Any, bias: Any, gamma: Any, beta: Any, mean: Any, var: Any, *, eps: Any, **options: Any) -> Any:
        conv = kind.from_arrays(weight=weight, bias=bias, options=options)
        given = {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": var}
        params = fuse(conv, nnref.BatchNorm2d.from_arrays(**given, options={"eps": eps}).eval()).params
        return params["weight"], params["bias"]

    return run


ROWS = (
    Operation(
        name="batch_norm2d",
        least=IMAGE | EPS_FIELD,
        shapes=per_channel(*STATISTICS),
        output=image,
        options=eps_option,
        bounds=batch_norm,
        quantum=_of_scaled,
        contracts=True,
        cancels="some",
        conventions=(GRADIENT_OF_NO_SAMPLE,),
    ),
    Operation(
        name="batch_norm2d_train",
        least=IMAGE | EPS_FIELD,
        shapes=per_channel("gamma", "beta"),
        output=image,
        options=eps_option,
        bounds=batch_norm,
        quantum=_of_batch,
        contracts=True,
        cancels="all",
        exact_data=_make_batch_exact,
    ),
    Operation(
        name="normalize2d",
        least=IMAGE,
        shapes=per_channel("gamma", "beta", "mean", "inv_std"),
        output=image,
        bounds=batch_norm,
        quantum=_of_scaled,
        contracts=True,
        cancels="some",
        conventions=(GRADIENT_OF_NO_SAMPLE,),
    ),
    Operation(
        name="fold_conv_batch_norm",
        least={"K": (1,), "Cg": (1,)} | FOLD,
        shapes=_fold_shapes,
        output=lambda g: (),
        results=lambda g: {"weight": _fold_shapes(g)["weight"], "bias": g["K"]},
        options=eps_option,
        bounds=batch_norm,
        quantum=_of_scaled,
        forward_only=True,
        run=_folded(nnref.Conv2d, fuse_conv_batch_norm),
    ),
    Operation(
        name="fold_conv_transpose_batch_norm",
        least={"groups": (1,), "Kg": (1,), "Cg": (1,)} | FOLD,
        shapes=_fold_transpose_shapes,
        output=lambda g: (),
        results=lambda g: {
            "weight": _fold_transpose_shapes(g)["weight"],
            "bias": (g["groups"][0] * g["Cg"][0],),
        },
        options=lambda g: eps_option(g) | {"groups": g["groups"][0]},
        bounds=batch_norm,
        quantum=_of_scaled,
        forward_only=True,
        run=_folded(nnref.ConvTranspose2d, fuse_conv_transpose_batch_norm),
    ),
)
