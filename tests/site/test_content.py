"""docs/_ext/content, and the questions that pages ask: what is one's own, and never looks alike."""

import html
import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from lint import PARTS_OF_A_FIX

import course_table
import faq
import fixes
import glossary_links
from questions import Choice, Number, Shape, Text, edited, refuses, told

# --- the glossary ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "plural"),
    [
        *(("layer", "layers"), ("memory", "memories"), ("array", "arrays"), ("key", "keys")),
        *(("loss", "losses"), ("box", "boxes"), ("batch", "batches"), ("wish", "wishes")),
    ],
)
def test_the_plural_of_a_word(word, plural):
    assert glossary_links.plural(word) == plural
    forms = {word, plural, word.capitalize(), plural.capitalize()}
    assert glossary_links.spellings(word) == forms


def entry(place, *words, exceptions=(), explained=()):
    return glossary_links.Entry("glossary", place, "It is.", words, exceptions, explained)


def test_each_spelling_has_one_owner_and_an_exception_none():
    gate, array = (
        entry("term-gate", "gate", exceptions=("Latin gate",)),
        entry("term-array", "array"),
    )
    owner, twice = glossary_links.owners([gate, array, entry("term-door", "door", "gate")])
    assert twice == ["gate"]
    assert owner["Arrays"] == array
    assert owner["Latin gate"] is None
    assert set(owner) == {
        *("gate", "gates", "Gate", "Gates", "array", "arrays", "Array", "Arrays"),
        *("door", "doors", "Door", "Doors", "Latin gate"),
    }


def test_words_are_found_whole_and_the_longest_first():
    owner, _ = glossary_links.owners([entry("a", "state"), entry("b", "hidden state")])
    found = glossary_links.pattern(owner).findall(
        "A hidden state, stateless, states; re-state. State"
    )
    assert found == ["hidden state", "states", "State"]


# --- questions ------------------------------------------------------------------------------------


def asked(*places):
    return {"facts": [{"at": place} for place in places]}


def test_a_question_links_each_section_once_in_the_order_of_its_facts():
    places = ("learn/b#x", "learn/a", "here", "learn/b#x", "learn/a", "learn/b#y")
    assert faq.places_of(asked(*places)) == ["learn/b#x", "learn/a", "learn/b#y"]


def test_a_part_that_all_pages_of_fix_it_have_stands_for_the_page():
    places = ("fix/a#why-it-happens", "fix/a#fix-it", "fix/a#a-part-of-its-own", "fix/b#read-more")
    assert faq.places_of(asked(*places)) == ["fix/a", "fix/a#a-part-of-its-own", "fix/b"]


# --- Error messages -------------------------------------------------------------------------------

ABOUT = {
    "fix/a": {"group": "shapes", "symptom": "Zeros", "message": "ValueError: x", "newer": "An x"},
    "fix/b": {"group": "shapes", "symptom": "a hole", "message": "TypeError: b"},
    "fix/c": {"group": "losses", "symptom": "a NaN"},
}


@pytest.mark.parametrize(
    ("group", "listed"),
    [
        ("shapes", ["a hole", "Zeros"]),
        ("losses", ["a NaN"]),
        ("messages", ["An x", "TypeError: b", "ValueError: x"]),
    ],
)
def test_a_list_of_fixes_is_in_alphabetical_order_without_the_names_of_errors(group, listed):
    env = SimpleNamespace(
        found_docs={"fix/index", "learn/x", *ABOUT},
        metadata=ABOUT,
        current_document=SimpleNamespace(docname="fix/index"),
    )
    builder = SimpleNamespace(get_relative_uri=lambda here, name: name)
    place = SimpleNamespace(env=env, app=SimpleNamespace(builder=builder))
    items = fixes.List.items(place, group)
    assert [item.astext() for item in items.children] == listed


# --- reading time ---------------------------------------------------------------------------------

SHOWN = """\
---
file_format: any
---

# Read one letter

*Who can know?*

A state of $H$ numbers goes along, see {doc}`train` and [the map](index.md#the-map).

$$h = \\tanh(x)$$ (a-label)

(an-anchor)=
:::{card} It waits
Three more words.
:::

| a table | of numbers |
| :-- | --: |

```{code-cell} python
x = 1
```
"""
LEFT_OUT = """
```{code-cell} python
---
tags: [hide-input]
---
y = 2
```

:::{dropdown} You may skip this
Some words that are folded.
:::

```{play} wave
| the still | of the part |
```

## Exercises

How many words are these?
"""


def test_prose_and_shown_code_count_and_what_is_folded_does_not():
    words = "Who can know A state of H numbers goes along see train and the map It waits "
    words += "Three more words"
    assert course_table.counts(SHOWN) == (len(words.split()), 3)
    assert course_table.counts(SHOWN + LEFT_OUT) == course_table.counts(SHOWN)


def test_a_page_takes_longer_by_what_is_added_at_the_rates_that_are_stated():
    prose = "word " * 90 * 300
    code = "```{code-cell} python\n" + "x " * 115 * 100 + "\n```\n"
    assert course_table.minutes(prose) == 300
    assert course_table.minutes(prose + "\n" + code) == 400
    looked_at = "```{play} wave\n```\n    caption: >-\n$$\nx\n$$\n" * 50
    assert course_table.minutes(looked_at) == 155
    assert course_table.minutes("") == 5


# --- questions that pages ask ---------------------------------------------------------------------


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
