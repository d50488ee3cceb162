"""The report as JSON: strict, as its schema says, and read back as it was; and as a page, without a browser."""

import copy
import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from nnref import oracle
from nnref.errors import OptionError
from nnref.oracle import Report, Result
from nnref.oracle.report.html import page
from nnref.oracle.verdict.row import STATUSES

from .reports import CASE, EXACT, HOSTILE, KNOWN, LOST, NOT_IMPLEMENTED, PASSED, REPORTS, SHAPED, UNSUPPORTED, buggy

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA = json.loads((files("nnref") / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.fixture(scope="module", params=[*REPORTS, "a real one"])
def report(request):
    return buggy() if request.param == "a real one" else REPORTS[request.param]


def refuse_constant(name):
    raise AssertionError(f"{name} is no JSON")


def strict(text):
    return json.loads(text, parse_constant=refuse_constant)


def objects(schema):
    """Every schema inside a schema that describes an object by its keys."""
    if isinstance(schema, dict):
        if "properties" in schema and "type" in schema:
            yield schema
        for part in schema.values():
            yield from objects(part)


def test_the_schema_is_one_and_describes_every_key():
    VALIDATOR.check_schema(SCHEMA)
    described = list(objects(SCHEMA))
    assert len(described) == 11
    for schema in described:
        assert schema["additionalProperties"] is False
        assert set(schema.get("required", schema["properties"])) == set(schema["properties"])
        for name, part in schema["properties"].items():
            assert "description" in part, name


def test_the_json_is_strict_and_valid(report):
    VALIDATOR.validate(strict(report.to_json()))


def test_reading_gives_back_the_report(report):
    text = report.to_json()
    again = Report.from_json(text)
    assert again.to_json() == text
    assert again.ok == report.ok
    assert again.counts() == report.counts()
    assert again.outlived() == report.outlived()
    assert page(again) == page(report)
    for mine, theirs in zip(again.results, report.results, strict=True):
        assert repr(mine.failures) == repr(theirs.failures)
        assert (mine.known, mine.unsupported, mine.lost) == (theirs.known, theirs.unsupported, theirs.lost)


def test_it_keeps_where_it_ran():
    report = Report("mine", results=[PASSED], versions={"nnref": "0.0.1", "numpy": "2.0.0", "python": "3.11.0"})
    assert Report.from_json(report.to_json()).versions == report.versions


def test_files_are_what_the_text_says(tmp_path, report):
    text = report.to_json(tmp_path / "report.json")
    assert (tmp_path / "report.json").read_text(encoding="utf-8") == text
    report.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page(report)


def test_an_older_file_says_nothing_of_what_was_planned():
    data = json.loads(REPORTS["passing"].to_json())
    del data["planned"]
    assert Report.from_json(json.dumps(data)).ok
    assert not Report.from_json(REPORTS["interrupted"].to_json()).ok


def test_what_is_deeply_nested_is_no_report():
    with pytest.raises(OptionError, match=r"^Report\.from_json: text must be"):
        Report.from_json("[" * 100_000)


class Named:
    declares = oracle.Declaration(nan="any")

    def relu(self, x):
        return x.clip(0)


@pytest.mark.parametrize(
    ("target", "name"),
    [(Named(), "Named"), (Named, "Named"), ({"declares": Named.declares}, "dict"), (oracle, "nnref.oracle")],
)
def test_the_same_target_has_the_same_name_and_what_it_declares_is_told(target, name):
    report = oracle.conform(target, ["tanh"], max_examples=0)
    assert report.target == name
    assert report.declares == (oracle.Declaration() if target is oracle else Named.declares)
    given = oracle.Declaration(ties="any")
    assert oracle.conform(target, ["tanh"], max_examples=0, declares=given).declares == given


@pytest.mark.parametrize("isolate", [False, True])
def test_what_a_file_declares_is_told(tmp_path, isolate):
    source = "from nnref.oracle import Declaration\ndeclares = Declaration(nan='any')\n"
    (tmp_path / "declaring.py").write_text(source, encoding="utf-8")
    report = oracle.conform(str(tmp_path / "declaring.py"), ["relu"], isolate=isolate)
    assert report.declares == oracle.Declaration(nan="any")
    resumed = oracle.conform(str(tmp_path / "declaring.py"), ["relu"], isolate=isolate, resume=report)
    assert resumed.results == report.results
    with pytest.raises(OptionError, match="conform: resume must be a report with this target, seed"):
        oracle.conform("nnref", ["relu"], resume=report)


@pytest.mark.parametrize("count", range(60))
def test_quantiles_keep_the_least_the_median_and_the_largest(count):
    result = Result("tanh", "forward", "float32", count, margins=[float(i) for i in reversed(range(count))])
    again = Result.from_dict(result.to_dict())
    assert len(result.quantiles()) <= 21
    assert (again.max_margin, again.median_margin) == (result.max_margin, result.median_margin)
    assert again.quantiles() == result.quantiles()
    assert again.quantiles()[:1] == [0.0][:count]


def mutilate(data, path, change):
    *way, last = path
    for step in way:
        data = data[step]
    change(data, last)


def without(data, key):
    del data[key]


def replaced(value):
    return lambda data, key: data.__setitem__(key, value)


FIRST = ("results", 0)
MUTILATIONS = {
    "a missing key": (("seed",), without),
    "an unknown key": (("mood",), replaced("good")),
    "another version": (("nnref_report",), replaced(2)),
    "results that are none": (("results",), replaced({})),
    "ok with a failure": (("ok",), replaced(True)),
    "an unknown declaration": (("declares", "speed"), replaced("fast")),
    "a version that is no text": (("versions", "numpy"), replaced(2)),
    "a missing version": (("versions", "python"), without),
    "a row without a status": ((*FIRST, "status"), without),
    "an unknown status": ((*FIRST, "status"), replaced("fine")),
    "a status that hides a failure": ((*FIRST, "status"), replaced("passed")),
    "an unknown dtype": ((*FIRST, "dtype"), replaced("float8")),
    "negative cases": ((*FIRST, "cases"), replaced(-1)),
    "a negative margin": ((*FIRST, "margins"), replaced([-0.5])),
    "a margin in words": ((*FIRST, "margin_max"), replaced("large")),
    "a failure without a case": ((*FIRST, "failures", 0, "descriptor"), replaced("")),
    "an unknown kind of finding": ((*FIRST, "failures", 0, "finding", "kind"), replaced("odd")),
    "a wrong value without the right one": ((*FIRST, "failures", 0, "finding", "expected"), replaced(None)),
    "a number in words": ((*FIRST, "failures", 0, "finding", "got"), replaced("nan")),
    "a negative index": ((*FIRST, "failures", 0, "finding", "index"), replaced([-1])),
    "half a count of a deviation": ((*FIRST, "known"), replaced({"why": [1]})),
    "a reason without cases": ((*FIRST, "unsupported"), replaced({"why": 0})),
    "a deviation without a reason": (("deviations",), replaced([{"op": "relu"}])),
}


@pytest.mark.parametrize("name", MUTILATIONS)
def test_the_schema_refuses_a_mutilated_report(name):
    data = strict(Report("mine", results=REPORTS["failing"].results[::-1]).to_json())
    VALIDATOR.validate(data)
    mutilated = copy.deepcopy(data)
    mutilate(mutilated, *MUTILATIONS[name])
    assert not VALIDATOR.is_valid(mutilated)


def test_the_schema_asks_of_ok_that_something_was_judged():
    data = strict(REPORTS["unsupported"].to_json())
    assert VALIDATOR.is_valid(data)
    assert not VALIDATOR.is_valid(data | {"ok": True})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '{"nnref_report": 2}', '{"nnref_report": 1}'])
