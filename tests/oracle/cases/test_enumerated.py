"""What every run visits: all small geometries, every layout, what is large, and nothing that is refused."""

from itertools import combinations, product
from math import prod

import pytest

import nnref
from nnref.oracle import OPERATIONS, arrays_of
from nnref.oracle.cases.case import KINDS, LAYOUTS, MIXED, MODES, kinds_of, layout_of
from nnref.oracle.cases.enumerated import (
    critical_pairs,
    critical_sizes,
    enumerated,
    every_layout,
    large_windows,
    small_geometries,
    usual_layers,
)

WINDOWED = [op for op in OPERATIONS.values() if op.windowed]


AXES = (0, 1)  # vertical, horizontal
FLAGS = ("ceil_mode", "count_include_pad")
SMALL = {  # every value of every field along one axis, the least first
    "image": (1, 2, 3, 4, 5, 6),
    "kernel": (1, 2, 3),
    "stride": (1, 2, 3),
    "dilation": (1, 2),
    "output_padding": (0, 1, 2),
    "before": (0, 1, 2),
    "after": (0, 1, 2),
    **dict.fromkeys(FLAGS, (0, 1)),
}


def along(axis, geometry):
    """The fields of a geometry along one axis, with its padding by side."""
    before, after = geometry["padding"][2 * axis : 2 * axis + 2]
    windows = {name: geometry[name][axis] for name in list(SMALL)[1:5] if name in geometry}
    return {"image": geometry["HW"[axis]][0], **windows, "before": before, "after": after}


def one_pixel_wide(operation):
    """The small cases that are least across an axis: each with that axis, and its fields along it and flags."""
    for case in small_geometries(operation, "forward", "float32"):
        g = case.geometry
        for axis in AXES:
            if all(value == SMALL[name][0] for name, value in along(1 - axis, g).items()):
                yield case, axis, along(axis, g) | {name: g[name][0] for name in FLAGS if name in g}


def accepted(operation, fields):
    """Whether the operation accepts these fields along the vertical axis."""
    given = {name: (fields[name], *low[1:]) for name, low in operation.least.items() if name in fields}
    padding = (fields["before"], fields["after"], 0, 0)
    return operation.fits(operation.least | given | {"N": (1,), "H": (fields["image"],), "padding": padding})


@pytest.mark.parametrize("operation", WINDOWED, ids=lambda op: op.name)
def test_all_small_geometries_are_there_and_accepted(operation):
    seen = {tuple(fields.items()) for _, _, fields in one_pixel_wide(operation)}
    names = [name for name, _ in min(seen)]
    every = (tuple(zip(names, values, strict=True)) for values in product(*(SMALL[name] for name in names)))
    wanted = {fields for fields in every if accepted(operation, dict(fields))}
    assert len(wanted) > 800
    assert seen == wanted
    for case in list(small_geometries(operation, "forward", "float32"))[::29]:
        arrays, options = arrays_of(case)
        y = getattr(nnref, operation.name)(*arrays.values(), **options)
        assert y.shape == operation.output(case.geometry)


def test_other_operations_have_none():
    assert not list(small_geometries(OPERATIONS["relu"], "forward", "float32"))


EVERY = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda op: op.name)
TWO = ("integers", "normal")


@pytest.mark.parametrize("operation", WINDOWED, ids=lambda op: op.name)
def test_every_small_value_is_met_on_either_axis_and_in_every_layout(operation):
    """No period of the enumeration falls in with that of the axes or the layouts."""
    cases = [(case.layout.split(":")[0], axis, fields) for case, axis, fields in one_pixel_wide(operation)]
    values = {(name, value) for name in cases[0][2] for value in SMALL[name]}
    assert {(field, axis, layout) for layout, axis, fields in cases for field in fields.items()} == set(
        product(values, AXES, LAYOUTS)
    )


@EVERY
def test_critical_sizes_cross_vectors_and_tiles(operation):
    cases = list(critical_sizes(operation, "forward", "float32", TWO))
    assert all(operation.fits(case.geometry) for case in cases)
    wanted = {
        "W": {7, 8, 9, 63, 65, 161, 257, 1025},
        "H": {8, 17, 33, 257},
        "N": {4, 8, 9, 16, 33, 65},
        **{name: {16, 31, 32, 33, 64, 128, 129, 256, 257} for name in ("C", "Cg", "Kg", "K", "M", "groups")},
    }
    if operation.name == "network":  # whose arrays follow from its layers
        wanted = {"N": wanted["N"]}
    for name in wanted.keys() & operation.least.keys():
        assert {case.geometry[name][0] for case in cases} >= wanted[name], name


@EVERY
def test_every_critical_size_comes_in_integers_and_normal_and_in_another_layout(operation):
    met = {}
    for case in critical_sizes(operation, "forward", "float32", TWO):
        met.setdefault(str(case.geometry), set()).add((case.mode, case.layout.split(":")[0]))
    for geometry, ways in met.items():
        assert {("integers", "contiguous"), ("normal", "contiguous")} < ways, geometry
    assert {layout for ways in met.values() for _, layout in ways} == set(LAYOUTS)


