r"""
Why does memory grow with each batch?
=====================================

It looks like a leak in PyTorch, but only a call of ``detach`` is missing. A
state that you hand on from batch to batch is more than its numbers: it also
keeps the graph of all operations that it was computed with. Unless you
detach it, this graph grows with each batch, and so does the memory.
"""

import textwrap

import matplotlib.pyplot as plt
import torch

from charseq import CharRNN, Corpus
from charseq.corpus import streams
from charseq.plotting import GRAY, INK, show

corpus = Corpus.from_text("to be or not to be, that is the question. " * 20)
model = CharRNN(len(corpus.vocab), hidden_size=16, seed=0)
pieces = [torch.from_numpy(x) for x, _ in streams(corpus.ids, 4, 10)][:12]

# %%
# Count what is kept
# ------------------
# Each operation of the forward pass is a node of the graph, which stays in
# memory as long as a tensor depends on it. So do the numbers that its
# backward pass needs, until ``backward`` has used them.


def nodes(tensor):
    """Count the operations that a tensor depends on."""
    seen, waiting = set(), [tensor.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            waiting += [parent for parent, _ in node.next_functions]
    return len(seen)


counts = {True: [], False: []}
for detach, sizes in counts.items():
    state = None
    for x in pieces:
        if detach and state is not None:
            state = state.detach()
        _, state = model(x, state)
        sizes.append(nodes(state))
    print("detached:" if detach else "kept:    ", sizes)

# %%
# With and without ``detach``
# ---------------------------

fig, ax = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
batches = range(1, len(pieces) + 1)
ax.plot(batches, counts[False], "o-", color=GRAY)
ax.plot(batches, counts[True], "o-", color=INK)
kept, cut = counts[False][7], counts[True][7]
ax.text(8.2, kept - 90, "state as it is", color=GRAY, weight="bold")
ax.text(8.2, cut + 25, "state.detach()", color=INK, weight="bold")
ax.set(xlabel="batch", ylabel="operations in the graph", ylim=(0, None))
ax.set_title("One call keeps the graph from growing", loc="left")
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Operations in the graph against batches. Without detach the count "
    "rises along a straight line; with detach it stays flat."
)
show()

# %%
# In training it is an error
# --------------------------
# A training loop calls ``backward`` for each batch, and without ``detach``
# it stops at the second one.

state = None
for batch, x in enumerate(pieces[:2], start=1):
    logits, state = model(x, state)
    try:
        logits.sum().backward()
    except RuntimeError as error:
        message = str(error)
        print(f"batch {batch}:", textwrap.fill(message, 66), sep="\n")

# %%
# **What to notice.** The state has the same values in both cases. Detaching
# cuts off its past, which is truncated backpropagation through time, and it
# is also the cure for the error. The message recommends
# ``retain_graph=True``, but that would keep the old graph instead of
# cutting it off.

assert len(set(counts[True])) == 1
growth = torch.tensor(counts[False]).diff()
assert growth[0] > 0
assert (growth == growth[0]).all()
assert batch == 2
assert "backward through the graph a second" in message
