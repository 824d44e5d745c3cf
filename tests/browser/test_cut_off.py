"""Nothing lies where no reader can see it: outside a box that cuts off what is too wide for it."""

import pytest
from test_pages import quiet  # noqa: F401 - a fixture

# A box within the text that scrolls shows everything in the end. The column of the text scrolls,
# too, where the screen is narrow, but nobody should have to move a whole page for one formula.
CUT_OFF = """() => [...document.querySelectorAll("article *")].flatMap(element => {
    const {left, right, width} = element.getBoundingClientRect();
    if (!element.checkVisibility() || !width || element.closest(".play-unseen")) return [];
    for (let box = element.parentElement; box; box = box.parentElement) {
        const {overflowX} = getComputedStyle(box);
        if (overflowX === "visible") continue;
        if (/auto|scroll/.test(overflowX) && box.closest("article")) return [];
        const shown = box === document.documentElement
            ? {left: 0, right: innerWidth} : box.getBoundingClientRect();
        const beyond = Math.max(shown.left - left, right - shown.right);
        if (beyond > 1) return [`${Math.round(beyond)} px of ${element.outerHTML.slice(0, 100)}`];
    }
    return [];
})"""
PHONES, WINDOWS = (320, 390), (833, 1024, 1280, 1300)  # px


def cut_off(page, widths):
    """Unfold the page, and return what is cut off at each of these widths, if anything is."""
    page.evaluate("document.querySelectorAll('details').forEach(box => { box.open = true })")
    found = {}
    for width in widths:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("width => innerWidth === width", arg=width)
        found[width] = page.evaluate(CUT_OFF)
    return {width: boxes for width, boxes in found.items() if boxes}


def test_nothing_of_the_playground_is_cut_off_on_a_small_laptop(quiet, site):
    quiet.goto((site / "playground.html").as_uri())
    quiet.wait_for_selector(".play-verdict b")
    for part in quiet.locator("[data-play]").all():
        part.scroll_into_view_if_needed()
        part.locator(".play-part").wait_for()
    assert cut_off(quiet, PHONES + WINDOWS) == {}


@pytest.mark.parametrize("name", ["gates", "gradient-reach", "gru"])
def test_no_formula_is_cut_off_on_a_phone(name, quiet, site):
    """These have the longest formulas within their sentences."""
    quiet.goto((site / f"learn/{name}.html").as_uri())
    assert cut_off(quiet, PHONES) == {}


def test_what_is_cut_off_is_found(page):
    row = "<p style='width: 500px'><b>wide</b></p>"
    page.set_content(
        f"<article><div style='overflow: auto; width: 200px'>{row}</div>"
        f"<div style='overflow: clip; width: 200px'>{row}</div></article>"
    )
    assert [place[:9] for place in page.evaluate(CUT_OFF)] == ["300 px of"]
