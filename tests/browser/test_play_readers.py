"""Four readers of one line, in the browser: their answers and bars are what PyTorch computes."""

import numpy as np
import pytest
from accessible import problems_in_each_look
from test_pages import quiet  # noqa: F401 - a fixture
from test_readers import by_torch, network, trained  # noqa: F401 - a fixture

import readers

SEEN = """() => ({
    letters: [...document.querySelectorAll(".play-readers .play-input .play-texts text")]
        .map(text => text.textContent).join(""),
    bars: [...document.querySelectorAll(".play-readers .play-row-bars")].map(row =>
        [...row.querySelectorAll(".play-shapes rect")].map(bar => bar.height.baseVal.value)),
    rows: [...document.querySelectorAll(".play-readers tbody tr")].map(row =>
        [...row.children].map(cell => cell.textContent)),
    wrong: [...document.querySelectorAll(".play-readers .play-wrong-answer")].length,
    square: document.querySelector(".play-readers-square")?.width,
})"""
ROOM = 44  # of the bars, in pixels


@pytest.fixture
def opened(quiet, site):
    def at(page):
        quiet.goto((site / "learn" / f"{page}.html").as_uri())
        quiet.locator('[data-play="readers"]').scroll_into_view_if_needed()
        quiet.locator(".play-readers .play-row-boxes rect").first.wait_for()
        quiet.get_by_role("slider", name="letters read").press("End")
        return quiet

    return at


def assert_shows(page, trained, names):
    """The answers and bars are PyTorch's, for the line that is shown."""
    seen, record = page.evaluate(SEEN), readers.read_record()
    ids = [record["chars"].index(letter) for letter in seen["letters"]]
    (capital,) = [k for k in ids if k < record["capitals"]]
    assert [row[0] for row in seen["rows"]] == names
    wrong = 0
    for name, bars, row in zip(names, seen["bars"], seen["rows"], strict=True):
        says, sure = by_torch(trained, network(trained, record, name), ids, capital)
        assert row[1] == f"{record['chars'][says]} {'✓' if says == capital else '✗'}"
        wrong += says != capital
        right = [ROOM * share + 1 for share in sure]  # a pixel more: small ones are seen
        np.testing.assert_allclose(bars, right, rtol=0, atol=0.001)
    assert seen["wrong"] == wrong
    return seen


def test_readers_answer_as_in_torch_and_attention_does_not_wait(opened, trained):
    page, names = opened("after-rnns"), ["RNN", "GRU", "LSTM", "attention"]
    seen = assert_shows(page, trained, names)
    T = len(seen["letters"])
    assert [row[2] for row in seen["rows"]] == [f"{T - 1} of {T - 1}"] * 3 + ["0"]
    assert [row[4] for row in seen["rows"]] == ["0", "0", "0", f"{T * (T + 1) // 2}"]
    page.locator(".play-readers .play-input rect").nth(T - 3).click(force=True)
    seen = assert_shows(page, trained, names)
    assert seen["letters"][T - 3].isupper()
    page.get_by_role("slider", name="Length of the line").fill("12")
    seen = assert_shows(page, trained, names)
    assert len(seen["letters"]) == 12
    assert seen["square"] == 12 * 12
    page.get_by_role("slider", name="letters read").press("Home")
    page.get_by_role("button", name="Step").press("Enter")
    seen = page.evaluate(SEEN)
    assert [row[1][0] for row in seen["rows"][:3]] == ["…"] * 3
    assert seen["rows"][3][1][0] in readers.read_record()["chars"]
    assert problems_in_each_look(page, ".play", whole=["light, 320 px"]) == []


def test_chapter_9_shows_the_three_cells(opened, trained):
    page = opened("gates")
    page.get_by_role("button", name="Other letters").click()
    assert assert_shows(page, trained, ["RNN", "GRU", "LSTM"])["square"] is None
