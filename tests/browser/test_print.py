"""Pages on paper: what a reader gets who prints one, read back from Chromium's PDF."""

import io
import re
import unicodedata

import pytest
from pypdf import PdfReader

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
    page.goto((site / "learn/recurrence.html").as_uri())
    part = page.locator('[data-play="step"]')
    part.scroll_into_view_if_needed()
    part.get_by_role("button", name="Next term").click()
    shown = part.locator("table").first.inner_text()
    text = printed(page)
    assert "tanh of the sum 0.445" in " ".join(text.split())
    assert "Next term" not in text
    assert part.locator("table").first.inner_text() == shown
    part.get_by_role("button", name="Next term").click()  # it still works
    assert part.locator("table").first.inner_text() != shown


def test_paper_is_white_also_below_a_dark_page(site, page):
    page.emulate_media(media="print", color_scheme="dark")
    page.goto((site / "learn/gates.html").as_uri())
    page.evaluate("document.body.dataset.theme = 'dark'")
    names = ("color", "background-color", "color-scheme")
    style = "(body, names) => names.map((name) => getComputedStyle(body).getPropertyValue(name))"
    color, *others = page.locator("body").evaluate(style, names)
    assert others == ["rgb(255, 255, 255)", "light"]
    assert max(map(int, re.findall(r"\d+", color)[:3])) < 60
