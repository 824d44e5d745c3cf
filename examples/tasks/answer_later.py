r"""
How much later should a tagger answer?
======================================

In a line of random letters, a letter counts if it is the same as the one
two places after it. A network that reads from left to right can't know that
yet. If the labels are shifted by d steps, it is asked about a letter when d
more have come. Only d changes; beside it, a network that reads both ways.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy, one_hot

from charseq.plotting import GRAY, INK, show

V, H, B, T, UPDATES, AHEAD = 3, 16, 16, 20, 100, 2
SHIFTS, SEEDS = (0, 1, 2, 4, 8), range(2)
torch.set_num_threads(1)


def lines(count, generator):
    """Return letters (count, T), and which are repeated: (count, T)."""
    ids = torch.randint(V, (count, T), generator=generator)
    again = torch.zeros_like(ids)
    again[:, :-AHEAD] = ids[:, :-AHEAD] == ids[:, AHEAD:]
    return ids, again


# %%
# Train a tagger for each shift
# -----------------------------
# The answer about letter t is taken at step t + d, so the first d answers
# and the last d labels have no partner.


def share_right(shift, both, seed):
    """Train a tagger, and return how many of new labels it gets."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    layer = nn.RNN(V, H, batch_first=True, bidirectional=both).double()
    head = nn.Linear(H * (1 + both), 2).double()
    parameters = [*layer.parameters(), *head.parameters()]
    adam = torch.optim.Adam(parameters, lr=0.03)

    def scores(ids):
        return head(layer(one_hot(ids, V).double())[0])[:, shift:]

    for _ in range(UPDATES):
        ids, again = lines(B, generator)
        loss = cross_entropy(scores(ids).mT, again[:, : T - shift])
        adam.zero_grad()
        loss.backward()
        adam.step()
    ids, again = lines(200, torch.Generator().manual_seed(99))
    with torch.no_grad():
        says = scores(ids).argmax(dim=2)
    # The last letters of a line have nothing two places after them.
    kept = T - max(SHIFTS)
    return (says == again[:, : T - shift])[:, :kept].double().mean().item()


right = {d: [share_right(d, False, s) for s in SEEDS] for d in SHIFTS}
two_way = [share_right(0, True, s) for s in SEEDS]
for shift, shares in right.items():
    print(f"{shift} later", *(f"{share:.3f}" for share in shares))
print("both ways", *(f"{share:.3f}" for share in two_way))

# %%
# The figure
# ----------

fig, ax = plt.subplots(figsize=(4.8, 2.8), layout="constrained")
for shift, shares in right.items():
    ax.plot([shift] * len(shares), shares, "o", color=INK, mfc="none", ms=7)
ax.axhline(np.median(two_way), color=INK, lw=1)
ax.text(8.3, np.median(two_way) - 0.02, "both directions", color=INK,
        ha="right", va="top")  # fmt: skip
ax.axhline(2 / 3, color=GRAY, lw=1, ls=(0, (4, 3)))
ax.text(8.3, 2 / 3 + 0.005, "always no", color=INK, ha="right")
ax.set(xlabel="answers so many letters later", ylabel="share right")
ax.set(xticks=SHIFTS, ylim=(0.6, 1.03))
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Rings over shifts from 0 to 8. At 0 and 1 they are on the dashed line "
    "of always no, at 2 they are near 1, and from there they fall."
)
show()

# %%
# **What to notice.** Before the letter has come that decides, there is
# nothing to learn. As soon as it has come, the answer is best. Each step
# more helps no further, and costs: the network has to keep one letter
# more, in the order in which they came. The second direction needs no
# shift and keeps nothing, but it has to wait for the end of the line.

assert max(right[0] + right[1]) < 0.7
assert min(right[2] + two_way) > 0.97
assert max(right[8]) < 0.75
