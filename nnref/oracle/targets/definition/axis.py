r"""Where the windows of a sliding operation lie along one axis.

Output position o, tap a  ->  pixel  o*stride + a*dilation - before,  on the image if 0 <= pixel < size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


@dataclass(frozen=True)
class Axis:
    """`size` pixels, `before` and `after` pixels of padding, and a window that slides over them."""

    size: int
    kernel: int
    stride: int
    before: int
    after: int
    dilation: int = 1

    def outputs(self, ceil_mode: bool = False) -> int:
        """floor((size + before + after - dilation*(kernel - 1) - 1) / stride) + 1.

        `ceil_mode` takes the ceiling, unless the window that it adds starts at size + before or later.
        """
        room = self.size + self.before + self.after - self.dilation * (self.kernel - 1) - 1
        floor, ceiling = room // self.stride + 1, -(-room // self.stride) + 1
        added = ceil_mode and floor * self.stride < self.size + self.before
        return ceiling if added else floor

    def inside(self, o: int) -> Iterator[Pair]:
        """(tap, pixel) for every tap of window `o` on the image, in order."""
        for a in range(self.kernel):
            pixel = o * self.stride + a * self.dilation - self.before
            if 0 <= pixel < self.size:
                yield a, pixel

    def extent(self, o: int) -> int:
        """How many taps of window `o` are on the image or its padding, and not beyond (dilation 1)."""
        start = o * self.stride - self.before
        return min(start + self.kernel, self.size + self.after) - start


def axes(image: Pair, kernel: Pair, stride: Pair, padding: Padding, dilation: Pair = (1, 1)) -> tuple[Axis, Axis]:
    """The vertical and the horizontal axis of an image of shape (H, W)."""
    vertical, horizontal = (Axis(image[d], kernel[d], stride[d], *padding[d], dilation[d]) for d in (0, 1))
    return vertical, horizontal
