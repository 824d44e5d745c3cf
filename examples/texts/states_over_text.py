r"""
What does a single hidden unit follow in a text?
================================================

A trained network reads a text that it has not learned from. We look for the
unit that follows round brackets and for the one that follows quotes, and
paint both over the same passage. Only the unit changes. The network comes
with the package. It was trained to predict the next character of Python's
language reference, and nobody told it about brackets or quotes.
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq import load_net, load_text
from charseq.plotting import plot_text

net, vocab = load_net("reference-net")
text = load_text("reference-test")
_, states = net.read(vocab.encode(text))  # (T, H)
half = len(text) // 2

# %%
# What is true after each character
# ---------------------------------
# A round bracket is open, or a quote. At an empty line both count as
# closed.

depth, quoted, rows = 0, False, []
for i, char in enumerate(text):
    depth = max(0, depth + (char == "(") - (char == ")"))
    quoted = quoted != (char == '"')
    if text[i - 1 : i + 1] == "\n\n":
        depth, quoted = 0, False
    rows.append((depth > 0, quoted))
names = "round brackets", "quotes"
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
    print(f"{name:14} unit {unit:3} {way}: {scores[name]:.2f} on new text")

# %%
# Two units, one passage
# ----------------------
# Gold is positive. Indigo is negative, and underlined.

start = text.index('   Return "True" if *x*', half)
passage = slice(start, text.index("tuple).", start) + 7)
fig, axes = plt.subplots(2, 1, figsize=(4.6, 4.0), layout="constrained")
for ax, (name, values) in zip(axes, units.items(), strict=True):
    plot_text(values[passage], text[passage], ax)
    ax.set_title(f"the unit that follows {name}", loc="left", fontsize=12)
fig.set_label(
    "The same passage twice, with a color behind each character. Above, "
    "the color is indigo inside most brackets. Below, it is so inside "
    "quotes, and between the stars of *x*."
)
plt.show()

# %%
# **What to notice.** Both units fall: they are indigo inside. Each keeps
# its color over many characters, on text that neither the network nor our
# choice has seen. Neither follows our label perfectly. When an inner
# bracket closes, the upper unit loses the outer one. And the lower unit
# falls between the stars of ``*x*``, too.

differences = [
    values[half:][labels[name][half:]].mean()
    - values[half:][~labels[name][half:]].mean()
    for name, values in units.items()
]
assert max(scores.values()) < 0.2
assert max(differences) < -0.3
