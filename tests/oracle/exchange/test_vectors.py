"""Cases as files: anybody can read them, the same seed writes the same bytes, and the judge judges alike."""

import itertools
import json
import shutil
from fractions import Fraction
from importlib.resources import files

import jsonschema
import numpy as np
import pytest

from nnref import oracle
from nnref.errors import OptionError
from nnref.oracle import check_results, read_case, write_vectors
from nnref.oracle.dtypes import DTYPES, dtype_of
from nnref.oracle.exchange.npy import MalformedFile, read_array, write_array
from nnref.oracle.exchange.request import owed
from nnref.oracle.exchange.stored import write_case
from nnref.oracle.exchange.vectors import listed
from nnref.oracle.expectation.exact import expectation
from nnref.oracle.verdict.judge import judge, settle

SCHEMAS = files("nnref") / "schemas"
ROWS = [(op.name, direction) for op in oracle.OPERATIONS.values() for direction in op.directions]
STRICT = oracle.Declaration()


@pytest.fixture(scope="module")
def vectors(tmp_path_factory):
    """Every operation, direction and dtype."""
    root = tmp_path_factory.mktemp("vectors") / "all"
    write_vectors(root, dtypes=DTYPES, count=2, seed=1)
    return root


def places(root):
    return sorted(path.parent for path in root.glob("*/case.json"))


