r"""
What makes training slow?
=========================

A network twice as wide, a batch twice as large, pieces twice as long: you
wait longer for each, but they cost different things. Seconds depend on the
machine and on what else it does, so this page counts instead:
multiplications, numbers kept for the way back, and operations that have to
wait for each other.
"""

import sys
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from charseq import CharRNN
from charseq.plotting import BLUE, GREEN, GREY, ORANGE

V = 50  # characters, one-hot
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}

# %%
# Three counts of one training step
# ---------------------------------
# Torch counts the multiplications by itself, shows a hook each tensor that
# it keeps for the way back, and leaves a graph with a node an operation.


def count(B, T, H, cell="GRU"):
    """Multiplications, numbers kept and nodes of one step, a character."""
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
# On the way there each character meets each weight once: :math:`gH(V + H)`
# in a layer of :math:`g` gates, :math:`VH` in the output layer. On the way
# back twice, once for the gradient of the weight and once for that of what
# it was multiplied with; but nobody wants the gradient of a one-hot vector,
# nor that of the zeros before the first character.


def expected(T, H, cell="GRU"):
    """Multiplications of one training step, a character."""
    g = GATES[cell]
    return g * H * (2 * V + 3 * H - H / T) + 3 * V * H


B, T, H = 4, 8, 64
for cell in GATES:
    counted = count(B, T, H, cell)[0]
    exact = counted == expected(T, H, cell)
    print(f"{cell:4} {counted:7,.0f} a character, as expected: {exact}")

# %%
# One variable at a time
# ----------------------
# Work and waiting are counted for each character that is read; what is kept
# is kept for all of a batch at once. Dashed lines have slopes 2, 1 and −1.

times = (1, 2, 4, 8)
grown = {
    "H": np.array([count(B, T, H * n) for n in times]),
    "B": np.array([count(B * n, T, H) for n in times]),
    "T": np.array([count(B, T * n, H) for n in times]),
}
for name in "BT":
    grown[name][:, 1] *= times  # a batch has so many more characters
growth = {name: costs / costs[0] for name, costs in grown.items()}

panels = (
    ("multiplications\na character", 2, {"H": "H", "B": "B, T"}),
    ("numbers kept\nfor the way back", 1, {"B": "B, T, H"}),
    ("steps in a row,\na character", -1, {"H": "H", "T": "T", "B": "B"}),
)
colors = {"H": ORANGE, "T": GREEN, "B": BLUE}
fig, axes = plt.subplots(1, 3, figsize=(5.8, 3.2), layout="constrained")
for i, (ax, (title, slope, labels)) in enumerate(
    zip(axes, panels, strict=True)
):
    ax.plot(times, np.float_power(times, slope), "--", color=GREY, lw=1)
    for name, color in colors.items():
        ax.plot(times, growth[name][:, i], "o-", ms=4, color=color)
    for name, label in labels.items():
        raised = 1.2 if label == "H" and i == 2 else 1  # off the T
        place, words = growth[name][-1, i] * raised, {"color": colors[name]}
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
    "Multiplications a character: H rises to nearly 64 times, B and T stay "
    "flat. Numbers kept: all three rise, about in proportion. Steps in a "
    "row, a character: B falls to an eighth, H and T stay nearly flat."
)
plt.show()

# %%
# And in seconds?
# ---------------
# The same 1,024 characters in one row and in 32 rows: the same number of
# multiplications, in 1,024 steps or in 32. Seconds are other numbers at
# each run, so the page leaves them out. Run the script as
# ``python scaling.py --seconds`` to see yours, or print ``seconds`` in the
# notebook.

model = CharRNN(V, H, cell="GRU", seed=0)
seconds = {}
for rows in (1, 32):
    ids = torch.zeros(rows, 1024 // rows, dtype=torch.long)
    runs = []
    for _ in range(3):
        start = perf_counter()
        model(ids)[0].sum().backward()
        runs.append(perf_counter() - start)
    seconds[rows] = min(runs)
if "--seconds" in sys.argv:
    print({rows: f"{value:.3f} s" for rows, value in seconds.items()})
print("32 rows are more than twice as fast:", seconds[1] > 2 * seconds[32])

# %%
# **What to notice.** Width is what the work depends on: a network twice as
# wide has close to four times as much to do. Batch and length leave the
# work of a character as it is, and both take memory in proportion. But only
# a larger batch shortens the wait: rows go side by side, and time steps
# cannot. What a batch costs is not seen here: fewer updates for the same
# text.

for cell in GATES:
    assert count(B, T, H, cell)[0] == expected(T, H, cell)
for n in times:
    assert count(B, T, H * n)[0] == expected(T, H * n)
work, kept, nodes = np.moveaxis([growth[name] for name in "HBT"], 2, 0)
assert 3.5 < work[0, 3] / work[0, 2] < 4
assert work[1:].max() < 1.03
assert np.allclose(kept[1:], times, rtol=0.01)
slopes = np.diff(kept[0]) / np.diff(times)
assert np.allclose(slopes, slopes[0])
assert np.allclose(nodes[1], np.reciprocal(times, dtype=float))
assert (nodes[0] == 1).all()
assert nodes[2].min() > 0.8
assert seconds[1] > 2 * seconds[32]
