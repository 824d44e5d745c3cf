r"""
Where do 16, 220 and 99,840 parameters come from?
=================================================

If you can predict how many parameters a layer has, a count that is off
tells you that the layer is not the one you meant. Two sizes are enough,
whatever the length of the text and the size of the batch: a layer of
:math:`I` inputs and :math:`H` hidden units has :math:`gH(I + H + 2)`,
:eq:`parameter-count`, where :math:`g` is 1 for an RNN, 3 for a GRU and 4
for an LSTM.
"""

import matplotlib.pyplot as plt
from matplotlib.patches import Rectangle
from torch import nn

from charseq import LayerShapes
from charseq.plotting import CELL_INK, INK, PALE_BLUE, PALE_ORANGE, show

# %%
# Sixteen
# -------
# Here is each parameter, under PyTorch's names. The 2 in the formula counts
# the two biases.

small = LayerShapes("RNN", input_size=4, hidden_size=2)
for p in small.parameters:
    size = f"{p.shape!s:7} {p.formula:7} {p.count:2}"
    print(f"{p.name:13} {p.symbol:5} {size}")
print(f"{'total':35} {small.parameter_count}")

# %%
# From 220 to 99,840
# ------------------
# Larger layers are counted twice: by the formula, and number by number in
# PyTorch's own layer.

sizes = [("RNN", 4, 2), ("RNN", 10, 10)]
sizes += [(mode, 65, 128) for mode in ("RNN", "GRU", "LSTM")]
counts = {}
for mode, inputs, units in sizes:
    shapes = LayerShapes(mode, inputs, units)
    g = {"RNN": 1, "GRU": 3, "LSTM": 4}[mode]
    count = g * units * (inputs + units + 2)
    product = f"{g} × {units:3} × ({inputs} + {units} + 2)"
    print(f"{shapes.call:14} {product} = {count:6,}")
    layer = getattr(nn, mode)(inputs, units)  # the real one
    real = {name: tuple(p.shape) for name, p in layer.named_parameters()}
    assert {p.name: p.shape for p in shapes.parameters} == real
    assert count == sum(p.numel() for p in layer.parameters())
    assert count == shapes.parameter_count
    counts[shapes.call] = count

# %%
# Drawn to scale
# --------------
# The area of each block says how many numbers it holds.

fig, ax = plt.subplots(figsize=(5.2, 4.3), layout="constrained")
# gid="cell": dark text on a colored cell, also on dark pages
words = {"ha": "center", "va": "center", "fontsize": 12}
words |= {"color": CELL_INK, "gid": "cell"}


def box(left, top, width, color):
    """Draw 128 rows of numbers."""
    edge = {"facecolor": color, "edgecolor": INK}
    ax.add_patch(Rectangle((left, top), width, 128, **edge))


left = 0
for mode, gates in {"RNN": "h", "GRU": "rzn", "LSTM": "ifgo"}.items():
    for block, gate in enumerate(gates):
        top = block * 128
        box(left, top, 65, PALE_ORANGE)
        box(left + 65, top, 128, PALE_BLUE)
        box(left + 193, top, 2, INK)
        ax.text(left + 32, top + 64, f"$W_{{i{gate}}}$", **words)
        ax.text(left + 129, top + 64, f"$W_{{h{gate}}}$", **words)
    head = f"{mode}\n{counts[f'{mode}(65, 128)']:,}"
    ax.text(left, -12, head, va="bottom", weight="bold", linespacing=1.4)
    left += 195 + 60
note = "128 rows a block:\n65 columns read the\ninput, 128 the state;\n"
note += "the thick edge is\nthe two biases"
ax.text(65, 150, note, ha="center", va="top", linespacing=1.5)
ax.set(xlim=(-40, left - 50), ylim=(520, -90), aspect="equal")
title = "65 inputs, 128 units: RNN : GRU : LSTM is 1 : 3 : 4"
ax.set_title(title, loc="left")
ax.axis("off")
fig.set_label(
    "Weights drawn to scale for 65 inputs and 128 units: RNN one block, "
    "24,960 numbers; GRU three blocks, 74,880; LSTM four blocks, 99,840."
)
show()

# %%
# **What to notice.** A GRU has as many weights as three RNN layers, and an
# LSTM as many as four, stacked in each matrix. Because of the term
# :math:`H^2` the count grows fast: 256 units in place of 128 make 3.3 times
# as many numbers here.
#
# A library that keeps one bias counts :math:`gH` fewer, as Keras does in
# its LSTM. For 25 inputs and 100 units it counts 50,400, and PyTorch counts
# 50,800.

assert list(counts.values()) == [16, 220, 24_960, 74_880, 99_840]
batch = LayerShapes("RNN", 4, 2, batch_size=3, length=5)
assert batch.parameter_count == 16  # text and batch do not matter
torch_count = LayerShapes("LSTM", 25, 100).parameter_count
assert torch_count == 50_800 == 50_400 + 4 * 100
larger = LayerShapes("LSTM", 65, 256).parameter_count
assert round(larger / counts["LSTM(65, 128)"], 1) == 3.3
