"""Pages in Chromium, straight from the file system: accessible, quiet, in view; and on paper.

A change is tried on one page of each kind. The others differ from it in what they say: all pages,
in both color schemes and at all widths, belong to what only the world can break.
"""

import io
import re
import tomllib
import unicodedata
from pathlib import Path

import matplotlib.image
import pytest
from accessible import ALL, GATE, barriers, problems
from layout import LAPTOPS, LENGTHEN, USUAL, WIDTHS, faults, load_parts
from pypdf import PdfReader

ROOT = Path(__file__).parents[2]
ONE_OF_EACH_KIND = (
    *("index", "404", "search", "genindex", "glossary", "notation", "playground", "shapes"),
    *("exercises", "proof", "references", "architecture", "learn/index", "learn/gates"),
    *("before/pytorch", "fix/index", "fix/expected-hidden-size", "use/command-line"),
    *("questions/index", "questions/shapes", "api/index", "api/training"),
    *("gallery/index", "gallery/limits/gradient_flow"),
)
# With what is wider than their text.
WIDE = ("gallery/index", "notation", "fix/export-fixes-the-length", "fix/state-dict-in-cpp")
WIDE += ("recurrences", "use/command-line")
LONGER = ("learn/gates", "playground", "fix/expected-hidden-size")

# The page looks at its boxes once the frame of a new width is laid out.
SCROLLS_BY_MOUSE_ONLY = """async () => {
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
    return [...document.querySelectorAll("article *")].filter(box => {
        const style = getComputedStyle(box);
        return /auto|scroll/.test(style.overflowX) && box.scrollWidth > box.clientWidth + 1
            && box.checkVisibility() && box.tabIndex < 0
            && !box.querySelector("a, button, [tabindex]");
    }).map(box => `scrolls by mouse only: ${box.outerHTML.slice(0, 120)}`);
}"""
TOO_LARGE = """() => [...document.querySelectorAll("article :is(.table-wrapper, pre, img)")]
    .filter(box => box.checkVisibility() && (box.matches("img")
        ? box.clientHeight > innerHeight : box.scrollWidth > box.clientWidth + 1))
    .map(box => `too large for a large screen: ${box.outerHTML.slice(0, 120)}`)"""


def problems_of(page, looks, widths):
    """Return what is wrong with the page that is open."""
    page.set_viewport_size({"width": 320, "height": 900})
    found = page.evaluate(SCROLLS_BY_MOUSE_ONLY) + problems(page, looks)
    found += page.evaluate(SCROLLS_BY_MOUSE_ONLY)
    page.set_viewport_size({"width": 1600, "height": 800})
    found += page.evaluate(TOO_LARGE)
    load_parts(page)
    return found + faults(page, widths)


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
def test_a_page_of_each_kind_is_accessible_and_fits(name, tab, site):
    tab.goto((site / f"{name}.html").as_uri())
    assert problems_of(tab, GATE, USUAL) == []


@pytest.mark.parametrize("name", WIDE)
def test_nothing_wide_lies_below_the_list_of_headings(name, tab, site):
    tab.goto((site / f"{name}.html").as_uri())
    assert faults(tab, LAPTOPS) == []


@pytest.mark.parametrize("name", LONGER)
def test_a_page_in_a_language_of_longer_words_is_cut_nowhere(name, tab, site):
    tab.goto((site / f"{name}.html").as_uri())
    load_parts(tab)
    assert tab.evaluate(LENGTHEN) > 20
    assert faults(tab, USUAL) == []


def folder_of(page):
    return page.partition("/")[0] if "/" in page else ""


FOLDERS = sorted({*map(folder_of, ONE_OF_EACH_KIND)})