def test_what_is_no_report_is_refused(text):
    with pytest.raises(OptionError, match=r"^Report\.from_json: text must be a report of this version"):
        Report.from_json(text)


@pytest.mark.parametrize(
    ("path", "value"),
    [(("results", 0, "failures", 0, "descriptor"), 5), (("results", 0, "margins"), ["x"]), (("deviations",), [{}])],
)
def test_a_report_that_does_not_fit_together_is_refused(path, value):
    data = json.loads(Report("mine", results=[SHAPED]).to_json())
    mutilate(data, path, replaced(value))
    with pytest.raises(OptionError, match=r"^Report\.from_json: text"):
        Report.from_json(json.dumps(data))


def test_an_interrupted_campaign_goes_on_from_its_file():
    done = oracle.conform("nnref", ops=["relu"], max_examples=5)
    again = Report.from_json(done.to_json())
    resumed = oracle.conform("nnref", ops=["relu", "tanh"], max_examples=5, resume=again)
    assert [result.op for result in resumed.results] == ["relu", "relu", "tanh", "tanh"]
    assert resumed.results[0] is again.results[0]


VOID = {"meta", "link", "wbr", "br"}


class Elements(HTMLParser):
    """Tags with their attributes; fails where an end does not match a start."""

    def __init__(self, text):
        super().__init__()
        self.found, self.open, self.data = [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.data.append(data)

    @property
    def text(self):
        return "".join(self.data)


def test_the_page_is_whole_and_runs_and_loads_nothing(report):
    elements = Elements(page(report))
    tags = [tag for tag, _ in elements.found]
    assert not {"script", "iframe", "img", "object", "base", "form"} & set(tags)
    for tag, attributes in elements.found:
        assert not [name for name in attributes if name.startswith("on")]
        assert "src" not in attributes
        if tag in ("use", "link"):
            assert attributes["href"].startswith(("#", "data:"))
        if tag == "a":
            assert attributes["href"].startswith(("#", "https://", "http://"))


def test_ids_are_unique_and_links_lead_somewhere(report):
    elements = Elements(page(report))
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _, attributes in elements.found:
        targets = [attributes.get("href", ""), f"#{attributes.get('aria-labelledby', ids[0])}"]
        assert {t[1:] for t in targets if t.startswith("#")} <= set(ids)


def test_tables_have_headers_with_a_scope(report):
    headers = [attributes for tag, attributes in Elements(page(report)).found if tag == "th"]
    assert {attributes["scope"] for attributes in headers} <= {"row", "col", "colgroup"}


def test_the_page_is_the_same_whatever_the_time_it_took():
    fast, slow = (Report("mine", results=[Result("tanh", "forward", "float32", 1, seconds=s)]) for s in (1.0, 2.0))
    assert page(fast) == page(slow)


def squeezed(text):
    return " ".join(text.split())


def test_the_page_says_everything(report):
    text = squeezed(Elements(page(report)).text)
    for result in report.results:
        assert result.op in text
        for failure in result.failures:
            assert squeezed(failure.finding.message) in text
            assert failure.hint is None or failure.hint.words in text
            assert squeezed(failure.snippet) in text
            assert failure.descriptor in text
            assert f'nnref repro "{failure.descriptor}" ' in text
    for status in STATUSES:
        assert (f"{status} {report.counts()[status]}" in text) == (report.counts()[status] > 0)


def test_hostile_text_is_shown_as_it_is():
    text = page(REPORTS["everything"])
    assert "&lt;/script&gt;&lt;script&gt;alert(&#39;x&#39;)" in text
    assert r"\x1b[31m \ud800 \u202e \x00 ]]&gt;" in text
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff\u202e]", text)


