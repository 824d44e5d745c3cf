r"""
Can a net of ten units learn to say “learned deep learning”?
============================================================

This is a very small training run, one sentence, 220 numbers, 50 steps, and
yet it has what larger runs have: a loss that falls, a learning rate, and
predictions that get better letter by letter. It also leaves a question
open: why does it not learn the last letters?

It is the run of the notebook that charseq grew from, to the last printed
digit.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from charseq import CharRNN, Vocabulary, plot_loss, plot_predictions, train
from charseq.plotting import show

# %%
# The same ids, the same random numbers
# -------------------------------------
# The notebook took its characters from ``list(set(sample))``, whose order
# depends on ``PYTHONHASHSEED`` and may differ each time that Python starts.
# We give the vocabulary in the order that it met, and since it had used up
# some random numbers for a small layer, we make one, too.

text = " learned deep learning"
vocab = Vocabulary("egnidrl pa")
torch.manual_seed(0)
_ = nn.RNN(4, 2, batch_first=True)  # unused: it moves the generator on

# %%
# Fifty epochs
# ------------
# The net has no output layer: its ten states serve as the ten logits of
# :eq:`cross-entropy`, which is why there must be as many units as
# characters. The optimizer is SGD with rate 0.5 and momentum 0.9,
# :eq:`sgd-momentum`.

model = CharRNN(len(vocab), hidden_size=10, output_layer=False)
history = train(model, vocab, text, epochs=50)
print(history.log(every=5))

# %%
# The loss and the letters
# ------------------------
# Wrong letters have a frame.

fig, (top, bottom) = plt.subplots(
    2, 1, figsize=(5.4, 5.6), height_ratios=(1, 1.15), layout="constrained"
)
plot_loss(history, ax=top, levels={"knows nothing, ln 10": np.log(10)})
top.set_ylim(0, 2.6)
top.set_title("The loss falls, then creeps", loc="left")
plot_predictions(history, text[1:], ax=bottom, every=5)
bottom.set_title("Almost: of 21 letters, two stay wrong", loc="left")
fig.set_label(
    "Above, the loss falls from 2.4 to 0.93 in 50 epochs and flattens. "
    "Below, the predicted text each five epochs: from epoch 25 on it reads "
    "learnid leep learning."
)
show()

# %%
# **What to notice.** After 20 epochs one letter is wrong, and after 50 two
# are, although the loss is lower at 50. The loss rewards probability given
# to the right letters, and does not count wrong ones.
# :doc:`/gallery/limits/loss_floor` finds what stops the net.

log = """\
epoch 5    loss:2.006  prediction:eeeeeeeeeeeeeeeeeeeee
epoch 10   loss:1.523  prediction:eearnepeeeep eearnene
epoch 15   loss:1.218  prediction:learned eeep eearneng
epoch 20   loss:1.099  prediction:learnid deep learning
epoch 25   loss:1.036  prediction:learnid leep learning
epoch 30   loss:0.998  prediction:learnid leep learning
epoch 35   loss:0.974  prediction:learnid leep learning
epoch 40   loss:0.952  prediction:learnid leep learning
epoch 45   loss:0.939  prediction:learnid leep learning
epoch 50   loss:0.929  prediction:learnid leep learning"""
assert history.log(every=5) == log


def wrong(prediction):
    """Count wrong letters."""
    return sum(a != b for a, b in zip(prediction, text[1:], strict=True))


assert wrong(history[19].prediction) == 1
assert wrong(history[49].prediction) == 2
assert history.losses[49] < history.losses[19]
