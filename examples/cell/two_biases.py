r"""
What do PyTorch's two biases change?
====================================

A recurrent layer of PyTorch has two biases, although only their sum
matters. The second is there because cuDNN, NVIDIA's library for such
layers, has two. It costs a few numbers, and it has a surprising effect: the
first step of training moves the sum twice as far as it would move a single
bias.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from charseq import CharRNN, Vocabulary, training_steps
from charseq.plotting import GRAY, INK, show

text = " learned deep learning"
vocab = Vocabulary.from_text(text)
ids = torch.from_numpy(vocab.encode(text))[None]  # (1, T + 1)

# %%
# Merged into one, nothing changes
# --------------------------------
# In :eq:`rnn-step` the two biases are only ever added. You can move all of
# :math:`b_{hh}` into :math:`b_{ih}`, and the logits stay the same.


def net(merged=False):
    """Make the same net each time, with two biases or with one."""
    V = len(vocab)
    model = CharRNN(V, hidden_size=10, output_layer=False, seed=0).double()
    if merged:
        with torch.no_grad():
            model.rnn.bias_ih_l0 += model.rnn.bias_hh_l0
            model.rnn.bias_hh_l0.zero_()
        model.rnn.bias_hh_l0.requires_grad_(False)  # stays zero
    return model


apart = (net()(ids)[0] - net(merged=True)(ids)[0]).abs().max().item()
print("the logits differ by less than 1e-12:", apart < 1e-12)

# %%
# The same gradient, twice
# ------------------------
# Both biases get the same gradient, because the loss depends only on the
# sum. Plain SGD, :eq:`sgd-momentum` without momentum, moves both of them by
# the same amount. So their sum moves twice as far. In the third run below,
# both learn at half the rate.


def bias_sums(merged, bias_lr):
    """Return b_ih + b_hh before the first and after each step, (13, H)."""
    model = net(merged)
    rnn = model.rnn
    weights = {"params": [rnn.weight_ih_l0, rnn.weight_hh_l0]}
    biases = {"params": [rnn.bias_ih_l0, rnn.bias_hh_l0], "lr": bias_lr}
    sgd = torch.optim.SGD([weights, biases], lr=0.5)

    def bias_sum():
        return (rnn.bias_ih_l0 + rnn.bias_hh_l0).detach().numpy()

    steps = training_steps(model, vocab, text, epochs=12, optimizer=sgd)
    return np.array([bias_sum(), *(bias_sum() for _ in steps)])


two = bias_sums(merged=False, bias_lr=0.5)
one = bias_sums(merged=True, bias_lr=0.5)
halved = bias_sums(merged=False, bias_lr=0.25)
unit = np.abs(one[-1] - one[0]).argmax()  # the one with most to learn
print("moved by:          step 1   steps 1 to 12")
names = ("two biases", "one bias", "two, at half rate")
for name, sums in zip(names, (two, one, halved), strict=True):
    way = sums[:, unit] - sums[0, unit]
    print(f"{name:18} {way[1]:+.3f}          {way[12]:+.3f}")

# %%
# One bias, followed through twelve steps
# ---------------------------------------

fig, ax = plt.subplots(figsize=(5.2, 3.5), layout="constrained")
steps = np.arange(len(one))
ring = {"markerfacecolor": "none", "markeredgecolor": INK, "markersize": 9}
ax.plot(steps, two[:, unit], color=INK, linewidth=2.5)
ax.plot(steps, one[:, unit], color=GRAY, linewidth=2.5)
ax.plot(steps, halved[:, unit], "o", **ring)
ax.set(xlabel="steps of SGD", ylabel="$b_{ih} + b_{hh}$ of one unit")
ax.set_title("Two biases: the first step is twice as long", loc="left")
ax.spines[["top", "right"]].set_visible(False)
ax.text(5.6, 0.43, "two biases", color=INK, ha="right", weight="bold")
ax.text(7.2, 0.02, "one bias", color=GRAY, weight="bold")
ax.text(7.2, -0.06, "○ two at half the rate", va="center")
fig.set_label(
    "The sum of both biases of one unit over twelve steps. With two biases "
    "its first step is twice as long as with one, and it stays ahead; with "
    "two at half the learning rate it follows the one exactly."
)
show()

# %%
# The exception: a GRU
# --------------------
# In the candidate of a GRU, the second bias :math:`b_{hn}` is inside
# :math:`r \odot (W_{hn} h + b_{hn})`, where the reset gate multiplies it.
# Here the two biases get different gradients, and you cannot merge them.

torch.manual_seed(0)
gru = nn.GRU(len(vocab), 10, batch_first=True).double()
x = vocab.one_hot(ids[:, :-1], dtype=float)  # (1, T, V)
logits, _ = gru(torch.from_numpy(x))
nn.functional.cross_entropy(logits[0], ids[0, 1:]).backward()
difference = (gru.bias_ih_l0.grad - gru.bias_hh_l0.grad).abs()  # (3H,)
largest = difference.reshape(3, 10).amax(dim=1)  # r, z, n
for gate, size in zip("rzn", largest, strict=True):
    print(f"gate {gate}: the two gradients differ by up to {size:.3f}")

# %%
# **What to notice.** The circles lie on the gray line: two biases at half
# the rate are one bias. Only the first step is exactly twice as long,
# because from then on the two runs have different gradients. After twelve
# steps the sum has moved 1.5 times as far.
#
# To move weights to a library with one bias, add the two. To compare
# training runs, halve the rate of PyTorch's two biases, or double that of
# the single one. In a GRU, do not merge :math:`b_{hn}`.

assert apart < 1e-12
assert np.allclose(
    two[1] - two[0], 2 * (one[1] - one[0]), rtol=0, atol=1e-12
)
assert np.allclose(halved, one, rtol=0, atol=1e-12)
doubled = bias_sums(merged=True, bias_lr=1.0)
assert np.allclose(doubled, two, rtol=0, atol=1e-12)
far, near = two[12, unit] - two[0, unit], one[12, unit] - one[0, unit]
assert abs(far / near - 1.5) < 0.05
assert largest[:2].max() < 1e-12
assert largest[2] > 1e-3
