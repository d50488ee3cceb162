"""Cases that are networks: what a line says, what arrays and layers follow, what targets are asked."""

import json
from itertools import islice

import numpy as np
import pytest
from hypothesis import given

import nnref
from nnref import oracle
from nnref.errors import OptionError, ShapeError
from nnref.oracle.arrays.fill import arrays_of
from nnref.oracle.cases.case import MODES
from nnref.oracle.cases.drawn import cases
from nnref.oracle.cases.enumerated import enumerated, small_geometries
from nnref.oracle.expectation.declaration import Declaration
from nnref.oracle.expectation.exact import expectation
from nnref.oracle.operations import OPERATIONS
from nnref.oracle.operations.networks import CODES, DEPTH, KINDS, assembled, plan
from nnref.oracle.report.script import snippet
from nnref.oracle.report.side_by_side import side_by_side
from nnref.oracle.search import tester
from nnref.oracle.search.search import drawn
from nnref.oracle.targets.nnref import network
from nnref.oracle.targets.resolve import resolve

LINE = "network.forward float32 integers contiguous seed=5 layers={} N=1 C=2 H=3 W=4 eps=0"


def case_of(*names, mode="integers"):
    codes = [CODES[name] for name in names] + [0] * (DEPTH - len(names))
    return oracle.parse(LINE.format(",".join(map(str, codes))).replace("integers", mode))


def net_of(case):
    arrays, options = arrays_of(case)
    return assembled(arrays, **options)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_assembled_as_it_was_planned(name):
    before = ["flatten"] if name == "linear" else []
    case = case_of(*before, name)
    arrays, options = arrays_of(case)
    net, x = net_of(case)
    made = KINDS[name](8 if name == "linear" else 2)
    if name != "linear":
        assert repr(net[-1]) == repr(made) or "BatchNorm2d" in repr(made)  # whose eps is that of the case
    with np.errstate(over="ignore", invalid="ignore"):  # a deep network of adversarial data
        assert net(x).shape == case.operation.output(case.geometry)
    assert set(net.state_dict()) | {"x"} == set(arrays)
    assert not any(part.training for part in net)
    described = json.loads(json.dumps(options))
    assert repr(assembled(arrays, **described)[0]).replace("[", "(").replace("]", ")") == repr(net)


def test_names_are_those_of_the_state_dict_through_branches():
    assert list(case_of("relu", "residual").shapes) == ["x", *net_of(case_of("relu", "residual"))[0].state_dict()]
    assert "1.1.0.weight" in case_of("relu", "residual").shapes


def test_a_batch_norm_is_never_fresh_and_its_root_exact():
    for seed in range(20):
        net, _ = net_of(case_of("batch-norm").with_seed(seed))
        root = np.sqrt(net[0].buffers["running_var"] + np.float32(net[0].options["eps"]))
        assert np.isin(root, [1, 2, 4]).all()
        net, _ = net_of(case_of("batch-norm", mode="normal").with_seed(seed))
        assert net[0].buffers["running_mean"].all()
        assert (net[0].buffers["running_var"] > 0).all()


def test_whole_numbers_have_no_tolerance_through_a_merged_block():
    for names in (["conv3x3", "batch-norm", "relu"], ["rep-vgg"], ["residual", "max-pool"], ["pad", "conv-causal"]):
        case = case_of(*names)
        ((_, allowance),) = expectation(case, *arrays_of(case), Declaration())
        assert not allowance.bound.any(), names
        ((_, allowance),) = expectation(case, *arrays_of(case), Declaration(algorithm="winograd"))
        assert np.isnan(allowance.bound).all()


def test_whole_numbers_are_within_the_bound_where_roots_are_approximate():
    case = case_of("batch-norm")
    ((_, allowance),) = expectation(case, *arrays_of(case), Declaration(square_root="approximate"))
    assert allowance.bound.all()


@pytest.mark.parametrize("codes", [(CODES["linear"],), (CODES["flatten"], CODES["conv1x1"]), (99,)])
def test_what_does_not_fit_is_refused(codes):
    with pytest.raises(ShapeError):
        plan(codes, 2, 3, 4)
    with pytest.raises(OptionError, match="a case that network accepts"):
        oracle.parse(LINE.format(",".join(map(str, (*codes, *[0] * (DEPTH - len(codes)))))))


def test_what_would_take_too_long_is_refused():
    with pytest.raises(ShapeError, match="arrays of at most"):
        plan((CODES["conv-transposed"],) * DEPTH, 3, 7, 9)


@given(cases("network"))
def test_what_is_drawn_fits_and_is_read_back(case):
    assert oracle.parse(str(case)) == case
    net, x = net_of(case)
    with np.errstate(over="ignore", invalid="ignore"):  # a deep network of adversarial data
        assert net(x).shape == case.operation.output(case.geometry)


def test_every_kind_is_drawn_and_stands_in_a_pair():
    seen = set()
    drawn(cases("network"), lambda case: seen.update(case.geometry["layers"]) or 0.0, 400, 0)
    assert seen == {0, *CODES.values()}
    pairs = [case.geometry["layers"][:2] for case in small_geometries(OPERATIONS["network"], "forward", "float32")]
    assert {code for pair in pairs for code in pair} == set(CODES.values())
    assert len(set(pairs)) == len(pairs) > 300


def test_a_failure_shrinks_to_the_layers_that_show_it():
    def forgets_the_second_relu(net, x):
        kinds = [type(layer).__name__ for layer in net]
        parts = list(net)
        if kinds.count("ReLU") > 1:
            parts.pop(len(kinds) - 1 - kinds[::-1].index("ReLU"))
        return network(nnref.Sequential(*parts), x)

    with pytest.raises(oracle.Disagreement) as caught:
        oracle.check("network", forward=forgets_the_second_relu)
    layers = [code for code in caught.value.case.geometry["layers"] if code]
    assert len(layers) == 3
    assert layers.count(CODES["relu"]) == 2  # and between them what makes a positive number negative


def test_the_snippet_runs(monkeypatch):
    case = case_of("conv1x1", "residual")
    text = snippet(case, side_by_side(case, network))
    package = type(oracle)("your_package")
    monkeypatch.setitem(__import__("sys").modules, "your_package", package)
    package.network = network
    exec(text, {})
    package.network = lambda net, x: network(net, x) + 1
    with pytest.raises(AssertionError):
        exec(text, {})


DTYPES = ["float32", "float64", "float16", "bfloat16"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("target", ["nnref", "definition"])
def test_targets_without_a_framework(target, dtype):
    """In every case that every run visits, and some drawn, each in one of the dtypes."""
    function = tester.Tester(resolve(target).network)

    def visit(case):
        finding = function.verdict(case).finding
        assert finding is None, f"{case}: {finding.message}"
        return 0.0

    for case in islice(enumerated(OPERATIONS["network"], "forward", dtype, MODES), DTYPES.index(dtype), None, 4):
        visit(case)
    drawn(cases("network", dtype=dtype), visit, 24, 0)


def test_the_target_nnref_has_every_operation():
    target = resolve("nnref")
    assert all(callable(getattr(target, name)) for name in OPERATIONS)
    assert target.conv2d is nnref.conv2d
    folds = [name for name in OPERATIONS if name.startswith("fold_")]
    assert oracle.conform("nnref", folds, max_examples=30).ok
