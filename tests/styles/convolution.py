"""Convolutions and linear layers."""

import functools

import numpy as np

from ..bugs.registry import BF16
from .geometry import canvas, counts, cropped, padded, tap, windows
from .registry import in_double, style

DTYPES = ("float32", "float16")


def biased(y, bias):
    return y if bias is None else y + bias[:, None, None]


def prepared(x, weight, stride, padding, dilation):
    """The padded image, and the extents of the result."""
    return padded(x, padding), counts(x.shape[2:], weight.shape[2:], stride, padding, dilation)


def tap_by_tap(x, weight, bias, *, stride, padding, dilation, groups):
    """A matrix product for every tap, on a shifted image."""
    image, out = prepared(x, weight, stride, padding, dilation)
    k, c = len(weight) // groups, weight.shape[1]
    y = np.zeros((len(x), len(weight), *out), x.dtype)
    for u, v in np.ndindex(*weight.shape[2:]):
        shifted = image[tap(u, v, stride, dilation, out)]
        for g in range(groups):
            part, filters = shifted[:, g * c : g * c + c], weight[g * k : g * k + k, :, u, v]
            y[:, g * k : g * k + k] += np.einsum("kc,nchw->nkhw", filters, part)
    return biased(y, bias)


style("conv2d", dtypes=DTYPES)(tap_by_tap)


@style("conv2d", dtypes=("float32", "float64"))
def windows_by_einsum(x, weight, bias, *, stride, padding, dilation, groups):
    image, out = prepared(x, weight, stride, padding, dilation)
    seen = windows(image, weight.shape[2:], stride, dilation, out)
    seen = seen.reshape(len(x), groups, -1, *seen.shape[2:])
    filters = weight.reshape(groups, -1, *weight.shape[1:])
    y = np.einsum("ngchwuv,gkcuv->ngkhw", seen, filters)
    return biased(y.reshape(len(x), len(weight), *out), bias)


@style("conv2d")
def columns_and_one_product(x, weight, bias, *, stride, padding, dilation, groups):
    """im2col, then GEMM per group."""
    image, out = prepared(x, weight, stride, padding, dilation)
    seen = windows(image, weight.shape[2:], stride, dilation, out).transpose(0, 2, 3, 1, 4, 5)
    columns = seen.reshape(len(x) * out[0] * out[1], groups, weight[0].size)
    filters = weight.reshape(groups, len(weight) // groups, weight[0].size)
    y = np.stack([columns[:, g] @ filters[g].T for g in range(groups)], axis=1)
    y = y.reshape(len(x), *out, len(weight)).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(biased(y, bias))


@style("conv2d")
def channels_last_inside(x, weight, bias, *, stride, padding, dilation, groups):
    image, out = prepared(x, weight, stride, padding, dilation)
    nhwc, k, c = image.transpose(0, 2, 3, 1).copy(), len(weight) // groups, weight.shape[1]
    y = np.zeros((len(x), *out, len(weight)), x.dtype) if bias is None else np.full((len(x), *out, len(weight)), bias)
    for u, v in np.ndindex(*weight.shape[2:]):
        _, rows, columns = tap(u, v, stride, dilation, out)
        shifted = nhwc[:, rows, columns]
        for g in range(groups):
            y[..., g * k : g * k + k] += shifted[..., g * c : g * c + c] @ weight[g * k : g * k + k, :, u, v].T
    return np.ascontiguousarray(y.transpose(0, 3, 1, 2))


style("conv2d")(in_double(tap_by_tap))


@style("conv2d")
def pixel_by_pixel(x, weight, bias, *, stride, padding, dilation, groups):
    """A dot product for every pixel, as a loop nest has it."""
    image, out = prepared(x, weight, stride, padding, dilation)
    seen = windows(image, weight.shape[2:], stride, dilation, out)
    y, k, c = np.empty((len(x), len(weight), *out), x.dtype), len(weight) // groups, weight.shape[1]
    for i, j in np.ndindex(*out):
        for g in range(groups):
            part = seen[:, g * c : g * c + c, i, j].reshape(len(x), c * weight[0, 0].size)
            y[:, g * k : g * k + k, i, j] = part @ weight[g * k : g * k + k].reshape(k, -1).T
    return biased(y, bias)


def terms_of(x, weight, stride, padding, dilation, groups):
    """Every product by itself: (n terms, N, K, Ho, Wo)."""
    image, out = prepared(x, weight, stride, padding, dilation)
    seen = windows(image, weight.shape[2:], stride, dilation, out)
    per_filter = np.arange(len(weight))[:, None] // (len(weight) // groups) * weight.shape[1] + np.arange(
        weight.shape[1]
    )
    products = seen[:, per_filter] * weight[None, :, :, None, None]  # (N,K,c,Ho,Wo,kh,kw)
    return np.moveaxis(products, (2, 5, 6), (0, 1, 2)).reshape(-1, len(x), len(weight), *out)


