r"""
How much must the net remember?
===============================

Before you blame a net for a wrong letter, ask how many characters anybody
would have to remember to get it right. You can find out by counting,
without a net, and the answer says what any net could reach on this text.
"""

from collections import Counter, defaultdict

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from charseq.plotting import CELL_INK, GRAY, INK, ORANGE, PALE_ORANGE, show
from charseq.reference import loss_floor

text = " learned deep learning"

# %%
# One character of context
# ------------------------
# The table lists what follows each character in the text, and how often.


def followers(text, k):
    """Count what follows each k characters, fewer at the start."""
    table = defaultdict(Counter)
    for i in range(1, len(text)):
        table[text[max(0, i - k) : i]][text[i]] += 1
    return table


for context, counts in sorted(followers(text, 1).items()):
    followed = (f"{char!r} {n}" for char, n in sorted(counts.items()))
    print(repr(context), "->", ", ".join(followed))

# %%
# More context, less doubt
# ------------------------
# A prediction is *in doubt* if different characters follow its context. A
# table of these counts gives each of them its share as a probability
# :math:`p`, and its loss is the mean of :math:`-\ln p`. Nothing that sees
# only :math:`k` characters can have a smaller loss on this text.

contexts = range(1, 8)
doubtful = {}  # for each k, the places of the characters in doubt
best_loss = {}
for k in contexts:
    table = followers(text, k)
    doubtful[k], nats = [], []
    for i in range(1, len(text)):
        counts = table[text[max(0, i - k) : i]]
        if len(counts) > 1:
            doubtful[k].append(i)
        nats.append(-np.log(counts[text[i]] / counts.total()))
    best_loss[k] = np.mean(nats)
    doubt = f"{len(doubtful[k]):2} of {len(nats)} in doubt"
    print(f"k = {k}: {doubt}, best loss {best_loss[k]:.3f}")

# %%
# Where the doubt is
# ------------------
# A frame marks a letter that is in doubt after the :math:`k` characters
# before it, and the number of frames is at the end of the row.

fig, ax = plt.subplots(figsize=(5.6, 3.2), layout="constrained")
mark = {"facecolor": PALE_ORANGE, "edgecolor": ORANGE}
words = {"ha": "center", "va": "center", "family": "monospace"}
for row, k in enumerate(contexts):
    for i, char in enumerate(text.replace(" ", "␣")):
        if i in doubtful[k]:  # gid="cell": dark text, also on dark pages
            ax.add_patch(Rectangle((i - 0.5, row - 0.5), 1, 1, **mark))
            ax.text(i, row, char, color=CELL_INK, gid="cell", **words)
        else:  # the first character is only read
            ax.text(i, row, char, color=INK if i else GRAY, **words)
    count = len(doubtful[k])
    ax.text(23, row, count, ha="right", va="center", weight="bold")
ax.set(xlim=(-0.6, len(text) + 1.5), ylim=(6.6, -0.6), xticks=[])
ax.set_yticks(range(7), contexts)
ax.set_ylabel("characters remembered, $k$")
ax.set_title(
    "Seven characters settle every letter, two all but two", loc="left"
)
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
fig.set_label(
    "The text, once for each number of characters remembered. With one, 13 "
    "of its letters are framed as in doubt; with two to six, only the e of "
    "learned and the i of learning; with seven, none."
)
show()

# %%
# **What to notice.** With one character, 13 of the 21 predictions are in
# doubt, and with two, only two, both after ``rn``: is it ``learned`` or
# ``learning``? From there to six, more memory is of no use, because both
# words begin in the same way and follow a space. The seventh character
# decides: it is the ``p`` of ``deep`` before ``learning``, and before
# ``learned`` there is none.
#
# The table of one character already has a loss of 0.631. A net without an
# output layer cannot get that low, because its loss stays above 0.797,
# :eq:`loss-floor`.

assert len(doubtful[1]) == 13
assert all(len(doubtful[k]) == 2 for k in range(2, 7))
assert {text[i - 2 : i] + text[i] for i in doubtful[2]} == {"rne", "rni"}
assert doubtful[7] == []
assert abs(best_loss[1] - 0.631) < 5e-4
assert best_loss[1] < loss_floor(10)
assert round(loss_floor(10), 3) == 0.797
