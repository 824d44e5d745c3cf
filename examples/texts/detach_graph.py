r"""
Why does memory grow with each batch?
=====================================

A state that is handed from batch to batch carries more than its numbers. It
also carries the graph of all operations that it was computed with. Unless
the state is detached, that graph grows with each batch, and so does the
memory. It looks like a leak in PyTorch, but it is one missing word.
"""

import matplotlib.pyplot as plt
import torch

from charseq import CharRNN, Corpus
from charseq.corpus import streams
from charseq.plotting import BLUE, ORANGE

corpus = Corpus.from_text("to be or not to be, that is the question. " * 20)
model = CharRNN(len(corpus.vocab), hidden_size=16, seed=0)
pieces = [torch.from_numpy(x) for x, _ in streams(corpus.ids, 4, 10)][:12]

# %%
# Count what is kept
# ------------------
# Each operation of the forward pass is a node of the graph. The node stays
# in memory as long as a tensor depends on it, and so do the numbers that
# its backward pass needs, until ``backward`` has used them.


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
# With and without the word
# -------------------------

fig, ax = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
batches = range(1, len(pieces) + 1)
ax.plot(batches, counts[False], "o-", color=ORANGE)
ax.plot(batches, counts[True], "o-", color=BLUE)
kept, cut = counts[False][7], counts[True][7]
ax.text(8.2, kept - 90, "state as it is", color=ORANGE, weight="bold")
ax.text(8.2, cut + 25, "state.detach()", color=BLUE, weight="bold")
ax.set(xlabel="batch", ylabel="operations in the graph", ylim=(0, None))
ax.set_title("One word keeps the graph from growing", loc="left")
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Operations in the graph against batches. Without detach the count "
    "rises along a straight line; with detach it stays flat."
)
plt.show()

# %%
# **What to notice.** The state has the same values in both cases; detaching
# only cuts off its past. That is truncated backpropagation through time. It
# is also the cure for the error *Trying to backward through the graph a
# second time*, whose message recommends ``retain_graph=True``: that would
# keep the old graph instead of cutting it off.

assert len(set(counts[True])) == 1
growth = torch.tensor(counts[False]).diff()
assert growth[0] > 0
assert (growth == growth[0]).all()
