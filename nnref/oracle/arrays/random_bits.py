"""Random numbers that are the same on every machine: raw bits, and exact arithmetic on them."""

from __future__ import annotations

from math import prod

import numpy as np

from ...numeric import Array
from ..operations import Shape

__all__ = ["RandomBits"]


class RandomBits:
    """A stream of random bits, which exact arithmetic turns into numbers."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def below(self, limit: int, shape: Shape = ()) -> Array:
        """Integers in [0, limit)."""
        raw = np.asarray(self._bits.random_raw(prod(shape)) if shape else self._bits.random_raw(), np.uint64)
        return ((raw >> np.uint64(32)) % np.uint64(limit)).astype(np.int64).reshape(shape)

    def one(self, limit: int) -> int:
        """An int in [0, limit)."""
        return (int(self._bits.random_raw()) >> 32) % limit

    def integers(self, shape: Shape, largest: int = 4) -> Array:
        """Whole numbers in [−largest, largest], as float64."""
        return (self.below(2 * largest + 1, shape) - largest).astype(np.float64)

    def normal(self, shape: Shape) -> Array:
        """Sums of four uniform numbers, with mean 0 and variance 1: nearly normal, and reproducible."""
        raw = self.below(1 << 24, (4, *shape)).sum(axis=0) - (2 << 24)
        return np.asarray(raw * (2.0**-24 * 3**0.5))

    def scale(self, decades: int) -> float:
        """10^U(−decades, decades)."""
        return 10.0 ** ((self.one(1 << 20) * 2.0**-20 * 2 - 1) * decades)
