"""Algorithms that are no bugs where they are declared."""

import functools

import numpy as np

import nnref

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


@bug("conv2d", hint="Winograd's algorithm", right_if={"algorithm": "winograd"})
def undeclared_winograd_of_2(right, *arrays, **o):
    return winograd(2, right, *arrays, **o)


@bug("conv2d", hint="Winograd's algorithm", right_if={"algorithm": "winograd"})
def undeclared_winograd_of_4(right, *arrays, **o):
    return winograd(4, right, *arrays, **o)


@bug("conv2d", hint="Fourier transform", right_if={"algorithm": "fft"})
def undeclared_fourier_transform(right, *arrays, **o):
    return by_fourier_transform(right, *arrays, **o)


# statistics of a channel as they are merged: (values, mean, sum of squared distances from it)


def merged(a, b, weighted=False):
    """The statistics of two parts as one (Chan, Golub & LeVeque), for arrays of channels."""
    (n_a, m_a, s_a), (n_b, m_b, s_b), single = a, b, np.float32
    n, d = n_a + n_b, m_b - m_a
    mean = (single(n_a) * m_a + single(n_b) * m_b) / single(n) if weighted else m_a + d * (single(n_b) / single(n))
    return n, mean, s_a + s_b + d * d * (single(n_a) * single(n_b) / single(n))


def one_by_one(values):
    """Welford's recursion over values (n, C)."""
    mean, total = values[0], np.zeros_like(values[0])
    for k, value in enumerate(values[1:], 2):
        before = value - mean
        mean = mean + before / np.float32(k)
        total = total + before * (value - mean)
    return len(values), mean, total


def pairwise(values, weighted=False, alone=1):
    """Halves merged, down to `alone` values, which are taken one by one."""
    if len(values) <= alone:
        return one_by_one(values)
    half = len(values) // 2 + len(values) % 2
    return merged(pairwise(values[:half], weighted, alone), pairwise(values[half:], weighted, alone), weighted)


def in_threes(values, weighted=False):
    """Parts of three, as if by as many threads, merged in order."""
    parts = (one_by_one(values[start : start + 3]) for start in range(0, len(values), 3))
    return functools.reduce(functools.partial(merged, weighted=weighted), parts)


def welford(right, x, gamma, beta, *, eps, gather=one_by_one):
    """Batch norm with merged statistics."""
    if not x.size:
        return right(x, gamma, beta, eps=eps)
    n, mean, total = gather(x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1]))
    return nnref.batch_norm2d(x, gamma, beta, mean, total / np.float32(n), eps=eps)


@bug("batch_norm2d_train", hint="variance were Welford's", right_if={"variance": "welford"})
def undeclared_running_mean(right, *arrays, eps):
    return welford(right, *arrays, eps=eps)


@bug("batch_norm2d_train", hint="variance were Welford's", right_if={"variance": "welford"})
def undeclared_merged_statistics(right, *arrays, eps):
    return welford(right, *arrays, eps=eps, gather=in_threes)


@bug("batch_norm2d_train_backward", hint="variance were Welford's", right_if={"variance": "welford"})
def undeclared_running_mean_in_the_gradient(right, dy, x, gamma, beta, *, eps):
    if not x.size:
        return right(dy, x, gamma, beta, eps=eps)
    n, mean, total = one_by_one(x.transpose(0, 2, 3, 1).reshape(-1, x.shape[1]))
    r = 1 / np.sqrt(total / np.float32(n) + np.float32(eps))
    x_hat = (x - mean[:, None, None]) * r[:, None, None]
    dgamma, dbeta = (dy * x_hat).sum((0, 2, 3)), dy.sum((0, 2, 3))
    shares = (dbeta / np.float32(n))[:, None, None] + x_hat * (dgamma / np.float32(n))[:, None, None]
    return (gamma * r)[:, None, None] * (dy - shares), dgamma, dbeta


# exp, and what it is used for


def exp_by_powers_of_two(x):
    """2^(x·log₂e), the product rounded."""
    return np.exp2(x * np.float32(np.log2(np.e)))


@bug("sigmoid", hint="exp were computed as 2^(x·log₂e)", right_if={"exp": "base-2"})
def undeclared_power_of_two(right, x):
    e = exp_by_powers_of_two(-np.abs(x))
    return np.where(x < 0, e, np.float32(1)) / (1 + e)


