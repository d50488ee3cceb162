"""How far the definition may be off: the bounds that targets are held to."""

from dataclasses import replace

import numpy as np

from nnref.bounds import format_of
from nnref.oracle import OPERATIONS, Declaration


def bounds_of(name, dy, arrays, precision, **options):
    """Of y and of every gradient, in the order of results."""
    bounds = OPERATIONS[name].bounds
    wide = [None if a is None else np.asarray(a, np.float64) for a in (dy, *arrays)]
    with np.errstate(all="ignore"):
        forward = getattr(bounds, name)(*wide[1:], **options, precision=precision)
        backward = getattr(bounds, f"{name}_backward")(*wide, **options, precision=precision)
    return [None if allowance is None else allowance.bound for allowance in (forward, *backward)]


def of_rounded_arguments():
    """For arguments such as ln 3, which are numbers of float64 only when rounded."""
    return replace(Declaration().precision("float64"), inputs=format_of("float64"))


def assert_within(got, expected, bound, message=""):
    """NaN and infinities where they are expected, all else within the bound."""
    __tracebackhide__ = True
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.shape == expected.shape, message
    with np.errstate(invalid="ignore"):
        close = (got == expected) | (np.isnan(got) & np.isnan(expected)) | (abs(got - expected) <= bound)
    assert close.all(), f"{message}: {got} is not {expected} to within {bound}"
