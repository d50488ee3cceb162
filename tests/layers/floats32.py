"""A sample of all float32 numbers, and the distance of a float32 result from the exact one."""

import numpy as np

UNIT = 2.0**-24  # the relative error of one rounding
SUBNORMAL = 2.0**-149  # bound on the total absolute rounding error below the normal range, in the formulas here


def every_kind_of_float32(count):
    """Numbers spread evenly over the bit patterns, so of both signs and from subnormal to largest; and the ends."""
    patterns = np.linspace(0, 2**32 - 1, count).astype(np.uint32).view(np.float32)
    ends = np.array([0, 2.0**-149, 2.0**-126, 1, 20, 88, 100, 104, np.finfo(np.float32).max], np.float32)
    where_curved = np.linspace(-110, 110, count, dtype=np.float32)
    x = np.concatenate([patterns, ends, -ends, where_curved])
    return x[np.isfinite(x)]


def units(got, exact):
    """The largest error beyond SUBNORMAL, in units of 2^-24 of the exact value."""
    exact = exact.astype(np.float64)
    error = np.maximum(abs(got.astype(np.float64) - exact) - SUBNORMAL, 0)
    return np.max(error / np.maximum(abs(exact), 2.0**-149)) / UNIT
