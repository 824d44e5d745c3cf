r"""
How good is a table of letters?
===============================

A loss means nothing by itself. Before you praise a network, ask what
counting can do: how often does each character follow the last one, the last
two, the last three? Counting takes a second, and its loss is the one that
your network has to beat.
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq import Corpus, NGram, load_text
from charseq.plotting import GRAY, INK, show

# %%
# Count in nine tenths, measure on the last
# -----------------------------------------
# The text is what Python's ``help()`` shows about the language. Its length
# differs a little between versions of Python.

corpus = Corpus.from_text(load_text("python-reference"))
train, valid = corpus.split(valid=0.1)
orders = range(1, 7)
seen, held_back = [], []
for order in orders:
    table = NGram(order, train)
    seen.append(table.bits_per_character(train.ids))
    held_back.append(table.bits_per_character(valid.ids))
    print(f"{order}-gram: {seen[-1]:.2f} on what it counted", end=", ")
    print(f"{held_back[-1]:.2f} on new text")

# %%
# Longer contexts
# ---------------

uniform = np.log2(len(corpus.vocab))
fig, ax = plt.subplots(figsize=(5.6, 3.5), layout="constrained")
ax.plot(orders, held_back, "o-", color=INK)
ax.plot(orders, seen, "o-", color=GRAY)
ax.axhline(uniform, color=GRAY, linestyle=(0, (4, 3)), linewidth=1)
level = f"knowing nothing: {uniform:.2f}"
ax.text(6, uniform - 0.1, level, color=GRAY, ha="right", va="top")
words = {"ha": "right", "va": "center", "weight": "bold"}
ax.text(6, held_back[-1] + 0.5, "on new text", color=INK, **words)
ax.text(6, seen[-1] - 0.5, "on what it counted", color=GRAY, **words)
ax.set(ylabel="bits per character", ylim=(0, None))
ax.set_xlabel("characters of each entry in the table")
ax.set_title("On new text, longer tables help less and less", loc="left")
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Bits per character against the order of the n-gram. On the text that "
    "was counted the curve keeps falling; on new text it flattens out "
    "after the fourth character."
)
show()

# %%
# **What to notice.** The first three characters of context help most. Then
# the curves separate, because the table knows its own text by heart,
# whereas many of the longer strings in a new text are new to it. A network
# that stays above the black curve predicts no better than counting.

gain = -np.diff(held_back)  # what each further character brings on new text
assert uniform > held_back[0]
assert gain[:3].min() > 0.4 > gain[3:].max()
assert seen[5] < 0.7 * held_back[5]
