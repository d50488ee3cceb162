"""The cost of a multiply-add in exact arithmetic: conv2d over each kind of element."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import numpy as np

from nnref import conv2d
from nnref.arithmetic import Dual, Rational, fifty_digits
from nnref.numeric import Array

from .turns import take_turns

__all__ = ["microseconds"]

KINDS: dict[str, Callable[[int], object]] = {
    "Rational": lambda n: Rational(n, 7),
    "Decimal, 50 digits": lambda n: Decimal(n) / 7,
    "Dual over Rational": lambda n: Dual(Rational(n, 7), {"t": Rational(n)}),
}


def microseconds(rounds: int, size: int = 8) -> dict[str, float]:
    """Microseconds per multiply-add, by kind of element."""
    multiply_adds = 4 * 4 * 9 * (size - 2) ** 2
    with fifty_digits():
        contenders = {kind: _convolution(element, size) for kind, element in KINDS.items()}
        timing = take_turns(contenders, rounds)
    return {kind: 1e6 * seconds / multiply_adds for kind, seconds in timing.seconds.items()}


def _convolution(element: Callable[[int], object], size: int) -> Callable[[], object]:
    rng = np.random.default_rng(0)

    def array(*shape: int) -> Array:
        filled = np.empty(shape, object)
        filled.flat = [element(int(n)) for n in rng.integers(-9, 10, filled.size)]
        return filled

    x, weight = array(1, 4, size, size), array(4, 4, 3, 3)
    return lambda: conv2d(x, weight)
