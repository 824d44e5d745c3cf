r"""
How good is the best unit of a network that knows nothing?
==========================================================

Among hundreds of hidden units, one follows any property by luck, and so a
good unit proves little. We rank all units of a trained network by how well
they tell whether a quotation mark is open, and then two controls: networks
with random weights, and labels that do not belong to the text.
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq import CharRNN, NumpyNet, load_net, load_text
from charseq.plotting import BLUE, GRAY, show

net, vocab = load_net("austen")
text = load_text("pride-test")[:20_000]  # the network has never read it
ids = vocab.encode(text)
half, H = len(text) // 2, net.hidden_size


quoted, rows = False, []
for i, char in enumerate(text[: 2 * half]):
    quoted = quoted and text[i - 1 : i + 1] != "\n\n"
    quoted = quoted != (char == '"')
    rows.append(quoted)
labels = np.reshape(rows, (2, half))

# %%
# Three things to rank
# --------------------
# The AUC of a unit is the probability that its state at a random character
# inside quotation marks is larger than at a random one outside. At 0.5 it
# is larger as often as not. The labels are shifted in a circle, so that
# their runs keep their lengths.


def rank(net):
    """Rank the states of each unit, in both halves of the text."""
    _, states = net.read(ids)
    halves = states[:half], states[half : 2 * half]
    return [part.argsort(axis=0).argsort(axis=0) + 1 for part in halves]


def auc(ranks, inside):
    """Return the AUC of each unit."""
    n = inside.sum()
    pairs = ranks[inside].sum(axis=0) - n * (n + 1) / 2
    return pairs / (n * (half - n))


def choose(ranks, labels):
    """Choose on the first half, and return the AUC on both halves."""
    first, second = map(auc, ranks, labels)
    unit = np.abs(first - 0.5).argmax()
    if first[unit] < 0.5:  # it falls where a mark is open
        first, second = 1 - first, 1 - second
    return first[unit], second[unit]


trained = rank(net)
shifts = np.linspace(500, half - 500, 50).astype(int)
options = {"cell": net.cell, "embedding_size": net.vectors.shape[1]}
scores = {
    "trained": [choose(trained, labels)],
    "random weights": [
        choose(rank(NumpyNet.from_model(model)), labels)
        for seed in range(3)
        for model in [CharRNN(len(vocab), H, seed=seed, **options)]
    ],
    "shifted labels": [
        choose(trained, np.roll(labels, shift, axis=1)) for shift in shifts
    ],
}
for name, pairs in scores.items():
    first, second = np.max(pairs, axis=0)
    print(f"{name:15} best AUC {first:.2f}, and on new text {second:.2f}")

# %%
# Chosen on one half, measured on the other
# -----------------------------------------

fig, ax = plt.subplots(figsize=(4.6, 4.0), layout="constrained")
ax.plot([0.5, 1], [0.5, 1], color=GRAY, lw=1, linestyle=(0, (4, 3)))
ax.axhline(0.5, color=GRAY, lw=1)
for name, color, size, fill in (
    ("shifted labels", GRAY, 4, GRAY),
    ("random weights", BLUE, 9, "none"),
    ("trained", BLUE, 12, BLUE),
):
    style = {"color": color, "mfc": fill, "ms": size}
    ax.plot(*np.transpose(scores[name]), "o", **style)
(best,) = scores["trained"]
words = {"fontsize": 12, "weight": "bold", "va": "center"}
left = {"ha": "right", **words}
ax.text(best[0] - 0.02, best[1], "trained", color=BLUE, **left)
ax.text(0.75, 0.58, "random weights", color=BLUE, **words)
ax.text(0.75, 0.42, "shifted labels", color=GRAY, **words)
ax.set(xlabel="AUC on the half that it was chosen on")
ax.set(ylabel="AUC on the other half", xlim=(0.5, 1.01), ylim=(0.25, 1.01))
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "A point for each best unit: its AUC on the half that it was chosen "
    "on, and on the other half. That of the trained network lies at the "
    "upper right. Those of shifted labels spread around 0.5 on the other "
    "half. Those of three networks with random weights lie near 0.55."
)
show()

# %%
# **What to notice.** The best unit by luck looks good on the half that it
# was chosen on, up to an AUC of 0.65, whereas on the other half it is as
# often below 0.5 as above. The trained network's unit loses next to nothing
# there, and stays far above all controls.

first, second = np.transpose(scores["shifted labels"])
assert first.min() > 0.51
assert 0.62 < first.max() < 0.68
assert abs(second.mean() - 0.5) < 0.05
assert min(best) > 0.95
assert best[1] > max(second.max(), max(scores["random weights"])[1]) + 0.1
