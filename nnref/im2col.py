r"""The three products of a convolution, each as a matrix product (im2col).

`gather` copies the pixels of every window into columns, and `scatter`, its transpose, adds columns back to the pixels
they came from. The convolution y = F ∗ x is bilinear in F and x, so ⟨dy, F ∗ x⟩ is linear in each of its three arrays:

    correlate            y  = F ∗ x       the filters times the columns of x
    correlate_transpose  dx = Fᵀ ∗ dy     the transposed filters times dy, scattered
    correlate_filters    dF = dy ∗ x      dy times the transposed columns of x

`conv2d` uses the first forward and the other two backward. `conv_transpose2d` uses the second forward and the other
two backward. `depthwise_conv2d` uses the first and the last. All three work on one block of windows at a time, so that
scratch memory is bounded and stays in cache.
"""

from __future__ import annotations

from collections.abc import Iterator

from .numeric import Array, zeros
from .windows import Windows

__all__ = ["correlate", "correlate_filters", "correlate_transpose", "gather", "scatter"]


def gather(x: Array, windows: Windows) -> Array:
    """Copy the pixels of every window side by side, zero where there is no pixel: (N,C,H,W) -> (N,C,kh,kw,Ho,Wo)."""
    columns = zeros((*x.shape[:2], *windows.kernel, *windows.out), x)
    for tap in windows.taps():
        columns[(slice(None), slice(None), *tap.offset, *tap.out)] = x[tap.image]
    return columns


def scatter(columns: Array, windows: Windows, into: Array) -> None:
    """Add the entries of every window to the pixels they came from: the transpose of `gather`."""
    for tap in windows.taps():
        into[tap.image] += columns[(slice(None), slice(None), *tap.offset, *tap.out)]


def correlate(x: Array, weight: Array, windows: Windows, groups: int) -> Array:
    """(N,C,H,W), (K,C/g,kh,kw) -> (N,K,Ho,Wo)."""
    y = zeros((len(x), len(weight), *windows.out), x, weight)
    filters = _filters(weight, groups)
    for samples, rows, columns, block in _blocks(x, weight, windows):
        product = filters @ _patches(x[samples], block, groups)  # (n,g,K/g,ho·wo)
        y[samples, :, rows, columns] = product.reshape(-1, len(weight), *block.out)
    return y


def correlate_transpose(dy: Array, weight: Array, windows: Windows, groups: int) -> Array:
    """(N,K,Ho,Wo), (K,C/g,kh,kw) -> (N,C,H,W): the adjoint of `correlate` in x."""
    channels = groups * weight.shape[1]
    dx = zeros((len(dy), channels, *windows.image), dy, weight)
    filters = _filters(weight, groups).swapaxes(1, 2)  # (g,C/g·kh·kw,K/g)
    for samples, rows, columns, block in _blocks(dx, weight, windows):
        patches = filters @ _outputs(dy[samples, :, rows, columns], groups)
        scatter(patches.reshape(-1, channels, *block.kernel, *block.out), block, into=dx[samples])
    return dx


def correlate_filters(dy: Array, x: Array, weight: Array, windows: Windows, groups: int) -> Array:
    """(N,K,Ho,Wo), (N,C,H,W) -> (K,C/g,kh,kw): the adjoint of `correlate` in the weight, whose shape it takes."""
    dfilters = zeros(_filters(weight, groups).shape, weight)
    for samples, rows, columns, block in _blocks(x, weight, windows):
        patches = _joined(_patches(x[samples], block, groups)).swapaxes(1, 2)  # (g,n·ho·wo,C/g·kh·kw)
        dfilters += _joined(_outputs(dy[samples, :, rows, columns], groups)) @ patches
    return dfilters.reshape(weight.shape)


def _filters(weight: Array, groups: int) -> Array:
    """(K,C/g,kh,kw) -> (g,K/g,C/g·kh·kw)."""
    return weight.reshape(groups, len(weight) // groups, -1)


def _patches(x: Array, block: Windows, groups: int) -> Array:
    """(n,C,H,W) -> (n,g,C/g·kh·kw,ho·wo): im2col."""
    return gather(x, block).reshape(len(x), groups, -1, block.out[0] * block.out[1])


def _outputs(dy: Array, groups: int) -> Array:
    """(n,K,ho,wo) -> (n,g,K/g,ho·wo)."""
    n, k, height, width = dy.shape
    return dy.reshape(n, groups, k // groups, height * width)


def _joined(array: Array) -> Array:
    """(n,g,a,ho·wo) -> (g,a,n·ho·wo): samples side by side, so that one product sums over them."""
    n, groups, a, pixels = array.shape
    return array.transpose(1, 2, 0, 3).reshape(groups, a, n * pixels)


def _blocks(x: Array, weight: Array, windows: Windows) -> Iterator[tuple[slice, slice, slice, Windows]]:
    taps = x.shape[1] * windows.kernel[0] * windows.kernel[1]
    return windows.blocks(len(x), (taps + len(weight)) * x.itemsize)
