"""Bugs of the kinds that real projects have shipped, each a few lines around a right layer.

A row says where the bug is, and whether it hides behind a size (a vector's tail, a tile's edge), in which case no small
input shows it. Where a bug has a docstring, that names public reports of its kind. The oracle has to find every one:
`test_the_tests.py`.
"""

from . import (
    activations,
    algorithms,
    batch_norm,
    convolution,
    convolution_backward,
    folds,
    habits,
    layouts,
    networks,
    pooling,
    reported,
    sizes,
)
from .registry import BUGS, Bug

__all__ = [
    "BUGS",
    "Bug",
    "activations",
    "algorithms",
    "batch_norm",
    "convolution",
    "convolution_backward",
    "folds",
    "habits",
    "layouts",
    "networks",
    "pooling",
    "reported",
    "sizes",
]
