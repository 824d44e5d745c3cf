"""What parts say in Deno: of a run, of each term of an equation, and of a typed answer."""

import ast
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from javascript import WEB, calling
from test_play_core import js  # noqa: F401 - a fixture  # noqa: F401 - a fixture

from charseq import reference
from questions import Choice, Number, Shape, Text

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


# --- where "Play" goes, and which epoch a press means -------------------------------------------


@pytest.fixture(scope="module")
def ui():
    with calling(WEB / "ui" / "player.js", WEB / "ui" / "loss-curve.js") as call:
        yield call


def test_play_goes_on_from_where_it_is_and_starts_again_at_the_end(ui):
    follows = "list => list.map(given => nextStep(...given))"
    assert ui(follows, [[value, 2, 9, 1] for value in (2, 5, 8, 9)]) == [3, 6, 9, 2]
    assert ui(follows, [[value, 2, 9, 3] for value in (2, 5, 8, 9)]) == [5, 8, 9, 2]


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


# --- terms of equations ---------------------------------------------------------------------------


NOTATION = Path(__file__).parents[2] / "docs" / "notation.md"
CELLS = ("RNN", "GRU", "LSTM")


def plain(tex):
    """A symbol as the playground has it: $h_{t-1}$ is h_t−1."""
    return re.sub(r"\\mathrm|[{}]", "", tex).replace("-", "−")


def rows_of_notation():
    """The cells of each row, by its symbols."""
    table = NOTATION.read_text("utf-8").split("## Symbols")[1]
    _, _, *rows = (
        [cell.strip() for cell in row[1:].rstrip("| ").split("|")]
        for row in re.findall(r"^\|.*", table, re.MULTILINE)
    )
    found = {}
    for cells in rows:
        for tex in re.findall(r"\$([^$]+)\$", cells[0]):
            found.setdefault(plain(tex), []).append(cells)
    return found


def row_of(symbol):
    """The only row of a symbol. z_t is the update gate here: the playground says logits_t."""
    return [row for row in rows_of_notation()[symbol] if "logits" not in row[1] or symbol[0] != "z"]


EVERY_TERM = """cell => linesOf(untrained({cell})).map(
    line => [line, termPieces(line).filter((_, k) => k % 2)])"""


def lines_of(name):
    """The lines of a function of the reference, without its docstring."""
    source = inspect.getsource(getattr(reference, name))
    docstring = ast.parse(source).body[0].body[0]
    lines = source.splitlines()
    return lines[: docstring.lineno - 1] + lines[docstring.end_lineno :]


@pytest.mark.parametrize("cell", CELLS)
def test_each_term_of_the_equations_is_found_in_the_code_of_the_reference(js, cell):
    for line, symbols in js(EVERY_TERM, cell):
        code = lines_of(line["code"])
        for symbol in symbols:
            place = js("found => findTerm(...found)", [line, symbol, code])
            assert place, f"{symbol} of {line['text']!r} is not in charseq.reference.{line['code']}"
            row = code[place["row"]].partition("  #")[0]
            piece = row[place["from"] : place["to"]]
            letter, index = symbol.split("_")
            names = {letter, symbol, f"{letter}_{index[0]}h"}  # h, W_hr, W_ih
            computed = {row.partition(sign)[2] for sign in ("return ", " = ")}  # or the whole sum
            is_whole = symbol == symbols[0] and any(text.startswith(piece) for text in computed)
            assert piece in names or (piece and is_whole), (symbol, piece)
            if symbol[0] in "Wb":  # a weight stands with its bias
                bias, weight = (names | {name.replace(letter, other, 1) for name in names}
                                for other in "Wb")  # fmt: skip
                assert any(name in row for name in bias), row
                assert any(name in row for name in weight), row


@pytest.mark.parametrize("cell", CELLS)
def test_each_symbol_has_one_row_of_the_notation_and_one_meaning(js, cell):
    found = js(EVERY_TERM, cell)
    for _, symbols in found:
        for symbol in symbols:
            assert len(row_of(symbol)) == 1, symbol
    computed = [line["text"].split(" = ")[0] for line, _ in found]
    assert len(set(computed)) == len(computed)  # no letter is both a gate and the logits


# --- typed answers --------------------------------------------------------------------------------


TANH = Number("Unit 0 of the state", np.tanh(0.9), digits=3, why="Only `x` counts.")
TANH.mistake("That is the sum, before the tanh.", 0.9)
TANH.mistake("You forgot the bias.", np.tanh(0.8))
COUNT = Number("Weights", 50_800)
COUNT.mistake("You counted one bias.", 50_600)
TWO, NONE = Number("Rows", 2), Number("Rows left out", 0)
SIXTEEN = Number("Weights", 16)
SIXTEEN.mistake("You counted every step.", 16_000)
SHAPE = Shape("`output`", (2, 5, 4))
SHAPE.mistake("`h_n` has this shape.", (1, 2, 4))
WORD = Text("Prediction", "learned deep")
WORD.mistake("That is epoch 41.", "learneng deep")
EDGE = Text("With its space", " a")
SIDE = Choice("Which gate?", "forget")
SIDE.mistake("It scales what is *added*.", "input")
PRECISE = Number("Loss", 1.099, digits=3)


@pytest.fixture(scope="module")
def reply():
    """Ask what the page replies to a typed answer."""
    with calling(WEB / "core" / "typed-answers.js") as call:

        def ask(question, typed):
            both = [question.as_dict(), typed]
            said = call("([question, typed]) => replyTo(question, typed)", both)
            return said["verdict"], said["says"]

        yield ask


