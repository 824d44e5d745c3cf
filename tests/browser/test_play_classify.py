"""A name is read letter by letter, in the browser: what it says is what torch computes."""

import numpy as np
import pytest
from accessible import problems_in_each_look
from test_classify import in_torch, record, trained  # noqa: F401 - fixtures
from test_pages import quiet  # noqa: F401 - a fixture

import records

SEEN = """() => ({
    letters: [...document.querySelectorAll(".play-classify .play-input .play-texts text")]
        .map(text => text.textContent),
    says: [...document.querySelectorAll(".play-classify .play-row-words .play-texts text")]
        .map(text => text.textContent),
    wrong: document.querySelectorAll(".play-classify text.play-wrong-word").length,
    cells: [...document.querySelectorAll(".play-classify .play-row-heat .play-shapes rect")]
        .map(cell => Number(cell.style.fillOpacity)),
    sentence: document.querySelector(".play-classify .play-readout").textContent,
})"""
FIELD = "Place or language"
SPOKEN = list(records.SPOKEN.values())


@pytest.fixture
def part(quiet, site):
    quiet.goto((site / "learn" / "classify.html").as_uri())
    quiet.locator('[data-play="classify"]').scroll_into_view_if_needed()
    quiet.locator(".play-classify .play-row-heat rect").first.wait_for()
    return quiet


def assert_shows(page, name, expected, read):
    """The first letters are read: their columns have the probabilities, and the others none."""
    seen = page.evaluate(SEEN)
    assert "".join(seen["letters"]) == name.replace(" ", "␣")
    cells = np.reshape(seen["cells"], (12, len(name)))
    np.testing.assert_allclose(cells[:, :read].T, expected[:read], rtol=0, atol=1e-5)
    assert (cells[:, read:] == 0).all()
    codes = [list(records.SPOKEN)[place] for place in expected[:read].argmax(axis=1)]
    assert seen["says"] == codes + [""] * (len(name) - read)
    return seen


def test_each_letter_of_a_name_gets_its_probabilities_and_play_reads_on(part, in_torch):
    name, expected = "tschechien", in_torch("tschechien")
    assert_shows(part, name, expected, read=0)
    for read in (1, 2, 3):
        part.get_by_role("button", name="Step").click()
        seen = assert_shows(part, name, expected, read)
        top = SPOKEN[expected[read - 1].argmax()]
        assert f"After “{name[:read]}”: {top} {expected[read - 1].max():.2f}" in seen["sentence"]
    part.get_by_role("slider", name="letters read").press("End")
    seen = assert_shows(part, name, expected, len(name))
    assert "It has said German since “tsc”. Right." in seen["sentence"]
    assert problems_in_each_look(part, ".play", whole=["light, 320 px"]) == []


def test_a_name_of_ones_own_is_read_at_once(part, in_torch):
    part.get_by_label(FIELD).fill("Göteborg")
    assert_shows(part, "göteborg", in_torch("göteborg"), 8)
    part.get_by_label(FIELD).fill("a")
    sentence = assert_shows(part, "a", in_torch("a"), 1)["sentence"]
    assert sentence.startswith("After “a”: ")
    assert sentence.count(".") == 4  # of three shares, and the end: nothing about a last letter


def test_what_cannot_be_read_gets_a_sentence_that_says_what_was_found(part, in_torch):
    field = part.get_by_label(FIELD)
    field.fill("a北b")
    seen = part.evaluate(SEEN)
    assert "“北” is in no name that the network has learned from" in seen["sentence"]
    assert len(seen["letters"]) == 3
    np.testing.assert_allclose(seen["cells"][2::3], in_torch("ab")[-1], rtol=0, atol=1e-5)
    field.fill("北1")
    seen = part.evaluate(SEEN)
    assert seen["sentence"].startswith("“北”, “1” are in no name")
    assert seen["sentence"].endswith("so they are skipped. Nothing is left to go by.")
    assert seen["says"] == ["", ""]
    assert not any(seen["cells"])
    field.fill("1a")
    assert part.evaluate(SEEN)["says"][0] == ""
    field.fill("la" * 15)
    seen = assert_shows(part, "la" * 12, in_torch("la" * 12), 24)
    assert seen["sentence"].endswith("Only the first 24 letters are read: 6 more were typed.")
    for empty in ("", "   "):
        field.fill(empty)
        seen = part.evaluate(SEEN)
        assert seen["sentence"].startswith("The name is empty")
        assert seen["letters"] == []


def test_the_keyboard_is_enough_and_without_motion_a_name_is_read_at_once(part, in_torch):
    part.emulate_media(reduced_motion="reduce")
    part.get_by_label(FIELD).focus()
    part.keyboard.press("Tab")
    part.keyboard.press("Enter")  # another name
    second = records.EXAMPLES[1]
    assert_shows(part, second, in_torch(second), len(second))
    for role, name in (("button", "Play"), ("button", "Step"), ("slider", "letters read")):
        part.keyboard.press("Tab")
        widget = part.get_by_role(role, name=name)
        assert widget.evaluate("widget => widget === document.activeElement")
    part.keyboard.press("Home")
    assert part.evaluate(SEEN)["sentence"] == "Nothing is read yet."
    part.keyboard.press("ArrowRight")
    assert_shows(part, second, in_torch(second), 1)


@pytest.mark.parametrize("width", [320, 390, 1300])
def test_its_room_is_reserved_so_nothing_below_moves(quiet, site, width):
    quiet.set_viewport_size({"width": width, "height": 900})
    quiet.goto((site / "learn" / "classify.html").as_uri())
    box = quiet.locator('[data-play="classify"]')
    box.scroll_into_view_if_needed()
    quiet.locator(".play-classify .play-row-heat rect").first.wait_for()
    room = box.evaluate("box => parseFloat(getComputedStyle(box).minHeight)")
    for name in records.EXAMPLES:
        quiet.get_by_label(FIELD).fill(name)
        height = quiet.locator(".play-classify").bounding_box()["height"]
        assert room - 32 < height <= room


def test_another_name_is_held_back_and_a_wrong_answer_is_framed(part):
    for _ in records.EXAMPLES[1:]:
        part.get_by_role("button", name="Another name").click()
    part.get_by_role("slider", name="letters read").press("End")
    seen = part.evaluate(SEEN)
    assert "".join(seen["letters"]) == records.EXAMPLES[-1]
    assert seen["sentence"].endswith("Wrong: it is Finnish.")
    assert seen["wrong"] > 0