@pytest.mark.world
@pytest.mark.parametrize("folder", FOLDERS)
def test_all_pages_are_accessible_and_fit_in_all_looks(folder, tab, site, pages):
    moved = tomllib.loads((ROOT / "docs" / "_redirects.toml").read_text("utf-8"))
    found = {}
    for name in sorted(pages.keys() - {f"{old}.html" for old in moved}):
        if folder_of(name) != folder:
            continue
        tab.goto((site / name).as_uri())
        found[name] = problems_of(tab, ALL, WIDTHS)
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def test_each_folder_of_pages_has_one_that_is_looked_at(pages):
    assert {*map(folder_of, pages)} == {*FOLDERS}


# --- the looks find what is wrong -----------------------------------------------------------------

CELLS = "<td style='width: 40px'>one word after another word</td><td>{}</td>"
BROKEN = {
    "300 px cut off": "<div style='overflow: clip; width: 200px'>"
    "<p style='width: 500px'>wide</p></div>",
    "px cut off": "<p style='width: 2000px'>wider than the window</p>",
    "goes on without a sign": "<pre style='overflow: auto; width: 90px'>a long line of code</pre>",
    "a narrow column": f"<table style='width: 200px'>{CELLS.format('long text ' * 90)}</table>",
    "covered by P": "<p>one line of text</p><p style='margin-top: -35px'>another line of text</p>",
}


def test_what_is_wrong_with_a_layout_is_found(page):
    row = "<div style='overflow: auto; width: 200px'><p style='width: 500px'><b>wide</b></p></div>"
    page.set_content(f"<article>{row}</article>")
    assert faults(page, [1024]) == []  # what scrolls is not cut off
    for fault, html in BROKEN.items():
        page.set_content(f"<article>{html}</article>")
        found = [what for _, what in faults(page, [1024])]
        assert found, fault
        assert all(fault in what for what in found), found


def test_pale_text_is_found(page, site):
    page.goto((site / "fix/expected-hidden-size.html").as_uri())
    assert barriers(page, ["color-contrast"]) == []
    page.locator("pre .c1").evaluate_all("all => all.forEach(e => { e.style.color = 'silver'; })")
    assert barriers(page, ["color-contrast"])


# --- what pages do --------------------------------------------------------------------------------

NAMELESS = """() => [...document.querySelectorAll("table.wide")].flatMap(table => {
    const heads = [...table.tHead.querySelectorAll("th")].map(head => head.innerText.trim()
        || head.textContent.trim());
    return [...table.querySelectorAll("tbody tr")].flatMap(row => [...row.cells].slice(1).map(
        (cell, k) => [cell.innerText.trim(), heads[k + 1]])).filter(
        ([text, head]) => text && !text.startsWith(head));
})"""


@pytest.mark.parametrize("name", ["notation", "use/command-line"])
def test_on_a_phone_each_cell_of_a_wide_table_begins_with_the_name_of_its_column(name, visit):
    page = visit(f"{name}.html", width=390)
    assert page.locator("table.wide td").count() > 10
    assert page.evaluate(NAMELESS) == []


@pytest.mark.parametrize("name", ["learn/tag", "learn/forecast"])
def test_on_a_phone_a_table_that_code_prints_fits_and_can_be_read(name, visit):
    tables = visit(f"{name}.html", width=390).locator("article .highlight pre[style*='--columns']")
    sizes = tables.evaluate_all(
        "all => all.filter(one => one.checkVisibility()).map(one => "
        "[one.scrollWidth - one.clientWidth, parseFloat(getComputedStyle(one).fontSize)])"
    )
    assert len(sizes) > 3
    assert max(over for over, _ in sizes) <= 0
    assert min(size for _, size in sizes) >= 9


def test_a_wide_line_of_code_takes_the_focus_and_scrolls(visit):
    page = visit("learn/recurrence.html", width=320)
    page.locator("pre[tabindex='0']:visible").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.scrollLeft > 0")


def test_the_link_to_the_top_shows_on_the_way_up(visit):
    page = visit("learn/recurrence.html")
    page.emulate_media(reduced_motion="reduce")
    link = page.locator(".to-top > a")
    page.mouse.wheel(0, 3000)
    page.wait_for_function("scrollY > 2000")
    assert not link.is_visible()
    assert page.get_by_role("navigation", name="Top of page").count() == 0  # it would be announced
    page.mouse.wheel(0, -2000)
    link.click()
    page.wait_for_function("scrollY === 0")


