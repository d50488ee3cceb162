r"""The bound of a whole network in evaluation mode, whichever way its linear layers are folded.

Layer by layer the rule is: local bound + Jacobian in absolute value × incoming bound. It does not hold as it stands for
a folded network. Merged into a convolution, a batch norm rounds the terms of the convolution's sum. On its own it
rounds the sum, which may be smaller by cancellation. So the unit is not the layer but the *run*: a longest chain of
affine layers (convolutions, batch norms, averages, padding, linear layers, sums of branches of them).

Within a run every result is a sum of monomials. Each is a product of parameters and at most one pixel of the run's
input. That is so in every form: layer by layer, with batch norms folded, branches merged, convolutions composed. If a
monomial meets at most K roundings, the result is off by at most γ_K·M, where M is the run on absolute values:
Σ|monomials|. With an incoming error e₀ the run is evaluated at a perturbed input, so M is taken at |x| + e₀, and the
result is off by

    E = |J|·e₀ + γ_K·M + K·η·R        |J|·e₀: the run on e₀ in absolute values, without its offsets

K. A sum of n terms takes n + 2 (one product, n − 1 additions, a bias, a scale), and a batch norm 9 (`batch_norm`). A
sum of b branches takes b and all that its branches take together, because a merged kernel has the taps of all. Layers
that are composed make one sum, of at most as many terms as the first one's input has elements: K grows by `size` for
each two layers.
η. An underflow somewhere in a product is multiplied by the factors that are still to come: R is M with every factor
raised to at least 1. In half precision each factor is stored, and so rounded, before it is used.

Between runs, Lipschitz constants in the maximum norm give the e₀ of the next run from E:

    ReLU       1, exact; and 0 where x + E ≤ 0, because both results are 0 there
    max pool   max over the window of E, exact: |max x̂ − max x| ≤ max E, because x̂_i ≤ x_i + E_i ≤ max x + max E
    σ          σ' ≤ min(σ, 1/4); the local bound is added, the larger one of x − E and x + E, because it is convex in σ
    tanh       1; the local bound is added at |x| + E, because it grows with |x|

Results are exact where all of a run are multiples of a power of two q, and R ≤ 2^bits·q. Then every partial result is
representable. So are the coefficients, because R bounds them too. q follows from the lowest bits of the parameters and
the input. The root of a batch norm must be a power of two.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

from ..errors import OptionError, StateError, refuse
from ..layer import Layer, Sequential, Sum
from ..layers.avg_pool2d import AvgPool2d
from ..layers.batch_norm2d import BatchNorm2d
from ..layers.conv2d import Conv2d
from ..layers.conv_transpose2d import ConvTranspose2d
from ..layers.depthwise_conv2d import DepthwiseConv2d
from ..layers.flatten import Flatten
from ..layers.global_avg_pool2d import GlobalAvgPool2d
from ..layers.linear import Linear
from ..layers.max_pool2d import MaxPool2d
from ..layers.relu import ReLU, relu
from ..layers.sigmoid import Sigmoid
from ..layers.tanh import Tanh
from ..layers.zero_pad2d import ZeroPad2d
from ..numeric import Array
from ..options import pair
from . import activations
from .batch_norm import NORMALIZED
from .rounding import Allowance, Precision, gamma

__all__ = ["network"]

ARRAYS = ("value", "error", "magnitude", "raised")  # of a run


def network(
    net: Layer,
    x: Array,
    *,
    precision: Precision,
    square_root: str = "rounded",
    algorithm: str = "direct",
    sigmoid: str = "direct",
    tanh: str = "direct",
    exp: str = "accurate",
) -> Allowance:
    """How far ``net(x)`` may be off, for a network of nnref's layers in evaluation mode, folded or not.

    Parameters
    ----------
    net : its arrays float64, of values that the target's dtype has
    x : (N, C, H, W) or (N, C), float64
    precision : of the target
    square_root : "rounded" correctly, so that a rational one is exact, or "approximate"
    algorithm : of convolutions; the bounds of others than "direct" do not compose: no verdict
    sigmoid, tanh, exp : how they are computed, as a `Declaration` says it

    Raises
    ------
    StateError : a batch norm is in training mode.
    OptionError : a layer is unknown.

    >>> from nnref.bounds import format_of
    >>> float32 = Precision(format_of("float32"), format_of("float32"))
    >>> layer = Linear.from_arrays(weight=np.array([[0.1, 0.2]]))
    >>> network(layer, np.ones((1, 2)), precision=float32).bound / 2.0**-24  # (2 + 2)u(0.1 + 0.2)
    array([[1.20000029]])
    """
    bounds = _Bounds(precision, square_root == "rounded", {"sigmoid": sigmoid, "tanh": tanh, "exp": exp})
    run = bounds.through(net, _start(x, np.zeros_like(x), _quantum(x)))
    bound = run.off(precision)
    fits = run.peak <= precision.storage.largest / 4 and algorithm == "direct"
    return Allowance(bound if fits else np.full_like(bound, np.nan), np.full_like(bound, run.peak))


@dataclass(frozen=True)
class _Run:
    """What is known of a result within a run; the names are those of the module's docstring."""

    value: Array
    error: Array  # |J|·e₀
    magnitude: Array  # M
    raised: Array  # R
    quantum: float  # q, 0 where there is none
    peak: float  # the largest R so far, of the runs before too
    size: int  # the most elements of a sample within the run
    roundings: int = 0
    factors: int = 0  # of a monomial
    sums: int = 0  # layers of the run that sum

    def off(self, precision: Precision) -> Array:
        """E."""
        narrow = precision.storage.bits < precision.accumulate.bits
        stored, eta = (precision.storage.u, precision.storage.subnormal) if narrow else (0.0, 0.0)
        k = self.roundings + self.sums // 2 * self.size
        per_factor = ((1 + precision.u_in) * (1 + stored)) ** (self.factors + 1)
        relative = gamma(k, precision.u) * per_factor + (per_factor - 1)
        underflow = (k + self.factors) * max(eta, precision.eta) * self.raised
        bits = min(f.bits for f in (precision.storage, precision.accumulate, precision.inputs) if f)
        exact = self.raised <= self.quantum * 2.0**bits
        return np.where(exact, self.error, self.error + relative * self.magnitude + underflow)