@EVERY
def test_any_two_sizes_are_large_at_once(operation):
    cases = list(critical_pairs(operation, "forward", "float32", TWO))
    named = [name for name in ("N", "C", "Cg", "Kg", "K", "M", "groups", "H", "W") if name in operation.least]
    for pair in combinations(named, 2) if operation.name != "network" else ():
        sizes = {tuple(case.geometry[name][0] for name in pair) for case in cases}
        assert sizes >= {(8, 8), (16, 16), (32, 32)}, pair


def test_some_sums_have_more_than_1024_terms():
    def longest(op, terms):
        return max(terms(case.geometry) for case in critical_pairs(OPERATIONS[op], "forward", "float32", TWO))

    assert longest("conv2d", lambda g: g["Cg"][0] * prod(g["kernel"])) > 1024
    assert longest("conv_transpose2d", lambda g: g["Kg"][0] * prod(g["kernel"])) > 1024
    assert longest("linear", lambda g: g["C"][0]) > 1024
    assert longest("linear", lambda g: g["N"][0]) > 1024
    assert longest("avg_pool2d", lambda g: prod(g["kernel"])) > 1024
    assert longest("batch_norm2d_train", lambda g: g["N"][0] * g["H"][0] * g["W"][0]) > 2048


@pytest.mark.parametrize("operation", WINDOWED, ids=lambda op: op.name)
def test_large_windows_are_there_and_accepted(operation):
    cases = list(large_windows(operation, "forward", "float32", TWO))
    geometries = [case.geometry for case in cases]
    assert {g["kernel"] for g in geometries} >= {(4, 4), (5, 5), (6, 6), (11, 11)}
    for name in {"stride", "padding", "dilation"} & set(operation.least):
        assert {value for g in geometries for value in g[name]} >= {1, 4, 5}
    if "ceil_mode" in operation.least:
        extents = [(operation.output(g)[3], operation.output(g | {"ceil_mode": (0,)})[3]) for g in geometries]
        assert any(ceil > floor >= 16 for ceil, floor in extents)
    if "groups" in operation.least:
        assert any(g["groups"] > (1,) and g["kernel"] == (5, 5) and g["dilation"] > (1, 1) for g in geometries)
    for case in cases[::7]:
        arrays, options = arrays_of(case)
        assert getattr(nnref, operation.name)(*arrays.values(), **options).shape == operation.output(case.geometry)


@EVERY
def test_every_mode_is_met_in_every_layout_with_data(operation):
    cases = list(every_layout(operation, "forward", "float32", MODES))
    filled = [case for case in cases if case.geometry.get("N") != (0,)]
    assert {(case.mode, case.layout.split(":")[0]) for case in filled} == set(product(MODES, LAYOUTS))
    assert any(case.geometry.get("N") == (0,) for case in cases) == (operation.least.get("N") == (0,))
    assert all(operation.fits(case.geometry) for case in cases)


@EVERY
def test_every_kind_of_data_is_met_and_special_values_of_each_in_every_layout(operation):
    cases = [case for case in every_layout(operation, "forward", "float32", MODES) if case.geometry.get("N") != (0,)]
    for mode in MODES:
        assert {case.kind for case in cases if case.mode == mode} == set(kinds_of(mode, operation, "forward"))
        assert set(kinds_of(mode, operation, "forward")) <= set(KINDS.get(mode, ("",)))
    special = [case for case in cases if case.mode == "special"]
    kinds = kinds_of("special", operation, "forward")
    assert {(case.kind, case.layout.split(":")[0]) for case in special} == set(product(kinds, LAYOUTS))
    assert len({case.seed for case in special}) == len(special)  # each has data of its own


@EVERY
def test_every_array_is_alone_in_every_layout_or_alone_contiguous(operation):
    for direction in operation.directions:
        cases = [
            case for case in every_layout(operation, direction, "float32", MODES) if case.layout.startswith("mixed")
        ]
        seen = {tuple(layout_of(case, name) for name in case.shapes) for case in cases}
        several = len(cases[0].shapes) - 1
        for layout in MIXED[1:] if 0 < several < 20 else ():
            assert {(layout, *["contiguous"] * several), ("contiguous", *[layout] * several)} <= seen


@pytest.mark.parametrize("operation", [op for op in WINDOWED if "stride" in op.least], ids=lambda op: op.name)
def test_usual_layers_come_in_every_mode_and_layout(operation):
    cases = usual_layers(operation, "forward", "float32", MODES)
    assert {(case.mode, case.layout.split(":")[0]) for case in cases} == set(product(MODES, LAYOUTS))


@EVERY
def test_no_case_comes_twice_and_none_of_another_mode(operation):
    cases = [str(case) for case in enumerated(operation, "forward", "float32", ("normal", "special"))]
    assert len(set(cases)) == len(cases)
    assert {case.split()[2].split(":")[0] for case in cases} == {"normal", "special"}
