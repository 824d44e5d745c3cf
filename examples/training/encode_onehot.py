r"""
How does text become a tensor?
==============================

A net cannot read, but it can add and multiply. So each character gets a
number, its *id*. Ids have an order that letters lack, though: to a net that
read them, the letter with id 2 would be twice the letter with id 1. That is
why each id becomes a vector with a single 1, :eq:`one-hot`, and all of
these are equally far apart.

Nobody has to label anything, because the targets are the same text, one
character further on. Large language models get theirs in the same way.
"""

import textwrap

import matplotlib.pyplot as plt
import numpy as np

from charseq import Vocabulary
from charseq.plotting import GRAY, GREEN, ORANGE, show

# %%
# Text to ids
# -----------
# The vocabulary is the sorted list of the characters in the text, and the
# place of a character is its id. It is sorted because a ``set`` has a
# different order each time that Python starts. Both lists of ids below mean
# the same text, but weights that were learned with one are useless with the
# other.

text = " learned deep learning"
vocab = Vocabulary.from_text(text)
ids = vocab.encode(text)  # (T + 1,)
print(repr(vocab.chars), "has", len(vocab), "characters")
print(ids)

unsorted = Vocabulary("egnidrl pa")  # an order that a set happened to have
print(unsorted.encode(text))

# %%
# Ids to inputs and targets
# -------------------------
# The net reads all but the last character and predicts all but the first.

x, y = ids[:-1], ids[1:]  # (T,), (T,)
one_hot = vocab.one_hot(x)  # (T,) -> (T, V)
print("read:   ", x)
print("predict:", y)
print("one-hot:", one_hot.shape)

# %%
# The matrix, row by row
# ----------------------
# A square is the 1 in the row of a character that is read, and a ring marks
# the character that should be predicted from it. Each label is an id and
# its character.

steps, size = one_hot.shape
chars = [char.replace(" ", "␣") for char in vocab.chars]
fig, ax = plt.subplots(figsize=(4.4, 6.2), layout="constrained")
ax.set_xticks(np.arange(size + 1) - 0.5, minor=True)
ax.set_yticks(np.arange(steps + 1) - 0.5, minor=True)
ax.grid(which="minor", color=GRAY, linewidth=0.4, alpha=0.5)
ring = {"facecolors": "none", "edgecolors": GREEN, "linewidths": 1.8}
ax.scatter(x, range(steps), marker="s", s=100, color=ORANGE)
ax.scatter(y, range(steps), marker="o", s=190, **ring)
columns = [f"{i}\n{char}" for i, char in enumerate(chars)]
rows = [f"{i} {chars[i]}" for i in x]
ax.set_xticks(range(size), columns, family="monospace")
ax.set_yticks(range(steps), rows, family="monospace")
ax.set(xlim=(-0.5, size - 0.5), ylim=(steps - 0.5, -0.5))
ax.set_xlabel("one column for each id")
ax.set_ylabel("character read, time runs down")
ax.set_title("Squares are read, rings are predicted", loc="left")
ax.xaxis.set_label_position("top")
ax.xaxis.tick_top()
ax.tick_params(which="both", length=0)
ax.spines[:].set_visible(False)
fig.set_label(
    "One-hot matrix of the text, 21 rows by 10 columns. Each row has one "
    "orange square for the character read and one green ring for the "
    "character to predict, which is where the next row has its square."
)
show()

# %%
# A character that the vocabulary has never seen
# ----------------------------------------------
# There is no column for such a character, so the vocabulary refuses the
# text, and the message says where the character is.

try:
    vocab.encode("learned deep yearning")
except ValueError as error:
    message = str(error)
    print(textwrap.fill(message, 72))

# %%
# **What to notice.** Each row has one square and one ring, and each ring is
# where the next row has its square: the targets are the inputs, one step
# later.

assert one_hot.shape == (21, 10)
assert unsorted.decode(unsorted.encode(text)) == text
assert unsorted.encode(text).tolist() != ids.tolist()
assert (one_hot.sum(axis=1) == 1).all()
assert np.array_equal(y[:-1], x[1:])  # a ring is the next row's square
assert vocab.decode(one_hot.argmax(axis=1)) == text[:-1]
assert "'y' (U+0079) at position 13" in message