def _start(value: Array, error: Array, quantum: float, peak: float = 0.0) -> _Run:
    """The beginning of a run."""
    magnitude = np.abs(value) + error
    raised = np.maximum(magnitude, 1)
    return _Run(value, error, magnitude, raised, quantum, max(peak, _largest(raised)), prod(value.shape[1:]))


@dataclass(frozen=True)
class _Bounds:
    precision: Precision
    exact_roots: bool
    forms: dict[str, str]  # of σ, tanh and exp

    def through(self, layer: Layer, run: _Run) -> _Run:
        """The result of a layer, from that of the one before."""
        if isinstance(layer, Sequential):
            for part in layer:
                run = self.through(part, run)
            return run
        if isinstance(layer, Sum):
            return _added(run, [self.through(branch, run) for branch in layer])
        if type(layer) not in RULES:
            known = ", ".join(kind.__name__ for kind in RULES)
            refuse(OptionError, "network", "net", f"of {known}, in Sequential and Sum", type(layer).__name__)
        after: _Run = RULES[type(layer)](self, layer, run)
        peak = max(run.peak, after.peak, _largest(after.raised))
        return replace(after, peak=peak, size=max(after.size, prod(after.value.shape[1:])))

    def sum_of_products(self, layer: Layer, run: _Run) -> _Run:
        """A convolution or linear layer: itself, on magnitudes."""
        weight, bias = layer.params["weight"], layer.params.get("bias")
        terms = prod(weight.shape[1:])
        if isinstance(layer, ConvTranspose2d):
            terms = len(weight) // layer.options["groups"] * prod(weight.shape[2:])

        def on(x: Array, raise_to: float, offset: Array | None) -> Array:
            arrays = {
                n: None if a is None else np.maximum(abs(a), raise_to)
                for n, a in (("weight", weight), ("bias", offset))
            }
            return type(layer).from_arrays(**arrays, options=layer.options)(x)

        return replace(
            run,
            value=layer(run.value),
            error=on(run.error, 0, None),
            magnitude=on(run.magnitude, 0, bias),
            raised=on(run.raised, 1, bias),
            quantum=min(run.quantum * _quantum(weight), _quantum(bias)),
            roundings=run.roundings + terms + 2,
            factors=run.factors + 2,
            sums=run.sums + 1,
        )

    def batch_norm(self, layer: Layer, run: _Run) -> _Run:
        """(x − μ)·γr + β, or x·G + g."""
        if layer.training:
            refuse(StateError, "network", "net", "in evaluation mode", "a batch norm in training mode")
        gamma_, beta = layer.params["weight"], layer.params["bias"]
        mean, var, eps = layer.buffers["running_mean"], layer.buffers["running_var"], layer.options["eps"]
        v = var + eps
        r = 1 / np.sqrt(v)
        known = self.exact_roots and np.all((v - var == eps) & (v - eps == var) & (r * r * v == 1))
        by = _quantum(gamma_) * _quantum(r) if known else 0.0
        g, m, b = (_c(np.abs(a)) for a in (gamma_ * r, mean, beta))
        raised_g, raised_m, raised_b = _c(np.maximum(abs(gamma_), 1) * np.maximum(r, 1)), m + 1, b + 1
        return replace(
            run,
            value=layer(run.value),
            error=g * run.error,
            magnitude=g * (run.magnitude + m) + b,
            raised=raised_g * (run.raised + raised_m) + raised_b,
            quantum=min(min(run.quantum, _quantum(mean)) * by, _quantum(beta)),
            roundings=run.roundings + NORMALIZED,
            factors=run.factors + 4,
        )

    def average(self, layer: Layer, run: _Run) -> _Run:
        """A sum and a division; exact where that is by a power of two, everywhere."""
        whole, taps = True, prod(run.value.shape[2:])
        if isinstance(layer, AvgPool2d):
            taps = prod(pair("network", "kernel_size", layer.options["kernel_size"], least=1))
            whole = not np.any(layer.options["padding"]) and not layer.options["ceil_mode"]
        return replace(
            _moved(layer, run),
            raised=layer(run.raised) * taps,
            quantum=run.quantum / taps if whole and taps & (taps - 1) == 0 else 0.0,
            roundings=run.roundings + taps + 2,
            factors=run.factors + 1,
            sums=run.sums + 1,
        )

    def move(self, layer: Layer, run: _Run) -> _Run:
        """Flatten and padding: no arithmetic."""
        return _moved(layer, run)

    def relu(self, layer: Layer, run: _Run) -> _Run:
        """Exact; a subnormal may be flushed."""
        off = run.off(self.precision)
        flushed = self.precision.eta if self.precision.flush else 0.0
        return _start(layer(run.value), np.minimum(off, relu(run.value + off)) + flushed, run.quantum, run.peak)

    def max_pool(self, layer: Layer, run: _Run) -> _Run:
        """Exact; a window without a pixel is −∞, whatever the error."""
        return _start(layer(run.value), np.maximum(layer(run.off(self.precision)), 0), run.quantum, run.peak)

    def sigmoid(self, layer: Layer, run: _Run) -> _Run:
        """Lipschitz min(σ, 1/4), σ at x + E; the local bound is convex in σ, and so is largest at an end of x ± E."""
        off, form = self._with_moved_argument(run), self.forms["sigmoid"]
        low, high = (
            activations.sigmoid(x, precision=self.precision, sigmoid=form).bound
            for x in (run.value - off, run.value + off)
        )
        moved = off * np.minimum(layer(run.value + off), 1 / 4)
        return _start(layer(run.value), moved + np.maximum(low, high), 0.0, run.peak)

    def tanh(self, layer: Layer, run: _Run) -> _Run:
        """Lipschitz 1; |tanh| and with it the local bound grow with |x|."""
        off, form = self._with_moved_argument(run), self.forms["tanh"]
        local = activations.tanh(np.abs(run.value) + off, precision=self.precision, tanh=form).bound
        return _start(layer(run.value), off + local, 0.0, run.peak)

    def _with_moved_argument(self, run: _Run) -> Array:
        off = run.off(self.precision)
        return off + activations.argument(self.precision, self.forms["exp"]) * (np.abs(run.value) + off)


