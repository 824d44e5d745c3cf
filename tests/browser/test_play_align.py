"""A network that writes dates anew, in the browser: it writes and looks as in PyTorch."""

import numpy as np
import pytest
from accessible import problems_in_each_look
from test_align import by_torch, net, translate  # noqa: F401 - fixtures
from test_pages import quiet  # noqa: F401 - a fixture

SEEN = """() => ({
    date: [...document.querySelectorAll(".play-align .play-input .play-texts text")]
        .map(text => text.textContent).join("").replaceAll("␣", " "),
    written: document.querySelector(".play-align-answer").textContent,
    strengths: [...document.querySelectorAll(".play-align .play-row-heat .play-shapes rect")]
        .map(cell => Number(cell.style.fillOpacity)),
    said: document.querySelector(".play-align .play-readout").textContent,
    wrong: document.querySelector(".play-align .play-error").textContent,
})"""


@pytest.fixture
def opened(quiet, site):
    quiet.goto((site / "learn" / "translate.html").as_uri())
    quiet.locator('[data-play="align"]').scroll_into_view_if_needed()
    quiet.locator(".play-align .play-row-heat rect").first.wait_for()
    return quiet


def assert_shows(page, translate, net, text):
    """After its last step, the part shows what PyTorch computes."""
    page.get_by_role("slider", name="letters written").press("End")
    seen = page.evaluate(SEEN)
    letters, _, looks = by_torch(translate, net, text)
    assert seen["date"] == text
    assert seen["written"] == f"{text} → {''.join(letters).removesuffix(translate.END)}"
    np.testing.assert_allclose(seen["strengths"], np.ravel(looks), rtol=0, atol=1e-6)
    return seen


def test_a_typed_date_is_written_as_in_torch(opened, translate, net):
    assert assert_shows(opened, translate, net, "3 March 1998")["said"].endswith("Right.")
    opened.get_by_label("A date").fill("Dec 31 2000")
    assert assert_shows(opened, translate, net, "Dec 31 2000")["said"].endswith("Right.")
    opened.get_by_role("button", name="30 February 1998").click()
    seen = assert_shows(opened, translate, net, "30 February 1998")
    assert "There is no such day." in seen["said"]
    for text, says in (
        ("31 February 1998", "There is no such day."),
        ("Dec 31 1850", "It has read dates of 1900 to 2099 only."),
        ("3 march 98", "Nobody taught it dates like this"),
        ("March 3 1998 March 3 199", "Nobody taught it dates like this"),
    ):
        opened.get_by_label("A date").fill(text)
        assert says in assert_shows(opened, translate, net, text)["said"]


def test_the_letters_are_written_one_by_one_and_by_keyboard(opened):
    opened.get_by_role("slider", name="letters written").press("Home")
    assert opened.evaluate(SEEN)["written"] == "3 March 1998 → …"
    for written in ("1", "19"):
        opened.get_by_role("button", name="Step").press("Enter")
        seen = opened.evaluate(SEEN)
        assert seen["written"] == f"3 March 1998 → {written}…"
        assert f"Writing “{written[-1]}”, for the year, it looked most at “" in seen["said"]
    assert sum(seen["strengths"]) == pytest.approx(2, abs=1e-6)


def test_what_a_digit_is_for_is_told_by_the_hyphens_before_it(opened, translate, net):
    letters, _, _ = by_torch(translate, net, "3 May 1")
    assert letters.index("-") == 3  # the year that it writes has three digits
    opened.get_by_label("A date").fill("3 May 1")
    opened.get_by_role("slider", name="letters written").press("Home")
    for letter in letters[:8]:
        opened.get_by_role("button", name="Step").press("Enter")
        said = opened.evaluate(SEEN)["said"]
        place = opened.evaluate(SEEN)["written"].split(" → ")[1].count("-")
        part = f"”, for the {('year', 'month', 'day')[place]}, it looked"
        assert (part in said) == (letter != "-")


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_play_writes_until_the_end(opened, motion):
    opened.emulate_media(reduced_motion=motion)
    opened.get_by_role("slider", name="letters written").press("Home")
    opened.get_by_role("button", name="Play").press("Enter")
    opened.locator(".play-align-answer").filter(has_text="3 March 1998 → 1998-03-03").wait_for()
    opened.locator(".play-align .play-readout").filter(has_text="Right.").wait_for()


def test_what_it_cannot_read_is_said_and_the_picture_stays(opened):
    for text, says in (
        ("", "The field is empty"),
        ("3 März 1998", "“ä” is none of the 39 letters that it knows"),
        ("3 March 1998 3 March 1998", "That has 25 letters, and the part takes 24"),
    ):
        opened.get_by_label("A date").fill(text)
        seen = opened.evaluate(SEEN)
        assert seen["wrong"].startswith(says)
        assert seen["said"] == "The picture still shows “3 March 1998”."
        assert seen["date"] == "3 March 1998"
        opened.get_by_role("status").filter(has_text=f"{seen['wrong']} {seen['said']}").wait_for(
            state="attached"
        )


def test_the_part_is_accessible(opened):
    opened.get_by_role("slider", name="letters written").press("End")
    assert problems_in_each_look(opened, ".play", whole=["light, 320 px"]) == []
