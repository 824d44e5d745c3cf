r"""
How far back does the gradient reach?
=====================================

A network learns from a character only if the gradient survives the way back
to it. Each step back multiplies by one Jacobian, :eq:`bptt-jacobian`: by
:math:`W_{hh}` and by the slopes of tanh. What do fifty such factors leave?
Here only the *spectral radius* :math:`\rho` of :math:`W_{hh}` changes, the
magnitude of its largest eigenvalue.
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq import RNNParams, rnn_forward
from charseq.plotting import GRAY, PURPLE, show

H, T = 64, 50  # units, and random characters that are read

# %%
# One matrix, three strengths
# ---------------------------
# An orthogonal matrix keeps the length of every vector. Times :math:`\rho`
# it makes each :math:`\rho` times as long, so without tanh, :math:`\rho^n`
# would be left after :math:`n` steps. A blame of length 1 starts at the
# last state and goes back to the start.


def sizes_back(radius, seed):
    """Return the size of the blame after 0, 1, ..., T steps back."""
    rng = np.random.default_rng(seed)
    orthogonal = np.linalg.qr(rng.normal(size=(H, H)))[0]
    params = RNNParams.random(10, H, rng)._replace(W_hh=radius * orthogonal)
    x = np.eye(10)[rng.integers(0, 10, (1, T))]  # (1, T, V)
    states, _ = rnn_forward(x, np.zeros((1, H)), params)
    blame, sizes = np.ones(H) / np.sqrt(H), [1.0]
    for h in states[0, ::-1]:
        blame = params.W_hh.T @ ((1 - h**2) * blame)
        sizes.append(np.linalg.norm(blame))
    return np.array(sizes)


# %%
# Three networks for each radius
# ------------------------------

radii = (0.5, 1.0, 1.5)
sizes = {
    radius: np.array([sizes_back(radius, seed) for seed in range(3)])
    for radius in radii
}
for radius in radii:
    left = " ".join(f"{size:.0e}" for size in sizes[radius][:, -1])
    print(f"radius {radius}: {left}, without tanh {radius**T:.0e}")

fig, ax = plt.subplots(figsize=(4.6, 3.6), layout="constrained")
steps = np.arange(T + 1)
for radius in radii:
    line = {"color": GRAY, "linestyle": (0, (4, 3)), "lw": 1}
    ax.semilogy(steps, radius**steps, **line)
    for one in sizes[radius]:
        ax.semilogy(steps, one, color=PURPLE, lw=1.5)
for step in range(0, T + 1, 2):  # on the site, these dots appear in turn
    first = [sizes[radius][0, step] for radius in radii]
    dots = ax.scatter([step] * 3, first, s=16, color=PURPLE)
    dots.set_gid(f"appears-{step}")
ax.text(26, 3e-6, r"$\rho = 0.5$", color=PURPLE)
ax.text(36, 3e-4, r"$\rho = 1$", color=PURPLE)
ax.text(36, 150, r"$\rho = 1.5$", color=PURPLE)
ax.text(17, 3e6, "dashed: without tanh", color=GRAY, ha="center")
ax.set(xlabel="steps back", ylabel="size of the blame", xlim=(0, T))
ax.set(yticks=[1e-15, 1e-10, 1e-5, 1, 1e5], ylim=(1e-16, 1e10))
ax.minorticks_off()
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Size of the blame on a log axis against steps back, with dots that "
    "appear one after the other, from step 0 back to step 50. At radius "
    "0.5 it falls in a straight line to below 1e-15. At radius 1 it falls "
    "slowly to about 0.1. At radius 1.5 it rises to below 100, and the "
    "dashed line without tanh to 1e9."
)
show()

# %%
# The dots on one curve of each radius appear in the order in which
# backpropagation computes them: from the last character back to the first.
#
# **What to notice.** A straight line on a log axis means that each step
# multiplies by the same factor. At :math:`\rho = 0.5` the first of 50
# characters teaches the network nothing. At 1 up to a tenth arrives: with
# forty other seeds it was between 0.01 and 0.1. At 1.5 the gradient grows,
# but far less than without tanh, because large weights push the states to
# where tanh is flat.

assert sizes[0.5][:, -1].max() < 1e-12
assert 1e-3 < sizes[1.0][:, -1].min() < sizes[1.0][:, -1].max() < 1
assert 1 < sizes[1.5][:, -1].min() < sizes[1.5][:, -1].max() < 1e-4 * 1.5**T
