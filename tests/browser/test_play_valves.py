"""Gates as valves in the browser: handles by finger and by key, and the numbers of the package."""

import numpy as np
import pytest
from test_pages import quiet  # noqa: F401 - a fixture
from test_play_valves_core import machines, params, steps_of  # noqa: F401 - a fixture


@pytest.fixture
def opened(quiet, site):
    """Open a part of a chapter."""

    def opened(chapter, which=0):
        quiet.goto((site / "learn" / f"{chapter}.html").as_uri())
        part = quiet.locator('[data-play="valves"]').nth(which)
        part.scroll_into_view_if_needed()
        part.locator(".play-valves button").first.wait_for()
        return part

    return opened


def tanks(part):
    """Return the numbers below the tanks."""
    return [text.replace("−", "-") for text in part.locator(".play-value").all_text_contents()]


def press(part, k):
    """Press the k-th letter; the letter itself lies over its box."""
    part.locator(".play-row-boxes").first.locator("rect").nth(k).click(force=True)


def dial(part, name):
    return part.get_by_role("slider", name=name)


def said(part):
    return part.locator(".play-readout").inner_text()


def wrong(part):
    return part.locator(".play-texts .play-wrong-word").all_text_contents()


def test_a_reader_holds_a_bit_with_the_keys_of_three_sliders(opened):
    part = opened("gates")
    assert "it writes 0.50 · 0.995 = 0.498" in said(part)  # half open, it fails
    assert wrong(part) == ["0", "1", "1", "0", "0"]
    for place, keys in (("(", "Home End End"), ("x", "End Home End"), (")", "Home Home End")):
        for name, key in zip(("keep f", "write i", "show o"), keys.split(), strict=True):
            dial(part, name).press(key)
        dial(part, "character").press("End" if place == "x" else "ArrowRight")
    assert wrong(part) == []
    praise = "Solved! You did what the gates of an LSTM do. Compare with “the weights”."
    assert said(part).startswith(praise)
    shown = part.locator(".play-solved .play-row-words rect").first
    devtools = part.page.context.new_cdp_session(part.page)
    devtools.send("Animation.enable")
    devtools.send("Animation.setPlaybackRate", {"playbackRate": 0})  # else it may be over by then
    part.page.emulate_media(reduced_motion="no-preference")
    lit = "rect => (rect.getAnimations()[0].currentTime = 200, getComputedStyle(rect).fill)"
    assert "none" not in shown.evaluate(lit)  # each number is lit in its turn
    devtools.detach()
    part.page.emulate_media(reduced_motion="reduce")
    part.get_by_label("Text").fill("(xx")
    assert said(part).endswith("Right so far. Try a text with x, ( and ).")


def test_a_handle_is_dragged_and_the_leak_is_said(opened, quiet):
    part = opened("gates")
    for k, keys in ((1, "Home End End"), (5, "Home Home End"), (2, "Home Home End")):
        press(part, k)
        for name, key in zip(("keep f", "write i", "show o"), keys.split(), strict=True):
            dial(part, name).press(key)
    box = part.locator(".play-grip").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    quiet.mouse.move(x, y)
    quiet.mouse.down()
    quiet.mouse.move(x, y - 25.2, steps=3)  # an open one is 28 pixels higher
    quiet.mouse.up()
    assert dial(part, "keep f").input_value() == "0.9"
    assert f"0.90³ = {0.9**3:.3f}" in said(part)


@pytest.mark.parametrize(("chapter", "cell"), [("gates", "LSTM"), ("gru", "GRU")])
def test_the_weights_show_the_numbers_of_the_package(opened, machines, chapter, cell):
    part = opened(chapter)
    part.get_by_label("the weights", exact=True).check()
    machine = machines[cell]
    steps = steps_of(machine, cell, machine["text"], params(machine, cell))
    names = ("was", "g", "c", "h") if cell == "LSTM" else ("was", "n", "h")
    for k, step in enumerate(steps):
        press(part, k)
        assert tanks(part) == [f"{step[name] + 0:.3f}" for name in names]
    assert wrong(part) == []


def test_typed_brackets_in_brackets_break_the_latch(opened):
    part = opened("gates", 1)
    wanted = part.locator(".play-row-words .play-texts text")
    assert wanted.all_text_contents() == ["1", "", "", "", "", ""]  # the rest is to be guessed
    assert said(part).endswith("What will the cell be after the next “(”?")
    dial(part, "character").press("End")
    assert wanted.all_text_contents() == ["1", "1", "1", "1", "1", "0"]
    assert wrong(part) == ["1", "1"]
    assert said(part).endswith("although one bracket is still open: one bit cannot count to two.")
    part.get_by_label("Text").fill("(xx)")
    assert wrong(part) == []
    part.get_by_label("Text").fill("(x[")
    assert part.get_by_text("It knows only ( x )").is_visible()


def test_with_the_lid_held_open_the_count_goes_on(opened, machines):
    machine = machines["GRU"]
    held = params(machine, "GRU")._replace(b_ih=np.array([100.0, 0, 0]))  # as in fig-counter
    last = steps_of(machine, "GRU", machine["text"], held)[-1]
    part = opened("gru")
    part.get_by_label("weights, lid held open").check()
    press(part, 8)
    assert tanks(part)[-1] == f"{last['h']:.3f}"
    assert "the count goes on from 0.28" in said(part)
    assert wrong(part) == ["0", "1", "2", "2", "2", "3"]
