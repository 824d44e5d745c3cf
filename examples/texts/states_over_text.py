r"""
What does a single hidden unit follow in a text?
================================================

Nobody told this network about speech. It was trained to predict the next
character of *Pride and Prejudice*, and it comes with the package. Does one
of its units know all the same whether somebody speaks? While it reads
chapters that it has not learned from, we look for that unit, and for one
that follows capitalized words, and paint both over the same passage.
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq import load_net, load_text
from charseq.plotting import plot_text, show

net, vocab = load_net("austen")
text = load_text("pride-test")
_, states = net.read(vocab.encode(text))  # (T, H)
half = len(text) // 2

# %%
# What is true after each character
# ---------------------------------
# A quotation mark is open, or we are in a word that began with a capital
# letter. At an empty line an open mark counts as closed.

quoted, capital, rows = False, False, []
for i, char in enumerate(text):
    quoted = quoted != (char == '"')
    if text[i - 1 : i + 1] == "\n\n":
        quoted = False
    starts = not text[i - 1 : i].isalpha()
    capital = char.isalpha() and (char.isupper() if starts else capital)
    rows.append((quoted, capital))
names = "speech", "capitalized words"
labels = dict(zip(names, np.transpose(rows), strict=True))

# %%
# Choose on the first half, measure on the second
# -----------------------------------------------
# Take a character inside and one outside. The AUC is the probability that
# the unit's state is larger inside. At 1 it is larger in all pairs, and at
# 0 in none: such a unit falls where others rise, and says as much.


def auc(states, inside):
    """Return the AUC of each unit, from the ranks of its states."""
    ranks = states.argsort(axis=0).argsort(axis=0) + 1  # (T, H)
    n = inside.sum()
    pairs = ranks[inside].sum(axis=0) - n * (n + 1) / 2
    return pairs / (n * (len(inside) - n))


units, scores = {}, {}
for name, inside in labels.items():
    first = auc(states[:half], inside[:half])
    unit = np.abs(first - 0.5).argmax()
    second = auc(states[half:, [unit]], inside[half:])
    units[name], scores[name] = states[:, unit], second[0]
    way = "rises" if first[unit] > 0.5 else "falls"
    print(f"{name:17} unit {unit:3} {way}: {scores[name]:.2f} on new text")

# %%
# Two units, one passage
# ----------------------
# Gold is positive. Indigo is negative, and underlined.

start = text.index('"In the first place," replied', half)
passage = slice(start, text.index("Scotland.", start) + 10)
fig, axes = plt.subplots(2, 1, figsize=(4.6, 3.2), layout="constrained")
for ax, (name, values) in zip(axes, units.items(), strict=True):
    plot_text(values[passage], text[passage], ax)
    ax.set_title(f"the unit that follows {name}", loc="left", fontsize=12)
fig.set_label(
    "The same passage twice, with a color behind each character. Above, "
    "the color is gold between quotation marks, and indigo elsewhere. "
    "Below, it is gold in the words that begin with a capital letter."
)
show()

# %%
# **What to notice.** The upper unit keeps its color over a whole speech, on
# text that neither the network nor our choice has seen, and the lower one
# over a word. Neither follows our label perfectly: the upper one turns a
# character late, after the quotation mark.

differences = [
    values[half:][labels[name][half:]].mean()
    - values[half:][~labels[name][half:]].mean()
    for name, values in units.items()
]
assert min(scores.values()) > 0.9
assert min(differences) > 0.3
