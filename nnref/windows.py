"""Where windows lie on an image: a plan in integers.

Tap u of window i along an axis lies at pixel ``origin + i*stride + u*dilation``, where ``origin = -padding``. `plan`
checks shapes and options once; what follows cannot fail. Convolution and pooling are then one loop over taps::

    for tap in windows.taps():
        y[tap.out] += x[tap.image] * weight[tap.offset]

``tap.out`` are the windows whose tap lies on the image, and ``tap.image`` are the pixels it lies on. Padding is never
stored: it is where there is no pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .errors import OptionError, ShapeError, refuse
from .numeric import Array
from .options import Pair, pair, parse_padding

__all__ = ["Tap", "Windows", "count_windows"]

SCRATCH_BYTES = 1 << 21  # of one block: small enough for a level-2 cache, large enough to amortise a matmul call


class Tap(NamedTuple):
    """One kernel position: its offset, the windows whose tap lies on the image, and the pixels it lies on."""

    offset: Pair
    out: tuple[Any, slice, slice]
    image: tuple[Any, slice, slice]


@dataclass(frozen=True, slots=True)
class Windows:
    """A grid of `out` windows of `kernel` taps on an `image`; every pair is (vertical, horizontal).

    `origin` is the pixel of window 0's first tap, and `end` is the first pixel beyond the padded image.
    """

    image: Pair
    kernel: Pair
    stride: Pair
    dilation: Pair
    origin: Pair
    end: Pair
    out: Pair

    @classmethod
    def plan(
        cls,
        function: str,
        image: tuple[int, ...],
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
    ) -> Windows:
        """Check the options of `function` on an image (…, H, W) and lay out its windows.

        Raises
        ------
        OptionError : an option is outside its domain.
        ShapeError : no window fits on the padded image.
        """
        kernel = pair(function, "kernel_size", kernel_size, least=1)
        steps = pair(function, "stride", stride, least=1)
        spread = pair(function, "dilation", dilation, least=1)
        extent = tuple(d * (k - 1) + 1 for k, d in zip(kernel, spread, strict=True))
        pads = parse_padding(function, padding, (image[-2], image[-1]), extent, steps)
        if not isinstance(ceil_mode, bool):
            refuse(OptionError, function, "ceil_mode", "True or False", repr(ceil_mode))
        out = tuple(map(count_windows, image[-2:], extent, steps, pads, (ceil_mode, ceil_mode)))
        if min(out) < 1:
            padded = tuple(size + sum(pad) for size, pad in zip(image[-2:], pads, strict=True))
            refuse(
                ShapeError, function, "x", f"at least {extent} pixels for the kernel's extent", f"{padded} with padding"
            )
        origin = (-pads[0][0], -pads[1][0])
        end = (image[-2] + pads[0][1], image[-1] + pads[1][1])
        return cls((image[-2], image[-1]), kernel, steps, spread, origin, end, (out[0], out[1]))

    def taps(self) -> Iterator[Tap]:
        """All taps that lie on the image in some window, in row-major order of the kernel."""
        rows, columns = self._on_image(0), self._on_image(1)
        for u, out_rows, image_rows in rows:
            for v, out_columns, image_columns in columns:
                yield Tap((u, v), (..., out_rows, out_columns), (..., image_rows, image_columns))

    def _on_image(self, axis: int) -> list[tuple[int, slice, slice]]:
        every = ((u, *self._axis(axis, u)) for u in range(self.kernel[axis]))
        return [(u, out, image) for u, out, image in every if out.stop > out.start]

    def _axis(self, axis: int, offset: int) -> tuple[slice, slice]:
        """The windows along `axis` whose tap `offset` lies on the image, and the pixels it lies on."""
        size, step = self.image[axis], self.stride[axis]
        at = self.origin[axis] + offset * self.dilation[axis]  # pixel of window 0
        first = max(0, -(at // step))
        last = min(self.out[axis], (size - 1 - at) // step + 1)
        if last <= first:
            return slice(0, 0), slice(0, 0)
        return slice(first, last), slice(at + first * step, at + (last - 1) * step + 1, step)

    def count_taps(self, include_pad: bool) -> Array:
        """How many taps of each window lie on the image, or with `include_pad` on the padded image: (Ho, Wo) ints."""
        counts = []
        for axis in (0, 1):
            start = self.origin[axis] + self.stride[axis] * np.arange(self.out[axis])
            pixel = start[:, None] + self.dilation[axis] * np.arange(self.kernel[axis])  # (out, kernel)
            before_end = pixel < (self.end[axis] if include_pad else self.image[axis])
            counts.append((before_end & (include_pad | (pixel >= 0))).sum(axis=1))
        return np.multiply.outer(*counts)

    def blocks(self, samples: int, bytes_per_window: int) -> Iterator[tuple[slice, slice, slice, Windows]]:
        """Cut a batch into blocks (samples, rows, columns) whose scratch memory stays near `SCRATCH_BYTES`.

        Each block comes with its own windows, whose taps still address the whole image.
        """
        height, width = self.out
        windows = max(1, SCRATCH_BYTES // bytes_per_window)
        columns = min(width, windows)
        rows = min(height, max(1, windows // width))
        batch = max(1, windows // (height * width))
        for n in range(0, samples, batch):
            for i in range(0, height, rows):
                for j in range(0, width, columns):
                    out = (min(rows, height - i), min(columns, width - j))
                    origin = (self.origin[0] + i * self.stride[0], self.origin[1] + j * self.stride[1])
                    block = replace(self, origin=origin, out=out)
                    yield slice(n, n + batch), slice(i, i + out[0]), slice(j, j + out[1]), block


def count_windows(size: int, extent: int, stride: int, pads: Pair, ceil_mode: bool) -> int:
    """How many windows fit on one axis; with `ceil_mode` a last one may hang over the end.

    A window that hangs over is dropped if it starts at or beyond the end of the image, as in torch. A window that fits
    is kept, wherever it starts: `ceil_mode` never gives fewer windows.
    """
    room = size + sum(pads) - extent
    fitting = room // stride + 1
    hangs_over = ceil_mode and room % stride > 0 and fitting * stride < size + pads[0]
    return fitting + hangs_over
