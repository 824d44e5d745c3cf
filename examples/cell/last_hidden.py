r"""
Is ``last_hidden`` just ``outputs[:, -1]``?
===========================================

A recurrent layer of PyTorch returns two tensors that overlap, and no error
says so if you take a state from the wrong one. The first, here ``outputs``,
holds the state of the top layer at every step. The second, here
``last_hidden`` (PyTorch calls it ``h_n``), holds the state of every layer
at the last step. With one layer the answer to the title is yes, and with
two it depends on which layer you mean.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Rectangle
from torch import nn

from charseq import RNNParams, Vocabulary, rnn_forward
from charseq.plotting import BLUE, GRAY, INK, show

# %%
# One layer
# ---------
# Three words of five letters, as one-hot vectors, go through a layer with
# two hidden units.

torch.manual_seed(0)
vocab = Vocabulary("helo")
words = ("hello", "eolll", "lleel")
ids = np.stack([vocab.encode(word) for word in words])  # (B, T)
x = torch.from_numpy(vocab.one_hot(ids))  # (B, T) -> (B, T, V)

rnn = nn.RNN(input_size=4, hidden_size=2, batch_first=True)
outputs, last_hidden = rnn(x)  # (B, T, V) -> (B, T, H), (L, B, H)
print(outputs)
print(outputs.shape, last_hidden.shape)
print(torch.all(outputs[:, -1] == last_hidden))

# %%
# Two layers
# ----------
# Now ``last_hidden`` holds two states for each word, and only the top one
# is in ``outputs``.

stacked = nn.RNN(4, 2, num_layers=2, batch_first=True)
out, h_n = stacked(x)  # (B, T, H), (L, B, H)
print("outputs", tuple(out.shape), "last_hidden", tuple(h_n.shape))
last = out[:, -1]  # (B, H)
print("outputs[:, -1] == last_hidden[-1]:", torch.equal(last, h_n[-1]))
print("outputs[:, -1] == last_hidden[0]: ", torch.equal(last, h_n[0]))

# %%
# Every state of both layers
# --------------------------
# PyTorch does not return the lower layer's states at every step, so we
# compute them with the same weights, :eq:`rnn-forward`. They are the input
# of layer 1.

zeros = np.zeros((3, 2))  # (B, H)
weights = [RNNParams.from_torch(stacked, layer) for layer in (0, 1)]
lower, _ = rnn_forward(x.numpy(), zeros, weights[0])  # (B, T, H)
upper, _ = rnn_forward(lower, zeros, weights[1])

fig, ax = plt.subplots(figsize=(5.8, 3.0), layout="constrained")
centered = {"ha": "center", "va": "center", "linespacing": 1.5}
for layer, states in enumerate((lower, upper)):
    for t, state in enumerate(states[0]):  # the first word of the batch
        corner = (t + 0.1, layer + 0.12)
        cell = Rectangle(corner, 0.8, 0.76, fill=False, edgecolor=GRAY)
        ax.add_patch(cell)
        numbers = "\n".join(f"{value:+.2f}" for value in state)
        ax.text(t + 0.5, layer + 0.5, numbers.replace("-", "−"), **centered)
thick = {"fill": False, "linewidth": 3}
ax.add_patch(Rectangle((-0.02, 1), 5.04, 1, edgecolor=INK, **thick))
ax.add_patch(Rectangle((4.05, -0.06), 0.9, 2, edgecolor=BLUE, **thick))
row = "outputs: the top layer, every step"
column = "last_hidden: every layer, last step"
ax.text(0, 2.12, row, color=INK, weight="bold")
ax.text(5, -0.14, column, color=BLUE, weight="bold", ha="right", va="top")
names = {"family": "monospace", "va": "center", "linespacing": 1.5}
ax.text(5.15, 1.5, "outputs[:, -1]\n= last_hidden[-1]", **names)
ax.text(5.15, 0.5, "last_hidden[0]", **names)
for t, char in enumerate("hello"):
    ax.text(
        t + 0.5, -0.6, char, family="monospace", fontsize=12, **centered
    )
ax.set(xlim=(-0.1, 7.4), ylim=(-0.75, 2.4), xticks=[])
ax.set_yticks([0.5, 1.5], ["layer 0", "layer 1"])
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
fig.set_label(
    "A grid of states, two layers by five steps of hello. A frame named "
    "outputs holds the upper row; a frame named last_hidden holds the last "
    "column. They share one cell, outputs[:, -1] or last_hidden[-1]; the "
    "cell below it is last_hidden[0]."
)
show()

# %%
# **What to notice.** ``outputs`` is a row of the grid and ``last_hidden`` a
# column, and they share one cell, the top layer at the last step. That is
# why ``last_hidden[-1]`` equals ``outputs[:, -1]``, and why, with two
# layers, ``last_hidden[0]`` is nowhere in ``outputs``.
#
# This holds for layers that read in one direction, and for texts of equal
# length. In a bidirectional layer or a packed batch, the last states are
# elsewhere.

assert torch.all(outputs[:, -1] == last_hidden)
assert outputs.shape == (3, 5, 2)
assert last_hidden.shape == (1, 3, 2)
assert torch.equal(last, h_n[-1])
assert not torch.isclose(last, h_n[0]).any()
# Per unit and step at most 4 + 2 + 2 terms are added, in 5 steps and 2
# layers. float32 rounds each time.
rounding = 2 * 5 * (4 + 2 + 2) * np.finfo(np.float32).eps
close = {"rtol": 0, "atol": rounding}
assert np.allclose(upper, out.detach(), **close)
assert np.allclose(lower[:, -1], h_n[0].detach(), **close)
