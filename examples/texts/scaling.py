r"""
What makes training slow?
=========================

Make a network twice as wide, a batch twice as large, or the pieces of text
twice as long, and each time you pay with something else. Seconds depend on
the machine and on what else it is doing, so this page counts three other
things: multiplications, numbers kept for the backward pass, and operations.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from charseq import CharRNN
from charseq.plotting import GRAY, INK, show

V = 50  # characters, one-hot
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}

# %%
# Three counts of one training step
# ---------------------------------
# PyTorch counts the multiplications. For each tensor that it keeps for the
# backward pass, it calls a *hook*, a function that we write, and it leaves
# a graph with one node per operation.


def count(B, T, H, cell="GRU"):
    """Multiplications, numbers kept and nodes, per character."""
    model = CharRNN(V, H, cell=cell, seed=0).double()
    ids = torch.zeros(B, T, dtype=torch.long)
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    kept = {}

    def keep(tensor):
        memory = tensor.untyped_storage()
        kept[memory.data_ptr()] = memory.nbytes() / 8  # of float64
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t)
    with FlopCounterMode(display=False) as counter, hooks:
        logits, _ = model(ids)  # (B, T, V)
        loss = cross_entropy(logits.flatten(0, 1), ids.flatten())
        loss.backward()
    numbers = sum(n for place, n in kept.items() if place not in weights)
    seen, waiting = set(), [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    products = counter.get_total_flops() / 2  # a product and a sum are two
    return np.array([products, numbers, len(seen)]) / (B * T)


# %%
# What a character should cost
# ----------------------------
# In the forward pass each character meets each weight once. That makes
# :math:`gH(V + H)` multiplications in a layer whose weights have :math:`g`
# blocks (1, 3 or 4), and :math:`VH` in the output layer. In the backward
# pass it meets each weight twice: once for the gradient of the weight, and
# once for the gradient of what the weight was multiplied with. Two
# gradients of the second kind are never needed, that of a one-hot vector
# and that of the zeros before the first character.


def expected(T, H, cell="GRU"):
    """Multiplications of one training step, per character."""
    g = GATES[cell]
    return g * H * (2 * V + 3 * H - H / T) + 3 * V * H


B, T, H = 4, 8, 64
for cell in GATES:
    counted = count(B, T, H, cell)[0]
    exact = counted == expected(T, H, cell)
    print(f"{cell:4} {counted:7,.0f} per character, as expected: {exact}")

# %%
# One variable at a time
# ----------------------
# Multiplications and operations are counted per character, but the numbers
# kept for the whole batch, since all of them are in memory at once. The
# dashed lines have slopes 2, 1 and −1.

times = (1, 2, 4, 8)
grown = {
    "H": np.array([count(B, T, H * n) for n in times]),
    "B": np.array([count(B * n, T, H) for n in times]),
    "T": np.array([count(B, T * n, H) for n in times]),
}
for name in "BT":
    grown[name][:, 1] *= times  # per batch, not per character
growth = {name: costs / costs[0] for name, costs in grown.items()}

panels = (
    ("multiplications\nper character", 2, {"H": "H", "B": "B, T"}),
    ("numbers kept for\nthe backward pass", 1, {"B": "B, T, H"}),
    ("operations\nper character", -1, {"H": "H", "T": "T", "B": "B"}),
)
styles = {"H": "o-", "T": "s--", "B": "^:"}
fig, axes = plt.subplots(1, 3, figsize=(5.8, 3.2), layout="constrained")
for i, (ax, (title, slope, labels)) in enumerate(
    zip(axes, panels, strict=True)
):
    ax.plot(times, np.float_power(times, slope), "--", color=GRAY, lw=1)
    for name, style in styles.items():
        ax.plot(times, growth[name][:, i], style, ms=4, color=INK)
    for name, label in labels.items():
        raised = 1.2 if label == "H" and i == 2 else 1  # off the T
        place, words = growth[name][-1, i] * raised, {"color": INK}
        ax.text(9.5, place, label, va="center", weight="bold", **words)
    ax.set(xscale="log", yscale="log", xlim=(0.8, 20), ylim=(0.1, 80))
    ax.set_xticks(times, [f"×{n}" for n in times])
    ax.set_yticks([1 / 8, 1, 8, 64], ["×⅛", "×1", "×8", "×64"])
    ax.minorticks_off()
    ax.set_title(title, fontsize=10)
    ax.spines[["top", "right"]].set_visible(False)
fig.supxlabel("width H, batch B or length T, times as large", fontsize=10)
fig.set_label(
    "Three panels: how a cost grows as H, B or T grows eight times. "
    "Multiplications per character: H rises to about 39 times, below the "
    "dashed line at 64; B and T stay nearly flat. Numbers kept: all three "
    "rise, about in proportion. Operations per character: B falls to an "
    "eighth, H stays flat, T falls by a seventh."
)
show()

# %%
# The same text in more rows
# --------------------------
# Take 1,024 characters, once in one row and once in 32 rows. A node of the
# graph cannot start before the nodes that it depends on are done. So count
# the nodes of the longest chain in the forward pass, which must be done one
# after the other however many operations a processor does at once.


def longest_chain(rows):
    """Length of the longest chain of operations for 1,024 characters."""
    model = CharRNN(V, H, cell="GRU", seed=0)
    logits, _ = model(torch.zeros(rows, 1024 // rows, dtype=torch.long))
    length, waiting = {None: 0}, [logits.grad_fn]
    # A node's chain is one longer than the longest chain below it.
    while waiting:
        node = waiting[-1]
        below = [parent for parent, _ in node.next_functions]
        missing = [parent for parent in below if parent not in length]
        if missing:
            waiting += missing
        else:
            length[waiting.pop()] = 1 + max(
                map(length.get, below), default=0
            )
    return length[logits.grad_fn]


chains = {rows: longest_chain(rows) for rows in (1, 32)}
for rows, length in chains.items():
    print(f"longest chain with {rows:2} rows: {length:6,} operations")

# %%
# Each character adds ten operations to the chain of its row. A few more
# come once per row, which is why the chain is 31 times shorter with 32
# rows, and not quite 32 times.

# %%
# **What to notice.** The width costs most: doubling it multiplies the work
# by 3.1 the first time and by 3.7 the third time here, and the wider the
# network, the closer this comes to four. A larger batch
# does not change the work per character, and longer pieces hardly do, but
# both take memory in proportion.
#
# Only a larger batch shortens the wait, because rows are read side by side
# and time steps one after the other. Its price, which this page does not
# show, is fewer updates for the same text.

for cell in GATES:
    assert count(B, T, H, cell)[0] == expected(T, H, cell)
for n in times:
    assert count(B, T, H * n)[0] == expected(T, H * n)
work, kept, nodes = np.moveaxis([growth[name] for name in "HBT"], 2, 0)
assert (np.diff(work[0, 1:] / work[0, :-1]) > 0).all()
assert f"{work[0, 1]:.1f} {work[0, 3] / work[0, 2]:.1f}" == "3.1 3.7"
assert round(work[0, 3]) == 39
assert work[1:].max() < 1.03
assert np.allclose(kept[1:], times, rtol=0.01)
slopes = np.diff(kept[0]) / np.diff(times)
assert np.allclose(slopes, slopes[0])
assert np.allclose(nodes[1], np.reciprocal(times, dtype=float))
assert (nodes[0] == 1).all()
assert nodes[2].min() > 0.8
assert chains[1] > 25 * chains[32]
