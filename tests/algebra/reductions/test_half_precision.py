"""A fold of half-precision layers computes in float32 and rounds once, as the layers do."""

import ml_dtypes
import numpy as np
import pytest

from nnref import BatchNorm2d, Conv2d, ConvTranspose2d, DepthwiseConv2d
from nnref.algebra.reductions import batch_norm as folds


def layers(dtype):
    """Layers of a dtype, always with the same numbers, which half precision can represent."""
    rng = np.random.default_rng(0)

    def array(*shape, power=1):
        return (rng.normal(size=shape) ** power).astype(HALF[0]).astype(HALF[1]).astype(dtype)

    def bn():
        four = {name: array(4) for name in ("weight", "bias", "running_mean")} | {"running_var": array(4, power=2)}
        return BatchNorm2d.from_arrays(**four, options={"eps": 1e-3}).eval()

    return {
        "conv": Conv2d.from_arrays(weight=array(4, 2, 3, 3), bias=array(4), options={"groups": 2}),
        "depthwise": DepthwiseConv2d.from_arrays(weight=array(4, 1, 2, 2), bias=array(4)),
        "transpose": ConvTranspose2d.from_arrays(weight=array(2, 2, 2, 2), bias=array(4), options={"groups": 2}),
        "bn": bn(),
        "other": bn(),
    }


HALF = (np.float16, ml_dtypes.bfloat16)
FOLDS = {
    "batch_norm_as_depthwise": ("bn",),
    "fuse_conv_batch_norm": ("conv", "bn"),
    "fuse_conv_transpose_batch_norm": ("transpose", "bn"),
    "fuse_batch_norm_conv": ("bn", "conv"),
    "fuse_batch_norms": ("bn", "other"),
}


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", FOLDS)
def test_it_is_the_fold_in_float32_rounded(name, dtype):
    half, single = ([layers(d)[part] for part in FOLDS[name]] for d in (dtype, np.float32))
    got, wide = (getattr(folds, name)(*parts).params for parts in (half, single))
    for key, array in got.items():
        assert array.dtype == dtype
        assert (array == wide[key].astype(dtype)).all()
        assert (array != wide[key]).any()


@pytest.mark.parametrize("dtype", HALF)
def test_the_padding_before_a_batch_norm_too(dtype):
    got, wide = (folds.padding_before_batch_norm(layers(d)["bn"]) for d in (dtype, np.float32))
    assert got.dtype == dtype
    assert (got == wide.astype(dtype)).all()
