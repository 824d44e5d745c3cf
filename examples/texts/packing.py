r"""
What does padding cost, and what does it change?
================================================

Texts have different lengths, and a batch is a rectangle. *Padded* rows are
padded to the longest, which costs work, and the layer reads the padding as
if it were text. A *packed* batch has only the real letters, so a text that
has ended takes no part in later steps. How much work does that save, and do
both ways end in the right state?
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence, pad_sequence

from charseq.plotting import GRAY, INK, show

B, V, H = 32, 10, 8
rng = np.random.default_rng(0)
lengths = rng.integers(2, 41, size=B)
texts = [
    torch.from_numpy(np.eye(V)[rng.integers(1, V, size=n)]) for n in lengths
]  # one-hot letters, (T, V) each; letter 0 is left for the padding

# %%
# Three ways to read, and what each one costs
# -------------------------------------------
# A loop calls ``RNNCell``, one step for all rows that take part. Calls must
# wait for each other. A row of a call is one vector times the weights.

torch.manual_seed(0)
cell = nn.RNNCell(V, H).double()
calls, rows = {}, {}


def read(inputs, way):
    """Read a list of inputs, one per step; later ones may be shorter."""
    state = torch.zeros(len(inputs[0]), H).double()
    for x in inputs:  # (n, V)
        new = cell(x, state[: len(x)])  # only the first n rows go on
        state = torch.cat([new, state[len(x) :]])
        calls[way] = calls.get(way, 0) + 1
        rows[way] = rows.get(way, 0) + len(x)
    return state  # (B, H)


letter_0 = torch.eye(V).double()[0]
filled = pad_sequence(texts, batch_first=True)  # (B, T, V), zeros
filled[filled.sum(dim=2) == 0] = letter_0  # the padding is letter 0
packed = pack_sequence(texts, enforce_sorted=False)
steps = packed.data.split(packed.batch_sizes.tolist())  # one per step
with torch.no_grad():
    alone = torch.cat([read(text[:, None], "one by one") for text in texts])
    at_end = read(filled.unbind(dim=1), "padded")
    unpacked = read(steps, "packed")[packed.unsorted_indices]
for way in calls:
    print(f"{way}: {calls[way]} calls, {rows[way]} rows")

# %%
# Do they find the same last states?
# ----------------------------------
# The distance is the largest difference of any unit from the state that
# reading the text alone leaves.

distance = {
    "padded": (at_end - alone).abs().amax(dim=1),  # (B,)
    "packed": (unpacked - alone).abs().amax(dim=1),
}
for way, far in distance.items():
    print(f"{way}: largest distance {far.max():.3f}")

# %%
# The work and the error
# ----------------------

fig, axes = plt.subplots(3, 1, figsize=(4.8, 5.6), layout="constrained")
colors = {"one by one": GRAY, "padded": GRAY, "packed": INK}
for ax, counts, title in (
    (axes[0], calls, "calls, one after the other"),
    (axes[1], rows, "rows that are multiplied with the weights"),
):
    for y, (way, count) in enumerate(counts.items()):
        ax.barh(y, count, color=colors[way])
        ax.text(count, y, f" {count}", va="center")
    ax.set_yticks(range(3), list(counts))
    ax.invert_yaxis()
    ax.set_title(title, loc="left", fontsize=11)
    ax.set(xlim=(0, 1.15 * max(counts.values())), xticks=[])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
for way, far in distance.items():
    axes[2].plot(lengths, far, "o", color=colors[way], ms=5)
axes[2].text(3, 0.06, "packed", color=INK)
axes[2].text(22, distance["padded"].max(), "padded", color=GRAY, va="top")
axes[2].set_title("distance from the right state", loc="left", fontsize=11)
axes[2].set(xlabel="length of the text", xlim=(0, 42))
axes[2].spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Two bar charts and a scatter plot. Read one by one, 32 texts take "
    "many calls. Padded and packed they take as many as the longest text "
    "has letters. Padded, more rows are multiplied than packed or one by "
    "one. The last states of padded texts differ from the right ones, "
    "except for the longest. Those of packed texts do not."
)
show()

# %%
# **What to notice.** Packing has the few calls of a padded batch, and the
# few rows of reading one by one. The state in the last column of a padded
# batch is wrong for all texts but the longest, because it has read the
# padding. That of a packed batch is right for every text.

longest = lengths.max()
assert calls == {
    "one by one": lengths.sum(),
    "padded": longest,
    "packed": longest,
}
assert rows["padded"] == B * longest
assert rows["packed"] == rows["one by one"] == lengths.sum()
assert distance["packed"].max() < 1e-12
assert distance["padded"][lengths == longest].max() < 1e-12
assert distance["padded"][lengths < longest].min() > 0.01
