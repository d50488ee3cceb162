"""Windows as most implementations find them: a padded copy, and where the taps lie on it."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def reach(kernel, dilation):
    return [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]


def counts(image, kernel, stride, padding, dilation=(1, 1), ceil_mode=False):
    """How many windows there are, vertically and horizontally."""
    found = []
    for size, extent, step, pads in zip(image, reach(kernel, dilation), stride, padding, strict=True):
        room = size + sum(pads) - extent
        count = room // step + 1
        if ceil_mode and room % step and count * step < size + pads[0]:
            count += 1
        found.append(count)
    return found


def padded(x, padding, value=0.0):
    return np.pad(x, ((0, 0), (0, 0), *padding), constant_values=value)


def canvas(x, kernel, stride, padding, dilation, out, value=0.0):
    """The padded image, with more behind it where windows hang over."""
    wanted = [(n - 1) * s + r for n, s, r in zip(out, stride, reach(kernel, dilation), strict=True)]
    more = [max(0, w - size - sum(p)) for w, size, p in zip(wanted, x.shape[2:], padding, strict=True)]
    return padded(x, [(p[0], p[1] + m) for p, m in zip(padding, more, strict=True)], value)


def windows(image, kernel, stride, dilation, out):
    """A view (N,C,Ho,Wo,kh,kw) of a padded image."""
    view = sliding_window_view(image, reach(kernel, dilation), axis=(2, 3))
    return view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]][:, :, : out[0], : out[1]]


def tap(u, v, stride, dilation, out):
    """Where a tap of all windows lies on a padded image."""
    at = [slice(o * d, o * d + (n - 1) * s + 1, s) for o, d, n, s in zip((u, v), dilation, out, stride, strict=True)]
    return (..., at[0], at[1])


def cropped(image, padding, shape):
    """A padded image without its padding."""
    (top, _), (left, _) = padding
    return np.ascontiguousarray(image[:, :, top : top + shape[2], left : left + shape[3]])