@bug("sigmoid_backward", hint="exp were computed as 2^(x·log₂e)", right_if={"exp": "base-2"})
def undeclared_power_of_two_in_the_slope(right, dy, x):
    y = undeclared_power_of_two(right, x)
    return (dy * y * (1 - y),)


@bug("sigmoid", hint="sigmoid were computed as ½(1 + tanh(x/2))", right_if={"sigmoid": "tanh"})
def undeclared_sigmoid_by_tanh(right, x):
    return (1 + nnref.tanh(x / 2)) / 2


@bug("sigmoid_backward", hint="sigmoid were computed as ½(1 + tanh(x/2))", right_if={"sigmoid": "tanh"})
def undeclared_slope_by_tanh(right, dy, x):
    y = (1 + nnref.tanh(x / 2)) / 2
    return (dy * y * (1 - y),)


@bug("softmax_cross_entropy", hint="difference log Σ exp x − x_t", right_if={"loss": "difference"})
def undeclared_difference_of_logarithms(right, x, *, target, reduction):
    top = x.max(axis=1)
    losses = top + np.log(np.exp(x - top[:, None]).sum(axis=1)) - x[np.arange(len(x)), target]
    return np.asarray(losses.mean() if reduction == "mean" else losses.sum(), x.dtype)


@bug("softmax_cross_entropy_backward", hint="difference log Σ exp x − x_t", right_if={"loss": "difference"})
def undeclared_difference_in_the_softmax(right, dy, x, *, target, reduction):
    top = x.max(axis=1, keepdims=True)
    p = np.exp(x - (top + np.log(np.exp(x - top).sum(axis=1, keepdims=True))))
    p[np.arange(len(x)), target] -= 1
    return (p * (dy if reduction == "sum" else dy / np.float32(max(1, len(x)))),)


# zeros that are stored, and multiplied with NaN and infinities


@bug("conv2d", hint="zeros were multiplied with NaN or ±∞", right_if={"nan": "spreads"})
def undeclared_zeros_between_the_taps(right, x, weight, bias, *, dilation, **o):
    kernel = [step * (taps - 1) + 1 for step, taps in zip(dilation, weight.shape[2:], strict=True)]
    filled = np.zeros((*weight.shape[:2], *kernel), weight.dtype)
    filled[:, :, :: dilation[0], :: dilation[1]] = weight
    with np.errstate(invalid="ignore"):
        return right(x, filled, bias, dilation=(1, 1), **o)


@bug("conv2d", hint="zeros were multiplied with NaN or ±∞", right_if={"nan": "spreads"})
def undeclared_zeros_between_the_groups(right, x, weight, bias, *, groups, **o):
    k, c = len(weight) // groups, weight.shape[1]
    dense = np.zeros((len(weight), groups * c, *weight.shape[2:]), weight.dtype)
    for group in range(groups):
        dense[group * k : (group + 1) * k, group * c : (group + 1) * c] = weight[group * k : (group + 1) * k]
    with np.errstate(invalid="ignore"):
        return right(x, dense, bias, groups=1, **o)


@bug("conv2d_backward", hint="zeros were multiplied with NaN or ±∞", right_if={"nan": "spreads"})
def undeclared_zeros_between_the_cotangents(right, dy, x, weight, bias, *, stride, **o):
    every = nnref.conv2d(np.zeros_like(x), weight, None, stride=1, **o)
    filled = np.zeros((*dy.shape[:2], *every.shape[2:]), dy.dtype)
    filled[:, :, :: stride[0], :: stride[1]] = dy
    with np.errstate(invalid="ignore"):
        return right(filled, x, weight, bias, stride=(1, 1), **o)


@bug("global_avg_pool2d", hint="zeros were multiplied with NaN or ±∞", right_if={"nan": "spreads"})
def undeclared_average_by_a_matrix(right, x):
    n, c, *image = x.shape
    pixels = image[0] * image[1]
    weight = np.repeat(np.eye(c, dtype=x.dtype), pixels, axis=1) / np.float32(pixels)
    with np.errstate(invalid="ignore"):
        return (x.reshape(n, c * pixels) @ weight.T).reshape(n, c, 1, 1)
