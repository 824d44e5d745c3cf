r"""
At what length does attention start to cost more than a GRU?
============================================================

.. _from-which-length-on-does-attention-cost-more-than-a-gru:

Attention, :eq:`attention`, has a name for being expensive, because it
compares each character with all that came before it, whereas a GRU does the
same work for each. On a short text it is the cheaper one all the same. At
what length :math:`T` do they cross? Both have :math:`H = 64` numbers per
character, and we count multiplications.
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq.plotting import GRAY, INK, show

# %%
# Two formulas
# ------------
# A matrix of :math:`H` rows and columns takes :math:`H^2` multiplications.
# The GRU has six, :eq:`gru-gates`, and three products with a gate. One head
# of attention has three, for query, key and value. Row :math:`t` of its
# table has :math:`t` scores, together :math:`T (T + 1) / 2`. Each score
# costs :math:`H`, and so does each weighted value.


def gru(T, H):
    return T * (6 * H**2 + 3 * H)


def attention(T, H):
    return 3 * T * H**2 + T * (T + 1) * H


# %%
# Are they right?
# ---------------
# Let both read a short text with numbers that count: a ``Counted`` adds 1
# to a total whenever it is multiplied. (Multiplying by the constant
# :math:`1 / \sqrt{H}` is left out, and so are the functions σ, tanh and
# exp.)


class Counted:
    total = 0

    def __mul__(self, other):
        Counted.total += 1
        return self

    def __add__(self, other):
        return self


def numbers(*shape):
    cells = [Counted() for _ in range(np.prod(shape))]
    return np.array(cells, dtype=object).reshape(shape)


def run_gru(T, H):
    x, h = numbers(T, H), numbers(H)
    W_ih, W_hh = numbers(3, H, H), numbers(3, H, H)
    for t in range(T):
        x_r, _x_z, x_n = (W @ x[t] for W in W_ih)
        h_r, h_z, h_n = (W @ h for W in W_hh)
        n = x_n + x_r * h_n  # here a gate is one of its sums
        h = h_r * n + h_z * h


def run_attention(T, H):
    x, W = numbers(T, H), numbers(3, H, H)
    q, k, v = (x @ part.T for part in W)  # (T, H) each
    for t in range(T):
        weights = k[: t + 1] @ q[t]  # (t + 1,), scores
        weights @ v[: t + 1]  # (H,), the result


for T, H in ((1, 2), (3, 2), (7, 4)):
    for name, run, formula in (
        ("GRU", run_gru, gru),
        ("attention", run_attention, attention),
    ):
        Counted.total = 0
        run(T, H)
        assert Counted.total == formula(T, H)
        print(f"T = {T}, H = {H}: {name:9} {Counted.total:5}")

# %%
# The crossing
# ------------
# On logarithmic axes, work that grows with the length has slope 1, and work
# that grows with its square has slope 2.

H = 64
lengths = np.arange(1, 10_001)
of_gru, of_attention = gru(lengths, H), attention(lengths, H)
crossing = int(lengths[of_attention > of_gru][0])
print(f"H = {H}: attention multiplies more from T = {crossing} on")

fig, ax = plt.subplots(figsize=(4.6, 3.4), layout="constrained")
ax.loglog(lengths, of_gru, color=GRAY, lw=2)
ax.loglog(lengths, of_attention, color=INK, lw=2)
ax.axvline(crossing, color=GRAY, lw=1, linestyle=(0, (4, 3)))
ax.text(crossing * 0.85, 3e9, f"T = {crossing}", color=GRAY, ha="right")
ax.text(1500, 1.2e7, "GRU", color=GRAY)
ax.text(1100, 1.2e9, "attention", color=INK, ha="right")
ax.set(xlabel="characters in the text, $T$", ylabel="multiplications")
ax.set(xlim=(1, 1e4), ylim=(5e3, 1e10))
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Multiplications against the length of the text, 1 to 10,000, on log "
    "axes. Attention starts at half of the GRU, crosses it at 195 "
    "characters, and bends upwards to 26 times as many."
)
show()

# %%
# **What to notice.** The three matrices of attention are cheaper than the
# six of the GRU, until the table of scores overtakes them. Setting the
# formulas equal and dividing by :math:`T H` gives :math:`6H + 3 = 3H + T +
# 1`, so they cross at :math:`T = 3H + 2`: the wider the network, the later.
# But a count is not a time. The GRU has to make its steps one after the
# other, and attention need not.

assert crossing == 3 * H + 3 == 195
assert attention(3 * H + 2, H) == gru(3 * H + 2, H)
assert 26 < attention(10_000, H) / gru(10_000, H) < 27
