r"""
How many pairs does a matrix hold?
==================================

A matrix state, :eq:`matrix-state`, adds a value under its key. The delta
rule, :eq:`delta-state`, looks up what is stored under the key, and writes
only the difference (:doc:`/learn/matrix-state`). Store pairs whose keys are
random directions, ask for all of them, and count the error of what is
read. How many pairs can each of the two hold?
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq.plotting import GRAY, INK, show
from charseq.reference import delta_state, matrix_state

K, DRAWS = 16, 300  # columns of the state, and how often all is drawn

# %%
# What both should do
# -------------------
# Values are drawn with mean 0 and variance 1. Two random directions have
# a squared cosine of 1/K on average. So each other pair adds 1/K to the
# squared error of the sum, whether it is older or newer.
#
# With the delta rule and a rate of 1, a write takes out of the state what
# lies along its key. Of a vector that any key is asked for, it leaves a
# square of ``c = 1 - 1/K`` on average. Hence a pair with n later writes
# has lost its own value by ``own`` and reads 1 - c**n of theirs. What is
# left of older pairs had no part along its key when it was written, and
# has got one since, from the later writes.


def of_the_sum(N):
    """Return the expected squared error of every pair."""
    return np.full(N, (N - 1) / K)


def of_the_delta_rule(N):
    """Return the expected squared error by age, the latest pair first."""
    c, along, errors = 1 - 1 / K, 1.0, []
    for n in range(N):  # later writes; N - 1 - n pairs are older
        own = along - 2 * c**n + 1  # along: mean square of k' P k
        later = 1 - c**n
        older = (c**n - along) * (1 - c ** (N - 1 - n))
        errors.append(own + later + older)
        along *= 1 - 2 / K + 2 / (K * (K + 2))
        along += c**n / (K * (K + 2))
    return np.array(errors)


# %%
# What both do
# ------------


def measure(N, rng):
    """Return the mean squared errors by age, of the sum and the rule."""
    k = rng.normal(size=(DRAWS, N, K))
    k /= np.linalg.norm(k, axis=2, keepdims=True)
    v = rng.normal(size=(DRAWS, N, 1))
    ones, nothing = np.ones((DRAWS, N)), np.zeros((DRAWS, 1, K))
    _, summed = matrix_state(k, k, v, ones, nothing)
    _, mended = delta_state(k, k, v, ones, ones, nothing)
    return [
        ((k @ S.swapaxes(1, 2) - v) ** 2).mean(axis=(0, 2))[::-1]
        for S in (summed, mended)
    ]


rng = np.random.default_rng(0)
counts = np.array([1, 2, 4, 8, 12, 16, 24, 32, 48, 64])
errors = {N: measure(N, rng) for N in counts}
measured = np.array(
    [[by_age.mean() for by_age in errors[N]] for N in counts]
)
promised = np.array(
    [
        [by_age.mean() for by_age in (of_the_sum(N), of_the_delta_rule(N))]
        for N in counts
    ]
)
print("pairs     sum  formula   delta  formula")
for N, ours, theirs in zip(counts, measured, promised, strict=False):
    print(
        f"{N:5} {ours[0]:7.3f}  {theirs[0]:7.3f} "
        f"{ours[1]:7.3f}  {theirs[1]:7.3f}"
    )

fig, ax = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
for place, (name, color, x, y) in enumerate(
    (("sum", GRAY, 48, 3.3), ("delta rule", INK, 44, 1.6))
):
    ax.plot(counts, promised[:, place], color=color)
    ax.plot(counts, measured[:, place], "o", color=color, ms=5)
    ax.text(x, y, name, color=color, ha="right")
ax.axhline(1, color=GRAY, ls=":")
ax.text(64, 0.78, "always answer 0", color=GRAY, ha="right", size=9)
ax.set(xlabel=f"pairs stored in {K} columns", ylabel="mean squared error")
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Mean squared error of all stored pairs against their number, 1 to 64. "
    "The sum is a straight line that passes 1 at 17 pairs and ends near 4. "
    "The delta rule rises more slowly and bends below 2. Dots lie on lines."
)
show()

# %%
# **What to notice.** Lines are the formulas, and dots were measured. The
# sum passes the error of whoever always answers 0 as soon as there is one
# pair more than columns, and has no bound. That of the delta rule stays
# below 2, because it forgets: of 64 pairs it still reads the latest ten
# better than nobody, and the last one without error.

assert np.allclose(measured, promised, rtol=0.1, atol=1e-12)
assert promised[counts == 16, 0] < 1
assert of_the_sum(17)[0] == 1
assert promised[:, 1].max() < 2
assert errors[64][1][0] < 1e-12
assert (errors[64][1][:10] < 1).all()
assert (errors[64][1][14:] > 1).all()
