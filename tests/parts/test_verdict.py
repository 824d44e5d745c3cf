"""What the playground says of a run, which challenge it meets, and what its controls mean."""

import re

import numpy as np
import pytest
from javascript import WEB, calling
from test_play_core import js  # noqa: F401 - a fixture

NOTEBOOK = {"order": "egnidrl pa", "outputLayer": "false", "lr": "0.5", "skip": "16"}
JUDGED = [
    ({"epochs": 45}, "spells", r"Learned\. All 21 .* from epoch \d+ on, and the loss is 0\.205\."),
    (
        {"epochs": 50},
        "partly",
        r"20 of 21 .* “e” instead of “i” \(letter 19\)\. "
        r"Every letter was right at 4 epochs, the last time at epoch 46\.",
    ),
    (
        {"epochs": 50},
        "partly",
        r"After “␣learn” the text goes on in more than one way\. "
        r"To tell the ways apart, the network has to look one character further back, "
        r"at 7 in all\.",
    ),
    ({"epochs": 30}, "partly", r"Not there yet\. .* The loss was still falling\."),
    ({"epochs": 15}, "partly", r"\(letter \d+\), and 9 more\."),
    (
        {"text": "abab", "outputLayer": False},
        "spells",
        r"never gets sure: no weights can bring its loss below the floor, 0\.127\.",
    ),
    (
        {"text": "hello world, this is a longer text to learn by heart now", "hidden": 64},
        *(
            "partly",
            r"The loss came down to 0\.8\d+ by epoch \d+\. Then the learning steps were too large",
        ),
    ),
    ({"lr": 1e-4}, "nothing", r"Hardly anything learned\. \d+ of 21 .* too small, or too few\."),
    ({"text": "aaaabaaaab", "epochs": 6}, "nothing", r"It says “a” at every step\."),
    (
        {"lr": 10},
        "worse",
        r"Worse than knowing nothing\. The loss, [\d.]+, is above ln 10 = 2\.303, that of a "
        r"network to which all 10 characters are equally likely\. This one is sure of wrong ",
    ),
    (
        {"lr": 1e308},
        "worse",
        r"Diverged at epoch \d\. The loss or its gradient is no longer a finite number",
    ),
]


@pytest.mark.parametrize(("changes", "outcome", "text"), JUDGED, ids=range(len(JUDGED)))
def test_a_sentence_says_what_happened(js, changes, outcome, text):
    found = js("changes => judge(trained({...DEFAULT, ...changes}))", changes)
    assert found["outcome"] == outcome, found
    assert re.search(text, f"{found['title']} {found['text']}"), found


@pytest.mark.parametrize(
    ("changes", "met"),
    [
        ({}, []),
        ({"lr": 10}, ["fail"]),
        ({"optimizer": "adam", "lr": 0.1, "cell": "GRU", "epochs": 20}, ["twenty"]),
        ({"optimizer": "adam", "lr": 0.1, "cell": "GRU", "epochs": 21}, []),
        ({"optimizer": "adam", "lr": 0.1, "epochs": 20, "text": "abab"}, []),
        (NOTEBOOK | {"outputLayer": True}, ["change"]),
        (NOTEBOOK | {"outputLayer": True, "epochs": 49}, []),
        (NOTEBOOK | {"lr": 0.4}, []),
        ({"outputLayer": False, "optimizer": "adam", "lr": 0.02, "seed": 5, "epochs": 100},
         ["states"]),
    ],
)  # fmt: skip
def test_a_challenge_is_met_by_what_it_asks_for_and_nothing_less(js, changes, met):
    found = js(
        """changes => {
            const run = trained(parseSettings({...DEFAULT, ...changes}).settings);
            return CHALLENGES.filter(one => one.met(run, judge(run))).map(({key}) => key);
        }""",
        changes,
    )
    assert found == met


# --- where "Play" begins, and which epoch a press means -------------------------------------------


@pytest.fixture(scope="module")
def ui():
    with calling(WEB / "ui" / "player.js", WEB / "ui" / "loss-curve.js") as call:
        yield call


def test_play_goes_on_from_where_it_is_and_starts_again_at_the_end(ui):
    first = "list => list.map(given => firstStep(...given))"
    still, moving = ([[value, 2, 9, calm] for value in (2, 5, 8, 9)] for calm in (True, False))
    assert ui(first, moving) == [2, 5, 8, 2]
    assert ui(first, still) == [9] * 4  # without motion it shows the end


@pytest.mark.parametrize("epochs", [2, 50, 300])
def test_a_press_on_the_curve_means_the_epoch_that_is_drawn_there(ui, epochs):
    found = ui(
        """epochs => {
            const curve = {losses: [1], before: [], epochs, epoch: 1, levels: [{loss: 1}]};
            const {x, epochAt} = scales(curve, 640, 200);
            return Array.from({length: epochs}, (_, k) => epochAt(x(k + 1)));
        }""",
        epochs,
    )
    np.testing.assert_allclose(found, range(1, epochs + 1), rtol=0, atol=1e-9)