def _added(run: _Run, branches: list[_Run]) -> _Run:
    """The sum of branches that begin at `run`: what each adds to its counts is added up, for they may be merged."""

    def count(name: str) -> int:
        before = getattr(run, name)
        return before + sum(max(0, getattr(branch, name) - before) for branch in branches)

    arrays: dict[str, Any] = {name: sum(getattr(branch, name) for branch in branches) for name in ARRAYS}
    return _Run(
        **arrays,
        quantum=min(branch.quantum for branch in branches),
        peak=max(*(branch.peak for branch in branches), _largest(arrays["raised"])),
        size=max(branch.size for branch in branches),
        roundings=count("roundings") + len(branches),
        factors=count("factors") + len(branches),
        sums=count("sums"),
    )


def _moved(layer: Layer, run: _Run) -> _Run:
    """All of a run's arrays through a layer that is linear, without offsets, and positive."""
    arrays: dict[str, Any] = {name: layer(getattr(run, name)) for name in ARRAYS}
    return replace(run, **arrays)


def _quantum(array: Array | None) -> float:
    """The largest power of two, at most 1, of which all elements are multiples; 0 if one is not finite."""
    if array is None or not array.size:
        return 1.0
    if not np.isfinite(array).all():
        return 0.0
    fraction, exponent = np.frexp(array)
    whole = (fraction * 2.0**53).astype(np.int64)
    lowest, present = whole & -whole, whole != 0
    exponents = np.frexp(lowest.astype(np.float64))[1] - 1 + exponent - 53
    return float(2.0 ** min(0, int(exponents.min(where=present, initial=0))))


def _largest(array: Array) -> float:
    return float(array.max(initial=0.0))


def _c(per_channel: Array) -> Array:
    return per_channel[:, None, None]


RULES: dict[type[Layer], Callable[[_Bounds, Any, _Run], _Run]] = {
    Conv2d: _Bounds.sum_of_products,
    DepthwiseConv2d: _Bounds.sum_of_products,
    ConvTranspose2d: _Bounds.sum_of_products,
    Linear: _Bounds.sum_of_products,
    BatchNorm2d: _Bounds.batch_norm,
    AvgPool2d: _Bounds.average,
    GlobalAvgPool2d: _Bounds.average,
    Flatten: _Bounds.move,
    ZeroPad2d: _Bounds.move,
    ReLU: _Bounds.relu,
    MaxPool2d: _Bounds.max_pool,
    Sigmoid: _Bounds.sigmoid,
    Tanh: _Bounds.tanh,
}
