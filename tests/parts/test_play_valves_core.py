"""Gates as valves: their steps and what they say of them, computed in Deno, against the package."""

import re

import numpy as np
import pytest
from javascript import WEB, calling

from charseq import RNNParams
from charseq.reference import gru_gates, gru_step, lstm_gates, lstm_step

CLOSE = {"rtol": 0, "atol": 1e-12}
BLOCKS = {"LSTM": "ifgo", "GRU": "rzn"}
GATES, STEP = (
    {"LSTM": lstm_gates, "GRU": gru_gates},
    {"LSTM": lstm_step, "GRU": gru_step},
)
HELPERS = """
const run = ({cell, text, gates, byHand = false}) => {
    const machine = MACHINES[cell];
    const [set, sums] = [gates ?? gatesFrom(machine), sumsFrom(machine, byHand)];
    const steps = readWith(machine, text ?? machine.text, set, sums);
    const dash = was => machine.step(set, 2, sums[2], was);
    const judge = cell === "LSTM" ? judgeLatch : judgeCounter;
    return {steps, ...judge(text ?? machine.text, steps, dash)};
};
"""


@pytest.fixture(scope="module")
def run():
    """Run a text through one of the two machines in JavaScript."""
    with calling(WEB / "core" / "valves.js", WEB / "core" / "formats.js", helpers=HELPERS) as call:
        yield lambda cell, **options: call("run", {"cell": cell, **options})


@pytest.fixture(scope="module")
def machines():
    with calling(WEB / "core" / "valves.js") as call:
        yield call("MACHINES")


def params(machine, cell, rows=None):
    W_ih = np.array([(rows or machine["weights"])[gate] for gate in BLOCKS[cell]], float)
    W_hh = np.zeros((len(W_ih), 1))
    if cell == "GRU":
        W_hh[2] = 1
    return RNNParams(W_ih, W_hh, np.zeros(len(W_ih)), np.zeros(len(W_ih)))


def steps_of(machine, cell, text, weights):
    """All numbers of each step, by name, as the package computes them."""
    h, steps = np.zeros((1, 1)), []
    state = (h, h) if cell == "LSTM" else h
    for char in text:
        x = np.eye(3)[[machine["chars"].index(char)]]
        values = GATES[cell](x, state[0] if cell == "LSTM" else state, weights)
        was = state[1] if cell == "LSTM" else state
        state = STEP[cell](x, state, weights)
        h, c = state if cell == "LSTM" else (state, state)
        numbers = dict(zip(BLOCKS[cell], values, strict=True), was=was, c=c, h=h)
        steps.append({name: number.item() for name, number in numbers.items()})
    return steps


def assert_same(ours, theirs):
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        for name, number in other.items():
            np.testing.assert_allclose(one[name], number, **CLOSE)


TEXTS = {
    "LSTM": ("x(xxx)x)", "((x)x)", "))((xx", "(" + "x" * 39),
    "GRU": ("xxx;xx--x", ";;--x", "x" * 40, "xx" + "-" * 38),
}


@pytest.mark.parametrize("cell", TEXTS)
def test_the_weights_of_the_chapters_give_the_steps_of_the_package(run, machines, cell):
    page = (WEB.parent / "learn" / {"LSTM": "gates.md", "GRU": "gru.md"}[cell]).read_text("utf-8")
    for gate, row in machines[cell]["weights"].items():
        numbers = ", ".join(rf"{number}(?:\.0)?" for number in row)
        assert re.search(rf"\[{numbers}\],  # {gate}: ", page), gate
    for text in TEXTS[cell]:
        theirs = steps_of(machines[cell], cell, text, params(machines[cell], cell))
        assert_same(run(cell, text=text)["steps"], theirs)


@pytest.mark.parametrize("cell", TEXTS)
def test_gates_set_by_hand_give_the_steps_of_weights_with_these_sigmoids(run, machines, cell):
    machine = machines[cell]
    rng = np.random.default_rng(0)
    names = "fio" if cell == "LSTM" else "zr"
    for text in TEXTS[cell]:
        gates = {name: rng.integers(0, 21, 3) / 20 for name in names}
        with np.errstate(divide="ignore"):
            sums = {name: np.log(row / (1 - row)) for name, row in gates.items()}
        rows = {name: np.clip(row, -800, 800) for name, row in sums.items()}
        rows["g" if cell == "LSTM" else "n"] = machine["sums"]
        theirs = steps_of(machine, cell, text, params(machine, cell, rows))
        given = {name: row.tolist() for name, row in gates.items()}
        assert_same(run(cell, text=text, gates=given, byHand=True)["steps"], theirs)


