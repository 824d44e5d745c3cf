r"""
How often does a beam miss the likeliest answer?
================================================

Greedy writing takes the likeliest letter at each step, and a beam keeps
the :math:`k` likeliest beginnings. Both may drop the beginning of the
best answer. Here answers are short enough to try all of them: six letters
of an alphabet of four make 4,096.
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq.plotting import INK, show

V, T, TREES = 4, 6, 500
WIDTHS = (1, 2, 3, 4, 5)
rng = np.random.default_rng(0)

# %%
# A random writer
# ---------------
# It gives each letter a probability that depends on all letters before it.
# So there is a table for each step, with a row for each beginning.


def random_writer():
    """Return log-probabilities, one array (V ** t, V) for each step t."""
    logits = [rng.normal(0, 1.5, size=(V**t, V)) for t in range(T)]
    return [
        step - np.log(np.exp(step).sum(axis=1, keepdims=True))
        for step in logits
    ]


def best_of_all(writer):
    """Return the log-probability of the likeliest answer."""
    sums = np.zeros(1)
    for step in writer:
        sums = (sums[:, None] + step).ravel()  # (V ** (t + 1),)
    return sums.max()


def best_of_beam(writer, k):
    """Return that of the likeliest answer that a beam finds."""
    sums, kept = np.zeros(1), np.zeros(1, dtype=int)
    for step in writer:
        grown = (sums[:, None] + step[kept]).ravel()
        beginnings = (kept[:, None] * V + np.arange(V)).ravel()
        best = np.argsort(-grown, kind="stable")[:k]
        sums, kept = grown[best], beginnings[best]
    return sums.max()


# %%
# Count the hits
# --------------

writers = [random_writer() for _ in range(TREES)]
likeliest = np.array([best_of_all(writer) for writer in writers])
hits = {}
for k in WIDTHS:
    found = np.array([best_of_beam(writer, k) for writer in writers])
    hits[k] = np.isclose(found, likeliest, rtol=0, atol=1e-9).mean()
    print(f"k = {k}: finds the likeliest answer in {hits[k]:.1%}")

# %%
# Found, against the width
# ------------------------

fig, ax = plt.subplots(figsize=(5.6, 3), layout="constrained")
fig.set_label(
    "How often the likeliest answer is found, against the width of the "
    "beam: about half of the time with k = 1, nearly always with k = 5."
)
show()
ax.plot(WIDTHS, [100 * hits[k] for k in WIDTHS], "o-", color=INK)
ax.set(xlabel="beginnings that are kept, $k$", ylabel="found (%)")
ax.set(ylim=(0, 104), xticks=WIDTHS)
ax.spines[["top", "right"]].set_visible(False)

# %%
# **What to notice.** The second beginning helps most. A beam of five still
# misses the best answer now and then, although there are only 4,096, so a
# beam is no proof. And the likeliest answer is not always the right one:
# that is another count, which the chapter makes on dates.

gains = np.diff([hits[k] for k in WIDTHS])
assert hits[1] < 0.6
assert 0.9 < hits[5] < 1
assert gains[0] == gains.max()
