r"""
What if the batch axis is in the wrong place?
=============================================

A recurrent layer of PyTorch takes axis 0 for the time, unless you say
``batch_first=True``. Give it a batch of texts with the batch axis in front,
and it raises no error: it reads across the texts instead of along them, and
the loss may even fall. One experiment shows what the layer does.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from charseq.plotting import CELL_INK, GRAY, PALE_BLUE, show

B, T, V = 4, 6, 5
generator = torch.Generator().manual_seed(0)
ids = torch.randint(V, (B, T), generator=generator)
texts = nn.functional.one_hot(ids, V).float()  # (B, T, V)

# %%
# Edit one text and see which outputs change
# ------------------------------------------
# We run the same layer with the same weights twice, and for the second run
# we erase one character of text 0 and change nothing else.

edited = texts.clone()
edited[0, 2] = 0

moved = {}
for batch_first in (True, False):
    torch.manual_seed(0)
    layer = nn.RNN(V, 8, batch_first=batch_first)
    difference = layer(edited)[0] - layer(texts)[0]  # (B, T, H)
    moved[batch_first] = difference.abs().amax(dim=2) > 0  # (B, T)
    print(f"batch_first={batch_first}: outputs changed in texts", end=" ")
    print(moved[batch_first].any(dim=1).nonzero().flatten().tolist())

# %%
# What changed, place by place
# ----------------------------

fig, axes = plt.subplots(1, 2, figsize=(5.6, 2.5), layout="constrained")
for ax, batch_first in zip(axes, moved, strict=True):
    for b in range(B):
        for t in range(T):
            fill = PALE_BLUE if moved[batch_first][b, t] else "none"
            ax.plot(t, b, "s", markersize=16, color=fill, mec=GRAY)
    ax.plot(2, 0, "x", markersize=9, mew=2, color=CELL_INK)
    ax.set(xticks=range(T), xlim=(-0.6, T - 0.4), xlabel="time step")
    ax.set(yticks=range(B), ylim=(B - 0.4, -0.6), ylabel="text")
    ax.set_title(f"batch_first={batch_first}")
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
fig.set_label(
    "Two grids of texts against time steps. With batch_first=True an edit "
    "of text 0 at step 2 changes text 0 from step 2 on. With "
    "batch_first=False it changes step 2 of all four texts."
)
show()

# %%
# **What to notice.** The cross marks the edit. On the left, it changes what
# comes later in the same text. On the right, it changes the same place in
# the *other* texts, because the layer took texts for time steps. Nothing
# warned us: the layer cannot know which axis is which. You can run this
# test on any model of your own.

right, wrong = moved[True], moved[False]
assert right.any(dim=1).tolist() == [True, False, False, False]
assert right[0].tolist() == [False, False, True, True, True, True]
assert wrong.any(dim=1).tolist() == [True] * B
steps = [False, False, True, False, False, False]
assert wrong.any(dim=0).tolist() == steps
