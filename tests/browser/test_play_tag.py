"""A sentence gets its capitals in the browser: at each letter, what torch computes."""

import numpy as np
import pytest
from accessible import problems_in_each_look
from test_pages import quiet  # noqa: F401 - a fixture
from test_tag import in_torch, record, trained  # noqa: F401 - fixtures

SEEN = """() => ({
    letters: [...document.querySelectorAll(".play-tag .play-input .play-texts text")]
        .map(text => text.textContent).join(""),
    bars: [...document.querySelectorAll(".play-tag .play-row-bars")].map(row =>
        [...row.querySelectorAll(".play-shapes rect")]
            .map(bar => Number(bar.getAttribute("height")))),
    before: document.querySelectorAll(".play-tag .play-row-bars")[1]
        .querySelector(".play-strokes path").getAttribute("d"),
    written: [...document.querySelectorAll(".play-tag-written span")].map(s => s.textContent),
    sentence: document.querySelector(".play-tag .play-readout").textContent,
})"""
HEIGHT = 56  # of the room for the bars
TEXT = "when i saw lizzy, darcy may have been in town"


@pytest.fixture
def part(quiet, site):
    quiet.goto((site / "learn" / "tag.html").as_uri())
    quiet.locator('[data-play="tag"]').scroll_into_view_if_needed()
    quiet.locator(".play-tag button").first.wait_for()
    return quiet


def assert_shows(page, read, in_torch):
    """The last letters are shown, with a bar for the probability that torch computes."""
    seen = page.evaluate(SEEN)
    assert read.replace(" ", "␣").endswith(seen["letters"])
    expected = in_torch(read)
    for name, bars in zip(("left", "both"), seen["bars"], strict=True):
        shown = np.maximum(np.array(bars) - 1, 0) / HEIGHT  # a bar is a pixel higher
        np.testing.assert_allclose(shown, expected[name][-len(bars) :], rtol=0, atol=1e-3)
    for name, text in zip(("left", "both"), seen["written"][1::2], strict=True):
        pairs = zip(read, expected[name] > 0.5, strict=True)
        assert text == "".join(char.upper() if is_up else char for char, is_up in pairs)
    return seen


def test_each_letter_may_change_what_is_said_of_those_before(part, in_torch):
    step = part.get_by_role("button", name="Step")
    for _ in range(6):
        step.click()
    seen = assert_shows(part, TEXT[:6], in_torch)
    assert "“i”, letter 6? Left to right" in seen["sentence"]
    step.click()
    seen = assert_shows(part, TEXT[:7], in_torch)
    before, after = (in_torch(TEXT[:n])["both"][5] for n in (6, 7))
    assert "Since “␣” has come, the second network thinks otherwise" in seen["sentence"]
    assert f"of letter 6, “i”: from {before:.2f} to {after:.2f}." in seen["sentence"]
    assert seen["before"].count("M") == 6  # a stroke where each bar of the second ended before
    assert problems_in_each_look(part, ".play", whole=["light, 320 px"]) == []


def test_a_sentence_of_ones_own_is_read_at_once_and_what_cannot_be_read_gets_a_sentence(
    part, in_torch
):
    field = part.get_by_label("A sentence in small letters")
    field.fill("it was darcy")
    seen = assert_shows(part, "it was darcy", in_torch)
    assert seen["written"][3] == "It was Darcy"
    field.fill("a北b")
    assert "“北” is not in the book, so it is skipped." in part.evaluate(SEEN)["sentence"]
    field.fill("İ")
    assert "more than one letter when it is made small" in part.evaluate(SEEN)["sentence"]
    field.fill("")
    seen = part.evaluate(SEEN)
    assert seen["sentence"].startswith("The sentence is empty")
    assert seen["letters"] == ""


def test_the_table_in_the_place_of_the_part_says_what_the_networks_say(site, in_torch):
    from bs4 import BeautifulSoup

    page = BeautifulSoup((site / "learn" / "tag.html").read_text("utf-8"), "html.parser")
    rows = [
        [cell.get_text(strip=True) for cell in row("td")]
        for row in page.select('[data-play="tag"] tbody tr')
    ]
    places = {"i": 5, "l of lizzy": 11, "d of darcy": 18}
    assert len(rows) == len(places)
    for (name, left, both, _), ends in zip(rows, (7, 15, 23), strict=True):
        place = places[name]
        whole = in_torch(TEXT)
        assert [left, both] == [f"{whole[key][place]:.2f}" for key in ("left", "both")]
        sure = [in_torch(TEXT[:end])["both"][place] > 0.9 for end in range(place + 1, len(TEXT))]
        assert sure.index(True) + place + 1 == ends
        assert all(sure[sure.index(True) :])
