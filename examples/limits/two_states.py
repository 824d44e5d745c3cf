r"""
Where does a network without an output layer lose its memory?
=============================================================

After "learn" comes "e" in "learned" and "i" in "learning", so the states at
these two places must differ. In a network whose state is also its scores,
:eq:`loss-floor`, training builds this difference and takes it back. We
watch the distance of the two states, and then give the scores more room.
"""

import matplotlib.pyplot as plt
import torch
from torch.nn.functional import cross_entropy

from charseq import CharRNN, Vocabulary
from charseq.plotting import GRAY, INK, show

text = " learned deep learning"
vocab = Vocabulary.from_text(text)
ids = torch.from_numpy(vocab.encode(text))

# %%
# One network, two ranges of scores
# ---------------------------------
# The states times a factor are the scores. With the factor 1 they lie
# between −1 and 1, as in the notebook.


def learn(factor, epochs=300):
    """Train; return the distance in each epoch, the loss and a text."""
    model = CharRNN(10, 10, output_layer=False, seed=19).double()
    adam = torch.optim.Adam(model.parameters(), lr=0.02)
    apart = []
    for _ in range(epochs):
        states = model(ids[None, :-1])[0][0]  # (T, 10)
        logits = factor * states
        loss = cross_entropy(logits, ids[1:])
        adam.zero_grad()
        loss.backward()
        adam.step()
        # " learn" ends at the places 5 and 18
        apart.append((states[5] - states[18]).norm().item())
    return apart, loss.item(), vocab.decode(logits.argmax(1))


runs = {factor: learn(factor) for factor in (1, 3)}
print("factor  epoch 1  epoch 40  epoch 300   loss  it says")
for factor, (apart, loss, says) in runs.items():
    distances = "     ".join(f"{apart[k]:5.3f}" for k in (0, 39, 299))
    print(f"{factor:6}    {distances}  {loss:5.3f}  {says}")

# %%
# Built, and taken back
# ---------------------

fig, ax = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
for factor, color in ((1, GRAY), (3, INK)):
    ax.plot(range(1, 301), runs[factor][0], color=color, lw=2.2)
words = {"ha": "right", "weight": "bold"}
ax.text(300, 1.45, "states times 3", color=INK, **words)
ax.text(300, 0.08, "states as scores", color=GRAY, **words)
ax.set(xlabel="epoch", ylabel="distance of the two states")
ax.set(xlim=(0, 305), ylim=(0, 2))
ax.set_title("At the n of learned and of learning", loc="left")
fig.set_label(
    "Distance of two states over 300 epochs. With states as scores it rises"
    " to 0.6 and falls back to zero; with states times 3 it rises to 1.7."
)
show()

# %%
# **What to notice.** Up to epoch 43 the gray network learns to tell the two
# places apart. But its loss falls further when each state comes closer to
# its answer, and up to the "n" both words ask for the same answers. So the
# two states fall together, and one letter stays wrong. Nothing in the curve
# of its loss shows it.
#
# With more room the same ten units remember. An output layer,
# :eq:`output-layer`, learns such factors by itself.

narrow, wide = (runs[factor][0] for factor in (1, 3))
assert 0.5 < max(narrow) < 0.7
assert narrow[-1] < 0.005
assert wide[-1] > 1.5
assert runs[1][2] == "learned deep learneng"
assert runs[3][2] == text[1:]
