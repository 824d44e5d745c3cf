r"""
How much does padding take if attention has no mask?
====================================================

A decoder that looks back, :eq:`attend`, shares its attention among the
letters that were read. In a batch short texts are padded, and padding has
states, too. We leave a text of six letters as it is, put more and more
padding behind it, and look at what is left for the letters.
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq.plotting import GRAY, INK, show
from charseq.reference import attend

LETTERS, H, DRAWS = 6, 16, 500
padding = np.arange(13)  # places behind the text
rng = np.random.default_rng(0)

# %%
# Random queries and states
# -------------------------
# The query, the six states and those of the padding are drawn at random,
# 500 times, as in a network that has not been trained. Without the mask
# every place counts as real.

query = rng.normal(size=(DRAWS, 1, H))
states = rng.normal(size=(DRAWS, LETTERS + padding[-1], H))
text = np.arange(LETTERS + padding[-1]) < LETTERS


def look(places, masked):
    """Return what is found, and the share of the padding, on average."""
    seen = states[:, : LETTERS + places]  # (DRAWS, S, H)
    real = text[: seen.shape[1]] if masked else np.ones(seen.shape[1], bool)
    real = np.broadcast_to(real, seen.shape[:2])
    found, weights = attend(query, seen, seen, real)
    return found, weights[:, 0, LETTERS:].sum(axis=1).mean()


alone, _ = look(0, masked=False)
shares, far = {}, {}
for masked in (False, True):
    results = [look(places, masked) for places in padding]
    shares[masked] = [share for _, share in results]
    far[masked] = [np.abs(found - alone).max() for found, _ in results]
for places in (1, 6, 12):
    print(
        f"{places:2} places of padding: share {shares[False][places]:.3f} "
        f"without the mask, {shares[True][places]:.3f} with it"
    )

# %%
# The share of the padding
# ------------------------

fig, ax = plt.subplots(figsize=(5.6, 3), layout="constrained")
fig.set_label(
    "The share of the padding against 0 to 12 places of padding. Without "
    "the mask it rises to two thirds, as places / (places + 6) does, a "
    "dotted curve. With the mask it is 0."
)
show()
ax.plot(padding, shares[False], "o-", color=INK)
ax.plot(padding, padding / (padding + LETTERS), ":", color=GRAY)
ax.plot(padding, shares[True], "o-", color=INK)
ax.text(7, 0.62, "no mask", ha="right")
ax.text(9, 0.04, "mask")
ax.set(xlabel="places of padding behind six letters", ylabel="its share")
ax.spines[["top", "right"]].set_visible(False)

# %%
# **What to notice.** An untrained network looks at padding as much as at
# letters, so of eighteen places the twelve padded ones get two thirds.
# Training can make it look away, but only from as much padding as it has
# met. With the mask the padding gets exactly nothing, and what is found is
# what the text alone gives.

by_count = np.abs(np.array(shares[False]) - padding / (padding + LETTERS))
assert by_count.max() < 0.05
assert shares[True] == [0] * len(padding)
assert max(far[True]) < 1e-12 < min(far[False][1:])
