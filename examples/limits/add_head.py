r"""
Does an output layer let the net spell?
=======================================

The notebook's net cannot fall below its floor, because its states are its
logits. An output layer lets the logits be any numbers. It costs 110
parameters, and it frees the number of hidden units from the number of
characters.

The floor is :eq:`loss-floor` and the cure :eq:`output-layer`.
"""

import matplotlib.pyplot as plt
import torch

from charseq import CharRNN, Vocabulary, plot_loss, train
from charseq.plotting import BLUE, GREEN, GREY
from charseq.reference import loss_floor

text = " learned deep learning"
vocab = Vocabulary.from_text(text)

# %%
# One variable: the output layer
# ------------------------------
# Both nets start from the same recurrent weights and learn with Adam at
# rate 0.02. To give the new optimizer to the second net only would change
# two things at once. To keep the notebook's SGD would be a fair test as
# well, but at its rate some seeds blow up with an output layer; the page
# :doc:`/gallery/limits/seed_distribution` shows how many.

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
ax.axhspan(0, floor, color=GREY, alpha=0.15, linewidth=0)
plot_loss(runs[False], ax=ax, color=BLUE)
plot_loss(runs[True], ax=ax, color=GREEN)
words = {"ha": "right", "weight": "bold", "linespacing": 1.4}
said = {head: run[-1].prediction for head, run in runs.items()}
ax.text(200, 1.12, f"no output layer:\n{said[False]}", color=BLUE, **words)
ax.text(
    200, 0.14, f"with output layer:\n{said[True]}", color=GREEN, **words
)
ax.text(200, 0.68, f"floor without: {floor:.3f}", ha="right")
ax.set(xlim=(0, 202), ylim=(0, 2.5))
ax.set_title("110 more parameters, and it can spell", loc="left")
fig.set_label(
    "Loss over 200 epochs. Without an output layer it flattens out above "
    "the floor of 0.797 and the text stays misspelt; with one it falls to "
    "nearly zero and the text is right."
)
plt.show()

# %%
# **What to notice.** The blue net keeps its distance from the floor; the
# green one passes it within fifty epochs and spells the sentence. Both nets
# have the same ten units. But only a net that can answer with confidence
# gains anything by remembering which ``rn`` it has read, so only the green
# one learns to. Its output layer is ``nn.Linear(hidden_size, vocab_size)``
# after the ``nn.RNN``.

assert torch.equal(starts[False], starts[True])  # the same start
assert sizes[True] - sizes[False] == 110 == 10 * 10 + 10
assert runs[False].losses.min() > floor
assert runs[True].losses[49] < floor
assert said[False] != text[1:]
assert said[True] == text[1:]
assert runs[True].losses[-1] < 0.02
