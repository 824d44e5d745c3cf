r"""
How do you check a gradient that you wrote by hand?
===================================================

A gradient that you wrote by hand may be wrong, and the loss may fall all
the same. So measure it: move one weight a little up and a little down, and
divide the difference of the losses by the distance. This *central
difference* should agree with your gradient. But how far should you move the
weight? Only the step changes here, once in float64 and once in float32.
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq import RNNParams, Vocabulary
from charseq.plotting import PURPLE, show
from charseq.reference import (
    cross_entropy,
    cross_entropy_backward,
    output_layer,
    output_layer_backward,
    rnn_backward,
    rnn_forward,
)

text = " learned deep learning"
vocab = Vocabulary.from_text(text)
ids = vocab.encode(text)
V, H = len(vocab), 10

# %%
# The gradient by hand
# --------------------
# The network has random weights, and :eq:`rnn-backward` gives the gradient
# of its :math:`W_{hh}`.

rng = np.random.default_rng(0)
params = RNNParams.random(V, H, rng)
W_hy = rng.uniform(-1, 1, (V, H)) / np.sqrt(H)
x, y = np.eye(V)[ids[None, :-1]], ids[None, 1:]  # (1, T, V), (1, T)


def loss(W_hh, kind):
    """Return the loss, computed with numbers of one kind throughout."""
    weights = params._replace(W_hh=W_hh)
    weights = RNNParams(*(weight.astype(kind) for weight in weights))
    start = np.zeros((1, H), kind)
    states, _ = rnn_forward(x.astype(kind), start, weights)
    logits = output_layer(states, W_hy.astype(kind), np.zeros(V, kind))
    return cross_entropy(logits, y)


start = np.zeros((1, H))
states, _ = rnn_forward(x, start, params)
dlogits = cross_entropy_backward(output_layer(states, W_hy, np.zeros(V)), y)
dstates, _, _ = output_layer_backward(states, W_hy, dlogits)
gradient = rnn_backward(x, start, params, dstates, start)[2].W_hh

# %%
# The central difference
# ----------------------
# A random direction moves all weights at once, and the slope along it is
# the sum of gradient times direction. We take nine directions and the
# median of their errors.

directions = rng.normal(size=(9, H, H))
directions /= np.linalg.norm(directions, axis=(1, 2), keepdims=True)


def relative_error(step, kind):
    """Return the median error of the slopes, as a share of them."""
    errors = []
    for direction in directions:
        slope = (gradient * direction).sum()
        above = float(loss(params.W_hh + step * direction, kind))
        below = float(loss(params.W_hh - step * direction, kind))
        errors.append(
            abs((above - below) / (2 * step) - slope) / abs(slope)
        )
    return np.median(errors)


steps = 10.0 ** np.arange(-10, 0.5, 0.5)
errors = {
    kind: np.array([relative_error(step, kind) for step in steps])
    for kind in (np.float64, np.float32)
}
in_64, in_32 = errors[np.float64], errors[np.float32]


def at(step):
    return np.abs(steps / step - 1).argmin()


for step in (1e-3, 1e-2, 1e-1):
    print(f"float64, step {step}: off by {in_64[at(step)]:.0e}")

# %%
# A tenth of the step leaves a hundredth of the error, because these steps
# are so large that the loss bends between the two places.
#
# With tiny steps something else goes wrong: both losses are rounded, and
# their difference is divided by a tiny number. Those errors depend on your
# processor, so only the figure shows them.

# %%
# Two valleys
# -----------

fig, ax = plt.subplots(figsize=(4.6, 3.6), layout="constrained")
for kind, style in ((np.float64, ".-"), (np.float32, ".--")):
    ax.loglog(steps, errors[kind], style, color=PURPLE, lw=1.5, ms=7)
ax.text(3e-9, 3e-9, "float64", color=PURPLE, ha="right")
ax.text(1.5e-7, 5, "float32 (dashed)", color=PURPLE)
ax.set(xlabel="step", ylabel="relative error", ylim=(1e-11, 100))
ax.set(xticks=[1e-9, 1e-6, 1e-3, 1], yticks=[1e-10, 1e-7, 1e-4, 0.1])
ax.minorticks_off()
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Relative error against step, both on log axes. Two curves like a V. "
    "On the right they are one line, which rises. On the left, float64 has "
    "its lowest point near 1e-5, below 1e-8, and float32 near 1e-2, below "
    "1e-3. Left of 1e-5, float32 is off by 100 percent."
)
show()

# %%
# **What to notice.** The best step is near 1e-5 in float64, and there the
# gradient agrees to eight digits. In float32 it is near 1e-2, with three
# digits, whereas a step of 1e-5 is useless: it moves the loss by less than
# the distance between two numbers. So check gradients in float64.

assert in_64[at(1e-5)] < 1e-7
assert in_64.min() < 1e-8
assert 1e-6 < steps[in_64.argmin()] < 1e-3
assert 1e-5 < in_32.min() < 5e-3
assert 1e-3 < steps[in_32.argmin()] < 0.2
assert in_32[at(1e-5)] > 0.3
moved = 2e-5 * np.median(np.abs((directions * gradient).sum(axis=(1, 2))))
assert moved < np.spacing(np.float32(loss(params.W_hh, np.float64)))
assert abs(in_64[at(1e-2)] / in_64[at(1e-3)] - 100) < 1
assert abs(in_32[at(1.0)] / in_64[at(1.0)] - 1) < 0.01
