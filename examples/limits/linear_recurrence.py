r"""
How many steps must wait for each other?
========================================

A recurrent layer has to wait at every step for the state before it, however
many processors there are. A linear recurrence, :eq:`linear-recurrence`,
need not: a parallel scan, :eq:`parallel-scan`, joins its steps before the
state is known, and gives the same states. Mamba and its relatives are built
on that (:doc:`/learn/after-rnns`). How long is the longest chain of
operations in which each needs the result of the one before?
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq.plotting import GRAY, INK, show
from charseq.reference import linear_recurrence, parallel_scan

# %%
# Numbers that know how long they waited
# --------------------------------------
# A ``Link`` is a number that also knows how many products and sums had to
# be made one after the other to get it. Because NumPy calculates with such
# objects, too, the functions of the library can be measured as they are.


class Link:
    def __init__(self, value, waited=0):
        self.value, self.waited = value, waited

    def __mul__(self, other):
        later = max(self.waited, other.waited) + 1
        return Link(self.value * other.value, later)

    def __add__(self, other):
        later = max(self.waited, other.waited) + 1
        return Link(self.value + other.value, later)


links = np.vectorize(Link, otypes=[object])
values = np.vectorize(lambda link: link.value, otypes=[float])
chains = np.vectorize(lambda link: link.waited, otypes=[int])


def measure(T):
    """Return the longest chain of the loop and that of the scan."""
    rng = np.random.default_rng(T)
    a, b = links(rng.uniform(size=(2, 1, T, 1)))
    h = links(rng.normal(size=(1, 1)))
    loop = linear_recurrence(a, b, h)
    a_joined, b_joined = parallel_scan(a, b)
    scan = a_joined * h + b_joined
    assert np.allclose(values(loop), values(scan), rtol=0, atol=1e-12)
    return chains(loop).max(), chains(scan).max()


# %%
# From one step to four thousand
# ------------------------------

lengths = np.unique(np.geomspace(1, 4096, 40).astype(int))
loop, scan = np.array([measure(T) for T in lengths]).T
for T in (10, 100, 1000):
    print("T = {:4}: loop {:4}, scan {:2}".format(T, *measure(T)))

fig, ax = plt.subplots(figsize=(4.6, 3.2), layout="constrained")
ax.loglog(lengths, loop, "o-", color=GRAY, ms=3)
ax.loglog(lengths, scan, "o-", color=INK, ms=3)
ax.text(250, 1200, "loop", color=GRAY, ha="right")
ax.text(1000, 55, "scan", color=INK, ha="center")
ax.set(xlabel="steps, $T$", ylabel="longest chain of operations")
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Longest chain of operations against the number of steps, 1 to 4096, "
    "on log axes. The loop rises in a straight line to 8192. The scan "
    "bends and ends below 50."
)
show()

# %%
# **What to notice.** The loop makes a product and a sum at each step, a
# chain of :math:`2T` operations. That of the scan grows by four each time
# the text is twice as long: two more joins, each a product and a sum. A
# last product and sum apply the joined step to the first state, and so the
# chain is never longer than :math:`4 \log_2 T + 2`.

assert np.array_equal(loop, 2 * lengths)
assert all(scan <= 4 * np.log2(lengths) + 2)
assert measure(2048)[1] - measure(1024)[1] == 4
assert scan[-1] < 50