def contents(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def right_results(case):
    """The exact results, rounded once."""
    exact = expectation(case, *oracle.arrays_of(case), STRICT)
    named = zip(case.result_shapes, exact, strict=True)
    with np.errstate(over="ignore"):
        return {
            name: pair[0].astype(np.float64).astype(dtype_of(case.dtype)) for name, pair in named if pair is not None
        }


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        write_vectors(tmp_path / name, ["avg_pool2d", "linear"], ["float32", "bfloat16"], count=4, seed=seed)
    a, b, c = (contents(tmp_path / name) for name in "abc")
    assert a == b
    assert a != c
    assert len(a) > 100


def test_every_operation_direction_and_dtype_is_there_and_none_twice(vectors):
    index = listed(vectors)
    cases = [oracle.parse(line) for line in index.values()]
    assert {(c.op, c.direction, c.dtype) for c in cases} == {(*row, dtype) for row in ROWS for dtype in DTYPES}
    assert len(set(map(str, cases))) == len(cases) > 250
    assert sorted(index) == places(vectors)


def test_every_case_is_as_its_schema_says(vectors):
    schema = json.loads((SCHEMAS / "vector-case.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for place in places(vectors):
        data = json.loads((place / "case.json").read_text(encoding="utf-8"))
        assert not [error.message for error in validator.iter_errors(data)], place.name
        assert not validator.is_valid({**data, "more": 1})
        assert not validator.is_valid({**data, "op": "conv 2d"})
        assert not validator.is_valid({**data, "options": {"padding": 1}})


def test_every_file_is_listed_and_loads_without_pickle(vectors):
    for place in places(vectors):
        data = json.loads((place / "case.json").read_text(encoding="utf-8"))
        files = {"case.json": None}
        for entry in data["arrays"]:
            if entry["file"] is not None:
                files[entry["file"]] = (entry["shape"], entry["stored"])
        for entry in data["results"]:
            files |= {entry[kind]: (entry["shape"], "float64") for kind in ("expected", "bound")}
        assert set(files) == {path.name for path in place.iterdir()}
        for name, described in files.items():
            if described is not None:
                array = np.load(place / name, allow_pickle=False)
                assert (list(array.shape), array.dtype.name) == described
                assert array.flags.c_contiguous
                assert (place / name).read_bytes()[:8] == b"\x93NUMPY\x01\x00"


def test_what_is_read_is_what_the_descriptor_says(vectors):
    for place in places(vectors):
        stored = read_case(place)
        arrays, options = oracle.arrays_of(stored.case)
        assert list(stored.arrays) == list(arrays)
        for name, array in arrays.items():
            if array is None:
                assert stored.arrays[name] is None
            else:
                assert stored.arrays[name].dtype == array.dtype
                assert stored.arrays[name].tobytes() == array.tobytes()
        assert list(stored.options) == list(options) or "target" in options
        for name, value in options.items():
            np.testing.assert_array_equal(stored.options[name], value)
        assert list(stored.expected) == list(owed(stored.case))
        assert {name: a.shape for name, a in stored.expected.items()} == owed(stored.case)


def test_right_results_pass_and_wrong_ones_do_not(vectors):
    judged = 0
    for place in places(vectors):
        stored = read_case(place)
        right = right_results(stored.case)
        assert check_results(place, right).finding is None, place.name
        for name, bound in stored.bound.items():
            exact = stored.expected[name]
            for index in np.argwhere(np.isfinite(exact) & ~np.isnan(bound))[:3]:
                wrong = {key: value.copy() for key, value in right.items()}
                step = 4 * bound[tuple(index)] + abs(exact[tuple(index)]) / 4 + 1
                wrong[name][tuple(index)] = exact[tuple(index)] + step
                finding = check_results(place, wrong).finding
                assert finding is not None, (place.name, name)
                assert finding.kind == "value"
                judged += 1
    assert judged > 500


def test_files_are_judged_like_arrays(tmp_path, vectors):
    place = tmp_path / "case"
    shutil.copytree(vectors / "conv2d.backward.bfloat16.002", place)
    results = right_results(read_case(place).case)
    for name, array in results.items():
        write_array(place / f"result_{name}.npy", array)
    assert check_results(place) == check_results(place, results)
    assert check_results(place).judged > 0
    (place / "result_dx.npy").unlink()  # a gradient that is not offered
    assert check_results(place).finding is None
    write_array(place / "result_dx.npy", results["dx"].astype(np.float32))
    assert check_results(place).finding.kind == "dtype"
    (place / "result_dx.npy").write_bytes((place / "x.npy").read_bytes()[:-1])
    with pytest.raises(MalformedFile, match="bytes of data where"):
        check_results(place)


@pytest.mark.parametrize(("op", "direction"), ROWS)
def test_the_files_give_the_verdict_of_the_judge(op, direction, tmp_path):
    """Off by a fraction and by a multiple of the bound, and not finite at all: the same finding, the same margin."""
    for number, dtype in enumerate(("float32", "float16")):
        root = tmp_path / dtype
        write_vectors(root, [op], [dtype], count=6, seed=number)
        for place in places(root):
            stored = read_case(place)
            case = stored.case
            if case.direction != direction:
                continue
            exact = expectation(case, *oracle.arrays_of(case), STRICT)
            for factor in (0.0, 0.9, 1.5, np.nan, np.inf):
                with np.errstate(all="ignore"):
                    results = {
                        name: (stored.expected[name] + factor * stored.bound[name]).astype(dtype)
                        for name in stored.bound
                    }
                outputs = tuple(results.get(name) for name in case.result_shapes)
                assert repr(check_results(place, results)) == repr(judge(case, outputs, stored.arrays, exact, STRICT))


def test_the_bound_of_float64_covers_the_rounding_of_the_expected_file(vectors):
    widened = 0
    for place in places(vectors):
        stored = read_case(place)
        if stored.case.dtype != "float64" or stored.case.mode == "special":
            continue
        arrays, options = oracle.arrays_of(stored.case)
        settled = settle(stored.case, arrays, expectation(stored.case, arrays, options, STRICT), STRICT)
        pairs = dict(zip(stored.case.result_shapes, settled.results, strict=True))
        for name, bound in stored.bound.items():
            exact, live = pairs[name]
            for index in np.ndindex(bound.shape):
                if exact.dtype != object or np.isnan(live[index]):
                    continue
                off = abs(Fraction(float(stored.expected[name][index])) - Fraction(exact[index]))
                assert Fraction(float(bound[index])) >= Fraction(float(live[index])) + off
                widened += bound[index] > live[index]
                assert bound[index] <= live[index] + np.spacing(abs(stored.expected[name][index])) + 1e-300
    assert widened > 50


def plain_verdict(place):
    """What a program without nnref does, from docs/vectors.md."""
    case = json.loads((place / "case.json").read_text(encoding="utf-8"))
    for result in case["results"]:
        got, expected, bound = (np.load(place / result[key]) for key in ("file", "expected", "bound"))
        for g, e, b in zip(got.ravel().astype(float), expected.ravel(), bound.ravel(), strict=True):
            if np.isnan(b):
                continue
            if np.isfinite(e):
                right = abs(g - e) <= b
            elif case["not_finite"] == "any":
                right = not np.isfinite(g)
            else:
                right = g == e or (np.isnan(g) and np.isnan(e))
            if not right:
                return False
    return True


def test_the_rule_in_the_docs_is_the_rule_of_the_judge(tmp_path):
    verdicts = set()
    write_vectors(tmp_path / "v", dtypes=["float32"], count=12, seed=5)
    for place, kind in zip(places(tmp_path / "v"), itertools.cycle(range(4)), strict=False):
        stored = read_case(place)
        for name, array in right_results(stored.case).items():
            if kind == 1:
                array = array * np.float32(1.001)
            if kind == 2:
                array = np.where(np.isfinite(array), array, np.float32(7))
            if kind == 3:
                array = np.where(np.isfinite(array), array, np.float32(np.nan))
            write_array(place / f"result_{name}.npy", array)
        wrong = check_results(place).finding is not None
        several_answers = any(np.isnan(bound).any() for bound in stored.bound.values())  # no verdict of the rule
        assert plain_verdict(place) != wrong or (several_answers and wrong), place.name
        verdicts.add((kind, wrong))
    assert {(0, False), (1, True), (1, False), (2, True), (2, False), (3, True), (3, False)} <= verdicts


def test_a_finite_result_where_infinity_is_expected_is_wrong():
    line = "conv2d.forward float32 special contiguous seed={} N=1 groups=1 Cg=1 Kg=1 H=1 W=2 kernel=1,1 stride=1,1"
    found = 0
    for seed in range(0, 80, 4):
        case = oracle.parse(line.format(seed) + " padding=0,0,0,0 dilation=1,1 bias=0")
        arrays, options = oracle.arrays_of(case)
        exact = expectation(case, arrays, options, STRICT)
        y = exact[0][0]
        if np.isinf(y).any():
            found += 1
            finite = np.where(np.isinf(y), 5, y).astype(np.float32)
            assert judge(case, (finite,), arrays, exact, STRICT).finding.kind == "value"
            assert judge(case, (y.astype(np.float32),), arrays, exact, STRICT).finding is None
    assert found


def test_the_bound_follows_what_is_declared(tmp_path):
    line = "tanh.forward float32 normal contiguous seed=3 N=1 C=1 H=2 W=2"
    write_vectors(tmp_path / "strict", lines=[line])
    write_vectors(tmp_path / "loose", lines=[line], declares=oracle.Declaration(tanh="sigmoid"))
    strict, loose = (read_case(tmp_path / name / "tanh.forward.float32.001") for name in ("strict", "loose"))
    assert loose.declares.tanh == "sigmoid"
    assert (loose.bound["y"] > strict.bound["y"]).any()


def test_chosen_cases_are_written_in_their_order(tmp_path):
    lines = [f"relu.forward float32 normal contiguous seed={seed} N=1 C=1 H=1 W=2" for seed in (9, 3)]
    assert write_vectors(tmp_path, lines=lines) == 2
    assert list(listed(tmp_path).values()) == lines


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"ops": ["matmul"]}, "ops must be among"),
        ({"dtypes": ["int8"]}, "dtypes must be among"),
        ({"count": 0}, "count must be at least 1"),
        ({"lines": ["relu"]}, "a descriptor"),
    ],
)
def test_a_bad_call_writes_nothing(arguments, words, tmp_path):
    with pytest.raises(OptionError, match=words):
        write_vectors(tmp_path / "v", **arguments)
    assert not (tmp_path / "v").exists()