def luminance(png):
    """Mean brightness of a screenshot, 0 to 1."""
    return float(matplotlib.image.imread(io.BytesIO(png))[..., :3].mean())


def test_figures_are_dark_where_the_reader_or_the_system_wants_it(visit, browser, site):
    seen = {}
    page = visit("learn/recurrence.html", width=1200)
    page.emulate_media(color_scheme="light")
    picture = "article img[src$='.svg']"
    for _ in range(3):  # the switch goes through light, dark and automatic
        page.locator(".content-icon-container .theme-toggle").click()
        theme = page.evaluate("document.body.dataset.theme")
        seen[theme] = luminance(page.locator(picture).first.screenshot())
    with browser.new_context(java_script_enabled=False, color_scheme="dark") as context:
        page = context.new_page()
        page.goto((site / "learn/recurrence.html").as_uri())
        seen["without scripts"] = luminance(page.locator(picture).first.screenshot())
    dark = {name for name, light in seen.items() if light < 0.3}
    light = {name for name, light in seen.items() if light > 0.7}
    assert (dark, light) == ({"dark", "without scripts"}, {"light", "auto"})


# --- on paper -------------------------------------------------------------------------------------


# One with wide code, one with the widest tables.
PAGES = ("learn/gates.html", "notation.html")
SCREEN_ONLY = ("Skip to content", "Back to top", "Copy to clipboard", "Show the ")
SHOWN_CODE = """() => [...document.querySelectorAll("article pre")]
  .filter((pre) => !pre.closest("details"))
  .flatMap((pre) => pre.textContent.split("\\n"))"""
CUT = """() => [...document.querySelectorAll("article :is(pre, figure, table, .formula)")]
  .filter((box) => box.checkVisibility() && box.getBoundingClientRect().right > innerWidth + 1)
  .map((box) => box.textContent.slice(0, 60))"""


def printed(page):
    reader = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    texts = (sheet.extract_text() for sheet in reader.pages)
    return unicodedata.normalize("NFKC", "\n".join(texts))


def packed(text):
    return "".join(unicodedata.normalize("NFKC", text).split())


@pytest.mark.parametrize("name", PAGES)
def test_a_printed_page_has_all_its_code_and_nothing_of_the_screen(name, site, page):
    page.goto((site / name).as_uri())
    lines = page.evaluate(SHOWN_CODE)
    text = printed(page)
    longest = sorted(lines, key=len)[-20:]
    assert [line for line in longest if packed(line) not in packed(text)] == []
    assert [words for words in SCREEN_ONLY if words in text] == []
    assert page.title().partition(" - ")[0].lower() in " ".join(text.split()).lower()
    # As wide as A4 between the margins of the style sheet, in CSS pixels.
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 672, "height": 960})
    assert page.evaluate(CUT) == []


def test_a_live_part_is_its_fallback_on_paper_and_comes_back(site, page):
    page.goto((site / "your-text.html").as_uri())
    part = page.locator('[data-play="own"]')
    part.get_by_role("button", name="Python code").click()
    part.get_by_text("150,000 characters").wait_for()
    assert "a network learns your text here" in " ".join(printed(page).split())
    part.get_by_label("Your text").fill("It still works.")
    part.get_by_text("15 characters").wait_for()


def test_paper_is_white_also_below_a_dark_page(site, page):
    page.emulate_media(media="print", color_scheme="dark")
    page.goto((site / "learn/gates.html").as_uri())
    page.evaluate("document.body.dataset.theme = 'dark'")
    names = ("color", "background-color", "color-scheme")
    style = "(body, names) => names.map((name) => getComputedStyle(body).getPropertyValue(name))"
    color, *others = page.locator("body").evaluate(style, names)
    assert others == ["rgb(255, 255, 255)", "light"]
    assert max(map(int, re.findall(r"\d+", color)[:3])) < 60
