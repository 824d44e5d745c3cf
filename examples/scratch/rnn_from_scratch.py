r"""
How do you write a character RNN from scratch in NumPy?
=======================================================

You can understand every formula of backpropagation and still have one sign
wrong in your program, and the loss will fall all the same. So here is the
whole thing in one file that needs NumPy, and matplotlib for its picture:
forward, backward, a check of the gradient, training and writing, in fewer
than 100 lines of code, without comments, blank lines and the picture. It
starts from random weights, and a second later it knows one of the most
famous first sentences of all novels by heart.

You may know *min-char-rnn*, a program of this size that does the same. Here
the gradient is checked before it is used, each part names its equation, and
the cell can be exchanged. Two more files differ from this one in the cell
alone: :doc:`/gallery/scratch/gru_from_scratch` and
:doc:`/gallery/scratch/lstm_from_scratch`.
"""

import sys  # for the picture at the end
from itertools import pairwise
from pathlib import Path  # for the picture at the end

import matplotlib.pyplot as plt  # for the picture at the end
import numpy as np

text = (
    "It is a truth universally acknowledged, that a single man in\n"
    "possession of a good fortune, must be in want of a wife.\n"
)
chars = sorted(set(text))
ids = [chars.index(char) for char in text]
V, H, T = len(chars), 64, 25  # characters, units, steps in a window

# %%
# The cell
# --------
# Two sums reach the cell, one from the character and one from the state
# before. A plain RNN adds them and takes the tanh, :eq:`rnn-step`. On the
# way back, blame passes through the slope of tanh, the second line of
# :eq:`rnn-backward`.

BLOCKS, VECTORS = 1, 1  # rows of weights per unit; vectors in the state


def cell(from_input, from_memory, state):
    # The new state, and what cell_backward needs to know.
    h = np.tanh(from_input + from_memory)
    return [h], h


def cell_backward(dstate, h):
    # The blame of both sums, and what goes past them to the old state.
    da = (1 - h**2) * dstate[0]
    return da, da, [np.zeros(H)]


# %%
# The weights
# -----------
# They are drawn evenly between :math:`-1/\sqrt{H}` and
# :math:`1/\sqrt{H}`, as PyTorch does, and come in its order: the four of
# the layer, ``weight_ih_l0`` first, and the two of the output layer.

rng = np.random.default_rng(0)
rows = BLOCKS * H
shapes = [(rows, V), (rows, H), rows, rows, (V, H), V]
weights = [rng.uniform(-1, 1, shape) / np.sqrt(H) for shape in shapes]
W_ih, W_hh, b_ih, b_hh, W_hy, b_y = weights
one_hot, start = np.eye(V), [np.zeros(H)] * VECTORS

# %%
# Forward
# -------
# A step reads one character, :eq:`rnn-forward`. The output layer,
# :eq:`output-layer`, and softmax, :eq:`softmax`, make probabilities for the
# next one, and the loss is the mean surprise at what came,
# :eq:`cross-entropy`.


def step(i, state):
    x, before = one_hot[i], state[0]
    from_input, from_memory = W_ih @ x + b_ih, W_hh @ before + b_hh
    state, kept = cell(from_input, from_memory, state)
    powers = np.exp(W_hy @ state[0] + b_y)
    return state, powers / powers.sum(), (x, before, kept)


def forward(window, state):
    loss, tape = 0, []
    for i, target in pairwise(window):
        state, p, kept = step(i, state)
        loss -= np.log(p[target]) / (len(window) - 1)
        tape.append((kept, state[0], p, target))
    return loss, state, tape


# %%
# Backward
# --------
# The same steps from right to left. Blame starts at the logits,
# :eq:`cross-entropy-backward`, goes through the output layer,
# :eq:`output-layer-backward`, and meets the blame that comes from the next
# step. Every weight collects a share at each step, :eq:`rnn-backward`.


def backward(tape):
    gradient = [np.zeros_like(weight) for weight in weights]
    dW_ih, dW_hh, db_ih, db_hh, dW_hy, db_y = gradient
    dstate = [np.zeros(H) for _ in start]  # no step follows the last one
    for (x, before, kept), h, p, target in reversed(tape):
        dlogits = (p - one_hot[target]) / len(tape)
        dW_hy += np.outer(dlogits, h)
        db_y += dlogits
        dstate[0] += W_hy.T @ dlogits  # two paths add
        dinput, dmemory, dstate = cell_backward(dstate, kept)
        dW_ih += np.outer(dinput, x)
        db_ih += dinput
        dW_hh += np.outer(dmemory, before)
        db_hh += dmemory
        dstate[0] += W_hh.T @ dmemory
    return gradient


