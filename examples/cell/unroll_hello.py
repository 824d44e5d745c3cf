r"""
Why do the two l's of “hello” give different states?
====================================================

The input is the same ``l`` both times, and yet the first must be followed
by an ``l`` and the second by an ``o``. What tells them apart is what came
before, an ``e`` or an ``l``, and a recurrent net has that in its last
state. The last state enters :eq:`rnn-step` through one term, :math:`W_{hh}
h_{t-1}`, which is all the memory that the net has.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle

from charseq import RNNParams, Vocabulary, rnn_forward
from charseq.diagrams import plot_unrolled
from charseq.plotting import INK, plot_states, show

# %%
# The net unrolled
# ----------------
# All five steps use the same weights, :eq:`rnn-forward`. The blue arrows
# carry the state, and they are the only way from one step to the next.

text = "hello"
fig, ax = plt.subplots(figsize=(4.6, 1.9), layout="constrained")
plot_unrolled(text, ax=ax)
fig.set_label(
    "The net unrolled over h, e, l, l, o: five boxes in a row, each fed by "
    "its character from below and by the state of the box to its left."
)

# %%
# With memory, and with the memory cut
# ------------------------------------
# The first net has weights as PyTorch would draw them. The second has the
# same weights, except that :math:`W_{hh} = 0`.

vocab = Vocabulary.from_text(text)
x = vocab.one_hot(vocab.encode(text), dtype=float)[None]  # (1, T, V)
rng = np.random.default_rng(6)
with_memory = RNNParams.random(len(vocab), hidden_size=3, rng=rng)
without = with_memory._replace(W_hh=np.zeros((3, 3)))

h = np.zeros((1, 3))  # (1, H)
states = {
    "with memory": rnn_forward(x, h, with_memory)[0][0],  # (T, H)
    "without memory": rnn_forward(x, h, without)[0][0],
}
for name, values in states.items():
    print(name)
    for step in (2, 3):
        numbers = " ".join(f"{value:+.3f}" for value in values[step])
        print(f"  after {text[: step + 1]!r:7} {numbers}")

# %%
# The frame marks the two columns of ``l``.

# sphinx_gallery_thumbnail_number = 2
fig, axes = plt.subplots(2, 1, figsize=(4.8, 4.4), layout="constrained")
frame = {"fill": False, "edgecolor": INK, "linewidth": 3}
titles = {
    "with memory": "With memory: the two l's differ",
    "without memory": "$W_{hh} = 0$: the two l's are the same",
}
for ax, (name, values) in zip(axes, states.items(), strict=True):
    plot_states(values, labels=text, ax=ax)
    ax.add_patch(Rectangle((2.5, 0.5), 2, 3, clip_on=False, **frame))
    ax.set_title(titles[name], loc="left")
axes[0].set_xlabel("")
fig.set_label(
    "Heat maps of three hidden units over h, e, l, l, o. With memory the "
    "two columns of l differ; with W_hh = 0 they are equal."
)
show()

# %%
# **What to notice.** With :math:`W_{hh} = 0`, both ``l`` leave exactly the
# same state, and nothing that reads it can know that an ``l`` comes after
# the first and an ``o`` after the second. It is memory that makes “hello”
# predictable.

first, second = states["with memory"][[2, 3]]
assert np.abs(first - second).max() > 0.1
first, second = states["without memory"][[2, 3]]
assert np.array_equal(first, second)
