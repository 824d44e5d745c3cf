r"""
Does an output layer mend it?
=============================

The notebook's net cannot fall below its floor, because its states are its logits. An output layer
lets the logits be any numbers. It costs 110 parameters, and it frees the number of hidden units
from the number of characters.

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
# Both nets start from the same recurrent weights and learn with Adam at rate 0.02. To give the new
# optimizer to the second net only would change two things at once. To keep the notebook's SGD
# would be a fair test as well, but at its rate some seeds blow up with an output layer; the page
# :doc:`/gallery/limits/seed_distribution` shows how many.

models, starts, runs = {}, {}, {}
for head in (False, True):
    models[head] = CharRNN(len(vocab), hidden_size=10, output_layer=head, seed=0).double()
    starts[head] = models[head].rnn.weight_hh_l0.detach().clone()
    adam = torch.optim.Adam(models[head].parameters(), lr=0.02)
    runs[head] = train(models[head], vocab, text, epochs=200, optimizer=adam)

size = {head: sum(p.numel() for p in models[head].parameters()) for head in models}
print(f"without output layer, {size[False]} parameters")
print(runs[False].log(every=40))
print(f"with output layer, {size[True]} parameters")
print(runs[True].log(every=40))

# %%
# Two curves and the floor
# ------------------------

floor = loss_floor(len(vocab))
fig, ax = plt.subplots(figsize=(5.4, 3.9), layout="constrained")
ax.axhspan(0, floor, color=GREY, alpha=0.15, linewidth=0)
plot_loss(runs[False], ax=ax, color=BLUE)
plot_loss(runs[True], ax=ax, color=GREEN)
for y, head in ((1.12, False), (0.14, True)):
    words = f"{'with' if head else 'no'} output layer:\n{runs[head][-1].prediction}"
    color = GREEN if head else BLUE
    ax.text(200, y, words, color=color, ha="right", weight="bold", linespacing=1.4)
ax.text(200, floor - 0.04, f"floor without: {floor:.3f}", ha="right", va="top")
ax.set(xlim=(0, 202), ylim=(0, 2.5))
ax.set_title("110 more parameters, and it can spell", loc="left")
fig.set_label(
    "Loss over 200 epochs. Without an output layer it flattens out above the floor of 0.797 and "
    "the text stays misspelt; with one it falls to nearly zero and the text is right."
)
plt.show()

# %%
# **What to notice.** The blue net keeps its distance from the floor; the green one passes it within
# fifty epochs and spells the sentence. The memory was good enough all along: what it lacked was a
# way to speak up. In torch that is ``nn.Linear(hidden_size, vocab_size)`` after the ``nn.RNN``.

assert torch.equal(starts[False], starts[True])  # the same start
assert size[True] - size[False] == 110 == 10 * 10 + 10
assert runs[False].losses.min() > floor
assert runs[True].losses[49] < floor
assert runs[False][-1].prediction != text[1:]
assert runs[True][-1].prediction == text[1:]
assert runs[True].losses[-1] < 0.02
