r"""
Why is the loss of larger tokens higher, and the network better?
================================================================

One GRU reads a novel as characters, as pieces after 30 and after 150
merges of byte-pair encoding. All else is equal, and each update reads as
many characters. The loss that a program prints is a mean over tokens, and
its order of the three is the wrong one.
"""

import re
from collections import Counter
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from charseq import load_text
from charseq.plotting import GRAY, INK, show

novel = load_text("pride-train")
learned, held_back = novel[:60_000], novel[-15_000:]
H, E, ROWS, UPDATES = 32, 16, 32, 100
torch.set_num_threads(1)

# %%
# Byte-pair encoding, the slow way
# --------------------------------
# All pairs are counted anew for each merge. The chapter :doc:`/learn/words`
# counts only what has changed, and finds the same merges.


def split(text):
    return re.findall(r" ?[A-Za-z]+|[^A-Za-z]", text)


def join(pieces, pair):
    joined = []
    for piece in pieces:
        if joined and (joined[-1], piece) == pair:
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined


def learn_merges(text, most):
    words = Counter(split(text))
    cut = {word: list(word) for word in words}
    merges = []
    for _ in range(most):
        pairs = Counter()
        for word, pieces in cut.items():
            for pair in pairwise(pieces):
                pairs[pair] += words[word]
        merges.append(max(pairs, key=pairs.get))
        for word, pieces in cut.items():
            if "".join(merges[-1]) in word:
                cut[word] = join(pieces, merges[-1])
    return merges


def encode(text, merges):
    cut = {word: list(word) for word in split(text)}
    for word in cut:
        for pair in merges:
            if "".join(pair) in word:
                cut[word] = join(cut[word], pair)
    return [piece for word in split(text) for piece in cut[word]]


pairs = learn_merges(learned, 150)
print("|".join(encode(held_back[:70].replace("\n", " "), pairs)))

# %%
# The same GRU on each
# --------------------
# 32 rows of the novel are read side by side, in 100 updates. The more
# characters a token has, the fewer steps an update takes.


def nats(merges):
    """Return the held-back loss per token, and tokens per character."""
    texts = [encode(text, merges) for text in (learned, held_back)]
    tokens = sorted({*novel, *map("".join, merges)})
    place = {token: k for k, token in enumerate(tokens)}
    ids, new = (torch.tensor([place[t] for t in text]) for text in texts)
    torch.manual_seed(0)
    table = nn.Embedding(len(tokens), E).double()
    gru = nn.GRU(E, H, batch_first=True).double()
    head = nn.Linear(H, len(tokens)).double()
    net = nn.ModuleList([table, gru, head])
    adam = torch.optim.Adam(net.parameters(), lr=0.015)
    n = (len(ids) - 1) // ROWS
    rows = ids[: n * ROWS + 1].unfold(0, n + 1, n)  # (ROWS, n + 1)
    ends = np.linspace(0, n, UPDATES + 1).astype(int)
    state = None
    for begin, end in pairwise(ends):
        h, state = gru(table(rows[:, begin:end]), state)
        state = state.detach()
        targets = rows[:, begin + 1 : end + 1]
        loss = cross_entropy(head(h).mT, targets)
        adam.zero_grad()
        loss.backward()
        adam.step()
    with torch.no_grad():
        h, _ = gru(table(new[None, :-1]))
        loss = cross_entropy(head(h[0]), new[1:]).item()
    return loss, len(new) / len(held_back)


results = {count: nats(pairs[:count]) for count in (0, 30, 150)}
per_token = np.array([loss for loss, _ in results.values()])
bits = np.array([loss * share for loss, share in results.values()])
bits /= np.log(2)
for k, count in enumerate(results):
    print(f"{count:3} merges: {per_token[k]:.3f} nats per token", end=", ")
    print(f"{bits[k]:.3f} bits per character")

# %%
fig, axes = plt.subplots(1, 2, figsize=(5.6, 2.4), layout="constrained")
for ax, values, name, color in zip(
    axes,
    (per_token, bits),
    ("nats per token", "bits per character"),
    (GRAY, INK),
    strict=True,
):
    ax.plot(range(3), values, "o-", color=color)
    for x, value in enumerate(values):
        ax.annotate(f"{value:.2f}", (x, value), (0, 7), ha="center",
                    textcoords="offset points", color=INK)  # fmt: skip
    ax.set_xticks(range(3), results)
    ax.set(xlabel="merges", title=name, xlim=(-0.4, 2.4))
    ax.margins(y=0.25)
    ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Two panels against 0, 30 and 150 merges. The nats per token rise, and "
    "the bits per character fall."
)
show()

# %%
# **What to notice.** The loss per token says that characters are best, the
# bits per character that they are worst, with this seed and with four
# others. A token of two characters may cost more than one of them and still
# be the better bargain: multiply by the tokens, divide by the characters,
# then compare.

assert (np.diff(per_token) > 0.1).all()
assert (np.diff(bits) < -0.02).all()
