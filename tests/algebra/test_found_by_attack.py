"""What an attack on the algebra found: false laws that were proved, forged results, folds that lost something."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from nnref import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    DepthwiseConv2d,
    Flatten,
    GlobalAvgPool2d,
    Layer,
    Linear,
    MaxPool2d,
    OptionError,
    ReLU,
    Sequential,
    Sum,
    ZeroPad2d,
    conv2d,
    sigmoid,
)
from nnref import algebra as a
from nnref.algebra import Certificate, Claim, Refutation, claim, claims, is_affine, prove, simplify, verify
from nnref.arithmetic import Degree, Polynomial, rational, rationals
from nnref.numeric import log

from .test_simplify_float32 import changed, exactly


def own(law: Any, arguments: Any = None, method: str = "symbolic", **case: Any) -> Claim:
    arguments = arguments or (lambda given, **_: (given.image(1, 4),))
    return dataclasses.replace(
        claims["linear-conv"], name="own", law=law, arguments=arguments, cases=(case,), method=method, every_shape=()
    )


# false laws of one's own


def test_two_arrays_of_one_name_are_refused() -> None:
    def arguments(given: Any) -> Any:
        return given.image(1, 1, 2, 2), given.array("F", 1, 1, 1, 1), given.array("F", 1, 1, 1, 1)

    false = own(lambda x, f, g: (conv2d(x, f), conv2d(x, g)), arguments)
    for method in ("symbolic", "identity test", "small values"):
        with pytest.raises(OptionError, match="two arrays 'F'"):
            prove(false, method=method)


def test_a_law_that_mixes_samples_has_no_method_that_looks_at_each_alone() -> None:
    false = own(lambda x: (x + x.sum(axis=0), x + x), lambda given: (given.image(2, 2),))
    assert isinstance(prove(false), Refutation)
    with pytest.raises(OptionError, match="method must be one of"):
        prove(false, method="basis")


@pytest.mark.parametrize(
    ("law", "unless"),
    [
        (lambda x: (np.where(x == 0, x + 1, x), x), "x[0,0]"),
        (lambda x: (np.where(x != x[:, ::-1], x, x + 1), x), "x[0,0] - x[0,3]"),
        (lambda x: (np.where(x.astype(bool), x, x + 1), x), "x[0,0]"),
        (lambda x: (x / x, x * 0 + 1), "x[0,0]"),
    ],
)
def test_a_formal_comparison_is_stated(law: Any, unless: str) -> None:
    outcome = prove(own(law))
    assert isinstance(outcome, Certificate)
    assert "where these are not 0" in outcome.evidence[0]
    assert unless in outcome.evidence[0]


def test_degrees_do_not_compare() -> None:
    for question in (lambda: Degree(1) == 1, lambda: bool(Degree(1)), lambda: Degree(1) != Degree(2)):
        with pytest.raises(TypeError):
            question()
    with pytest.raises(OptionError, match="method must fit"):
        prove(own(lambda x: (np.where(x == 0, x + 1, x), x)), method="identity test")


def test_exponentials_look_at_0_and_at_the_shape() -> None:
    def one_pixel(given: Any) -> Any:
        return (given.image(1, 64),)

    def wrong_at_0(x: Any) -> Any:
        return np.where(x == 0, sigmoid(x) * 2, sigmoid(x)), sigmoid(x)

    outcome = prove(own(wrong_at_0, one_pixel, "exponentials"))
    assert isinstance(outcome, Refutation)
    with pytest.raises(OptionError, match="not elementwise"):
        prove(own(lambda x: (sigmoid(x).sum(axis=1), sigmoid(x).sum(axis=1)), one_pixel, "exponentials"))


@pytest.mark.parametrize(
    "law",
    [
        lambda x: (x[:0], x[:0]),
        lambda x: (None, None),
        lambda x: (np.zeros(3), np.zeros(3)),
        lambda x: (1.5, 1.5),
        lambda x: (x == 0, x == 0),
        lambda x: ((), ()),
    ],
)
def test_a_law_that_compares_nothing_exact_is_refused(law: Any) -> None:
    with pytest.raises((OptionError, ValueError)):
        prove(own(law))


def test_a_certificate_does_not_cover_batches() -> None:
    assert "batches" in prove("linear-conv").beyond


# verify and is_affine


class LogOfExp(Layer):
    """log(exp(x)), which is x, but is rounded in decimals."""

    @staticmethod
    def forward_fn(x: Any) -> Any:
        return log(np.exp(x))


def amplified() -> Sequential:
    return Sequential(LogOfExp(), Linear.from_arrays(weight=np.array([[1e30]])))


def test_an_affine_layer_is_not_refuted_by_rounding() -> None:
    with pytest.raises(ArithmeticError, match="undecided"):
        is_affine(amplified(), (1, 1))


def test_a_refutation_by_rounding_is_not_verified() -> None:
    true = own(lambda x: (np.exp(x) * np.exp(-x) * 10**30, x * 0 + 10**30), method="50 digits")
    forged = Refutation("own", "50 digits", "Decimal", {}, {"x": [["1.1", "2.3", "3.7", "0"]]}, ["0"], ["1"])
    assert not verify(forged, true)


@pytest.mark.parametrize("var", [0.0, 1.0, 60000.0])
def test_batch_norms_in_half_precision_are_affine(var: float) -> None:
    ones = np.ones(1, np.float16)
    buffers = {"running_mean": ones, "running_var": ones * np.float16(var)}
    bn = BatchNorm2d.from_arrays(weight=ones, bias=ones, **buffers, options={"eps": 1e-8}).eval()
    assert not isinstance(is_affine(bn, (1, 1, 1, 1)), Refutation)


# the adjoint


def test_the_adjoint_needs_output_padding_below_the_stride() -> None:
    options = {"stride": 1, "dilation": 2, "output_padding": 1}
    conv = ConvTranspose2d.from_arrays(weight=rationals(np.ones((1, 1, 2, 2), int)), options=options)
    with pytest.raises(OptionError, match="output_padding must be below the stride"):
        a.conv_transpose_as_adjoint(conv)


# subclasses, shared arrays, half precision


class Doubled(Conv2d):
    def forward(self, x: Any) -> Any:
        return 2 * super().forward(x)


class DoubledNorm(BatchNorm2d):
    def forward(self, x: Any) -> Any:
        return 2 * super().forward(x)


class Residual(Sequential):
    def forward(self, x: Any) -> Any:
        return x + super().forward(x)


class Renamed(Conv2d):
    """A subclass that computes what its parent does."""


def equal(network: Layer, *shape: int) -> bool:
    """Whether the network is the same function on rational numbers when it is simplified."""
    exact, x = changed(network, exactly), rationals(np.random.default_rng(0).normal(size=shape))
    return bool(np.array_equal(simplify(exact).network(x), exact(x)))


def conv(inputs: int, outputs: int, kernel: int = 1, kind: type[Conv2d] = Conv2d, **options: Any) -> Conv2d:
    return kind(inputs, outputs, kernel, dtype=np.float64, rng=0, **options)


def norm(channels: int, kind: type[BatchNorm2d] = BatchNorm2d) -> BatchNorm2d:
    arrays = np.random.default_rng(1).uniform(0.5, 2, (4, channels))
    names = ("weight", "bias", "running_mean", "running_var")
    return kind.from_arrays(**dict(zip(names, arrays, strict=True)), options={"eps": 1e-3}).eval()


@pytest.mark.parametrize(
    "network",
    [
        Sequential(conv(2, 2, kind=Doubled), norm(2)),
        Sequential(conv(2, 2), norm(2, DoubledNorm)),
        Sequential(conv(2, 2), Residual(norm(2), norm(2))),
        Residual(conv(2, 2), norm(2)),
        Sum(conv(2, 2, kind=Doubled), conv(2, 2)),
        Sum(Residual(conv(2, 2)), conv(2, 2)),
    ],
    ids=str,
)
def test_a_forward_of_its_own_is_kept(network: Layer) -> None:
    assert equal(network.eval(), 1, 2, 3, 3)


def test_a_reduction_refuses_a_forward_of_its_own() -> None:
    with pytest.raises(OptionError, match="forward of its own"):
        a.fuse_conv_batch_norm(conv(2, 2, kind=Doubled), norm(2))
    assert isinstance(a.fuse_conv_batch_norm(conv(2, 2, kind=Renamed), norm(2)), Renamed)


def test_an_array_that_two_layers_share_is_not_doubled() -> None:
    one, other = conv(2, 2), conv(2, 2)
    other.params["weight"] = one.params["weight"]
    network = Sequential(one, norm(2), ReLU(), other, norm(2)).eval()
    folded = simplify(network)
    assert folded.steps == ()
    assert folded.after.parameters == folded.before.parameters
    first, _, _, second, _ = folded.network  # type: ignore[misc, attr-defined]
    assert first.params["weight"] is second.params["weight"]


def test_a_weight_that_overflows_is_refused() -> None:
    large = np.array([6e4], np.float16)
    zero = large * np.float16(0)
    arrays = {"weight": large, "bias": zero, "running_mean": zero, "running_var": zero + np.float16(1)}
    layer = Conv2d.from_arrays(weight=np.full((1, 1, 1, 1), 3, np.float16))
    bn = BatchNorm2d.from_arrays(**arrays).eval()
    with pytest.raises(OptionError, match="within the range of float16"):
        a.fuse_conv_batch_norm(layer, bn)
    assert simplify(Sequential(layer, bn).eval()).steps == ()


def test_parallel_branches_are_rounded_once() -> None:
    def branches(dtype: Any) -> Sum:
        rng = np.random.default_rng(3)

        def array(*shape: int) -> Any:
            return rng.normal(size=shape).astype(np.float16).astype(dtype)

        def bn() -> BatchNorm2d:
            three = {name: array(2) for name in ("weight", "bias", "running_mean")}
            return BatchNorm2d.from_arrays(**three, running_var=array(2) ** 2, options={"eps": 0.5}).eval()

        three = Sequential(Conv2d.from_arrays(weight=array(2, 2, 3, 3), options={"padding": 1}), bn())
        return Sum(three, Sequential(Conv2d.from_arrays(weight=array(2, 2, 1, 1)), bn()), bn(), Sequential()).eval()

    half, wide = (a.reparameterize(branches(dtype)).params for dtype in (np.float16, np.float32))
    for name in ("weight", "bias"):
        difference = abs(half[name].astype(np.float32) - wide[name])
        ulp = np.spacing(abs(wide[name]).astype(np.float16)).astype(np.float32)
        assert (difference <= ulp / 2 * 1.01 + 2e-3 * ulp).all() or np.array_equal(
            half[name], wide[name].astype(np.float16)
        )


# what simplify missed


SHAPE = (2, 2, 6, 6)
MISSED: dict[str, tuple[Layer, int]] = {  # a network, and how many layers are left of it
    "conv, max pool, bn": (Sequential(conv(2, 3, 3), MaxPool2d(2), norm(3)), 2),
    "bn, average pool, conv": (Sequential(norm(2), AvgPool2d(2), conv(2, 3)), 2),
    "conv, average pool, bn": (Sequential(conv(2, 3), AvgPool2d(2), norm(3)), 2),
    "bn, gap, flatten, linear": (
        Sequential(ReLU(), norm(2), GlobalAvgPool2d(), Flatten(), Linear(2, 3, dtype=np.float64, rng=0)),
        4,
    ),
    "bn, flatten, linear": (Sequential(ReLU(), norm(2), Flatten(), Linear(72, 3, dtype=np.float64, rng=0)), 3),
    "linear, linear": (
        Sequential(Flatten(), Linear(72, 3, dtype=np.float64, rng=0), Linear(3, 2, dtype=np.float64, rng=1)),
        2,
    ),
    "conv, depthwise 1x1, conv": (
        Sequential(conv(2, 3, 3), DepthwiseConv2d(3, 1, dtype=np.float64, rng=1), ReLU(), conv(3, 2)),
        3,
    ),
    "bn, depthwise 1x1, conv": (
        Sequential(ReLU(), norm(2), ReLU(), DepthwiseConv2d(2, 1, bias=False, dtype=np.float64, rng=1), conv(2, 3, 3)),
        4,
    ),
    "pad, pad": (Sequential(ZeroPad2d(1), ZeroPad2d((0, 2)), MaxPool2d(2)), 2),
    "pad, relu, conv": (Sequential(ZeroPad2d(1), ReLU(), conv(2, 3, 3)), 2),
    "max pool, max pool": (Sequential(MaxPool2d(2), MaxPool2d(2, stride=1)), 1),
    "sum of depthwise": (
        Sequential(
            Sum(
                DepthwiseConv2d(2, 3, padding=1, dtype=np.float64, rng=0),
                DepthwiseConv2d(2, 1, dtype=np.float64, rng=1),
            ),
            ReLU(),
        ),
        2,
    ),
    "layers that do nothing": (Sequential(ZeroPad2d(0), MaxPool2d(1), Sequential(), ReLU(), AvgPool2d(1), ReLU()), 2),
}


@pytest.mark.parametrize("name", MISSED)
def test_is_simplified(name: str) -> None:
    network, left = MISSED[name]
    folded = simplify(network.eval(), SHAPE)
    layers = folded.network if isinstance(folded.network, Sequential) else [folded.network]
    assert len(layers) == left, folded
    assert equal(network, *SHAPE)
    assert all(isinstance(outcome, Certificate) for outcome in folded.certificates.values())


def test_a_profitable_subset_of_branches_is_summed() -> None:
    """A 1×7 and a 7×1 kernel would need 7×7; two of 1×7 need no more than one."""
    wide = [Conv2d(2, 2, (1, 7), padding=(0, 3), dtype=np.float64, rng=k) for k in (0, 1)]
    high = Conv2d(2, 2, (7, 1), padding=(3, 0), dtype=np.float64, rng=2)
    network = Sequential(Sum(wide[0], high, wide[1]), ReLU()).eval()
    folded = simplify(network)
    assert len(folded.network[0]) == 2  # type: ignore[index, arg-type]
    assert equal(network, 1, 2, 5, 5)


def test_a_max_pool_before_a_batch_norm_that_turns_the_order_round_stays() -> None:
    bn = norm(3)
    bn.params["weight"][1] = -1
    network = Sequential(conv(2, 3, 3), MaxPool2d(2), bn).eval()
    assert simplify(network).steps == ()
    with pytest.raises(OptionError, match="γ > 0"):
        a.exchange(network[1], bn)


@pytest.mark.parametrize("pool", [AvgPool2d(2, padding=1), AvgPool2d(3, ceil_mode=True)])
def test_an_average_pool_whose_padding_counts_stays_in_its_place(pool: AvgPool2d) -> None:
    network = Sequential(conv(2, 3, 3), pool, norm(3)).eval()
    assert simplify(network).steps == ()
    assert equal(network, 1, 2, 6, 6)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (MaxPool2d(2), MaxPool2d(2, padding=1)),
        (MaxPool2d(1, stride=2), MaxPool2d(2)),
        (MaxPool2d(2, dilation=2), MaxPool2d(2)),
        (MaxPool2d(2), MaxPool2d(2, ceil_mode=True)),
    ],
)
def test_max_pools_that_do_not_compose_are_refused(first: MaxPool2d, second: MaxPool2d) -> None:
    with pytest.raises(OptionError):
        a.compose_max_pools(first, second)
    assert simplify(Sequential(first, second)).steps == ()


def test_polynomials_state_nothing_outside_of_a_proof() -> None:
    x = Polynomial.variable("x")
    assert x != 0
    assert bool(x)
    assert rational(1) == Polynomial(1)


@claim("unused", source="none", arguments=lambda given: (given.image(1, 1),), cases=({},))
def unused(x: Any) -> Any:
    """x = x."""
    return x, x


def test_a_true_law_states_no_condition() -> None:
    outcome = prove(unused)
    assert isinstance(outcome, Certificate)
    assert outcome.evidence == ("1 identity of degree 1 in 1 variable",)
