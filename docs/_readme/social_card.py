"""Draw the picture that previews of a link show: python docs/_readme/social_card.py.

It is kept in the repository, since the same figure has other bytes with another matplotlib.
"""

import io
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from PIL import Image

from charseq import CharRNN, Vocabulary, plot_predictions, train
from charseq.plotting import GRAY, INK

CARD = Path(__file__).parents[1] / "_static" / "social-card.png"

torch.manual_seed(0)
torch.nn.RNN(4, 2)
vocab = Vocabulary("egnidrl pa")
history = train(CharRNN(10, 10, output_layer=False), vocab, " learned deep learning")

fig = plt.figure(figsize=(12, 6.3), dpi=100, facecolor="white")
fig.text(0.05, 0.86, "Recurrent networks, line by line", size=42, weight="bold", color=INK)
fig.text(
    0.05, 0.77, "RNN, LSTM and GRU: one equation at a time, in NumPy and in PyTorch",
    size=22, color=INK,
)  # fmt: skip
fig.text(0.95, 0.05, "charseq", size=22, color=GRAY, ha="right")
plot_predictions(history, "learned deep learning", fig.add_axes((0.1, 0.13, 0.85, 0.56)))
drawn = io.BytesIO()
fig.savefig(drawn)
Image.open(drawn).convert("RGB").quantize(32).save(CARD, optimize=True)
