"""The wave in the browser, in each chapter that has one: it says what the package computes."""

import re

import numpy as np
import pytest
from test_pages import quiet  # noqa: F401 - a fixture
from test_wave import LINE, drawn, steps_apart

from charseq import RNNParams, rnn_forward

SMALL = RNNParams(
    W_ih=np.array([[0.5, -0.3, 0.8, 0.1], [-0.6, 0.9, 0.2, -0.4]]),
    W_hh=np.array([[0.7, -0.5], [0.4, 0.6]]),
    b_ih=np.array([0.1, 0.0]),
    b_hh=np.array([0.0, -0.1]),
)
HELLO = np.eye(4)[[[0, 1, 2, 2, 3]]]
ZEROS = np.zeros((1, 2))


@pytest.fixture
def wave(quiet, site):
    """Open a chapter, and return its wave."""

    def show(chapter):
        quiet.emulate_media(reduced_motion="reduce")  # "Play" shows the end
        quiet.goto((site / "learn" / f"{chapter}.html").as_uri())
        quiet.locator('[data-play="wave"]').scroll_into_view_if_needed()
        part = quiet.locator(".play-wave")
        part.locator(".play-readout").wait_for()
        return part

    return show


def told(part):
    return part.locator(".play-readout").inner_text().replace("−", "-")


def numbers(text):
    return [float(found) for found in re.findall(r"-?\d+\.\d+(?:e-?\d+)?|\d+e-\d+", text)]


def press_letter(part, k, line=0):
    """Press the middle of a box."""
    picture = part.locator(".play-line-of-boxes").nth(line)
    box = picture.locator(".play-row-boxes .play-shapes rect").nth(k).bounding_box()
    part.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def share_at(back, at=43, **how):
    x, params = drawn(LINE, **{"cell": "RNN", "hidden": 32, "seed": 0, "size": 1, "bias": 0, **how})
    shares = steps_apart(x[: at + 1], params, how.get("cell", "RNN"), np.full(32, 32**-0.5))
    lengths = np.linalg.norm(shares, axis=1)
    return lengths[at - back] / lengths[at]


def two_digits(share):
    return float(f"{share:.1g}" if share < 0.01 else f"{share:.2g}")


def test_blame_goes_back_through_the_line_as_in_the_package(wave):
    part = wave("gradient-reach")
    part.get_by_role("button", name="Play").click()
    share = share_at(43)
    assert numbers(told(part)) == [two_digits(share), round(share ** (1 / 43), 2)]
    part.get_by_label("size of W_hh").press("End")  # × 4
    share = share_at(43, size=4)
    assert f"gets {float(f'{share:.2g}'):,.0f} times the blame" in told(part)
    part.get_by_role("button", name="draw 1 of 20").click()
    share = share_at(43, size=4, seed=1)
    assert f"gets {float(f'{share:.2g}'):,.0f} times the blame" in told(part)
    assert part.get_by_role("button", name="draw 2 of 20").is_visible()
    press_letter(part, 20)  # the mistake is there, and the blame sets out at once
    share = share_at(20, at=20, size=4, seed=1)
    assert told(part).startswith(f"20 steps back, the “(” gets {float(f'{share:.2g}'):,.0f} times ")
    part.get_by_role("slider", name="steps back").press("ArrowLeft")
    assert told(part).startswith(f"19 steps back, the “{LINE[1]}” gets ")
    ring, box = (
        part.locator(which).first.bounding_box()
        for which in (".play-ring", ".play-row-boxes .play-shapes rect")
    )
    assert ring["width"] < 1.9 * box["width"]  # with the widths of both lines
    bars = part.locator(".play-row-bars .play-shapes rect")
    heights = bars.evaluate_all("bars => bars.map(bar => Number(bar.getAttribute('height')))")
    assert [height > 0 for height in heights] == [1 <= t <= 20 for t in range(44)]


def test_a_mistake_at_the_first_letter_has_no_way_back_and_steps_end_at_the_end(wave):
    part = wave("gradient-reach")
    part.page.emulate_media(reduced_motion="no-preference")
    place = part.get_by_role("slider", name="the mistake")
    place.press("Home")
    alone = "The mistake is at the first letter: there is nothing to go back to."
    for name in ("Play", "Step"):
        part.get_by_role("button", name=name).click()
        assert told(part) == alone
        assert part.get_by_role("button", name="Play").get_attribute("aria-pressed") == "false"
    part.page.emulate_media(reduced_motion="reduce")
    place.press("ArrowRight")
    end = told(part)
    assert end.startswith("1 step back, the “(” gets ")
    for _ in range(2):  # a reader who presses once too often keeps the result
        part.get_by_role("button", name="Step").click()
        assert told(part) == end


