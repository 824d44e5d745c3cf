r"""
Is an embedding more than a one-hot product?
============================================

One tutorial feeds one-hot vectors to the network, and the next one uses an
embedding, with which today's language models begin, too. Both compute the
same: a matrix times a vector with a single 1 is a column of the matrix, and
an embedding looks this column up. But you choose how many numbers it has
for each character, and with two, you can look at what the network has
learned.
"""

import re

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch.nn.functional import cross_entropy

from charseq import (
    CharRNN,
    Corpus,
    Run,
    Settings,
    language_model_steps,
    load_text,
)
from charseq.corpus import streams
from charseq.plotting import GRAY, INK, show

text = load_text("python-reference").lower()
text = " ".join(re.findall("[a-z]+", text))[:100_000]  # letters and spaces
corpus = Corpus.from_text(text)
V, E, H = len(corpus.vocab), 2, 32

# %%
# The same logits
# ---------------
# The first network looks each character up in a table of shape (V, E) and
# multiplies the row by :math:`W_{ih}`, here of shape (H, E). Multiply the
# two matrices once, and a network that reads one-hot vectors can use the
# product as its :math:`W_{ih}`, :eq:`rnn-step`.

looks_up = CharRNN(V, H, embedding_size=E, seed=0).double()
one_hot = CharRNN(V, H, seed=0).double()
weights = looks_up.state_dict()
table = weights.pop("embedding.weight")  # (V, E)
narrow = weights["rnn.weight_ih_l0"]  # (H, E)
weights["rnn.weight_ih_l0"] = narrow @ table.T  # (H, E) @ (E, V)
one_hot.load_state_dict(weights)

x, y = (torch.from_numpy(part) for part in next(streams(corpus.ids, 8, 16)))
logits = {}
for name, model in (("one-hot", one_hot), ("looked up", looks_up)):
    logits[name], _ = model(x)  # (B, T, V)
    cross_entropy(logits[name].flatten(0, 1), y.flatten()).backward()
    size = sum(p.numel() for p in model.parameters())
    size -= sum(p.numel() for p in model.head.parameters())
    print(f"{name:9}  {size:4} parameters below the output layer")
difference = (logits["one-hot"] - logits["looked up"]).abs().max().item()
print("the logits agree:", difference < 1e-12)

# %%
# The same gradient
# -----------------
# What the two networks share gets the same gradient in both. The table and
# the narrow matrix are the two factors of the wide matrix, so each gets the
# gradient of the wide matrix times the other factor.

wide = one_hot.rnn.weight_ih_l0.grad  # (H, V)
pairs = {
    "hidden to hidden": (
        one_hot.rnn.weight_hh_l0.grad,
        looks_up.rnn.weight_hh_l0.grad,
    ),
    "output layer": (one_hot.head.weight.grad, looks_up.head.weight.grad),
    "table": (wide.T @ narrow, looks_up.embedding.weight.grad),
    "input to hidden": (wide @ table, looks_up.rnn.weight_ih_l0.grad),
}
for name, (ours, theirs) in pairs.items():
    print(f"{name:16}  {torch.allclose(ours, theirs, atol=1e-12)}")

# %%
# Two numbers per character
# -------------------------
# A narrow embedding is a wide matrix that is made of two narrow ones:
# :math:`E (V + H)` numbers instead of :math:`V H`. For 10,000 words, 256
# units and :math:`E = 64` that is 656,384 instead of 2,560,000.
#
# With two numbers, each character is a point in the plane. We train with
# three seeds and compare distances: how far are two vowels or two
# consonants from each other, and how far is a vowel from a consonant?
# (``fast=True`` saves time, and changes the numbers by rounding alone.)

letters = np.array([char != " " for char in corpus.vocab.chars])
vowels = np.array([char in "aeiou" for char in corpus.vocab.chars])


def points(model):
    """Return the place of each character, (V, 2)."""
    return model.embedding.weight.detach().numpy()


def ratio(model):
    """Mean distance within the two kinds of letters, over that between."""
    places, kind = points(model)[letters], vowels[letters]
    apart = np.linalg.norm(places[:, None] - places, axis=-1)
    within = (kind[:, None] == kind) & ~np.eye(len(kind), dtype=bool)
    return apart[within].mean() / apart[kind[:, None] != kind].mean()


settings = Settings(steps=200, batch_size=16, length=16, lr=0.05)
trained, before, after = [], [], []
for seed in range(3):
    model = CharRNN(V, H, embedding_size=E, seed=seed, fast=True).double()
    before.append(ratio(model))
    list(language_model_steps(Run(model, corpus.vocab, settings), corpus))
    after.append(ratio(model))
    trained.append(model)
    print(f"seed {seed}: within / between", end=" ")
    print(f"{before[-1]:.2f} before training, {after[-1]:.2f} after")

# %%
# Vowels lie near vowels
# -----------------------

places = points(trained[0])
fig, ax = plt.subplots(figsize=(5.4, 4.4), layout="constrained")
for char, (left, up) in zip(corpus.vocab.chars, places, strict=True):
    is_vowel = char in "aeiou"
    shown = "space" if char == " " else char
    style = {"color": INK if is_vowel else GRAY, "size": 14}
    style["weight"] = "bold" if is_vowel else "normal"
    ax.text(left, up, shown, ha="center", va="center", **style)
low, high = places.min(axis=0) - 0.6, places.max(axis=0) + 0.6
ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
ax.set(xlabel="first number", ylabel="second number")
ax.set_title("Nobody told it which letters are vowels", loc="left")
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "The letters as points in a plane, each at its two learned numbers. "
    "The five vowels lie on one side, the consonants in a cloud on the "
    "other, and the space far from both."
)
show()

# %%
# The same functions, but not the same start
# ------------------------------------------
# An embedding with many numbers per character computes nothing that one-hot
# vectors cannot, but it does not learn equally fast, as 60 training steps
# at the same rate show.

short = Settings(steps=60, batch_size=16, length=16, lr=0.005)
early = {}
for name, size in (("one-hot", None), ("embedding of 64", 64)):
    model = CharRNN(V, H, embedding_size=size, seed=0, fast=True).double()
    run = Run(model, corpus.vocab, short)
    losses = [record.loss for record in language_model_steps(run, corpus)]
    early[name] = np.mean(losses[-10:])
    print(f"{name:15}  {early[name]:.2f} nats per character")

# %%
# **What to notice.** The network only had to predict the next character,
# and yet vowels end up near vowels: similar characters tend to follow them,
# so it helps to treat them alike. One-hot vectors allow this, too: the
# columns of a wide :math:`W_{ih}` are an embedding with H numbers per
# character.
#
# The embedding of 64 learns faster at first. Its table starts with numbers
# around 1 in size, which makes larger inputs than one-hot vectors do, but
# that is not the whole reason: divided by 8, which makes them about equal,
# it kept more than half of its lead, with each of three seeds.

column = one_hot.rnn.weight_ih_l0.detach()[:, 4]
unit = torch.eye(V, dtype=torch.float64)[4]
assert torch.equal(one_hot.rnn.weight_ih_l0.detach() @ unit, column)
assert torch.allclose(column, narrow @ table[4], atol=1e-12)
assert difference < 1e-12
assert (64 * (10_000 + 256), 10_000 * 256) == (656_384, 2_560_000)
assert all(torch.allclose(*pair, atol=1e-12) for pair in pairs.values())
assert max(after) < 0.8 < min(before)
assert early["embedding of 64"] < early["one-hot"] - 0.2
