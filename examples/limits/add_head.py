r"""
Does an output layer let the net spell?
=======================================

The notebook's net uses its states as scores for the next character, the
logits, so they stay between −1 and 1, and the loss has a floor that no
training can break, :eq:`loss-floor`. An *output layer*, :eq:`output-layer`,
computes logits of any size from the states. It costs 110 parameters here,
and allows more or fewer hidden units than there are characters.
"""

import matplotlib.pyplot as plt
import torch

from charseq import CharRNN, Vocabulary, plot_loss, train
from charseq.plotting import GRAY, INK, show
from charseq.reference import loss_floor

text = " learned deep learning"
vocab = Vocabulary.from_text(text)

# %%
# One variable: the output layer
# ------------------------------
# Both nets start from the same recurrent weights and learn with Adam at
# rate 0.02. The notebook's SGD would not do, because at its rate some seeds
# fail with an output layer: :doc:`/gallery/limits/seed_distribution` shows
# how many.

starts, sizes, runs = {}, {}, {}
for head in (False, True):
    model = CharRNN(len(vocab), hidden_size=10, output_layer=head, seed=0)
    model.double()
    starts[head] = model.rnn.weight_hh_l0.detach().clone()
    sizes[head] = sum(p.numel() for p in model.parameters())
    adam = torch.optim.Adam(model.parameters(), lr=0.02)
    runs[head] = train(model, vocab, text, epochs=200, optimizer=adam)
    print("with" if head else "without", "output layer,", end=" ")
    print(f"{sizes[head]} parameters")
    print(runs[head].log(every=40))

# %%
# Two curves and the floor
# ------------------------

floor = loss_floor(len(vocab))
fig, ax = plt.subplots(figsize=(5.4, 3.9), layout="constrained")
ax.axhspan(0, floor, color=GRAY, alpha=0.15, linewidth=0)
plot_loss(runs[False], ax=ax, color=GRAY)
plot_loss(runs[True], ax=ax, color=INK)
words = {"ha": "right", "weight": "bold", "linespacing": 1.4}
said = {head: run[-1].prediction for head, run in runs.items()}
ax.text(200, 1.12, f"no output layer:\n{said[False]}", color=GRAY, **words)
ax.text(200, 0.14, f"with output layer:\n{said[True]}", color=INK, **words)
ax.text(200, 0.68, f"floor without: {floor:.3f}", ha="right")
ax.set(xlim=(0, 202), ylim=(0, 2.5))
ax.set_title("110 more parameters, and it can spell", loc="left")
fig.set_label(
    "Loss over 200 epochs. Without an output layer it flattens out above "
    "the floor of 0.797 and the text stays misspelled; with one it falls "
    "to nearly zero and the text is right."
)
show()

# %%
# **What to notice.** The gray net stays above the floor. The black one
# passes it within fifty epochs and spells the sentence, with the same ten
# units: the only new part is ``nn.Linear(hidden_size, vocab_size)`` after
# the ``nn.RNN``.

assert torch.equal(starts[False], starts[True])  # the same start
assert sizes[True] - sizes[False] == 110 == 10 * 10 + 10
assert runs[False].losses.min() > floor
assert runs[True].losses[49] < floor
assert said[False] != text[1:]
assert said[True] == text[1:]
assert runs[True].losses[-1] < 0.02
