"""Five readers of one line, in the browser: their answers and bars are what PyTorch computes."""

import re

import numpy as np
import pytest
from accessible import problems_in_each_look
from test_pages import quiet  # noqa: F401 - a fixture
from test_readers import by_loop, by_torch, network, trained  # noqa: F401 - a fixture

import readers

SEEN = """() => ({
    letters: [...document.querySelectorAll(".play-readers .play-input .play-texts text")]
        .map(text => text.textContent).join(""),
    bars: [...document.querySelectorAll(".play-readers .play-row-bars")].map(row =>
        [...row.querySelectorAll(".play-shapes rect")].map(bar => bar.height.baseVal.value)),
    rows: [...document.querySelectorAll(".play-readers tbody tr")].map(row =>
        [...row.children].map(cell => cell.textContent)),
    wrong: [...document.querySelectorAll(".play-readers .play-wrong-answer")].length,
    squares: [...document.querySelectorAll(".play-readers-square")].map(({width}) => width),
    said: document.querySelector(".play-readers .play-readout").textContent,
})"""
COLORS = """count => { // of the cells of the matrix, row by row: how red, green and blue
    const canvas = [...document.querySelectorAll(".play-readers-square")].at(-1);
    const {width} = canvas, side = width / count;
    const {data} = canvas.getContext("2d").getImageData(0, 0, width, width);
    return Array.from({length: count * count}, (_, k) => {
        const [x, y] = [side * (k % count) + 1, side * Math.floor(k / count) + 1];
        return [...data.subarray(4 * (y * width + x), 4 * (y * width + x) + 3)];
    });
}"""
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
    page, names = opened("attention"), ["RNN", "GRU", "LSTM", "attention", "matrix"]
    seen = assert_shows(page, trained, names)
    T = len(seen["letters"])
    waits = f"{T - 1} of {T - 1}"
    assert [row[2] for row in seen["rows"]] == [waits, waits, waits, "0", waits]
    assert [row[3] for row in seen["rows"]] == ["16", "16", "32", f"{2 * 16 * T:,}", "256"]
    assert [row[4] for row in seen["rows"]] == ["0", "0", "0", f"{T * (T + 1) // 2}", "0"]
    page.locator(".play-readers .play-input rect").nth(T - 3).click(force=True)
    seen = assert_shows(page, trained, names)
    assert seen["letters"][T - 3].isupper()
    page.get_by_role("slider", name="Length of the line").fill("12")
    seen = assert_shows(page, trained, names)
    assert len(seen["letters"]) == 12
    assert seen["squares"] == [12 * 12, 12 * 16]
    page.get_by_role("slider", name="letters read").press("Home")
    page.get_by_role("button", name="Step").press("Enter")
    seen = page.evaluate(SEEN)
    attention = seen["rows"].pop(3)
    assert [row[1][0] for row in seen["rows"]] == ["…"] * 4
    assert attention[1][0] in readers.read_record()["chars"]
    assert "The matrix need not" in seen["said"]
    assert problems_in_each_look(page, ".play", whole=["light, 320 px"]) == []


def test_the_matrix_has_a_color_for_each_sign(opened, trained):
    page, record = opened("attention"), readers.read_record()
    ids = [record["chars"].index(letter) for letter in page.evaluate(SEEN)["letters"]]
    *_, (state, _) = by_loop(trained, record, ids)
    most = max(abs(matrix).max() for matrix, _ in by_loop(trained, record, ids))
    strong = (abs(state) > 0.1 * most).ravel()
    assert strong.sum() > 50
    red, _, blue = np.transpose(page.evaluate(COLORS, trained.H)).astype(int)
    assert ((red > blue) == (state.ravel() > 0))[strong].all()


def test_two_letters_change_places_and_attention_does_not_notice(opened, trained):
    page, names = opened("attention"), ["RNN", "GRU", "LSTM", "attention", "matrix"]
    page.locator(".play-readers .play-input rect").nth(5).click(force=True)
    for _ in range(4):
        before = assert_shows(page, trained, names)
        page.get_by_role("button", name="Swap two letters").click()
        after = assert_shows(page, trained, names)
        numbers = re.match(r"Letters (\d+) and (\d+) are swapped", after["said"]).groups()
        i, j = (int(one) - 1 for one in numbers)
        letters = [*before["letters"]]
        assert letters[i] != letters[j]
        letters[i], letters[j] = letters[j], letters[i]
        assert "".join(letters) == after["letters"]
        assert "attention 0," in after["said"]
        ends = [[bars[-1] for bars in seen["bars"]] for seen in (before, after)]
        assert abs(ends[0][3] - ends[1][3]) < 1e-9
    page.get_by_role("slider", name="Length of the line").fill("3")
    page.locator(".play-readers .play-input rect").nth(1).click(force=True)
    page.get_by_role("button", name="Swap two letters").click()
    assert page.evaluate(SEEN)["letters"][0].isupper()  # no other pair is there
    page.locator(".play-readers .play-input rect").nth(1).click(force=True)
    assert_shows(page, trained, names)  # one capital, not two


def test_chapter_9_shows_the_three_cells(opened, trained):
    page = opened("gates")
    page.get_by_role("button", name="Other letters").click()
    assert assert_shows(page, trained, ["RNN", "GRU", "LSTM"])["squares"] == []
