"""What live parts say, once a reader has worked them, is what PyTorch or the package computes.

The functions behind them are compared in tests/parts; here is what lies between them and the page:
one way through each part.
"""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from test_play_valves_core import machines, params, steps_of  # noqa: F401 - a fixture
from test_wave import LINE, drawn, steps_apart

import records
from charseq import RNNParams, load_net, rnn_forward

SMALL = RNNParams(
    W_ih=np.array([[0.5, -0.3, 0.8, 0.1], [-0.6, 0.9, 0.2, -0.4]]),
    W_hh=np.array([[0.7, -0.5], [0.4, 0.6]]),
    b_ih=np.array([0.1, 0.0]),
    b_hh=np.array([0.0, -0.1]),
)
HELLO = np.eye(4)[[[0, 1, 2, 2, 3]]]


def told(part):
    return part.locator(".play-readout").inner_text().replace("−", "-")


def numbers(text):
    return [float(found) for found in re.findall(r"-?\d+\.\d+(?:e-?\d+)?|\d+e-\d+", text)]


def heights(part, row=0):
    bars = part.locator(".play-row-bars").nth(row).locator(".play-shapes rect")
    return bars.evaluate_all("all => all.map(bar => Number(bar.getAttribute('height')))")


def press_letter(part, k, line=0):
    boxes = part.locator(".play-line-of-boxes").nth(line).locator(".play-row-boxes").first
    boxes.locator(".play-shapes rect").nth(k).click(force=True)  # the letter lies over it


# --- one network, one text ------------------------------------------------------------------------


def test_a_game_costs_what_its_guesses_cost_beside_both_machines(opened):
    part, data = opened("learn/language-models.html", "guess"), records.read("guess")
    passage, prices = data["passages"][0], data["prices"]
    field = part.get_by_label("the next letter, or a space")
    field.press_sequentially("wam")  # of the first letter that is not given
    first = [prices[2], passage["table"]["bits"][2], passage["network"]["bits"][2]]
    words = "“m” after 3 guesses costs you {:.2f} bits, the table {:.2f} and the network {:.2f}."
    mean = " Bits per letter, over 1 of 26: you {:.2f}, the table {:.2f}, the network {:.2f}."
    assert told(part) == words.format(*first) + mean.format(*first)
    field.press_sequentially("xé")
    assert told(part).startswith("Only letters and spaces come.")
    field.press_sequentially(passage["text"][3:])
    paid = [prices[2], prices[1], *[prices[0]] * (len(passage["text"]) - 4)]
    theirs = [passage[name]["bits"][2:] for name in ("table", "network")]
    means = [np.mean(row) for row in (paid, *theirs)]
    words = "over 26 of 26: you {:.2f}, the table {:.2f}, the network {:.2f}. "
    assert words.format(*means) in told(part)
    assert np.array(heights(part))[2:] - 1 == pytest.approx(72 * np.array(paid) / 16)
    expect(field).to_be_disabled()


def test_a_letter_lights_its_id_its_place_and_its_column(opened):
    part = opened("learn/text-to-tensors.html", "letters")
    part.get_by_label("a word").fill("garden")
    press_letter(part, 2)
    assert told(part).startswith("“r” has id 9: a 1 at place 9")
    assert told(part).endswith("column 9: (0.153, -0.251, -0.146).")
    part.get_by_label("a word").fill("dew")
    assert told(part).startswith("“w” isn't one of the 10 characters")


# --- valves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chapter", "cell"), [("gates", "LSTM"), ("gru", "GRU")])
def test_the_weights_show_the_numbers_of_the_package_and_leave_no_dial(
    opened, machines, chapter, cell
):
    part = opened(f"learn/{chapter}.html", "valves")
    dials = part.locator(".play-dials input")
    assert all(dial.is_enabled() for dial in dials.all())
    part.get_by_label("the weights", exact=True).check()
    assert not any(dial.is_enabled() for dial in dials.all())
    machine = machines[cell]
    names = ("was", "g", "c", "h") if cell == "LSTM" else ("was", "n", "h")
    weights = params(machine, cell)
    for k, step in enumerate(steps_of(machine, cell, machine["text"], weights)):
        press_letter(part, k)
        shown = part.locator(".play-value").all_text_contents()
        assert [text.replace("−", "-") for text in shown] == [f"{step[n] + 0:.3f}" for n in names]
    assert part.locator(".play-texts .play-wrong-word").count() == 0


def test_a_reader_holds_a_bit_with_the_keys_of_three_sliders_or_drags_a_handle(opened):
    part = opened("learn/gates.html", "valves")
    wrong = part.locator(".play-texts .play-wrong-word")
    assert wrong.all_text_contents() == ["0", "1", "1", "0", "0"]  # half open, it fails
    keys = {"(": "Home End End", "x": "End Home End", ")": "Home Home End"}
    for place, letter in ((1, "("), (2, "x"), (5, ")")):
        press_letter(part, place)
        for name, key in zip(("keep f", "write i", "show o"), keys[letter].split(), strict=True):
            part.get_by_role("slider", name=name).press(key)
    assert wrong.count() == 0
    assert told(part).startswith("Solved! You did what the gates of an LSTM do.")
    press_letter(part, 2)
    box = part.locator(".play-grip").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    part.page.mouse.move(x, y)
    part.page.mouse.down()
    part.page.mouse.move(x, y + 2.8, steps=3)  # an open one is 28 pixels higher than a shut one
    part.page.mouse.up()
    assert part.get_by_role("slider", name="keep f").input_value() in ("0.9", "1")


# --- the wave -------------------------------------------------------------------------------------


