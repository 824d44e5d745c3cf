r"""
Why can't the loss fall below 0.8?
==================================

When a loss stops falling, it is tempting to blame the learning rate. First
ask how low it can get. A net without an output layer uses its states as
logits, and since these lie between −1 and 1, it can never be sure: its loss
has a *floor*, :eq:`loss-floor`. We compute it, train a net that comes near
it, and then a net that falls below it.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch

from charseq import CharRNN, Vocabulary, plot_loss, train
from charseq.plotting import GRAY, INK, show
from charseq.reference import loss_floor, softmax

# %%
# The most that ten bounded logits can say
# ----------------------------------------
# In the best case the right character has a logit of 1 and the nine others
# have −1. Then :eq:`softmax` gives the largest probability.

best = np.full(10, -1.0)
best[0] = 1.0
confidence = softmax(best)[0]
floor = loss_floor(10)  # ln(1 + 9 exp(-2)), which is -ln(confidence)
print(f"highest probability {confidence:.1%}")
print(f"lowest loss         {floor:.4f} nats per character")
print(f"lowest perplexity   {np.exp(floor):.3f} characters to guess among")

# %%
# A long run, and the same run with larger logits
# -----------------------------------------------
# Both nets start from the same weights. The second multiplies its logits by
# 3, a number that is not learned, and nothing else differs. (``fast=True``
# saves time, and changes the numbers by rounding alone.)

text = " learned deep learning"
vocab = Vocabulary.from_text(text)


class TimesThree(CharRNN):
    """The same net with logits in [-3, 3]."""

    def forward(self, ids, state=None):
        """Score the next characters, and multiply by 3."""
        logits, state = super().forward(ids, state)
        return 3 * logits, state


models, runs = {}, {}
options = {"output_layer": False, "seed": 2, "fast": True}
for kind in (CharRNN, TimesThree):
    model = kind(len(vocab), hidden_size=10, **options)
    model.double()
    adam = torch.optim.Adam(model.parameters(), lr=0.01)
    models[kind] = model
    runs[kind] = train(model, vocab, text, epochs=500, optimizer=adam)
    print(kind.__name__)
    print(runs[kind].log(every=100))

ids = torch.from_numpy(vocab.encode(text))[None]  # (1, T + 1)
logits, _ = models[CharRNN](ids)  # (1, T + 1, V)
highest = softmax(logits.detach().numpy()).max()
print(f"the highest probability that the first net gives: {highest:.1%}")

# %%
# One net above the floor, and one below
# --------------------------------------

fig, ax = plt.subplots(figsize=(5.4, 3.9), layout="constrained")
ax.axhspan(0, floor, color=GRAY, alpha=0.15, linewidth=0)
plot_loss(runs[TimesThree], ax=ax, color=INK)
levels = {"knows nothing, ln 10": np.log(10)}
plot_loss(runs[CharRNN], ax=ax, color=GRAY, levels=levels)
words = {"ha": "right", "weight": "bold"}
ax.text(500, 0.99, "logits in [−1, 1]", color=GRAY, **words)
ax.text(500, 0.68, f"floor for such logits: {floor:.3f}", ha="right")
ax.text(500, 0.2, "the same logits × 3", color=INK, **words)
ax.set(xlim=(0, 505), ylim=(0, 2.7))
ax.set_title("Bounded logits cannot enter the gray", loc="left")
fig.set_label(
    "Loss over 500 epochs. With logits between −1 and 1 it flattens out at "
    "0.90, above the floor of 0.797; with the same logits times 3 it falls "
    "far below."
)
show()

# %%
# **What to notice.** The first net is nearly as sure as it can be: its
# highest probability is 44.8 %, and 45.1 % is possible. That is why its
# loss flattens out, at 0.90 here. It can never fall below 0.797.
#
# Ten units are enough for this sentence, because the same ten spell it once
# the logits may be larger. The usual way to allow that is an output layer,
# :eq:`output-layer`.

assert abs(floor - 0.7966) < 5e-5
assert abs(floor + np.log(confidence)) < 1e-12
assert abs(confidence - 0.451) < 5e-4
assert abs(np.exp(floor) - 2.218) < 5e-4
assert abs(highest - 0.448) < 1e-3
assert highest < confidence
assert abs(runs[CharRNN].losses[-1] - 0.902) < 5e-3
assert runs[CharRNN].losses.min() > floor
assert runs[TimesThree].losses[-1] < 0.2
assert runs[CharRNN][-1].prediction != text[1:]
assert runs[TimesThree][-1].prediction == text[1:]
