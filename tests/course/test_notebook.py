"""The notebook that this project started from, with every digit that it prints."""

import numpy as np
import pytest
import torch
from torch import nn

from charseq import CharRNN, Vocabulary, train
from charseq.reference import RNNParams, loss_floor, rnn_forward

SAMPLE = " learned deep learning"
ORDER = "egnidrl pa"  # the order that list(set(sample)) gave in the notebook

OUTPUTS = """\
tensor([[[-0.7497, -0.6135],
         [-0.5753, -0.0070],
         [-0.9077, -0.3205],
         [-0.9141, -0.2142],
         [-0.8996,  0.3307]],

        [[-0.5282, -0.2473],
         [-0.9052,  0.2597],
         [-0.8944, -0.2902],
         [-0.9133, -0.2209],
         [-0.9109, -0.2263]],

        [[-0.9136, -0.4269],
         [-0.9173, -0.1989],
         [-0.5134, -0.0288],
         [-0.5086, -0.1379],
         [-0.9126, -0.3170]]], grad_fn=<TransposeBackward1>)"""

LOG = """\
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


@pytest.fixture
def first_layer():
    """The notebook's first layer. Creating it advances torch's generator as in the notebook."""
    torch.manual_seed(0)
    return nn.RNN(4, 2, batch_first=True)


@pytest.fixture
def batch():
    vocab = Vocabulary("helo")
    return vocab.one_hot([vocab.encode(word) for word in ("hello", "eolll", "lleel")])


def test_numpy_equations_give_the_numbers_of_the_dimension_check(first_layer, batch):
    outputs, last_hidden = rnn_forward(batch, np.zeros((3, 2)), RNNParams.from_torch(first_layer))
    printed = OUTPUTS.replace("tensor", "").split(", grad_fn")[0].strip("(")
    # Half a unit of the last printed digit, plus the rounding errors of 5 steps of 8 sums.
    bound = 0.5e-4 + 5 * 8 * np.finfo(np.float32).eps
    np.testing.assert_allclose(outputs, eval(printed), rtol=0, atol=bound)
    assert (outputs[:, -1] == last_hidden).all()


def test_encoding_gives_the_ids_of_the_notebook():
    vocab = Vocabulary(ORDER)
    printed = "{'e': 0, 'g': 1, 'n': 2, 'i': 3, 'd': 4, 'r': 5, 'l': 6, ' ': 7, 'p': 8, 'a': 9}"
    assert str({char: i for i, char in enumerate(vocab.chars)}) == printed
    assert vocab.encode(SAMPLE)[1:].tolist() == [
        *(6, 0, 9, 5, 2, 0, 4, 7, 4, 0, 0, 8, 7, 6, 0, 9, 5, 2, 3, 2, 1)
    ]


@pytest.mark.usefixtures("first_layer")
def test_training_prints_the_ten_lines_of_the_notebook():
    model = CharRNN(10, 10, output_layer=False)
    history = train(model, Vocabulary(ORDER), SAMPLE)
    assert sum(p.numel() for p in model.parameters()) == 220
    assert str(history) == LOG


def test_no_seed_gets_below_the_loss_floor_or_predicts_the_sentence():
    vocab = Vocabulary.from_text(SAMPLE)
    assert round(loss_floor(len(vocab)), 4) == 0.7966
    for seed in range(8):
        model = CharRNN(10, 10, output_layer=False, seed=seed).double()
        history = train(model, vocab, SAMPLE)
        assert history.losses.min() > loss_floor(10)
        assert SAMPLE[1:] not in [record.prediction for record in history]
