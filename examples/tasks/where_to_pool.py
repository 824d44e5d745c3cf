r"""
Last state, mean or maximum: which finds a single letter?
=========================================================

A text is eight kinds of letters in no order, and exactly one of them is an
a or a b. Which one was it? The telling letter may be anywhere. Plain RNNs
of 12 units read texts of two lengths and answer from their last state, from
the mean of all states or from the largest number of each unit,
:eq:`pool-states`. All else is equal.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from charseq.plotting import GRAY, INK, show

V, H, B, UPDATES = 8, 12, 32, 60
LENGTHS, SEEDS = (10, 80), range(2)
torch.set_num_threads(1)


def texts(count, length, generator):
    """Return one-hot letters (B, T, V), and which of a and b each has."""
    ids = torch.randint(2, V, (count, length), generator=generator)
    is_b = torch.randint(0, 2, (count,), generator=generator)
    place = torch.randint(0, length, (count,), generator=generator)
    ids[torch.arange(count), place] = is_b  # a is 0, b is 1
    return one_hot(ids, V).double(), is_b


POOLS = {
    "last state": lambda states: states[:, -1],
    "mean": lambda states: states.mean(dim=1),
    "maximum": lambda states: states.amax(dim=1),
}

# %%
# Train each of them, and try it on new texts
# -------------------------------------------
# No row is padded, so the last state is in the last column.


def share_right(pool, length, seed):
    """Train a network, and return how many of 500 new texts it gets."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    layer = nn.RNN(V, H, batch_first=True).double()
    head = nn.Linear(H, 2).double()
    adam = torch.optim.Adam([*layer.parameters(), *head.parameters()], 0.02)
    for _ in range(UPDATES):
        x, is_b = texts(B, length, generator)
        loss = cross_entropy(head(POOLS[pool](layer(x)[0])), is_b)
        adam.zero_grad()
        loss.backward()
        adam.step()
    x, is_b = texts(500, length, torch.Generator().manual_seed(99))
    with torch.no_grad():
        answers = head(POOLS[pool](layer(x)[0])).argmax(dim=1)
    return (answers == is_b).double().mean().item()


right = {}
for length in LENGTHS:
    for pool in POOLS:
        right[pool, length] = [share_right(pool, length, s) for s in SEEDS]
        numbers = " ".join(f"{r:.3f}" for r in right[pool, length])
        print(f"{length} letters, {pool:10} {numbers}")

# %%
# The figure
# ----------

fig, ax = plt.subplots(figsize=(4.8, 2.6), layout="constrained")
for y, pool in enumerate(POOLS):
    for length, color, lift in ((10, GRAY, -0.15), (80, INK, 0.15)):
        ax.plot(
            right[pool, length],
            np.full(len(SEEDS), y + lift),
            "o",
            color=color,
            mfc="none",
            ms=8,
        )
        if y == 0:
            ax.text(0.75, y + lift, f"{length} letters", color=color,
                    va="center", ha="center")  # fmt: skip
ax.axvline(0.5, color=GRAY, lw=1, ls=(0, (4, 3)))
ax.set_yticks(range(3), POOLS)
ax.set(xlabel="share right; 0.5 is a guess")
ax.set(xlim=(0.45, 1.03), ylim=(2.5, -0.5))
ax.spines[["top", "right", "left"]].set_visible(False)
fig.set_label(
    "Three rows of rings. With 10 letters all rings are at 1. With 80, "
    "those of the last state and of the mean are near 0.5, and those of "
    "the maximum at 1."
)
show()

# %%
# **What to notice.** With ten letters any of the three will do. With
# eighty, the blame that enters at the last state has died out before it
# comes to the letter, as in :doc:`/learn/gradient-reach`. The mean sends
# blame straight to each state, but the one that matters gets an eightieth
# of it, and says an eightieth of what is read. The maximum sends it to
# the letters where a unit was largest, and a unit has to be large only
# once. Of twenty seeds, the maximum found it with all, the last state with
# none, and the mean was right about more than 70 % with one. Where evidence
# adds up instead, as in the names of :doc:`/learn/classify`, the mean is
# better.

assert min(right["maximum", 80]) > 0.97
assert max(right["last state", 80] + right["mean", 80]) < 0.75
assert (
    min(share for (_, T), s in right.items() if T == 10 for share in s)
    > 0.97
)
