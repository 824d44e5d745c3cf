"""docs/_ext/content: plurals, who explains a term, what a question links to, how long one reads."""

from types import SimpleNamespace

import pytest

import course_table
import faq
import fixes
import glossary_links

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
    assert course_table.minutes("") == 5
