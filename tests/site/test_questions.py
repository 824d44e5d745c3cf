"""Questions that pages ask: a mistake is never the answer, and two mistakes never look alike."""

import html
import json
import re

import numpy as np
import pytest
from lint import PARTS_OF_A_FIX

import faq
from questions import Choice, Number, Shape, Text, edited, refuses, told


@pytest.mark.parametrize(
    ("question", "written"),
    [
        (Number("p", 0.4508, digits=3), "0.451"),
        (Number("a count", 16), "16"),
        (Number("no negative zero", -1e-9, digits=2), "0.00"),
        (Shape("h_n", (2, 5, 4)), "2, 5, 4"),
        (Shape("one number", ()), ""),
        (Text("next", " learned"), " learned"),
        (Choice("which", "`W_hh`"), "`W_hh`"),
    ],
)
def test_an_answer_is_written_as_the_page_compares_it(question, written):
    assert question.answer == written


@pytest.mark.parametrize(
    ("question", "value"),
    [
        (Number("p", 0.451, digits=3), 0.45149),
        (Number("p", 0.451, digits=3), 0.453),  # each is taken one unit around
        (Number("a count", 16), 16.2),
        (Shape("h_n", (2, 5)), [2, 5]),
        (Text("next", "e"), "e"),
        (Choice("which", "a"), "a"),
    ],
)
def test_a_mistake_that_gives_the_right_answer_is_an_error(question, value):
    with pytest.raises(ValueError, match=r"the mistake 'You forgot it\.' .* is right"):
        question.mistake("You forgot it.", value)


@pytest.mark.parametrize(
    ("question", "one", "other"),
    [
        (Number("p", 0.451, digits=3), 0.2, 0.2021),
        (Number("a count", 16), 8, 8),
        (Shape("h_n", (2, 5)), (5, 2), (5, 2)),
        (Text("next", "e"), "i", "i"),
    ],
)
def test_two_mistakes_that_give_the_same_are_an_error(question, one, other):
    question.mistake("First.", one)
    with pytest.raises(ValueError, match=r"two mistakes of .*Second.*First"):
        question.mistake("Second.", other)
    question.mistake("Third.", {"e": "a", "2, 5": (1, 2)}.get(question.answer, 3))


@pytest.mark.parametrize("text", ["$h_1$", "**most**", "</script>", "{doc}`train`"])
def test_markup_in_a_label_or_a_reply_is_an_error(text):
    with pytest.raises(ValueError, match="only `code` may be marked here"):
        Number(text, 1)
    with pytest.raises(ValueError, match="only `code` may be marked here"):
        Number("p", 1).mistake(text, 2)
    assert Number("`{}` and `</script>`", 1).label == "`{}` and `</script>`"


def test_a_page_gets_the_question_as_data_that_is_hidden_without_scripts():
    ask = Choice("Is \"<b>\" 'odd'?", "<i>", why="Yes & no.")
    ask.mistake("Not that.", "&lt;")
    found = re.fullmatch(
        r'<div class="question" hidden data-question="([^"<>]*)"></div>', ask._repr_html_()
    )
    assert json.loads(html.unescape(found[1])) == {
        "kind": "choice",
        "label": "Is \"<b>\" 'odd'?",
        "answer": "<i>",
        "why": "Yes & no.",
        "mistakes": [["&lt;", "Not that."]],
        "options": ["&lt;", "<i>"],
    }


def test_a_checker_must_refuse_each_wrong_solution_and_say_why():
    def check(attempt):
        if attempt() != 2:
            raise ValueError(f"expected 2, got {attempt()}" if attempt() else "")

    def three():
        return 3

    def two():
        return 2

    def silent():
        return 0

    refuses(check, three)
    with pytest.raises(AssertionError, match="check accepts solution 2, two"):
        refuses(check, three, two)
    with pytest.raises(AssertionError, match="check does not say what is wrong"):
        refuses(check, silent)


@pytest.mark.parametrize(
    ("numbers", "values"),
    [
        ("0.25 -1 2e-05 25%", (0.2512, -1.0, 2.2e-5, 0.2512)),
        ("1.50 2.50 3", (np.array([[1.499, 2.501]]), 3)),
    ],
)
def test_numbers_of_a_text_are_compared_as_they_are_written(numbers, values):
    told(numbers, *values)
    with pytest.raises(AssertionError, match=r"the text says \S+, and the code "):
        told(numbers, *(1.1 * np.asarray(value) for value in values))
    with pytest.raises(ValueError, match=r"shorter|longer"):
        told(numbers, *values, 1)


# --- the pages behind Error messages; page_checks.py judges in the build what they print ----------


def test_the_parts_of_a_fix_are_those_for_which_a_question_links_to_the_whole_page():
    assert tuple(part.lower().replace(" ", "-") for part in PARTS_OF_A_FIX) == faq.PARTS


def twice(x):
    return 2 * x


def test_a_right_solution_is_edited_into_wrong_ones():
    three, plus = edited(twice, ("2", "3"), ("*", "+"))
    assert (three(5), plus(5), twice(5)) == (15, 7, 10)
    for old, times in (("4", 0), ("x", 2)):
        with pytest.raises(ValueError, match=f"twice has '{old}' {times} times, expected once"):
            edited(twice, (old, "5"))
