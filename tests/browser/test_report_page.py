"""The report's page in a browser: Chromium of the system, driven by Playwright."""

import re
import shutil

import pytest

from ..oracle.report.reports import REPORTS, buggy

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("needs a chromium on the PATH", allow_module_level=True)

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1200, "height": 900}
READABLE, LARGE = 4.5, 3.0  # contrast, WCAG 2.2 AA: of text, and of what is no text

# What is drawn behind an element, and its own color, for all that has text of its own and is to be seen.
TEXT_COLORS = """() => {
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const color = getComputedStyle(e).backgroundColor;
      if (!color.endsWith(', 0)') && color !== 'transparent') return color;
    }
    return 'rgb(255, 255, 255)';
  };
  return [...document.querySelectorAll('body *')]
    .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.getClientRects().length)
    .map(e => [getComputedStyle(e)[e instanceof SVGElement ? 'fill' : 'color'], behind(e), e.textContent.slice(0, 40)]);
}"""
MARKS = """() => [...document.querySelectorAll('.range, .bound, .fails, .icon')]
  .map(e => [getComputedStyle(e).stroke, getComputedStyle(document.documentElement).backgroundColor,
             e.getAttribute('class')])"""
HIDDEN_SCRIPTS = "() => [...document.querySelectorAll('pre.script')].filter(e => !e.checkVisibility()).length"


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Every report as a file: name -> address."""
    folder = tmp_path_factory.mktemp("pages")
    paths = {name: folder / f"{position}.html" for position, name in enumerate((*REPORTS, "a real one"))}
    for name, report in (*REPORTS.items(), ("a real one", buggy())):
        report.to_html(paths[name])
    return {name: path.as_uri() for name, path in paths.items()}


@pytest.fixture
def visit(browser, files):
    """Open a report's page; at the end it must have asked for nothing else and complained of nothing."""
    asked, said, contexts = [], [], []

    def visit(name, viewport=DESK, scheme="light"):
        contexts.append(browser.new_context(viewport=viewport, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.goto(files[name])
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not said
    assert set(asked) <= {*files.values(), "data:,"}


def luminance(color):
    """Relative luminance of a CSS color, as WCAG 2.2 defines it."""
    channels = [float(part) / 255 for part in re.findall(r"[\d.]+", color)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first, second):
    bright, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def open_all(page):
    page.evaluate("document.querySelectorAll('details').forEach(details => details.open = true)")


def test_contrast_is_what_the_standard_says():
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(119, 119, 119)", "rgb(255, 255, 255)") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("name", [*REPORTS, "a real one"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_no_page_is_wider_than_its_window(visit, name, viewport):
    page = visit(name, viewport)
    open_all(page)
    assert page.evaluate("document.documentElement.scrollWidth") == viewport["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["everything", "a real one"])
def test_text_and_marks_are_readable(visit, name, scheme):
    page = visit(name, scheme=scheme)
    open_all(page)
    texts, marks = page.evaluate(TEXT_COLORS), page.evaluate(MARKS)
    assert len(texts) > 50
    assert {mark for _, _, mark in marks} == {"range", "bound", "icon", "fails"}
    assert [text for ink, ground, text in texts if contrast(ink, ground) < READABLE] == []
    assert [mark for ink, ground, mark in marks if contrast(ink, ground) < LARGE] == []


def test_dark_is_dark_and_paper_is_white(visit):
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light, dark = visit("passing").evaluate(ground), (page := visit("passing", scheme="dark")).evaluate(ground)
    assert luminance(dark) < 0.05 < 0.9 < luminance(light)
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert [text for ink, back, text in page.evaluate(TEXT_COLORS) if contrast(ink, back) < READABLE] == []


def test_print_opens_what_is_folded(visit):
    page = visit("a real one")
    assert page.evaluate(HIDDEN_SCRIPTS) > 2
    page.emulate_media(media="print")
    assert page.evaluate(HIDDEN_SCRIPTS) == 0
    assert page.pdf()[:5] == b"%PDF-"


def test_the_keyboard_opens_a_script_and_reaches_it(visit):
    page = visit("failing")
    script, summary = page.locator("pre.script"), page.locator("summary")
    assert not script.is_visible()
    for _ in range(20):
        page.keyboard.press("Tab")
        if summary.evaluate("e => e === document.activeElement"):
            break
    page.keyboard.press("Enter")
    sync_api.expect(script).to_be_visible()
    page.keyboard.press("Tab")
    assert script.evaluate("e => e === document.activeElement")
    outline = script.evaluate("e => getComputedStyle(e).outlineStyle")
    assert outline == "solid"


def test_a_failed_cell_leads_to_its_failure(visit):
    page = visit("a real one", PHONE)
    link = page.get_by_role("row", name="conv2d").first.get_by_role("link", name="failed")
    assert link.bounding_box()["height"] >= 24
    assert link.bounding_box()["width"] >= 24
    link.click()
    assert page.evaluate("location.hash") == "#conv2d-forward-float32"
    sync_api.expect(page.get_by_role("heading", name="conv2d.forward float32")).to_be_in_viewport()


def test_a_filter_shows_some_operations_without_a_script(visit):
    page = visit("a real one")
    rows = page.locator(".matrix tbody tr")
    everything = rows.count()
    link = page.locator(".tally").get_by_role("link", name="failed")
    assert not page.get_by_role("link", name="show all").is_visible()
    link.click()
    seen = [row.inner_text() for row in rows.all() if row.is_visible()]
    assert 0 < len(seen) < everything
    assert all("failed" in text for text in seen)
    page.get_by_role("link", name="show all").click()
    assert all(row.is_visible() for row in rows.all())
    link.click()
    page.emulate_media(media="print")
    assert all(row.is_visible() for row in rows.all())


def test_a_passing_cell_leads_to_its_margins_and_says_what_was_refused(visit):
    page = visit("cut", PHONE)
    cell = page.locator("td.cell.partly")
    for text in ("600 refused", "998 left out"):
        sync_api.expect(cell.get_by_text(text)).to_be_visible()
    cell.get_by_role("link", name="partly").click()
    assert page.evaluate("location.hash") == "#margin-avg_pool2d-forward-float32"
    sync_api.expect(page.locator("tr:target")).to_be_in_viewport()
    page.locator("td.cell.passed").get_by_role("link").click()
    assert page.evaluate("location.hash") == "#margin-conv2d-forward-float32"


def test_what_a_reader_sees(visit):
    page = visit("a real one")
    assert page.title() == "buggy <b>kernels</b>: not ok · nnref"
    sync_api.expect(page.get_by_role("heading", level=1)).to_have_text("buggy <b>kernels</b>")
    for heading in ("Operations", "Failures", "Margins", "Not supported"):
        sync_api.expect(page.get_by_role("heading", name=heading, exact=True, level=2)).to_be_visible()
    body = page.locator("body")
    sync_api.expect(body).to_contain_text("as if the kernel were flipped")
    sync_api.expect(body).to_contain_text("as if eps were missing")
    sync_api.expect(body).to_contain_text("sigmoid raised ValueError: <script>alert('x')</script> and no wider")
    sync_api.expect(body).to_contain_text("y must have shape")
    sync_api.expect(body).to_contain_text("no ceil_mode")


def test_the_matrix_has_a_cell_for_each_row(visit):
    page = visit("everything")
    matrix = page.get_by_role("region", name="Operations").get_by_role("table")
    shown = matrix.locator("td").filter(has_not_text="none").count()
    assert shown == len(REPORTS["everything"].results)
    for status in ("passed", "failed", "lost", "known deviation", "unsupported", "not implemented"):
        assert matrix.get_by_role("cell", name=status).count() > 0, status


def test_margins_lie_where_they_should(visit):
    """The bound at 1, the median of 0.02, 0.04 … 0.8 at 0.4, on a logarithmic axis."""
    plot = visit("passing").locator(".margins tbody .plot").first
    left, right = (plot.locator(".grid").nth(i).evaluate("e => e.getBoundingClientRect().x") for i in (0, 1))
    bound, median, end = (
        plot.locator(what).evaluate("e => { const r = e.getBoundingClientRect(); return [r.left, r.right] }")
        for what in (".bound", ".median", ".range")
    )
    decade = right - left
    assert bound[0] == pytest.approx(left + 2 * decade, abs=1.5)
    assert sum(median) / 2 == pytest.approx(bound[0] - 0.398 * decade, abs=1.5)
    assert end[1] == pytest.approx(bound[0] - 0.097 * decade, abs=1.5)


def test_a_failure_lies_beyond_the_bound(visit):
    plot = visit("failing").locator(".margins tbody .plot").nth(1)
    bound, cross = (plot.locator(what).evaluate("e => e.getBoundingClientRect().x") for what in (".bound", ".fails"))
    assert cross > bound
