"""A name is read letter by letter, in the browser: what it says is what torch computes."""

import numpy as np
import pytest
from accessible import problems_in_each_look
from test_classify import in_torch, record, trained  # noqa: F401 - fixtures
from test_pages import quiet  # noqa: F401 - a fixture

import classify

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
SPOKEN = list(classify.SPOKEN.values())


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
    codes = [list(classify.SPOKEN)[place] for place in expected[:read].argmax(axis=1)]
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


def test_a_name_of_ones_own_is_read_at_once_and_what_cannot_be_read_gets_a_sentence(
    part,
    in_torch,
):
    field = part.get_by_label("A name of a place or a language")
    field.fill("Göteborg")
    assert_shows(part, "göteborg", in_torch("göteborg"), 8)
    field.fill("a北b")
    sentence = part.evaluate(SEEN)["sentence"]
    assert "“北” is in no name that the network has learned from" in sentence
    field.fill("")
    seen = part.evaluate(SEEN)
    assert seen["sentence"].startswith("The name is empty")
    assert seen["letters"] == []


def test_another_name_is_held_back_and_a_wrong_answer_is_framed(part):
    for _ in classify.EXAMPLES[1:]:
        part.get_by_role("button", name="Another name").click()
    part.get_by_role("slider", name="letters read").press("End")
    seen = part.evaluate(SEEN)
    assert "".join(seen["letters"]) == classify.EXAMPLES[-1]
    assert seen["sentence"].endswith("Wrong: it is Finnish.")
    assert seen["wrong"] > 0