@pytest.mark.parametrize(
    ("question", "typed"),
    [
        *((TANH, typed) for typed in ("0.716", " .716 ", "0,716", "≈0.7163", "71.6%", "7.16e-1")),
        *((TANH, typed) for typed in ("+0.716", "(0.716)", "0.716 nats")),
        *((COUNT, typed) for typed in ("50,800", "50 800", "50_800", "50'800", "508*100")),
        *((COUNT, typed) for typed in ("50800 weights and biases", "50800.", "101600/2")),
        *((Number("a power", 1024), typed) for typed in ("2^10", "2**10")),
        (Number("below zero", -1.5, digits=1), "−1.5"),
        *((SHAPE, typed) for typed in ("(2, 5, 4)", "[2,5,4]", "2 5 4", "2×5×4", "{2; 5; 4}")),
        (SHAPE, "torch.Size([2, 5, 4])"),
        (Shape("a number's", ()), "()"),
        (Shape("one axis", (16,)), "(16,)"),
        *((WORD, typed) for typed in ("“learned deep”", "learned␣deep", " learned deep ")),
        *((EDGE, typed) for typed in (" a", "' a'")),
        (SIDE, "forget"),
    ],
)
def test_what_means_the_answer_is_right(reply, question, typed):
    assert reply(question, typed) == ("right", f"Right. {question.why}".strip())


NOT_YET = "Not yet. Try again, or open the solution."
EMPTY = "Type an answer first."
COMMAS = ". Separate the sizes by commas, for example 3, 21, 16."
DIGITS = "Type a number in digits, such as 0.25."
REPLIES = {
    "known": [
        (TANH, "0.9", "That is the sum, before the tanh."),
        (TANH, "0.664", "You forgot the bias."),
        (TANH, "0.66", "You forgot the bias."),  # rounded to fewer decimals
        (SIXTEEN, "16,000", "You counted every step."),
        (SHAPE, "(1,2,4)", "`h_n` has this shape."),
        (WORD, "learneng deep", "That is epoch 41."),
        (SIDE, "input", "It scales what is *added*."),
    ],
    "nearly": [
        (TANH, "-0.716", "The sign is wrong."),
        (TANH, "0.72", "Right so far. Give it to 3 decimal places."),
        (TANH, "1.433", "You are off by a factor of 2."),
        (TANH, "0.239", "You are off by a factor of 1/3."),
        (
            TANH,
            "0.708",
            "You are within 2 %. Give it to 3 decimal places, and round at the end only.",
        ),
        (TANH, "1.396", "You have one over the answer."),
        (PRECISE, "1.586", "That is in bits, not in nats."),
        (PRECISE, "0.762", "That is in nats, not in bits."),
        (COUNT, "50,801", "You are off by one."),
        (COUNT, "50800.4", "Right, but round it to a whole number."),
        (NONE, "1", "You are off by one."),
        (SHAPE, "5, 2, 4", "The sizes are right. The order of the axes is not."),
        (SHAPE, "1, 2, 5, 4", "Count the axes of size 1 again."),
        (SHAPE, "4, 10, 1", "The number of entries is right. Their axes are not."),
        (WORD, "Learned Deep", "Capital letters count."),
        (WORD, "learneddeep", "The letters are right. Count the spaces, too."),
        (WORD, "deep learned", "The letters are right. Their order is not."),
        (WORD, "l,e,a,r,n,e,d, ,d,e,e,p", "The letters are right. Leave out the commas."),
        (WORD, "learn", "Right so far. The answer has 12 characters."),
        (WORD, "learned deep learning", "The answer is a part of yours. Type 12 characters."),
        (EDGE, "a", "The letters are right. Count the spaces, too."),
    ],
    "wrong": [
        (TANH, "0.3", NOT_YET),
        (TANH, "1", NOT_YET),  # rounds to it, and says nothing
        (SHAPE, "2, 5", "The answer has 3 axes, yours has 2."),
        (SHAPE, "2, 6, 7", "Right in 1 of 3 axes."),
        (TANH, "0", NOT_YET),
        (TWO, "2.4", "The answer is a whole number."),
        (TWO, "6", NOT_YET),
        (WORD, "earn", "The answer has 12 characters, yours has 4."),
        (WORD, "6, 3, 1", "Type characters, no numbers."),
    ],
    "odd": [
        (TANH, "", EMPTY),
        (SHAPE, "  \t", EMPTY),
        (SIDE, "", "Pick one."),
        *((TANH, typed, DIGITS) for typed in ("one half", "NaN", "Infinity", "0x10", "1e999")),
        *((TANH, typed, DIGITS) for typed in ("1.2.3", "--1", "1/0", "<img src=x>", "(4, 2)")),
        (TANH, "9" * 1000, "An answer has at most 200 characters."),
        (SHAPE, "two", f"Type numbers, no letters{COMMAS}"),
        (SHAPE, "2.5, 1", f"Type whole numbers only{COMMAS}"),
    ],
}


@pytest.mark.parametrize(
    ("verdict", "question", "typed", "says"),
    [(verdict, *reply) for verdict, replies in REPLIES.items() for reply in replies],
)
def test_a_mistake_that_was_foreseen_one_that_is_near_and_no_answer_are_told_apart(
    reply, verdict, question, typed, says
):
    assert reply(question, typed) == (verdict, says)
