r"""
What does each direction know at each position?
===============================================

A layer with ``bidirectional=True`` reads a text forwards and backwards,
:eq:`bidirectional-forward`, and so it may have seen the very letter that
you want it to predict. Its output has two halves at each position, one from
each direction. Which half knows what? We change one letter at a time, and a
half that does not change cannot know the letter.
"""

import matplotlib.pyplot as plt
import torch
from torch import nn

from charseq.plotting import BLUE, GRAY, show

# %%
# Change one letter, and compare
# ------------------------------
# The layers have random weights, because nothing here depends on training.
# A letter is changed by putting zeros in place of its one-hot vector.

H, T, V = 4, 6, 5
generator = torch.Generator().manual_seed(0)
ids = torch.randint(V, (1, T), generator=generator)
text = nn.functional.one_hot(ids, V).double()  # (1, T, V)


def known(num_layers):
    """Return which positions change with which letter, for both halves."""
    torch.manual_seed(0)
    options = {"num_layers": num_layers, "batch_first": True}
    layer = nn.RNN(V, H, bidirectional=True, **options).double()
    changes = torch.zeros(2, T, T, dtype=torch.bool)  # half, letter, step
    with torch.no_grad():
        for letter in range(T):
            edited = text.clone()
            edited[0, letter] = 0
            difference = layer(edited)[0] - layer(text)[0]  # (1, T, 2H)
            halves = difference[0].view(T, 2, H)  # forwards, backwards
            changes[:, letter] = (halves != 0).any(dim=2).T
    return changes


one, two = known(num_layers=1), known(num_layers=2)
for half, name in enumerate(("forwards", "backwards")):
    seen = one[half].sum(dim=0).tolist()
    print(f"one layer, {name}: letters known at each position {seen}")

# %%
# The four halves
# ---------------
# A filled square says that the half at this position changes with this
# letter.

fig, axes = plt.subplots(2, 2, figsize=(4.6, 4.8), layout="constrained")
directions = ((0, "forwards"), (1, "backwards"))
tops = (("one layer", one), ("layer 1", two))
for row, (name, changes) in enumerate(tops):
    for half, direction in directions:
        ax = axes[row, half]
        for letter in range(T):
            for step in range(T):
                fill = BLUE if changes[half, letter, step] else "none"
                ax.plot(step, letter, "s", ms=12, color=fill, mec=GRAY)
        ax.set_title(f"{name}, {direction}", fontsize=11)
        ax.set(xticks=range(T), xlim=(-0.6, T - 0.4))
        ax.set(yticks=range(T), ylim=(T - 0.4, -0.6))
        ax.set_aspect("equal")
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
for ax in axes[:, 0]:
    ax.set_ylabel("letter changed")
for ax in axes[1]:
    ax.set_xlabel("position")
fig.set_label(
    "Four grids of letters against positions. With one layer, the forward "
    "half changes from the letter's own position on, and the backward half "
    "changes up to it. In the second of two layers, both halves change at "
    "every position."
)
show()

# %%
# **What to notice.** With one layer, the forward half at a position knows
# the letters up to it, and the backward half those from it on. Each knows
# the whole text at one end only. A second layer reads both halves, and
# there even the forward half knows the whole text, at every position, which
# is why a network that has to predict the next letter must not read
# backwards in any layer.

order = torch.arange(T)
assert torch.equal(one[0], order[:, None] <= order)
assert torch.equal(one[1], order[:, None] >= order)
assert two.all()
