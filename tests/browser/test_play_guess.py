"""The guessing game in the browser: what a game costs, by keys and by buttons."""

import numpy as np
import pytest
from accessible import problems_in_each_look
from playwright.sync_api import expect
from test_pages import quiet  # noqa: F401 - a fixture

import guess


@pytest.fixture(scope="module")
def data():
    return guess.data()


@pytest.fixture
def game(quiet, site):
    quiet.goto((site / "learn" / "language-models.html").as_uri())
    quiet.locator('[data-play="guess"]').scroll_into_view_if_needed()
    quiet.locator(".play-guess .play-readout").wait_for()
    return quiet


def readout(page):
    return page.locator(".play-guess .play-readout").inner_text()


def field(page):
    return page.get_by_label("the next letter, or a space")


def each(bits):
    return f"{np.mean(bits):.2f}"


def heights(page, row):
    """How high the bars of a row are, of all rows of bars."""
    bars = page.locator(".play-guess .play-row-bars").nth(row).locator(".play-shapes rect")
    return np.array([float(bar.get_attribute("height")) for bar in bars.all()])


def test_a_game_costs_what_its_guesses_cost_beside_both_machines(game, data):
    passage, prices = data["passages"][0], data["prices"]
    assert readout(game) == f"{len(passage['text'])} letters and spaces are hidden."
    field(game).press_sequentially("wac")  # the third guess is right
    first = [f"{bits:.2f}" for bits in (prices[2], *(passage[m]["bits"][0] for m in MACHINES))]
    found = "“c” after 3 guesses costs you {} bits, the table {} and the network {}."
    sums = " Bits per letter, over 1 of 28: you {}, the table {}, the network {}."
    assert readout(game) == (found + sums).format(*first, *first)
    game.get_by_role("group", name="letters").get_by_role("button", name="e", exact=True).click()
    assert readout(game).startswith("Not “e”: 1 guess so far.")
    field(game).press("E")  # no guess
    assert readout(game).startswith("“e” was tried. Bits per letter")
    field(game).press_sequentially("é")
    assert readout(game).startswith("Only letters and spaces come. Bits")
    field(game).press("a")
    counts = [3, 2]
    assert "over 2 of 28: you " + each([prices[n - 1] for n in counts]) in readout(game)
    assert (heights(game, 0) > 0).sum() == (heights(game, 2) > 0).sum() == 2
    field(game).press_sequentially(passage["text"][2:])
    counts += [1] * 26
    paid = [prices[n - 1] for n in counts]
    bits = [passage[m]["bits"] for m in MACHINES]
    alike = [[prices[n - 1] for n in passage[m]["guesses"]] for m in MACHINES]
    assert readout(game).endswith(
        f"over 28 of 28: you {each(paid)}, the table {each(bits[0])}, the network {each(bits[1])}. "
        f"Had they paid by guesses, as you do: the table {each(alike[0])}, the network "
        f"{each(alike[1])}."
    )
    for row, values in enumerate((paid, *bits)):
        drawn = heights(game, row) - 1  # what starts has a line
        np.testing.assert_allclose(drawn, 72 * np.array(values) / 16, rtol=0, atol=1e-9)
    assert field(game).is_disabled()


MACHINES = ("table", "network")


def test_what_is_shown_without_a_guess_counts_for_nobody(game, data):
    passage = data["passages"][1]
    game.get_by_role("button", name="Another sentence").click()
    assert game.locator(".play-guess-text").inner_text().startswith("But Jane could think")
    game.keyboard.type(passage["text"][:2])
    game.get_by_role("button", name="Show the rest").press("Enter")
    expect(game.locator(".play-guess .play-dashed")).to_have_count(28)
    expect(game.locator(".play-guess .play-row-boxes text").last).not_to_be_empty()
    assert f"It was “{passage['text']}”. Bits per letter, over 2 of 30: you 0.55" in readout(game)
    assert each(passage["network"]["bits"][:2]) in readout(game)
    shown = game.locator(".play-guess .play-row-boxes text").all_text_contents()
    assert "".join(shown).replace("␣", " ") == passage["text"]
    assert (heights(game, 0) > 0).sum() == 2
    game.emulate_media(reduced_motion="reduce")  # it is there at once
    game.get_by_role("button", name="Another sentence").click()
    game.get_by_role("button", name="Show the rest").click()
    passage = data["passages"][2]
    bits = [each(passage[machine]["bits"]) for machine in MACHINES]
    said = "It was “{}”. Bits per letter: the table {}, the network {}."
    assert readout(game) == said.format(passage["text"], *bits)
    for _ in range(3):
        game.get_by_role("button", name="Another sentence").click()
    assert game.locator(".play-guess-text").inner_text().startswith("The next morning")


@pytest.mark.parametrize("width", [390, 1300])
def test_nothing_below_moves_whatever_happens_in_it(game, width):
    game.set_viewport_size({"width": width, "height": 900})
    place = "document.querySelector('[data-play=guess]').getBoundingClientRect().height"
    before = game.evaluate(place)
    for _ in range(5):
        field(game).press_sequentially("zq")
        game.get_by_role("button", name="Show the rest").click()
        assert game.evaluate(place) == pytest.approx(before, abs=1)
        game.get_by_role("button", name="Another sentence").click()


def test_it_is_accessible_in_each_look(game):
    field(game).press_sequentially("wacx")
    assert problems_in_each_look(game, ".play-guess", whole=["light, 320 px"]) == []