def share_at(back, at=43, **how):
    x, weights = drawn(
        LINE, **{"cell": "RNN", "hidden": 32, "seed": 0, "size": 1, "bias": 0, **how}
    )
    shares = steps_apart(x[: at + 1], weights, how.get("cell", "RNN"), np.full(32, 32**-0.5))
    lengths = np.linalg.norm(shares, axis=1)
    return lengths[at - back] / lengths[at]


def two_digits(share):
    return float(f"{share:.1g}" if share < 0.01 else f"{share:.2g}")


def test_blame_goes_back_through_the_line_as_in_the_package(opened):
    part = opened("learn/gradient-reach.html", "wave")
    back = part.get_by_role("slider", name="steps back")
    back.press("End")
    share = share_at(43)
    assert numbers(told(part))[:2] == [two_digits(share), round(share ** (1 / 43), 2)]
    part.get_by_label("size of W_hh").press("End")  # × 4
    part.get_by_role("button", name="draw 1 of 20").click()
    for at in (43, 20):
        press_letter(part, at)  # the mistake is there, and the blame sets out at once
        expect(back).not_to_have_value("0")
        back.press("End")
        share = share_at(at, at=at, size=4, seed=1)
        assert f"gets {float(f'{share:.2g}'):,.0f} times the blame" in told(part)
    assert [height > 0 for height in heights(part)] == [t <= 20 for t in range(44)]
    part.get_by_role("slider", name="the mistake").press("Home")
    alone = "The mistake is at the first letter: there is nothing to go back to."
    for name in ("Play", "Step"):
        part.get_by_role("button", name=name).click()
        assert told(part) == alone


def test_each_step_adds_its_gradient_to_the_column_of_its_letter(opened):
    part = opened("learn/backpropagation.html", "wave")
    columns = part.locator(".play-line-of-boxes").nth(1).locator(".play-row-words .play-texts")
    shares = steps_apart(HELLO[0], SMALL, "RNN", np.array([1.0, 0.0]))
    part.get_by_role("slider", name="steps done").press("Home")
    for given in range(1, 6):
        part.get_by_role("button", name="Step").click()
        share = shares[-given]
        assert numbers(told(part))[:3] == [*share.round(3), np.linalg.norm(share).round(3)]
        shown = [row.locator("text").all_text_contents() for row in columns.all()]
        expected = shares[-given:].T @ HELLO[0, -given:]
        assert shown == [[f"{x:.3f}".replace("-", "−") for x in row] for row in expected]


# --- inside, and one sum --------------------------------------------------------------------------


def minus(value):
    return f"{value:.3f}".replace("-", "−")


def numbers_of(part, line):
    """The numbers in the table of a line's result."""
    part.get_by_role("group", name=line).locator(".play-term").first.click()
    return part.evaluate(
        """part => [...part.querySelectorAll(".play-panel details tbody tr")].map(
            row => [...row.querySelectorAll("td")].map(cell => cell.textContent))"""
    )


def test_chapter_1_looks_inside_the_network_that_it_reads_hello_with(opened):
    part = opened("learn/recurrence.html", "inside")
    part.locator(".play-panel summary").click()
    outputs, _ = rnn_forward(HELLO, np.zeros((1, 2)), SMALL)
    states = np.vstack([np.zeros(2), outputs[0]]).T
    assert numbers_of(part, "new state") == [[minus(x) for x in row] for row in states]
    terms = {term.inner_text().split()[0]: term for term in part.locator(".play-term").all()}
    for name, rows, line in (
        ("Wih", SMALL.W_ih, "x @ params.W_ih.T"),
        ("Whh", SMALL.W_hh, "h @ params.W_hh.T"),
    ):
        terms[name].click()
        shown = part.locator(".play-panel details tbody tr").evaluate_all(
            "all => all.map(row => [...row.querySelectorAll('td')].map(cell => cell.textContent))"
        )
        assert shown == [[minus(x) for x in row] for row in rows]
        assert line in part.locator(".play-code [aria-current]").text_content()
        assert part.locator(".play-code mark").first.text_content() == f"W_{name[1:]}"
        assert part.locator("[aria-pressed='true']").count() == 1
    assert "weights from hidden to hidden" in part.locator(".play-notation").text_content()


def test_a_scrubber_shows_the_run_of_the_chapter_and_leads_on_to_it(opened):
    part = opened("learn/train.html", "scrubber")
    said = part.locator(".play-readout")
    expect(said).to_contain_text("epoch 1, 1 of 21 letters are right, and the loss is 2.271.")
    part.get_by_role("slider", name="Epoch").press("End")
    part.get_by_role("link", name="Change this run in the playground").click()
    expect(part.page.locator("pre[aria-label='Log']")).to_contain_text("epoch 50")


def test_a_readers_own_text_is_learned_and_taken_along(opened, tmp_path):
    part = opened("your-text.html", "own")
    page, main = part.page, part.locator(".play-main")
    part.get_by_label("Your text").fill("Yes, said the hatter. No, said Zoë! " * 60)
    main.press("Enter")
    expect(part.get_by_text("the table wins by")).to_be_visible(timeout=60_000)
    main.press("Enter")
    expect(part.get_by_text("It waits.")).to_be_visible()
    with page.expect_download() as file:
        part.get_by_role("button", name="Download the weights").press("Enter")
    file.value.save_as(tmp_path / "best.safetensors")
    assert "ë" in load_net(tmp_path)[1].chars
    part.get_by_role("button", name="Type into it").press("Enter")
    expect(part.get_by_text("This text costs")).to_be_visible()
