r"""
Is ``last_hidden`` just ``outputs[:, -1]``?
===========================================

A recurrent layer of torch returns two tensors, and they overlap. One question settles which to
use: every step of the top layer, or every layer at the last step? With one layer the answer to the
title is yes. With two it is yes and no.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Rectangle
from torch import nn

from charseq import RNNParams, Vocabulary, rnn_forward
from charseq.plotting import BLUE, GREY, INK, ORANGE

# %%
# One layer
# ---------
# Three words of five letters, one-hot, go through four inputs and two hidden units.

torch.manual_seed(0)
vocab = Vocabulary("helo")
ids = np.stack([vocab.encode(word) for word in ("hello", "eolll", "lleel")])  # (B, T)
x = torch.from_numpy(vocab.one_hot(ids))  # (B, T) -> (B, T, V)

rnn = nn.RNN(input_size=4, hidden_size=2, batch_first=True)
outputs, last_hidden = rnn(x)  # (B, T, V) -> (B, T, H), (L, B, H)
print(outputs)
print(outputs.shape, last_hidden.shape)
print(torch.all(outputs[:, -1] == last_hidden))

# %%
# Two layers
# ----------
# Now ``last_hidden`` holds the last state of each layer, and ``outputs`` still holds the top
# layer only.

stacked = nn.RNN(input_size=4, hidden_size=2, num_layers=2, batch_first=True)
out, h_n = stacked(x)  # (B, T, H), (L, B, H)
print("outputs", tuple(out.shape), "last_hidden", tuple(h_n.shape))
print("outputs[:, -1] == last_hidden[-1]:", torch.equal(out[:, -1], h_n[-1]))
print("outputs[:, -1] == last_hidden[0]: ", torch.equal(out[:, -1], h_n[0]))

# %%
# Every state of both layers
# --------------------------
# torch does not return the inner states of the lower layer, so they are computed with the same
# weights, :eq:`rnn-forward`. The states of layer 0 are the input of layer 1.

lower, _ = rnn_forward(x.numpy(), np.zeros((3, 2)), RNNParams.from_torch(stacked, 0))
upper, _ = rnn_forward(lower, np.zeros((3, 2)), RNNParams.from_torch(stacked, 1))

fig, ax = plt.subplots(figsize=(5.4, 3.1), layout="constrained")
for layer, states in enumerate((lower, upper)):
    for t, state in enumerate(states[0]):  # the first word of the batch
        ax.add_patch(Rectangle((t + 0.1, layer + 0.12), 0.8, 0.76, fill=False, edgecolor=GREY))
        label = "\n".join(f"{value:+.2f}" for value in state).replace("-", "−")
        ax.text(t + 0.5, layer + 0.5, label, ha="center", va="center", linespacing=1.5)
ax.add_patch(Rectangle((-0.02, 1.0), 5.04, 1.0, fill=False, edgecolor=ORANGE, linewidth=3))
ax.add_patch(Rectangle((4.05, -0.06), 0.9, 2.0, fill=False, edgecolor=BLUE, linewidth=3))
row, column = "outputs: the top layer, every step", "last_hidden: every layer, last step"
ax.text(0, 2.12, row, color=ORANGE, weight="bold")
ax.text(4.98, -0.14, column, color=BLUE, weight="bold", ha="right", va="top")
for t, char in enumerate("hello"):
    ax.text(t + 0.5, -0.62, char, ha="center", family="monospace", fontsize=12, color=INK)
ax.set(xlim=(-0.75, 5.1), ylim=(-0.7, 2.4))
ax.set_yticks([0.5, 1.5], ["layer 0", "layer 1"])
ax.set_xticks([])
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
fig.set_label(
    "A grid of states, two layers by five steps of hello. A frame named outputs holds the upper "
    "row; a frame named last_hidden holds the last column. They share one cell."
)
plt.show()

# %%
# **What to notice.** ``outputs`` is a row and ``last_hidden`` a column of the same grid. They share
# one cell: the top layer at the last step. So ``last_hidden[-1]`` is ``outputs[:, -1]``, and
# ``last_hidden[0]`` is in ``outputs`` only when there is one layer.

assert torch.all(outputs[:, -1] == last_hidden)
assert outputs.shape == (3, 5, 2)
assert last_hidden.shape == (1, 3, 2)
assert torch.equal(out[:, -1], h_n[-1])
assert not torch.isclose(out[:, -1], h_n[0]).any()
assert np.allclose(upper, out.detach(), rtol=0, atol=1e-6)  # float32 carries seven digits
assert np.allclose(lower[:, -1], h_n[0].detach(), rtol=0, atol=1e-6)