def test_the_forget_bias_keeps_what_the_lstm_loses_without_it(wave):
    part = wave("gates")
    part.get_by_label("LSTM").check()
    assert numbers(told(part))[0] == two_digits(share_at(43, cell="LSTM"))
    bias = part.get_by_label("forget bias")
    for _ in range(30):
        bias.press("ArrowRight")
    share = share_at(43, cell="LSTM", bias=3.0)
    assert numbers(told(part))[0] == two_digits(share)
    assert told(part).endswith("σ(3.0) = 0.953.")
    part.get_by_label("GRU").check()
    assert bias.is_disabled()
    assert numbers(told(part))[0] == two_digits(share_at(43, cell="GRU"))


def test_each_step_sends_its_share_to_the_column_of_its_letter(wave):
    part = wave("backpropagation")
    step = part.get_by_role("button", name="Step")
    columns = part.locator(".play-line-of-boxes").nth(1).locator(".play-row-words .play-texts")
    for at in (4, 2):  # the mistake is at the last letter, and then in the middle
        letters = HELLO[0, : at + 1]
        shares = steps_apart(letters, SMALL, "RNN", np.array([1.0, 0.0]))
        for given in range(1, at + 2):
            step.click()
            share = shares[at + 1 - given]
            assert numbers(told(part))[:3] == [*share.round(3), np.linalg.norm(share).round(3)]
            shown = [row.locator("text").all_text_contents() for row in columns.all()]
            expected = shares[-given:].T @ letters[-given:]
            assert shown == [[f"{x:.3f}".replace("-", "−") for x in row] for row in expected]
        assert "together" not in told(part)  # "h" comes once
        part.get_by_label("the mistake").press("Home")
        press_letter(part, 2)
        part.get_by_role("slider", name="shares given").press("Home")


def test_the_two_ls_lead_to_two_places_unless_the_state_is_left_out(wave):
    part = wave("recurrence")
    states, _ = rnn_forward(HELLO, ZEROS, SMALL)
    step = part.get_by_role("button", name="Step")
    for letter, state in zip("hel", states[0], strict=False):
        step.click()
        assert told(part).startswith(f"After “{letter}” the state is")
        assert numbers(told(part)) == state.round(3).tolist()
    step.click()
    both = [*states[0, 2].round(3), *states[0, 3].round(3)]
    assert numbers(told(part)) == both
    step.click()
    assert numbers(told(part)) == [*states[0, 4].round(3), *both]
    part.get_by_label(re.compile("the old state goes in")).uncheck()
    there = np.tanh(SMALL.W_ih[:, 2] + SMALL.b_ih + SMALL.b_hh)
    assert numbers(told(part))[2:] == there.round(3).tolist()
    assert told(part).endswith("nothing tells them apart.")
    labels = part.locator(".play-wave-plane g text")
    assert labels.all_text_contents() == ["start", "h", "e", "", "l, l", "o"]
    press_letter(part, 0)
    assert told(part).startswith("After “h”")
    assert part.locator("circle:visible").count() == 2  # the start, and "h"


def test_a_cut_stops_the_blame_and_not_the_state(wave):
    part = wave("truncation")
    rows = part.locator(".play-row-bars .play-shapes")
    heights = "row => [...row.children].map(bar => Number(bar.getAttribute('height')))"
    trace, blame = (row.evaluate(heights) for row in rows.all())
    assert all(trace)
    assert all(blame)
    for cut in (6, 13):
        press_letter(part, cut)
        assert rows.nth(0).evaluate(heights) == trace
        assert rows.nth(1).evaluate(heights) == [0] * cut + blame[cut:]
        back = f"reaches back {13 - cut} steps from" if cut < 13 else "stays at"
        assert told(part).startswith(f"Cut before letter {cut + 1}: the gradient {back} the “?”. ")
        zeros = rows.nth(1).locator("xpath=../*[@class='play-texts']").locator("text")
        assert zeros.all_text_contents() == ["0"] * cut + [""] * (14 - cut)
    part.get_by_label("a new piece begins at").press("Home")
    assert told(part).startswith("No cut")
    assert rows.nth(1).evaluate(heights) == blame


def test_a_padded_row_wades_through_the_dots_and_a_packed_one_does_not(wave):
    part = wave("padding")
    part.get_by_role("button", name="Play").click()
    assert numbers(told(part)) == [0.29, 0.00, 0.66]  # the page computes both
    part.get_by_label("padded left").check()
    assert numbers(told(part)) == [0.11, 0.00, 0.01]
    part.get_by_label("packed").check()
    assert told(part) == "All three end 0.00 off."
    assert part.locator(".play-dashed").count() == 4
    bar = part.get_by_role("slider", name="steps")
    bar.press("Home")
    for _ in range(2):
        bar.press("ArrowRight")
    assert told(part) == "“ox” is over and keeps its state. The other two are being read."
    part.get_by_label("padded left").check()
    assert numbers(told(part)) == [0.67]  # what two dots make of the zeros
    part.get_by_label("padded right").check()
    assert told(part) == "“ox” is over. The other two are being read."
    for _ in range(2):
        bar.press("ArrowRight")
    assert numbers(told(part)) == [0.33]
