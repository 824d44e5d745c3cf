r"""
Why does torch keep two biases?
===============================

Only the sum of the two biases matters, so one would do. torch keeps two because cuDNN, NVIDIA's
library for such layers, does. That costs a few numbers and holds a surprise: the sum learns twice
as fast as a single bias would.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from charseq import CharRNN, Vocabulary, training_steps
from charseq.plotting import BLUE, INK, ORANGE

text = " learned deep learning"
vocab = Vocabulary.from_text(text)
ids = torch.from_numpy(vocab.encode(text))[None]  # (1, T + 1)

# %%
# Merged into one, nothing changes
# --------------------------------
# In :eq:`rnn-step` the two are only ever added. Move all of :math:`b_{hh}` into :math:`b_{ih}`, and
# the logits stay as they were.


def net(merged=False):
    """Make the same net each time, with two biases or with one."""
    model = CharRNN(len(vocab), hidden_size=10, output_layer=False, seed=0).double()
    if merged:
        with torch.no_grad():
            model.rnn.bias_ih_l0 += model.rnn.bias_hh_l0
            model.rnn.bias_hh_l0.zero_()
        model.rnn.bias_hh_l0.requires_grad_(False)  # stays zero: it is gone, in effect
    return model


apart = (net()(ids)[0] - net(merged=True)(ids)[0]).abs().max().item()
print("largest difference between the logits is below 1e-12:", apart < 1e-12)

# %%
# The same gradient, twice
# ------------------------
# The loss sees the sum alone, so both biases get the same gradient. Plain SGD,
# :eq:`sgd-momentum` without momentum, then moves each of them, and their sum goes two steps at
# once. In the third run both biases learn at half the rate.


def bias_sums(merged, bias_lr, epochs=12):
    """Train, and return b_ih + b_hh before the first and after each step: (epochs + 1, H)."""
    model = net(merged)
    rnn = model.rnn
    optimizer = torch.optim.SGD(
        [
            {"params": [rnn.weight_ih_l0, rnn.weight_hh_l0]},
            {"params": [rnn.bias_ih_l0, rnn.bias_hh_l0], "lr": bias_lr},
        ],
        lr=0.5,
    )

    def bias_sum():
        return (rnn.bias_ih_l0 + rnn.bias_hh_l0).detach().numpy()

    steps = training_steps(model, vocab, text, epochs=epochs, optimizer=optimizer)
    return np.array([bias_sum(), *(bias_sum() for _ in steps)])


two = bias_sums(merged=False, bias_lr=0.5)
one = bias_sums(merged=True, bias_lr=0.5)
halved = bias_sums(merged=False, bias_lr=0.25)
unit = int(np.argmax(np.abs(one[-1] - one[0])))  # the bias that has most to learn
for name, sums in {"two biases": two, "one bias": one, "two, half rate": halved}.items():
    print(f"{name:15} moved by {sums[1, unit] - sums[0, unit]:+.3f} in the first step")

# %%
# One bias, followed through twelve steps
# ---------------------------------------

fig, ax = plt.subplots(figsize=(5.2, 3.5), layout="constrained")
steps = np.arange(len(one))
ax.plot(steps, two[:, unit], color=ORANGE, linewidth=2.5)
ax.plot(steps, one[:, unit], color=BLUE, linewidth=2.5)
ax.plot(steps, halved[:, unit], "o", markerfacecolor="none", markeredgecolor=INK, markersize=9)
ax.set(xlabel="steps of SGD", ylabel="$b_{ih} + b_{hh}$ of one unit", xlim=(0, len(one) - 0.5))
ax.set_title("Two biases move their sum twice as fast", loc="left")
ax.spines[["top", "right"]].set_visible(False)
ax.text(5.6, 0.43, "two biases", color=ORANGE, ha="right", weight="bold")
ax.text(7.4, 0.08, "one bias", color=BLUE, weight="bold")
ax.text(7.4, 0.0, "○ two biases at half the rate", va="center")
fig.set_label(
    "The sum of both biases of one unit over twelve steps. With two biases it climbs twice as fast "
    "as with one; with two at half the learning rate it follows the one exactly."
)
plt.show()

# %%
# The exception: a GRU
# --------------------
# In its new gate the second bias, :math:`b_{hn}`, stands inside :math:`r \odot (W_{hn} h + b_{hn})`
# and is multiplied by the reset gate. There the two gradients differ, and the biases cannot be
# merged.

torch.manual_seed(0)
gru = nn.GRU(len(vocab), 10, batch_first=True).double()
x = torch.from_numpy(vocab.one_hot(ids[:, :-1], dtype=float))  # (1, T, V)
logits, _ = gru(x)
nn.functional.cross_entropy(logits[0], ids[0, 1:]).backward()
difference = (gru.bias_ih_l0.grad - gru.bias_hh_l0.grad).abs().reshape(3, 10).amax(1)  # r, z, n
for gate, size in zip("rzn", difference, strict=True):
    print(f"gate {gate}: the two gradients differ by up to {size:.3f}")

# %%
# **What to notice.** The circles lie on the blue line: two biases at half the learning rate are one
# bias. If you port weights to a library with one bias, add the two; if you compare training runs,
# halve its rate. For a GRU, leave :math:`b_{hn}` alone.

assert apart < 1e-12
assert np.allclose(two[1] - two[0], 2 * (one[1] - one[0]), rtol=0, atol=1e-12)
assert np.allclose(halved, one, rtol=0, atol=1e-12)
assert difference[:2].max() < 1e-12
assert difference[2] > 1e-3
