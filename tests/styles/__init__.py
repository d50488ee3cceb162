"""Right implementations in the styles that people use, all of which the oracle must accept."""

from . import activations, convolution, normalisation, pooling
from .registry import STYLES, Style

__all__ = ["STYLES", "Style", "activations", "convolution", "normalisation", "pooling"]
