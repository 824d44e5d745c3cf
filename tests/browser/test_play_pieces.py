"""A text falls into pieces of words, in the browser, as the chapter's code cuts it."""

import pytest
from accessible import problems_in_each_look
from test_pages import quiet  # noqa: F401 - a fixture

import pieces

SEEN = """() => ({
    cut: [...document.querySelectorAll(".play-pieces-text span")].map(one => one.textContent),
    fresh: [...document.querySelectorAll(".play-new-piece")].map(one => one.textContent),
    wrong: [...document.querySelectorAll(".play-pieces-text .play-wrong-word")]
        .map(one => one.textContent),
    said: document.querySelector(".play-pieces .play-readout").textContent,
    unseen: document.querySelector(".play-pieces .play-unseen").textContent,
})"""
TEXTS = (
    "there was little chance of her ever considering it with less perplexity.",
    "It is a truth universally acknowledged",
    "strawberry, STRAWBERRY!",
    "x",
)


@pytest.fixture
def part(quiet, site):
    quiet.goto((site / "learn" / "words.html").as_uri())
    quiet.locator('[data-play="pieces"]').scroll_into_view_if_needed()
    quiet.locator(".play-pieces-text span").first.wait_for()
    return quiet


def assert_shows(page, text, count):
    cut = pieces.page_code()["encode"](text, pieces.merges()[:count])
    shown = [piece.replace(" ", "␣") for piece in cut]
    seen = page.evaluate(SEEN)
    assert seen["cut"] == shown
    assert seen["unseen"] == f"Pieces: {' | '.join(shown)}"
    characters = f"{len(text)} character{'s' * (len(text) > 1)}"
    tokens = f"{len(cut)} token{'s' * (len(cut) > 1)}"
    each = f"{len(text) / len(cut):.2f} characters per token"
    assert seen["said"].startswith(f"{characters} in {tokens}: {each}. ")
    return seen


def test_each_merge_joins_two_pieces_and_says_which(part):
    text = TEXTS[0]
    slider = part.get_by_role("slider", name="merges")
    assert "Nothing is joined yet." in assert_shows(part, text, 0)["said"]
    part.get_by_role("button", name="Step").click()
    seen = assert_shows(part, text, 1)
    assert "Merge 1 joined “h” and “e” into “he”." in seen["said"]
    assert seen["fresh"] == ["he", "he"]
    slider.press("End")
    seen = assert_shows(part, text, pieces.MOST)
    assert f"Merge {pieces.MOST} joined" in seen["said"]
    assert slider.get_attribute("aria-valuetext") == str(pieces.MOST)
    assert problems_in_each_look(part, ".play", whole=["light, 320 px"]) == []


def test_a_text_of_ones_own_is_cut_as_python_cuts_it(part):
    slider, field = part.get_by_role("slider", name="merges"), part.get_by_label("A text")
    for text in TEXTS[1:]:
        field.fill(text)
        slider.press("Home")
        assert_shows(part, text, 0)
        slider.press("End")
        assert_shows(part, text, pieces.MOST)


def test_an_empty_text_and_letters_that_the_novel_lacks_get_a_sentence(part):
    field = part.get_by_label("A text")
    field.fill("")
    seen = part.evaluate(SEEN)
    assert seen["cut"] == []
    assert seen["said"].endswith("The text is empty: there is nothing to cut. Type something.")
    field.fill("naïve 北")
    seen = assert_shows(part, "naïve 北", 0)
    assert seen["wrong"] == ["ï", "北"]
    assert "“ï”, “北” are not among the 68 characters of the novel" in seen["said"]
