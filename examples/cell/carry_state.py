r"""
How soon does a network make up for a lost state?
=================================================

A program that reads a text in pieces has to pass the state of each piece to
the next. If it forgets to, no error says so: the network starts the piece
from zeros, and gathers a new state as it reads on. How many characters pass
until it predicts as well as before?
"""

import re

import matplotlib.pyplot as plt
import numpy as np
import torch

import charseq
from charseq import CharRNN, Corpus, Run, Settings, load_text
from charseq.plotting import GRAY, INK, show

# %%
# A trained network
# -----------------
# A GRU with 64 units learns from the lower-case words of the reference of
# Python, in pieces of 32 characters.

words = re.findall("[a-z]+", load_text("python-reference").lower())
corpus = Corpus.from_text(" ".join(words)[:200_000])
learn_from, held_back = corpus.split(valid=0.1)
options = {"cell": "GRU", "seed": 0, "fast": True}
model = CharRNN(len(corpus.vocab), 64, **options).double()
settings = Settings(steps=160, batch_size=16, length=32, lr=0.02)
run = Run(model, corpus.vocab, settings)
records = list(charseq.language_model_steps(run, learn_from))
print(records[-1])

# %%
# Lose the state in the middle
# ----------------------------
# The network reads 60 characters of the held-back text and then 20 more,
# once with the state that it has and once from zeros. The next characters
# are the same in both cases, so their cost may be compared place by place.

ids = torch.from_numpy(held_back.ids.astype(int))
rows = ids.unfold(0, 81, 40)  # (B, 81), a row begins every 40 characters
before, after, targets = rows[:, :60], rows[:, 60:80], rows[:, 61:]


def bits_after(state):
    """Mean bits per character at each of the 20 places after the cut."""
    logits, _ = model(after, state)  # (B, 20, V)
    nats = torch.nn.functional.cross_entropy(
        logits.transpose(1, 2), targets, reduction="none"
    )  # (B, 20)
    return (nats.mean(dim=0) / np.log(2)).numpy()


with torch.no_grad():
    _, state = model(before)
    extra = bits_after(None) - bits_after(state)
read = np.arange(1, 21)  # characters read since the loss
for n in (1, 2, 3, 4):
    print(f"character {n}: {extra[n - 1]:.1f} extra bits")
print("from character 8 on below 0.02:", (abs(extra[7:]) < 0.02).all())

fig, ax = plt.subplots(figsize=(4.6, 3.0), layout="constrained")
ax.axhline(0, color=GRAY, lw=1)
ax.plot(read, extra, "o-", color=INK, lw=2, ms=5)
ax.text(6, 0.06, "as good as with the state", color=INK, va="bottom")
ax.set(xlabel="characters read since the loss", xlim=(0, 20.5))
ax.set(ylabel="extra bits per character", xticks=[1, 5, 10, 15, 20])
ax.set_title("A lost state costs a few characters", loc="left")
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Extra bits per character against the characters read since the loss, "
    "1 to 20. The curve starts near 0.7, falls steeply, and lies at zero "
    "from about the sixth character on."
)
show()

# %%
# **What to notice.** The first character after the state was lost costs
# most, and after five or six this network predicts as well as if nothing
# had happened. But a program that loses the state at *every* character
# never gets that far: it pays the price of the first point each time.

assert extra[0] > 0.4
assert extra[0] > extra[1] > extra[2] > extra[3]
assert (abs(extra[7:]) < 0.02).all()
