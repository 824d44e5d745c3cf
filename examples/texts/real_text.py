r"""
How far do a few seconds of training get?
=========================================

A network trains for a few seconds, and reads a little more than half of
what Python's ``help()`` shows about the language. Is it any good by then?
We compare it with tables of counts, of single characters, pairs, and
strings of three: when does it pass each table, and what does it write at
the end?
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np

from charseq import (
    CharRNN,
    Corpus,
    NGram,
    NumpyNet,
    Run,
    Settings,
    evaluate,
    generate,
    language_model_steps,
    load_text,
)
from charseq.plotting import GRAY, INK, show

# %%
# What counting reaches
# ---------------------

corpus = Corpus.from_text(load_text("python-reference"))
train, valid = corpus.split(valid=0.05)
marks = {"knowing nothing": np.log2(len(corpus.vocab))}
for name, order in (("characters", 1), ("pairs", 2), ("triples", 3)):
    marks[name] = NGram(order, train).bits_per_character(valid.ids)
for name, bits in marks.items():
    print(f"{name:15} {bits:.2f} bits per character")

# %%
# Train, and measure more often at first
# --------------------------------------
# The network is measured on the same held-back text as the tables.
# (``fast=True`` saves time, and changes the numbers by rounding alone.)

vocab = corpus.vocab
options = {"embedding_size": 64, "seed": 0, "fast": True}
model = CharRNN(len(vocab), hidden_size=96, **options).double()
settings = Settings(steps=800, batch_size=16, length=20, lr=0.008)
read = settings.steps * settings.batch_size * settings.length
print(f"it reads {read / len(corpus):.0%} of the text")
losses, held_back = [], {}
for record in language_model_steps(Run(model, vocab, settings), train):
    losses.append(record.loss / np.log(2))
    if record.step in (1, 3, 10, 30, 100, 300, 800):
        held_back[record.step] = evaluate(model, valid) / np.log(2)
for step, bits in held_back.items():
    passed = [name for name, mark in marks.items() if bits < mark]
    print(f"step {step:3}: {bits:.2f} bits, past", (passed or ["none"])[-1])

# %%
# The curve and the tables
# ------------------------

fig, ax = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
ax.plot(range(1, 801), losses, color=GRAY, lw=1, alpha=0.5)
ax.plot(*zip(*held_back.items(), strict=True), "o-", color=INK)
for name, mark in marks.items():
    ax.axhline(mark, color=GRAY, linestyle=(0, (4, 3)), linewidth=1)
    ax.text(1.05, mark - 0.06, name, color=GRAY, va="top")
words = {"weight": "bold", "transform": ax.transAxes, "ha": "right"}
ax.text(0.98, 0.8, "network, on new text", color=INK, **words)
ax.text(0.98, 0.72, "and on its batches", color=GRAY, **words)
ax.set(xscale="log", xlim=(1, 800), ylim=(1.7, 7), xlabel="step")
ax.set_ylabel("bits per character")
ax.set_title("Past one table after the other", loc="left")
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Bits per character against steps on a log axis. The network "
    "begins at the level of knowing nothing, passes those of single "
    "characters and of pairs, and ends below that of triples."
)
show()

# %%
# What it writes
# --------------
# The text is drawn at a temperature of 0.7.

options = {"temperature": 0.7, "rng": np.random.default_rng(1)}
net = NumpyNet.from_model(model)
print("The " + generate(net, vocab, "The ", length=300, **options)[0])

# %%
# **What to notice.** The network passes the table of single characters
# after a few batches, and that of triples only at the end: each table takes
# several times as much training as the one before. Many of the words are
# invented, but their endings and the punctuation are like those of the
# text.

first_below = [
    min(step for step, bits in held_back.items() if bits < mark)
    for mark in marks.values()
]
assert all(later >= 3 * sooner for sooner, later in pairwise(first_below))
assert held_back[800] < marks["triples"]
