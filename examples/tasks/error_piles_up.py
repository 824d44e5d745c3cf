r"""
How far ahead does a forecast pay?
==================================

A swing that is pushed at random: each value is a sum of the two before it
and a push that nobody can know. A GRU learns to say the next value, and
reads its own answers to look further. How far ahead is that worth more than
a constant?
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from charseq.plotting import GRAY, GREEN, INK, show

A, B, AHEAD, LEARN, SEEDS = 1.7, -0.9, 40, 600, range(3)
torch.set_num_threads(1)
rng = np.random.default_rng(0)
series = np.zeros(1600)
for t in range(2, len(series)):
    series[t] = A * series[t - 1] + B * series[t - 2] + rng.normal()
series = torch.tensor(series / series[:LEARN].std())  # of the learned part
origins = torch.arange(LEARN, 1600 - AHEAD)
truth = series.unfold(0, AHEAD, 1)[origins + 1]  # (origins, AHEAD)

# %%
# A network that knows one step
# -----------------------------
# It reads windows of 20 values, and its answer is the next input.


def train(seed):
    torch.manual_seed(seed)
    gru = nn.GRU(1, 12, batch_first=True, dtype=torch.float64)
    head = nn.Linear(12, 1, dtype=torch.float64)
    adam = torch.optim.Adam([*gru.parameters(), *head.parameters()], 0.02)
    windows = series[:LEARN].unfold(0, 21, 1)[..., None]
    for _ in range(200):
        batch = windows[torch.randint(len(windows), (16,))]
        answer = head(gru(batch[:, :-1])[0])
        loss = ((answer - batch[:, 1:])[:, 5:] ** 2).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    return gru, head


@torch.no_grad()
def forecast(gru, head):
    past = series.unfold(0, 20, 1)[origins - 19][..., None]
    states, state = gru(past)
    answers = [head(states[:, -1:])]
    for _ in range(AHEAD - 1):
        states, state = gru(answers[-1], state)
        answers.append(head(states))
    return torch.cat(answers, dim=1)[..., 0]


def off_by(answer):
    """Return the root of the mean squared error at each distance."""
    return ((answer - truth) ** 2).mean(dim=0).sqrt().numpy()


by_network = [off_by(forecast(*train(seed))) for seed in SEEDS]

# %%
# What nobody can beat, and what everybody can do
# -----------------------------------------------
# Whoever knows the rule, and the two last values, is off by the pushes
# alone. The constant is the mean of the learned part.

rule, known = [], [series[origins - 1], series[origins]]
for _ in range(AHEAD):
    known.append(A * known[-1] + B * known[-2])
by_rule = off_by(torch.stack(known[2:], dim=1))
constant = off_by(series[:LEARN].mean().expand_as(truth))
last = off_by(series[origins][:, None].expand_as(truth))
for k in (1, 5, 20, 40):
    network = np.mean(by_network, axis=0)[k - 1]
    print(
        f"{k:2} ahead: rule {by_rule[k - 1]:.3f}, network {network:.3f}, "
        f"constant {constant[k - 1]:.3f}, last value {last[k - 1]:.3f}"
    )

# %%
# The figure
# ----------

fig, ax = plt.subplots(figsize=(5.2, 3.0), layout="constrained")
ahead = range(1, AHEAD + 1)
for network in by_network:
    ax.plot(ahead, network, color=GREEN, lw=1.5)
ax.plot(ahead, by_rule, ":", color=INK, lw=2)
ax.plot(ahead, constant, color=INK)
ax.plot(ahead, last, color=GRAY)
ax.text(41, by_network[0][-1] + 0.1, "networks", color=GREEN, va="center")
ax.text(41, by_rule[-1] - 0.13, "the rule", color=INK, va="center")
ax.text(1, constant[0] + 0.05, "constant", color=INK)
ax.text(13, 1.75, "last value", color=GRAY)
ax.set(xlabel="steps ahead", ylabel="off by", xlim=(0, 50), ylim=(0, 2.1))
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Error against 1 to 40 steps ahead. That of the last value swings up "
    "and down above the rest. Those of three networks and of the rule "
    "start low, rise together, and flatten at the line of the constant."
)
show()

# %%
# **What to notice.** The networks are nearly as good as the rule itself,
# and it doesn't help them far ahead: every step brings a push that nobody
# knew, the pushes add up, and after some twenty steps the best answer is
# the constant. The last value again is good for a step or two and then
# worse than knowing nothing. A season that comes back exactly, as in
# :doc:`/learn/forecast`, can be known for years; a swing can't.

assert max(network[0] for network in by_network) < 1.3 * by_rule[0]
assert by_rule[0] < 0.4 * constant[0]
assert by_rule[-1] > 0.9 * constant[-1]
assert max(last) > 1.3 * max(constant)
