"""Algorithms that are no bugs where they are declared."""

import numpy as np

from .registry import bug

WINOGRAD = {  # F(2,3) and F(4,3): Aᵀ, G, Bᵀ
    2: (
        [[1, 1, 1, 0], [0, 1, -1, -1]],
        [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]],
        [[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]],
    ),
    4: (
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ],
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
    ),
}


def winograd(m, right, x, weight, bias, *, groups, **o):
    """Winograd's F(m×m, 3×3) in float32 where it applies."""
    if weight.shape[2:] != (3, 3) or o["stride"] != (1, 1) or o["dilation"] != (1, 1):
        return right(x, weight, bias, groups=groups, **o)
    y = right(x, weight, None, groups=groups, **o) * 0
    height, width = y.shape[2:]
    at, g, bt = (np.array(matrix, np.float32) for matrix in WINOGRAD[m])
    (top, _), (left, _) = o["padding"]
    tiles = [-(-height // m), -(-width // m)]
    padded = np.zeros((*x.shape[:2], tiles[0] * m + 2, tiles[1] * m + 2), np.float32)
    rows, columns = min(x.shape[2], padded.shape[2] - top), min(x.shape[3], padded.shape[3] - left)
    padded[:, :, top : top + rows, left : left + columns] = x[:, :, :rows, :columns]
    kernels = g @ weight @ g.T
    out = np.zeros((len(x), len(weight), tiles[0] * m, tiles[1] * m), np.float32)
    k, c = len(weight) // groups, weight.shape[1]
    for i in range(tiles[0]):
        for j in range(tiles[1]):
            tile = bt @ padded[:, :, i * m : i * m + m + 2, j * m : j * m + m + 2] @ bt.T
            for f in range(len(weight)):
                group = slice(f // k * c, f // k * c + c)
                product = (tile[:, group] * kernels[f]).sum(axis=1)
                out[:, f, i * m : i * m + m, j * m : j * m + m] = at @ product @ at.T
    y = out[:, :, :height, :width]
    return np.ascontiguousarray(y) if bias is None else y + bias[:, None, None]


def by_fourier_transform(right, x, weight, bias, *, groups, **o):
    """Convolution through a Fourier transform in float32, for whole images of stride 1."""
    if o["stride"] != (1, 1) or o["dilation"] != (1, 1) or not x.size:
        return right(x, weight, bias, groups=groups, **o)
    padded = np.pad(x, ((0, 0), (0, 0), *o["padding"]))
    shape = tuple(2 ** int(np.ceil(np.log2(n + k))) for n, k in zip(padded.shape[2:], weight.shape[2:], strict=True))
    images = np.fft.rfft2(padded, shape).astype(np.complex64)
    kernels = np.fft.rfft2(weight[:, :, ::-1, ::-1], shape).astype(np.complex64)
    k, c = len(weight) // groups, weight.shape[1]
    kh, kw = weight.shape[2:]
    y = np.empty((len(x), len(weight), padded.shape[2] - kh + 1, padded.shape[3] - kw + 1), np.float32)
    for f in range(len(weight)):
        group = slice(f // k * c, f // k * c + c)
        whole = np.fft.irfft2((images[:, group] * kernels[f]).sum(axis=1), shape)
        y[:, f] = whole[:, kh - 1 : padded.shape[2], kw - 1 : padded.shape[3]]
    return y if bias is None else y + bias[:, None, None]


@bug("conv2d", hint="Winograd")
def undeclared_winograd_of_2(right, *arrays, **o):
    return winograd(2, right, *arrays, **o)


@bug("conv2d", hint="Winograd")
def undeclared_winograd_of_4(right, *arrays, **o):
    return winograd(4, right, *arrays, **o)


@bug("conv2d", hint="Fourier")
def undeclared_fourier_transform(right, *arrays, **o):
    return by_fourier_transform(right, *arrays, **o)