def test_the_counter_with_its_lid_open_counts_on(run, machines):
    # As in fig-counter
    weights = params(machines["GRU"], "GRU")._replace(b_ih=np.array([100.0, 0, 0]))
    text = machines["GRU"]["text"]
    theirs = steps_of(machines["GRU"], "GRU", text, weights)
    z = [step["z"] for step in theirs]
    gates = {"z": [z[text.index(char)] for char in "x;-"], "r": [1, 1, 1]}
    found = run("GRU", gates=gates)
    assert_same(found["steps"], theirs)
    assert found["wrong"].index(True) == text.index(";")
    assert not found["right"]
    assert re.search(r"the lid lets 1\.00 · 0\.28\d through, and .* on from 0\.28", found["says"])


FULL = "Full where a bracket is open (at least 0.995), empty elsewhere (at most 0.000)."
BY_HAND = {"f": [0, 1, 0], "i": [1, 0, 0], "o": [1, 1, 1]}
LATCHES = [
    ({}, FULL),
    ({"f": [0, 0.9, 0]}, "each “x” keeps 0.90, so 3 of them keep 0.90³ = 0.729 of it."),
    ({"i": [1, 0.5, 0]}, "“x” should change nothing, but it writes 0.50 · 0.995 = 0.498."),
    ({"i": [0.5, 0, 0]}, "“(” the tank should be full: 0.00 · 0.000 + 0.50 · 0.995 = 0.498."),
    ({"o": [1, 0, 1]}, f"{FULL} At “x” only 0.00 · tanh 0.995 = 0.000 is shown."),
    # What empties a full tank by luck leaves something in an empty one.
    ({"f": [0, 1, 0.5], "i": [1, 0, 0.5]}, "be empty: 0.50 · 0.000 + 0.50 · −0.995 = −0.498."),
]


@pytest.mark.parametrize(("change", "says"), LATCHES)
def test_the_latch_says_what_is_wrong_and_by_how_much(run, change, says):
    found = run("LSTM", gates=BY_HAND | change, byHand=True)
    assert found["says"].endswith(says)
    assert found["right"] == says.startswith(FULL)  # what is shown does not decide


def test_one_bit_cannot_count_to_two(run):
    found = run("LSTM", text="((x)x)")
    assert found["wanted"] == [1, 1, 1, 1, 1, 0]
    assert found["wrong"] == [False] * 3 + [True] * 2 + [False]
    assert "the tank is at 0.002 although one bracket is still open" in found["says"]


COUNTERS = [
    ([0, 0, 0], [1, 1, 1], "lets 1.00 · 0.289 through, and the count goes on from 0.281."),
    ([0, 0, 0], [1, 0, 1], "a little is lost, and fifty of them would turn 0.197 into 0.130."),
    ([0.5, 0, 1], [1, 0, 1], "should be 0.100: 0.50 · 0.100 + 0.50 · 0.000 = 0.050."),
    ([0, 0, 1], [1, 0, 1], "It counts: 0.289 stands for 3."),
]


@pytest.mark.parametrize(("z", "r", "says"), COUNTERS)
def test_the_counter_says_what_is_wrong_and_by_how_much(run, z, r, says):
    assert run("GRU", gates={"z": z, "r": r}, byHand=True)["says"].endswith(says)


def test_the_weights_solve_both_tasks(run):
    assert run("LSTM")["right"]
    found = run("GRU")
    assert found["right"]
    assert found["wanted"] == [1, 2, 3, 0, 1, 2, 2, 2, 3]


def test_a_count_ends_where_neighbors_look_alike(run, machines):
    # Two counts cannot be told apart if their states differ by less than 0.005.
    weights = params(machines["GRU"], "GRU")
    states = [step["h"] for step in steps_of(machines["GRU"], "GRU", "x" * 40, weights)]
    first = int(np.argmax(np.diff(states) < 0.005)) + 1  # its count is one more
    found = run("GRU", text="x" * 40)
    assert found["wrong"] == [False] * first + [True] * (40 - first)
    assert found["says"].startswith(f"After {first} x the state hardly moves")
    assert run("GRU", text="x" * first)["right"]
    assert run("GRU", text="x" * 40 + ";x")["wrong"][-2:] == [False, False]
