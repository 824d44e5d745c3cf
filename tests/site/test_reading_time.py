"""How long a chapter takes to read is counted on what a reader meets of it."""

import reading_time

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
    assert reading_time.counts(SHOWN) == (len(words.split()), 3)
    assert reading_time.counts(SHOWN + LEFT_OUT) == reading_time.counts(SHOWN)


def test_a_page_takes_longer_by_what_is_added_at_the_rates_that_are_stated():
    prose = "word " * 90 * 30
    code = "```{code-cell} python\n" + "x " * 115 * 10 + "\n```\n"
    assert reading_time.minutes(prose) == 30
    assert reading_time.minutes(prose + "\n" + code) == 40
    assert reading_time.minutes("") == 5