@pytest.mark.parametrize(
    "reason", ["javascript:alert(1)", "see https://example.org", 'https://example.org/" onclick="x']
)
def test_only_an_address_becomes_a_link(reason):
    row = Result("max_pool2d", "backward", "float32", 20, known={reason: [3, 17]})
    links = [
        attributes["href"] for tag, attributes in Elements(page(Report("mine", results=[row]))).found if tag == "a"
    ]
    assert links == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([PASSED], "ok nothing failed"),
        ([PASSED, KNOWN], "ok nothing failed"),
        ([PASSED, SHAPED, LOST], "not ok 2 of 3 rows failed"),
        ([UNSUPPORTED, NOT_IMPLEMENTED], "not ok no case was judged"),
        ([], "not ok no case was judged"),
    ],
)
def test_the_verdict_says_why(rows, words):
    assert words in squeezed(Elements(page(Report("mine", results=rows))).text)


def test_an_outlived_deviation_is_part_of_the_verdict():
    text = squeezed(Elements(page(REPORTS["outlived"])).text)
    assert "not ok 2 known deviations no longer occur" in text


@pytest.mark.parametrize(
    ("row", "word"), [(EXACT, "exact"), (SHAPED, "failed"), (KNOWN, "deviates"), (PASSED, "0.800")]
)
def test_the_last_column_says_how_close_it_was(row, word):
    assert Elements(page(Report("mine", results=[row]))).text.split("max\n")[1].split("\n" * 4)[0].split()[-1] == word


def test_one_bug_that_shows_with_all_data_is_one_failure():
    conv = next(result for result in buggy().results if result.name == "conv2d.forward")
    (failure,) = conv.failures
    assert failure.case.mode == "integers"


def test_a_command_is_safe_to_paste():
    from shlex import split

    (failure,) = SHAPED.failures
    assert split(failure.command(HOSTILE)) == ["nnref", "repro", str(CASE), HOSTILE]
    assert failure.command("torch") == f'nnref repro "{CASE}" torch'


def test_the_documentation_names_every_key_and_status():
    text = (DOCS / "reports.md").read_text(encoding="utf-8")
    keys = {
        name
        for schema in objects(SCHEMA)
        if schema is not SCHEMA["properties"]["declares"]
        for name in schema["properties"]
    }
    assert [key for key in keys if f"`{key}`" not in text] == []
    assert [status for status in STATUSES if f"| {status} |" not in text] == []
    assert [kind for kind in SCHEMA["$defs"]["finding"]["properties"]["kind"]["enum"] if kind not in text] == []


def test_a_failure_that_is_no_number_lies_at_the_far_end():
    text = page(REPORTS["not a number"])
    assert re.findall(r'<svg x="([\d.]+)%"[^>]*><title>(.*?)</title>', text) == [
        ("100", "fails: error is ∞ times the bound")
    ]
