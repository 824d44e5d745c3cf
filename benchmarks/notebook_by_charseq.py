"""The notebook's job, done with charseq as in the gallery's train_seed.py, without pictures."""

import torch
from torch import nn

from charseq import CharRNN, Vocabulary, train

vocab = Vocabulary("egnidrl pa")
torch.manual_seed(0)
_ = nn.RNN(4, 2, batch_first=True)
model = CharRNN(len(vocab), hidden_size=10, output_layer=False)
print(train(model, vocab, " learned deep learning", epochs=50).log(every=5))
