"""What the page replies to a typed answer, computed in Deno."""

import numpy as np
import pytest
from javascript import WEB, calling

from questions import Choice, Number, Shape, Text

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