@style("conv2d")
def pairwise_sums(x, weight, bias, *, groups, **o):
    terms = terms_of(x, weight, o["stride"], o["padding"], o["dilation"], groups)
    while len(terms) > 1:
        odd = terms[-1:] if len(terms) % 2 else terms[:0]
        terms = np.concatenate([terms[0 : len(terms) - len(odd) : 2] + terms[1 : len(terms) - len(odd) : 2], odd])
    return biased(terms[0], bias)


@style("conv2d", nan="spreads")
def compensated_sums(x, weight, bias, *, groups, **o):
    """Kahan's: an infinite sum leaves ∞ − ∞ behind."""
    total = lost = 0
    for term in terms_of(x, weight, o["stride"], o["padding"], o["dilation"], groups):
        y = term - lost
        new = total + y
        lost, total = (new - total) - y, new
    return biased(total, bias)


@style("conv2d")
def channels_in_two_halves(x, weight, bias, *, groups, **o):
    """Split-K: two kernels, and a last addition."""
    if groups > 1 or weight.shape[1] < 2:
        return tap_by_tap(x, weight, bias, groups=groups, **o)
    half = weight.shape[1] // 2
    first = tap_by_tap(x[:, :half], weight[:, :half], None, groups=1, **o)
    return tap_by_tap(x[:, half:], weight[:, half:], bias, groups=1, **o) + first


@style("conv2d", accumulate="bfloat16")
def sums_in_bfloat16(x, weight, bias, *, groups, **o):
    terms = terms_of(x, weight, o["stride"], o["padding"], o["dilation"], groups)
    total = functools.reduce(lambda a, b: (a + b).astype(BF16), terms.astype(BF16)).astype(np.float32)
    return total if bias is None else (total + bias[:, None, None]).astype(BF16).astype(np.float32)


def significant(x, bits):
    mantissa, exponent = np.frexp(x)
    return np.ldexp(np.rint(mantissa * 2**bits) / 2**bits, exponent).astype(x.dtype)


@style("conv2d", inputs="tf32")
def tensor_cores(x, weight, bias, **o):
    return tap_by_tap(significant(x, 11), significant(weight, 11), bias, **o)


@style("conv2d", nan="spreads")
def matrix_of_the_whole_image(x, weight, bias, *, groups, **o):
    """The Toeplitz matrix, zeros included."""
    size = x[0, 0].size * weight.shape[1]
    units = np.eye(size, dtype=x.dtype).reshape(size, weight.shape[1], *x.shape[2:])
    k, c, parts = len(weight) // groups, weight.shape[1], []
    for g in range(groups):
        matrix = tap_by_tap(units, weight[g * k : g * k + k], None, groups=1, **o)
        flat = x[:, g * c : g * c + c].reshape(len(x), size)
        parts.append((flat @ matrix.reshape(size, -1)).reshape(len(x), *matrix.shape[1:]))
    return biased(np.concatenate(parts, axis=1), bias)


@style("conv2d", nan="spreads")
def groups_by_a_sparse_filter(x, weight, bias, *, groups, **o):
    k, c = len(weight) // groups, weight.shape[1]
    dense = np.zeros((len(weight), x.shape[1], *weight.shape[2:]), x.dtype)
    for g in range(groups):
        dense[g * k : g * k + k, g * c : g * c + c] = weight[g * k : g * k + k]
    return tap_by_tap(x, dense, bias, groups=1, **o)