# %%
# Check the gradient
# ------------------
# Move a weight up and down, and see how far the loss moves. Ten random
# weights of each kind will do, and a slope may be off by a millionth of the
# largest. (:doc:`/gallery/training/gradient_check` says why the step is
# 1e-5.)

window, off = ids[: T + 1], []
gradient = backward(forward(window, start)[2])
for weight, derived in zip(weights, gradient, strict=True):
    for k in rng.integers(weight.size, size=10):
        value, losses = weight.flat[k], []
        for weight.flat[k] in (value + 1e-5, value - 1e-5):
            losses.append(forward(window, start)[0])
        weight.flat[k] = value
        measured = (losses[0] - losses[1]) / 2e-5
        off.append(abs(measured - derived.flat[k]) / abs(derived).max())
print(f"{len(off)} slopes, all the same to 1e-6: {max(off) < 1e-6}")

# %%
# Write
# -----
# The first character is given. Each one after it is drawn with the
# probability that the network gives it, and read next
# (:doc:`/learn/sampling`).


def write(length, rng):
    state, written = start, [ids[0]]
    while len(written) < length:
        state, p, _ = step(written[-1], state)
        written.append(rng.choice(V, p=p))
    return "".join(chars[i] for i in written)


# %%
# Train
# -----
# The text is read in windows of 25 steps. The state goes on from one window
# to the next, and blame stops between them (:doc:`/learn/truncation`). A
# gradient longer than 1 is scaled down to 1
# (:doc:`/gallery/training/clipping`), and each weight moves downhill with
# momentum, :eq:`sgd-momentum`.

velocity = [np.zeros_like(weight) for weight in weights]
curve, samples = [], dict.fromkeys((5, 50, 100, 200, 1000))
while len(curve) < 1000:
    state = start
    for begin in range(0, len(ids) - 1, T):
        loss, state, tape = forward(ids[begin : begin + T + 1], state)
        gradient = backward(tape)
        norm = np.sqrt(sum((part**2).sum() for part in gradient))
        for weight, v, part in zip(
            weights, velocity, gradient, strict=True
        ):
            v[:] = 0.9 * v + part / max(1, norm)
            weight -= 0.15 * v
        curve.append(loss)
        if len(curve) in samples:
            writer = np.random.default_rng(1)
            samples[len(curve)] = write(len(text), writer)
for update, sample in samples.items():
    print(f"{update:4}  {sample[:60]!r}")
print(samples[1000])

# %%
# What it has learned
# -------------------

fig, ax = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
passes = np.reshape(curve, (-1, 5)).mean(axis=1)  # five windows are a text
marks = [update // 5 - 1 for update in samples]
ax.semilogy(range(5, 1001, 5), passes, marker="o", markevery=marks)
lines = [("after", "it writes")]
lines += [(update, repr(sample[:26])) for update, sample in samples.items()]
for row, (update, sample) in enumerate(lines):
    words = {"y": 0.93 - 0.09 * row, "transform": ax.transAxes, "size": 9}
    ax.text(0.5, s=update, ha="right", **words)
    ax.text(0.53, s=sample, family="monospace", **words)
ax.set(xlabel="update", ylabel="loss, nats per character")
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Loss, on a log axis, against updates. It falls from 3 to below 0.01, "
    "and what the network writes turns from noise into the sentence."
)
if plt.get_backend().lower() == "agg":  # there is no display
    picture = Path(sys.argv[0]).with_suffix(".png")
    fig.savefig(picture, dpi=200)
    print("the figure is in", picture)
plt.show()

# %%
# **What to notice.** Noise comes first, then pieces of the sentence, then
# all of it, and nobody has told the network what a word is: it has only
# been asked for the next character. It knows one sentence by heart and
# nothing else, because there was nothing else to learn. Put a text of your
# own in its place, with more updates for a longer one, and leave out the
# picture and the assertions, which are for this text. What then matters is
# in :doc:`/learn/real-text`.

assert max(off) < 1e-6
assert samples[1000] == text
assert passes[-1] < 0.01
