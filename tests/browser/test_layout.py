"""The look at a page's layout, which test_pages.py takes at each page, finds what is wrong."""

import pytest
from layout import faults, moved_by_the_dark, switch_of

CELLS = "<td style='width: 40px'>one word after another word</td><td>{}</td>"
BROKEN = {
    "300 px cut off": "<div style='overflow: clip; width: 200px'>"
    "<p style='width: 500px'>wide</p></div>",
    "px cut off": "<p style='width: 2000px'>wider than the window</p>",
    "goes on without a sign": "<pre style='overflow: auto; width: 90px'>a long line of code</pre>",
    "off the axis": "<section><p>text</p><figure style='margin: 0 1em'>figure</figure></section>",
    "a narrow column": f"<table style='width: 200px'>{CELLS.format('long text ' * 90)}</table>",
    "a line begins with ,": "<p style='width: 3em'>"
    "<b style='display: inline-block; width: 3em'>x</b>, y</p>",
    "covered by P": "<p>one line of text</p><p style='margin-top: -35px'>another line of text</p>",
}


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_wrong_is_found(fault, page):
    page.set_content(f"<article>{BROKEN[fault]}</article>")
    found = [what for _, what in faults(page, switch_of(page), [1024])]
    assert len(found) >= 1
    assert all(fault in one for one in found), found


def test_what_scrolls_is_not_cut_off(page):
    row = "<p style='width: 500px'><b>wide</b></p>"
    page.set_content(f"<article><div style='overflow: auto; width: 200px'>{row}</div></article>")
    assert [*faults(page, switch_of(page), [1024])] == []


def test_what_the_dark_moves_is_found(page):
    page.set_content("<article><p>text</p></article>")
    assert not moved_by_the_dark(page)
    wide = "@media (prefers-color-scheme: dark) { p { padding: 1em } }"
    page.set_content(f"<style>{wide}</style><article><p>text</p></article>")
    assert moved_by_the_dark(page)
