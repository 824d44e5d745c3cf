r"""
What does temperature do to a text?
===================================

The same network can write one name again and again, or noise, without any
further training. Its text is drawn from the probabilities that it gives
each character. Divide the logits by a *temperature* before the draw, and it
becomes bolder or more careful. Today's language models have the same
setting.
"""

import matplotlib.pyplot as plt
import numpy as np

from charseq import (
    CharRNN,
    Corpus,
    NumpyNet,
    Run,
    Settings,
    generate,
    language_model_steps,
    load_text,
)
from charseq.plotting import GREEN, INK, show
from charseq.sampling import probabilities

# %%
# A network that invents place names
# ----------------------------------
# The network trains for a second on the places that time zones are named
# after. (``fast=True`` saves time, and changes the numbers by rounding
# alone.)

corpus = Corpus.from_text(load_text("time-zones"))
vocab = corpus.vocab
options = {"hidden_size": 48, "cell": "GRU", "seed": 0, "fast": True}
model = CharRNN(len(vocab), **options).double()
settings = Settings(steps=200, batch_size=8, length=24, lr=0.01)
*_, last = language_model_steps(Run(model, vocab, settings), corpus)
print(last)

net = NumpyNet.from_model(model)
for temperature in (0.3, 1.0, 2.0):
    options = {"temperature": temperature, "rng": np.random.default_rng(0)}
    (text,) = generate(net, vocab, length=60, **options)
    print(f"{temperature}:", ", ".join(text.split("\n")[:5]))

# %%
# The same logits, three temperatures
# -----------------------------------
# What comes after "Ma"? The order of the characters is the same at each
# temperature. What changes is how much likelier the first ones are.

state = net.start()
for char in vocab.encode("\nMa"):
    logits, state = net.step([char], state)
order = np.argsort(-logits[0])[:10]
labels = [repr(char)[1:-1] for char in vocab.decode(order)]

fig, ax = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
words = {"ha": "right", "weight": "bold", "transform": ax.transAxes}
strengths = {0.3: 1, 1.0: 0.6, 2.0: 0.3}
entropy = {}
for i, (temperature, alpha) in enumerate(strengths.items()):
    p = probabilities(logits[0], temperature=temperature)
    entropy[temperature] = -np.sum(p * np.log2(p + 1e-300))
    x = np.arange(10) + 0.27 * (i - 1)
    ax.bar(x, p[order], width=0.25, color=GREEN, alpha=alpha)
    name = f"temperature {temperature}: {entropy[temperature]:.1f} bits"
    ax.text(0.98, 0.9 - 0.1 * i, name, color=INK, **words)
    place = {"markersize": 9, "transform": ax.transAxes}
    ax.plot(0.48, 0.93 - 0.1 * i, "s", color=GREEN, alpha=alpha, **place)
ax.set_xticks(range(10), labels, family="monospace")
ax.set_xlabel('next character after "Ma", likeliest first')
ax.set_ylabel("probability")
ax.set_title("Low is careful, high is bold", loc="left")
ax.spines[["top", "right"]].set_visible(False)
fig.set_label(
    "Bars of the ten likeliest next characters at three temperatures. At "
    "0.3 nearly all probability is on the first few, at 2.0 it is spread "
    "over many."
)
show()

# %%
# **What to notice.** At 0.3 the names repeat each other, and at 2.0 they
# are no longer names. At 1 the probabilities are those that the network has
# learned. The likeliest character is the same at each temperature, and as
# the temperature goes to 0, this character is drawn every time.

assert entropy[0.3] < entropy[1.0] < entropy[2.0]
scaled = [probabilities(logits[0], temperature=t) for t in (0, 0.01, 1, 2)]
assert len({p.argmax() for p in scaled}) == 1
assert np.allclose(scaled[0], scaled[1])