def toom_cook(points, m, r):
    """Aᵀ, G, Bᵀ of F(m, r)."""
    n = len(points)
    at = np.array([[p**j for p in points] + [float(j == m - 1)] for j in range(m)])
    g = np.array(
        [[p**k / np.prod([p - q for q in points if q != p]) for k in range(r)] for p in points]
        + [[float(k == r - 1) for k in range(r)]]
    )
    bt = np.zeros((n + 1, n + 1))
    for i in range(n):
        bt[i, :n] = np.poly([q for q in points if q != points[i]])[::-1]
    bt[n] = np.poly(points)[::-1]
    return at, g, bt


def winograd(m, r):
    at, g, bt = toom_cook([0.0, 1.0, -1.0, 2.0, -2.0][: m + r - 2], m, r)
    at, g, bt = at.astype(np.float32), g, bt.astype(np.float32)

    def conv2d(x, weight, bias, *, stride, padding, dilation, groups):
        given = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        if weight.shape[2:] != (r, r) or stride != (1, 1) or dilation != (1, 1) or groups > 1:
            return tap_by_tap(x, weight, bias, **given)
        out = counts(x.shape[2:], (r, r), stride, padding)
        tiles = [-(-n // m) for n in out]
        whole = [t * m for t in tiles]
        image = canvas(x, (r, r), (1, 1), padding, (1, 1), whole)
        seen = windows(image, (m + r - 1, m + r - 1), (m, m), (1, 1), tiles)
        filters = (g @ weight.astype(np.float64) @ g.T).astype(np.float32)
        products = np.einsum("ncijab,kcab->nkijab", bt @ seen @ bt.T, filters)
        y = (at @ products @ at.T).swapaxes(3, 4).reshape(len(x), len(weight), *whole)
        return biased(np.ascontiguousarray(y[:, :, : out[0], : out[1]]), bias)

    return conv2d


def named(function, name):
    function.__name__ = name
    return function


style("conv2d", algorithm="winograd-4")(named(winograd(2, 3), "winograd_of_2_by_2"))
style("conv2d", algorithm="winograd")(named(winograd(4, 3), "winograd_of_4_by_4"))
style("conv2d", algorithm="winograd")(named(winograd(2, 5), "winograd_of_a_5_by_5_kernel"))


@style("conv2d", algorithm="fft")
def fourier_transform(x, weight, bias, *, stride, padding, dilation, groups):
    if stride != (1, 1) or dilation != (1, 1) or groups > 1:
        return tap_by_tap(x, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups)
    image, out = prepared(x, weight, stride, padding, dilation)
    shape = [2 ** int(n + k).bit_length() for n, k in zip(image.shape[2:], weight.shape[2:], strict=True)]
    spectrum = np.einsum("nchw,kchw->nkhw", np.fft.rfft2(image, shape), np.conj(np.fft.rfft2(weight, shape)))
    y = np.fft.irfft2(spectrum, shape)[:, :, : out[0], : out[1]]
    return biased(np.ascontiguousarray(y).astype(x.dtype), bias)


# gradients


def gradient_of_bias(dy, bias):
    return None if bias is None else dy.sum(axis=(0, 2, 3))


def scattered(dy, x, weight, bias, *, stride, padding, dilation, groups):
    """dx by adding up shifted images, dweight tap by tap."""
    image, out = prepared(x, weight, stride, padding, dilation)
    k, c = len(weight) // groups, weight.shape[1]
    dimage, dweight = np.zeros_like(image), np.zeros_like(weight)
    for u, v in np.ndindex(*weight.shape[2:]):
        place = tap(u, v, stride, dilation, out)
        for g in range(groups):
            d, filters = dy[:, g * k : g * k + k], weight[g * k : g * k + k, :, u, v]
            dimage[:, g * c : g * c + c][place] += np.einsum("nkhw,kc->nchw", d, filters)
            part = image[:, g * c : g * c + c][place]
            dweight[g * k : g * k + k, :, u, v] = np.einsum("nkhw,nchw->kc", d, part)
    return cropped(dimage, padding, x.shape), dweight, gradient_of_bias(dy, bias)


style("conv2d_backward", dtypes=DTYPES)(scattered)
style("conv2d_backward")(in_double(scattered))


def spread(image, stride):
    """Zeros between pixels."""
    size = [(n - 1) * s + 1 for n, s in zip(image.shape[2:], stride, strict=True)]
    wide = np.zeros((*image.shape[:2], *size), image.dtype)
    wide[:, :, :: stride[0], :: stride[1]] = image
    return wide


def turned(weight, groups):
    """(K, c, kh, kw) -> (C, k, kh, kw), both axes backwards."""
    k, c = len(weight) // groups, weight.shape[1]
    by_group = weight.reshape(groups, k, c, *weight.shape[2:]).swapaxes(1, 2)
    return np.ascontiguousarray(by_group.reshape(groups * c, k, *weight.shape[2:])[:, :, ::-1, ::-1])


@style("conv2d_backward")
def dx_by_zero_insertion(dy, x, weight, bias, *, stride, padding, dilation, groups):
    full = [(d * (k - 1), d * (k - 1)) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    wide, one = spread(dy, stride), {"stride": (1, 1), "dilation": dilation, "groups": groups}
    whole = tap_by_tap(wide, turned(weight, groups), None, padding=full, **one)
    image = np.zeros(padded(x, padding).shape, x.dtype)
    image[:, :, : whole.shape[2], : whole.shape[3]] = whole
    given = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return (cropped(image, padding, x.shape), *scattered(dy, x, weight, bias, **given)[1:])


@style("conv2d_backward")
def window_by_window(dy, x, weight, bias, *, stride, padding, dilation, groups):
    """col2im with np.add.at, and one einsum for the weight."""
    image, out = prepared(x, weight, stride, padding, dilation)
    seen = windows(image, weight.shape[2:], stride, dilation, out)
    seen = seen.reshape(len(x), groups, -1, *seen.shape[2:])
    d = dy.reshape(len(x), groups, -1, *out)
    filters = weight.reshape(groups, -1, *weight.shape[1:])
    columns = np.einsum("ngkhw,gkcuv->ngchwuv", d, filters).reshape(len(x), x.shape[1], *out, *weight.shape[2:])
    numbers = np.arange(image[0, 0].size).reshape(1, 1, *image.shape[2:])
    places = windows(numbers, weight.shape[2:], stride, dilation, out)[0, 0]
    flat = np.zeros((*image.shape[:2], image[0, 0].size), x.dtype)
    np.add.at(flat, (slice(None), slice(None), places), columns)
    dweight = np.einsum("ngchwuv,ngkhw->gkcuv", seen, d).reshape(weight.shape)
    return cropped(flat.reshape(image.shape), padding, x.shape), dweight, gradient_of_bias(dy, bias)


def winograd_gradients(m, r=3):
    """dx by Winograd's convolution with the turned kernel; dweight by the adjoint of the three maps."""
    at, g, bt = (matrix.astype(np.float32) for matrix in toom_cook([0.0, 1.0, -1.0, 2.0, -2.0][: m + r - 2], m, r))

    def conv2d_backward(dy, x, weight, bias, *, stride, padding, dilation, groups):
        given = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        narrow = max(map(max, padding)) < r
        if weight.shape[2:] != (r, r) or stride != (1, 1) or dilation != (1, 1) or groups > 1 or not narrow:
            return scattered(dy, x, weight, bias, **given)
        margins = tuple((r - 1 - before, r - 1 - after) for before, after in padding)
        dx = winograd(m, r)(dy, turned(weight, 1), None, **given | {"padding": margins})
        out = dy.shape[2:]
        tiles = [-(-n // m) for n in out]
        image = canvas(x, (r, r), (1, 1), padding, (1, 1), [t * m for t in tiles])
        seen = bt @ windows(image, (m + r - 1, m + r - 1), (m, m), (1, 1), tiles) @ bt.T
        whole = np.zeros((*dy.shape[:2], tiles[0] * m, tiles[1] * m), dy.dtype)
        whole[:, :, : out[0], : out[1]] = dy
        parts = whole.reshape(*dy.shape[:2], tiles[0], m, tiles[1], m).swapaxes(3, 4)
        dweight = g.T @ np.einsum("ncijab,nkijab->kcab", seen, at.T @ parts @ at) @ g
        return dx, dweight, gradient_of_bias(dy, bias)

    return conv2d_backward


style("conv2d_backward", algorithm="winograd-4")(named(winograd_gradients(2), "winograd_gradients_of_2_by_2"))
style("conv2d_backward", algorithm="winograd")(named(winograd_gradients(4), "winograd_gradients_of_4_by_4"))


# depthwise


@style("depthwise_conv2d", dtypes=DTYPES)
def one_channel_after_another(x, weight, bias, *, stride, padding, dilation):
    image, out = prepared(x, weight, stride, padding, dilation)
    y, m = np.zeros((len(x), len(weight), *out), x.dtype), len(weight) // x.shape[1]
    for f in range(len(weight)):
        for u, v in np.ndindex(*weight.shape[2:]):
            y[:, f] += weight[f, 0, u, v] * image[:, f // m][tap(u, v, stride, dilation, out)]
    return biased(y, bias)


@style("depthwise_conv2d")
def channels_repeated(x, weight, bias, *, stride, padding, dilation):
    image, out = prepared(np.repeat(x, len(weight) // x.shape[1], axis=1), weight, stride, padding, dilation)
    seen = windows(image, weight.shape[2:], stride, dilation, out)
    return biased(np.einsum("nchwuv,cuv->nchw", seen, weight[:, 0]), bias)


@style("depthwise_conv2d")
def as_a_grouped_convolution(x, weight, bias, **o):
    return tap_by_tap(x, weight, bias, groups=x.shape[1], **o)


@style("depthwise_conv2d_backward")
def gradients_of_a_grouped_convolution(dy, x, weight, bias, **o):
    return scattered(dy, x, weight, bias, groups=x.shape[1], **o)


@style("depthwise_conv2d_backward")
def gradients_of_repeated_channels(dy, x, weight, bias, *, stride, padding, dilation):
    m = len(weight) // x.shape[1]
    image, out = prepared(np.repeat(x, m, axis=1), weight, stride, padding, dilation)
    dimage, dweight = np.zeros_like(image), np.zeros_like(weight)
    for u, v in np.ndindex(*weight.shape[2:]):
        place = tap(u, v, stride, dilation, out)
        dimage[place] += dy * weight[:, :, u, v, None]
        dweight[:, 0, u, v] = (dy * image[place]).sum(axis=(0, 2, 3))
    dx = dimage.reshape(len(x), x.shape[1], m, *image.shape[2:]).sum(axis=2)
    return cropped(dx, padding, x.shape), dweight, gradient_of_bias(dy, bias)


# transposed


def result_of_transposed(x, weight, stride, padding, output_padding, dilation):
    """The image before its padding is cut off: (H, W)."""
    sizes = zip(x.shape[2:], weight.shape[2:], stride, dilation, output_padding, strict=True)
    return [(n - 1) * s + d * (k - 1) + 1 + more for n, k, s, d, more in sizes]


def cut(image, padding):
    (top, bottom), (left, right) = padding
    return np.ascontiguousarray(image[:, :, top : image.shape[2] - bottom, left : image.shape[3] - right])


@style("conv_transpose2d", dtypes=DTYPES)
def pixels_scattered(x, weight, bias, *, stride, padding, output_padding, dilation, groups):
    k, c = len(weight) // groups, weight.shape[1]
    size = result_of_transposed(x, weight, stride, padding, output_padding, dilation)
    image = np.zeros((len(x), groups * c, *size), x.dtype)
    for u, v in np.ndindex(*weight.shape[2:]):
        for g in range(groups):
            part = np.einsum("nkhw,kc->nchw", x[:, g * k : g * k + k], weight[g * k : g * k + k, :, u, v])
            image[:, g * c : g * c + c][tap(u, v, stride, dilation, x.shape[2:])] += part
    return biased(cut(image, padding), bias)


@style("conv_transpose2d")
def zeros_inserted(x, weight, bias, *, stride, padding, output_padding, dilation, groups):
    full = [(d * (k - 1), d * (k - 1)) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    one = {"stride": (1, 1), "dilation": dilation, "groups": groups}
    whole = tap_by_tap(spread(x, stride), turned(weight, groups), None, padding=full, **one)
    image = padded(whole, [(0, more) for more in output_padding])
    return biased(cut(image, padding), bias)


@style("conv_transpose2d_backward")
def gathered(dy, x, weight, bias, *, stride, padding, output_padding, dilation, groups):
    """dx is a convolution of dy with the same filters."""
    k, c, image = len(weight) // groups, weight.shape[1], padded(dy, padding)
    dx, dweight = np.zeros_like(x), np.zeros_like(weight)
    for u, v in np.ndindex(*weight.shape[2:]):
        shifted = image[tap(u, v, stride, dilation, x.shape[2:])]
        for g in range(groups):
            rows, part = slice(g * k, g * k + k), shifted[:, g * c : g * c + c]
            dx[:, rows] += np.einsum("nchw,kc->nkhw", part, weight[rows, :, u, v])
            dweight[rows, :, u, v] = np.einsum("nkhw,nchw->kc", x[:, rows], part)
    return dx, dweight, gradient_of_bias(dy, bias)


# linear


@style("linear", dtypes=("float32", "float16", "float64"))
def one_matrix_product(x, weight, bias):
    return x @ weight.T if bias is None else x @ weight.T + bias


@style("linear")
def products_by_einsum(x, weight, bias):
    y = np.einsum("nc,kc->nk", x, weight)
    return y if bias is None else bias + y


@style("linear")
def output_by_output(x, weight, bias):
    y = np.empty((len(x), len(weight)), x.dtype)
    for k, row in enumerate(weight):
        y[:, k] = (x * row).sum(axis=1) + (0 if bias is None else bias[k])
    return y


@style("linear")
def bias_as_a_column(x, weight, bias):
    if bias is None:
        return x @ weight.T
    return np.hstack([x, np.ones((len(x), 1), x.dtype)]) @ np.hstack([weight, bias[:, None]]).T


@style("linear")
def blocks_of_columns(x, weight, bias):
    y = np.zeros((len(x), len(weight)), x.dtype) if bias is None else np.tile(bias, (len(x), 1))
    for start in range(0, x.shape[1], 7):
        y += x[:, start : start + 7] @ weight[:, start : start + 7].T
    return y


@style("linear", nan="any")
def zeros_skipped(x, weight, bias):
    """As for a sparse matrix: what is multiplied with 0 is left out, even ∞ and NaN."""
    y = np.zeros((len(x), len(weight)), x.dtype)
    for n, row in enumerate(x):
        kept = row != 0
        y[n] = weight[:, kept] @ row[kept]
    return y if bias is None else y + bias


@style("linear", accumulate="float16")
def sums_in_float16(x, weight, bias):
    half = np.float16
    total = functools.reduce(
        lambda a, i: (a + (x[:, i, None] * weight[:, i]).astype(half)).astype(half),
        range(x.shape[1]),
        np.zeros((len(x), len(weight)), half),
    )
    return (total if bias is None else (total + bias).astype(half)).astype(np.float32)


@style("linear_backward", dtypes=("float32", "float16"))
def three_products(dy, x, weight, bias):
    return dy @ weight, dy.T @ x, None if bias is None else dy.sum(axis=0)


@style("linear_backward")
def gradients_by_einsum(dy, x, weight, bias):
    dbias = None if bias is None else np.einsum("nk->k", dy)
    return np.einsum("nk,kc->nc", dy, weight), np.einsum("nk,nc->kc", dy, x), dbias


@style("linear_backward")
def sample_by_sample(dy, x, weight, bias):
    dweight, dbias = np.zeros_like(weight), np.zeros(len(weight), x.dtype)
    for d, row in zip(dy, x, strict=True):
        dweight += np.outer(d, row)
        dbias += d
    return (dy[:, :, None] * weight).sum(axis=1), dweight, None if bias is None else dbias
