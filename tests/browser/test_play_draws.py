"""Draw five seeds, in the browser: what it says is what NumPy makes of the dots that it marks."""

import re

import numpy as np
import pytest
from accessible import problems_in_each_look
from playwright.sync_api import expect
from test_draws import PAGE, SETTINGS
from test_pages import quiet  # noqa: F401 - a fixture

DRAWN = """[...document.querySelectorAll(".play-draws-dot")].map(dot =>
    dot.classList.contains("play-drawn") + dot.classList.contains("play-drawn-twice"))"""

MIDDLE = """[...document.querySelectorAll(".play-draws-picture path:not(.play-draws-dot)")].map(
    line => line.classList.contains("play-draws-middle"))"""


@pytest.fixture
def opened(quiet, site):
    quiet.goto((site / "learn" / "seeds.html").as_uri())
    quiet.locator('[data-play="draws"]').scroll_into_view_if_needed()
    quiet.locator(".play-draws button").first.wait_for()
    return quiet


def losses():
    text = PAGE.read_text("utf-8")
    rows = [re.search(rf"^:{name}: (.*)$", text, re.M)[1].split() for name in SETTINGS]
    return np.array(rows, float)


def said(page):
    text = page.locator(".play-draws .play-readout").inner_text()
    pattern = r"(?:The|In the middle pair the) (\w+) rate (?:seems|is) better by ([\d.]+)\. .*"
    return re.match(pattern + r" won (\d+) of ([\d,]+) draws?", text).groups()


def test_a_draw_says_what_numpy_makes_of_the_marked_seeds(opened):
    opened.get_by_label("the same seeds").check()
    opened.get_by_role("slider", name="Seeds on each side").fill("3")
    checked = set()
    for _ in range(12):
        opened.get_by_role("button", name="Draw", exact=True).press("Enter")
        above, below = np.array(opened.evaluate(DRAWN)).reshape(2, 20)
        assert np.array_equal(above, below)
        if above.sum() != 3:  # a seed that comes three times looks as one that comes twice
            continue
        constant, falling = losses()
        lead = np.median(np.repeat(constant - falling, above))
        middle = np.array(opened.evaluate(MIDDLE)).nonzero()[0]
        assert lead == (constant - falling)[middle]
        assert opened.locator(".play-draws-picture i:visible").count() == 0
        winner, by, *_ = said(opened)
        assert (winner, by) == ("falling" if lead >= 0 else "constant", f"{abs(lead):.3f}")
        checked.add(winner)
    assert checked == {"falling", "constant"}


def test_the_wrong_verdicts_are_counted_and_framed(opened):
    opened.emulate_media(reduced_motion="reduce")  # else they come over a second
    opened.get_by_role("button", name="Go on to 1,000 draws").click()
    _, _, wins, draws = said(opened)
    assert (wins, draws) == ("306", "1,000")  # as the page says: test_draws.py
    assert opened.get_by_role("button", name="Draw 1,000 more").is_visible()
    assert opened.locator(".play-draws-picture i:visible").count() == 2
    lost, won = opened.locator(".play-draws-tally > *").all()
    assert (lost.inner_text(), won.inner_text()) == ("constant won 306", "falling won 694")
    widths = [part.bounding_box()["width"] for part in (lost, won)]
    assert widths[0] / sum(widths) == pytest.approx(0.306, abs=0.001)
    opened.emulate_media(reduced_motion="no-preference")
    opened.get_by_role("button", name="Draw 1,000 more").click()
    expect(opened.locator(".play-draws .play-readout")).to_contain_text("of 2,000 draws")
    assert problems_in_each_look(opened, ".play", whole=["light, 320 px"]) == []
