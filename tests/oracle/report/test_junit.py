"""The report as JUnit XML."""

from xml.etree import ElementTree

import pytest

from nnref.oracle import Report
from nnref.oracle.report.junit import document

from .reports import (
    CASE,
    CRASHED,
    EXACT,
    KNOWN,
    LOST,
    NOT_IMPLEMENTED,
    NOTED,
    PASSED,
    REPORTS,
    SHAPED,
    UNSUPPORTED,
    buggy,
)

TAGS = {"failures": "failure", "errors": "error", "skipped": "skipped"}


@pytest.fixture(scope="module", params=[*REPORTS, "a real one"])
def report(request):
    return buggy() if request.param == "a real one" else REPORTS[request.param]


def suite_of(report):
    root = ElementTree.fromstring(document(report).encode())
    assert root.tag == "testsuites"
    (suite,) = root
    return root, suite


def case_of(*results):
    _, suite = suite_of(Report("mine", results=[*results, PASSED]))
    return suite.findall("testcase")[0]


def properties(element):
    return [(p.get("name"), p.get("value")) for p in element.findall("properties/property")]


def test_counts_are_those_of_the_cases(report):
    root, suite = suite_of(report)
    cases = suite.findall("testcase")
    for element in (root, suite):
        assert int(element.get("tests")) == len(cases)
        for plural, tag in TAGS.items():
            assert int(element.get(plural)) == len(suite.findall(f"testcase/{tag}"))
    assert all(sum(case.find(tag) is not None for tag in TAGS.values()) <= 1 for case in cases)


def test_it_is_green_exactly_if_the_report_is_ok(report):
    root, _ = suite_of(report)
    assert report.ok == (root.get("failures") == root.get("errors") == "0")


def test_every_row_is_a_case_with_a_name_of_its_own(report):
    _, suite = suite_of(report)
    names = [(case.get("classname"), case.get("name")) for case in suite.findall("testcase")]
    for result in report.results:
        assert (result.op, f"{result.direction} {result.dtype}") in names
    if len({(r.name, r.dtype) for r in report.results}) == len(report.results):
        assert len(names) == len(set(names))


def test_counts_by_status():
    root, _ = suite_of(REPORTS["everything"])
    counts = {name: int(root.get(name)) for name in ("tests", *TAGS)}
    assert counts == {"tests": 10, "failures": 2, "errors": 2, "skipped": 3}  # one test and failure is the outlived one


def test_what_all_was_done_with_is_a_property_of_the_suite():
    _, suite = suite_of(REPORTS["everything"])
    found = dict(properties(suite))
    assert found.items() >= {"seed": "-3", "max_examples": "1000000", "declares inputs": "tf32"}.items()
    assert {"version of nnref", "version of numpy", "version of python"} < set(found)


def test_margins_and_notes_are_properties_of_a_case():
    case = case_of(PASSED)
    assert properties(case) == [("cases", "40"), ("share", "1.0000"), ("margin_max", "0.8"), ("margin_median", "0.4")]
    assert case.get("time") == "1.235"
    assert properties(case_of(EXACT)) == [("cases", "30"), ("share", "1.0000")]
    assert [name for name, _ in properties(case_of(NOTED))].count("note") == 2


def test_a_failure_holds_the_message_the_command_and_the_script():
    failure = case_of(SHAPED).find("failure")
    assert failure.get("type") == "shape"
    assert failure.get("message") == "y must have shape (1, 2), got (1,)"
    assert f'nnref repro "{CASE}" mine' in failure.text
    assert "import numpy" in failure.text


def test_a_failure_says_what_the_target_behaves_like():
    _, suite = suite_of(buggy())
    (case,) = suite.findall("testcase[@classname='conv2d'][@name='forward float32']")
    assert "it behaves as if the kernel were flipped" in case.find("failure").text


def test_a_lost_row_is_an_error_with_what_it_had_found():
    error = case_of(LOST).find("error")
    assert error.get("type") == "lost"
    assert error.get("message").startswith("BrokenProcessPool")
    assert "nnref repro" in case_of(CRASHED).find("error").text


@pytest.mark.parametrize(
    ("row", "kind", "words"),
    [
        (UNSUPPORTED, "unsupported", "no bfloat16 (2 cases)"),
        (NOT_IMPLEMENTED, "not implemented", "the target has no such function"),
        (KNOWN, "known deviation", "https://example.org/issues/1"),
    ],
)
def test_a_skipped_row_says_why(row, kind, words):
    skipped = case_of(row).find("skipped")
    assert skipped.get("type") == kind
    assert words in skipped.get("message")


def test_what_xml_cannot_hold_is_shown():
    text = document(REPORTS["everything"])
    _, suite = suite_of(REPORTS["everything"])
    assert suite.get("name").startswith(r"</script><script>alert('x')</script> & \x1b[31m \ud800 \u202e \x00 ]]>")
    assert "\x1b" not in text
    text.encode()


def test_the_file_holds_the_document(tmp_path, report):
    report.to_junit(tmp_path / "report.xml")
    assert (tmp_path / "report.xml").read_text(encoding="utf-8") == document(report)
    ElementTree.parse(tmp_path / "report.xml")
