r"""
What happens in one step?
=========================

All that a recurrent net keeps of a text is a few numbers, its *state*. Each
character that it reads turns the old state into a new one, by a single
line, :eq:`rnn-step`:

.. math:: h_t = \tanh(W_{ih} x_t + b_{ih} + W_{hh} h_{t-1} + b_{hh})

A trained net computes the same line with more numbers. Here they are so few
and so round that you can check them with a pencil.
"""

import math

import matplotlib.pyplot as plt
import numpy as np

from charseq import RNNParams, Vocabulary, plot_step, rnn_step
from charseq.plotting import BLUE, GRAY, GREEN, INK, ORANGE, show

# %%
# Three characters, two hidden units
# ----------------------------------
# The net has already read a few characters, and now comes a ``b``.

params = RNNParams(
    W_ih=np.array([[0.2, 0.9, -0.4], [0.7, -0.5, 0.3]]),  # (H, V)
    W_hh=np.array([[0.4, -0.2], [-0.6, 0.4]]),  # (H, H)
    b_ih=np.array([0.1, 0.2]),  # (H,)
    b_hh=np.array([-0.1, 0.1]),  # (H,)
)
vocab = Vocabulary("abc")
x = vocab.one_hot(vocab.encode("b"), dtype=float)  # (1, V), one-hot
h = np.array([[0.5, -0.5]])  # (1, H), left by the characters before

new = rnn_step(x, h, params)  # (1, V), (1, H) -> (1, H)
print("state before:", h[0])
print("state after: ", new[0].round(3))

fig, ax = plt.subplots(figsize=(4.1, 4.2), layout="constrained")
plot_step(x[0], h[0], params, ax=ax)
fig.set_label(  # alternative text, for readers who cannot see the figure
    "The step as blocks of numbers: tanh of W_ih times x_t, plus b_ih, "
    "plus W_hh times h_t-1, plus b_hh, is h_t, which is 0.83 and −0.6."
)

# %%
# A matrix times a one-hot vector is a column
# -------------------------------------------
# All but one of the products with the vector of ``b`` are zero. What is
# left is the column of :math:`W_{ih}` that belongs to ``b``: to read a
# character is to look up its column, as an *embedding* does
# (:doc:`/gallery/texts/embeddings`).

print("W_ih x_t:         ", params.W_ih @ x[0])
print("column b of W_ih: ", params.W_ih[:, 1])

# %%
# Four terms, one sum, one squeeze
# --------------------------------
# Each bar starts where the one above it ends.

terms = {
    "$W_{ih}\\,x_t$": (params.W_ih @ x[0], ORANGE),
    "$b_{ih}$": (params.b_ih, GRAY),
    "$W_{hh}\\,h_{t-1}$": (params.W_hh @ h[0], BLUE),
    "$b_{hh}$": (params.b_hh, GRAY),
}
total = sum(value for value, _ in terms.values())  # (H,)

fig, axes = plt.subplots(
    1, 2, figsize=(5.4, 3.3), sharey=True, layout="constrained"
)


def bar(ax, row, value, color, left=0.0, digits=1):
    """Draw a value as a bar and print it at the right."""
    ax.barh(row, value, left=left, color=color, height=0.62)
    label = f"{value:+.{digits}f}".replace("-", "−")
    weight = "bold" if row >= 4 else "normal"
    ax.text(2.1, row, label, ha="right", va="center", weight=weight)


for unit, ax in enumerate(axes):
    end = 0.0
    for row, (values, color) in enumerate(terms.values()):
        bar(ax, row, values[unit], color, left=end)
        end += values[unit]
        ax.plot([end, end], [row, row + 1], color=GRAY, lw=0.8, zorder=0)
    bar(ax, 4, total[unit], INK)
    bar(ax, 5, new[0, unit], GREEN, digits=3)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set(xlim=(-1.05, 2.1), xticks=[-1, 0, 1], xlabel="value")
    ax.set_ylim(5.6, -0.6)
    ax.set_title(f"unit {unit}", loc="left")
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
axes[0].set_yticks(range(6), [*terms, "sum", "$h_t$ = tanh(sum)"])
# sphinx_gallery_thumbnail_number = 2
fig.suptitle("Four terms add up, tanh squeezes the sum", x=0.02, ha="left")
fig.set_label(
    "Bars that add up, for each of the two units: the input term, a bias, "
    "the memory term and the other bias sum to 1.2 and −0.7; tanh squeezes "
    "these to 0.834 and −0.604."
)
show()

# %%
# **What to notice.** The new state mixes what the net has read (orange)
# with what it remembers (blue). The two biases act as one, and
# :math:`\tanh` keeps the result between −1 and 1. Without matrices, the
# same step is two sums that you can do by hand:

by_hand = [
    math.tanh(0.9 + 0.1 + (0.4 * 0.5 + -0.2 * -0.5) - 0.1),  # tanh(1.2)
    math.tanh(-0.5 + 0.2 + (-0.6 * 0.5 + 0.4 * -0.5) + 0.1),  # tanh(-0.7)
]
assert np.allclose(new[0], by_hand, rtol=0, atol=1e-12)
assert np.array_equal(params.W_ih @ x[0], params.W_ih[:, 1])
