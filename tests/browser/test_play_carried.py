"""A state carried and a state forgotten, in the browser: bars and words are the package's."""

import re

import pytest
from accessible import problems_in_each_look
from test_carried import read_in_steps
from test_pages import quiet  # noqa: F401 - a fixture

import carried

HEIGHTS = """[...document.querySelectorAll(".play-carried .play-row-bars")].map(row =>
    [...row.querySelectorAll(".play-shapes rect")].map(bar => bar.height.baseVal.value))"""
NAMED = """[...[...document.querySelectorAll(".play-carried .play-row-bars")][1]
    .querySelectorAll(".play-shapes rect")].flatMap(
        (bar, t) => bar.classList.contains("play-named") ? [t] : [])"""
ROOM, MOST = 86, 10.5  # of the bars, in pixels and in bits


@pytest.fixture
def opened(quiet, site):
    quiet.goto((site / "learn" / "use-it.html").as_uri())
    quiet.locator('[data-play="carried"]').scroll_into_view_if_needed()
    quiet.locator(".play-carried .play-row-bars rect").first.wait_for()
    return quiet


def assert_shows(page, text, cut):
    """The bars are those bits, and the sentence below them has their sum or mean."""
    kept, lost = (read_in_steps(text, where) for where in (0, cut))
    for heights, bits in zip(page.evaluate(HEIGHTS), (kept, lost), strict=True):
        # A bar is a pixel higher, so that a small one can be seen; numbers have three decimals.
        right = [ROOM * min(x, MOST) / MOST + 1 for x in bits]
        assert heights == pytest.approx(right, abs=0.006)
    said = page.locator(".play-carried .play-readout").inner_text()
    if cut < 0:
        assert f"costs {lost.mean():.2f} bits a letter instead of {kept.mean():.2f}" in said
    else:
        assert f"costs {(lost - kept).sum():.1f} bits more" in said
    letters = [int(number) - 1 for number in re.findall(r"\(letter (\d+)\)", said)]
    assert letters[0] == max(0, cut) + (lost - kept)[max(0, cut) :].argmax()
    for t in letters:
        assert f"(letter {t + 1})" in said
        assert f"{lost[t]:.1f} bits instead of {kept[t]:.1f}" in said
    assert page.evaluate(NAMED) == sorted(letters)


def test_a_press_forgets_the_state_before_that_letter(opened):
    first, second = carried.SENTENCES.values()
    assert_shows(opened, first, -1)
    assert opened.get_by_label("once, before letter").is_hidden()
    boxes = opened.locator(".play-carried .play-row-boxes rect")
    boxes.nth(20).click(force=True)  # the letter lies over it
    assert_shows(opened, first, 20)
    slider = opened.get_by_role("slider", name="once, before letter")
    slider.press("ArrowRight")
    assert_shows(opened, first, 21)
    opened.get_by_label("no speech").check()
    assert_shows(opened, second, int(slider.input_value()))
    opened.get_by_label("before every letter").check()
    assert_shows(opened, second, -1)
    assert problems_in_each_look(opened, ".play", whole=["light, 320 px"]) == []