def test_a_directory_in_use_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("x")
    for place in (tmp_path, tmp_path / "mine"):
        with pytest.raises(OptionError, match="new or empty"):
            write_vectors(place, ["relu"], count=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


SPOILED = {
    "no case.json": lambda place: (place / "case.json").unlink(),
    "no JSON": lambda place: (place / "case.json").write_text("{"),
    "a list": lambda place: (place / "case.json").write_text("[]"),
    "another format": lambda place: rewrite(place, format="nnref-case/2"),
    "no descriptor": lambda place: rewrite(place, descriptor="relu"),
    "no options": lambda place: rewrite(place, options=None),
    "another declaration": lambda place: rewrite(place, declares={"color": "red"}),
    "no arrays": lambda place: rewrite(place, arrays=[]),
    "no input": lambda place: (place / "x.npy").unlink(),
    "no bound": lambda place: (place / "bound_y.npy").unlink(),
    "half of the expected": lambda place: cut(place / "expected_y.npy"),
}


def rewrite(place, **changes):
    data = json.loads((place / "case.json").read_text(encoding="utf-8"))
    (place / "case.json").write_text(json.dumps(data | changes), encoding="utf-8")


def cut(path):
    path.write_bytes(path.read_bytes()[:-8])


@pytest.mark.parametrize("how", SPOILED)
def test_a_spoiled_directory_is_refused(how, tmp_path):
    place = tmp_path / "case"
    write_case(place, oracle.parse("relu.forward float32 normal contiguous seed=1 N=1 C=1 H=1 W=2"))
    read_case(place)
    SPOILED[how](place)
    with pytest.raises(OptionError, match="read_case: directory must be a case of nnref-case/1, got "):
        read_case(place)


def test_results_of_other_names_are_refused(tmp_path):
    write_case(tmp_path / "case", oracle.parse("relu.forward float32 normal contiguous seed=1 N=1 C=1 H=1 W=2"))
    for results in ({}, {"x": np.zeros(2)}, None):
        with pytest.raises(OptionError, match="results must be among y"):
            check_results(tmp_path / "case", results)


@pytest.mark.parametrize(
    "text", ["", "[]", "[" * 100_000, '{"format": "nnref-vectors/1"}', '{"format": "other", "cases": []}']
)
def test_what_is_no_index_is_refused(text, tmp_path):
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(OptionError, match="with an index of nnref-vectors/1"):
        listed(tmp_path)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (4, 1), (2, 3)])
@pytest.mark.parametrize("dtype", [*DTYPES, "int64"])
def test_an_array_comes_back_bit_by_bit(shape, dtype, tmp_path):
    array = np.arange(np.prod(shape, dtype=int)).astype(dtype_of(dtype)).reshape(shape)
    write_array(tmp_path / "a.npy", array)
    back = read_array(tmp_path / "a.npy", dtype)
    assert (back.shape, back.dtype, back.tobytes()) == (array.shape, array.dtype, array.tobytes())


def test_arrays_in_columns_and_of_version_2_are_read_too(tmp_path):
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    for version in ((1, 0), (2, 0)):
        with (tmp_path / "a.npy").open("wb") as file:
            np.lib.format.write_array(file, array, version=version)
        np.testing.assert_array_equal(read_array(tmp_path / "a.npy"), array)
    with (tmp_path / "a.npy").open("wb") as file:
        np.lib.format.write_array(file, array, version=(3, 0))
    with pytest.raises(MalformedFile, match="version"):
        read_array(tmp_path / "a.npy")
