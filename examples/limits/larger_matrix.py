r"""
How much more does a larger matrix hold?
========================================

A matrix of :math:`K` rows and columns keeps pairs of a key and a value: it
adds the product of each pair, and is read by a key. Does a matrix with
twice as many rows and columns, four times as many numbers, hold twice as
many pairs, or four times as many?

Nothing is trained. Keys and values are directions at random, and a reading
is answered by the value that it is most similar to.
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq.plotting import BLUE, GRAY, show

# %%
# Write, then read
# ----------------
# All products of a line are one product of two matrices, values times keys.
# The error of a reading is what the other keys brought along: each adds its
# value, times a cosine whose square is :math:`1 / K` on average, so
# :math:`N` pairs should leave a squared error of :math:`(N - 1) / K`.


def directions(rng, *shape):
    x = rng.normal(size=shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def read_all(pairs, K, lines=200):
    """Return the share of keys that find their value, and the error."""
    rng = np.random.default_rng(0)
    keys, values = directions(rng, 2, lines, pairs, K)
    S = values.mT @ keys  # (lines, K, K), the sum of v times k
    found = keys @ S.mT  # (lines, pairs, K)
    named = (found @ values.mT).argmax(axis=2)
    error = ((found - values) ** 2).sum(axis=2).mean()
    return (named == np.arange(pairs)).mean(), error


shares, errors = {}, {}
for K in (8, 16, 32):
    for pairs in range(2, 73):
        shares[K, pairs], errors[K, pairs] = read_all(pairs, K)
    print(f"{K:2} by {K:2}, {K:2} pairs: {shares[K, K]:.3f} find theirs")

# %%
# The figure
# ----------

fig, ax = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
ax.axhline(0.9, color=GRAY, lw=1, linestyle=(0, (4, 3)))
full = {}
lines = {8: (GRAY, "-"), 16: (BLUE, "--"), 32: (BLUE, "-")}
for K, (color, line) in lines.items():
    x = [pairs for width, pairs in shares if width == K]
    y = [shares[K, pairs] for pairs in x]
    ax.plot(x, y, line, color=color)
    full[K] = max(n for n, share in zip(x, y, strict=True) if share >= 0.9)
    ax.plot(full[K], shares[K, full[K]], "o", color=color)
    label = f"{K} by {K}: {full[K]}"
    ax.text(full[K] + 1, 0.91, label, color=color, va="bottom")
ax.set(xlabel="pairs in the line", ylabel="share of keys that find theirs")
ax.set(ylim=(0, 1.05), xlim=(0, 73))
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Share of keys that find their value against the pairs of the line, up "
    "to 72, for three matrices. All fall from 1. A dashed line at 0.9 is "
    "crossed at 5 pairs by 8 by 8, at 16 by 16 by 16 and at 51 by 32 by 32."
)
show()

# %%
# **What to notice.** There is no last pair at which a matrix is full: each
# one more makes all others a little less certain. With nine of ten as the
# mark, twice the side holds about three times as many pairs here; toward
# the sizes in use, 64 and 128, that grows to nearly four times, as the
# number of entries does. The errors are those of the formula, so a wider
# matrix has to be better for two reasons: its keys are less alike, and its
# values are easier to tell apart, which the formula doesn't count. A cache
# of the same pairs would be read without any error and grow by :math:`2K`
# numbers a pair.

expected = [(pairs - 1) / K for K, pairs in errors]
assert np.allclose([*errors.values()], expected, rtol=0.15, atol=0)
assert full == {8: 5, 16: 16, 32: 51}
assert errors[8, 9] > 0.95  # nine pairs: as large as a value
